package ucum

import (
	"encoding/xml"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func parse(t testing.TB, code string) Unit {
	t.Helper()
	u, err := Parse(code)
	require.NoError(t, err, code)
	return u
}

func TestUnitsAreRead(t *testing.T) {
	t.Parallel()
	for code, want := range map[string][2]string{
		"kg": {"1000", "g"}, "mg/mL": {"1000", "g.m-3"}, "kg.m-3": {"1000", "g.m-3"}, "g/L": {"1000", "g.m-3"}, "/min": {"1/60", "s-1"}, "{rev}/min": {"1/60", "s-1"}, "%": {"1/100", "1"},
		"mmol/L": {"602214076000000000000000", "m-3"}, "mS/cm": {"1/10000", "C2.g-1.m-3.s"}, "mbar": {"100000", "g.m-1.s-2"}, "m3/h": {"1/3600", "m3.s-1"}, "10*-3": {"1/1000", "1"}, "10*6/mL": {"1000000000000", "m-3"},
		"(g/L)/(g/L)": {"1", "1"}, "m2": {"1", "m2"}, "s-1": {"1", "s-1"}, "kg{dry}": {"1000", "g"}, "{tbl}": {"1", "1"}, "[iU]/mg": {"1000", "[iU].g-1"}, "k[iU]": {"1000", "[iU]"}, "cm[H2O]": {"196133/2", "g.m-1.s-2"},
		"12.h": {"43200", "s"}, "mosm/kg": {"602214076000000000", "g-1"}, "uS/cm": {"1/10000000", "C2.g-1.m-3.s"},
	} {
		u := parse(t, code)
		require.Equal(t, want[0], u.Factor().RatString(), code)
		require.Equal(t, want[1], u.Dimension(), code)
		require.Equal(t, code, u.Code())
	}
}

// What is wrong is said with the place.
func TestWhatIsNoUnitIsRefused(t *testing.T) {
	t.Parallel()
	for code, says := range map[string]string{
		"": "at character 1: a unit is missing", "m/": "at character 3: a unit is missing", "12h": "between a number and a unit stands a point", "parsec": `"parsec" is no unit`, "kmin": `"kmin" is no unit`,
		"(g": "the bracket is not closed", "g)": "this does not belong here", "g{": "not closed", "{a}g": "this does not belong here", "m99": "beyond 30", "m100": "beyond 30", "m-": "an exponent needs a number", "0.g": "zero is no unit",
		"µg": "this character stands in no unit", "g g": "this character stands in no unit", "Cel.m": "have no product", "m/[pH]": "have no product", "Cel2": "have no product", "2{": "not closed", "1234567890123": "longer than 12 digits",
		strings.Repeat("g.", 60) + "g": "longer than 100", strings.Repeat("(", 20) + "g": "nested deeper than 10", "m30.m30": "beyond 30", "10*30.10*30.Y": "no unit", "KG": "no unit", "c[pH": "no unit",
	} {
		_, err := Parse(code)
		var fault *Error
		require.ErrorAs(t, err, &fault, code)
		require.ErrorContains(t, err, says, code)
		require.LessOrEqual(t, fault.At, len(code))
	}
}

func TestConversionsAreExact(t *testing.T) {
	t.Parallel()
	for _, c := range [][4]string{
		{"12.50", "kg", "g", "12500"}, {"25", "Cel", "K", "5963/20"}, {"298.15", "K", "Cel", "25"}, {"212", "[degF]", "Cel", "100"}, {"-40", "[degF]", "Cel", "-40"}, {"1", "h", "min", "60"}, {"1", "s", "h", "1/3600"},
		{"14.5", "[psi]", "Pa", ""}, {"7.40", "[pH]", "[pH]", "37/5"}, {"1", "mol", "mmol", "1000"}, {"5", "%", "[ppth]", "50"}, {"1", "bar", "mbar", "1000"}, {"2", "mCel", "mK", "273152"},
	} {
		v, err := Convert(rat(c[0]), parse(t, c[1]), parse(t, c[2]))
		require.NoError(t, err, c)
		if c[3] != "" {
			require.Equal(t, c[3], v.RatString(), c)
		}
		back, err := Convert(v, parse(t, c[2]), parse(t, c[1]))
		require.NoError(t, err)
		require.Zero(t, back.Cmp(rat(c[0])))
	}
	for _, c := range [][2]string{{"kg", "L"}, {"[iU]", "[CFU]"}, {"[pH]", "1"}, {"Cel", "%"}, {"[iU]", "mg"}} {
		_, err := Convert(rat("1"), parse(t, c[0]), parse(t, c[1]))
		require.ErrorContains(t, err, "cannot be converted", c)
	}
}

// Products, quotients and powers of units are those of their factors and dimensions, in any order.
func TestUnitsMultiply(t *testing.T) {
	t.Parallel()
	codes := []string{"kg", "m", "s", "L", "mol/L", "mS/cm", "bar", "%", "[iU]", "{tbl}", "rad", "W", "1"}
	rapid.Check(t, func(t *rapid.T) {
		pick := rapid.SampledFrom(codes)
		a, _ := Parse(pick.Draw(t, "a"))
		b, _ := Parse(pick.Draw(t, "b"))
		ab, err := a.Mul(b)
		require.NoError(t, err)
		ba, err := b.Mul(a)
		require.NoError(t, err)
		require.True(t, ab.Same(ba))
		require.Zero(t, ab.Factor().Cmp(new(big.Rat).Mul(a.Factor(), b.Factor())))
		again, err := Parse(ab.Code())
		require.NoError(t, err)
		require.True(t, again.Same(ab), ab.Code())
		require.Zero(t, again.Factor().Cmp(ab.Factor()), ab.Code())
		back, err := ab.Div(b)
		require.NoError(t, err)
		require.True(t, back.Same(a))
		require.Zero(t, back.Factor().Cmp(a.Factor()))
		n := rapid.IntRange(-3, 3).Draw(t, "n")
		power, err := a.Pow(n)
		require.NoError(t, err)
		if again, err = Parse(power.Code()); err != nil || !again.Same(power) || again.Factor().Cmp(power.Factor()) != 0 {
			t.Fatalf("%s ^ %d is written %s: %v", a.Code(), n, power.Code(), err)
		}
		product := One()
		for range max(n, -n) {
			if n > 0 {
				product, err = product.Mul(a)
			} else {
				product, err = product.Div(a)
			}
			require.NoError(t, err)
		}
		require.True(t, power.Same(product))
		require.Zero(t, power.Factor().Cmp(product.Factor()))
	})
}

// shared is a file of reference data that stands beside the project, where it does.
func shared(t *testing.T, name string) []byte {
	raw, err := os.ReadFile(filepath.Join("../../../../shared/data", name))
	if errors.Is(err, os.ErrNotExist) {
		t.Logf("not looked at: %s does not stand beside the project", name)
		return nil
	}
	require.NoError(t, err)
	return raw
}

type functionalTests struct {
	Validation []struct {
		ID     string `xml:"id,attr"`
		Unit   string `xml:"unit,attr"`
		Valid  bool   `xml:"valid,attr"`
		Reason string `xml:"reason,attr"`
	} `xml:"validation>case"`
	Conversion []struct {
		ID      string `xml:"id,attr"`
		Value   string `xml:"value,attr"`
		Source  string `xml:"srcUnit,attr"`
		To      string `xml:"dstUnit,attr"`
		Outcome string `xml:"outcome,attr"`
	} `xml:"conversion>case"`
}

// leftOut are atoms of UCUM in its functional tests that the subset has not: kitchen, survey and British measures, units of laboratories for human samples, levels
// in decibel, and the old rem. No batch record measures in them.
var leftOut = []string{
	"REM", "[APL'U]", "[GPL'U]", "[HPF]", "[LPF]", "[MPL'U]", "[bdsk'U]", "[cup_us]", "[foz_br]", "[gal_br]", "[in_i'Hg]", "[in_us]", "[ka'U]", "[knk'U]", "[mclg'U]", "[mi_us]", "[pt_br]",
	"[qt_br]", "[sft_i]", "[sin_i]", "[syd_i]", "[tbs_us]", "[todd'U]", "[tsp_us]", "dB", "dB[10.nV]", "dB[SPL]", "[mu_0]", "[ly]",
}

// The functional tests of UCUM: whatever is no unit is refused, and a valid one is read or has an atom that the subset leaves out.
func TestFunctionalTestsOfUCUM(t *testing.T) {
	t.Parallel()
	raw := shared(t, "ucum/UcumFunctionalTests.xml")
	if raw == nil {
		return
	}
	var cases functionalTests
	require.NoError(t, xml.Unmarshal(raw, &cases))
	require.Greater(t, len(cases.Validation), 500)
	read := 0
	for _, c := range cases.Validation {
		_, err := Parse(c.Unit)
		switch {
		case !c.Valid && err == nil:
			t.Errorf("%s: %q is read: %s", c.ID, c.Unit, c.Reason)
		case c.Valid && err == nil:
			read++
		case c.Valid && !slices.ContainsFunc(leftOut, func(atom string) bool { return strings.Contains(err.Error(), `"`+atom+`" is no unit`) }):
			t.Errorf("%s: %q: %v", c.ID, c.Unit, err)
		}
	}
	t.Logf("%d of %d read, the others are no units or left out: %v", read, len(cases.Validation), leftOut)
	converted := 0
	for _, c := range cases.Conversion {
		from, err := Parse(c.Source)
		to, wrong := Parse(c.To)
		if err != nil || wrong != nil {
			t.Logf("left out: %s: %s to %s: %v %v", c.ID, c.Source, c.To, err, wrong)
			continue
		}
		got, err := Convert(rat(c.Value), from, to)
		require.NoError(t, err, c.ID)
		want := rat(c.Outcome)
		digits := len(strings.Trim(strings.TrimLeft(strings.NewReplacer(".", "", "e-7", "").Replace(c.Outcome), "0"), "-"))
		if slack := new(big.Rat).Mul(new(big.Rat).Abs(want), ten(1-digits)); new(big.Rat).Abs(new(big.Rat).Sub(got, want)).Cmp(slack) > 0 {
			t.Errorf("%s: %s %s is %s %s, want %s", c.ID, c.Value, c.Source, got.FloatString(30), c.To, c.Outcome)
		}
		converted++
	}
	t.Logf("%d of %d converted", converted, len(cases.Conversion))
}

func FuzzParse(f *testing.F) {
	for _, code := range []string{"mg/mL", "10*-3/ul", "{a}.(g/L)2", "cm[H2O]", "/m2.s-1", "Cel", "((g))", "12.h"} {
		f.Add(code)
	}
	f.Fuzz(func(t *testing.T, code string) {
		u, err := Parse(code)
		if err != nil {
			return
		}
		again, err := Parse(u.Dimension())
		if u.special == nil && (err != nil || !again.Same(u)) {
			t.Fatalf("%q has the dimension %q: %v", code, u.Dimension(), err)
		}
		if u.Factor().Sign() <= 0 {
			t.Fatalf("%q has the factor %s", code, u.Factor())
		}
	})
}
