package expression

import (
	"math/big"
	"slices"
	"strings"
)

// Trace prints a calculation as a reviewer follows it on paper: the formula, the formula with the values in the place of their names, then line by line what was
// computed from the inside to the outside, down to the result. What was not needed, such as the other value of if, is left out. The error is that of Evaluate;
// the lines up to it are given.
func (f *Formula) Trace(values Values) (lines []string, err error) {
	lines = []string{f.String()}
	s := &step{node: f.root}
	if err = s.fill(values); err != nil {
		return lines, err
	}
	for {
		if line := s.print(0); line != lines[len(lines)-1] {
			lines = append(lines, line)
		}
		if s.value != nil {
			return lines, nil
		}
		if s, err = s.reduce(values); err != nil {
			return lines, err
		}
	}
}

// step is a part of a formula while it is computed.
type step struct {
	node  *node
	value *Value // once it is known
	of    []*step
}

// fill puts values in the place of names, but on a path that is not decided yet.
func (s *step) fill(values Values) error {
	switch n := s.node; {
	case n.kind == number, n.kind == quoted, n.kind == reference, len(n.of) == 0:
		v, err := n.evaluate(values)
		s.value = &v
		return err
	}
	for i, o := range s.node.of {
		s.of = append(s.of, &step{node: o})
		if i > 0 && s.lazy() {
			continue
		}
		if i > 0 && s.digits() {
			continue
		}
		if err := s.of[i].fill(values); err != nil {
			return err
		}
	}
	return nil
}

// lazy parts are evaluated when it is decided that they are needed.
func (s *step) lazy() bool { return s.node.text == "if" || s.node.text == "and" || s.node.text == "or" }

// digits tells whether all arguments but the first say how a number is rounded.
func (s *step) digits() bool { return s.node.text == "round" || s.node.text == "sigfig" }

// reduce computes, at every place, what stands ready.
func (s *step) reduce(values Values) (*step, error) {
	if s.value != nil {
		return s, nil
	}
	first := s.of[0]
	switch {
	case s.lazy() && first.value != nil:
		next := s.of[len(s.of)-1]
		switch {
		case s.node.text == "if" && first.value.Truth:
			next = s.of[1]
		case s.node.text != "if" && first.value.Truth == (s.node.text == "or"):
			return first, nil
		}
		return next, next.fill(values)
	case s.lazy() || s.digits() && first.value == nil:
		reduced, err := first.reduce(values)
		s.of[0] = reduced
		return s, err
	case s.digits() || !slices.ContainsFunc(s.of, func(o *step) bool { return o.value == nil }):
		return s.compute()
	}
	for i, o := range s.of {
		reduced, err := o.reduce(values)
		if err != nil {
			return s, err
		}
		s.of[i] = reduced
	}
	return s, nil
}

func (s *step) compute() (*step, error) {
	of := make([]Value, len(s.of))
	for i, o := range s.of {
		if o.value != nil {
			of[i] = *o.value
		}
	}
	v, err := s.node.apply(of)
	return &step{node: s.node, value: &v}, err
}

// print writes a part; it stands within something that binds as strongly as outer.
func (s *step) print(outer int) string {
	if s.value != nil {
		text := s.value.text()
		if strings.HasPrefix(text, "-") && outer >= bindAdd {
			return "(" + text + ")"
		}
		return text
	}
	if s.of == nil {
		return s.node.print(outer)
	}
	parts := make([]*node, len(s.of))
	for i, o := range s.of {
		parts[i] = o.node
		if o.value != nil || o.of != nil {
			parts[i] = &node{kind: printed, of: nil, print_: o.print}
		}
	}
	whole := *s.node
	whole.of = parts
	return whole.print(outer)
}

// figuresShown are the significant figures of a number on paper that has no end.
const figuresShown = 15

// text writes a value as a person reads it.
func (v Value) text() string {
	switch {
	case v.Shown != "":
		return v.Shown
	case v.Kind == Truth && v.Truth:
		return "yes"
	case v.Kind == Truth:
		return "no"
	case v.Kind == Text:
		return "'" + v.Text + "'"
	case v.Kind == Time:
		return v.Time.Format("2006-01-02 15:04:05")
	case v.Number == nil:
		texts := make([]string, len(v.List))
		for i, n := range v.List {
			texts[i] = digitsOf(v.Unit.FromBase(n))
		}
		return shown(strings.Join(texts, ", "), v.Unit)
	}
	return shown(digitsOf(v.In(v.Unit)), v.Unit)
}

// digitsOf writes a number exactly, or with an ellipsis behind its first figures.
func digitsOf(n *big.Rat) string {
	if n.IsInt() && len(n.Num().String()) <= maxDigits {
		return n.Num().String()
	}
	if places, exact := n.FloatPrec(); exact && places <= maxDigits {
		return n.FloatString(places)
	}
	cut, places := toFigures(n, figuresShown, roundings["down"])
	return cut.FloatString(max(0, places)) + "…"
}
