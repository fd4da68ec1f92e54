package ucum

import "math/big"

// prefixes are the powers of ten of UCUM, table 1.
var prefixes = map[string]int{
	"Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1, "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
}

// scale is the scale of a special unit: base = factor·value·step + zero. Of a logarithm only values of the same unit are compared.
type scale struct {
	step, zero *big.Rat
	logarithm  bool
}

// atom is a unit that is not made of others by its spelling.
type atom struct {
	metric  bool
	factor  string // exact, in base units
	of      dimension
	special *scale
}

func (a atom) unit(code string) Unit {
	factor, ok := new(big.Rat).SetString(a.factor)
	if !ok {
		panic("ucum: the table has the factor " + a.factor)
	}
	return Unit{code, factor, a.of, a.special}
}

// pi with the digits that UCUM gives.
const pi = "3.1415926535897932384626433832795028841971693993751058209749445923"

// avogadro is how many are a mole, exact since 2019: in UCUM a mole is a number.
const avogadro = "602214076000000000000000"

func rat(text string) *big.Rat {
	r, _ := new(big.Rat).SetString(text)
	return r
}

func product(a, b string) string { return new(big.Rat).Mul(rat(a), rat(b)).RatString() }

func quotient(a, b string) string { return new(big.Rat).Quo(rat(a), rat(b)).RatString() }

var (
	none     = dimension{}
	energy   = dimension{"g": 1, "m": 2, "s": -2}
	pressure = dimension{"g": 1, "m": -1, "s": -2}
	volume   = dimension{"m": 3}
	rate     = dimension{"s": -1}
	length   = dimension{"m": 1}
	mass     = dimension{"g": 1}
	time     = dimension{"s": 1}
	angle    = dimension{"rad": 1}
)

// atoms are the units of UCUM that are known here, with the factors of its tables 2 to 6 and of those for customary, clinical and biological units. Grams, not
// kilograms, are the base. Arbitrary units (UCUM, §24) measure a biological effect: each is a dimension of its own and converts into nothing.
var atoms = map[string]atom{
	"m": {true, "1", length, nil}, "s": {true, "1", time, nil}, "g": {true, "1", mass, nil}, "rad": {true, "1", angle, nil}, "K": {true, "1", dimension{"K": 1}, nil},
	"C": {true, "1", dimension{"C": 1}, nil}, "cd": {true, "1", dimension{"cd": 1}, nil},

	"10*": {false, "10", none, nil}, "[pi]": {false, pi, none, nil}, "%": {false, "1/100", none, nil}, "[ppth]": {false, "1/1000", none, nil},
	"[ppm]": {false, "1/1000000", none, nil}, "[ppb]": {false, "1/1000000000", none, nil}, "[pptr]": {false, "1/1000000000000", none, nil},

	"mol": {true, avogadro, none, nil}, "sr": {true, "1", dimension{"rad": 2}, nil}, "Hz": {true, "1", rate, nil}, "N": {true, "1000", dimension{"g": 1, "m": 1, "s": -2}, nil},
	"Pa": {true, "1000", pressure, nil}, "J": {true, "1000", energy, nil}, "W": {true, "1000", dimension{"g": 1, "m": 2, "s": -3}, nil}, "A": {true, "1", dimension{"C": 1, "s": -1}, nil},
	"V": {true, "1000", dimension{"g": 1, "m": 2, "s": -2, "C": -1}, nil}, "F": {true, "1/1000", dimension{"C": 2, "s": 2, "g": -1, "m": -2}, nil},
	"Ohm": {true, "1000", dimension{"g": 1, "m": 2, "s": -1, "C": -2}, nil}, "S": {true, "1/1000", dimension{"C": 2, "s": 1, "g": -1, "m": -2}, nil},
	"Wb": {true, "1000", dimension{"g": 1, "m": 2, "s": -1, "C": -1}, nil}, "T": {true, "1000", dimension{"g": 1, "s": -1, "C": -1}, nil},
	"H": {true, "1000", dimension{"g": 1, "m": 2, "C": -2}, nil}, "lm": {true, "1", dimension{"cd": 1, "rad": 2}, nil}, "lx": {true, "1", dimension{"cd": 1, "rad": 2, "m": -2}, nil},
	"Bq": {true, "1", rate, nil}, "Gy": {true, "1", dimension{"m": 2, "s": -2}, nil}, "Sv": {true, "1", dimension{"m": 2, "s": -2}, nil}, "kat": {true, avogadro, rate, nil},

	"deg": {false, quotient(pi, "180"), angle, nil}, "'": {false, quotient(pi, "10800"), angle, nil}, "''": {false, quotient(pi, "648000"), angle, nil},
	"l": {true, "1/1000", volume, nil}, "L": {true, "1/1000", volume, nil}, "ar": {true, "100", dimension{"m": 2}, nil}, "min": {false, "60", time, nil}, "h": {false, "3600", time, nil},
	"d": {false, "86400", time, nil}, "wk": {false, "604800", time, nil}, "mo": {false, "2629800", time, nil}, "a": {false, "31557600", time, nil}, "mo_j": {false, "2629800", time, nil}, "a_j": {false, "31557600", time, nil},
	"t": {true, "1000000", mass, nil}, "bar": {true, "100000000", pressure, nil}, "atm": {false, "101325000", pressure, nil}, "u": {true, "0.00000000000000000000000166053906660", mass, nil},
	"eV": {true, "0.0000000000000001602176634", energy, nil}, "cal": {true, "4184", energy, nil}, "cal_th": {true, "4184", energy, nil}, "erg": {true, "1/10000", energy, nil}, "dyn": {true, "1/100", dimension{"g": 1, "m": 1, "s": -2}, nil},
	"P": {true, "100", dimension{"g": 1, "m": -1, "s": -1}, nil}, "St": {true, "1/10000", dimension{"m": 2, "s": -1}, nil}, "Ao": {false, "1/10000000000", length, nil},

	"m[Hg]": {true, "133322000", pressure, nil}, "m[H2O]": {true, "9806650", pressure, nil}, "[psi]": {false, product(product("453.59237", "9.80665"), "100000000/64516"), pressure, nil},
	"[in_i]": {false, "0.0254", length, nil}, "[ft_i]": {false, "0.3048", length, nil}, "[yd_i]": {false, "0.9144", length, nil}, "[lb_av]": {false, "453.59237", mass, nil}, "[oz_av]": {false, "28.349523125", mass, nil},
	"[gr]": {false, "0.06479891", mass, nil}, "[gal_us]": {false, "0.003785411784", volume, nil}, "[qt_us]": {false, "0.000946352946", volume, nil}, "[pt_us]": {false, "0.000473176473", volume, nil},
	"[foz_us]": {false, "0.0000295735295625", volume, nil}, "[drp]": {false, "0.00000005", volume, nil}, "[g]": {true, "9.80665", dimension{"m": 1, "s": -2}, nil},

	"eq": {true, avogadro, none, nil}, "osm": {true, avogadro, none, nil}, "g%": {true, "10000", dimension{"g": 1, "m": -3}, nil}, "U": {true, quotient(avogadro, "60000000"), rate, nil},
	"Cel":    {true, "1", dimension{"K": 1}, &scale{step: rat("1"), zero: rat("273.15")}},
	"[degF]": {false, "1", dimension{"K": 1}, &scale{step: rat("5/9"), zero: rat("45967/180")}},
	"[pH]":   {false, "1", dimension{"[pH]": 1}, &scale{step: rat("1"), zero: rat("0"), logarithm: true}},

	"[iU]": {true, "1", dimension{"[iU]": 1}, nil}, "[IU]": {true, "1", dimension{"[iU]": 1}, nil}, "[arb'U]": {false, "1", dimension{"[arb'U]": 1}, nil}, "[USP'U]": {false, "1", dimension{"[USP'U]": 1}, nil},
	"[anti'Xa'U]": {false, "1", dimension{"[anti'Xa'U]": 1}, nil}, "[CFU]": {false, "1", dimension{"[CFU]": 1}, nil}, "[PFU]": {false, "1", dimension{"[PFU]": 1}, nil}, "[FFU]": {false, "1", dimension{"[FFU]": 1}, nil},
	"[CCID_50]": {false, "1", dimension{"[CCID_50]": 1}, nil}, "[TCID_50]": {false, "1", dimension{"[TCID_50]": 1}, nil}, "[EID_50]": {false, "1", dimension{"[EID_50]": 1}, nil}, "[Lf]": {false, "1", dimension{"[Lf]": 1}, nil},
	"[D'ag'U]": {false, "1", dimension{"[D'ag'U]": 1}, nil}, "[ELU]": {false, "1", dimension{"[ELU]": 1}, nil}, "[EU]": {false, "1", dimension{"[EU]": 1}, nil},
}
