package recipes

import (
	_ "embed"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"veribatch/recipes/syntax"
)

// changes are edits of the whole recipe with what has to be said about each; the file says how it is written.
//
//go:embed testdata/changes.txt
var changes string

// edit is one of them.
type edit struct {
	text string
	want []string // class: sentence
}

func edits(t *testing.T) (all []edit) {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSpace(changes), "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.Contains(line, " | "):
			all = append(all, edit{text: line})
		default:
			last := &all[len(all)-1]
			last.want = append(last.want, line)
		}
	}
	return all
}

// find gives the block at a path such as "entry 080/value look/action", and the block in which it stands.
func find(root *syntax.Node, path string) (n, parent *syntax.Node) {
	first, rest, more := strings.Cut(path, "/")
	kind, label, _ := strings.Cut(first, " ")
	var walk func(at *syntax.Node) (n, parent *syntax.Node)
	walk = func(at *syntax.Node) (n, parent *syntax.Node) {
		for _, b := range at.Blocks {
			if b.Kind == kind && (label == "" || b.Label == label) {
				return b, at
			}
			if n, parent := walk(b); n != nil && at.Kind != "building_block" {
				return n, parent
			}
		}
		return nil, nil
	}
	if n, parent = walk(root); n != nil && more {
		return find(n, rest)
	}
	return n, parent
}

// apply makes an edit in a tree.
func (e edit) apply(t *testing.T, root *syntax.Node) {
	t.Helper()
	path, acts, _ := strings.Cut(e.text, " | ")
	for _, act := range strings.Split(acts, "; ") {
		n, parent := find(root, path)
		require.NotNil(t, n, e.text)
		do, rest, _ := strings.Cut(act, " ")
		word, value, _ := strings.Cut(rest, " ")
		switch do {
		case "set", "add":
			n.Attrs = slices.DeleteFunc(n.Attrs, func(a *syntax.Attribute) bool { return a.Name == word })
			n.Attrs = append(n.Attrs, &syntax.Attribute{Name: word, Value: valueOf(t, value)})
		case "cut":
			before := len(n.Attrs)
			n.Attrs = slices.DeleteFunc(n.Attrs, func(a *syntax.Attribute) bool { return a.Name == word })
			require.Len(t, n.Attrs, before-1, e.text)
		case "drop":
			remove(parent, n)
		case "first":
			remove(parent, n)
			parent.Blocks = slices.Insert(parent.Blocks, 0, n)
		case "behind":
			remove(parent, n)
			other, in := find(root, rest)
			in.Blocks = slices.Insert(in.Blocks, slices.Index(in.Blocks, other)+1, n)
		case "into":
			remove(parent, n)
			in, _ := find(root, rest)
			in.Blocks = append(in.Blocks, n)
		case "new":
			label, _, _ := strings.Cut(value, " ")
			n.Blocks = append(n.Blocks, fresh(word, label))
		case "block":
			low, high, _ := strings.Cut(value, " ")
			n.Blocks = append(n.Blocks, &syntax.Node{Kind: word, Attrs: []*syntax.Attribute{{Name: "low", Value: syntax.Value{Text: low}}, {Name: "high", Value: syntax.Value{Text: high}}}})
		default:
			t.Fatal(e.text)
		}
	}
}

func remove(parent, n *syntax.Node) {
	parent.Blocks = slices.DeleteFunc(parent.Blocks, func(b *syntax.Node) bool { return b == n })
}

// valueOf reads "text", true or ["a", "b"] as the language does.
func valueOf(t *testing.T, text string) syntax.Value {
	t.Helper()
	root, _ := syntax.Read("x", []byte("recipe \"X\" {\n  title = "+text+"\n}\n"))
	require.NotNil(t, root)
	return root.Blocks[0].Attrs[0].Value
}

// fresh is a new block with what the grammar asks for.
func fresh(kind, label string) *syntax.Node {
	n := &syntax.Node{Kind: kind, Label: label}
	for name, text := range map[string]string{
		"title": "New", "text": "New.", "quantity": "1 kg", "class": "new", "unit": "kg", "decimals": "1", "after": "150", "theoretical": "1 kg", "kind": "text", "low": "1",
	} {
		attrs, _ := syntax.Kinds(kind)
		if slices.Contains(attrs, name) && (kind != "value" || name == "title" || name == "kind") && (name != "low" || kind == "capability") && (kind != "yield" || name != "unit") {
			n.Attrs = append(n.Attrs, &syntax.Attribute{Name: name, Value: syntax.Value{Text: text}})
		}
	}
	return n
}

// parsed reads a tree again as a recipe. What makes it sound is not asked: an edit alone may leave a reference to nothing.
func parsed_(t *testing.T, text []byte) *Recipe {
	t.Helper()
	c := read("x", text)
	require.NotNil(t, c.recipe)
	return c.recipe
}

func tree(t *testing.T) *syntax.Node {
	t.Helper()
	root, report := syntax.Read("x", []byte(whole))
	require.Empty(t, report.Faults())
	return root
}

func said_(changes []Change) (all []string) {
	for _, c := range changes {
		all = append(all, string(c.Class)+": "+c.Sentence)
	}
	return all
}

func sameLines(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// TestEveryEditIsNamed: of each edit the comparison says what the file says, and nothing else.
func TestEveryEditIsNamed(t *testing.T) {
	t.Parallel()
	old := parsed_(t, []byte(whole))
	all := edits(t)
	require.GreaterOrEqual(t, len(all), 200)
	for _, e := range all {
		root := tree(t)
		e.apply(t, root)
		got := Compare(old, parsed_(t, syntax.Print(root)))
		if said := said_(got); !sameLines(said, e.want) {
			t.Errorf("%s\n  want %s\n  said %s", e.text, strings.Join(e.want, "\n       "), strings.Join(said, "\n       "))
		}
		for _, c := range got {
			require.NotEmpty(t, c.Reason, c.Sentence)
			require.Positive(t, c.Line, c.Sentence)
		}
	}
}

// TestEveryPairOfEditsIsNamed: of two edits both are named, and nothing else. Two edits in one block, or of which one takes the other's place away, are no pair.
func TestEveryPairOfEditsIsNamed(t *testing.T) {
	t.Parallel()
	old := parsed_(t, []byte(whole))
	all := edits(t)
	random := rand.New(rand.NewPCG(20, 26))
	block := func(e edit) string {
		path, _, _ := strings.Cut(e.text, " | ")
		first, _, _ := strings.Cut(path, "/")
		return first
	}
	moves := func(e edit) bool {
		return strings.Contains(e.text, "drop") || strings.Contains(strings.Join(e.want, " "), " moved")
	}
	tried := map[string]bool{}
	for pairs := 0; pairs < 300; {
		a, b := all[random.IntN(len(all))], all[random.IntN(len(all))]
		if block(a) == block(b) || moves(a) && moves(b) || tried[a.text+b.text] || strings.Contains(a.text+b.text, " unit ") || strings.Contains(a.text+b.text, "parameter TEMP | drop") {
			continue
		}
		tried[a.text+b.text] = true
		root := tree(t)
		// What is taken away is taken away last.
		if moves(a) {
			a, b = b, a
		}
		a.apply(t, root)
		b.apply(t, root)
		want := slices.Concat(a.want, b.want)
		got := said_(Compare(old, parsed_(t, syntax.Print(root))))
		if strings.Contains(b.text, "drop") && len(got) < len(want) {
			continue // the first edit stood in what was taken away
		}
		if !sameLines(got, want) {
			t.Errorf("%s\n%s\n  want %s\n  said %s", a.text, b.text, strings.Join(want, "\n       "), strings.Join(got, "\n       "))
		}
		pairs++
	}
}

// TestNoDifferenceMeansTheSameText: random edits of texts differ if and only if the canonical texts do, comments aside.
func TestNoDifferenceMeansTheSameText(t *testing.T) {
	t.Parallel()
	all := edits(t)
	rapid.Check(t, func(r *rapid.T) {
		root := tree(t)
		for range rapid.IntRange(0, 2).Draw(r, "edits") {
			e := rapid.SampledFrom(all).Draw(r, "edit")
			if n, _ := find(root, strings.Split(e.text, " | ")[0]); n == nil || strings.Contains(e.text, "cut") || strings.Contains(e.text, "behind") || strings.Contains(e.text, "into") {
				continue
			}
			e.apply(t, root)
		}
		root.Blocks[0].Comments = []string{fmt.Sprint(rapid.Int().Draw(r, "comment"))}
		changed := parsed_(t, syntax.Print(root))
		root.Blocks[0].Comments = nil
		same := string(syntax.Print(root)) == whole
		if got := Compare(parsed_(t, []byte(whole)), changed); same != (len(got) == 0) {
			r.Fatalf("the same text: %v, but %v", same, said_(got))
		}
		if got := Compare(changed, changed); len(got) > 0 {
			r.Fatalf("a text differs from itself: %v", said_(got))
		}
	})
}

// TestEveryAttributeIsCompared: whatever the grammar knows, a change of it is seen and has a rule of its own.
func TestEveryAttributeIsCompared(t *testing.T) {
	t.Parallel()
	var walk func(n *syntax.Node, path string)
	seen := map[string]bool{}
	walk = func(n *syntax.Node, path string) {
		for i := range n.Attrs {
			name := n.Attrs[i].Name
			root := tree(t)
			same, _ := find(root, path)
			if same == nil || same.Kind != n.Kind {
				continue
			}
			same.Attrs = slices.DeleteFunc(same.Attrs, func(a *syntax.Attribute) bool { return a.Name == name })
			got := Compare(parsed_(t, []byte(whole)), &Recipe{Source: root, values: map[string]*place{}})
			require.NotEmpty(t, got, "%s %s", path, name)
			if name != "low" && name != "high" {
				require.NotEmpty(t, ruleOf(n.Kind, name).class, "%s %s has no class in risks.go", n.Kind, name)
			}
			seen[n.Kind+" "+name] = true
		}
		for _, b := range n.Blocks {
			at := strings.TrimSuffix(b.Kind+" "+b.Label, " ")
			if path != "" && path != "recipe WHOLE-1" {
				at = path + "/" + at
			}
			walk(b, at)
		}
	}
	walk(tree(t), "")
	require.Greater(t, len(seen), 100)
}

func TestLongestRising(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		list []int
		want string
	}{{nil, ""}, {[]int{0, 1, 2}, "+++"}, {[]int{1, 0, 2}, "+-+"}, {[]int{2, 0, 1}, "-++"}, {[]int{1, 2, 0}, "++-"}, {[]int{4, 3, 5}, "+-+"}} {
		got := ""
		for _, stays := range longestRising(c.list) {
			got += map[bool]string{true: "+", false: "-"}[stays]
		}
		require.Equal(t, c.want, got, c.list)
	}
	rapid.Check(t, func(r *rapid.T) {
		list := rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6}).Draw(r, "list")
		count, last := 0, -1
		for i, stays := range longestRising(list) {
			if stays {
				if list[i] <= last {
					r.Fatal("not rising")
				}
				count, last = count+1, list[i]
			}
		}
		best := 0
		for set := range 1 << len(list) {
			n, last, good := 0, -1, true
			for i, x := range list {
				if set>>i&1 == 1 {
					good, n, last = good && x > last, n+1, x
				}
			}
			if good {
				best = max(best, n)
			}
		}
		if count != best {
			r.Fatalf("%d of %d stay", count, best)
		}
	})
}
