package expression

import (
	"github.com/agext/levenshtein"

	"veribatch/recipes/formula/ucum"
)

// function is what a formula may call.
type function struct {
	least, most int // arguments; most 0: without end
	usage       string
	check       func(c *checker, n *node, of []Type) Type
}

// functions are the words of the language that take arguments.
var functions map[string]function

func init() {
	functions = map[string]function{
		"if":          {3, 3, "Write if(condition, value, other value).", checkIf},
		"min":         {1, 0, "Write min(value, …).", checkSame},
		"max":         {1, 0, "Write max(value, …).", checkSame},
		"sum":         {1, 0, "Write sum(value, …).", checkSum},
		"avg":         {1, 0, "Write avg(value, …): the arithmetic mean.", checkSame},
		"sd":          {1, 0, "Write sd(value, …): the standard deviation of a sample.", checkSpread},
		"rsd":         {1, 0, "Write rsd(value, …): the standard deviation of a sample in per cent of its mean.", checkRelative},
		"count":       {1, 0, "Write count(value, …).", checkCount},
		"abs":         {1, 1, "Write abs(value).", checkAbs},
		"round":       {2, 3, "Write round(value, 2 'kg') or round(value, 2 'kg', 'half even').", checkRound},
		"sigfig":      {2, 3, "Write sigfig(value, 3 'kg') or sigfig(value, 3 'kg', 'half even').", checkRound},
		"interpolate": {5, 5, "Write interpolate(x, x1, y1, x2, y2).", checkInterpolate},
		"duration":    {2, 2, "Write duration(from, to).", checkDuration},
	}
}

func checkIf(c *checker, n *node, of []Type) Type {
	switch a, b := of[1], of[2]; {
	case of[0].Kind != Truth || of[0].List:
		return c.fail(n.of[0], "The condition %s is not yes or no.", n.of[0].print(0))
	case a.Kind != b.Kind || a.List != b.List || a.List:
		return c.fail(n, "Both values of if must be of one kind.")
	case a.Kind == Number && !c.same(n, a, b):
		return unknown
	}
	return of[1]
}

// checkSame wants numbers, or lists of numbers, of one dimension.
func checkSame(c *checker, n *node, of []Type) Type {
	for i, t := range of {
		if t.Kind != Number {
			return c.fail(n.of[i], "%s is a %s, and no number.", n.of[i].print(0), t.Kind)
		}
		if !c.same(n.of[i], of[0], t) {
			return unknown
		}
	}
	return Type{Kind: Number, Unit: of[0].Unit}
}

func checkSum(c *checker, n *node, of []Type) Type {
	if t := checkSame(c, n, of); t.Kind == "" || c.plain(n, of) {
		return t
	}
	return unknown
}

func checkSpread(c *checker, n *node, of []Type) Type {
	t := checkSame(c, n, of)
	if t.Kind != "" {
		t.Unit = t.Unit.Difference()
	}
	return t
}

func checkRelative(c *checker, n *node, of []Type) Type {
	if checkSum(c, n, of).Kind == "" {
		return unknown
	}
	return Type{Kind: Number, Unit: percent}
}

var percent, _ = ucum.Parse("%")

func checkCount(*checker, *node, []Type) Type { return Type{Kind: Number, Unit: ucum.One()} }

func checkAbs(c *checker, n *node, of []Type) Type {
	if of[0].List {
		return c.fail(n.of[0], "%s are several values.", n.of[0].print(0))
	}
	if !c.plain(n, of) {
		return unknown
	}
	return of[0]
}

// checkRound wants a value, digits with the unit in which they count, and the name of a rounding.
func checkRound(c *checker, n *node, of []Type) Type {
	count, unit, whole := places(n.of[1])
	switch {
	case of[0].Kind != Number || of[0].List:
		return c.fail(n.of[0], "%s is no single number.", n.of[0].print(0))
	case !whole || n.text == "sigfig" && count == 0:
		return c.fail(n.of[1], "How many digits is a whole number with the unit in which they count, such as 2 'kg'.")
	case !unit.Same(of[0].Unit) || unit.Special() != of[0].Unit.Special():
		return c.fail(n.of[1], "The digits count in %s, and %s is in %s.", unit.Code(), n.of[0].print(0), of[0].Unit.Code())
	}
	if len(of) == 3 {
		if _, known := roundings[n.of[2].text]; n.of[2].kind != quoted || !known {
			return c.fail(n.of[2], "%s is no rounding. Known are 'half up', 'half even', 'up', 'down', 'ceiling', 'floor', 'USP' and 'Ph. Eur.'.", n.of[2].print(0))
		}
	}
	return Type{Kind: Number, Unit: unit}
}

func checkInterpolate(c *checker, n *node, of []Type) Type {
	for i, t := range of {
		if t.Kind != Number || t.List {
			return c.fail(n.of[i], "%s is no single number.", n.of[i].print(0))
		}
		first := 0
		if i == 2 || i == 4 {
			first = 2
		}
		if !c.same(n.of[i], of[first], t) {
			return unknown
		}
	}
	return of[2]
}

func checkDuration(c *checker, n *node, of []Type) Type {
	for i, t := range of {
		if t.Kind != Time || t.List {
			return c.fail(n.of[i], "%s is no time.", n.of[i].print(0))
		}
	}
	return Type{Kind: Number, Unit: seconds}
}

var seconds, _ = ucum.Parse("s")

// nearest proposes a word that is nearly the same.
func nearest(text string) string {
	best, distance := "", 3
	for name := range functions {
		if d := levenshtein.Distance(text, name, nil); d < distance || d == distance && name < best {
			best, distance = name, d
		}
	}
	if best == "" {
		return "A value of the recipe stands in brackets: [040.net]."
	}
	return "Did you mean " + best + "?"
}
