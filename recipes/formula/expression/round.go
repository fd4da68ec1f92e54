package expression

import "math/big"

// rounding says whether what lies between two numbers goes away from zero: rest is the part beyond the nearer one to zero, from 0 to below 1.
type rounding func(rest *big.Rat, negative, odd bool) (away bool)

var half = big.NewRat(1, 2)

// roundings are the names of roundings. That of USP (General Notices 7.20) and of Ph. Eur. (General Notices 1.4) is half up: a last digit of 5 and more raises the
// one before it.
var roundings = map[string]rounding{
	"half up":   func(rest *big.Rat, _, _ bool) bool { return rest.Cmp(half) >= 0 },
	"half even": func(rest *big.Rat, _, odd bool) bool { return rest.Cmp(half) > 0 || odd && rest.Cmp(half) == 0 },
	"up":        func(rest *big.Rat, _, _ bool) bool { return rest.Sign() > 0 },
	"down":      func(*big.Rat, bool, bool) bool { return false },
	"ceiling":   func(rest *big.Rat, negative, _ bool) bool { return rest.Sign() > 0 && !negative },
	"floor":     func(rest *big.Rat, negative, _ bool) bool { return rest.Sign() > 0 && negative },
	"USP":       func(rest *big.Rat, _, _ bool) bool { return rest.Cmp(half) >= 0 },
	"Ph. Eur.":  func(rest *big.Rat, _, _ bool) bool { return rest.Cmp(half) >= 0 },
}

// toPlaces rounds to digits behind the point; before it when places is negative.
func toPlaces(v *big.Rat, places int, how rounding) *big.Rat {
	scaled := new(big.Rat).Mul(new(big.Rat).Abs(v), tenTo(places))
	whole, rest := new(big.Int).QuoRem(scaled.Num(), scaled.Denom(), new(big.Int))
	if how(new(big.Rat).SetFrac(rest, scaled.Denom()), v.Sign() < 0, whole.Bit(0) == 1) {
		whole.Add(whole, big.NewInt(1))
	}
	r := new(big.Rat).SetInt(whole)
	if v.Sign() < 0 {
		r.Neg(r)
	}
	return r.Mul(r, tenTo(-places))
}

// toFigures rounds to significant figures, and gives also how many digits stand behind the point then.
func toFigures(v *big.Rat, figures int, how rounding) (r *big.Rat, places int) {
	if v.Sign() == 0 {
		return new(big.Rat), figures - 1
	}
	places = figures - 1 - magnitude(v)
	r = toPlaces(v, places, how)
	if r.Sign() != 0 && magnitude(r) > magnitude(v) { // 9.99 became 10.0
		places--
	}
	return r, places
}

// magnitude is the power of ten of the first digit.
func magnitude(v *big.Rat) int {
	a := new(big.Rat).Abs(v)
	m := len(a.Num().String()) - len(a.Denom().String())
	if a.Cmp(tenTo(m)) < 0 {
		m--
	}
	return m
}

func tenTo(power int) *big.Rat {
	n := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(power, -power))), nil)
	if power < 0 {
		return new(big.Rat).SetFrac(big.NewInt(1), n)
	}
	return new(big.Rat).SetInt(n)
}

// figuresOfRoot are the significant figures of a root that has no end: as many as a decimal number of the record may have, and some.
const figuresOfRoot = 40

// root is the square root, exact where it ends within figuresOfRoot, else rounded half even there.
func root(v *big.Rat) *big.Rat {
	if v.Sign() == 0 {
		return new(big.Rat)
	}
	places := figuresOfRoot - magnitude(v)/2
	scaled := new(big.Rat).Mul(v, tenTo(2*places))
	whole := new(big.Int).Quo(scaled.Num(), scaled.Denom())
	r := new(big.Int).Sqrt(whole)
	approximate := new(big.Rat).Mul(new(big.Rat).SetInt(r), tenTo(-places))
	if new(big.Rat).Mul(approximate, approximate).Cmp(v) == 0 {
		return approximate
	}
	rounded, _ := toFigures(approximate, figuresOfRoot-1, roundings["half even"]) // the digits behind are cut, and never exactly one half
	return rounded
}
