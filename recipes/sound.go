package recipes

import (
	"maps"
	"math/big"
	"slices"

	"veribatch/recipes/formula"
	"veribatch/recipes/formula/expression"
	"veribatch/recipes/syntax"
)

// sound asks what makes a master record sound, beyond being understood: each formula where it stands, all ways through the procedure, and the items of 21 CFR 211.186(b).
func (c *checker) sound() {
	n := c.recipe.Source.Of("recipe")[0]
	c.after = map[string]steps{}
	for _, y := range c.recipe.Yields {
		c.after[y.After] = nil
	}
	c.follow(c.recipe.Body, steps{})
	if n.Damaged {
		return
	}
	c.checkHeader(n)
	c.checkComponents(n)
	c.checkYields(n)
	c.checkPackaging(n)
	c.checkEquipment(n)
	c.checkCharges(n)
}

// amount is a quantity as an exact number of base units.
func amount(q formula.Quantity) *big.Rat { return base(&q.Amount, unitOf(q.Unit)) }

// alike tells whether two quantities can be compared.
func alike(a, b formula.Quantity) bool { return unitOf(a.Unit).Same(unitOf(b.Unit)) }

func stated(q formula.Quantity) bool { return q.Unit != "" }

// checkHeader: what one dosage unit weighs or measures is stated (211.186(b)(2)), and the batch size lies between the smallest and the largest.
func (c *checker) checkHeader(n *syntax.Node) {
	r := c.recipe
	if n.Attr("unit_size") == nil {
		c.Fault(n.At, `Write unit_size = "590.0 mg": what one dosage unit weighs, or for what has no dosage units the weight or measure to which per_unit refers.`,
			"The total weight or measure of a dosage unit is not stated (21 CFR 211.186(b)(2)).")
	}
	for _, bound := range []struct {
		name  string
		of    formula.Quantity
		wrong int
	}{{"smallest_batch", r.Smallest, 1}, {"largest_batch", r.Largest, -1}} {
		switch {
		case !stated(bound.of) || !stated(r.BatchSize):
		case !alike(bound.of, r.BatchSize):
			c.Fault(n.Place(bound.name), "", "%s and batch_size measure different things.", bound.name)
		case amount(bound.of).Cmp(amount(r.BatchSize)) == bound.wrong:
			c.Fault(n.Place(bound.name), "", "batch_size %s is not between the smallest and the largest batch.", r.BatchSize)
		}
	}
}

// checkComponents: the active substance per dosage unit is stated (211.186(b)(2)) and agrees with its quantity per batch; an excess has a reason (211.186(b)(5)).
func (c *checker) checkComponents(n *syntax.Node) {
	for _, f := range n.Of("formula") {
		for i, b := range f.Of("material") {
			m := c.recipe.Materials[i]
			switch {
			case b.Damaged:
			case m.Active && b.Attr("per_unit") == nil:
				c.Fault(b.At, `Write per_unit = "500 mg".`, "It is not stated how much of the active substance %s is in one dosage unit (21 CFR 211.186(b)(2)).", syntax.Quotable(m.Code))
			case stated(m.Excess) && b.Attr("excess_reason") == nil:
				c.Fault(b.At, `Write excess_reason = "…".`, "The calculated excess of %s is stated without its reason (21 CFR 211.186(b)(5)).", syntax.Quotable(m.Code))
			case !stated(m.Excess) && b.Attr("excess") == nil && b.Attr("excess_reason") != nil:
				c.Fault(b.Place("excess_reason"), `Write excess = "2.0 %".`, "There is a reason for an excess of %s, and the excess is not stated (21 CFR 211.186(b)(5)).", syntax.Quotable(m.Code))
			case m.Active && m.Scale == "fixed":
				c.Fault(b.Place("scale"), "Delete it: an active substance is proportional to the size of the batch.", "The active substance %s stays the same in a larger batch.", syntax.Quotable(m.Code))
			case stated(m.Quantity) && !alike(m.Division, m.Quantity):
				c.Fault(b.Place("division"), "", "division and quantity measure different things.")
			case stated(m.Quantity) && !multiple(m.Quantity, m.Division):
				c.Fault(b.Place("quantity"), "", "The quantity %s cannot be weighed in steps of %s.", m.Quantity, m.Division)
			default:
				c.checkPerUnit(b, m)
			}
		}
	}
}

// checkPerUnit: units per batch times amount per unit, with the calculated excess, is the quantity per batch.
func (c *checker) checkPerUnit(b *syntax.Node, m Material) {
	r := c.recipe
	if !stated(m.PerUnit) || !stated(m.Quantity) || !stated(r.UnitSize) || !stated(r.BatchSize) {
		return
	}
	if !alike(m.PerUnit, m.Quantity) {
		c.Fault(b.Place("per_unit"), "", "per_unit and quantity measure different things.")
		return
	}
	units := amount(r.BatchSize) // dosage units that are counted
	if alike(r.BatchSize, r.UnitSize) {
		units.Quo(units, amount(r.UnitSize))
	} else if !alike(r.BatchSize, formula.Quantity{Amount: formula.MustNumber("1"), Unit: "1"}) {
		return
	}
	want := units.Mul(units, amount(m.PerUnit))
	if stated(m.Excess) {
		want.Mul(want, new(big.Rat).Add(big.NewRat(1, 1), amount(m.Excess)))
	}
	if want.Cmp(amount(m.Quantity)) != 0 {
		shown := unitOf(m.Quantity.Unit).FromBase(want)
		c.Fault(b.Place("quantity"), "", "The quantity %s is not that of %s per dosage unit in a batch of %s, which is %s %s.", m.Quantity, m.PerUnit, r.BatchSize, digits(shown), m.Quantity.Unit)
	}
}

// digits writes a number for a message, cut after six digits behind the point.
func digits(v *big.Rat) string {
	if v.IsInt() {
		return v.Num().String()
	}
	n, exact := v.FloatPrec()
	if !exact || n > 6 {
		return "about " + v.FloatString(6)
	}
	return v.FloatString(n)
}

// checkYields: what should come out at the phases that matter, in numbers, and how far the actual yield may be from it (211.186(b)(6) and (7)).
func (c *checker) checkYields(n *syntax.Node) {
	yields := n.Of("yield")
	if len(yields) == 0 {
		c.Fault(n.At, "Write a yield \"FINAL\" { } with after, theoretical and action limits in per cent.", "No theoretical yield is stated (21 CFR 211.186(b)(7)).")
	}
	for i, b := range yields {
		y := c.recipe.Yields[i]
		if b.Damaged {
			continue
		}
		if b.Attr("theoretical") == nil {
			c.Fault(b.At, `Write theoretical = "118.000 kg".`, "%s does not state the theoretical weight or measure (21 CFR 211.186(b)(6)).", b.Title())
		}
		if y.Action == nil || y.Action.Low == nil || y.Action.High == nil {
			c.Fault(b.At, `Write action { low = "97.0" high = "101.0" }, in per cent of the theoretical yield.`,
				"%s does not state beyond which percentages an investigation is required (21 CFR 211.186(b)(7)).", b.Title())
		}
		have, known := c.after[y.After]
		if known && have == nil && c.values[y.After+".end"] == nil && y.After != "" {
			c.Fault(b.Place("after"), "Name a step.", "There is no step %s.", syntax.Quotable(y.After))
			continue
		}
		f := c.formula(b, "actual")
		if f == nil || have == nil {
			continue
		}
		t, good := c.typed(b, "actual", f, c.scope(&Element{node: b, ID: b.Label}, have, nil), expression.Number)
		if good && stated(y.Theoretical) && !t.Unit.Same(unitOf(y.Theoretical.Unit)) {
			c.Fault(b.Place("actual"), "", "The actual yield is in %s, and the theoretical one in %s.", t.Unit.Code(), y.Theoretical.Unit)
		}
	}
}

// checkPackaging: containers, closures and packaging materials are described, with a specimen or copy of each label (211.186(b)(8)).
func (c *checker) checkPackaging(n *syntax.Node) {
	specimen := slices.ContainsFunc(c.recipe.Steps(), func(e *Element) bool { return e.Kind == "label" })
	for _, b := range n.Of("packaging") {
		specimen = specimen || b.Attr("specimen") != nil
	}
	switch {
	case len(n.Of("packaging")) == 0:
		c.Fault(n.At, "Write a packaging \"CODE\" { } for every container, closure and packaging material.", "The containers and closures of the product are not described (21 CFR 211.186(b)(8)).")
	case !specimen:
		c.Fault(first(n, "packaging"), `Write specimen = "…", the text of the label, in the packaging that bears it.`, "There is no specimen or copy of a label (21 CFR 211.186(b)(8)).")
	}
}

// checkEquipment: each equipment that a step names is required in the recipe and says what it must be able to do.
func (c *checker) checkEquipment(*syntax.Node) {
	for _, root := range []*syntax.Node{c.recipe.Source} {
		for _, n := range slices.Concat(root.Of("recipe"), root.Of("building_block")) {
			known := map[string]bool{}
			for _, b := range n.Of("equipment") {
				known[b.Label] = true
				if len(b.Of("capability")) == 0 && !b.Damaged {
					c.Fault(b.At, `Write capability "volume" { unit = "L" low = "200" }.`, "%s does not say what it must be capable of.", b.Title())
				}
			}
			c.checkNamed(n, known)
		}
	}
}

func (c *checker) checkNamed(n *syntax.Node, equipment map[string]bool) {
	for _, b := range n.Blocks {
		if slices.Contains(syntax.Steps, b.Kind) && b.Readable("equipment") && !equipment[b.Text("equipment")] {
			c.Fault(b.Place("equipment"), "Write equipment \"…\" { } with its class and capability. "+syntax.Nearest(b.Text("equipment"), slices.Sorted(maps.Keys(equipment))),
				"The recipe requires no equipment %q.", syntax.Quotable(b.Text("equipment")))
		}
		c.checkNamed(b, equipment)
	}
}

// checkCharges: every component goes into the batch whole and once, on every way, and a second person verifies each weighing and addition (21 CFR 211.101(c) and (d)). A recipe
// that neither weighs nor charges in steps of their own says in entries what is done, and is not asked.
func (c *checker) checkCharges(n *syntax.Node) {
	steps := c.recipe.Steps()
	asked := slices.ContainsFunc(steps, func(e *Element) bool { return e.Kind == "weigh" || e.Kind == "charge" })
	if !asked {
		return
	}
	known := map[string]Material{}
	for _, m := range c.recipe.Materials {
		known[m.Code] = m
	}
	for _, e := range steps {
		if e.Kind != "weigh" && e.Kind != "charge" || e.node.Damaged {
			continue
		}
		if !e.Step.Critical {
			c.Fault(e.node.At, "Write critical = true.", "%s has no second person, who verifies each weighing and addition of a component (21 CFR 211.101(c) and (d)).", e.node.Title())
		}
		m, is := known[e.Step.Material]
		q, err := formula.ParseQuantity(e.node.Text("quantity"))
		switch {
		case e.node.Readable("material") && !is:
			c.Fault(e.node.Place("material"), syntax.Nearest(e.Step.Material, slices.Sorted(maps.Keys(known))), "The formula has no material %q.", syntax.Quotable(e.Step.Material))
		case e.node.Readable("quantity") && err == nil && stated(m.Quantity) && !alike(q, m.Quantity):
			c.Fault(e.node.Place("quantity"), "", "The formula states %s in %s.", syntax.Quotable(m.Code), m.Quantity.Unit)
		}
	}
	for i, m := range c.recipe.Materials {
		if stated(m.Quantity) {
			c.checkCharged(n.Of("formula")[0].Of("material")[i], m)
		}
	}
}

func (c *checker) checkCharged(at *syntax.Node, m Material) {
	least, most := c.charged(c.recipe.Body, m)
	whole := amount(m.Quantity)
	show := func(v *big.Rat) string { return digits(unitOf(m.Quantity.Unit).FromBase(v)) + " " + m.Quantity.Unit }
	switch {
	case most == nil || most.Cmp(whole) > 0:
		c.Fault(at.At, "Charge every component once, whole.", "%s is charged twice, or more of it than its quantity %s%s.", syntax.Quotable(m.Code), m.Quantity, map[bool]string{true: ": its addition is repeated", false: ""}[most == nil])
	case least.Cmp(whole) < 0:
		c.Fault(at.At, "Charge the rest on every way through the procedure.", "%s is not fully charged on every way: %s of %s.", syntax.Quotable(m.Code), show(least), m.Quantity)
	}
}

// charged gives how much of a material goes in on the ways through a body, in base units; most is nil when an addition is repeated.
func (c *checker) charged(body []*Element, m Material) (least, most *big.Rat) {
	least, most = new(big.Rat), new(big.Rat)
	for _, e := range body {
		l, h := c.chargedIn(e, m)
		least.Add(least, l)
		if most != nil && h != nil {
			most.Add(most, h)
		} else {
			most = nil
		}
	}
	return least, most
}

func (c *checker) chargedIn(e *Element, m Material) (least, most *big.Rat) {
	switch {
	case e.Kind == "charge" && e.Step.Material == m.Code:
		q := m.Quantity
		if part, err := formula.ParseQuantity(e.node.Text("quantity")); err == nil && alike(part, q) {
			q = part
		}
		return amount(q), amount(q)
	case e.Kind == "selection" && len(e.Body) > 0:
		least, most = c.charged(e.Body[0].Body, m)
		for _, b := range e.Body[1:] {
			l, h := c.charged(b.Body, m)
			if l.Cmp(least) < 0 {
				least = l
			}
			if most == nil || h == nil {
				most = nil
			} else if h.Cmp(most) > 0 {
				most = h
			}
		}
		return least, most
	}
	least, most = c.charged(e.Body, m)
	if e.Kind == "repetition" && (most == nil || most.Sign() > 0) {
		return least, nil
	}
	return least, most
}
