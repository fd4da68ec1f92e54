package recipes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/agext/levenshtein"

	"veribatch/recipes/formula"
	"veribatch/recipes/procedure"
	"veribatch/recipes/syntax"
)

// Held is a version of a recipe with what was recorded by it, for the report on master data.
type Held struct {
	Version  Version
	Recipe   *Recipe
	Readings map[string]Readings // by ReadingKey
}

// Readings counts the readings of one value in the batches that were looked at.
type Readings struct{ All, Alert, Action int }

// ReadingKey names a value of a step.
func ReadingKey(step, value string) string { return step + " " + value }

// The least number of readings from which the report concludes something about a limit.
const (
	neverOutside = 50 // so many without a single one outside the limits
	neverWithin  = 3  // so many, all of them outside
)

// Finding is one thing in the master data that somebody should look at. It is no fault: every recipe passed the checker.
type Finding struct {
	Kind     string // "material", "equipment", "unit", "unused" or "limit"
	Sentence string
	Versions []Version // where it is found
}

// MasterData looks through recipes for what makes master data untrustworthy: one code with two names, two codes for what seems to be one material, equipment classes that
// differ in spelling, one material in several units, what is stated and never used, and limits that reject nothing or that no batch met.
func MasterData(all []Held) (findings []Finding) {
	m := &masterData{}
	for _, h := range all {
		m.gather(h)
	}
	m.materials()
	m.classes()
	for _, h := range all {
		m.unused(h)
		m.limits(h)
	}
	order := []string{"material", "unit", "equipment", "unused", "limit"}
	slices.SortStableFunc(m.found, func(a, b Finding) int {
		return cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind))
	})
	return m.found
}

// entered is a name with the versions that use it. Detail is the title of a material, or "" for an equipment class.
type entered struct {
	code, detail   string
	codeIn, nameIn string // both as plain gives them
	units          map[string]bool
	in             []Version
}

type masterData struct {
	goods, kinds []*entered
	found        []Finding
}

func add(list *[]*entered, code, detail, unit string, v Version) {
	for _, n := range *list {
		if n.code == code && n.detail == detail {
			n.units[unit] = true
			if n.in[len(n.in)-1].ID != v.ID {
				n.in = append(n.in, v)
			}
			return
		}
	}
	*list = append(*list, &entered{code, detail, plain(code), plain(detail), map[string]bool{unit: true}, []Version{v}})
}

func (m *masterData) gather(h Held) {
	for _, one := range h.Recipe.Materials {
		add(&m.goods, one.Code, one.Title, one.Quantity.Unit, h.Version)
	}
	for _, n := range slices.Concat(h.Recipe.Source.Of("recipe"), h.Recipe.Source.Of("building_block")) {
		for _, e := range n.Of("equipment") {
			add(&m.kinds, e.Text("class"), "", "", h.Version)
		}
	}
}

func (m *masterData) say(kind string, in []Version, format string, args ...any) {
	m.found = append(m.found, Finding{kind, fmt.Sprintf(format, args...), in})
}

func (m *masterData) materials() {
	for i, a := range m.goods {
		if len(a.units) > 1 {
			m.unitsOf(a, a)
		}
		for _, b := range m.goods[i+1:] {
			both := slices.Concat(a.in, b.in)
			switch {
			case a.code == b.code:
				m.say("material", both, "Material %s has two names: %q and %q.", a.code, a.detail, b.detail)
				m.unitsOf(a, b)
			case a.nameIn == b.nameIn:
				m.say("material", both, "Materials %s and %s have the same name, %q.", a.code, b.code, a.detail)
			case near(a.nameIn, b.nameIn):
				m.say("material", both, "Materials %s and %s have nearly the same name: %q and %q.", a.code, b.code, a.detail, b.detail)
			case a.codeIn == b.codeIn:
				m.say("material", both, "The codes %s and %s differ in their spelling alone.", a.code, b.code)
			}
		}
	}
}

// unitsOf says when a material is stated in several units, which invites a slip by a power of ten.
func (m *masterData) unitsOf(a, b *entered) {
	units := map[string]bool{}
	for _, n := range []*entered{a, b} {
		for u := range n.units {
			units[u] = true
		}
	}
	if len(units) < 2 {
		return
	}
	var all []string
	for u := range units {
		all = append(all, u)
	}
	slices.Sort(all)
	in := a.in
	if a != b {
		in = slices.Concat(a.in, b.in)
	}
	m.say("unit", in, "Material %s is stated in several units: %s.", a.code, strings.Join(all, ", "))
}

func (m *masterData) classes() {
	for i, a := range m.kinds {
		for _, b := range m.kinds[i+1:] {
			if a.codeIn == b.codeIn || near(a.codeIn, b.codeIn) {
				m.say("equipment", slices.Concat(a.in, b.in), "The equipment classes %q and %q seem to be one.", a.code, b.code)
			}
		}
	}
}

// plain is a name without capitals, signs and blanks, in which two spellings of one name agree.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// near tells whether two plain names differ by a slip of the pen: in one sign of ten. Digits are no slips: 6R and 10R are two things.
func near(a, b string) bool {
	digits := func(s string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsDigit(r) {
				return r
			}
			return -1
		}, s)
	}
	most := min(len(a), len(b)) / 10
	if most == 0 || len(a)-len(b) > most || len(b)-len(a) > most || digits(a) != digits(b) {
		return false
	}
	return levenshtein.Distance(a, b, nil) <= most
}

// unused says what a recipe states and no step refers to.
func (m *masterData) unused(h Held) {
	in := []Version{h.Version}
	for _, n := range slices.Concat(h.Recipe.Source.Of("recipe"), h.Recipe.Source.Of("building_block")) {
		used := map[string]bool{}
		refer(n, used)
		for _, b := range n.Of("equipment") {
			if !used["equipment "+b.Label] {
				m.say("unused", in, "No step needs the equipment %s.", b.Label)
			}
		}
		for _, b := range n.Of("parameter") {
			if !used["parameter "+b.Label] {
				m.say("unused", in, "No value refers to the process parameter %s.", b.Label)
			}
		}
		for _, f := range n.Of("formula") {
			for _, b := range f.Of("material") {
				if !used["material "+b.Label] && !used["expect "+b.Label] {
					m.say("unused", in, "No step weighs, charges or scans the material %s.", b.Label)
				}
			}
		}
	}
	inserted := map[string]bool{}
	refer(h.Recipe.Source, inserted)
	for _, b := range h.Recipe.Source.Of("building_block") {
		if !inserted["block "+b.Label] {
			m.say("unused", in, "The building block %s is brought along and inserted nowhere.", b.Label)
		}
	}
}

// refer gathers what the steps below a node name.
func refer(n *syntax.Node, used map[string]bool) {
	for _, b := range n.Blocks {
		for _, name := range []string{"equipment", "parameter", "material", "expect", "block"} {
			if text := b.Text(name); text != "" {
				used[name+" "+text] = true
			}
		}
		refer(b, used)
	}
}

var (
	nothing = formula.MustNumber("0")
	hundred = formula.MustNumber("100")
)

// limits says which limits reject nothing, by what they are and by what was recorded.
func (m *masterData) limits(h Held) {
	in := []Version{h.Version}
	for _, e := range h.Recipe.Steps() {
		for i := range e.Step.Values {
			v := &e.Step.Values[i]
			if v.Kind != procedure.Decimal || v.Action == nil {
				continue
			}
			name := fmt.Sprintf("%s of step %s (%s %s)", v.Title, e.ID, v.Action.Text(), v.Unit)
			seen := h.Readings[ReadingKey(e.ID, v.ID)]
			switch {
			case v.Unit == "%" && v.Action.Low != nil && v.Action.Low.Cmp(nothing) <= 0 && v.Action.High != nil && v.Action.High.Cmp(hundred) >= 0:
				m.say("limit", in, "The action limits of %s reject nothing that a share can be.", name)
			case seen.All >= neverWithin && seen.Action == seen.All:
				m.say("limit", in, "No batch met the action limits of %s: all %d readings were outside.", name, seen.All)
			case seen.All >= neverOutside && seen.Alert+seen.Action == 0:
				m.say("limit", in, "The limits of %s warned or held nothing in %d readings.", name, seen.All)
			}
		}
	}
}
