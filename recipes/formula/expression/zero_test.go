package expression

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/recipes/formula/ucum"
)

// The ranges of these tests: a from 1 to 2, z from -1 to 1, p from 0 on, n below, free anywhere, near from -0.4 to 0.4.
func ranges(name string) (low, high *big.Rat) {
	switch name {
	case "a":
		return big.NewRat(1, 1), big.NewRat(2, 1)
	case "z":
		return big.NewRat(-1, 1), big.NewRat(1, 1)
	case "p":
		return new(big.Rat), nil
	case "n":
		return nil, big.NewRat(-1, 1)
	case "near":
		return big.NewRat(1, 10), big.NewRat(4, 10)
	}
	return nil, nil
}

func TestDivisionsByZero(t *testing.T) {
	t.Parallel()
	for text, count := range map[string]int{
		"1 / [a]": 0, "1 / [z]": 1, "1 / [p]": 1, "1 / [n]": 0, "1 / [free]": 1, "1 / ([a] - 3)": 0, "1 / ([a] - 2)": 1, "1 / ([a] * [n])": 0, "1 / ([a] * [z])": 1, "1 / -[a]": 0,
		"1 / ([p] + [a])": 0, "1 / [a] / [a]": 0, "1 / (1 / [a])": 0, "1 / [z] / [free]": 2, "[z] ^ -1": 1, "[a] ^ -2": 0, "1 / ([z] ^ 2)": 1, "1 / ([z] ^ 2 + 1)": 0, "1 / abs([n])": 0, "1 / abs([z])": 1,
		"if([z] != 0, 1 / [z], 0)": 0, "if([p] > 0, 1 / [p], 0)": 0, "if([p] = 0, 0, 1 / [p])": 0, "if(0 < [p], 1 / [p], 0)": 0, "if([z] >= 0, 1 / [z], 0)": 1, "if([free] > 5 and [z] > 0, [free] / [z], 0)": 0,
		"if(not ([z] = 0), 1 / [z], 0)": 0, "if([z] = 0 or [p] = 0, 0, 1 / ([z] * [p]))": 0, "if([z] != 0, 0, 1 / [z])": 1, "if([z] > 0, 1, 2) / [z]": 1,
		"[z] > 0 and 1 / [z] > 2": 0, "[z] = 0 or 1 / [z] > 2": 0, "1 / [z] > 2 and [z] > 0": 1,
		"1 / min([a], 5)": 0, "1 / max([a], [z])": 1, "1 / sum([a], [a])": 0, "1 / avg([a], [z])": 1, "1 / count([a])": 0, "1 / sd([a], 3)": 1, "rsd([a], 3)": 0, "rsd([z], 3)": 1,
		"1 / round([near], 0)": 1, "1 / round([near], 2)": 0, "1 / sigfig([near], 1)": 0, "interpolate([a], 1, 1, 2, 2)": 0, "interpolate([a], [z], 1, 0.5, 2)": 1, "1 / interpolate([a], 1, 1, 2, 2)": 0,
	} {
		f, err := Parse(text)
		require.NoError(t, err, text)
		require.Len(t, f.DivisionsByZero(ranges), count, text)
	}
}

// Of random formulas in which no division is named, none divides by zero for any values within the ranges.
func TestWhatIsNotNamedNeverDividesByZero(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 11))
	named, tried := 0, 0
	for range 20_000 {
		text := anyQuotient(r, 4)
		f, err := Parse(text)
		require.NoError(t, err, text)
		if len(f.DivisionsByZero(ranges)) > 0 {
			named++
			continue
		}
		for range 5 {
			tried++
			given := map[string]*big.Rat{"a": big.NewRat(1+r.Int64N(2), 1), "z": big.NewRat(r.Int64N(3)-1, 1), "p": big.NewRat(r.Int64N(3), 1), "n": big.NewRat(-1-r.Int64N(2), 1), "near": big.NewRat(1+r.Int64N(4), 10)}
			_, err := f.Evaluate(func(name string) (Value, error) {
				return Value{Kind: Number, Unit: ucum.One(), Number: given[name]}, nil
			})
			if err != nil {
				require.NotContains(t, err.Error(), "zero", "%s with %v", text, given)
			}
		}
	}
	require.Greater(t, named, 2000, "the random formulas divide by zero often")
	require.Greater(t, tried, 20_000)
}

// anyQuotient draws a formula full of divisions.
func anyQuotient(r *rand.Rand, depth int) string {
	if depth == 0 || r.IntN(5) == 0 {
		return []string{"[a]", "[z]", "[p]", "[n]", "[near]", "1", "0.5", "0", "3"}[r.IntN(9)]
	}
	x, y := anyQuotient(r, depth-1), anyQuotient(r, depth-1)
	switch r.IntN(12) {
	case 0:
		return fmt.Sprintf("(%s + %s)", x, y)
	case 1:
		return fmt.Sprintf("(%s - %s)", x, y)
	case 2, 3:
		return fmt.Sprintf("(%s * %s)", x, y)
	case 4:
		return fmt.Sprintf("if(%s %s %s, %s, %s)", []string{"[z]", "[p]", "[a]"}[r.IntN(3)], []string{">", "<", "=", "!=", ">=", "<="}[r.IntN(6)], []string{"0", "1"}[r.IntN(2)], x, y)
	case 5:
		return fmt.Sprintf("abs(%s)", x)
	case 6:
		return fmt.Sprintf("round(%s, %d)", x, r.IntN(2))
	case 7:
		return fmt.Sprintf("%s(%s, %s)", []string{"min", "max", "avg", "sum"}[r.IntN(4)], x, y)
	}
	return fmt.Sprintf("(%s / %s)", x, y)
}

func TestRounded(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"round([a], 2)": true, "sigfig([a], 2)": true, "count([a])": true, "[a]": false, "round([a], 2) + 1": false, "if([a] > 1, round([a], 1), sigfig(2, 1))": true,
		"if([a] > 1, round([a], 1), 2)": false, "min(round([a], 1), round([z], 1))": true, "max(round([a], 1), [z])": false, "avg(round([a], 1))": false,
	} {
		f, err := Parse(text)
		require.NoError(t, err)
		require.Equal(t, want, f.Rounded(), text)
	}
}
