package recipes

import (
	_ "embed"
	"testing"

	"veribatch/recipes/syntax"
)

// whole is a recipe without fault that uses everything the language has, in canonical form. docs/recipe-language.md shows parts of it.
//
//go:embed testdata/whole.recipe
var whole string

// TestWholeUsesTheLanguage: the recipe of this file has no fault, is canonical, and leaves out nothing that the grammar knows.
func TestWholeUsesTheLanguage(t *testing.T) {
	r, faults := Check("whole", []byte(whole))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if got := string(Print(r)); got != whole {
		t.Errorf("printed as\n%s", got)
	}
	used := map[string]bool{}
	var walk func(n *syntax.Node)
	walk = func(n *syntax.Node) {
		for _, a := range n.Attrs {
			used[n.Kind+" "+a.Name] = true
		}
		for _, b := range n.Blocks {
			used[n.Kind+" "+b.Kind], used[b.Kind] = true, true
			walk(b)
		}
	}
	walk(r.Source)
	seen := map[string]bool{}
	var all func(kind string)
	all = func(kind string) {
		if seen[kind] {
			return
		}
		seen[kind] = true
		attrs, blocks := syntax.Kinds(kind)
		for _, a := range attrs {
			if !used[kind+" "+a] && a != "critical" {
				t.Errorf("no %s has %s", kind, a)
			}
		}
		for _, b := range blocks {
			if !used[b] {
				t.Errorf("there is no %s", b)
			}
			all(b)
		}
	}
	all("")
}
