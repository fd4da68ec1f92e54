package expression

import (
	"math/big"
	"slices"
	"time"

	"veribatch/recipes/formula/ucum"
)

// Value is what a name stands for, or what a formula results in. Number and List are in the base units of Unit; In gives them in it.
type Value struct {
	Kind   Kind
	Unit   ucum.Unit
	Number *big.Rat
	List   []*big.Rat // instead of Number, when the type is a list
	Truth  bool
	Text   string
	Time   time.Time
	Shown  string // how a person sees it; empty: computed
}

// In gives a number in another unit of its dimension, exactly.
func (v Value) In(u ucum.Unit) *big.Rat { return u.FromBase(v.Number) }

// Amount makes a number of what was entered: the digits as they are, in a unit.
func Amount(digits string, u ucum.Unit) (Value, bool) {
	n, ok := new(big.Rat).SetString(digits)
	if !ok {
		return Value{}, false
	}
	return Value{Kind: Number, Unit: u, Number: u.ToBase(n), Shown: shown(digits, u)}, true
}

// Values tells what a name in brackets stands for now. An error says why there is nothing.
type Values func(name string) (Value, error)

// Evaluate computes a formula that Check has found sound for values of the types that it was checked with. Every number stays exact until the formula itself
// rounds; a standard deviation has 39 significant figures. What can still go wrong, and is a *Fault: a value that does not exist, a division by zero, a standard
// deviation of fewer than two values, a mean of none, an interpolation beyond its points.
func (f *Formula) Evaluate(values Values) (Value, error) {
	v, err := f.root.evaluate(values)
	if err == nil && v.Number != nil && beyond(v.Number) {
		err = fail(f.root.at, "", "The result is beyond all measure.")
	}
	return v, err
}

// beyond bounds numbers, so that no formula grows without end.
func beyond(n *big.Rat) bool { return n.Num().BitLen() > 1<<14 || n.Denom().BitLen() > 1<<14 }

func truth(t bool) Value { return Value{Kind: Truth, Truth: t} }

func (n *node) evaluate(values Values) (Value, error) {
	switch {
	case n.kind == number:
		u, err := unitOf(n)
		return Value{Kind: Number, Unit: u, Number: base(n), Shown: shown(n.text, u)}, err
	case n.kind == quoted:
		return Value{Kind: Text, Text: n.text}, nil
	case n.kind == reference:
		v, err := values(n.text)
		if err != nil {
			return v, fail(n.at, "", "%v", err)
		}
		return v, nil
	case n.text == "true" || n.text == "false":
		return truth(n.text == "true"), nil
	case n.text == "if" || n.text == "and" || n.text == "or":
		return n.lazily(values)
	}
	of := make([]Value, len(n.of))
	for i, o := range n.of {
		v, err := o.evaluate(values)
		if err != nil {
			return v, err
		}
		of[i] = v
	}
	return n.apply(of)
}

func unitOf(n *node) (ucum.Unit, error) {
	if n.unit == "" {
		return ucum.One(), nil
	}
	u, err := parseUnit(n.unit)
	if err != nil {
		return u, fail(n.at, "", "'%s' is no unit: %v.", n.unit, err)
	}
	return u, nil
}

// lazily evaluates only what decides: a value that does not exist on another path is no fault.
func (n *node) lazily(values Values) (Value, error) {
	first, err := n.of[0].evaluate(values)
	if err != nil {
		return first, err
	}
	switch {
	case n.text == "if" && first.Truth:
		return n.of[1].evaluate(values)
	case n.text == "if":
		return n.of[2].evaluate(values)
	case first.Truth == (n.text == "or"):
		return first, nil
	}
	return n.of[1].evaluate(values)
}

// apply computes an operation or function of values.
func (n *node) apply(of []Value) (Value, error) {
	if n.kind == word && n.text != "not" {
		return n.call(of)
	}
	switch bind := binding[n.text]; {
	case n.text == "not":
		return truth(!of[0].Truth), nil
	case bind == bindCompare:
		return truth(compared(n.text, of[0], of[1])), nil
	case len(of) == 1:
		return Value{Kind: Number, Unit: of[0].Unit, Number: new(big.Rat).Neg(of[0].Number)}, nil
	}
	return n.compute(of[0], of[1])
}

func (n *node) compute(a, b Value) (v Value, err error) {
	v = Value{Kind: Number, Unit: a.Unit, Number: new(big.Rat)}
	switch n.text {
	case "+":
		v.Number.Add(a.Number, b.Number)
	case "-":
		v.Number.Sub(a.Number, b.Number)
		if a.Unit.Special() && b.Unit.Special() {
			v.Unit = a.Unit.Difference()
		}
	case "*":
		v.Number.Mul(a.Number, b.Number)
		v.Unit, err = a.Unit.Mul(b.Unit)
	case "/":
		if b.Number.Sign() == 0 {
			return v, fail(n.at, "", "%s is divided by zero.", n.of[0].print(bindMultiply))
		}
		v.Number.Quo(a.Number, b.Number)
		v.Unit, err = a.Unit.Div(b.Unit)
	case "^":
		power, _ := exponent(n.of[1])
		if power < 0 && a.Number.Sign() == 0 {
			return v, fail(n.at, "", "%s is divided by zero.", n.of[0].print(bindPower))
		}
		v.Number.SetInt64(1)
		for range max(power, -power) {
			v.Number.Mul(v.Number, a.Number)
		}
		if power < 0 {
			v.Number.Inv(v.Number)
		}
		v.Unit, err = a.Unit.Pow(power)
	}
	if err != nil {
		return v, fail(n.at, "", "%v", err)
	}
	if beyond(v.Number) {
		return v, fail(n.at, "", "The result is beyond all measure.")
	}
	if n.text != "+" && n.text != "-" && v.Unit.Dimension() == "1" && !slices.ContainsFunc([]Value{a, b}, func(of Value) bool { return n.text == "*" && of.Unit.Code() == v.Unit.Code() }) {
		v.Unit = ucum.One() // g by mg is a number; a number times per cent is per cent
	}
	return v, nil
}

func compared(operation string, a, b Value) bool {
	var c int
	switch a.Kind {
	case Number:
		c = a.Number.Cmp(b.Number)
	case Time:
		c = a.Time.Compare(b.Time)
	case Truth:
		if a.Truth != b.Truth {
			c = 1
		}
	case Text:
		if a.Text != b.Text {
			c = 1
		}
	}
	switch operation {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	case ">=":
		return c >= 0
	case "=":
		return c == 0
	}
	return c != 0
}

// numbers lists the numbers of all arguments, those of lists one by one.
func numbers(of []Value) (all []*big.Rat) {
	for _, v := range of {
		if v.Number != nil {
			all = append(all, v.Number)
		}
		all = append(all, v.List...)
	}
	return all
}

func (n *node) call(of []Value) (v Value, err error) {
	v = Value{Kind: Number, Unit: of[0].Unit}
	all := numbers(of)
	switch n.text {
	case "count":
		v.Unit, v.Number = ucum.One(), new(big.Rat).SetInt64(int64(counted(of)))
	case "sum":
		v.Number = total(all)
	case "abs":
		v.Number = new(big.Rat).Abs(all[0])
	case "duration":
		v.Unit, v.Number = seconds, new(big.Rat).SetFrac64(of[1].Time.Sub(of[0].Time).Nanoseconds(), 1e9)
	case "round", "sigfig":
		return n.rounded(of[0])
	case "interpolate":
		return n.interpolated(of)
	default:
		return n.statistic(v, all)
	}
	return v, err
}

// counted counts values of any kind.
func counted(of []Value) (count int) {
	for _, v := range of {
		if v.Number == nil && v.Kind == Number {
			count += len(v.List)
		} else {
			count++
		}
	}
	return count
}

func total(all []*big.Rat) *big.Rat {
	t := new(big.Rat)
	for _, x := range all {
		t.Add(t, x)
	}
	return t
}

// statistic is min, max, avg, sd or rsd. The standard deviation is that of a sample: the root of the sum of squared differences from the mean by n - 1.
func (n *node) statistic(v Value, all []*big.Rat) (Value, error) {
	if len(all) == 0 {
		return v, fail(n.at, "", "%s has no value.", n.print(0))
	}
	switch n.text {
	case "min":
		v.Number = slices.MinFunc(all, (*big.Rat).Cmp)
		return v, nil
	case "max":
		v.Number = slices.MaxFunc(all, (*big.Rat).Cmp)
		return v, nil
	}
	mean := total(all)
	mean.Quo(mean, new(big.Rat).SetInt64(int64(len(all))))
	if n.text == "avg" {
		v.Number = mean
		return v, nil
	}
	if len(all) < 2 {
		return v, fail(n.at, "", "%s needs two values at least.", n.print(0))
	}
	squares := new(big.Rat)
	for _, x := range all {
		d := new(big.Rat).Sub(x, mean)
		squares.Add(squares, d.Mul(d, d))
	}
	v.Number = root(squares.Quo(squares, new(big.Rat).SetInt64(int64(len(all)-1))))
	v.Unit = v.Unit.Difference()
	if n.text == "rsd" {
		if mean.Sign() == 0 {
			return v, fail(n.at, "", "The mean of %s is zero.", n.print(0))
		}
		v.Unit, v.Number = percent, v.Number.Quo(v.Number, mean.Abs(mean))
	}
	return v, nil
}

func (n *node) rounded(of Value) (Value, error) {
	count, unit, _ := places(n.of[1])
	how := roundings["half up"]
	if len(n.of) == 3 {
		how = roundings[n.of[2].text]
	}
	x := of.In(unit)
	behind := count
	if n.text == "sigfig" {
		x, behind = toFigures(x, count, how)
	} else {
		x = toPlaces(x, count, how)
	}
	return Value{Kind: Number, Unit: unit, Number: unit.ToBase(x), Shown: shown(x.FloatString(max(0, behind)), unit)}, nil
}

// interpolated is the value at x on the line through two points. Beyond them nothing is known.
func (n *node) interpolated(of []Value) (Value, error) {
	x, x1, y1, x2, y2 := of[0].Number, of[1].Number, of[2].Number, of[3].Number, of[4].Number
	switch {
	case x1.Cmp(x2) == 0:
		return Value{}, fail(n.at, "", "Both points of the interpolation are at the same place.")
	case x.Cmp(x1) < 0 && x.Cmp(x2) < 0, x.Cmp(x1) > 0 && x.Cmp(x2) > 0:
		return Value{}, fail(n.at, "", "%s is not between the points of the interpolation.", n.of[0].print(0))
	}
	y := new(big.Rat).Sub(x, x1)
	y.Mul(y, new(big.Rat).Sub(y2, y1)).Quo(y, new(big.Rat).Sub(x2, x1)).Add(y, y1)
	return Value{Kind: Number, Unit: of[2].Unit, Number: y}, nil
}

func shown(digits string, u ucum.Unit) string {
	if u.Code() == "1" {
		return digits
	}
	return digits + " " + u.Code()
}
