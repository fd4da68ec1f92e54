package formula

import (
	"strings"

	"veribatch/internal/fault"
)

// Quantity is an exact number with its unit, "12.50 kg". The unit is the symbol of a Unit of this package.
type Quantity struct {
	Amount Decimal
	Unit   string
}

// Text gives number, one blank, unit: the only written form of a quantity.
func (q Quantity) Text() string { return q.Amount.Text() + " " + q.Unit }

// String is Text.
func (q Quantity) String() string { return q.Text() }

// ParseQuantity reads the written form "12.50 kg": number with ".", one blank, unit symbol.
func ParseQuantity(s string) (Quantity, error) {
	number, symbol, ok := strings.Cut(s, " ")
	if !ok {
		return Quantity{}, fault.New(fault.Invalid, "A quantity is a number, one blank and a unit. Write it like \"12.50 kg\".")
	}
	amount, err := ParseNumber(number, '.')
	if err != nil {
		return Quantity{}, err
	}
	if _, err := FindUnit(symbol); err != nil {
		return Quantity{}, err
	}
	return Quantity{amount, symbol}, nil
}
