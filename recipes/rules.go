package recipes

import (
	"slices"
	"strconv"
	"strings"

	"veribatch/recipes/formula"
	"veribatch/recipes/procedure"
	"veribatch/recipes/syntax"
)

// maxDecimals bounds the digits after the separator that a value can declare.
const maxDecimals = 12

// checkRecipe asks the rules that need the whole recipe.
func (c *checker) checkRecipe(n *syntax.Node, r *Recipe) {
	if n.Readable("language") && !slices.Contains(Languages, r.Language) {
		c.Fault(n.Place("language"), syntax.Nearest(r.Language, Languages), "The language %q is not known.", syntax.Quotable(r.Language))
	}
	c.checkUnique(n)
	if n.Damaged {
		return
	}
	if len(r.Materials) == 0 && !damaged(n, "formula") {
		c.Fault(n.At, "Write a block formula { } with a material \"CODE\" { } for every component. The list of components is complete, each with its quantity (21 CFR 211.186(b)(3) and (4)).", "The recipe has no list of components.")
	} else if !hasActive(n) {
		c.Fault(first(n, "formula"), "Write active = true in the material of which the strength speaks (21 CFR 211.186(b)(2)).", "No component is marked as active.")
	}
	switch {
	case c.steps == 0:
		c.Fault(n.At, "Write at least one unit_procedure with an operation with a step. The instructions must be complete (21 CFR 211.186(b)(9)).", "The recipe has no steps.")
	case c.steps > MaxSteps:
		c.Fault(n.At, "Split the recipe.", "The recipe has more than %d steps, which is the most that can be executed in one batch.", MaxSteps)
	}
	c.checkEmpty(n)
}

// damaged tells whether a block of a kind in n could not be read whole.
func damaged(n *syntax.Node, kind string) bool {
	return slices.ContainsFunc(n.Of(kind), func(b *syntax.Node) bool { return b.Damaged })
}

// hasActive tells whether some material says active, or may say it where it could not be read.
func hasActive(n *syntax.Node) bool {
	for _, f := range n.Blocks {
		for _, m := range f.Blocks {
			if m.Kind == "material" && (m.Damaged || m.Attr("active") != nil) {
				return true
			}
		}
	}
	return damaged(n, "formula")
}

// first gives the place of the first block of a kind in n.
func first(n *syntax.Node, kind string) int {
	for _, b := range n.Blocks {
		if b.Kind == kind {
			return b.At
		}
	}
	return n.At
}

// checkEmpty refuses unit procedures and operations in which nothing is done.
func (c *checker) checkEmpty(n *syntax.Node) {
	for _, b := range n.Blocks {
		if structure[b.Kind] != "" && b.Kind != "insert" && len(b.Blocks) == 0 && !b.Damaged {
			c.Fault(b.At, "Write what is done in it, or delete it.", "%s has no steps.", b.Title())
		}
		c.checkEmpty(b)
	}
}

// groups are the names that are given once in a recipe or building block, by kind of block; a value is named once in its step, a capability in its equipment.
var groups = map[string]string{
	"unit_procedure": "unit procedure", "operation": "operation", "phase": "phase", "parallel": "step or structure", "selection": "step or structure", "repetition": "step or structure",
	"insert": "step or structure", "material": "material", "packaging": "packaging", "equipment": "equipment", "parameter": "parameter", "yield": "yield",
	"value": "value of this step", "capability": "capability of this equipment", "branch": "branch of this structure",
}

func init() {
	for _, kind := range syntax.Steps {
		groups[kind] = "step"
	}
}

// checkUnique: no name is given twice where one is meant.
func (c *checker) checkUnique(n *syntax.Node) {
	seen := map[string]*syntax.Node{}
	var walk func(*syntax.Node)
	walk = func(parent *syntax.Node) {
		for _, b := range parent.Blocks {
			word := groups[b.Kind]
			key := strings.TrimSuffix(word, " or structure")
			if strings.Contains(word, " of this ") {
				key += strconv.Itoa(parent.At)
			}
			if word != "" && b.Label != "" {
				if other := seen[key+" "+b.Label]; other != nil {
					c.Fault(b.LabelAt, "Give it another name.", "%s is already the name of another %s, in line %d.", syntax.Quotable(b.Label), word, c.Line(other.At))
				} else {
					seen[key+" "+b.Label] = b
				}
			}
			walk(b)
		}
	}
	walk(n)
}

// checkStep asks the rules of one step.
func (c *checker) checkStep(n *syntax.Node, s *Step) {
	switch {
	case n.Damaged:
	case slices.Contains([]string{"entry", "calculation", "check", "capture"}, n.Kind) && len(s.Values) == 0:
		c.Fault(n.At, "Write a block value \"ID\" { } for each thing to record, or make it an instruction.", "%s records nothing.", n.Title())
	}
	if n.Readable("role") && !slices.Contains(Roles, s.Role) {
		c.Fault(n.Place("role"), syntax.Nearest(s.Role, Roles), "The role %q cannot sign off a step.", syntax.Quotable(s.Role))
	}
}

// fits says which attributes and blocks a kind of value takes beyond title and kind, and which it needs.
var fits = map[procedure.ValueKind]struct{ takes, needs []string }{
	procedure.Decimal:  {[]string{"unit", "decimals", "alert", "action"}, []string{"unit", "decimals"}},
	procedure.Text:     {},
	procedure.Choice:   {[]string{"options", "expect"}, []string{"options"}},
	procedure.YesNo:    {[]string{"expect"}, nil},
	procedure.DateTime: {},
	procedure.Scan:     {[]string{"expect"}, []string{"expect"}},
}

// valueKinds names the kinds of values for hints.
var valueKinds = []string{"decimal", "text", "choice", "yes_no", "date_time", "scan"}

// checkValue asks the rules of one value.
func (c *checker) checkValue(n *syntax.Node, v *procedure.Value) {
	if n.Attr("kind") == nil && v.Kind == "" && !n.Damaged {
		c.Fault(n.At, "It says what can be typed.", "%s has no kind.", n.Title())
	}
	if v.Kind == "" || n.Attr("kind") != nil && !n.Readable("kind") {
		return
	}
	fit, known := fits[v.Kind]
	if !known {
		c.Fault(n.Place("kind"), syntax.Nearest(string(v.Kind), valueKinds), "The kind %q is not known.", syntax.Quotable(string(v.Kind)))
		return
	}
	for _, name := range []string{"unit", "decimals", "options", "expect"} {
		if a := n.Attr(name); a != nil && !slices.Contains(fit.takes, name) {
			c.Fault(a.At, "Delete it, or choose another kind.", "A value of kind %s has no %s.", v.Kind, name)
		}
	}
	for _, b := range n.Blocks {
		if (b.Kind == "alert" || b.Kind == "action") && !slices.Contains(fit.takes, b.Kind) {
			c.Fault(b.At, "Delete it, or choose another kind. An expected answer is written expect = \"…\".", "A value of kind %s has no %s limits.", v.Kind, b.Kind)
		}
	}
	for _, name := range fit.needs {
		if n.Attr(name) == nil && n.Attr("parameter") == nil && !n.Damaged {
			c.Fault(n.At, needs[name], "%s is of kind %s but has no %s.", n.Title(), v.Kind, name)
		}
	}
	c.checkAnswers(n, v)
	if v.Kind == procedure.Decimal && n.Attr("parameter") == nil {
		c.unit(n)
		c.checkLimits(n, v.Alert, v.Action)
	}
}

// needs are the hints for what a value lacks.
var needs = map[string]string{
	"unit":     `Write its unit, like unit = "kg"; a bare number has the unit "1".`,
	"decimals": `Write how many digits the instrument shows after the separator, like decimals = "2".`,
	"options":  `Write the answers to choose from, like options = ["clear", "cloudy"].`,
	"expect":   `Write the code that has to be read, like expect = "MAT-1042".`,
}

// checkAnswers: options are at least two different ones, an expected answer is one that can be given.
func (c *checker) checkAnswers(n *syntax.Node, v *procedure.Value) {
	if a := n.Attr("options"); v.Kind == procedure.Choice && a != nil && a.Value.Kind == syntax.List && !a.Value.Bad {
		if len(v.Options) < 2 {
			c.Fault(a.Value.At, `Write at least two, like ["clear", "cloudy"].`, "There is nothing to choose from.")
		}
		for i, o := range v.Options {
			if slices.Contains(v.Options[:i], o) {
				c.Fault(a.Value.List[i].At, "Delete one.", "The answer %q stands twice in the list.", syntax.Quotable(o))
			}
		}
	}
	if !n.Readable("expect") {
		return
	}
	switch {
	case v.Kind == procedure.YesNo && v.Expect != procedure.Yes && v.Expect != procedure.No:
		c.Fault(n.Place("expect"), `Write expect = "yes" or expect = "no".`, "The expected answer of a yes_no is yes or no.")
	case v.Kind == procedure.Choice && len(v.Options) > 0 && !slices.Contains(v.Options, v.Expect):
		c.Fault(n.Place("expect"), syntax.Nearest(v.Expect, v.Options), "The expected answer %q is not one of the options.", syntax.Quotable(v.Expect))
	}
}

// checkLimits: action limits enclose alert limits, else the batch would be held before anybody is warned.
func (c *checker) checkLimits(n *syntax.Node, alert, action *formula.Limits) {
	if alert == nil || action == nil {
		return
	}
	const hint = "An alert warns before the action limit is reached: the action limits enclose the alert limits."
	at := first(n, "action")
	if low := action.Low; low != nil && alert.Low != nil && low.Cmp(*alert.Low) > 0 {
		c.Fault(at, hint, "The low action limit %s lies above the low alert limit %s.", low, alert.Low)
	}
	if high := action.High; high != nil && alert.High != nil && high.Cmp(*alert.High) < 0 {
		c.Fault(at, hint, "The high action limit %s lies below the high alert limit %s.", high, alert.High)
	}
	if action.Low != nil && alert.Low == nil && alert.High != nil && alert.High.Cmp(*action.Low) < 0 ||
		action.High != nil && alert.High == nil && alert.Low != nil && alert.Low.Cmp(*action.High) > 0 {
		c.Fault(at, hint, "No reading lies within both the alert limits %s and the action limits %s.", alert.Text(), action.Text())
	}
}
