package expression

import (
	"math/big"
	"strconv"

	"veribatch/recipes/formula"
	"veribatch/recipes/formula/ucum"
)

// Kind is what a value is.
type Kind string

// The kinds of values.
const (
	Number Kind = "number"
	Truth  Kind = "yes or no"
	Text   Kind = "text"
	Time   Kind = "time"
)

// Type is what is known of a value before it exists: its kind, of a number its unit, and whether it is a list, one value of each repetition.
type Type struct {
	Kind Kind
	Unit ucum.Unit // of a number
	List bool
}

// Names tells what a name in brackets stands for; an error says why it stands for nothing.
type Names func(name string) (Type, error)

// Check asks whether kinds and units of all parts fit, and gives what the formula results in. It gives every fault, in the order of the text.
func (f *Formula) Check(names Names) (Type, []*Fault) {
	c := &checker{names: names}
	t := c.of(f.root)
	return t, c.faults
}

type checker struct {
	names  Names
	faults []*Fault
}

// unknown is the type of a part that has a fault already: nothing else is said of it.
var unknown = Type{}

func (c *checker) fail(n *node, format string, args ...any) Type {
	c.faults = append(c.faults, fail(n.at, "", format, args...).(*Fault))
	return unknown
}

func (c *checker) of(n *node) Type {
	switch n.kind {
	case number:
		return c.literal(n)
	case quoted:
		return Type{Kind: Text}
	case reference:
		t, err := c.names(n.text)
		if err != nil {
			return c.fail(n, "%v", err)
		}
		return t
	}
	if n.text == "true" || n.text == "false" {
		return Type{Kind: Truth}
	}
	types := make([]Type, len(n.of))
	for i, o := range n.of {
		types[i] = c.of(o)
	}
	for _, t := range types {
		if t.Kind == "" {
			return unknown
		}
	}
	if f, is := functions[n.text]; is && n.kind == word {
		return f.check(c, n, types)
	}
	for i, t := range types {
		if t.List {
			return c.fail(n.of[i], "%s are several values. Take sum, avg, min, max, sd, rsd or count of them.", n.of[i].print(0))
		}
	}
	return c.operation(n, types)
}

func (c *checker) literal(n *node) Type {
	if n.unit == "" {
		return Type{Kind: Number, Unit: ucum.One()}
	}
	u, err := parseUnit(n.unit)
	if err != nil {
		return c.fail(n, "'%s' is no unit: %v.", n.unit, err)
	}
	return Type{Kind: Number, Unit: u}
}

// parseUnit reads a unit as recipes write it, "rpm", or as UCUM does, "{rev}/min".
func parseUnit(symbol string) (ucum.Unit, error) {
	if u, err := formula.FindUnit(symbol); err == nil {
		symbol = u.UCUM
	}
	return ucum.Parse(symbol)
}

func (c *checker) operation(n *node, of []Type) Type {
	switch bind := binding[n.text]; {
	case n.text == "not" || bind == bindAnd || bind == bindOr:
		for i, t := range of {
			if t.Kind != Truth {
				return c.fail(n.of[i], "%s is a %s, and %s joins what is yes or no.", n.of[i].print(0), t.Kind, n.text)
			}
		}
		return Type{Kind: Truth}
	case bind == bindCompare:
		return c.comparison(n, of[0], of[1])
	case len(of) == 1:
		if !c.plain(n, of) {
			return unknown
		}
		return of[0]
	case n.text == "+" || n.text == "-":
		return c.sum(n, of[0], of[1])
	}
	if !c.plain(n, of[:1]) || n.text != "^" && !c.plain(n, of) {
		return unknown
	}
	return c.product(n, of)
}

// plain wants numbers whose scale begins at zero.
func (c *checker) plain(n *node, of []Type) bool {
	for i, t := range of {
		switch {
		case t.Kind != Number:
			c.fail(n.of[i], "%s is a %s, and no number.", n.of[i].print(0), t.Kind)
			return false
		case t.Unit.Special():
			c.fail(n.of[i], "%s is in %s, whose zero is not nothing: only differences of it are computed with.", n.of[i].print(0), t.Unit.Code())
			return false
		}
	}
	return true
}

func (c *checker) comparison(n *node, a, b Type) Type {
	switch {
	case a.Kind != b.Kind:
		return c.fail(n, "A %s is compared with a %s.", a.Kind, b.Kind)
	case (a.Kind == Truth || a.Kind == Text) && n.text != "=" && n.text != "!=":
		return c.fail(n, "Which %s is greater means nothing.", a.Kind)
	case a.Kind == Number:
		if !c.same(n, a, b) {
			return unknown
		}
	}
	return Type{Kind: Truth}
}

// same wants numbers that can be compared and, by their differences, added.
func (c *checker) same(n *node, a, b Type) bool {
	if !a.Unit.Same(b.Unit) || a.Unit.Special() != b.Unit.Special() {
		c.fail(n, "%s and %s measure different things.", a.Unit.Code(), b.Unit.Code())
		return false
	}
	return true
}

func (c *checker) sum(n *node, a, b Type) Type {
	switch {
	case a.Kind == Time || b.Kind == Time:
		return c.fail(n, "Take duration(from, to) of two times.")
	case a.Kind != Number || b.Kind != Number:
		return c.fail(n, "A %s and a %s have no sum.", a.Kind, b.Kind)
	case a.Unit.Special() && b.Unit.Special() && n.text == "-" && a.Unit.Same(b.Unit):
		return Type{Kind: Number, Unit: a.Unit.Difference()}
	case a.Unit.Special() && !b.Unit.Special() && a.Unit.Same(b.Unit): // 25 °C + 5 K
		return a
	case a.Unit.Special() || b.Unit.Special():
		return c.fail(n, "%s and %s have no sum.", a.Unit.Code(), b.Unit.Code())
	case !c.same(n, a, b):
		return unknown
	}
	return a
}

func (c *checker) product(n *node, of []Type) Type {
	var u ucum.Unit
	var err error
	switch n.text {
	case "*":
		u, err = of[0].Unit.Mul(of[1].Unit)
	case "/":
		u, err = of[0].Unit.Div(of[1].Unit)
	default:
		power, whole := exponent(n.of[1])
		if !whole {
			return c.fail(n.of[1], "An exponent is a whole number from -9 to 9.")
		}
		u, err = of[0].Unit.Pow(power)
	}
	if err != nil {
		return c.fail(n, "%v", err)
	}
	return Type{Kind: Number, Unit: u}
}

// exponent reads what stands behind ^.
func exponent(n *node) (power int, whole bool) {
	sign := 1
	if n.kind == operation_ && n.text == "-" && len(n.of) == 1 {
		n, sign = n.of[0], -1
	}
	power, err := strconv.Atoi(n.text)
	return sign * power, n.kind == number && n.unit == "" && err == nil && power <= 9
}

// operation_ is the kind of operations, for functions in which sign is a number.
const operation_ = sign

// places reads the second argument of round and sigfig: how many, and in which unit.
func places(n *node) (count int, unit ucum.Unit, whole bool) {
	unit = ucum.One()
	if n.kind == number && n.unit != "" {
		u, err := parseUnit(n.unit)
		if err != nil {
			return 0, unit, false
		}
		unit = u
	}
	count, err := strconv.Atoi(n.text)
	return count, unit, n.kind == number && err == nil && count <= maxDigits
}

// base gives a literal in base units.
func base(n *node) *big.Rat {
	v, _ := new(big.Rat).SetString(n.text) // the lexer leaves digits and one point
	if n.unit == "" {
		return v
	}
	u, err := parseUnit(n.unit)
	if err != nil {
		return v // Check has said so
	}
	return u.ToBase(v)
}
