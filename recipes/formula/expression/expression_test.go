package expression

import (
	"cmp"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/recipes/formula/ucum"
)

// plant is a batch with some values.
var plant = map[string]Value{}

func init() {
	amount := func(name, digits, unit string) {
		u, err := ucum.Parse(unit)
		if err != nil {
			panic(err)
		}
		v, _ := Amount(digits, u)
		plant[name] = v
	}
	amount("net", "13.86", "g")
	amount("tare", "500", "mg")
	amount("temperature", "25.0", "Cel")
	amount("jacket", "77", "[degF]")
	amount("ph", "7.40", "[pH]")
	amount("volume", "2", "L")
	amount("zero", "0", "g")
	plant["clear"] = Value{Kind: Truth, Truth: true}
	plant["colour"] = Value{Kind: Text, Text: "white"}
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	plant["from"], plant["to"] = Value{Kind: Time, Time: at}, Value{Kind: Time, Time: at.Add(90 * time.Minute)}
	weights := Value{Kind: Number, Unit: plant["tare"].Unit}
	for _, d := range []string{"501", "499", "500", "502", "498"} {
		v, _ := Amount(d, weights.Unit)
		weights.List = append(weights.List, v.Number)
	}
	plant["weights"], plant["none"] = weights, Value{Kind: Number, Unit: weights.Unit, List: nil}
}

func typeOf(name string) (Type, error) {
	v, known := plant[name]
	if !known {
		return Type{}, errors.New("There is no value " + name + " here.") //nolint:staticcheck // a sentence
	}
	return Type{v.Kind, v.Unit, v.Kind == Number && v.Number == nil}, nil
}

func valueOf(name string) (Value, error) { return plant[name], nil }

// result checks and evaluates a formula, and gives the result in a unit.
func result(t *testing.T, text, unit string) string {
	t.Helper()
	f, err := Parse(text)
	require.NoError(t, err, text)
	kind, faults := f.Check(typeOf)
	require.Empty(t, faults, text)
	v, err := f.Evaluate(valueOf)
	require.NoError(t, err, text)
	require.Equal(t, kind.Kind, v.Kind, text)
	switch v.Kind {
	case Truth:
		return map[bool]string{true: "yes", false: "no"}[v.Truth]
	case Text:
		return v.Text
	}
	require.True(t, kind.Unit.Same(v.Unit), "%s: %s, checked as %s", text, v.Unit.Code(), kind.Unit.Code())
	u, err := ucum.Parse(unit)
	require.NoError(t, err)
	return v.In(u).RatString()
}

func TestFormulas(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"1 + 2 * 3", "1", "7"}, {"(1 + 2) * 3", "1", "9"}, {"2 - 3 - 4", "1", "-5"}, {"2 / 4 / 2", "1", "1/4"}, {"-2 ^ 2", "1", "-4"}, {"(-2) ^ 2", "1", "4"}, {"2 ^ -2", "1", "1/4"}, {"0.1 + 0.2", "1", "3/10"}, {"1 / 3 * 3", "1", "1"},
		{"[net] - [tare]", "g", "334/25"}, {"[tare] + [net]", "mg", "14360"}, {"([net] - [tare]) / 13.36 'g' * 100 '%'", "%", "100"}, {"[net] / [volume]", "g/L", "693/100"}, {"[net] * 2", "kg", "693/25000"},
		{"[net] > 13 'g' and not ([net] > 14 'g')", "", "yes"}, {"[net] = 13860 'mg'", "", "yes"}, {"[net] != 0.01386 'kg'", "", "no"}, {"[colour] = 'white'", "", "yes"}, {"[clear] or [zero] / [zero] > 1", "", "yes"},
		{"[temperature] = [jacket]", "", "yes"}, {"[temperature] - [jacket] + 2 'K'", "K", "2"}, {"[temperature] + 5 'K'", "Cel", "30"}, {"max([temperature], 30 'Cel')", "Cel", "30"}, {"avg([temperature], 35 'Cel')", "Cel", "30"},
		{"[ph] - 7 '[pH]' < 1 '[pH]' - 0 '[pH]'", "", "yes"}, {"if([clear], [net], 0 'g')", "g", "693/50"}, {"if([net] > 20 'g', 1 / 0, 5)", "1", "5"},
		{"sum([weights])", "mg", "2500"}, {"avg([weights], [tare])", "mg", "500"}, {"count([weights], [tare])", "1", "6"}, {"count([none])", "1", "0"}, {"min([weights])", "mg", "498"}, {"round(sd([weights]), 3 'mg')", "mg", "1581/1000"},
		{"round(rsd([weights]), 2 '%')", "%", "8/25"}, {"abs([tare] - [net])", "g", "334/25"}, {"sd(1, 1, 1)", "1", "0"}, {"round(sd(1, 3) ^ 2, 30)", "1", "2"},
		{"round(2.345, 2)", "1", "47/20"}, {"round(2.345, 2, 'half even')", "1", "117/50"}, {"round(-2.5, 0)", "1", "-3"}, {"round(-2.5, 0, 'ceiling')", "1", "-2"}, {"round(-2.5, 0, 'floor')", "1", "-3"}, {"round(2.001, 0, 'up')", "1", "3"},
		{"round(2.999, 0, 'down')", "1", "2"}, {"round([net], 1 'g', 'USP')", "g", "139/10"}, {"sigfig(0.0123500, 3)", "1", "31/2500"}, {"sigfig(9.996, 3)", "1", "10"}, {"sigfig(123456, 2)", "1", "120000"}, {"sigfig(0, 3)", "1", "0"},
		{"sigfig([net], 2 'kg', 'Ph. Eur.')", "g", "14"}, {"interpolate(2.5, 2, 10 'g', 3, 20 'g')", "g", "15"}, {"interpolate([temperature], 20 'Cel', 1, 30 'Cel', 2)", "1", "3/2"}, {"duration([from], [to])", "h", "3/2"}, {"duration([from], [to]) <= 2 'h'", "", "yes"},
		{"true or false", "", "yes"}, {"1 '[in_i]' = 25.4 'mm'", "", "yes"}, {"if([clear], 'a', 'b')", "", "a"},
	} {
		require.Equal(t, c[2], result(t, c[0], cmp.Or(c[1], "1")), c[0])
	}
}

// What does not fit is told when the recipe is checked, at its place.
func TestWhatDoesNotFitIsRefused(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"[net] + [volume]": "at character 7: g and L measure different things", "[net] + 1": "g and 1 measure different things", "[other]": "There is no value other here", "[temperature] * 2": "whose zero is not nothing", "[temperature] + [jacket]": "have no sum",
		"[ph] + 1": "have no sum", "[clear] + 1": "have no sum", "[net] > 'white'": "A number is compared with a text", "[colour] < 'x'": "which text is greater", "not [net]": "is a number, and not joins", "[net] and [clear]": "is a number, and and joins",
		"[weights] * 2": "are several values", "[net] ^ 0.5": "An exponent is a whole number", "[net] ^ [volume]": "An exponent is a whole number", "round([net], 2)": "The digits count in 1", "round([net], [volume])": "How many digits",
		"round(1, 2, 'nearest')": "is no rounding", "sigfig(1, 0)": "How many digits", "if([net], 1, 2)": "is not yes or no", "if([clear], 1, 'x')": "of one kind", "sum([temperature])": "whose zero is not nothing", "rsd([temperature])": "whose zero is not nothing",
		"duration([from], 1)": "is no time", "[from] - [to]": "Take duration", "5 'parsec'": "is no unit", "interpolate(1, 1 'g', 1, 2, 2)": "measure different things", "abs([weights])": "are several values", "[clear] + [other] + 'a'": "There is no value other",
	} {
		f, err := Parse(text)
		require.NoError(t, err, text)
		_, faults := f.Check(typeOf)
		require.NotEmpty(t, faults, text)
		require.Contains(t, strings.ToLower(faults[0].Error()), strings.ToLower(says), text)
	}
}

func TestWhatIsNoFormulaIsRefused(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"": "Something is missing", "1 +": "at character 4: Something is missing", "(1": "This bracket is not closed", "1)": `")" does not belong here`, "1 2": `"2" does not belong here`, "avrg(1)": "Did you mean avg?", "net": "A value of the recipe stands in brackets",
		"min": "stand its arguments", "abs(1, 2)": "another number of arguments", "1 < 2 < 3": "A comparison of a comparison", "1 − 2": "Type the minus of the keyboard", "2 × 3": "Multiply with *", "5 %": "Write the unit behind a number", "[net": "is not closed",
		"'x": "is not closed", "[]": "1 to 100 characters", "1.": "is no number", "1.2.3": "is no number", "007": "begins with a zero", "1\t2": "one line", strings.Repeat("1", 31): "longer than 30 digits", strings.Repeat("(", 40) + "1": "nested deeper",
		strings.Repeat("1+", 1100) + "1": "longer than 2000", strings.Repeat("1+", 300) + "1": "more than 400 parts", "1 & 2": "does not belong into a formula", "\xff": "does not belong", "- - 1 +": "Something is missing", "not": "Something is missing",
	} {
		_, err := Parse(text)
		var fault *Fault
		require.ErrorAs(t, err, &fault, text)
		require.Contains(t, err.Error(), says, text)
	}
}

func TestWhatGoesWrongWhenItIsComputed(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"[net] / [zero]": "[net] is divided by zero", "[zero] ^ -1": "divided by zero", "avg([none])": "has no value", "sd([none], [tare])": "needs two values", "rsd([zero], [zero])": "is zero", "interpolate(5, 1, 1, 2, 2)": "is not between",
		"interpolate(1, 1, 1, 1, 2)": "at the same place", "(((1000000000 ^ 9) ^ 9) ^ 9) ^ 9": "beyond all measure",
	} {
		f, err := Parse(text)
		require.NoError(t, err, text)
		_, faults := f.Check(typeOf)
		require.Empty(t, faults, text)
		_, err = f.Evaluate(valueOf)
		require.ErrorContains(t, err, says, text)
	}
}
