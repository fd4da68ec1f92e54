// Package syntax owns the text of recipes: what may stand where, the tree that it makes, faults with their places, and the canonical form. It knows the names of
// everything a recipe can say and nothing of what it means; package recipes gives the meaning.
// Start reading at the grammar in grammar.go, then Read and Print.
package syntax

// Node is a block of the text as it stands there, before anybody asks what it means.
type Node struct {
	Kind, Label string
	At          int // where the kind stands, in bytes
	LabelAt     int
	Line        int // of At, from 1
	Attrs       []*Attribute
	Blocks      []*Node
	Comments    []string // before it
	Tail        []string // at its end, before "}"
	Damaged     bool     // something in it could not be read, so nothing in it can be called missing
}

// Attribute is a name with its value as it stands in the text.
type Attribute struct {
	Name     string
	At       int
	Value    Value
	Comments []string
}

// Value is what stands behind "=".
type Value struct {
	At    int
	Kind  Kind // Text, Truth or List
	Text  string
	Truth bool
	List  []Value
	Bad   bool // it could not be read, which has been said
}

// Read gives the tree of a text, and the report to which whoever asks for its meaning adds. With faults in the report the tree is what could be read of it.
func Read(file string, src []byte) (*Node, *Report) {
	c := &Report{file: file, src: src}
	tokens := c.scan()
	if len(c.faults) > 0 {
		return nil, c
	}
	root := c.parse(tokens)
	c.checkShape(root)
	return root, c
}

// Attr finds an attribute by name; nil when it is not there.
func (n *Node) Attr(name string) *Attribute {
	for _, a := range n.Attrs {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// Text gives the text of an attribute, "" when it is missing.
func (n *Node) Text(name string) string {
	if a := n.Attr(name); a != nil {
		return a.Value.Text
	}
	return ""
}

// Is tells whether an attribute says true.
func (n *Node) Is(name string) bool {
	a := n.Attr(name)
	return a != nil && a.Value.Truth
}

// List gives the texts of an attribute.
func (n *Node) List(name string) []string {
	a := n.Attr(name)
	if a == nil {
		return nil
	}
	var all []string
	for _, v := range a.Value.List {
		all = append(all, v.Text)
	}
	return all
}

// Place gives where the value of an attribute stands, or the block when it is missing.
func (n *Node) Place(name string) int {
	if a := n.Attr(name); a != nil {
		return a.Value.At
	}
	return n.At
}

// Readable tells whether an attribute holds a text that is worth a closer look: it is there, and no fault was noted before.
func (n *Node) Readable(name string) bool {
	a := n.Attr(name)
	return a != nil && !a.Value.Bad && a.Value.Kind == Text && a.Value.Text != ""
}

// Of gives the blocks of a kind in n.
func (n *Node) Of(kind string) (all []*Node) {
	for _, b := range n.Blocks {
		if b.Kind == kind {
			all = append(all, b)
		}
	}
	return all
}

// Title names a block for messages.
func (n *Node) Title() string {
	if n.Label == "" {
		return "The " + n.Kind
	}
	return n.Kind + " \"" + Quotable(n.Label) + "\""
}

// Comments gives the notes of the author in the text, without "#", by the path of the node that they stand before: "recipe/formula/material API-1/quantity". A path that
// ends in "/end" is the end of a block, "end" the end of the text. The recipe itself is named without its code, so that a copy keeps its comments.
func Comments(root *Node) map[string][]string {
	all := map[string][]string{}
	gather(all, "", root)
	return all
}

func gather(comments map[string][]string, path string, n *Node) {
	keep := func(at string, lines []string) {
		if len(lines) > 0 {
			comments[at] = append(comments[at], lines...)
		}
	}
	for _, a := range n.Attrs {
		keep(join(path, a.Name), a.Comments)
	}
	for _, b := range n.Blocks {
		at := join(path, b.name())
		keep(at, b.Comments)
		gather(comments, at, b)
	}
	keep(join(path, "end"), n.Tail)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "/" + name
}

func (n *Node) name() string {
	if n.Label == "" || n.Kind == "recipe" {
		return n.Kind
	}
	return n.Kind + " " + n.Label
}
