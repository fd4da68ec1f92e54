package recipes

import (
	"slices"

	"veribatch/recipes/formula/expression"
	"veribatch/recipes/syntax"
)

// checkParallel: there is something to do at the same time, and no two branches need the same equipment.
func (c *checker) checkParallel(e *Element) {
	if len(e.Body) < 2 && !e.node.Damaged {
		c.Fault(e.node.At, "Write a second branch, or what is in the branch without the parallel.", "%s has nothing that goes on at the same time.", e.node.Title())
	}
	user := map[string]*Element{}
	for _, b := range e.Body {
		for _, attr := range []string{"when", "otherwise"} {
			if a := b.node.Attr(attr); a != nil {
				c.Fault(a.At, "Delete it: all branches of a parallel are executed. A choice between branches is a selection.", "A branch of a parallel has no condition.")
			}
		}
		b.Walk(func(s *Element) {
			if s.Step == nil || s.Step.Equipment == "" {
				return
			}
			if other := user[s.Step.Equipment]; other != nil && other != b {
				c.Fault(s.node.Place("equipment"), "Do one after the other, or take other equipment.",
					"The branches %s and %s need %s at the same time, so they cannot both reach the join.", syntax.Quotable(other.node.Label), syntax.Quotable(b.node.Label), syntax.Quotable(s.Step.Equipment))
			}
			user[s.Step.Equipment] = b
		})
	}
}

// checkSelection: each branch can be taken, and there is one for every batch.
func (c *checker) checkSelection(e *Element, have steps) {
	for i, b := range e.Body {
		last := i == len(e.Body)-1
		switch {
		case b.node.Damaged:
		case b.Otherwise && b.node.Attr("when") != nil:
			c.Fault(b.node.At, "Delete one of them.", "%s has a condition and is taken otherwise.", b.node.Title())
		case !b.Otherwise && b.node.Attr("when") == nil:
			c.Fault(b.node.At, `Write when = "…", or otherwise = true in the last branch.`, "%s does not say when it is taken.", b.node.Title())
		case b.Otherwise && !last:
			c.Fault(e.Body[i+1].node.At, "Write the branch with otherwise = true last.", "%s can never be reached: the branch before it is taken whenever no other is.", e.Body[i+1].node.Title())
		case last && !b.Otherwise:
			c.Fault(e.node.At, "Write a last branch with otherwise = true: what is done when no condition holds.", "%s has no way for a batch for which no condition holds.", e.node.Title())
		}
		if b.When != nil {
			c.typed(b.node, "when", b.When, c.scope(b, have, nil), expression.Truth)
		}
	}
	if len(e.Body) == 0 && !e.node.Damaged {
		c.Fault(e.node.At, "Write its branches.", "%s has no branches.", e.node.Title())
	}
	c.checkReached(e, have)
}

// checkReached finds branches that no batch takes. Where conditions ask only for answers (choices, yes or no), all of them are tried.
func (c *checker) checkReached(e *Element, have steps) {
	var conditions []*expression.Formula
	for _, b := range e.Body {
		switch {
		case b.When != nil:
			conditions = append(conditions, b.When)
		case !b.Otherwise:
			return // it does not say when it is taken, which has been said
		}
	}
	reached := map[*Element]bool{}
	all := c.tryAll(e, conditions, func(values expression.Values) {
		for _, b := range e.Body {
			if b.Otherwise || b.When == nil || holds(b.When, values) {
				reached[b] = true
				return
			}
		}
	})
	for i, b := range e.Body {
		if b.When == nil {
			if all && b.Otherwise && !reached[b] && i > 0 {
				c.Fault(b.node.At, "Delete it, or loosen a condition before it.", "%s can never be reached: a branch before it is always taken.", b.node.Title())
			}
			continue
		}
		same := slices.ContainsFunc(e.Body[:i], func(before *Element) bool { return before.When != nil && before.When.String() == b.When.String() })
		if all && !reached[b] || same {
			c.Fault(b.node.Place("when"), "Mend the condition, or delete the branch.", "%s can never be reached.", b.node.Title())
		} else if v, is := constant(b.When); is && !all && !v {
			c.Fault(b.node.Place("when"), "Mend the condition, or delete the branch.", "%s can never be reached: its condition never holds.", b.node.Title())
		}
	}
}

func holds(f *expression.Formula, values expression.Values) bool {
	v, err := f.Evaluate(values)
	return err == nil && v.Truth
}

// constant gives the value of a condition that asks for nothing.
func constant(f *expression.Formula) (value, is bool) {
	if len(f.References()) > 0 {
		return false, false
	}
	v, err := f.Evaluate(nil)
	return err == nil && v.Truth, err == nil
}

// mostTried bounds the combinations of answers that are tried for one structure, and mostTriedInAll those for the whole recipe.
const (
	mostTried      = 4096
	mostTriedInAll = 20_000
)

// tryAll calls try with every combination of answers for the values that conditions ask for; false when they ask for something that has no list of answers.
func (c *checker) tryAll(e *Element, conditions []*expression.Formula, try func(expression.Values)) bool {
	var names []string
	for _, f := range conditions {
		names = append(names, f.References()...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	prefix := e.ID[:len(e.ID)-len(e.node.Label)]
	answers, count := make([][]expression.Value, len(names)), 1
	for i, name := range names {
		p := c.values[prefix+name]
		switch {
		case p == nil || !within(p.in, e.in):
			return false
		case p.kind == expression.Truth:
			answers[i] = []expression.Value{{Kind: expression.Truth, Truth: true}, {Kind: expression.Truth}}
		case len(p.answers) > 0:
			for _, a := range p.answers {
				answers[i] = append(answers[i], expression.Value{Kind: expression.Text, Text: a})
			}
		default:
			return false
		}
		if count *= len(answers[i]); count > mostTried {
			return false
		}
	}
	if c.tried += count; c.tried > mostTriedInAll {
		return false
	}
	for n := range count {
		given := map[string]expression.Value{}
		for i, name := range names {
			given[name] = answers[i][n%len(answers[i])]
			n /= len(answers[i])
		}
		try(func(name string) (expression.Value, error) { return given[name], nil })
	}
	return true
}

// checkRepetition: it ends, and something that happens in it decides when.
func (c *checker) checkRepetition(e *Element, have steps) {
	n := e.node
	if n.Damaged {
		return
	}
	if n.Attr("most") == nil {
		c.Fault(n.At, `Write most = "…": how often at most. When its condition does not hold then, the batch is held.`, "%s has no bound.", n.Title())
	}
	if n.Attr("until") == nil {
		c.Fault(n.At, `Write until = "…": the condition that ends it.`, "%s has no exit.", n.Title())
		return
	}
	if e.Until == nil {
		return
	}
	inside := &Element{Kind: e.Kind, ID: e.ID, node: n, in: append(slices.Clip(e.in), e)} // the condition sees the values of this time
	if _, good := c.typed(n, "until", e.Until, c.scope(inside, have, nil), expression.Truth); !good {
		return
	}
	prefix := e.ID[:len(e.ID)-len(n.Label)]
	moves := slices.ContainsFunc(e.Until.References(), func(name string) bool {
		p := c.values[prefix+name]
		return p != nil && slices.Contains(p.in, e)
	})
	ends := false
	all := c.tryAll(inside, []*expression.Formula{e.Until}, func(values expression.Values) { ends = ends || holds(e.Until, values) })
	if !moves || all && !ends {
		c.Fault(n.Place("until"), "Ask for a value that is recorded in the repetition.", "%s has no exit: nothing that is recorded in it can end it.", n.Title())
	}
}
