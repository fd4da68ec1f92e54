package expression

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A tree knows what it is worth without ever having been a text: nil where it has no value. Numbers are plain or in grams, so that units play along: a gram is
// written as g, mg or kg.
type tree struct {
	text  string
	worth *big.Rat // of a number; grams when mass
	yes   bool     // of a condition
	mass  bool
	atom  bool // needs no bracket
}

type generator struct{ *rand.Rand }

// written puts a tree where something else stands around it: in brackets, unless it needs none and none are wanted.
func (g generator) written(t tree) string {
	if !t.atom || g.IntN(8) == 0 {
		return "(" + strings.Repeat(" ", g.IntN(2)) + t.text + ")"
	}
	return t.text
}

func (g generator) literal(mass bool) tree {
	digits := strconv.Itoa(g.IntN(1000))
	if g.IntN(2) == 0 {
		digits += fmt.Sprintf(".%0*d", 1+g.IntN(6), g.IntN(10))
	}
	worth, _ := new(big.Rat).SetString(digits)
	if !mass {
		return tree{text: digits, worth: worth, atom: true}
	}
	unit := []string{"g", "mg", "kg"}[g.IntN(3)]
	worth.Mul(worth, map[string]*big.Rat{"g": big.NewRat(1, 1), "mg": big.NewRat(1, 1000), "kg": big.NewRat(1000, 1)}[unit])
	return tree{text: digits + " '" + unit + "'", worth: worth, mass: true, atom: true}
}

func (g generator) number(depth int, mass bool) tree {
	if depth == 0 || g.IntN(6) == 0 {
		return g.literal(mass)
	}
	switch g.IntN(9) {
	case 0, 1:
		return g.sum(depth, mass)
	case 2, 3:
		return g.product(depth, mass)
	case 4:
		return g.many(depth, mass)
	case 5:
		return g.rounded(depth, mass)
	case 6:
		return g.choice(depth, mass)
	case 7:
		a := g.number(depth-1, mass)
		r := tree{text: "abs(" + a.text + ")", mass: mass, atom: true}
		if a.worth != nil {
			r.worth = new(big.Rat).Abs(a.worth)
		}
		return r
	}
	if mass {
		return g.between(depth)
	}
	return g.power(depth)
}

func (g generator) sum(depth int, mass bool) tree {
	a, b := g.number(depth-1, mass), g.number(depth-1, mass)
	r := tree{mass: mass}
	if g.IntN(2) == 0 {
		r.text = g.written(a) + " + " + g.written(b)
		if a.worth != nil && b.worth != nil {
			r.worth = new(big.Rat).Add(a.worth, b.worth)
		}
		return r
	}
	r.text = g.written(a) + "-" + g.written(b)
	if a.worth != nil && b.worth != nil {
		r.worth = new(big.Rat).Sub(a.worth, b.worth)
	}
	return r
}

func (g generator) product(depth int, mass bool) tree {
	a, b := g.number(depth-1, mass), g.number(depth-1, false)
	r := tree{mass: mass, text: g.written(a) + "*" + g.written(b)}
	if a.worth != nil && b.worth != nil {
		r.worth = new(big.Rat).Mul(a.worth, b.worth)
	}
	switch {
	case g.IntN(2) == 0: // a quotient by a number
		r.text, r.worth = g.written(a)+" / "+g.written(b), nil
		if a.worth != nil && b.worth != nil && b.worth.Sign() != 0 {
			r.worth = new(big.Rat).Quo(a.worth, b.worth)
		}
	case !mass && g.IntN(2) == 0: // a quotient of masses
		a, b = g.number(depth-1, true), g.number(depth-1, true)
		r.text, r.worth = g.written(a)+"/"+g.written(b), nil
		if a.worth != nil && b.worth != nil && b.worth.Sign() != 0 {
			r.worth = new(big.Rat).Quo(a.worth, b.worth)
		}
	}
	return r
}

// many is a function of several numbers.
func (g generator) many(depth int, mass bool) tree {
	name := []string{"sum", "avg", "min", "max"}[g.IntN(4)]
	n := 1 + g.IntN(4)
	texts, worth := make([]string, n), (*big.Rat)(nil)
	whole := true
	for i := range n {
		a := g.number(depth-1, mass)
		texts[i] = a.text
		switch {
		case a.worth == nil:
			whole = false
		case worth == nil:
			worth = new(big.Rat).Set(a.worth)
		case name == "sum" || name == "avg":
			worth.Add(worth, a.worth)
		case (name == "min") == (a.worth.Cmp(worth) < 0):
			worth.Set(a.worth)
		}
	}
	if !whole {
		worth = nil
	} else if name == "avg" {
		worth.Mul(worth, big.NewRat(1, int64(n)))
	}
	return tree{text: name + "(" + strings.Join(texts, ",") + ")", worth: worth, mass: mass, atom: true}
}

func (g generator) power(depth int) tree {
	a, n := g.number(depth-1, false), g.IntN(7)-3
	r := tree{text: g.written(a) + " ^ " + strconv.Itoa(n)}
	if a.worth == nil || n < 0 && a.worth.Sign() == 0 {
		return r
	}
	r.worth = big.NewRat(1, 1)
	for i := 0; i < n || i < -n; i++ {
		if n > 0 {
			r.worth.Mul(r.worth, a.worth)
		} else {
			r.worth.Quo(r.worth, a.worth)
		}
	}
	return r
}

// between is a mass read from a line between two points.
func (g generator) between(depth int) tree {
	x, y1, y2 := g.number(depth-1, false), g.number(depth-1, true), g.number(depth-1, true)
	from, to := int64(g.IntN(500)), int64(g.IntN(1000))
	r := tree{text: fmt.Sprintf("interpolate(%s, %d, %s, %d, %s)", x.text, from, y1.text, to, y2.text), mass: true, atom: true}
	a, b := big.NewRat(min(from, to), 1), big.NewRat(max(from, to), 1)
	if x.worth == nil || y1.worth == nil || y2.worth == nil || from == to || x.worth.Cmp(a) < 0 || x.worth.Cmp(b) > 0 {
		return r
	}
	// y = y1·(1-t) + y2·t
	t := new(big.Rat).Quo(new(big.Rat).Sub(x.worth, big.NewRat(from, 1)), big.NewRat(to-from, 1))
	r.worth = new(big.Rat).Mul(y1.worth, new(big.Rat).Sub(big.NewRat(1, 1), t))
	r.worth.Add(r.worth, new(big.Rat).Mul(y2.worth, t))
	return r
}

func (g generator) choice(depth int, mass bool) tree {
	c, a, b := g.condition(depth-1), g.number(depth-1, mass), g.number(depth-1, mass)
	r := tree{text: "if(" + c.text + ", " + a.text + ", " + b.text + ")", mass: mass, atom: true}
	switch {
	case c.worth == nil:
	case c.yes:
		r.worth = a.worth
	default:
		r.worth = b.worth
	}
	return r
}

// condition has a worth when it has an answer.
func (g generator) condition(depth int) tree {
	some := big.NewRat(1, 1)
	if depth > 0 && g.IntN(3) == 0 {
		a, b := g.condition(depth-1), g.condition(depth-1)
		r := tree{text: g.written(a) + " or " + g.written(b)}
		and := g.IntN(2) == 0
		if and {
			r.text = g.written(a) + " and " + g.written(b)
		}
		switch {
		case a.worth == nil:
		case a.yes != and: // decides alone
			r.worth, r.yes = some, a.yes
		default:
			r.worth, r.yes = b.worth, b.yes
		}
		return r
	}
	mass := g.IntN(2) == 0
	a, b := g.number(max(0, depth-1), mass), g.number(max(0, depth-1), mass)
	if g.IntN(4) == 0 {
		b = a
	}
	operation := []string{"<", "<=", ">", ">=", "=", "!="}[g.IntN(6)]
	r := tree{text: g.written(a) + " " + operation + " " + g.written(b)}
	if a.worth != nil && b.worth != nil {
		c := a.worth.Cmp(b.worth)
		r.worth, r.yes = some, map[string]bool{"<": c < 0, "<=": c < 1, ">": c > 0, ">=": c > -1, "=": c == 0, "!=": c != 0}[operation]
	}
	if g.IntN(4) == 0 {
		r.text, r.yes = "not ("+r.text+")", !r.yes
	}
	return r
}

// rounded rounds by digits, by the decimal text that math/big writes.
func (g generator) rounded(depth int, mass bool) tree {
	a := g.number(depth-1, mass)
	places, unit, ten := g.IntN(5), "", big.NewRat(1, 1)
	if mass {
		switch g.IntN(3) {
		case 0:
			unit = " 'g'"
		case 1:
			unit, ten = " 'mg'", big.NewRat(1000, 1)
		case 2:
			unit, ten = " 'kg'", big.NewRat(1, 1000)
		}
	}
	mode := []string{"", "half up", "half even", "up", "down", "ceiling", "floor", "USP", "Ph. Eur."}[g.IntN(9)]
	figures := g.IntN(3) == 0
	name := "round"
	if figures {
		name, places = "sigfig", places+1
	}
	r := tree{text: fmt.Sprintf("%s(%s, %d%s", name, a.text, places, unit), mass: mass, atom: true}
	if mode != "" {
		r.text += ", '" + mode + "'"
	}
	r.text += ")"
	if a.worth == nil {
		return r
	}
	v := new(big.Rat).Mul(a.worth, ten)
	if figures {
		places = figuresBehind(v, places)
	}
	r.worth = new(big.Rat).Quo(byText(v, places, mode), ten)
	return r
}

// figuresBehind says how many places significant figures are, by counting up and down.
func figuresBehind(v *big.Rat, figures int) int {
	if v.Sign() == 0 {
		return 0
	}
	a, ten := new(big.Rat).Abs(v), big.NewRat(10, 1)
	for a.Cmp(big.NewRat(1, 1)) < 0 {
		a.Mul(a, ten)
		figures++
	}
	for a.Cmp(ten) >= 0 {
		a.Quo(a, ten)
		figures--
	}
	return figures - 1
}

func byText(v *big.Rat, places int, mode string) *big.Rat {
	shift := big.NewRat(1, 1)
	for i := places; i != 0; {
		if i > 0 {
			shift.Mul(shift, big.NewRat(10, 1))
			i--
		} else {
			shift.Quo(shift, big.NewRat(10, 1))
			i++
		}
	}
	x := new(big.Rat).Mul(v, shift)
	nearest, _ := new(big.Rat).SetString(x.FloatString(0)) // half away from zero
	two := new(big.Rat).Mul(x, big.NewRat(2, 1))
	lower := new(big.Rat).SetInt(new(big.Int).Div(x.Num(), x.Denom())) // Euclid: downwards, as the denominator is positive
	upper := new(big.Rat).Set(lower)
	if !x.IsInt() {
		upper.Add(lower, big.NewRat(1, 1))
	}
	towards, away := lower, upper
	if v.Sign() < 0 {
		towards, away = upper, lower
	}
	switch mode {
	case "half even":
		if two.IsInt() && !x.IsInt() { // in the middle
			nearest = lower
			if lower.Num().Bit(0) == 1 {
				nearest = upper
			}
		}
	case "up":
		nearest = away
	case "down":
		nearest = towards
	case "ceiling":
		nearest = upper
	case "floor":
		nearest = lower
	}
	return new(big.Rat).Quo(nearest, shift)
}

// Random formulas are worth what the tree is worth from which they were written: VERIBATCH_LONG tries a million. The tree never was a text, and computes without
// any code of this package.
func TestFormulasAgreeWithAnOracle(t *testing.T) {
	t.Parallel()
	tries := 3_000
	if os.Getenv("VERIBATCH_LONG") != "" {
		tries = 1_000_000
	}
	g := generator{rand.New(rand.NewPCG(5, uint64(tries)))} //nolint:gosec // it repeats
	worth, large := 0, 0
	for range tries {
		mass := g.IntN(2) == 0
		want := g.number(1+g.IntN(4), mass)
		f, err := Parse(want.text)
		if err != nil && (len(want.text) > maxText || strings.Contains(err.Error(), "more than 400 parts")) {
			large++
			continue
		}
		require.NoError(t, err, want.text)
		_, faults := f.Check(typeOf)
		require.Empty(t, faults, want.text)
		again, err := Parse(f.String())
		require.NoError(t, err, "%s printed as %s", want.text, f)
		require.Equal(t, f.String(), again.String(), want.text)
		for _, f := range []*Formula{f, again} {
			got, err := f.Evaluate(valueOf)
			if want.worth == nil {
				require.Error(t, err, want.text)
				continue
			}
			if err != nil && strings.Contains(err.Error(), "beyond all measure") {
				large++
				continue
			}
			require.NoError(t, err, want.text)
			if got.Number.Cmp(want.worth) != 0 {
				t.Fatalf("%s is %s, want %s", want.text, got.Number.RatString(), want.worth.RatString())
			}
			worth++
		}
	}
	t.Logf("%d values agree, %d formulas were too large", worth, large)
	require.Greater(t, worth, tries)
}

// The standard deviation is right to 38 figures, whatever the values.
func TestStandardDeviationAgreesWithAnOracle(t *testing.T) {
	t.Parallel()
	g := generator{rand.New(rand.NewPCG(6, 6))} //nolint:gosec // it repeats
	for range 300 {
		n := 2 + g.IntN(20)
		texts, values := make([]string, n), make([]*big.Rat, n)
		for i := range n {
			l := g.literal(true)
			texts[i], values[i] = l.text, l.worth
		}
		f, err := Parse("sd(" + strings.Join(texts, ", ") + ")")
		require.NoError(t, err)
		got, err := f.Evaluate(valueOf)
		require.NoError(t, err)
		// s² = (n·Σx² - (Σx)²) / (n·(n-1))
		sum, squares, count := new(big.Rat), new(big.Rat), big.NewRat(int64(n), 1)
		for _, x := range values {
			sum.Add(sum, x)
			squares.Add(squares, new(big.Rat).Mul(x, x))
		}
		want := new(big.Rat).Sub(new(big.Rat).Mul(count, squares), new(big.Rat).Mul(sum, sum))
		want.Quo(want, big.NewRat(int64(n)*int64(n-1), 1))
		off := new(big.Rat).Sub(new(big.Rat).Mul(got.Number, got.Number), want)
		slack := new(big.Rat).Mul(want, tenTo(-37))
		require.LessOrEqual(t, off.Abs(off).Cmp(slack), 0, "%v", texts)
	}
}

func FuzzFormula(f *testing.F) {
	for _, text := range []string{"([net] - [tare]) / 13.36 'g' * 100 '%'", "if([clear] and not (1 < 2), round(2.5, 0), -3 ^ 2)", "rsd([weights], 5 'mg')", "interpolate(1, 2, 3, 4, 5)", "'a' = [colour]", "duration([from], [to])"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		formula, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(formula.String())
		if err != nil || again.String() != formula.String() {
			t.Fatalf("%q was printed as %q: %v", text, formula, err)
		}
		kind, faults := formula.Check(typeOf)
		if len(faults) > 0 {
			return
		}
		if v, err := formula.Evaluate(valueOf); err == nil && v.Kind != kind.Kind {
			t.Fatalf("%q is a %s and was checked as a %s", text, v.Kind, kind.Kind)
		}
	})
}

func BenchmarkFormula(b *testing.B) {
	f, err := Parse("round(([net] - [tare]) / 13.85 'g' * 100 '%', 1 '%')")
	require.NoError(b, err)
	for b.Loop() {
		if _, err := f.Evaluate(valueOf); err != nil {
			b.Fatal(err)
		}
	}
}
