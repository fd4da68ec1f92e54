package recipes

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"

	"veribatch/recipes/formula"
	"veribatch/recipes/procedure"
)

func TestPrintKeepsCanonicalText(t *testing.T) {
	r, faults := Check("good", []byte(good))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if got := string(Print(r)); got != good {
		t.Errorf("printed as\n%s", got)
	}
}

// TestCommentsStayWithTheirNode: when attributes and blocks move into canonical order, comments go with them.
func TestCommentsStayWithTheirNode(t *testing.T) {
	src := strings.NewReplacer(
		"  title       = \"Mixture\"\n", "", // moved down, with a comment of its own
		`  language    = "en"`, "  language = \"en\" # behind the language\n  # before the title\n  # in two lines\n  title = \"Mixture\"",
		`material "WATER" {`, "# before the water\n    material \"WATER\" { # behind the brace",
		`["clear", "cloudy"]`, "[\"clear\", # in the list\n \"cloudy\"]",
		"      sign_off \"030\" {", "//before the review\n      sign_off \"030\" {",
	).Replace(good) + "# at the end\n#\n#   in blocks\n"
	r, faults := Check("x", []byte(src))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	value := "recipe/unit_procedure U1/operation O1/entry 020/value "
	want := map[string][]string{
		"recipe": {"Notes of the author."}, "recipe/language": {"behind the language"}, "recipe/title": {"before the title", "in two lines"},
		"recipe/formula/material WATER": {"before the water", "behind the brace"}, value + "net": {"measured with the scale in room 3"}, value + "look/options": {"in the list"},
		"recipe/unit_procedure U1/operation O1/entry 020/end": {"last words"}, "recipe/unit_procedure U1/operation O1/sign_off 030": {"before the review"},
		"end": {"at the end", "", "in blocks"},
	}
	if !reflect.DeepEqual(r.Comments, want) {
		t.Errorf("comments: %q", r.Comments)
	}
	again, faults := Check("x", Print(r))
	if len(faults) > 0 || !reflect.DeepEqual(again, r) {
		t.Errorf("printed and read again: %v\n%s", faults, Print(r))
	}
}

// words draws a text that a recipe can hold, with the signs that need care.
var words = rapid.Custom(func(t *rapid.T) string {
	s := rapid.StringOfN(rapid.SampledFrom([]rune("ab Z9\"\\#/*${}%=[],.'éßΩж°±µ≤—")), 1, 40, -1).Draw(t, "s")
	s = strings.TrimSpace(strings.NewReplacer("${", "$", "%{", "%", "$$", "$", "%%", "%").Replace(s))
	if s == "" || strings.Contains(s, "${") || strings.Contains(s, "%{") {
		return "x"
	}
	return s
})

var name = rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9_-]{0,11}`)

func names(t *rapid.T, min, max int, label string) []string {
	return rapid.SliceOfNDistinct(name, min, max, rapid.ID).Draw(t, label)
}

// anyRecipe draws a recipe that obeys every rule, with comments anywhere.
func anyRecipe(t *rapid.T) *Recipe {
	r := &Recipe{
		Code: name.Draw(t, "code"), Title: words.Draw(t, "title"), Product: words.Draw(t, "product"), Strength: words.Draw(t, "strength"), DosageForm: words.Draw(t, "form"),
		Language: rapid.SampledFrom(Languages).Draw(t, "language"), BatchSize: anyQuantity(t), Comments: map[string][]string{},
	}
	if rapid.Bool().Draw(t, "described") {
		r.Description = words.Draw(t, "description") + "\n" + words.Draw(t, "more")
	}
	for i, code := range names(t, 1, 4, "materials") {
		r.Materials = append(r.Materials, Material{Code: code, Title: words.Draw(t, "material"), Quantity: anyQuantity(t), Active: i == 0})
	}
	steps := names(t, 1, 8, "steps")
	ids := names(t, len(steps), len(steps), "operations")
	for i, id := range steps {
		if i == 0 || rapid.Bool().Draw(t, "new unit") {
			r.Procedure.Units = append(r.Procedure.Units, procedure.UnitProcedure{ID: ids[i], Title: words.Draw(t, "unit")})
		}
		u := &r.Procedure.Units[len(r.Procedure.Units)-1]
		if len(u.Operations) == 0 || rapid.Bool().Draw(t, "new operation") {
			u.Operations = append(u.Operations, procedure.Operation{ID: ids[i], Title: words.Draw(t, "operation")})
		}
		o := &u.Operations[len(u.Operations)-1]
		o.Steps = append(o.Steps, anyStep(t, id))
	}
	var paths []string
	nodes(tree(r), "recipe", &paths)
	for _, p := range rapid.SliceOfDistinct(rapid.SampledFrom(append(paths, "end", "recipe", "recipe/end")), rapid.ID).Draw(t, "commented") {
		r.Comments[p] = rapid.SliceOfN(rapid.OneOf(words, rapid.Just("")), 1, 3).Draw(t, "comment")
	}
	return r
}

// nodes lists the paths of everything in a tree that a comment can stand before.
func nodes(n *node, path string, out *[]string) {
	for _, a := range n.attrs {
		*out = append(*out, path+"/"+a.name)
	}
	for _, b := range n.blocks {
		*out = append(*out, path+"/"+b.name(), path+"/"+b.name()+"/end")
		nodes(b, path+"/"+b.name(), out)
	}
}

func anyQuantity(t *rapid.T) formula.Quantity {
	return formula.Quantity{Amount: formula.MustNumber(rapid.StringMatching(`[1-9][0-9]{0,5}(\.[0-9]{1,3})?`).Draw(t, "amount")),
		Unit: rapid.SampledFrom(formula.Units()).Draw(t, "unit").Symbol}
}

func anyStep(t *rapid.T, id string) procedure.Step {
	s := procedure.Step{ID: id, Title: words.Draw(t, "step"), Text: words.Draw(t, "text"), Kind: rapid.SampledFrom([]procedure.StepKind{procedure.Instruction, procedure.Entry, procedure.SignOff}).Draw(t, "kind")}
	if s.Kind == procedure.SignOff {
		s.Role, s.Meaning = rapid.SampledFrom(Roles).Draw(t, "role"), words.Draw(t, "meaning")
		return s
	}
	s.Critical = rapid.Bool().Draw(t, "critical")
	if s.Kind == procedure.Entry {
		for _, id := range names(t, 1, 3, "values") {
			s.Values = append(s.Values, anyValue(t, id))
		}
	}
	return s
}

func anyValue(t *rapid.T, id string) procedure.Value {
	v := procedure.Value{ID: id, Title: words.Draw(t, "value"), Kind: procedure.ValueKind(rapid.SampledFrom(valueKinds).Draw(t, "kind"))}
	switch v.Kind {
	case procedure.Decimal:
		v.Unit, v.Decimals = rapid.SampledFrom(formula.Units()).Draw(t, "unit").Symbol, rapid.IntRange(0, 3).Draw(t, "decimals")
		// Four numbers in order are two ranges of which one encloses the other.
		at := rapid.IntRange(-500, 500).Draw(t, "at")
		for i, l := range []**formula.Limits{&v.Action, &v.Alert} {
			if rapid.Bool().Draw(t, "limits") {
				low, high := formula.MustNumber(fmt.Sprint(at+i)), formula.MustNumber(fmt.Sprint(at+10-i))
				*l = &formula.Limits{Low: &low, High: &high}
				if rapid.Bool().Draw(t, "open end") {
					(*l).Low = nil
				}
			}
		}
	case procedure.Choice:
		v.Options = rapid.SliceOfNDistinct(words, 2, 4, rapid.ID).Draw(t, "options")
		v.Expect = rapid.SampledFrom(append([]string{""}, v.Options...)).Draw(t, "expect")
	case procedure.YesNo:
		v.Expect = rapid.SampledFrom([]string{"", "yes", "no"}).Draw(t, "expect")
	case procedure.Scan:
		v.Expect = words.Draw(t, "expect")
	}
	return v
}

func TestPrintAndParseAreInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRecipe(t)
		printed := Print(r)
		again, faults := Check("x", printed)
		if len(faults) > 0 {
			t.Fatalf("%s\n%s", faults, printed)
		}
		if !reflect.DeepEqual(again, r) {
			t.Fatalf("read again as %+v\n%s", again, printed)
		}
		if second := Print(again); !bytes.Equal(second, printed) {
			t.Fatalf("printed again as\n%s\nafter\n%s", second, printed)
		}
		if formatted := hclwrite.Format(printed); !bytes.Equal(formatted, printed) {
			t.Fatalf("the formatter of HCL changes\n%s\ninto\n%s", printed, formatted)
		}
		agrees(t, printed)
	})
}

// agrees: the text is HCL, and the full parser of HCL reads the same out of it as ours.
func agrees(t interface{ Fatalf(string, ...any) }, src []byte) {
	f, diags := hclsyntax.ParseConfig(src, "x", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("accepted, but not HCL: %v\n%s", diags, src)
	}
	c := newChecker("x", src)
	root := c.parse(c.scan())
	var compare func(n *node, body *hclsyntax.Body)
	compare = func(n *node, body *hclsyntax.Body) {
		if len(n.attrs) != len(body.Attributes) || len(n.blocks) != len(body.Blocks) {
			t.Fatalf("HCL sees %d attributes and %d blocks in %q, not %d and %d", len(body.Attributes), len(body.Blocks), n.label, len(n.attrs), len(n.blocks))
		}
		for _, a := range n.attrs {
			v, diags := body.Attributes[a.name].Expr.Value(nil)
			if diags.HasErrors() || !v.RawEquals(meaning(a.value)) {
				t.Fatalf("HCL reads %s as %#v, not %#v (%v)", a.name, v, meaning(a.value), diags)
			}
		}
		for i, b := range n.blocks {
			if body.Blocks[i].Type != b.kind || strings.Join(body.Blocks[i].Labels, " ") != b.label {
				t.Fatalf("HCL reads the block %s %v, not %s %s", body.Blocks[i].Type, body.Blocks[i].Labels, b.kind, b.label)
			}
			compare(b, body.Blocks[i].Body)
		}
	}
	compare(root, f.Body.(*hclsyntax.Body))
}

func meaning(v value) cty.Value {
	switch v.kind {
	case truth:
		return cty.BoolVal(v.truth)
	case list:
		if len(v.list) == 0 {
			return cty.EmptyTupleVal
		}
		var all []cty.Value
		for _, t := range v.list {
			all = append(all, cty.StringVal(t.text))
		}
		return cty.TupleVal(all)
	}
	return cty.StringVal(v.text)
}

// TestPrintFollowsGrammar: the canonical order is that of the grammar, on one page for people.
func TestPrintFollowsGrammar(t *testing.T) {
	r, faults := Check("good", []byte(good))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	r.Description = "Words."
	var walk func(n *node)
	walk = func(n *node) {
		s, last := grammar[n.kind], -1
		for _, a := range n.attrs {
			at := -1
			for i, known := range s.attrs {
				if known.name == a.name {
					at = i
				}
			}
			if at <= last {
				t.Errorf("%s: %s is printed in another order than the grammar's", n.kind, a.name)
			}
			last = at
		}
		for _, b := range n.blocks {
			walk(b)
		}
	}
	walk(tree(r))
}

// FuzzCheck: whatever comes in, the answer is a recipe or faults with places; a recipe is HCL, means the same there, and prints stably.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(good))
	for _, s := range []string{"", "recipe \"R\" {\n}\n", "a = [\"x\", \"y\",]\n", "recipe \"R\" {\n title = \"${x}\"\n", "a {\n5 ( } )\n", "# c\r\na = true # d\n", "a = \"\\u00e9\"", "a = <<E\nx\nE\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 1<<16 {
			return
		}
		r, faults := Check("x", src)
		if len(faults) > 0 {
			if r != nil {
				t.Fatal("a recipe with faults")
			}
			for _, fault := range faults {
				shown(t, fault)
			}
			return
		}
		agrees(t, src)
		printed := Print(r)
		again, faults := Check("x", printed)
		if len(faults) > 0 || !reflect.DeepEqual(again, r) || !bytes.Equal(Print(again), printed) {
			t.Fatalf("%s\nprinted as\n%s\n%v", src, printed, faults)
		}
	})
}
