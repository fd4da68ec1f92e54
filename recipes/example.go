package recipes

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"veribatch/recipes/formula"
	"veribatch/recipes/formula/expression"
	"veribatch/recipes/syntax"
)

// example shows what a changed formula does, on values in the middle of their limits: "; with [160.mean] = 2.55 %: 0.78 → 1.18". It is empty when one of the formulas gives
// no number then.
func (c *comparison) example(old, new *syntax.Node, attr string) string {
	before, errA := expression.Parse(old.Text(attr))
	after, errB := expression.Parse(new.Text(attr))
	if errA != nil || errB != nil {
		return ""
	}
	var given []string
	try := func(f *expression.Formula, s *side, n *syntax.Node) (string, bool) {
		if _, faults := f.Check(func(name string) (expression.Type, error) { return s.typeOf(n, name) }); len(faults) > 0 {
			return "", false
		}
		v, err := f.Evaluate(func(name string) (expression.Value, error) {
			sample, said := s.sample(n, name)
			if text := "[" + name + "] = " + said; s == c.new && !slices.Contains(given, text) {
				given = append(given, text)
			}
			return sample, nil
		})
		if err != nil || v.Kind != expression.Number {
			return "", false
		}
		return shownIn(v), true
	}
	x, good := try(before, c.old, old)
	y, also := try(after, c.new, new)
	if !good || !also {
		return ""
	}
	if len(given) == 0 {
		return "" // constants speak for themselves
	}
	return fmt.Sprintf("; with %s: %s → %s", strings.Join(given, ", "), x, y)
}

// shownIn writes a result as it was rounded, else with six digits at most.
func shownIn(v expression.Value) string {
	if v.Shown != "" {
		return v.Shown
	}
	return strings.TrimSuffix(digits(v.In(v.Unit))+" "+v.Unit.Code(), " 1")
}

// place finds what a name in a formula stands for: of a building block in the first place where it is inserted.
func (s *side) place(n *syntax.Node, name string) *place {
	for p := s.of[n]; p != nil; p = p.parent {
		if p.Kind != "building_block" {
			continue
		}
		prefix := ""
		s.Walk(func(e *Element) {
			if e.Kind == "insert" && e.node.Text("block") == p.Label && prefix == "" {
				prefix = e.ID + "."
			}
		})
		return s.values[prefix+name]
	}
	return s.values[name]
}

func (s *side) typeOf(n *syntax.Node, name string) (expression.Type, error) {
	p := s.place(n, name)
	if p == nil {
		return expression.Type{}, said("unknown")
	}
	return expression.Type{Kind: p.kind, Unit: unitOf(p.unit), List: !within(p.in, s.around(n))}, nil
}

// sample gives a value for a name that has a type, and how a person reads it.
func (s *side) sample(n *syntax.Node, name string) (expression.Value, string) {
	p := s.place(n, name)
	switch p.kind {
	case expression.Truth:
		return expression.Value{Kind: expression.Truth, Truth: true}, "yes"
	case expression.Text:
		answer := append(p.answers, "…")[0]
		return expression.Value{Kind: expression.Text, Text: answer}, answer
	case expression.Time:
		at := time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC)
		if strings.HasSuffix(name, ".end") {
			at = at.Add(time.Hour)
		}
		return expression.Value{Kind: expression.Time, Time: at}, at.Format("15:04")
	}
	return sampleNumber(p, !within(p.in, s.around(n)))
}

// sampleNumber takes the middle of the limits; of several values the ends too.
func sampleNumber(p *place, several bool) (expression.Value, string) {
	unit := unitOf(p.unit)
	all := []*big.Rat{big.NewRat(10, 1)}
	if l := p.action; l != nil {
		all = nil
		for _, end := range []*formula.Decimal{l.Low, l.High} {
			if end != nil {
				v, _ := new(big.Rat).SetString(end.Text())
				all = append(all, v)
			}
		}
		if len(all) == 2 {
			middle := new(big.Rat).Add(all[0], all[1])
			all = []*big.Rat{all[0], middle.Quo(middle, big.NewRat(2, 1)), all[1]}
		}
	}
	v := expression.Value{Kind: expression.Number, Unit: unit}
	if !several {
		middle := all[len(all)/2]
		v.Number = unit.ToBase(middle)
		return v, strings.TrimSuffix(digits(middle)+" "+p.unit, " 1")
	}
	var said []string
	for _, one := range all {
		v.List = append(v.List, unit.ToBase(one))
		said = append(said, strings.TrimSuffix(digits(one)+" "+p.unit, " 1"))
	}
	return v, strings.Join(said, ", ")
}

// around gives the repetitions around a block.
func (s *side) around(n *syntax.Node) (in []*Element) {
	s.Walk(func(e *Element) {
		for _, b := range e.node.Blocks {
			if b == n || e.node == n {
				in = e.in
			}
		}
	})
	return in
}
