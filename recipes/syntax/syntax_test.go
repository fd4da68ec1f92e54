package syntax

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"
)

// words draws a text that a recipe can hold, with the signs that need care.
var words = rapid.Custom(func(t *rapid.T) string {
	s := rapid.StringOfN(rapid.SampledFrom([]rune("ab Z9\"\\#/*${}%=[],.'éßΩж°±µ≤—")), 1, 40, -1).Draw(t, "s")
	s = strings.TrimSpace(strings.NewReplacer("${", "$", "%{", "%", "$$", "$", "%%", "%").Replace(s))
	if s == "" || strings.Contains(s, "${") || strings.Contains(s, "%{") {
		return "x"
	}
	return s
})

var label = rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9_-]{0,11}`)

var note = rapid.OneOf(rapid.Just([]string(nil)), rapid.SliceOfN(rapid.OneOf(words, rapid.Just("")), 1, 3))

func anyValue(t *rapid.T, k Kind) Value {
	switch k {
	case Lines:
		return Value{Text: words.Draw(t, "line") + "\n" + words.Draw(t, "more")}
	case Truth:
		return Value{Kind: Truth, Truth: true}
	case List:
		v := Value{Kind: List}
		for range rapid.IntRange(0, 3).Draw(t, "texts") {
			v.List = append(v.List, Value{Text: words.Draw(t, "text")})
		}
		return v
	}
	return Value{Text: words.Draw(t, "text")}
}

// anyNode draws a block that the grammar allows, of any kind and depth.
func anyNode(t *rapid.T, kind string, level []string, depth int) *Node {
	s := grammar[kind]
	n := &Node{Kind: kind}
	if kind != "" {
		n.Comments = note.Draw(t, "comment")
	}
	n.Tail = note.Draw(t, "tail")
	if s.label != "" {
		n.Label = label.Draw(t, "label")
	}
	for _, a := range s.attrs {
		if a.need != "" || rapid.Bool().Draw(t, "has "+a.name) {
			n.Attrs = append(n.Attrs, &Attribute{Name: a.name, Value: anyValue(t, a.kind), Comments: note.Draw(t, "comment")})
		}
	}
	groups := s.groups
	if body, is := levels[kind]; is {
		level = body
	}
	if kind == "branch" || kind == "repetition" {
		groups = [][]string{level}
	}
	for _, group := range groups {
		for range rapid.IntRange(0, min(2, depth)).Draw(t, "blocks") {
			b := anyNode(t, rapid.SampledFrom(group).Draw(t, "kind"), level, depth-1)
			if again := slices.ContainsFunc(n.Blocks, func(o *Node) bool { return o.Kind == b.Kind }); !again || grammar[b.Kind].label != "" {
				n.Blocks = append(n.Blocks, b)
			}
		}
	}
	return n
}

// bare forgets the places of a tree, so that trees can be compared.
func bare(n *Node) *Node {
	var of func(v Value) Value
	of = func(v Value) Value {
		v.At = 0
		for i := range v.List {
			v.List[i] = of(v.List[i])
		}
		return v
	}
	n.At, n.LabelAt, n.Line = 0, 0, 0
	for _, a := range n.Attrs {
		a.At, a.Value = 0, of(a.Value)
	}
	for _, b := range n.Blocks {
		bare(b)
	}
	return n
}

// Any text that the grammar allows is printed and read again as the same, whatever the order in which its attributes were written; and HCL agrees.
func TestPrintAndReadAreInverse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tree := anyNode(t, "", nil, 7)
		printed := Print(tree)
		again, report := Read("x", printed)
		if faults := report.Faults(); len(faults) > 0 {
			t.Fatalf("%s\n%s", faults, printed)
		}
		if !reflect.DeepEqual(bare(again), tree) {
			t.Fatalf("read again otherwise:\n%s\nafter\n%s", Print(again), printed)
		}
		if formatted := hclwrite.Format(printed); !bytes.Equal(formatted, printed) {
			t.Fatalf("the formatter of HCL changes\n%s\ninto\n%s", printed, formatted)
		}
		agrees(t, printed)
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 0))
		shuffle(random, again)
		if other := Print(again); !bytes.Equal(other, printed) {
			t.Fatalf("written in another order it is printed as\n%s\nand not\n%s", other, printed)
		}
	})
}

// shuffle writes attributes in another order, and blocks of different groups.
func shuffle(random *rand.Rand, n *Node) {
	random.Shuffle(len(n.Attrs), func(i, j int) { n.Attrs[i], n.Attrs[j] = n.Attrs[j], n.Attrs[i] })
	s := grammar[n.Kind]
	for i := 1; i < len(n.Blocks); i++ {
		if s.group(n.Blocks[i].Kind) != s.group(n.Blocks[i-1].Kind) && random.IntN(2) == 0 {
			n.Blocks[i], n.Blocks[i-1] = n.Blocks[i-1], n.Blocks[i]
		}
	}
	for _, b := range n.Blocks {
		shuffle(random, b)
	}
}

// agrees: the text is HCL, and the full parser of HCL reads the same out of it as ours.
func agrees(t interface{ Fatalf(string, ...any) }, src []byte) {
	f, diags := hclsyntax.ParseConfig(src, "x", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("accepted, but not HCL: %v\n%s", diags, src)
	}
	root, _ := Read("x", src)
	var compare func(n *Node, body *hclsyntax.Body)
	compare = func(n *Node, body *hclsyntax.Body) {
		if len(n.Attrs) != len(body.Attributes) || len(n.Blocks) != len(body.Blocks) {
			t.Fatalf("HCL sees %d attributes and %d blocks in %q, not %d and %d", len(body.Attributes), len(body.Blocks), n.Label, len(n.Attrs), len(n.Blocks))
		}
		for _, a := range n.Attrs {
			v, diags := body.Attributes[a.Name].Expr.Value(nil)
			if diags.HasErrors() || !v.RawEquals(meaning(a.Value)) {
				t.Fatalf("HCL reads %s as %#v, not %#v (%v)", a.Name, v, meaning(a.Value), diags)
			}
		}
		for i, b := range n.Blocks {
			if body.Blocks[i].Type != b.Kind || strings.Join(body.Blocks[i].Labels, " ") != b.Label {
				t.Fatalf("HCL reads the block %s %v, not %s %s", body.Blocks[i].Type, body.Blocks[i].Labels, b.Kind, b.Label)
			}
			compare(b, body.Blocks[i].Body)
		}
	}
	compare(root, f.Body.(*hclsyntax.Body))
}

func meaning(v Value) cty.Value {
	switch v.Kind {
	case Truth:
		return cty.BoolVal(v.Truth)
	case List:
		if len(v.List) == 0 {
			return cty.EmptyTupleVal
		}
		var all []cty.Value
		for _, t := range v.List {
			all = append(all, cty.StringVal(t.Text))
		}
		return cty.TupleVal(all)
	}
	return cty.StringVal(v.Text)
}

// TestGrammarHolds: every block that may stand somewhere has a shape, and every shape is used.
func TestGrammarHolds(t *testing.T) {
	t.Parallel()
	used := map[string]bool{"": true}
	for kind, s := range grammar {
		for _, b := range slices.Concat(s.groups...) {
			used[b] = true
			if _, known := grammar[b]; !known {
				t.Errorf("%s may hold a %s, which has no shape", kind, b)
			}
		}
	}
	for kind := range grammar {
		if !used[kind] {
			t.Errorf("%s may stand nowhere", kind)
		}
	}
}

// FuzzRead: whatever comes in, the answer is a tree or faults with places; a tree without faults is HCL, means the same there, and prints stably.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"", "recipe \"R\" {\n}\n", "a = [\"x\", \"y\",]\n", "recipe \"R\" {\n title = \"${x}\"\n", "a {\n5 ( } )\n", "# c\r\na = true # d\n", "a = \"\\u00e9\"", "a = <<E\nx\nE\n",
		"building_block \"B\" { # c\n title = \"T\"\n version = \"1\"\n language = \"en\"\n phase \"P\" {\n title = \"x\"\n # end\n }\n}\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 1<<16 {
			return
		}
		root, report := Read("x", src)
		if faults := report.Faults(); len(faults) > 0 {
			for _, one := range faults {
				if one.Line < 1 || one.Column < 1 || one.Message == "" || one.Caret > len([]rune(one.Source)) {
					t.Errorf("fault without a place: %+v", one)
				}
			}
			return
		}
		agrees(t, src)
		printed := Print(root)
		again, report := Read("x", printed)
		if faults := report.Faults(); len(faults) > 0 || !bytes.Equal(Print(again), printed) {
			t.Fatalf("%s\nprinted as\n%s\n%v", src, printed, faults)
		}
	})
}
