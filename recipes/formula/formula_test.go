package formula

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"veribatch/internal/fault"
	"veribatch/internal/plaintext"
	"veribatch/recipes/formula/ucum"
)

func TestParseNumber(t *testing.T) {
	thirty := strings.Repeat("9", 30)
	for _, c := range []struct {
		raw       string
		separator rune
		want      string // "" = refused
		says      string // part of the message
	}{
		{"12.50", '.', "12.50", ""}, {"12,50", ',', "12.50", ""}, {"0", '.', "0", ""}, {"-0.003", '.', "-0.003", ""}, {"+5", '.', "5", ""},
		{"-0.00", '.', "0.00", ""}, {thirty, '.', thirty, ""}, {"0." + thirty[1:], '.', "0." + thirty[1:], ""},
		{"1,5", '.', "", `The decimal separator of this field is ".", not ","`}, {"1.5", ',', "", `is ",", not "."`},
		{"1,234.5", '.', "", "without a thousands separator"}, {"1.234.5", '.', "", "twice"}, {"1 234", '.', "", "blank"},
		{"1\u00a0234", '.', "", "blank"}, {"1'234", '.', "", "thousands separator"}, {"1_000", '.', "", "thousands separator"},
		{"1.5e3", '.', "", "exponent"}, {"1E3", '.', "", "exponent"}, {"NaN", '.', "", `"N" does not belong`}, {"sNaN1", '.', "", "does not belong"},
		{"Inf", '.', "", `"I" does not belong`}, {"-Infinity", '.', "", "does not belong"}, {"0x1F", '.', "", `"x" does not belong`},
		{"", '.', "", "missing"}, {"-", '.', "", "digit on both sides"}, {".5", '.', "", "digit on both sides"}, {"5.", '.', "", "digit on both sides"},
		{".", '.', "", "digit on both sides"}, {"--5", '.', "", "more than one sign"}, {"+-5", '.', "", "more than one sign"}, {"5-", '.', "", "before the first digit"},
		{" 5", '.', "", "blank"}, {"5 ", '.', "", "blank"}, {"5\n", '.', "", "blank"}, {"5 kg", '.', "", "blank"}, {"5kg", '.', "", "unit stands beside"},
		{"\u22125", '.', "", "only looks like it"}, {"１２", '.', "", "U+FF11"}, {"٣", '.', "", "U+0663"}, {"5\U0001F600", '.', "", "U+1F600"},
		{"5\x00", '.', "", "U+0000"}, {"5\u200b", '.', "", "U+200B"}, {"007", '.', "", "starts with a zero"}, {"½", '.', "", "does not belong"},
		{thirty + "1", '.', "", "longer than 30"}, {strings.Repeat("1", 1<<20), '.', "", "longer than 30"}, {"\xff", '.', "", "U+FFFD"},
	} {
		d, err := ParseNumber(c.raw, c.separator)
		if c.want != "" {
			if err != nil || d.Text() != c.want {
				t.Errorf("%.40q: got %s, %v; want %s", c.raw, d, err, c.want)
			}
			continue
		}
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.40q: got %s, %v; want a fault with %q", c.raw, d, err, c.says)
		} else if _, at := plaintext.First(err.Error()); at >= 0 {
			t.Errorf("%.40q: the message itself cannot be printed: %q", c.raw, err)
		}
	}
}

// number draws a number as a person may type it, valid by construction.
var number = rapid.StringMatching(`-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?`)

func TestNumberKeepsEveryDigit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := number.Draw(t, "raw")
		d, err := ParseNumber(raw, '.')
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.TrimPrefix(raw, "-"); strings.TrimPrefix(d.Text(), "-") != want {
			t.Fatalf("%s became %s", raw, d)
		}
		if d.Sign() == 0 != (strings.Trim(raw, "-0.") == "") || d.Sign() < 0 && raw[0] != '-' {
			t.Fatalf("%s has sign %d", raw, d.Sign())
		}
		back, err := json.Marshal(d)
		if err != nil || string(back) != `"`+d.Text()+`"` {
			t.Fatalf("%s as JSON is %s, %v", raw, back, err)
		}
		var again Decimal
		if err := json.Unmarshal(back, &again); err != nil || again.Text() != d.Text() {
			t.Fatalf("%s came back as %s, %v", raw, again, err)
		}
	})
}

// TestCmpAgainstRationals compares with math/big's rational numbers, an independent arithmetic.
func TestCmpAgainstRationals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := number.Draw(t, "a"), number.Draw(t, "b")
		if rapid.Bool().Draw(t, "close") {
			b = strings.TrimSuffix(a, "0")
			if strings.HasSuffix(b, ".") || b == "" || b == "-" {
				b = a
			}
		}
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		if got := MustNumber(a).Cmp(MustNumber(b)); got != x.Cmp(y) {
			t.Fatalf("%s against %s: %d, want %d", a, b, got, x.Cmp(y))
		}
	})
}

func limits(low, high string) *Limits {
	var l Limits
	if low != "" {
		d := MustNumber(low)
		l.Low = &d
	}
	if high != "" {
		d := MustNumber(high)
		l.High = &d
	}
	return &l
}

func TestJudge(t *testing.T) {
	alert, action := limits("2.0", "2.4"), limits("1.8", "2.6")
	for _, c := range []struct {
		reading       string
		alert, action *Limits
		want          Judgement
	}{
		{"2.2", nil, nil, None}, {"2.2", alert, action, InLimits},
		{"2.0", alert, action, InLimits}, {"2.4", alert, action, InLimits}, {"2.40", alert, action, InLimits}, // the limit is inside
		{"1.9999", alert, action, Alert}, {"2.4001", alert, action, Alert}, // unrounded
		{"1.8", alert, action, Alert}, {"2.600", alert, action, Alert},
		{"1.79", alert, action, Action}, {"2.6000000000001", alert, action, Action}, {"-2.2", alert, action, Action},
		{"99", alert, nil, Alert}, {"99", nil, action, Action}, {"2.5", nil, action, InLimits},
		{"0", limits("", "0.5"), nil, InLimits}, {"0.6", limits("", "0.5"), nil, Alert}, {"1000", nil, limits("5", ""), InLimits}, {"4.9", nil, limits("5", ""), Action},
	} {
		if got := Judge(MustNumber(c.reading), c.alert, c.action); got != c.want {
			t.Errorf("%s in alert %s, action %s: %s, want %s", c.reading, c.alert.Text(), c.action.Text(), got, c.want)
		}
	}
}

func TestLimitsText(t *testing.T) {
	for l, want := range map[*Limits]string{limits("2.0", "2.4"): "2.0 to 2.4", limits("2.0", ""): "≥ 2.0", limits("", "2.40"): "≤ 2.40", {}: "", nil: ""} {
		if got := l.Text(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestCheckDecimals(t *testing.T) {
	for _, c := range []struct {
		raw      string
		declared int
		ok       bool
	}{{"12.50", 2, true}, {"12.5", 2, true}, {"12", 2, true}, {"12.500", 2, false}, {"12", 0, true}, {"12.0", 0, false}} {
		if err := CheckDecimals(MustNumber(c.raw), c.declared); (err == nil) != c.ok {
			t.Errorf("%s with %d decimals: %v", c.raw, c.declared, err)
		}
	}
}

func TestQuantity(t *testing.T) {
	for _, s := range []string{"12.50 kg", "200000 tablets", "22.5 °C", "7.40 pH", "5.0 µg", "-3 mbar", "20 %", "1.5 m³/h"} {
		q, err := ParseQuantity(s)
		if err != nil || q.Text() != s {
			t.Errorf("%q: got %q, %v", s, q, err)
		}
	}
	for s, says := range map[string]string{
		"12.50": "one blank and a unit", "12.50kg": "one blank and a unit", "12.50  kg": "not known", " kg": "missing", "12,50 kg": "separator", "5 Cel": `written "°C"`,
		"5 l": `written "L"`, "5 μg": `written "µg"`, "5 KG": `written "kg"`, "5 parsec": "not known", "5 kilogram": `written "kg"`, "5 ": "not known",
	} {
		if q, err := ParseQuantity(s); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %q, %v; want a fault with %q", s, q, err, says)
		}
	}
}

func TestUnitsAreOneToOne(t *testing.T) {
	seen := map[string]bool{}
	for _, u := range Units() {
		if _, err := ucum.Parse(u.UCUM); err != nil {
			t.Errorf("%s is %s in UCUM, which cannot be read: %v", u.Symbol, u.UCUM, err)
		}
		for _, key := range []string{u.Symbol, "UCUM " + u.UCUM} {
			if seen[key] {
				t.Errorf("%s appears twice", key)
			}
			seen[key] = true
		}
		if r, at := plaintext.First(u.Symbol); at >= 0 || strings.Contains(u.Symbol, " ") {
			t.Errorf("the symbol %q cannot be printed or parsed (%U)", u.Symbol, r)
		}
		if (u.Dimension == "") != (u.factor == "") {
			t.Errorf("%s has a factor without a dimension or a dimension without a factor", u.Symbol)
		}
	}
	for other, symbol := range otherNames {
		if _, err := FindUnit(symbol); err != nil || seen[other] {
			t.Errorf("the spelling %q leads to %q: %v", other, symbol, err)
		}
	}
}

func TestConvert(t *testing.T) {
	for _, c := range []struct{ from, unit, want string }{
		{"12.50 kg", "g", "12500 g"}, {"12.50 g", "kg", "0.01250 kg"}, {"12.50 kg", "kg", "12.50 kg"}, {"0.5 mg", "µg", "500 µg"}, {"1.50 h", "min", "90.00 min"},
		{"90 s", "min", "1.5 min"}, {"1.0 bar", "mbar", "1000 mbar"}, {"2.5 L", "mL", "2500 mL"}, {"1.2 g/mL", "g/L", "1200 g/L"},
		{"1 s", "h", ""}, {"1 kg", "L", ""}, {"20 °C", "%", ""}, {"1 pcs", "tablets", ""},
	} {
		q, err := ParseQuantity(c.from)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Convert(q, c.unit)
		if c.want == "" && err == nil || c.want != "" && (err != nil || got.Text() != c.want) {
			t.Errorf("%s in %s: got %s, %v; want %q", c.from, c.unit, got, err, c.want)
		}
	}
}

// TestConvertAgainstRationals: whatever converts, converts exactly, there and back.
func TestConvertAgainstRationals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.SampledFrom(units).Draw(t, "from")
		to := rapid.SampledFrom(units).Draw(t, "to")
		q := Quantity{MustNumber(number.Draw(t, "amount")), from.Symbol}
		got, err := Convert(q, to.Symbol)
		if err != nil {
			return
		}
		if from == to {
			if got != q {
				t.Fatalf("%s became %s", q, got)
			}
			return
		}
		want, _ := new(big.Rat).SetString(q.Amount.Text())
		f, _ := new(big.Rat).SetString(from.factor)
		g, _ := new(big.Rat).SetString(to.factor)
		want.Mul(want, f).Quo(want, g)
		have, _ := new(big.Rat).SetString(got.Amount.Text())
		if have.Cmp(want) != 0 {
			t.Fatalf("%s in %s is %s, want %s", q, to.Symbol, got, want.RatString())
		}
		if back, err := Convert(got, from.Symbol); err != nil || back.Amount.Cmp(q.Amount) != 0 {
			t.Fatalf("%s came back as %s, %v", q, back, err)
		}
	})
}

// FuzzParseNumber: what is read is written back as typed, whatever the input, and nothing but digits gets through.
func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"12.50", "1,5", "1.5e3", "NaN", "-0.00", "+5", "１", "", ".", "007", "1.000.000", "9999999999999999999999999999999"} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, raw string, comma bool) {
		separator := '.'
		if comma {
			separator = ','
		}
		d, err := ParseNumber(raw, separator)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		typed := strings.Replace(strings.TrimLeft(raw, "+-"), string(separator), ".", 1)
		if strings.TrimPrefix(d.Text(), "-") != typed || strings.Trim(typed, "0123456789.") != "" || len(typed) > MaxDigits+1 {
			t.Fatalf("%q was read as %s", raw, d)
		}
	})
}

// FuzzParseQuantity: what is read is written back unchanged, but for a sign that means nothing.
func FuzzParseQuantity(f *testing.F) {
	for _, s := range []string{"12.50 kg", "22.5 °C", "1 1", "5 Cel", " ", "5  kg"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := ParseQuantity(s)
		if err == nil && strings.TrimLeft(q.Text(), "-") != strings.TrimLeft(s, "+-") {
			t.Fatalf("%q was read as %q", s, q.Text())
		}
	})
}
