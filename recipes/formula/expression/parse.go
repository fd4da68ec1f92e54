// Package expression owns the small language of formulas in recipes: exact numbers with units, comparisons, conditions and the functions that pharmaceutical
// calculations need. A formula is read, checked for units and kinds when the recipe is checked, and evaluated without ever rounding where it does not say so. It
// never uses floating point, never panics and always ends. It knows no recipe: names of values are resolved by whoever asks. Start reading at Parse.
package expression

import (
	"slices"
	"strings"
)

// Formula is a formula as it was read.
type Formula struct {
	text string
	root *node
}

// node is a part of a formula: a leaf (a number with a unit, a text, a reference, true or false), or an operation or function over parts.
type node struct {
	kind kind // number, quoted, reference; word for functions, operations in words and truth; sign for operations
	text string
	unit string // of a number, as written
	at   int
	of   []*node

	print_ func(outer int) string // of a part that a trace prints
}

// String gives the formula in its one spelling: one blank around operations, no bracket that changes nothing.
func (f *Formula) String() string { return f.root.print(0) }

// References lists the names of values that the formula uses, each once, in their order.
func (f *Formula) References() (names []string) {
	f.root.walk(func(n *node) {
		if n.kind == reference && !slices.Contains(names, n.text) {
			names = append(names, n.text)
		}
	})
	return names
}

func (n *node) walk(visit func(*node)) {
	visit(n)
	for _, o := range n.of {
		o.walk(visit)
	}
}

// How strongly operations bind. Comparisons stand alone: a < b < c is refused.
const (
	bindOr = iota + 1
	bindAnd
	bindNot
	bindCompare
	bindAdd
	bindMultiply
	bindNegate
	bindPower
)

var binding = map[string]int{
	"or": bindOr, "and": bindAnd, "<": bindCompare, "<=": bindCompare, ">": bindCompare, ">=": bindCompare, "=": bindCompare, "!=": bindCompare,
	"+": bindAdd, "-": bindAdd, "*": bindMultiply, "/": bindMultiply, "^": bindPower,
}

// Parse reads a formula. What is wrong is a *Fault. The one spelling of a formula (String) keeps to the limits too, so that it can be read again.
func Parse(text string) (*Formula, error) {
	root, err := read(text)
	if err != nil {
		return nil, err
	}
	f := &Formula{text, root}
	if spelled := f.String(); spelled != text {
		if _, err := read(spelled); err != nil {
			return nil, fail(0, "Make steps of it.", "The formula is too long or nested too deeply.")
		}
	}
	return f, nil
}

func read(text string) (*node, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	root, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if t := p.next(); t.kind != end {
		return nil, fail(t.at, "", "%q does not belong here.", t.text)
	}
	return root, nil
}

type parser struct {
	tokens []token
	at     int
	depth  int
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != end {
		p.at++
	}
	return t
}

func (p *parser) is(text string) bool {
	t := p.peek()
	return (t.kind == sign || t.kind == word) && t.text == text
}

// expression reads what binds more strongly than least.
func (p *parser) expression(least int) (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fail(p.peek().at, "Make steps of it.", "The formula is nested deeper than %d.", maxDepth)
	}
	defer func() { p.depth-- }()
	left, err := p.prefixed()
	for err == nil {
		t := p.peek()
		bind := binding[t.text]
		if t.kind != sign && t.kind != word || bind <= least {
			return left, nil
		}
		p.next()
		if bind == bindCompare && left.kind == sign && binding[left.text] == bindCompare && len(left.of) == 2 && !p.bracketed(left) {
			return nil, fail(t.at, "Join two comparisons with and.", "A comparison of a comparison means nothing.")
		}
		over := bind
		if t.text == "^" {
			over-- // 2 ^ 3 ^ 2 is refused where the exponent is checked, and reads from the right
		}
		var right *node
		if right, err = p.expression(over); err == nil {
			left = &node{kind: t.kind, text: t.text, at: t.at, of: []*node{left, right}}
		}
	}
	return nil, err
}

// bracketed tells whether a part ended with a bracket just before the operation that was taken.
func (p *parser) bracketed(*node) bool {
	t := p.tokens[p.at-2]
	return t.kind == sign && t.text == ")"
}

// prefixed reads a part that may stand behind not or a minus.
func (p *parser) prefixed() (*node, error) {
	switch t := p.peek(); {
	case p.is("not"):
		p.next()
		of, err := p.expression(bindNot)
		return &node{kind: word, text: "not", at: t.at, of: []*node{of}}, err
	case p.is("-"):
		p.next()
		of, err := p.expression(bindNegate)
		return &node{kind: sign, text: "-", at: t.at, of: []*node{of}}, err
	}
	return p.primary()
}

func (p *parser) primary() (*node, error) {
	t := p.next()
	switch t.kind {
	case number:
		n := &node{kind: number, text: t.text, at: t.at}
		if u := p.peek(); u.kind == quoted {
			n.unit = p.next().text
		}
		return n, nil
	case quoted, reference:
		return &node{kind: t.kind, text: t.text, at: t.at}, nil
	case word:
		return p.named(t)
	case sign:
		if t.text == "(" {
			n, err := p.expression(0)
			if err != nil {
				return nil, err
			}
			return n, p.close(t)
		}
	}
	if t.kind == end {
		return nil, fail(t.at, "", "Something is missing at the end.")
	}
	return nil, fail(t.at, "", "A number, a value or a function should stand here, and not %q.", t.text)
}

// named is true, false or a function with its arguments.
func (p *parser) named(t token) (*node, error) {
	if t.text == "true" || t.text == "false" {
		return &node{kind: word, text: t.text, at: t.at}, nil
	}
	f, known := functions[t.text]
	if !known {
		return nil, fail(t.at, nearest(t.text), "%q is not known.", t.text)
	}
	n := &node{kind: word, text: t.text, at: t.at}
	if !p.is("(") {
		return nil, fail(p.peek().at, "", "Behind %s stand its arguments in brackets.", t.text)
	}
	open := p.next()
	for {
		argument, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		if n.of = append(n.of, argument); !p.is(",") {
			break
		}
		p.next()
	}
	if err := p.close(open); err != nil {
		return nil, err
	}
	if len(n.of) < f.least || f.most > 0 && len(n.of) > f.most {
		return nil, fail(t.at, f.usage, "%s has another number of arguments.", t.text)
	}
	return n, nil
}

func (p *parser) close(open token) error {
	if !p.is(")") {
		return fail(open.at, "", "This bracket is not closed.")
	}
	p.next()
	return nil
}

// print writes a part; it stands within something that binds as strongly as outer.
func (n *node) print(outer int) string {
	switch {
	case n.kind == printed:
		return n.print_(outer)
	case n.kind == number && n.unit != "":
		return n.text + " '" + n.unit + "'"
	case n.kind == number:
		return n.text
	case n.kind == quoted:
		return "'" + n.text + "'"
	case n.kind == reference:
		return "[" + n.text + "]"
	case len(n.of) == 0:
		return n.text
	}
	bind, text := binding[n.text], ""
	switch {
	case n.kind == sign && len(n.of) == 1:
		bind, text = bindNegate, "-"+n.of[0].print(bindNegate)
	case n.text == "not":
		bind, text = bindNot, "not "+n.of[0].print(bindNot)
	case bind > 0:
		left, right := bind-1, bind
		switch {
		case n.text == "^":
			left, right = bind, bind-1
		case bind == bindCompare:
			left = bind
		}
		text = n.of[0].print(left) + " " + n.text + " " + n.of[1].print(right)
	default:
		parts := make([]string, len(n.of))
		for i, o := range n.of {
			parts[i] = o.print(0)
		}
		return n.text + "(" + strings.Join(parts, ", ") + ")"
	}
	if bind <= outer {
		return "(" + text + ")"
	}
	return text
}
