package expression

import (
	"math/big"
	"slices"
)

// Range says between which numbers a value lies, in base units; both ends belong to it, and nil is no end.
type Range func(name string) (low, high *big.Rat)

// Rounded tells whether the formula says how its result is rounded: by round, sigfig or count, on every way through if, min and max.
func (f *Formula) Rounded() bool { return f.root.rounds() }

func (n *node) rounds() bool {
	switch {
	case n.text == "count" || n.text == "round" || n.text == "sigfig":
		return n.kind == word
	case n.kind == word && n.text == "if":
		return n.of[1].rounds() && n.of[2].rounds()
	case n.kind == word && (n.text == "min" || n.text == "max"):
		for _, o := range n.of {
			if !o.rounds() {
				return false
			}
		}
		return true
	}
	return false
}

// DivisionsByZero finds, in a formula that Check has found sound, the divisions whose divisor can be zero while every value lies in its range: quotients, negative powers,
// relative standard deviations and interpolations. It computes with ranges, so a divisor in which one value stands twice may be blamed wrongly; a condition such as
// if([x] > 0, 1 / [x], 0) is understood.
func (f *Formula) DivisionsByZero(ranges Range) []*Fault {
	z := &zeros{ranges: ranges}
	z.of(f.root, nil)
	return z.faults
}

// interval is where a number lies; without zero when a condition excludes it.
type interval struct {
	low, high *big.Rat
	nonzero   bool
}

func (i interval) hasZero() bool {
	return !i.nonzero && (i.low == nil || i.low.Sign() <= 0) && (i.high == nil || i.high.Sign() >= 0)
}

func point(v *big.Rat) interval { return interval{v, v, false} }

// known is what conditions say about values, the nearest condition first.
type known struct {
	name string
	interval
	outer *known
}

type zeros struct {
	ranges Range
	faults []*Fault
}

func (z *zeros) divides(n, divisor *node, i interval) {
	if i.hasZero() {
		z.faults = append(z.faults, fail(n.at, "Give the values action limits that exclude it, or ask before: if(… != 0, …, …).", "%s can be zero, and nothing is divided by zero.", divisor.print(0)).(*Fault))
	}
}

// of gives where a part lies; of parts that are no numbers it only looks for divisions.
func (z *zeros) of(n *node, k *known) interval {
	switch {
	case n.kind == number:
		return point(base(n))
	case n.kind == reference:
		return z.named(n.text, k)
	case n.kind == quoted || len(n.of) == 0:
		return interval{}
	case n.text == "if" && n.kind == word:
		z.of(n.of[0], k)
		return hull(z.of(n.of[1], when(n.of[0], true, k)), z.of(n.of[2], when(n.of[0], false, k)))
	case n.text == "and" || n.text == "or":
		z.of(n.of[0], k)
		return z.of(n.of[1], when(n.of[0], n.text == "and", k))
	}
	of := make([]interval, len(n.of))
	for i, o := range n.of {
		of[i] = z.of(o, k)
	}
	if n.kind == word {
		return z.call(n, of)
	}
	return z.compute(n, of)
}

func (z *zeros) named(name string, k *known) interval {
	low, high := z.ranges(name)
	i := interval{low, high, false}
	for ; k != nil; k = k.outer {
		if k.name == name {
			i = both(i, k.interval)
		}
	}
	return i
}

func (z *zeros) compute(n *node, of []interval) interval {
	switch {
	case n.text == "-" && len(of) == 1:
		return negative(of[0])
	case n.text == "+":
		return plus(of[0], of[1])
	case n.text == "-":
		return plus(of[0], negative(of[1]))
	case n.text == "*":
		return times(of[0], of[1])
	case n.text == "/":
		z.divides(n, n.of[1], of[1])
		return times(of[0], inverse(of[1]))
	case n.text == "^":
		power, _ := exponent(n.of[1])
		if power < 0 {
			z.divides(n, n.of[0], of[0])
			of[0], power = inverse(of[0]), -power
		}
		i := point(big.NewRat(1, 1))
		for range power {
			i = times(i, of[0])
		}
		if power%2 == 0 && power > 0 && (i.low == nil || i.low.Sign() < 0) {
			i.low = new(big.Rat)
		}
		return i
	}
	return interval{}
}

func (z *zeros) call(n *node, of []interval) interval {
	switch n.text {
	case "round", "sigfig":
		return z.roundedTo(n, of[0])
	case "abs":
		if of[0].low != nil && of[0].low.Sign() >= 0 {
			return of[0]
		}
		if of[0].high != nil && of[0].high.Sign() <= 0 {
			return negative(of[0])
		}
		return interval{new(big.Rat), nil, of[0].nonzero}
	case "min", "max":
		return hull(of...)
	case "avg":
		return between(of...)
	case "sum":
		return z.sum(of)
	case "count":
		return interval{low: big.NewRat(1, 1)}
	case "sd":
		return interval{low: new(big.Rat)}
	case "rsd":
		z.divides(n, n, between(of...))
		return interval{low: new(big.Rat)}
	case "interpolate":
		z.divides(n, n, plus(of[3], negative(of[1])))
		return between(of[2], of[4])
	}
	return interval{}
}

// sum of ranges of which each may stand for several values of repetitions, one at least.
func (z *zeros) sum(of []interval) interval {
	all := point(new(big.Rat))
	for _, i := range of {
		if i.high == nil || i.high.Sign() > 0 {
			i.high = nil
		}
		if i.low == nil || i.low.Sign() < 0 {
			i.low = nil
		}
		all = plus(all, i)
	}
	return all
}

func (z *zeros) roundedTo(n *node, i interval) interval {
	for _, end := range []**big.Rat{&i.low, &i.high} {
		if *end != nil {
			v, _ := n.rounded(Value{Kind: Number, Number: *end})
			*end = v.Number
		}
	}
	if n.text == "round" {
		i.nonzero = false // a small number becomes zero
	}
	return i
}

func negative(i interval) interval {
	r := interval{nonzero: i.nonzero}
	if i.high != nil {
		r.low = new(big.Rat).Neg(i.high)
	}
	if i.low != nil {
		r.high = new(big.Rat).Neg(i.low)
	}
	return r
}

func plus(a, b interval) (r interval) {
	if a.low != nil && b.low != nil {
		r.low = new(big.Rat).Add(a.low, b.low)
	}
	if a.high != nil && b.high != nil {
		r.high = new(big.Rat).Add(a.high, b.high)
	}
	return r
}

func times(a, b interval) interval {
	r := interval{nonzero: !a.hasZero() && !b.hasZero()}
	atLeastZero := func(i interval) bool { return i.low != nil && i.low.Sign() >= 0 }
	switch {
	case a.low != nil && a.high != nil && b.low != nil && b.high != nil:
		for _, x := range []*big.Rat{a.low, a.high} {
			for _, y := range []*big.Rat{b.low, b.high} {
				p := new(big.Rat).Mul(x, y)
				if r.low == nil || p.Cmp(r.low) < 0 {
					r.low = p
				}
				if r.high == nil || p.Cmp(r.high) > 0 {
					r.high = p
				}
			}
		}
	case atLeastZero(a) && atLeastZero(b):
		r.low = new(big.Rat).Mul(a.low, b.low)
	}
	return r
}

// inverse of what is not zero; of what can be zero nothing is known.
func inverse(i interval) interval {
	switch {
	case i.hasZero():
		return interval{}
	case i.low != nil && i.low.Sign() > 0 || i.high != nil && i.high.Sign() < 0:
		r := interval{nonzero: true}
		if i.high != nil {
			r.low = new(big.Rat).Inv(i.high)
		} else {
			r.low = new(big.Rat)
		}
		if i.low != nil {
			r.high = new(big.Rat).Inv(i.low)
		} else {
			r.high = new(big.Rat)
		}
		return r
	case i.low != nil && i.low.Sign() == 0:
		return interval{low: new(big.Rat), nonzero: true}
	}
	return interval{nonzero: true}
}

// between is where a mean of all lies: it can be zero although none of them is.
func between(of ...interval) interval {
	r := hull(of...)
	r.nonzero = false
	return r
}

// hull is where one of them lies.
func hull(of ...interval) interval {
	r := of[0]
	for _, i := range of[1:] {
		if r.low != nil && (i.low == nil || i.low.Cmp(r.low) < 0) {
			r.low = i.low
		}
		if r.high != nil && (i.high == nil || i.high.Cmp(r.high) > 0) {
			r.high = i.high
		}
	}
	r.nonzero = !slices.ContainsFunc(of, interval.hasZero)
	return r
}

// both is what lies in both.
func both(a, b interval) interval {
	if b.low != nil && (a.low == nil || b.low.Cmp(a.low) > 0) {
		a.low = b.low
	}
	if b.high != nil && (a.high == nil || b.high.Cmp(a.high) < 0) {
		a.high = b.high
	}
	if a.nonzero = a.nonzero || b.nonzero; a.low != nil && a.high != nil && a.low.Cmp(a.high) > 0 {
		return point(big.NewRat(1, 1)) // no value comes here: nothing is said of what it would do
	}
	return a
}

// when adds what a condition says about values where it holds, or where it does not.
func when(condition *node, holds bool, k *known) *known {
	switch {
	case condition.kind == word && condition.text == "not" && len(condition.of) == 1:
		return when(condition.of[0], !holds, k)
	case condition.text == "and" && holds, condition.text == "or" && !holds:
		return when(condition.of[1], holds, when(condition.of[0], holds, k))
	case binding[condition.text] != bindCompare || len(condition.of) != 2:
		return k
	}
	left, right, operation := condition.of[0], condition.of[1], condition.text
	if left.kind == number && right.kind == reference {
		left, right, operation = right, left, turned[operation]
	}
	if left.kind != reference || right.kind != number {
		return k
	}
	if !holds {
		operation = denied[operation]
	}
	v := base(right)
	i := interval{}
	switch operation {
	case ">", ">=":
		i.low = v
	case "<", "<=":
		i.high = v
	case "=":
		i.low, i.high = v, v
	}
	i.nonzero = v.Sign() == 0 && (operation == ">" || operation == "<" || operation == "!=")
	return &known{left.text, i, k}
}

var (
	turned = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}
	denied = map[string]string{"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "!=", "!=": "="}
)
