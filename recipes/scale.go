package recipes

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"veribatch/internal/fault"
	"veribatch/recipes/formula"
	"veribatch/recipes/formula/expression"
)

// Scaled is a component of a batch of another size, or made of material with another assay.
type Scaled struct {
	Code, Title string
	Quantity    formula.Quantity
	Arithmetic  []string // the formula, then line by line what was computed
}

// Scale gives the quantity of every component for a batch of a size between the smallest and the largest that the recipe allows. Assays are those of the lots that are used, in
// per cent, by the code of a material that states an assay; without one the material is taken as 100 %.
//
// A component is proportional to the batch size, or stays as it is when its scale is fixed. More is taken of a material with an assay below 100 %, and less of one above, so that the substance itself
// is there as the formula states. The result is a multiple of the division of the balance: of an active substance the next one that is not less, so that the batch never holds less than 100 % of the
// claim (21 CFR 211.101(a)); of others the nearest.
func (r *Recipe) Scale(to formula.Quantity, assays map[string]formula.Decimal) ([]Scaled, error) {
	if err := r.allows(to); err != nil {
		return nil, err
	}
	for code := range assays {
		if !slices.ContainsFunc(r.Materials, func(m Material) bool { return m.Code == code && m.Assay != nil }) {
			return nil, fault.New(fault.Invalid, "The recipe states no assay of %s.", code)
		}
	}
	all := make([]Scaled, 0, len(r.Materials))
	for _, m := range r.Materials {
		assay, given := assays[m.Code]
		if given && !m.Assay.Holds(assay) {
			return nil, fault.New(fault.Invalid, "The assay of %s is %s %%, and the recipe takes %s %%. This lot cannot be used.", m.Code, assay, m.Assay.Text())
		}
		var of *formula.Decimal
		if given {
			of = &assay
		}
		one, err := r.scale(m, to, of)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// allows tells whether a batch of this size can be made.
func (r *Recipe) allows(to formula.Quantity) error {
	low, high := r.Smallest, r.Largest
	if !stated(low) {
		low = r.BatchSize
	}
	if !stated(high) {
		high = r.BatchSize
	}
	switch {
	case !alike(to, r.BatchSize):
		return fault.New(fault.Invalid, "The size of this batch is stated in %s, not in %s.", r.BatchSize.Unit, to.Unit)
	case amount(to).Cmp(amount(low)) < 0 || amount(to).Cmp(amount(high)) > 0:
		return fault.New(fault.Invalid, "A batch of %s cannot be made by this recipe: it has %s to %s.", to, low, high)
	}
	return nil
}

func (r *Recipe) scale(m Material, to formula.Quantity, assay *formula.Decimal) (Scaled, error) {
	f, err := expression.Parse(m.scaling(assay != nil))
	if err != nil {
		return Scaled{}, fault.New(fault.Internal, "The scaling of %s cannot be computed.", m.Code).Because(err)
	}
	known := map[string]formula.Quantity{"formula." + m.Code: m.Quantity, "batch.size": r.BatchSize, "this.size": to}
	if assay != nil {
		known["assay."+m.Code] = formula.Quantity{Amount: *assay, Unit: "%"}
	}
	values := func(name string) (expression.Value, error) {
		v, _ := expression.Amount(known[name].Amount.Text(), unitOf(known[name].Unit))
		return v, nil
	}
	v, err := f.Evaluate(values)
	if err != nil {
		return Scaled{}, fault.New(fault.Invalid, "The quantity of %s cannot be computed: %s", m.Code, err.Error())
	}
	lines, _ := f.Trace(values)
	unit := unitOf(m.Quantity.Unit)
	places := m.Division.Amount.Decimals()
	if m.Division.Unit != m.Quantity.Unit {
		n, _ := unit.FromBase(amount(m.Division)).FloatPrec()
		places = n
	}
	number, err := formula.ParseNumber(unit.FromBase(v.Number).FloatString(places), '.')
	if err != nil {
		return Scaled{}, err
	}
	return Scaled{m.Code, m.Title, formula.Quantity{Amount: number, Unit: m.Quantity.Unit}, lines}, nil
}

// scaling is the formula of a component: "round([formula.API] * [this.size] / [batch.size] * 100 '%' / [assay.API] / 0.05 'kg', 0, 'up') * 0.05 'kg'".
func (m Material) scaling(assayed bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[formula.%s]", m.Code)
	if m.Scale != "fixed" {
		b.WriteString(" * [this.size] / [batch.size]")
	}
	if assayed {
		fmt.Fprintf(&b, " * 100 '%%' / [assay.%s]", m.Code)
	}
	how := "'half up'"
	if m.Active {
		how = "'up'"
	}
	division := fmt.Sprintf("%s '%s'", m.Division.Amount, m.Division.Unit)
	return fmt.Sprintf("round(%s / %s, 0, %s) * %s", b.String(), division, how, division)
}

// division is the smallest step of a quantity: of the balance when the recipe states it, else of the last digit that the formula gives.
func division(stated_, quantity formula.Quantity) formula.Quantity {
	if stated(stated_) || !stated(quantity) {
		return stated_
	}
	text := "1"
	if n := quantity.Amount.Decimals(); n > 0 {
		text = "0." + strings.Repeat("0", n-1) + "1"
	}
	return formula.Quantity{Amount: formula.MustNumber(text), Unit: quantity.Unit}
}

// multiple tells whether a quantity is a whole number of divisions.
func multiple(q, division formula.Quantity) bool {
	return new(big.Rat).Quo(amount(q), amount(division)).IsInt()
}
