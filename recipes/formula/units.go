package formula

import (
	"strings"

	"github.com/cockroachdb/apd/v3"

	"veribatch/internal/fault"
	"veribatch/recipes/formula/ucum"
)

// Unit is a unit of measure that a recipe may use. Symbol is what recipes, records and screens write; UCUM is the code for exchange
// with other systems (The Unified Code for Units of Measure, version 2.1).
type Unit struct {
	Symbol    string // "°C": one spelling for one unit, so that records can be compared
	UCUM      string // "Cel"
	Name      string // "degree Celsius"
	Dimension string // units of one dimension convert into each other; "" converts into nothing
	factor    string // how many of the dimension's first unit are one of this one, exact
}

// units is the whole table. Factors are exact by definition (SI prefixes, minute and hour); where a conversion would need an offset or a
// property of the substance (°C, pH, %) there is no dimension.
var units = []Unit{
	{"kg", "kg", "kilogram", "mass", "1E+3"},
	{"g", "g", "gram", "mass", "1"},
	{"mg", "mg", "milligram", "mass", "1E-3"},
	{"µg", "ug", "microgram", "mass", "1E-6"},
	{"L", "L", "litre", "volume", "1"},
	{"mL", "mL", "millilitre", "volume", "1E-3"},
	{"µL", "uL", "microlitre", "volume", "1E-6"},
	{"m", "m", "metre", "length", "1"},
	{"cm", "cm", "centimetre", "length", "1E-2"},
	{"mm", "mm", "millimetre", "length", "1E-3"},
	{"µm", "um", "micrometre", "length", "1E-6"},
	{"h", "h", "hour", "time", "3600"},
	{"min", "min", "minute", "time", "60"},
	{"s", "s", "second", "time", "1"},
	{"bar", "bar", "bar", "pressure", "1E+5"},
	{"mbar", "mbar", "millibar", "pressure", "1E+2"},
	{"kPa", "kPa", "kilopascal", "pressure", "1E+3"},
	{"Pa", "Pa", "pascal", "pressure", "1"},
	{"kN", "kN", "kilonewton", "force", "1E+3"},
	{"N", "N", "newton", "force", "1"},
	{"kW", "kW", "kilowatt", "power", "1E+3"},
	{"A", "A", "ampere", "current", "1"},
	{"mS/cm", "mS/cm", "millisiemens per centimetre", "conductivity", "1E+3"},
	{"µS/cm", "uS/cm", "microsiemens per centimetre", "conductivity", "1"},
	{"mol/L", "mol/L", "mole per litre", "concentration", "1"},
	{"mmol/L", "mmol/L", "millimole per litre", "concentration", "1E-3"},
	{"g/L", "g/L", "gram per litre", "mass concentration", "1"},
	{"g/mL", "g/mL", "gram per millilitre", "mass concentration", "1E+3"},
	{"mg/mL", "mg/mL", "milligram per millilitre", "mass concentration", "1"},
	{"m³/h", "m3/h", "cubic metre per hour", "", ""},
	{"L/min", "L/min", "litre per minute", "", ""},
	{"g/min", "g/min", "gram per minute", "", ""},
	{"m/s", "m/s", "metre per second", "", ""},
	{"rpm", "{rev}/min", "revolutions per minute", "", ""},
	{"°C", "Cel", "degree Celsius", "", ""},
	{"pH", "[pH]", "pH", "", ""},
	{"%", "%", "per cent", "", ""},
	{"ppm", "[ppm]", "parts per million", "", ""},
	{"d", "d", "day", "time", "86400"},
	{"months", "mo", "month", "", ""},
	{"IU", "[IU]", "international unit", "", ""},
	{"CFU", "[CFU]", "colony forming unit", "", ""},
	{"mOsm/kg", "mosm/kg", "milliosmole per kilogram", "", ""},
	{"NTU", "{NTU}", "nephelometric turbidity unit", "", ""},
	{"1", "1", "number without unit", "", ""},
	{"pcs", "{piece}", "pieces", "", ""},
	{"tablets", "{tbl}", "tablets", "", ""},
}

// otherNames leads from usual other spellings to the one symbol; they are refused with a hint, never silently changed.
var otherNames = map[string]string{
	"ug": "µg", "mcg": "µg", "μg": "µg", "uL": "µL", "um": "µm", "l": "L", "ml": "mL", "ltr": "L", "C": "°C", "Cel": "°C", "degC": "°C", "° C": "°C",
	"sec": "s", "hr": "h", "hours": "h", "minutes": "min", "1/min": "rpm", "{rev}/min": "rpm", "[pH]": "pH", "Kg": "kg", "KG": "kg", "kgs": "kg",
	"count": "1", "units": "pcs", "pieces": "pcs", "tablet": "tablets", "mM": "mmol/L", "M": "mol/L", "percent": "%",
}

// Units gives the table of units in its order.
func Units() []Unit { return append([]Unit(nil), units...) }

// maxSymbol bounds the symbols that are not in the table, so that a number and its unit fit on one line.
const maxSymbol = 20

// FindUnit gives the unit of a symbol: of the table, or a code of UCUM such as "10*6/mL" that has no symbol there. The fault of an unknown one names the spelling to use.
func FindUnit(symbol string) (Unit, error) {
	for _, u := range units {
		if u.Symbol == symbol {
			return u, nil
		}
	}
	if known, ok := otherNames[symbol]; ok {
		return Unit{}, fault.New(fault.Invalid, "The unit %q is written %q here.", symbol, known)
	}
	for _, u := range units {
		if strings.EqualFold(u.Symbol, symbol) || u.UCUM == symbol || u.Name == symbol {
			return Unit{}, fault.New(fault.Invalid, "The unit %q is written %q here.", symbol, u.Symbol)
		}
	}
	if of, err := ucum.Parse(symbol); err == nil && len(symbol) <= maxSymbol {
		return Unit{Symbol: symbol, UCUM: of.Code(), Name: symbol}, nil
	}
	return Unit{}, fault.New(fault.Invalid, "The unit %q is not known. Known are %s, and the codes of UCUM.", symbol, symbols())
}

func symbols() string {
	all := make([]string, len(units))
	for i, u := range units {
		all[i] = u.Symbol
	}
	return strings.Join(all, ", ")
}

// exact computes with 100 digits and fails instead of rounding.
var exact = func() *apd.Context {
	c := apd.BaseContext.WithPrecision(100)
	c.Traps |= apd.Inexact | apd.Rounded
	return c
}()

// Convert gives the same quantity in another unit of the same dimension, exactly, or a fault: a result that has no end (1 s in hours)
// is refused rather than rounded. 12.50 kg becomes 12500 g, 12.50 g becomes 0.01250 kg: the digits that were measured stay.
func Convert(q Quantity, symbol string) (Quantity, error) {
	from, err := FindUnit(q.Unit)
	if err != nil {
		return Quantity{}, err
	}
	to, err := FindUnit(symbol)
	if err != nil {
		return Quantity{}, err
	}
	if from == to {
		return q, nil
	}
	if from.Dimension == "" || from.Dimension != to.Dimension {
		return Quantity{}, fault.New(fault.Invalid, "%s cannot be converted into %s.", q.Unit, symbol)
	}
	var a, b, x apd.Decimal
	for d, s := range map[*apd.Decimal]string{&a: from.factor, &b: to.factor} {
		if _, _, err := d.SetString(s); err != nil {
			return Quantity{}, fault.New(fault.Internal, "The table of units has the wrong factor %q.", s).Because(err)
		}
	}
	if _, err := exact.Mul(&x, &q.Amount.v, &a); err != nil {
		return Quantity{}, fault.New(fault.Invalid, "%s has too many digits to be converted into %s.", q, symbol).Because(err)
	}
	if _, err := exact.Quo(&x, &x, &b); err != nil {
		return Quantity{}, fault.New(fault.Invalid, "%s has no exact value in %s. Record it in %s.", q, symbol, q.Unit).Because(err)
	}
	// Quo fills up to its precision with zeros; the digits that were measured are those of the amount, shifted by the factors.
	measured := q.Amount.v.Exponent + a.Exponent - b.Exponent
	if x.Reduce(&x); x.Exponent > measured {
		if _, err := exact.Quantize(&x, &x, measured); err != nil {
			return Quantity{}, fault.New(fault.Invalid, "%s has too many digits to be converted into %s.", q, symbol).Because(err)
		}
	}
	return Quantity{Decimal{x}, symbol}, nil
}
