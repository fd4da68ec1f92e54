package recipes

import (
	"strconv"
	"strings"

	"veribatch/recipes/formula"
	"veribatch/recipes/procedure"
)

// Print writes a recipe in its canonical form: attributes and blocks in the order of the grammar, signs of equality below each other
// within a group, one blank line before a block, comments before their node. A text in this form is printed unchanged, and Parse gives back the
// recipe. The form is also stable under the standard formatter of HCL.
func Print(r *Recipe) []byte {
	var w writer
	w.comments = r.Comments
	w.body("", []*node{tree(r)}, nil, "")
	return []byte(w.b.String())
}

// tree gives the blocks and attributes of a recipe, in the order of the grammar.
func tree(r *Recipe) *node {
	n := &node{kind: "recipe", label: r.Code}
	n.set("title", r.Title).set("product", r.Product).set("strength", r.Strength).set("dosage_form", r.DosageForm)
	n.set("batch_size", r.BatchSize.Text()).set("language", r.Language).set("description", r.Description)
	if len(r.Materials) > 0 {
		f := n.add("formula", "")
		for _, m := range r.Materials {
			f.add("material", m.Code).set("title", m.Title).set("quantity", m.Quantity.Text()).flag("active", m.Active)
		}
	}
	for _, u := range r.Procedure.Units {
		un := n.add("unit_procedure", u.ID).set("title", u.Title)
		for _, o := range u.Operations {
			on := un.add("operation", o.ID).set("title", o.Title)
			for i := range o.Steps {
				stepTree(on, &o.Steps[i])
			}
		}
	}
	return n
}

func stepTree(parent *node, s *procedure.Step) {
	n := parent.add(string(s.Kind), s.ID).set("title", s.Title).set("text", s.Text)
	n.set("role", s.Role).set("meaning", s.Meaning).flag("critical", s.Critical)
	for _, v := range s.Values {
		vn := n.add("value", v.ID).set("title", v.Title).set("kind", string(v.Kind)).set("unit", v.Unit)
		if v.Kind == procedure.Decimal {
			vn.set("decimals", strconv.Itoa(v.Decimals))
		}
		if len(v.Options) > 0 {
			a := &attribute{name: "options", value: value{kind: list}}
			for _, o := range v.Options {
				a.value.list = append(a.value.list, value{text: o})
			}
			vn.attrs = append(vn.attrs, a)
		}
		vn.set("expect", v.Expect)
		vn.limits("alert", v.Alert).limits("action", v.Action)
	}
}

// set adds a text, unless it is empty; flag adds true, unless it is false; add adds a block.
func (n *node) set(name, s string) *node {
	if s != "" {
		n.attrs = append(n.attrs, &attribute{name: name, value: value{text: s}})
	}
	return n
}

func (n *node) flag(name string, yes bool) *node {
	if yes {
		n.attrs = append(n.attrs, &attribute{name: name, value: value{kind: truth, truth: true}})
	}
	return n
}

func (n *node) add(kind, label string) *node {
	b := &node{kind: kind, label: label}
	n.blocks = append(n.blocks, b)
	return b
}

func (n *node) limits(kind string, l *formula.Limits) *node {
	if l == nil {
		return n
	}
	b := n.add(kind, "")
	if l.Low != nil {
		b.set("low", l.Low.Text())
	}
	if l.High != nil {
		b.set("high", l.High.Text())
	}
	return n
}

// writer prints nodes with indentation and comments.
type writer struct {
	b        strings.Builder
	comments map[string][]string
}

// body prints what stands between two braces. The path names the block.
func (w *writer) body(path string, blocks []*node, attrs []*attribute, indent string) {
	for i := 0; i < len(attrs); {
		w.comment(join(path, attrs[i].name), indent)
		group := i + 1
		for group < len(attrs) && len(w.comments[join(path, attrs[group].name)]) == 0 {
			group++
		}
		width := 0
		for _, a := range attrs[i:group] {
			width = max(width, len(a.name))
		}
		for ; i < group; i++ {
			w.b.WriteString(indent + attrs[i].name + strings.Repeat(" ", width-len(attrs[i].name)) + " = " + attrs[i].value.print() + "\n")
		}
	}
	for i, b := range blocks {
		at := join(path, b.name())
		if i > 0 || len(attrs) > 0 {
			w.b.WriteString("\n")
		}
		w.comment(at, indent)
		w.b.WriteString(indent + b.kind + " ")
		if b.label != "" {
			w.b.WriteString(quote(b.label) + " ")
		}
		w.b.WriteString("{\n")
		w.body(at, b.blocks, b.attrs, indent+"  ")
		w.b.WriteString(indent + "}\n")
	}
	if end := join(path, "end"); len(w.comments[end]) > 0 {
		if len(attrs)+len(blocks) > 0 {
			w.b.WriteString("\n")
		}
		w.comment(end, indent)
	}
}

func (w *writer) comment(path, indent string) {
	for _, line := range w.comments[path] {
		w.b.WriteString(strings.TrimRight(indent+"# "+line, " ") + "\n")
	}
}

func (v value) print() string {
	switch v.kind {
	case truth:
		return strconv.FormatBool(v.truth)
	case list:
		var all []string
		for _, t := range v.list {
			all = append(all, quote(t.text))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	return quote(v.text)
}

// quote writes a text as a literal; "${" and "%{" cannot occur, parse refuses them.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}
