package expression

import (
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// decimal reads a number of a decTest file: nil for what is no finite number, or so large or small that no formula reaches it.
func decimal(text string) *big.Rat {
	text = strings.Trim(text, "'\"")
	if _, power, has := strings.Cut(strings.ToLower(text), "e"); has {
		if n, err := strconv.Atoi(power); err != nil || n > 2000 || n < -2000 {
			return nil
		}
	}
	if strings.ContainsAny(text, "#/xX_") || strings.ContainsAny(strings.ToLower(text), "nif") {
		return nil
	}
	v, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil
	}
	return v
}

var roundingOfDecTest = map[string]string{"half_up": "half up", "half_even": "half even", "up": "up", "down": "down", "ceiling": "ceiling", "floor": "floor"}

// leftOutOfDecTest are conditions of cases that mean something only for numbers of limited length and range, which formulas have not.
var leftOutOfDecTest = regexp.MustCompile(`Overflow|Underflow|Subnormal|Clamped|Invalid|Division|Conversion`)

// The cases of the General Decimal Arithmetic for sums, differences, products, quotients, comparisons and roundings: exact here, then rounded to the precision of
// the case. Left out: infinities, NaN, exponents beyond 2000, limits of the exponent, the roundings half_down and 05up, quotients of integers.
func TestDecTest(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"add", "subtract", "multiply", "divide", "compare", "quantize", "rounding"} {
		raw, err := os.ReadFile(filepath.Join("../../../../shared/data/decTest", name+".decTest"))
		if errors.Is(err, os.ErrNotExist) {
			t.Log("not looked at: the cases do not stand beside the project")
			return
		}
		require.NoError(t, err)
		tried, left := 0, 0
		precision, how, extended := 9, "half_up", true
		for line := range strings.SplitSeq(string(raw), "\n") {
			line, _, _ = strings.Cut(line, "--")
			if key, value, is := strings.Cut(strings.TrimSpace(line), ":"); is && !strings.Contains(key, " ") {
				switch value = strings.TrimSpace(value); strings.ToLower(key) {
				case "precision":
					precision, err = strconv.Atoi(value)
					require.NoError(t, err)
				case "rounding":
					how = strings.ToLower(value)
				case "extended":
					extended = value == "1"
				}
				continue
			}
			f := strings.Fields(line)
			if len(f) < 5 || f[len(f)-1] == "->" {
				continue
			}
			if tryCase(t, f, precision, how) && extended {
				tried++
			} else {
				left++
			}
		}
		t.Logf("%s: %d cases agree, %d left out", name, tried, left)
		require.Greater(t, tried, 100, name)
	}
}

// tryCase tries one case, and tells whether it is one for us.
func tryCase(t *testing.T, f []string, precision int, how string) bool {
	t.Helper()
	rounding, known := roundings[roundingOfDecTest[how]]
	if len(f) < 6 || f[4] != "->" || !known || leftOutOfDecTest.MatchString(strings.Join(f[6:], " ")) {
		return false
	}
	a, b, want := decimal(f[2]), decimal(f[3]), decimal(f[5])
	if a == nil || b == nil || want == nil {
		return false
	}
	got := new(big.Rat)
	switch f[1] {
	case "add":
		got.Add(a, b)
	case "subtract":
		got.Sub(a, b)
	case "multiply":
		got.Mul(a, b)
	case "divide":
		got.Quo(a, b)
	case "compare":
		got.SetInt64(int64(a.Cmp(b)))
	case "quantize":
		got = toPlaces(a, placesOf(f[3]), rounding)
		require.Zero(t, got.Cmp(want), "%v: %s", f, got.RatString())
		return true
	default:
		return false
	}
	got, _ = toFigures(got, precision, rounding)
	require.Zero(t, got.Cmp(want), "%v: %s", f, got.RatString())
	return true
}

// placesOf is how many digits stand behind the point of a number as it is written.
func placesOf(text string) int {
	text = strings.ToLower(strings.Trim(text, "'\""))
	digits, power, _ := strings.Cut(text, "e")
	n, _ := strconv.Atoi(power)
	_, fraction, _ := strings.Cut(digits, ".")
	return len(fraction) - n
}
