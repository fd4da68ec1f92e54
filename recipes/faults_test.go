package recipes

import (
	"strings"
	"testing"
)

// bends are single wrong places in the good recipe of check_test.go, with what must be said about them.
var bends = []struct {
	old, new string
	says     string // message
	hint     string
}{
	// names
	{`strength    =`, `strenght    =`, `"strenght" is not known in recipe`, "Did you mean strength?"},
	{`      title = "Charge"`, `      titel = "Charge"`, `"titel" is not known in operation`, "Did you mean title?"},
	{`  language    = "en"`, "  language    = \"en\"\n  language    = \"de\"", "language stands here a second time", "delete the other"},
	{`  language    = "en"`, "  language    = \"en\"\n  colour = \"red\"", `"colour" is not known in recipe`, "Known here: title, product"},
	{`      instruction "010"`, `      instructions "010"`, `A block "instructions" cannot stand in operation`, "Did you mean instruction?"},
	{`  formula {`, "  formula {\n  }\n  formula {", `There is a second block "formula"`, "put both together"},
	{`          action {`, "          alert {\n            low = \"48.45\"\n          }\n          action {", `There is a second block "alert"`, ""},
	{`  formula {`, "  formula \"F\" {", "A block formula has no label", "formula {"},
	{`material "API" {`, `material {`, "The block material has no code", "material \"010\""},
	{`material "API" {`, `material "A P I" {`, "This code cannot be used in addresses", "Use up to 40 letters"},
	{`operation "O1"`, `operation "` + strings.Repeat("x", 41) + `"`, "This id cannot be used", ""},
	{`recipe "MIX-1"`, `recept "MIX-1"`, `A block "recept" cannot stand here, outside of a recipe`, "Did you mean recipe?"},
	// 21 CFR 211.186(b) and the rest of the header
	{`  title       = "Mixture"` + "\n", "", `recipe "MIX-1" has no title`, "by its title"},
	{`  product     = "Mixture for tests"` + "\n", "", "has no product", "211.186(b)(1)"},
	{`  strength    = "5 mg/mL"` + "\n", "", "has no strength", "211.186(b)(1)"},
	{`  dosage_form = "solution"` + "\n", "", "has no dosage_form", "211.186(b)(1)"},
	{`  batch_size  = "50.00 kg"` + "\n", "", "has no batch_size", "211.186(a)"},
	{`  language    = "en"` + "\n", "", "has no language", "one language"},
	{`      quantity = "1.50 kg"` + "\n", "", `material "WATER" has no quantity`, "211.186(b)(3)"},
	{`      active   = true` + "\n", "", "No component is marked as active", "211.186(b)(2)"},
	{`        text  = "Weigh it."` + "\n", "", `entry "020" has no text`, "211.186(b)(9)"},
	{`        role    = "supervisor"` + "\n", "", `sign_off "030" has no role`, ""},
	{`        meaning = "reviewed"` + "\n", "", `sign_off "030" has no meaning`, "11.50(a)(3)"},
	{`language    = "en"`, `language    = "xx"`, `The language "xx" is not known`, "Known here: bg"},
	// numbers, units, limits
	{`"50.00 kg"`, `"50,00 kg"`, "batch_size: The decimal separator", ""},
	{`"50.00 kg"`, `"50.00kg"`, "one blank and a unit", ""},
	{`"50.00 kg"`, `"NaN kg"`, "does not belong into a number", ""},
	{`"50.00 kg"`, `"0.00 kg"`, "must be more than zero", ""},
	{`"1.50 kg"`, `"-1.50 kg"`, "quantity must be more than zero", ""},
	{`"1.50 kg"`, `"1.50 lbs"`, "not known. Known are kg, g", ""},
	{`unit     = "kg"`, `unit     = "KG"`, `The unit "KG" is written "kg" here`, ""},
	{`          unit     = "kg"` + "\n", "", `value "net" is of kind decimal but has no unit`, "bare number"},
	{`          decimals = "2"` + "\n", "", `value "net" is of kind decimal but has no decimals`, ""},
	{`decimals = "2"`, `decimals = "-1"`, "whole number from 0 to 12", ""},
	{`decimals = "2"`, `decimals = "two"`, "whole number from 0 to 12", ""},
	{`decimals = "2"`, `decimals = "02"`, "whole number from 0 to 12", ""},
	{`low  = "48.40"`, `low  = "48.405"`, "has more decimals than the 2", "Declare more decimals"},
	{`low  = "48.40"`, `low  = "4.84e1"`, "exponent", ""},
	{`low  = "48.40"`, `low  = "48.61"`, "The low alert limit 48.61 is above the high limit 48.60", "Exchange them"},
	{`low  = "48.00"`, `low  = "48.41"`, "The low action limit 48.41 lies above the low alert limit 48.40", "enclose the alert limits"},
	{`high = "49.00"`, `high = "48.59"`, "The high action limit 48.59 lies below the high alert limit 48.60", "enclose the alert limits"},
	{"            low  = \"48.40\"\n            high = \"48.60\"\n", "", "The alert limits have neither low nor high", ""},
	{"            low  = \"48.40\"\n            high = \"48.60\"\n", "            high = \"47.99\"\n", "No reading lies within both the alert limits ≤ 47.99 and the action limits 48.00 to 49.00", ""},
	{"            low  = \"48.40\"\n            high = \"48.60\"\n", "            low = \"49.01\"\n", "No reading lies within both the alert limits ≥ 49.01", ""},
	// values
	{`kind     = "decimal"`, `kind     = "number"`, `The kind "number" is not known`, "decimal"},
	{`options = ["clear", "cloudy"]`, `options = ["clear"]`, "There is nothing to choose from", ""},
	{`options = ["clear", "cloudy"]`, `options = ["clear", "clear"]`, `The answer "clear" stands twice`, "Delete one"},
	{`options = ["clear", "cloudy"]`, `options = "clear"`, "options is a list of texts", ""},
	{`expect  = "clear"`, `expect  = "cleer"`, "is not one of the options", "Did you mean clear?"},
	{`          options = ["clear", "cloudy"]` + "\n", "", "is of kind choice but has no options", ""},
	{`          expect = "LOT-1"` + "\n", "", `value "lot" is of kind scan but has no expect`, "has to be read"},
	{`          kind  = "yes_no"`, "          kind  = \"yes_no\"\n          expect = \"maybe\"", "The expected answer of a yes_no is yes or no", ""},
	{`          kind  = "yes_no"`, "          kind  = \"yes_no\"\n          unit = \"kg\"", "A value of kind yes_no has no unit", "another kind"},
	{`          kind  = "yes_no"`, "          kind  = \"yes_no\"\n          action {\n            low = \"1\"\n          }", "A value of kind yes_no has no action limits", "expect"},
	{`role    = "supervisor"`, `role    = "boss"`, `The role "boss" cannot sign off`, "Known here: operator"},
	{`        role    = "supervisor"`, "        role    = \"supervisor\"\n        critical = true", `"critical" is not known in sign_off`, ""},
	// names used twice
	{`entry "020"`, `entry "010"`, "010 is already the name of another step, in line 48.", "another name"},
	{`value "look"`, `value "net"`, "net is already the name of another value of this step", ""},
	{`material "WATER"`, `material "API"`, "API is already the name of another material", ""},
	// truth
	{`active   = true`, `active   = "yes"`, "active is true, or is left out", ""},
	{`      active   = true`, "      active   = true\n    }\n    material \"X\" {\n      title = \"X\"\n      quantity = \"1 kg\"\n      active = false", "active is written only when it is true", "Delete the line"},
	{`title    = "Net"`, `title    = true`, "title is a text in quotes", ""},
	// syntax
	{`"50.00 kg"`, `50.00`, "the number 50.00 cannot be the value", `"50.00"`},
	{`"Mixture for tests"`, `"Mixture ${upper("x")}"`, "would be computed", "nothing in a recipe is computed"},
	{`"Mixture for tests"`, `"%{ if true }x%{ endif }"`, "would be computed", ""},
	{`"Mixture for tests"`, `"Mixture $${x}"`, "cannot stand in a text", "other words"},
	{`"Mixture for tests"`, `upper("x")`, `the word "upper" cannot be the value`, "no names, functions or operators"},
	{`"Mixture for tests"`, `"a" + "b"`, "After the value of product the line ends", "new line"},
	{`"Mixture for tests"`, `-1`, `"-" cannot be the value`, ""},
	{`"Mixture for tests"`, `{ a = "b" }`, "cannot be the value here", ""},
	{`"Mixture for tests"`, `("x")`, "cannot be the value here", ""},
	{`"Mixture for tests"`, `null`, "cannot be the value here", ""},
	{`"Mixture for tests"`, "<<EOT\nx\nEOT", "a heredoc (<<) cannot be the value", ""},
	{`"Mixture for tests"`, `'x'`, "cannot be the value here", ""},
	{`"Mixture for tests"`, ``, "the end of the line cannot be the value here", ""},
	{`"Mixture for tests"`, `"a\tb"`, "This backslash does not mean anything", ""},
	{`"Mixture for tests"`, `"a\u00e9b"`, "This backslash does not mean anything", "Write the character itself"},
	{`["clear", "cloudy"]`, `["clear", 5]`, "A list holds texts in quotes, but here is the number 5", ""},
	{`["clear", "cloudy"]`, `["clear" "cloudy"]`, `"," or "]" follows`, ""},
	{`["clear", "cloudy"]`, `[for x in y : x]`, "A list holds texts in quotes", ""},
	{`  language    = "en"`, `  language    "en"`, "Here \"{\" is missing", ""},
	{`# Notes of the author.`, `/* Notes */`, "Comments between /* and */", "with #"},
	{`# Notes of the author.`, `}`, `This "}" closes nothing`, ""},
	{`# Notes of the author.`, `42`, "the number 42 cannot stand at the beginning of a line", ""},
	{`material "API" {`, `material API {`, `After "material" comes`, ""},
	// characters
	{`"Mixture for tests"`, "\"Mixture \U0001F600\"", "Character 9 of this text is U+1F600", "in words"},
	{`"Mixture for tests"`, "\"zero\u200bwidth\"", "U+200B (zero-width space)", ""},
	{`"Mixture for tests"`, "\"u\u0308ber\"", "accented letters", "NFC"},
	{`"Mixture for tests"`, `" Mixture"`, "product has blanks at its beginning or end", ""},
	{`"Mixture for tests"`, `""`, "product is empty", ""},
	{`"Mixture for tests"`, `"a\nb"`, "U+000A (line break)", ""},
	{`"Mixture for tests"`, `"` + strings.Repeat("x", 201) + `"`, "has 201 characters, at most 200", "Shorten it"},
	{`# Notes of the author.`, "# Notes \u202e of the author", "U+202E", ""},
}

// TestFaults bends the good recipe in one place each. The fault must stand in the right line and say the right thing, and nothing else is
// wrong, unless the case says so.
func TestFaults(t *testing.T) {
	for _, c := range bends {
		if n := strings.Count(good, c.old); n != 1 {
			t.Fatalf("%q stands %d times in the good recipe", c.old, n)
		}
		src := strings.Replace(good, c.old, c.new, 1)
		r, faults := Check("bent.recipe", []byte(src))
		if r != nil || len(faults) == 0 {
			t.Errorf("%.60q: no fault", c.new)
			continue
		}
		found := false
		for _, f := range faults {
			found = found || strings.Contains(f.Message, c.says) && strings.Contains(f.Hint, c.hint)
			shown(t, f)
		}
		if !found {
			t.Errorf("%.60q: no fault with %q and hint %q, but\n%s", c.new, c.says, c.hint, faults)
		}
		if len(faults) > 1 && !several[c.says] {
			t.Errorf("%.60q: one thing is wrong, but %d faults are told\n%s", c.new, len(faults), faults)
		}
	}
}

// several marks what brings another fault along: what was to be written there is missing too.
var several = map[string]bool{
	`"strenght" is not known in recipe`: true, `"titel" is not known in operation`: true, `A block "recept" cannot stand here, outside of a recipe`: true,
}
