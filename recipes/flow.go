package recipes

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"veribatch/recipes/formula"
	"veribatch/recipes/formula/expression"
	"veribatch/recipes/formula/ucum"
	"veribatch/recipes/procedure"
	"veribatch/recipes/syntax"
)

// place is where a value comes from that formulas can name.
type place struct {
	kind    expression.Kind
	unit    string
	always  bool            // it stands in the recipe
	step    string          // the step after which it exists
	in      []*Element      // the repetitions around that step
	action  *formula.Limits // outside of them the batch is held; of a quantity of the recipe itself both ends
	answers []string        // of a choice
}

// kinds says what formulas see of the kinds of values.
var kinds = map[procedure.ValueKind]expression.Kind{
	procedure.Decimal: expression.Number, procedure.Text: expression.Text, procedure.Choice: expression.Text, procedure.YesNo: expression.Truth,
	procedure.DateTime: expression.Time, procedure.Scan: expression.Text,
}

// name makes the values of a step known to formulas, and when it began and ended.
func (c *checker) name(e *Element, s *Step) {
	for _, v := range s.Values {
		c.values[e.ID+"."+v.ID] = &place{kind: kinds[v.Kind], unit: v.Unit, step: e.ID, in: e.in, action: v.Action, answers: v.Options}
	}
	for _, when := range []string{"start", "end"} {
		if s.Value(when) == nil {
			c.values[e.ID+"."+when] = &place{kind: expression.Time, step: e.ID, in: e.in}
		}
	}
}

// steps are those that have been executed on every way to a place.
type steps map[string]bool

// follow goes through a body as a batch would, on all ways at once. It checks each formula where it stands, and gives what has been executed behind the body.
func (c *checker) follow(body []*Element, have steps) steps {
	for _, e := range body {
		have = c.pass(e, have)
	}
	return have
}

func (c *checker) pass(e *Element, have steps) steps {
	switch e.Kind {
	case "parallel":
		c.checkParallel(e)
		all := maps.Clone(have)
		for _, b := range e.Body {
			maps.Copy(all, c.follow(b.Body, maps.Clone(have)))
		}
		return all
	case "selection":
		return c.select_(e, have)
	case "repetition":
		have = c.follow(e.Body, have)
		c.checkRepetition(e, have)
		return have
	}
	if e.Step == nil {
		return c.follow(e.Body, have)
	}
	c.checkFormulas(e, have)
	have[e.ID] = true
	if _, asked := c.after[e.ID]; asked {
		c.after[e.ID] = maps.Clone(have)
	}
	return have
}

// select_ goes through each branch; behind them only that is sure which happened in all.
func (c *checker) select_(e *Element, have steps) steps {
	c.checkSelection(e, have)
	var sure steps
	for _, b := range e.Body {
		branch := c.follow(b.Body, maps.Clone(have))
		if sure == nil {
			sure = branch
		} else {
			maps.DeleteFunc(sure, func(step string, _ bool) bool { return !branch[step] })
		}
	}
	if sure == nil {
		return have
	}
	return sure
}

// scope is what a formula sees where it stands.
type scope struct {
	names  expression.Names
	ranges expression.Range
}

// scope gives what a formula sees at an element. Own are the values of the same step that are recorded before it.
func (c *checker) scope(e *Element, have steps, own []string) scope {
	prefix := strings.TrimSuffix(e.ID, e.node.Label)
	names := c.names(e, prefix, have, own)
	return scope{names, c.rangeOf(prefix, names)}
}

func (c *checker) names(e *Element, prefix string, have steps, own []string) expression.Names {
	return func(name string) (expression.Type, error) {
		p := c.values[prefix+name]
		if p == nil {
			p = c.values[name]
		}
		if p == nil || !p.always && c.values[prefix+name] == nil {
			return expression.Type{}, said(fmt.Sprintf("There is no value [%s]. %s", syntax.Quotable(name), c.nearestValue(prefix, name)))
		}
		if !p.always && !have[p.step] && (p.step != e.ID || !slices.Contains(own, name)) {
			return expression.Type{}, said(fmt.Sprintf("[%s] is not recorded on every way to this place.", name))
		}
		t := expression.Type{Kind: p.kind, List: !within(p.in, e.in)}
		if p.kind == expression.Number {
			t.Unit = unitOf(p.unit)
		}
		return t, nil
	}
}

// said is why a name stands for nothing, as the fault says it.
type said string

func (s said) Error() string { return string(s) }

// within tells whether the repetitions around a value are around its user too: then the value of this time is meant, else the values of all times.
func within(value, user []*Element) bool {
	return len(value) <= len(user) && slices.Equal(value, user[:len(value)])
}

// unitOf gives the unit of a symbol; one for a symbol that is not known, which has been said where it stands.
func unitOf(symbol string) ucum.Unit {
	if u, err := formula.FindUnit(symbol); err == nil {
		if of, err := ucum.Parse(u.UCUM); err == nil {
			return of
		}
	}
	return ucum.One()
}

func (c *checker) nearestValue(prefix, name string) string {
	const general = "A value is named by its step and itself, like [040.net]."
	if c.hints++; c.hints > 20 {
		return general // to look for the nearest of thousands of values takes time
	}
	var known []string
	for k := range c.values {
		if rest, is := strings.CutPrefix(k, prefix); is {
			known = append(known, rest)
		}
	}
	slices.Sort(known)
	if hint := syntax.Nearest(name, known); strings.HasPrefix(hint, "Did you mean") {
		return hint
	}
	return general
}

// checkFormulas checks what a step computes.
func (c *checker) checkFormulas(e *Element, have steps) {
	var own []string
	for _, n := range e.node.Of("value") {
		f := e.Step.Formulas[n.Label]
		if v := e.Step.Value(n.Label); f != nil && v != nil {
			c.checkComputed(e, n, v, f, c.scope(e, have, own))
		}
		own = append(own, e.node.Label+"."+n.Label)
	}
	if f := c.formula(e.node, "copies"); f != nil {
		c.typed(e.node, "copies", f, c.scope(e, have, nil), expression.Number)
	}
	for _, name := range []string{"after", "from", "to"} {
		if !e.node.Readable(name) || name == "after" && e.Kind != "wait" {
			continue
		}
		prefix, step := strings.TrimSuffix(e.ID, e.node.Label), e.node.Text(name)
		switch {
		case c.values[prefix+step+".end"] == nil:
			c.Fault(e.node.Place(name), "Name a step.", "There is no step %s.", syntax.Quotable(step))
		case !have[prefix+step]:
			c.Fault(e.node.Place(name), "Wait for a step that every batch has executed before.", "Step %s is not executed on every way to this place, so this step might wait for ever.", syntax.Quotable(step))
		}
	}
}

// typed checks a formula and gives its type; false when a fault was said.
func (c *checker) typed(n *syntax.Node, attr string, f *expression.Formula, at scope, want expression.Kind) (expression.Type, bool) {
	t, faults := f.Check(at.names)
	for _, one := range faults {
		c.inFormula(n, attr, one)
	}
	if len(faults) == 0 && (t.Kind != want || t.List) {
		c.Fault(n.Place(attr), "", "The formula gives %s, and %s is wanted here.", article(t), article(expression.Type{Kind: want}))
		return t, false
	}
	if len(faults) > 0 {
		return t, false
	}
	for _, one := range f.DivisionsByZero(at.ranges) {
		c.inFormula(n, attr, one)
	}
	return t, true
}

func article(t expression.Type) string {
	switch {
	case t.List:
		return "several values"
	case t.Kind == expression.Truth:
		return "yes or no"
	}
	return "a " + string(t.Kind)
}

// rangeOf says within which limits a named value lies in a batch that is not held, in base units; a nil end is open.
func (c *checker) rangeOf(prefix string, names expression.Names) expression.Range {
	return func(name string) (low, high *big.Rat) {
		t, err := names(name)
		p := cmp.Or(c.values[prefix+name], c.values[name])
		if err != nil || p.action == nil {
			return nil, nil
		}
		return base(p.action.Low, t.Unit), base(p.action.High, t.Unit)
	}
}

func base(d *formula.Decimal, u ucum.Unit) *big.Rat {
	if d == nil {
		return nil
	}
	v, _ := new(big.Rat).SetString(d.Text())
	return u.ToBase(v)
}

// checkComputed checks a value that is computed: its unit, that it says how it is rounded, and which of the two its limits judge.
func (c *checker) checkComputed(e *Element, n *syntax.Node, v *procedure.Value, f *expression.Formula, at scope) {
	want := kinds[v.Kind]
	if v.Kind == procedure.Scan || v.Kind == procedure.DateTime {
		c.Fault(n.Place("kind"), "", "A value of kind %s cannot be computed.", v.Kind)
		return
	}
	t, good := c.typed(n, "formula", f, at, want)
	if !good || want != expression.Number {
		return
	}
	switch unit := unitOf(v.Unit); {
	case !t.Unit.Same(unit) || t.Unit.Special() != unit.Special():
		c.Fault(n.Place("formula"), "", "The formula gives %s, and the value has the unit %s.", t.Unit.Code(), v.Unit)
	case !f.Rounded():
		c.Fault(n.Place("formula"), fmt.Sprintf("Write round(…, %d '%s') around it.", v.Decimals, v.Unit), "The formula does not say how its result is rounded.")
	case (v.Alert != nil || v.Action != nil) && e.Step.Compare[v.ID] == "":
		c.Fault(n.At, `Write compare = "rounded" or compare = "unrounded".`, "It is not said whether the limits judge the rounded or the unrounded result.")
	}
	c.oneOf(n, "compare", "rounded", "unrounded")
}
