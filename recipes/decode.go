package recipes

import (
	"strconv"

	"veribatch/internal/fault"
	"veribatch/recipes/formula"
	"veribatch/recipes/procedure"
)

// decode gives the recipe that the tree says, and asks the rules of rules.go on the way. The recipe is good only without faults.
func (c *checker) decode(root *node) *Recipe {
	r := &Recipe{Comments: map[string][]string{}}
	collect(r.Comments, "", root)
	var recipes []*node
	for _, b := range root.blocks {
		if b.kind == "recipe" {
			recipes = append(recipes, b)
		}
	}
	if len(recipes) == 0 {
		if !root.damaged {
			c.fault(0, `Begin with: recipe "CODE" {`, "There is no recipe in this text.")
		}
		return r
	}
	if len(recipes) > 1 {
		c.fault(recipes[1].at, "Write each recipe in a text of its own.", "There is a second recipe in this text.")
	}
	n := recipes[0]
	r.Code = n.label
	r.Title, r.Product, r.Strength = n.text("title"), n.text("product"), n.text("strength")
	r.DosageForm, r.Language, r.Description = n.text("dosage_form"), n.text("language"), n.text("description")
	r.BatchSize = c.quantity(n, "batch_size")
	for _, b := range n.blocks {
		switch b.kind {
		case "formula":
			c.decodeFormula(b, r)
		case "unit_procedure":
			r.Procedure.Units = append(r.Procedure.Units, c.decodeUnit(b))
		}
	}
	c.checkRecipe(n, r)
	return r
}

// collect gathers comments by the path of their node.
func collect(comments map[string][]string, path string, n *node) {
	keep := func(at string, lines []string) {
		if len(lines) > 0 {
			comments[at] = append(comments[at], lines...)
		}
	}
	for _, a := range n.attrs {
		keep(join(path, a.name), a.comments)
	}
	for _, b := range n.blocks {
		at := join(path, b.name())
		keep(at, b.comments)
		collect(comments, at, b)
	}
	keep(join(path, "end"), n.tail)
}

// join makes the path of a node in its parent. The recipe itself is named without its code, so that a copy keeps its comments.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "/" + name
}

func (n *node) name() string {
	if n.label == "" || n.kind == "recipe" {
		return n.kind
	}
	return n.kind + " " + n.label
}

// text gives the text of an attribute, "" when it is missing.
func (n *node) text(name string) string {
	if a := n.attr(name); a != nil {
		return a.value.text
	}
	return ""
}

func (n *node) truth(name string) bool {
	a := n.attr(name)
	return a != nil && a.value.truth
}

func (n *node) list(name string) []string {
	a := n.attr(name)
	if a == nil {
		return nil
	}
	var all []string
	for _, v := range a.value.list {
		all = append(all, v.text)
	}
	return all
}

// place gives where the value of an attribute stands, or the block when it is missing.
func (n *node) place(name string) int {
	if a := n.attr(name); a != nil {
		return a.value.at
	}
	return n.at
}

// readable tells whether an attribute holds a text that is worth a closer look: it is there, and no fault was noted before.
func (n *node) readable(name string) bool {
	a := n.attr(name)
	return a != nil && !a.value.bad && a.value.kind == text && a.value.text != ""
}

func (c *checker) decodeFormula(n *node, r *Recipe) {
	for _, b := range n.blocks {
		if b.kind == "material" {
			r.Materials = append(r.Materials, Material{
				Code: b.label, Title: b.text("title"), Quantity: c.quantity(b, "quantity"), Active: b.truth("active"),
			})
		}
	}
}

func (c *checker) decodeUnit(n *node) procedure.UnitProcedure {
	u := procedure.UnitProcedure{ID: n.label, Title: n.text("title")}
	for _, b := range n.blocks {
		if b.kind != "operation" {
			continue
		}
		o := procedure.Operation{ID: b.label, Title: b.text("title")}
		for _, s := range b.blocks {
			if _, known := stepKinds[s.kind]; known {
				o.Steps = append(o.Steps, c.decodeStep(s))
			}
		}
		u.Operations = append(u.Operations, o)
	}
	return u
}

var stepKinds = map[string]procedure.StepKind{"instruction": procedure.Instruction, "entry": procedure.Entry, "sign_off": procedure.SignOff}

func (c *checker) decodeStep(n *node) procedure.Step {
	s := procedure.Step{
		ID: n.label, Kind: stepKinds[n.kind], Title: n.text("title"), Text: n.text("text"), Critical: n.truth("critical"),
		Role: n.text("role"), Meaning: n.text("meaning"),
	}
	for _, b := range n.blocks {
		if b.kind == "value" {
			s.Values = append(s.Values, c.decodeValue(b))
		}
	}
	c.checkStep(n, &s)
	return s
}

func (c *checker) decodeValue(n *node) procedure.Value {
	v := procedure.Value{
		ID: n.label, Title: n.text("title"), Kind: procedure.ValueKind(n.text("kind")), Unit: n.text("unit"),
		Options: n.list("options"), Expect: n.text("expect"),
	}
	if n.readable("decimals") {
		d, err := strconv.Atoi(n.text("decimals"))
		if err != nil || d < 0 || d > maxDecimals || strconv.Itoa(d) != n.text("decimals") {
			c.fault(n.place("decimals"), `Write how many digits the instrument shows after the separator, like decimals = "2".`, "decimals is a whole number from 0 to %d.", maxDecimals)
			d = maxDecimals // so that limits are not blamed for it
		}
		v.Decimals = d
	}
	for _, b := range n.blocks {
		switch b.kind {
		case "alert":
			v.Alert = c.decodeLimits(b, n, v.Decimals)
		case "action":
			v.Action = c.decodeLimits(b, n, v.Decimals)
		}
	}
	c.checkValue(n, &v)
	return v
}

// decodeLimits reads a pair of limits; one of them may be missing.
func (c *checker) decodeLimits(n, value *node, decimals int) *formula.Limits {
	l := &formula.Limits{Low: c.limit(n, "low", value, decimals), High: c.limit(n, "high", value, decimals)}
	switch {
	case n.attr("low") == nil && n.attr("high") == nil && !n.damaged:
		c.fault(n.at, `Write low = "…", high = "…" or both, or delete the block.`, "The %s limits have neither low nor high.", n.kind)
	case l.Low != nil && l.High != nil && l.Low.Cmp(*l.High) > 0:
		c.fault(n.place("low"), "Exchange them.", "The low %s limit %s is above the high limit %s.", n.kind, l.Low, l.High)
	}
	return l
}

func (c *checker) limit(n *node, name string, value *node, decimals int) *formula.Decimal {
	if !n.readable(name) {
		return nil
	}
	d, err := formula.ParseNumber(n.text(name), '.')
	if err != nil {
		c.fault(n.place(name), "", "The %s %s limit is not a number: %s", name, n.kind, fault.As(err).Message)
		return nil
	}
	if value.readable("decimals") && d.Decimals() > decimals {
		c.fault(n.place(name), "Declare more decimals or shorten the limit.", "The %s %s limit %s has more decimals than the %d that a reading can have.", name, n.kind, d, decimals)
	}
	return &d
}

// quantity reads an attribute like "48.50 kg"; it must be above zero.
func (c *checker) quantity(n *node, name string) formula.Quantity {
	if !n.readable(name) {
		return formula.Quantity{}
	}
	q, err := formula.ParseQuantity(n.text(name))
	switch {
	case err != nil:
		c.fault(n.place(name), "", "%s: %s", name, fault.As(err).Message)
	case q.Amount.Sign() <= 0:
		c.fault(n.place(name), "", "%s must be more than zero.", name)
	}
	return q
}
