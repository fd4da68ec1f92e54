package recipes

import (
	"cmp"
	"math/big"
	"slices"
	"strings"

	"veribatch/recipes/formula"
	"veribatch/recipes/syntax"
)

// pair compares the attributes of a block with those that it had, and its blocks without names.
func (c *comparison) pair(old, new *syntax.Node) {
	if old.Kind != new.Kind {
		c.say(Critical, "Another kind of step asks for something else.", new, false, "%s changed from %s to %s", c.nameOf(new), old.Kind, new.Kind)
	}
	attrs, blocks := syntax.Kinds(new.Kind)
	before, _ := syntax.Kinds(old.Kind)
	for _, name := range attrs {
		if old.Kind == new.Kind || slices.Contains(before, name) {
			c.attribute(old, new, name)
		}
	}
	for _, kind := range blocks {
		if !named(&syntax.Node{Kind: kind}) {
			c.block(kind, first_(old, kind), first_(new, kind), old, new)
		}
	}
}

// first_ gives the only block of a kind, nil when there is none.
func first_(n *syntax.Node, kind string) *syntax.Node {
	for _, b := range n.Of(kind) {
		return b
	}
	return nil
}

// nameOf names a block of the new recipe, or the one that a block without a name belongs to.
func (c *comparison) nameOf(n *syntax.Node) string {
	if one := cmp.Or(c.new.of[n], c.old.of[n]); one != nil {
		return one.name
	}
	return "the text"
}

// block compares blocks without names: limits, sampling, assay. Of a formula nothing is said, its materials speak for themselves.
func (c *comparison) block(kind string, old, new, oldParent, newParent *syntax.Node) {
	rule := risks[kind]
	name, limits := c.nameOf(newParent), slices.Contains([]string{"design", "alert", "action"}, kind)
	switch {
	case kind == "formula" || old == nil && new == nil:
	case old == nil && limits:
		c.say(Major, rule.reason, new, false, "%s of %s added: %s", rule.words, name, c.range_(new, newParent, c.new))
	case new == nil && limits:
		c.say(rule.class, rule.reason, old, true, "%s of %s removed: %s", rule.words, name, c.range_(old, oldParent, c.old))
	case old == nil:
		c.say(Major, rule.reason, new, false, "%s of %s added", rule.words, name)
	case new == nil:
		c.say(rule.class, rule.reason, old, true, "%s of %s removed", rule.words, name)
	case limits:
		c.limits(kind, old, new, oldParent, newParent)
	default:
		for _, attr := range first2(syntax.Kinds(kind)) {
			if attr != "low" && attr != "high" {
				c.attributeOf(old, new, attr, name)
			}
		}
		c.limits(kind, old, new, oldParent, newParent)
	}
}

func first2(attrs, _ []string) []string { return attrs }

// limits says how a range changed: it lets more through, less, or something else.
func (c *comparison) limits(kind string, old, new, oldParent, newParent *syntax.Node) {
	if old.Text("low") == new.Text("low") && old.Text("high") == new.Text("high") {
		return
	}
	rule := risks[kind]
	words := cmp.Or(rule.words, kind) + " of " + c.nameOf(newParent)
	if kind == "assay" {
		words = "limits of the assay of " + c.nameOf(newParent)
	}
	if kind == "capability" {
		words = c.nameOf(new)
	}
	low, high := ends(old, new, "low", -1), ends(old, new, "high", 1)
	how, class := "moved", rule.class
	switch {
	case low == 0 && high == 0:
		how, class = "written otherwise", Minor
	case low >= 0 && high >= 0:
		how = "widened"
	case low <= 0 && high <= 0:
		how, class = "narrowed", rule.narrowed
	}
	c.say(class, rule.reason, new, false, "%s %s: %s → %s", words, how, c.range_(old, oldParent, c.old), c.range_(new, newParent, c.new))
}

// ends compares the ends of two ranges: 1 when the new one lets more through, with the sign of the outside of this end.
func ends(old, new *syntax.Node, name string, outside int) int {
	a, b := old.Text(name), new.Text(name)
	switch {
	case a == b:
		return 0
	case b == "":
		return 1
	case a == "":
		return -1
	}
	x, _ := formula.ParseNumber(a, '.')
	y, _ := formula.ParseNumber(b, '.')
	return outside * y.Cmp(x)
}

// range_ writes a range with the unit of what it limits.
func (c *comparison) range_(n, of *syntax.Node, s *side) string {
	unit := of.Text("unit")
	switch of.Kind {
	case "yield", "material":
		unit = "%"
	case "value":
		if p := s.named["parameter "+of.Text("parameter")]; p != nil {
			unit = p.Text("unit")
		}
	}
	if n.Kind == "capability" {
		unit = n.Text("unit")
	}
	if n.Text("low") == "" && n.Text("high") == "" {
		return "none"
	}
	return strings.TrimSpace(span(n.Text("low"), n.Text("high")) + " " + unit)
}

func (c *comparison) attribute(old, new *syntax.Node, attr string) {
	if new.Kind == "capability" && (attr == "low" || attr == "high") {
		if attr == "high" {
			c.limits("capability", old, new, old, new)
		}
		return
	}
	c.attributeOf(old, new, attr, c.nameOf(new))
}

// attributeOf compares one attribute of what is named.
func (c *comparison) attributeOf(old, new *syntax.Node, attr, name string) {
	a, b := old.Attr(attr), new.Attr(attr)
	before, after := written(a), written(b)
	if before == after && (a == nil) == (b == nil) {
		return
	}
	rule := ruleOf(new.Kind, attr)
	at, gone := new, b == nil
	if gone {
		at = old
	}
	words := rule.words
	if new.Kind != "recipe" {
		words += " of " + name
	}
	switch {
	case rule.onoff[0] != "":
		c.onOff(rule, at, gone, name)
	case a == nil:
		c.say(cmp.Or(rule.narrowed, rule.class), rule.reason, at, false, "%s added: %s", words, after)
	case b == nil:
		c.say(rule.class, rule.reason, at, true, "%s removed: %s", words, before)
	case rule.reworded:
		c.say(rule.class, rule.reason, at, false, "%s reworded: %s %q → %q", name, attr, before, after)
	case syntax.KindOf(new.Kind, attr) == syntax.Quantity:
		c.quantity(rule, at, words, before, after)
	case syntax.KindOf(new.Kind, attr) == syntax.Formula && attr != "when" && attr != "until":
		c.say(rule.class, rule.reason, at, false, "%s changed: %s → %s%s", words, before, after, c.example(old, new, attr))
	default:
		c.say(rule.class, rule.reason, at, false, "%s changed: %s → %s", words, before, after)
	}
}

// onOff says what is written only when it is true.
func (c *comparison) onOff(r rule, at *syntax.Node, gone bool, name string) {
	class, sentence := cmp.Or(r.narrowed, r.class), r.onoff[0]
	if gone {
		class, sentence = r.class, r.onoff[1]
	}
	c.say(class, r.reason, at, gone, strings.Replace(sentence, "{}", "%s", 1), name)
}

func written(a *syntax.Attribute) string {
	switch {
	case a == nil:
		return ""
	case a.Value.Kind == syntax.List:
		var all []string
		for _, v := range a.Value.List {
			all = append(all, v.Text)
		}
		return strings.Join(all, ", ")
	case a.Value.Kind == syntax.Truth:
		return "true"
	}
	return a.Value.Text
}

// quantity says by how much a quantity changed, or that only its spelling did.
func (c *comparison) quantity(r rule, at *syntax.Node, words, before, after string) {
	a, errA := formula.ParseQuantity(before)
	b, errB := formula.ParseQuantity(after)
	if errA != nil || errB != nil || !alike(a, b) || unitOf(a.Unit).Special() {
		c.say(r.class, r.reason, at, false, "%s changed: %s → %s", words, before, after)
		return
	}
	x, y := amount(a), amount(b)
	if x.Cmp(y) == 0 {
		c.say(Minor, "The amount is the same.", at, false, "%s written otherwise: %s → %s", words, before, after)
		return
	}
	change := ""
	if x.Sign() != 0 {
		part := new(big.Rat).Quo(new(big.Rat).Sub(y, x), x)
		part.Mul(part, big.NewRat(100, 1))
		sign := "+"
		if part.Sign() < 0 {
			sign = "−"
		}
		change = " (" + sign + part.Abs(part).FloatString(2) + " %)"
	}
	c.say(r.class, r.reason, at, false, "%s changed: %s → %s%s", words, before, after, change)
}
