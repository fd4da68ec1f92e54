package recipes

import (
	"slices"
	"strconv"

	"veribatch/internal/fault"
	"veribatch/recipes/formula"
	"veribatch/recipes/procedure"
)

// maxDecimals bounds the digits after the separator that a value can declare.
const maxDecimals = 12

// checkRecipe asks the rules that need the whole recipe.
func (c *checker) checkRecipe(n *node, r *Recipe) {
	if n.readable("language") && !slices.Contains(Languages, r.Language) {
		c.fault(n.place("language"), nearest(r.Language, Languages), "The language %q is not known.", printableOnly(r.Language))
	}
	c.checkUnique(n)
	if n.damaged {
		return
	}
	if len(r.Materials) == 0 && !n.damagedWithin("formula") {
		c.fault(n.at, "Write a block formula { } with a material \"CODE\" { } for every component. "+component, "The recipe has no list of components.")
	} else if !n.hasActive() {
		c.fault(first(n, "formula"), "Write active = true in the material of which the strength speaks (21 CFR 211.186(b)(2)).", "No component is marked as active.")
	}
	steps := r.Procedure.Steps()
	switch {
	case len(steps) == 0:
		c.fault(n.at, "Write at least one unit_procedure with an operation with a step. "+complete, "The recipe has no steps.")
	case len(steps) > MaxSteps:
		c.fault(n.at, "Split the recipe.", "The recipe has %d steps, at most %d can be executed in one batch.", len(steps), MaxSteps)
	}
	c.checkEmpty(n)
}

// damagedWithin tells whether a block of a kind in n could not be read whole.
func (n *node) damagedWithin(kind string) bool {
	return slices.ContainsFunc(n.blocks, func(b *node) bool { return b.kind == kind && b.damaged })
}

// hasActive tells whether some material says active, or may say it where it could not be read.
func (n *node) hasActive() bool {
	for _, f := range n.blocks {
		for _, m := range f.blocks {
			if m.kind == "material" && (m.damaged || m.attr("active") != nil) {
				return true
			}
		}
	}
	return n.damagedWithin("formula")
}

// first gives the place of the first block of a kind in n.
func first(n *node, kind string) int {
	for _, b := range n.blocks {
		if b.kind == kind {
			return b.at
		}
	}
	return n.at
}

// checkEmpty refuses unit procedures and operations in which nothing is done.
func (c *checker) checkEmpty(n *node) {
	for _, b := range n.blocks {
		if (b.kind == "unit_procedure" || b.kind == "operation") && len(b.blocks) == 0 && !b.damaged {
			c.fault(b.at, "Write what is done in it, or delete it.", "%s has no steps.", title(b))
		}
		c.checkEmpty(b)
	}
}

// checkUnique: units, operations and steps are named once in a recipe, materials once in its formula, values once in their step.
func (c *checker) checkUnique(n *node) {
	groups := map[string]string{
		"unit_procedure": "unit procedure", "operation": "operation", "instruction": "step", "entry": "step", "sign_off": "step", "material": "material",
	}
	seen := map[string]*node{}
	var walk func(*node)
	walk = func(parent *node) {
		for _, b := range parent.blocks {
			key, word := groups[b.kind], groups[b.kind]
			if b.kind == "value" {
				key, word = "value "+strconv.Itoa(parent.at), "value of this step"
			}
			if key != "" && b.label != "" {
				if other := seen[key+" "+b.label]; other != nil {
					c.fault(b.labelAt, "Give it another name.", "%s is already the name of another %s, in line %d.", printableOnly(b.label), word, c.line(other.at))
				} else {
					seen[key+" "+b.label] = b
				}
			}
			walk(b)
		}
	}
	walk(n)
}

// checkStep asks the rules of one step.
func (c *checker) checkStep(n *node, s *procedure.Step) {
	switch {
	case n.damaged:
	case s.Kind == procedure.Entry && len(s.Values) == 0:
		c.fault(n.at, "Write a block value \"ID\" { } for each thing to record, or make it an instruction.", "%s records nothing.", title(n))
	}
	if n.readable("role") && !slices.Contains(Roles, s.Role) {
		c.fault(n.place("role"), nearest(s.Role, Roles), "The role %q cannot sign off a step.", printableOnly(s.Role))
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
func (c *checker) checkValue(n *node, v *procedure.Value) {
	if !n.readable("kind") {
		return
	}
	fit, known := fits[v.Kind]
	if !known {
		c.fault(n.place("kind"), nearest(string(v.Kind), valueKinds), "The kind %q is not known.", printableOnly(string(v.Kind)))
		return
	}
	for _, name := range []string{"unit", "decimals", "options", "expect"} {
		if a := n.attr(name); a != nil && !slices.Contains(fit.takes, name) {
			c.fault(a.at, "Delete it, or choose another kind.", "A value of kind %s has no %s.", v.Kind, name)
		}
	}
	for _, b := range n.blocks {
		if (b.kind == "alert" || b.kind == "action") && !slices.Contains(fit.takes, b.kind) {
			c.fault(b.at, "Delete it, or choose another kind. An expected answer is written expect = \"…\".", "A value of kind %s has no %s limits.", v.Kind, b.kind)
		}
	}
	for _, name := range fit.needs {
		if n.attr(name) == nil && !n.damaged {
			c.fault(n.at, needs[name], "%s is of kind %s but has no %s.", title(n), v.Kind, name)
		}
	}
	c.checkAnswers(n, v)
	c.checkLimits(n, v)
}

// needs are the hints for what a value lacks.
var needs = map[string]string{
	"unit":     `Write its unit, like unit = "kg"; a bare number has the unit "1".`,
	"decimals": `Write how many digits the instrument shows after the separator, like decimals = "2".`,
	"options":  `Write the answers to choose from, like options = ["clear", "cloudy"].`,
	"expect":   `Write the code that has to be read, like expect = "MAT-1042".`,
}

// checkAnswers: options are at least two different ones, an expected answer is one that can be given.
func (c *checker) checkAnswers(n *node, v *procedure.Value) {
	if a := n.attr("options"); v.Kind == procedure.Choice && a != nil && a.value.kind == list && !a.value.bad {
		if len(v.Options) < 2 {
			c.fault(a.value.at, `Write at least two, like ["clear", "cloudy"].`, "There is nothing to choose from.")
		}
		for i, o := range v.Options {
			if slices.Contains(v.Options[:i], o) {
				c.fault(a.value.list[i].at, "Delete one.", "The answer %q stands twice in the list.", printableOnly(o))
			}
		}
	}
	if !n.readable("expect") {
		return
	}
	switch {
	case v.Kind == procedure.YesNo && v.Expect != procedure.Yes && v.Expect != procedure.No:
		c.fault(n.place("expect"), `Write expect = "yes" or expect = "no".`, "The expected answer of a yes_no is yes or no.")
	case v.Kind == procedure.Choice && len(v.Options) > 0 && !slices.Contains(v.Options, v.Expect):
		c.fault(n.place("expect"), nearest(v.Expect, v.Options), "The expected answer %q is not one of the options.", printableOnly(v.Expect))
	}
}

// checkLimits: the unit is known; action limits enclose alert limits, else the batch would be held before anybody is warned.
func (c *checker) checkLimits(n *node, v *procedure.Value) {
	if v.Kind != procedure.Decimal {
		return
	}
	if n.readable("unit") {
		if _, err := formula.FindUnit(v.Unit); err != nil {
			c.fault(n.place("unit"), "", "%s", fault.As(err).Message)
		}
	}
	if v.Alert == nil || v.Action == nil {
		return
	}
	const hint = "An alert warns before the action limit is reached: the action limits enclose the alert limits."
	at := first(n, "action")
	if low := v.Action.Low; low != nil && v.Alert.Low != nil && low.Cmp(*v.Alert.Low) > 0 {
		c.fault(at, hint, "The low action limit %s lies above the low alert limit %s.", low, v.Alert.Low)
	}
	if high := v.Action.High; high != nil && v.Alert.High != nil && high.Cmp(*v.Alert.High) < 0 {
		c.fault(at, hint, "The high action limit %s lies below the high alert limit %s.", high, v.Alert.High)
	}
	if v.Action.Low != nil && v.Alert.Low == nil && v.Alert.High != nil && v.Alert.High.Cmp(*v.Action.Low) < 0 ||
		v.Action.High != nil && v.Alert.High == nil && v.Alert.Low != nil && v.Alert.Low.Cmp(*v.Action.High) > 0 {
		c.fault(at, hint, "No reading lies within both the alert limits %s and the action limits %s.", v.Alert.Text(), v.Action.Text())
	}
}
