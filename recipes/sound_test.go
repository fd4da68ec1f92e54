package recipes

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// unsound are single wrong places in the whole recipe of whole_test.go, with what must be said about them, and nothing else.
var unsound = []struct{ name, old, new, says string }{
	{"211.186(b)(1)", "  strength       = \"500 mg/g\"\n", "", `recipe "WHOLE-1" has no strength`},
	{"211.186(b)(2) unit", "  unit_size      = \"1 g\"\n", "", "The total weight or measure of a dosage unit is not stated (21 CFR 211.186(b)(2))"},
	{"211.186(b)(2) active", "      per_unit      = \"500 mg\"\n", "", "It is not stated how much of the active substance API is in one dosage unit (21 CFR 211.186(b)(2))"},
	{"211.186(b)(3)", "    material \"FILLER\" {\n      title    = \"Filler\"\n      quantity = \"49.0 kg\"\n    }\n", "", `The formula has no material "FILLER"`},
	{"211.186(b)(4)", "      quantity = \"49.0 kg\"\n", "", `material "FILLER" has no quantity`},
	{"211.186(b)(5) reason", "      excess_reason = \"Loss in drying, shown in development.\"\n", "", "The calculated excess of API is stated without its reason (21 CFR 211.186(b)(5))"},
	{"211.186(b)(5) excess", "      excess        = \"2.0 %\"\n", "", "the excess is not stated (21 CFR 211.186(b)(5))"},
	{"211.186(b)(6)", "    theoretical = \"100.0 kg\"\n", "", `yield "DRY" does not state the theoretical weight or measure (21 CFR 211.186(b)(6))`},
	{"211.186(b)(7) limits", "    action {\n      low  = \"97.0\"\n      high = \"101.0\"\n    }\n", "    action {\n      low = \"97.0\"\n    }\n", "beyond which percentages an investigation is required (21 CFR 211.186(b)(7))"},
	{"211.186(b)(7) none", between("  yield \"DRY\" {", "  unit_procedure"), "", "No theoretical yield is stated (21 CFR 211.186(b)(7))"},
	{"211.186(b)(8) none", between("  packaging \"DRUM\" {", "  equipment \"MIXER\""), "", "The containers and closures of the product are not described (21 CFR 211.186(b)(8))"},
	{"211.186(b)(9)", "        text  = \"Take a sample and measure.\"\n", "", `check "120" has no text`},

	{"quantity against unit", `      quantity      = "51.0 kg"`, `      quantity      = "52.0 kg"`, "The quantity 52.0 kg is not that of 500 mg per dosage unit in a batch of 100.0 kg, which is 51 kg"},
	{"smallest batch", `smallest_batch = "50.0 kg"`, `smallest_batch = "150.0 kg"`, "is not between the smallest and the largest batch"},
	{"largest batch", `largest_batch  = "200.0 kg"`, `largest_batch  = "200.0 L"`, "largest_batch and batch_size measure different things"},

	{"unknown reference", `"[090.answer] = 'fine'"`, `"[091.answer] = 'fine'"`, "There is no value [091.answer]. Did you mean 090.answer?"},
	{"unit", `"[120.lod] <= 2.0 '%'"`, `"[120.lod] <= 2.0 'kg'"`, "measure different things"},
	{"kind", `"[120.lod] <= 2.0 '%'"`, `"[120.lod]"`, "The formula gives a number, and yes or no is wanted here"},
	{"several", `"round(avg([120.lod]), 2 '%')"`, `"round([120.lod], 2 '%')"`, "[120.lod] is no single number"},
	{"unit of the result", `"round(avg([120.lod]), 2 '%')"`, `"round(avg([120.lod]) * 3 'kg', 2 'kg')"`, "The formula gives kg, and the value has the unit %"},
	{"not rounded", `"round(avg([120.lod]), 2 '%')"`, `"avg([120.lod])"`, "does not say how its result is rounded"},
	{"which is judged", "          compare  = \"rounded\"\n", "", "whether the limits judge the rounded or the unrounded result"},
	{"syntax of a formula", `"round(avg([120.lod]), 2 '%')"`, `"round(avg([120.lod], 2 '%')"`, "bracket"},
	{"division by zero", "          action {\n            low  = \"0.10\"\n            high = \"5.00\"\n          }\n", "          action {\n            low  = \"0.00\"\n            high = \"5.00\"\n          }\n", "[160.mean] can be zero, and nothing is divided by zero"},
	{"a value of a branch", `formula  = "round(2.0 '%' / [160.mean], 2)"`, `formula  = "round(duration([100.start], [120.end]) / 1 's', 2)"`, "[100.start] is not recorded on every way to this place"},
	{"a value of later", `        formula  = "round(2.0 '%' / [160.mean], 2)"`, `        formula  = "round(duration([170.start], [150.end]) / 1 's', 2)"`, "[170.start] is not recorded on every way to this place"},
	{"a value of itself", `"round(2.0 '%' / [160.mean], 2)"`, `"round(2.0 / [160.ratio], 2)"`, "[160.ratio] is not recorded on every way to this place"},
	{"a value of another branch at the same time", "          instruction \"110\" {", "          wait \"105\" {\n            title = \"T\"\n            text  = \"T\"\n            after = \"100\"\n          }\n\n          instruction \"110\" {",
		"Step 100 is not executed on every way to this place, so this step might wait for ever"},
	{"waits for nothing", `        after = "120"`, `        after = "12"`, "There is no step 12"},

	{"never reached", `"[090.answer] = 'fine'"`, `"[090.answer] = 'red'"`, `branch "FINE" can never be reached`},
	{"always reached", `"[090.answer] = 'fine'"`, `"[090.answer] != 'red'"`, `branch "REST" can never be reached`},
	{"no otherwise", "          otherwise = true\n", "          when      = \"[090.answer] = 'wet'\"\n", "has no way for a batch for which no condition holds"},
	{"no condition", "          when  = \"[090.answer] = 'fine'\"\n", "", `branch "FINE" does not say when it is taken`},
	{"one branch", between("        branch \"B\" {", "      choice \"090\""), "      }\n\n", "has nothing that goes on at the same time"},
	{"the same equipment", "          entry \"080\" {", "          use \"075\" {\n            title     = \"T\"\n            text      = \"T\"\n            equipment = \"MIXER\"\n          }\n\n          entry \"080\" {", "need MIXER at the same time, so they cannot both reach the join"},
	{"a condition in a parallel", "          title = \"Filler\"\n", "          title = \"Filler\"\n          when  = \"true\"\n", "A branch of a parallel has no condition"},
	{"no bound", "        most  = \"5\"\n", "", `repetition "DRY" has no bound`},
	{"no exit", "        until = \"[120.lod] <= 2.0 '%'\"\n", "", `repetition "DRY" has no exit`},
	{"nothing moves", `"[120.lod] <= 2.0 '%'"`, `"[080.volume] <= 10 'L'"`, "nothing that is recorded in it can end it"},

	{"no capability", "\n    capability \"range\" {\n      unit = \"kg\"\n      high = \"150\"\n    }\n", "", `equipment "SCALE" does not say what it must be capable of`},
	{"unknown equipment", "        text      = \"End the use of the mixer.\"\n        equipment = \"MIXER\"", "        text      = \"End the use of the mixer.\"\n        equipment = \"MIXR\"", `The recipe requires no equipment "MIXR"`},
	{"charged too little", "            title     = \"Second half\"\n            text      = \"Charge it.\"\n            material  = \"FILLER\"\n            quantity  = \"24.5 kg\"", "            title     = \"Second half\"\n            text      = \"Charge it.\"\n            material  = \"FILLER\"\n            quantity  = \"24.0 kg\"",
		"FILLER is not fully charged on every way: 48.5 kg of 49.0 kg"},
	{"charged twice", "            title     = \"Second half\"\n            text      = \"Charge it.\"\n            material  = \"FILLER\"\n            quantity  = \"24.5 kg\"", "            title     = \"Second half\"\n            text      = \"Charge it.\"\n            material  = \"FILLER\"",
		"FILLER is charged twice, or more of it than its quantity 49.0 kg"},
	{"charged in kg and L", "            title     = \"Second half\"\n            text      = \"Charge it.\"\n            material  = \"FILLER\"\n            quantity  = \"24.5 kg\"", "            title     = \"Second half\"\n            text      = \"Charge it.\"\n            material  = \"FILLER\"\n            quantity  = \"24.5 L\"", "The formula states FILLER in kg"},

	{"yield after nothing", `    after       = "150"`, `    after       = "155"`, "There is no step 155"},
	{"yield of something else", `"[150.net]"`, `"[080.volume]"`, "The actual yield is in L, and the theoretical one in kg"},
	{"parameter with limits", "          statistic = \"average\"\n", "          statistic = \"average\"\n          unit      = \"°C\"\n", "The unit of this value is that of its parameter"},
	{"unknown parameter", `          parameter = "TEMP"`, `          parameter = "TEMPO"`, `There is no parameter "TEMPO"`},
	{"unknown block", `block   = "COOL"`, `block   = "COL"`, "There is no building block COL, version 3, in this text"},
	{"another version", `        version = "3"`, `        version = "4"`, "There is no building block COOL, version 4, in this text"},
	{"phase in a phase", "      phase \"P1\" {", "      phase \"P0\" {\n        title = \"T\"\n\n        phase \"P2\" {\n          title = \"T\"\n\n          instruction \"P3\" {\n            title = \"T\"\n            text  = \"T\"\n          }\n        }\n      }\n\n      phase \"P1\" {", `A block "phase" cannot stand in phase`},
	{"unit procedure in a branch of steps", "          instruction \"110\" {", "          operation \"O9\" {\n            title = \"T\"\n\n            instruction \"O10\" {\n              title = \"T\"\n              text  = \"T\"\n            }\n          }\n\n          instruction \"110\" {", `A block "operation" cannot stand in branch`},
	{"per cent", `tolerance     = "0.5 %"`, `tolerance     = "0.5 kg"`, "tolerance is given in per cent of the quantity, not in kg"},
	{"fixed active substance", `scale         = "linear"`, `scale         = "fixed"`, "The active substance API stays the same in a larger batch"},
	{"division in L", `division      = "0.01 kg"`, `division      = "0.01 L"`, "division and quantity measure different things"},
	{"cannot be weighed", `division      = "0.01 kg"`, `division      = "0.7 kg"`, "The quantity 51.0 kg cannot be weighed in steps of 0.7 kg"},
	{"scale", `scale         = "linear"`, `scale         = "cubic"`, `scale cannot be "cubic"`},
	{"confusable unit", `      quantity = "49.0 kg"`, `      quantity = "49.0 кg"`, "not known"},
}

// between is the text of the whole recipe from one mark up to another.
func between(from, to string) string {
	i := strings.Index(whole, from)
	return whole[i : i+strings.Index(whole[i:], to)]
}

func TestUnsoundRecipes(t *testing.T) {
	t.Parallel()
	for _, c := range unsound {
		if n := strings.Count(whole, c.old); n != 1 {
			t.Errorf("%s: %q stands %d times in the whole recipe", c.name, c.old, n)
			continue
		}
		r, faults := Check("x", []byte(strings.Replace(whole, c.old, c.new, 1)))
		if r != nil || len(faults) == 0 || !strings.Contains(faults.Error(), c.says) {
			t.Errorf("%s: want a fault with %q, but\n%s", c.name, c.says, faults)
		}
		if several := map[string]bool{"charged in kg and L": true, "211.186(b)(3)": true}; len(faults) > 1 && !several[c.name] {
			t.Errorf("%s: one thing is wrong, but %d faults are told\n%s", c.name, len(faults), faults)
		}
		for _, f := range faults {
			shown(t, f)
		}
	}
}

// TestSecondPerson: each weighing and each addition of a component is verified by a second person (21 CFR 211.101(c) and (d)).
func TestSecondPerson(t *testing.T) {
	t.Parallel()
	step := regexp.MustCompile(`(?s)(weigh|charge) "\d+" \{[^}]*\n +critical +=`)
	for _, at := range step.FindAllStringIndex(whole, -1) {
		line := strings.LastIndex(whole[:at[1]], "\n")
		src := whole[:line] + whole[at[1]+len(" true"):]
		_, faults := Check("x", []byte(src))
		if len(faults) != 1 || !strings.Contains(faults[0].Message, "has no second person") {
			t.Errorf("%s: %v", whole[at[0]:at[0]+12], faults)
		}
	}
	if n := len(step.FindAllString(whole, -1)); n != 5 {
		t.Errorf("%d steps weigh or charge", n)
	}
}

// TestBlocksThatInsertThemselves: a cycle of building blocks is a fault with a place, and blocks that grow without bound end at the most steps.
func TestBlocksThatInsertThemselves(t *testing.T) {
	t.Parallel()
	insert := func(id, block string) string {
		return fmt.Sprintf("  insert %q {\n    title   = \"T\"\n    block   = %q\n    version = \"1\"\n  }\n", id, block)
	}
	block := func(code, body string) string {
		return fmt.Sprintf("\nbuilding_block %q {\n  title = \"T\"\n  version = \"1\"\n  language = \"en\"\n%s}\n", code, body)
	}
	use := strings.Replace(good, "      instruction \"010\" {", insert("X", "A")+"      instruction \"010\" {", 1)
	_, faults := Check("x", []byte(use+block("A", insert("1", "B"))+block("B", insert("1", "A"))))
	if len(faults) != 1 || !strings.Contains(faults[0].Message, "The building block A inserts itself") {
		t.Error(faults)
	}
	var b strings.Builder
	for i := range 30 {
		b.WriteString(block(fmt.Sprintf("D%d", i), insert("1", fmt.Sprintf("D%d", i+1))+insert("2", fmt.Sprintf("D%d", i+1))))
	}
	last := block("D30", "  instruction \"1\" {\n    title = \"T\"\n    text = \"T\"\n  }\n")
	began := time.Now()
	_, faults = Check("x", []byte(strings.Replace(use, `"A"`, `"D0"`, 1)+b.String()+last))
	if len(faults) == 0 || !strings.Contains(faults.Error(), "more than 2000 steps") {
		t.Errorf("%.500s", faults.Error())
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("took %v", took)
	}
}

// TestNotYet: what the program cannot execute is said with its place, and such a recipe has no procedure to execute.
func TestNotYet(t *testing.T) {
	t.Parallel()
	r, faults := Check("x", []byte(whole))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if len(r.NotYet) < 10 || len(r.Procedure.Steps()) != 0 || !strings.Contains(r.NotYet.Error(), `The program cannot execute parallel "PAR" yet`) {
		t.Errorf("%d, %d\n%s", len(r.NotYet), len(r.Procedure.Steps()), r.NotYet)
	}
	if r, _ := Check("x", []byte(good)); len(r.NotYet) > 0 || len(r.Procedure.Steps()) != 3 {
		t.Error(r.NotYet)
	}
}

// TestInsertedBlocks: the steps of a building block have names of their own, and its parameters their limits.
func TestInsertedBlocks(t *testing.T) {
	t.Parallel()
	r, faults := Check("x", []byte(whole))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	found := false
	for _, e := range r.Steps() {
		if e.ID == "200.010" {
			found = true
			if v := e.Step.Value("temp"); v.Unit != "°C" || v.Action.Text() != "≤ 30.0" {
				t.Errorf("%+v", v)
			}
		}
	}
	if !found {
		t.Error("the building block is not inserted")
	}
}

// TestTextsMadeToHarm: what would take for ever is bounded; the bound of a minute is wide enough for a busy machine under the race detector.
func TestTextsMadeToHarm(t *testing.T) {
	t.Parallel()
	var blocks, steps, unknown strings.Builder
	for i := range 40 { // each inserts the next one twice, and there is no step at all
		fmt.Fprintf(&blocks, "\nbuilding_block \"D%d\" {\n  title = \"T\"\n  version = \"1\"\n  language = \"en\"\n", i)
		for _, id := range []string{"1", "2"} {
			fmt.Fprintf(&blocks, "  insert %q {\n    title = \"T\"\n    block = \"D%d\"\n    version = \"1\"\n  }\n", id, i+1)
		}
		blocks.WriteString("}\n")
	}
	blocks.WriteString("\nbuilding_block \"D40\" {\n  title = \"T\"\n  version = \"1\"\n  language = \"en\"\n}\n")
	const at = "      instruction \"010\" {"
	insert := "  insert \"X\" {\n    title   = \"T\"\n    block   = \"D0\"\n    version = \"1\"\n  }\n"

	steps.WriteString("      entry \"Q\" {\n        title = \"T\"\n        text  = \"T\"\n")
	var all []string
	for i := range 12 { // 4,096 combinations for each selection
		fmt.Fprintf(&steps, "        value \"v%d\" {\n          title = \"T\"\n          kind  = \"yes_no\"\n        }\n", i)
		all = append(all, fmt.Sprintf("[Q.v%d]", i))
	}
	steps.WriteString("      }\n")
	for i := range 600 {
		fmt.Fprintf(&steps, "      selection \"S%d\" {\n        title = \"T\"\n        branch \"A\" {\n          title = \"T\"\n          when  = %q\n          instruction \"A%d\" {\n            title = \"T\"\n            text  = \"T\"\n          }\n        }\n",
			i, strings.Join(all, " and "), i)
		fmt.Fprintf(&steps, "        branch \"B\" {\n          title     = \"T\"\n          otherwise = true\n          instruction \"B%d\" {\n            title = \"T\"\n            text  = \"T\"\n          }\n        }\n      }\n", i)
	}
	for i := range 900 { // each asks for what is nowhere
		fmt.Fprintf(&unknown, "      calculation \"C%d\" {\n        title = \"T\"\n        text  = \"T\"\n        value \"v\" {\n          title    = \"T\"\n          formula  = \"round(%s, 1)\"\n          unit     = \"1\"\n          decimals = \"1\"\n        }\n      }\n",
			i, strings.Repeat("[no.where] + ", 50)+"1")
	}
	for name, c := range map[string]struct{ text, says string }{
		"blocks without steps": {strings.Replace(good, at, insert+at, 1) + blocks.String(), "more than 2000 steps"},
		"many combinations":    {strings.Replace(good, at, steps.String()+at, 1), ""},
		"unknown values":       {strings.Replace(good, at, unknown.String()+at, 1), "There are more faults"},
	} {
		began := time.Now()
		_, faults := Check(name, []byte(c.text))
		if !strings.Contains(faults.Error(), c.says) || c.says == "" && len(faults) > 0 {
			t.Errorf("%s: %.500s", name, faults.Error())
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("%s took %v", name, took)
		} else {
			t.Logf("%s took %v", name, took)
		}
	}
}
