package recipes

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"veribatch/internal/fault"
	"veribatch/recipes/formula"
)

func quantity(t require.TestingT, text string) formula.Quantity {
	q, err := formula.ParseQuantity(text)
	require.NoError(t, err)
	return q
}

func TestScale(t *testing.T) {
	t.Parallel()
	r, faults := Check("x", []byte(strings.Replace(whole, "      quantity = \"49.0 kg\"\n", "      quantity = \"49.0 kg\"\n      scale    = \"fixed\"\n", 1)))
	require.Empty(t, faults)
	for _, c := range []struct{ size, assay, api, filler string }{
		{"100.0 kg", "", "51.00 kg", "49.0 kg"}, {"150.0 kg", "", "76.50 kg", "49.0 kg"}, {"50.0 kg", "", "25.50 kg", "49.0 kg"}, {"200 kg", "", "102.00 kg", "49.0 kg"}, {"120000 g", "", "61.20 kg", "49.0 kg"},
		{"100.0 kg", "99.0", "51.52 kg", "49.0 kg"}, // 51.5151… is rounded up: never below the claim
		{"100.0 kg", "102.0", "50.00 kg", "49.0 kg"}, {"100.0 kg", "101.9", "50.05 kg", "49.0 kg"},
	} {
		assays := map[string]formula.Decimal{}
		if c.assay != "" {
			assays["API"] = formula.MustNumber(c.assay)
		}
		got, err := r.Scale(quantity(t, c.size), assays)
		require.NoError(t, err)
		require.Equal(t, []string{c.api, c.filler}, []string{got[0].Quantity.Text(), got[1].Quantity.Text()}, c.size+" "+c.assay)
	}
	got, err := r.Scale(quantity(t, "100.0 kg"), map[string]formula.Decimal{"API": formula.MustNumber("99.0")})
	require.NoError(t, err)
	require.Equal(t, "round([formula.API] * [this.size] / [batch.size] * 100 '%' / [assay.API] / 0.01 'kg', 0, 'up') * 0.01 'kg'", got[0].Arithmetic[0])
	require.Equal(t, "51.52 kg", got[0].Arithmetic[len(got[0].Arithmetic)-1])
	require.Contains(t, strings.Join(got[0].Arithmetic, "\n"), "51.0 kg * 100.0 kg / 100.0 kg * 100 % / 99.0 %")

	for _, c := range []struct{ size, material, assay, says string }{
		{"49.9 kg", "", "", "A batch of 49.9 kg cannot be made by this recipe: it has 50.0 kg to 200.0 kg"}, {"200.1 kg", "", "", "cannot be made by this recipe"}, {"100 L", "", "", "stated in kg, not in L"},
		{"100.0 kg", "API", "97.9", "The assay of API is 97.9 %, and the recipe takes 98.0 to 102.0 %. This lot cannot be used."}, {"100.0 kg", "FILLER", "99.0", "The recipe states no assay of FILLER"},
		{"100.0 kg", "NONE", "99.0", "The recipe states no assay of NONE"},
	} {
		assays := map[string]formula.Decimal{}
		if c.material != "" {
			assays[c.material] = formula.MustNumber(c.assay)
		}
		_, err := r.Scale(quantity(t, c.size), assays)
		require.Equal(t, fault.Invalid, fault.KindOf(err))
		require.ErrorContains(t, err, c.says)
	}
	small, faults := Check("x", []byte(good))
	require.Empty(t, faults)
	_, err = small.Scale(quantity(t, "50.01 kg"), nil)
	require.ErrorContains(t, err, "it has 50.00 kg to 50.00 kg", "a recipe without other sizes has its own")
}

// TestNeverBelowTheClaim: whatever the batch size, the assay of the lot, the excess and the balance, the batch holds at least 100 % of what the label claims of the active substance
// (21 CFR 211.101(a)), and never more than the excess and one division of the balance above it.
func TestNeverBelowTheClaim(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		perUnit := rapid.IntRange(1, 999).Draw(t, "mg per unit")
		units := rapid.IntRange(1_000, 500_000).Draw(t, "units")
		excess := rapid.SampledFrom([]string{"", "2.0", "0.7", "10"}).Draw(t, "excess")
		division := rapid.SampledFrom([]string{"0.001", "0.01", "0.05", "0.2", "1", "2"}).Draw(t, "division")
		assay := fmt.Sprintf("%d.%d", rapid.IntRange(80, 104).Draw(t, "assay"), rapid.IntRange(0, 9).Draw(t, "tenths"))
		size := rapid.IntRange(units, units*3).Draw(t, "size")

		claim := func(n int) *big.Rat { return big.NewRat(int64(n)*int64(perUnit), 1_000_000) } // kg
		whole := claim(units)
		over := big.NewRat(1, 1)
		if excess != "" {
			part, _ := new(big.Rat).SetString(excess)
			over.Add(over, part.Quo(part, big.NewRat(100, 1)))
		}
		whole.Mul(whole, over)
		r := &Recipe{
			BatchSize: quantity(t, fmt.Sprintf("%d tablets", units)), Largest: quantity(t, fmt.Sprintf("%d tablets", units*3)),
			Materials: []Material{{
				Code: "API", Active: true, Quantity: formula.Quantity{Amount: formula.MustNumber(whole.FloatString(9)), Unit: "kg"}, Division: quantity(t, division+" kg"),
				Assay: &formula.Limits{},
			}},
		}
		got, err := r.Scale(quantity(t, fmt.Sprintf("%d tablets", size)), map[string]formula.Decimal{"API": formula.MustNumber(assay)})
		require.NoError(t, err)
		percent, _ := new(big.Rat).SetString(assay)
		substance, _ := new(big.Rat).SetString(got[0].Quantity.Amount.Text())
		step, _ := new(big.Rat).SetString(division)
		if !new(big.Rat).Quo(substance, step).IsInt() {
			t.Fatalf("%s is no multiple of %s kg", got[0].Quantity, division)
		}
		most := new(big.Rat).Mul(claim(size), over)
		least := claim(size)
		pure := new(big.Rat).Mul(substance, new(big.Rat).Quo(percent, big.NewRat(100, 1)))
		if pure.Cmp(least) < 0 {
			t.Fatalf("%s of %s %% hold %s kg, the claim is %s kg", got[0].Quantity, assay, pure.FloatString(9), least.FloatString(9))
		}
		most.Add(most, new(big.Rat).Mul(step, big.NewRat(11, 10)))
		if pure.Cmp(most) > 0 {
			t.Fatalf("%s of %s %% hold %s kg, at most %s kg are wanted", got[0].Quantity, assay, pure.FloatString(9), most.FloatString(9))
		}
	})
}
