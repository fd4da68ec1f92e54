package recipes

import (
	"errors"
	"slices"
	"strconv"

	"veribatch/internal/fault"
	"veribatch/recipes/formula"
	"veribatch/recipes/formula/expression"
	"veribatch/recipes/procedure"
	"veribatch/recipes/syntax"
)

// decode gives the recipe that the tree says, and asks the rules of rules.go on the way. The recipe is good only without faults.
func (c *checker) decode(root *syntax.Node) *Recipe {
	recipes := root.Of("recipe")
	if len(recipes) == 0 {
		if !root.Damaged {
			c.Fault(0, `Begin with: recipe "CODE" {`, "There is no recipe in this text.")
		}
		return nil
	}
	if len(recipes) > 1 {
		c.Fault(recipes[1].At, "Write each recipe in a text of its own.", "There is a second recipe in this text.")
	}
	c.define(root)
	n := recipes[0]
	r := &Recipe{Source: root, Code: n.Label, values: c.values}
	r.Title, r.Product, r.Strength = n.Text("title"), n.Text("product"), n.Text("strength")
	r.DosageForm, r.Language, r.Description = n.Text("dosage_form"), n.Text("language"), n.Text("description")
	r.UnitSize, r.BatchSize, r.Smallest, r.Largest = c.quantity(n, "unit_size"), c.quantity(n, "batch_size"), c.quantity(n, "smallest_batch"), c.quantity(n, "largest_batch")
	c.quantity(n, "shelf_life")
	c.quantityNamed("batch.size", r.BatchSize)
	for _, b := range n.Blocks {
		switch b.Kind {
		case "formula":
			c.decodeFormula(b, r)
		case "yield":
			r.Yields = append(r.Yields, c.decodeYield(b))
		}
	}
	r.Parameters = c.requirements(n)
	r.Body = c.decodeBody(n, nil, "")
	c.checkRecipe(n, r)
	r.Procedure, r.NotYet = c.execution(r.Body)
	return r
}

// define remembers the building blocks that the text brings along.
func (c *checker) define(root *syntax.Node) {
	c.blocks = map[string]*syntax.Node{}
	for _, b := range root.Of("building_block") {
		key := b.Label + " " + b.Text("version")
		if other := c.blocks[key]; other != nil {
			c.Fault(b.LabelAt, "Write it once.", "The building block %s, version %s, stands in line %d already.", syntax.Quotable(b.Label), syntax.Quotable(b.Text("version")), c.Line(other.At))
		}
		c.blocks[key] = b
	}
}

func (c *checker) decodeFormula(n *syntax.Node, r *Recipe) {
	for _, b := range n.Of("material") {
		m := Material{
			Code: b.Label, Title: b.Text("title"), Quantity: c.quantity(b, "quantity"), PerUnit: c.quantity(b, "per_unit"), Excess: c.quantity(b, "excess"), Active: b.Is("active"),
			Scale: b.Text("scale"),
		}
		m.Division = division(c.quantity(b, "division"), m.Quantity)
		c.percent(b, "excess")
		c.quantity(b, "tolerance")
		c.percent(b, "tolerance")
		for _, a := range b.Of("assay") {
			m.Assay = c.decodeLimits(a, a, maxDecimals)
		}
		c.oneOf(b, "scale", "linear", "fixed")
		r.Materials = append(r.Materials, m)
		c.quantityNamed("formula."+m.Code, m.Quantity)
	}
}

func (c *checker) decodeYield(n *syntax.Node) Yield {
	y := Yield{ID: n.Label, Title: n.Text("title"), After: n.Text("after"), Actual: n.Text("actual"), Theoretical: c.quantity(n, "theoretical")}
	y.Alert, y.Action = c.limits(n, "alert", maxDecimals), c.limits(n, "action", maxDecimals)
	c.checkLimits(n, y.Alert, y.Action)
	return y
}

// quantityNamed makes a quantity of the recipe known to formulas.
func (c *checker) quantityNamed(name string, q formula.Quantity) {
	c.values[name] = &place{kind: expression.Number, unit: q.Unit, always: true, action: &formula.Limits{Low: &q.Amount, High: &q.Amount}}
}

// requirements reads equipment and parameters of a recipe or building block.
func (c *checker) requirements(n *syntax.Node) (all []Parameter) {
	c.equipment, c.parameters = map[string]*syntax.Node{}, map[string]*Parameter{}
	for _, b := range n.Blocks {
		switch b.Kind {
		case "equipment":
			c.equipment[b.Label] = b
			for _, of := range b.Of("capability") {
				c.unit(of)
				c.decodeLimits(of, of, maxDecimals)
			}
		case "parameter":
			p := &Parameter{ID: b.Label, Title: b.Text("title"), Mark: b.Text("mark"), Unit: c.unit(b), Decimals: c.decimals(b)}
			p.Design, p.Alert, p.Action = c.limits(b, "design", p.Decimals), c.limits(b, "alert", p.Decimals), c.limits(b, "action", p.Decimals)
			c.limit(b, "target", b, p.Decimals)
			c.checkLimits(b, p.Alert, p.Action)
			c.oneOf(b, "mark", "CPP", "CQA")
			c.parameters[p.ID] = p
			all = append(all, *p)
		}
	}
	return all
}

// mostElements bounds building blocks that insert others and have no steps themselves.
const mostElements = 10 * MaxSteps

// decodeBody reads the elements of a body. Inserted building blocks put their name before those of their steps: "300.010".
func (c *checker) decodeBody(n *syntax.Node, in []*Element, prefix string) (body []*Element) {
	for _, b := range n.Blocks {
		if _, is := structure[b.Kind]; !is && !slices.Contains(syntax.Steps, b.Kind) {
			continue
		}
		if c.elements++; c.elements > mostElements {
			c.steps = MaxSteps + 1 // which is then said
			return body
		}
		e := &Element{Kind: b.Kind, ID: prefix + b.Label, Title: b.Text("title"), Otherwise: b.Is("otherwise"), node: b, in: in}
		switch {
		case structure[b.Kind] == "":
			if c.steps++; c.steps > MaxSteps {
				return body
			}
			e.Step = c.decodeStep(e, prefix)
		case b.Kind == "insert":
			e.Body = c.insert(e, in, prefix)
		default:
			e.When, e.Until = c.formula(b, "when"), c.formula(b, "until")
			e.Most = c.count(b, "most", 1, 1000)
			within := in
			if b.Kind == "repetition" {
				within = append(slices.Clip(in), e)
			}
			e.Body = c.decodeBody(b, within, prefix)
		}
		body = append(body, e)
	}
	return body
}

// structure are the elements that are no steps, with their names in words.
var structure = map[string]string{
	"unit_procedure": "unit procedure", "operation": "operation", "phase": "phase", "parallel": "parallel", "selection": "selection", "branch": "branch", "repetition": "repetition", "insert": "insert",
}

// insert reads the building block that stands behind an insert, with its own equipment and parameters.
func (c *checker) insert(e *Element, in []*Element, prefix string) []*Element {
	n := e.node
	key := n.Text("block") + " " + n.Text("version")
	block := c.blocks[key]
	switch {
	case !n.Readable("block") || !n.Readable("version"):
		return nil
	case block == nil:
		var known []string
		for _, b := range c.blocks {
			known = append(known, b.Label+" "+b.Text("version"))
		}
		slices.Sort(known)
		c.Fault(n.Place("block"), "A recipe brings its building blocks along: write building_block \"CODE\" { } behind the recipe. "+syntax.Nearest(key, known),
			"There is no building block %s, version %s, in this text.", syntax.Quotable(n.Text("block")), syntax.Quotable(n.Text("version")))
		return nil
	case slices.Contains(c.open, key):
		c.Fault(n.Place("block"), "A building block cannot be a part of itself.", "The building block %s inserts itself.", syntax.Quotable(n.Text("block")))
		return nil
	case c.steps > MaxSteps:
		return nil
	}
	equipment, parameters := c.equipment, c.parameters
	defer func() { c.open, c.equipment, c.parameters = c.open[:len(c.open)-1], equipment, parameters }()
	c.open = append(c.open, key)
	c.requirements(block)
	return c.decodeBody(block, in, prefix+n.Label+".")
}

func (c *checker) decodeStep(e *Element, prefix string) *Step {
	n := e.node
	s := &Step{Material: n.Text("material"), Equipment: n.Text("equipment"), Formulas: map[string]*expression.Formula{}, Compare: map[string]string{}}
	s.Step = procedure.Step{
		ID: e.ID, Kind: procedure.StepKind(n.Kind), Title: n.Text("title"), Text: n.Text("text"), Critical: n.Is("critical"), Role: n.Text("role"), Meaning: n.Text("meaning"),
	}
	for _, b := range n.Of("value") {
		v := c.decodeValue(b)
		if f := c.formula(b, "formula"); f != nil {
			s.Formulas[v.ID], s.Compare[v.ID] = f, b.Text("compare")
		}
		s.Values = append(s.Values, v)
	}
	switch n.Kind {
	case "choice":
		v := procedure.Value{ID: "answer", Title: s.Title, Kind: procedure.Choice, Options: n.List("options"), Expect: n.Text("expect")}
		c.checkAnswers(n, &v)
		s.Values = append(s.Values, v)
	case "weigh":
		s.Values = append(s.Values, procedure.Value{ID: "net", Title: s.Title, Kind: procedure.Decimal, Unit: c.weighed(n), Decimals: maxDecimals})
	}
	for _, name := range []string{"quantity", "least", "most", "size"} {
		c.quantity(n, name)
	}
	for _, b := range n.Of("sampling") {
		c.quantity(b, "size")
		c.quantity(b, "every")
	}
	c.quantity(n, "tolerance")
	c.percent(n, "tolerance")
	c.formula(n, "copies")
	c.name(e, s)
	c.checkStep(n, s)
	return s
}

// weighed gives the unit in which a weigh step weighs: of its quantity, or of the material.
func (c *checker) weighed(n *syntax.Node) string {
	if q := n.Text("quantity"); q != "" {
		if of, err := formula.ParseQuantity(q); err == nil {
			return of.Unit
		}
	}
	if p := c.values["formula."+n.Text("material")]; p != nil {
		return p.unit
	}
	return ""
}

func (c *checker) decodeValue(n *syntax.Node) procedure.Value {
	kind := n.Text("kind")
	if n.Attr("kind") == nil && (n.Attr("formula") != nil || n.Attr("parameter") != nil || n.Attr("statistic") != nil) {
		kind = string(procedure.Decimal) // what is computed or has a parameter is a number unless it says otherwise
	}
	v := procedure.Value{
		ID: n.Label, Title: n.Text("title"), Kind: procedure.ValueKind(kind), Unit: n.Text("unit"), Options: n.List("options"), Expect: n.Text("expect"), Decimals: c.decimals(n),
	}
	v.Alert, v.Action = c.limits(n, "alert", v.Decimals), c.limits(n, "action", v.Decimals)
	if n.Readable("parameter") {
		c.takeParameter(n, &v)
	}
	c.checkValue(n, &v)
	return v
}

// takeParameter gives a value the unit, decimals and limits of its parameter, which then stand in one place only.
func (c *checker) takeParameter(n *syntax.Node, v *procedure.Value) {
	p := c.parameters[n.Text("parameter")]
	if p == nil {
		var known []string
		for id := range c.parameters {
			known = append(known, id)
		}
		slices.Sort(known)
		c.Fault(n.Place("parameter"), syntax.Nearest(n.Text("parameter"), known), "There is no parameter %q.", syntax.Quotable(n.Text("parameter")))
		return
	}
	for _, name := range []string{"unit", "decimals"} {
		if a := n.Attr(name); a != nil {
			c.Fault(a.At, "Delete it.", "The %s of this value is that of its parameter.", name)
		}
	}
	for _, b := range slices.Concat(n.Of("alert"), n.Of("action")) {
		c.Fault(b.At, "Delete them.", "The limits of this value are those of its parameter.")
	}
	v.Unit, v.Decimals, v.Alert, v.Action = p.Unit, p.Decimals, p.Alert, p.Action
}

// unit gives the symbol of a unit, and a fault for one that is not known.
func (c *checker) unit(n *syntax.Node) string {
	if n.Readable("unit") {
		if _, err := formula.FindUnit(n.Text("unit")); err != nil {
			c.Fault(n.Place("unit"), "", "%s", fault.As(err).Message)
		}
	}
	return n.Text("unit")
}

func (c *checker) decimals(n *syntax.Node) int {
	if !n.Readable("decimals") {
		return 0
	}
	d, err := strconv.Atoi(n.Text("decimals"))
	if err != nil || d < 0 || d > maxDecimals || strconv.Itoa(d) != n.Text("decimals") {
		c.Fault(n.Place("decimals"), `Write how many digits the instrument shows after the separator, like decimals = "2".`, "decimals is a whole number from 0 to %d.", maxDecimals)
		return maxDecimals // so that limits are not blamed for it
	}
	return d
}

// count reads a whole number.
func (c *checker) count(n *syntax.Node, name string, least, most int) int {
	if !n.Readable(name) {
		return 0
	}
	d, err := strconv.Atoi(n.Text(name))
	if err != nil || d < least || d > most || strconv.Itoa(d) != n.Text(name) {
		c.Fault(n.Place(name), "", "%s is a whole number from %d to %d.", name, least, most)
	}
	return d
}

// oneOf: the attribute, when it is there, is one of these words.
func (c *checker) oneOf(n *syntax.Node, name string, words ...string) {
	if n.Readable(name) && !slices.Contains(words, n.Text(name)) {
		c.Fault(n.Place(name), syntax.Nearest(n.Text(name), words), "%s cannot be %q.", name, syntax.Quotable(n.Text(name)))
	}
}

// limits reads a pair of limits that stands in a block of its own; nil when there is none. One of them may be missing.
func (c *checker) limits(n *syntax.Node, kind string, decimals int) *formula.Limits {
	for _, b := range n.Of(kind) {
		return c.decodeLimits(b, n, decimals)
	}
	return nil
}

func (c *checker) decodeLimits(n, value *syntax.Node, decimals int) *formula.Limits {
	l := &formula.Limits{Low: c.limit(n, "low", value, decimals), High: c.limit(n, "high", value, decimals)}
	switch {
	case n.Attr("low") == nil && n.Attr("high") == nil && !n.Damaged:
		c.Fault(n.At, `Write low = "…", high = "…" or both, or delete the block.`, "The %s limits have neither low nor high.", n.Kind)
	case l.Low != nil && l.High != nil && l.Low.Cmp(*l.High) > 0:
		c.Fault(n.Place("low"), "Exchange them.", "The low %s limit %s is above the high limit %s.", n.Kind, l.Low, l.High)
	}
	return l
}

func (c *checker) limit(n *syntax.Node, name string, value *syntax.Node, decimals int) *formula.Decimal {
	if !n.Readable(name) {
		return nil
	}
	d, err := formula.ParseNumber(n.Text(name), '.')
	if err != nil {
		c.Fault(n.Place(name), "", "The %s %s limit is not a number: %s", name, n.Kind, fault.As(err).Message)
		return nil
	}
	if value.Readable("decimals") && d.Decimals() > decimals {
		c.Fault(n.Place(name), "Declare more decimals or shorten the limit.", "The %s %s limit %s has more decimals than the %d that a reading can have.", name, n.Kind, d, decimals)
	}
	return &d
}

// quantity reads an attribute like "48.50 kg"; it must be above zero.
func (c *checker) quantity(n *syntax.Node, name string) formula.Quantity {
	if !n.Readable(name) {
		return formula.Quantity{}
	}
	q, err := formula.ParseQuantity(n.Text(name))
	switch {
	case err != nil:
		c.Fault(n.Place(name), "", "%s: %s", name, fault.As(err).Message)
		return formula.Quantity{}
	case q.Amount.Sign() <= 0:
		c.Fault(n.Place(name), "", "%s must be more than zero.", name)
		return formula.Quantity{}
	}
	return q
}

// percent: the attribute, when it is a quantity, is one in per cent.
func (c *checker) percent(n *syntax.Node, name string) {
	if q, err := formula.ParseQuantity(n.Text(name)); n.Readable(name) && err == nil && q.Unit != "%" {
		c.Fault(n.Place(name), "Write it like \"2.0 %\".", "%s is given in per cent of the quantity, not in %s.", name, q.Unit)
	}
}

// formula reads a formula; nil when there is none, or when it cannot be read, which is then said at its place.
func (c *checker) formula(n *syntax.Node, name string) *expression.Formula {
	if !n.Readable(name) {
		return nil
	}
	f, err := expression.Parse(n.Text(name))
	if err != nil {
		c.inFormula(n, name, err)
		return nil
	}
	return f
}

// inFormula says a fault of a formula where it stands in the text.
func (c *checker) inFormula(n *syntax.Node, name string, err error) {
	var f *expression.Fault
	if !errors.As(err, &f) {
		f = &expression.Fault{Why: err.Error()}
	}
	c.Fault(n.Place(name)+1+f.At, f.Hint, "%s", f.Why)
}
