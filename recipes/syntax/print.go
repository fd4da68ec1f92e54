package syntax

import (
	"slices"
	"strconv"
	"strings"
)

// Print writes a tree without faults in its canonical form: attributes and blocks in the order of the grammar, signs of equality below each other within a group, one
// blank line before a block, comments before their node. A text in this form is printed unchanged, and Read gives back the same tree. The form is also stable under the
// standard formatter of HCL.
func Print(root *Node) []byte {
	var w writer
	w.body(root, "")
	return []byte(w.b.String())
}

type writer struct{ b strings.Builder }

// body prints what stands between two braces.
func (w *writer) body(n *Node, indent string) {
	s := grammar[n.Kind]
	attrs := slices.Clone(n.Attrs)
	slices.SortStableFunc(attrs, func(a, b *Attribute) int { return s.attr(a.Name) - s.attr(b.Name) })
	w.attributes(attrs, indent)
	blocks := slices.Clone(n.Blocks)
	slices.SortStableFunc(blocks, func(a, b *Node) int { return s.group(a.Kind) - s.group(b.Kind) })
	for i, b := range blocks {
		if i > 0 || len(attrs) > 0 {
			w.b.WriteString("\n")
		}
		w.comment(b.Comments, indent)
		w.b.WriteString(indent + b.Kind + " ")
		if b.Label != "" {
			w.b.WriteString(quote(b.Label) + " ")
		}
		w.b.WriteString("{\n")
		w.body(b, indent+"  ")
		w.b.WriteString(indent + "}\n")
	}
	if len(n.Tail) > 0 {
		if len(attrs)+len(blocks) > 0 {
			w.b.WriteString("\n")
		}
		w.comment(n.Tail, indent)
	}
}

func (s shape) attr(name string) int {
	return slices.IndexFunc(s.attrs, func(a attr) bool { return a.name == name })
}

func (s shape) group(kind string) int {
	return slices.IndexFunc(s.groups, func(g []string) bool { return slices.Contains(g, kind) })
}

// attributes prints them in groups that begin with a comment.
func (w *writer) attributes(attrs []*Attribute, indent string) {
	for i := 0; i < len(attrs); {
		w.comment(attrs[i].Comments, indent)
		group := i + 1
		for group < len(attrs) && len(attrs[group].Comments) == 0 {
			group++
		}
		width := 0
		for _, a := range attrs[i:group] {
			width = max(width, len(a.Name))
		}
		for ; i < group; i++ {
			w.b.WriteString(indent + attrs[i].Name + strings.Repeat(" ", width-len(attrs[i].Name)) + " = " + attrs[i].Value.print() + "\n")
		}
	}
}

func (w *writer) comment(lines []string, indent string) {
	for _, line := range lines {
		w.b.WriteString(strings.TrimRight(indent+"# "+line, " ") + "\n")
	}
}

func (v Value) print() string {
	switch v.Kind {
	case Truth:
		return strconv.FormatBool(v.Truth)
	case List:
		var all []string
		for _, t := range v.List {
			all = append(all, quote(t.Text))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	return quote(v.Text)
}

// quote writes a text as a literal; "${" and "%{" cannot occur, Read refuses them.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}
