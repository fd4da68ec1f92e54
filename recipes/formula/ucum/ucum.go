// Package ucum owns units of measure as The Unified Code for Units of Measure (UCUM, version 2.2) writes them, in a subset: what pharmaceutical plants measure.
// It reads a code into a factor, which is exact, and a dimension, and converts values; it knows nothing of recipes, of how a unit is spelt on a screen, or of
// decimals. Start reading at Parse.
package ucum

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"veribatch/internal/fault"
)

// Limits of a code. No unit of a plant comes near them.
const (
	maxLength   = 100 // bytes
	maxDepth    = 10  // of brackets
	maxExponent = 30
	maxDigits   = 12 // of a number among the units
)

// Unit is a product of powers of base units with a factor. Units of one dimension convert into each other.
type Unit struct {
	code      string
	factor    *big.Rat
	dimension dimension
	special   *scale // of °C, °F and pH, which are no multiples of a base unit; nil of all others
}

// dimension holds exponents by the name of the base; a base whose exponent is 0 is not there.
type dimension map[string]int

// Code is what was read.
func (u Unit) Code() string { return u.code }

// Factor is how many of the unit of its dimension that is made of base units alone are one of this one. A special unit has its scale instead.
func (u Unit) Factor() *big.Rat { return new(big.Rat).Set(u.factor) }

// Special tells whether the unit is a scale with a zero of its own, or a logarithm, so that sums and products of its values mean nothing.
func (u Unit) Special() bool { return u.special != nil }

// Dimension writes the dimension in base units, such as "g.m-3", in the order of the alphabet; "1" has none.
func (u Unit) Dimension() string { return u.dimension.text() }

// Same tells whether two units have the same dimension.
func (u Unit) Same(o Unit) bool { return u.dimension.text() == o.dimension.text() }

func (d dimension) text() string {
	var parts []string
	for base, n := range d {
		if n == 1 {
			parts = append(parts, base)
		} else {
			parts = append(parts, base+strconv.Itoa(n))
		}
	}
	if parts == nil {
		return "1"
	}
	slices.Sort(parts)
	return strings.Join(parts, ".")
}

// Convert gives a value in another unit of the same dimension, exactly.
func Convert(value *big.Rat, from, to Unit) (*big.Rat, error) {
	if !from.Same(to) || (from.special != nil && from.special.logarithm || to.special != nil && to.special.logarithm) && from.code != to.code {
		return nil, fault.New(fault.Invalid, "%s cannot be converted into %s.", from.code, to.code)
	}
	return to.FromBase(from.ToBase(value)), nil
}

// Difference is the unit of a difference of two values: K of °C, else the unit itself.
func (u Unit) Difference() Unit {
	if u.special == nil {
		return u
	}
	d := Unit{u.dimension.text(), new(big.Rat).Mul(u.factor, u.special.step), u.dimension, nil}
	if d.factor.Cmp(one.factor) != 0 {
		d.code = u.code + " of difference"
	}
	return d
}

// ToBase gives a value in base units, exactly.
func (u Unit) ToBase(value *big.Rat) *big.Rat {
	v := new(big.Rat).Mul(value, u.factor)
	if u.special != nil {
		v.Mul(v, u.special.step).Add(v, u.special.zero)
	}
	return v
}

// FromBase gives a value that stands in base units in this unit, exactly.
func (u Unit) FromBase(value *big.Rat) *big.Rat {
	v := new(big.Rat).Set(value)
	if u.special != nil {
		v.Sub(v, u.special.zero).Quo(v, u.special.step)
	}
	return v.Quo(v, u.factor)
}

// Mul and Div give products and quotients of units, Pow a power. A special unit has none.
func (u Unit) Mul(o Unit) (Unit, error) { return combine(u, o, 1) }

// Div is the quotient.
func (u Unit) Div(o Unit) (Unit, error) { return combine(u, o, -1) }

// Pow is the power with a whole number.
func (u Unit) Pow(n int) (Unit, error) { return combine(one, u, n) }

var one = Unit{"1", big.NewRat(1, 1), dimension{}, nil}

// One is the unit of a number without unit.
func One() Unit { return one }

// combine gives a·bⁿ.
func combine(a, b Unit, n int) (Unit, error) {
	if a.special != nil && (n != 0 && b.code != "1") || b.special != nil && (n != 1 || a.code != "1") {
		return Unit{}, fault.New(fault.Invalid, "%s and %s have no product: the scale of one of them has a zero of its own, or is a logarithm.", a.code, b.code)
	}
	if n < -maxExponent || n > maxExponent {
		return Unit{}, fault.New(fault.Invalid, "The exponent %d is beyond %d.", n, maxExponent)
	}
	r := Unit{factor: new(big.Rat).Set(a.factor), dimension: dimension{}, special: a.special}
	if b.special != nil {
		r.special = b.special
	}
	factor := b.factor
	if n < 0 {
		factor = new(big.Rat).Inv(factor)
	}
	for range max(n, -n) {
		r.factor.Mul(r.factor, factor)
	}
	for base, m := range a.dimension {
		r.dimension[base] = m
	}
	for base, m := range b.dimension {
		r.dimension[base] += m * n
		if r.dimension[base] == 0 {
			delete(r.dimension, base)
		}
	}
	for base, m := range r.dimension {
		if m < -maxExponent || m > maxExponent {
			return Unit{}, fault.New(fault.Invalid, "The exponent %d of %s is beyond %d.", m, base, maxExponent)
		}
	}
	if r.code = compose(a.code, b.code, n); len(r.code) > maxLength { // a value in base units is the same by any factor
		r.code, r.factor = r.dimension.text(), big.NewRat(1, 1)
	}
	if r.factor.Num().BitLen() > 4096 || r.factor.Denom().BitLen() > 4096 {
		return Unit{}, fault.New(fault.Invalid, "The unit is beyond all measure.")
	}
	return r, nil
}

// compose writes a·bⁿ as a code.
func compose(a, b string, n int) string {
	switch {
	case n == 0 || b == "1":
		return a
	case strings.ContainsAny(b, "./"):
		b = "(" + b + ")"
	case a == "1" && (n > 1 || n < -1) && !strings.ContainsAny(b, "0123456789{}()*"):
		return b + strconv.Itoa(n)
	}
	var code strings.Builder
	if a != "1" {
		code.WriteString(a)
	}
	for range max(n, -n) {
		switch {
		case n < 0:
			code.WriteByte('/')
		case code.Len() > 0:
			code.WriteByte('.')
		}
		code.WriteString(b)
	}
	return code.String()
}

// Error is what is wrong with a code, and at which byte.
type Error struct {
	At  int
	Why string
}

// Error says both.
func (e *Error) Error() string { return fmt.Sprintf("at character %d: %s", e.At+1, e.Why) }
