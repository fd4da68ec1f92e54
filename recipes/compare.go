package recipes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"veribatch/recipes/syntax"
)

// Class says how much a change can touch the product (ICH Q9: risk to the patient first).
type Class string

// The classes, gravest first.
const (
	Critical Class = "critical" // what the product is, what it holds, or what keeps a bad batch from going on
	Major    Class = "major"    // how it is made
	Minor    Class = "minor"    // words, order on paper, spellings
)

// Change is one difference in meaning between two recipes.
type Change struct {
	Class    Class
	Sentence string // what changed, in process words
	Reason   string // why it has this class
	Line     int    // where it stands in the new text, or in the old one when it is gone; from 1
	Gone     bool   // Line is one of the old text
}

// Compare gives every difference in meaning from one recipe to the next, in the order of the new text, what is gone last. There is none if and only if both texts are the
// same in canonical form, comments aside.
func Compare(old, new *Recipe) []Change {
	c := &comparison{old: newSide(old), new: newSide(new), sorted: map[lane]bool{}, astray: map[*item]bool{}}
	c.pair(old.Source, new.Source)
	for _, one := range c.new.order {
		if other := c.old.named[one.key]; other != nil {
			c.pair(other.Node, one.Node)
			c.moved(other, one)
		} else if !one.within(c.new, c.old) {
			c.added(one)
		}
	}
	for _, one := range c.old.order {
		if c.new.named[one.key] == nil && !one.within(c.old, c.new) {
			c.removed(one)
		}
	}
	return c.changes
}

// Sentences writes changes one below the other, each with its class: the text whose digest a signer of the newer version signs.
func Sentences(changes []Change) []byte {
	var b strings.Builder
	for _, c := range changes {
		b.WriteString(string(c.Class) + ": " + c.Sentence + "\n")
	}
	return []byte(b.String())
}

// side is one of the two recipes, with everything in it that has a name.
type side struct {
	*Recipe
	order []*item
	named map[string]*item
	of    map[*syntax.Node]*item
	lanes map[lane][]*item
}

// item is a block with a name, which keeps its name wherever it stands.
type item struct {
	*syntax.Node
	key    string // the same in both recipes
	parent *item  // nil for what stands at the top
	name   string // in a sentence: "step 040", "value net of step 040"
}

func newSide(r *Recipe) *side {
	s := &side{Recipe: r, named: map[string]*item{}, of: map[*syntax.Node]*item{}, lanes: map[lane][]*item{}}
	s.gather(r.Source, nil, "")
	return s
}

// gather lists the blocks below a node. The name of a step or structure counts in its whole recipe or building block, so that it is known again where it went.
func (s *side) gather(n *syntax.Node, parent *item, scope string) {
	for _, b := range n.Blocks {
		if !named(b) {
			s.gather(b, parent, scope) // formula: its materials stand for themselves
			continue
		}
		one := &item{Node: b, parent: parent}
		inner := scope
		switch {
		case b.Kind == "recipe":
			one.name, one.key = "the recipe", "recipe"
		case b.Kind == "building_block":
			one.name, one.key = "building block "+b.Label, "building_block "+b.Label
			inner = one.key + "/"
		case b.Kind == "value" || b.Kind == "branch" || b.Kind == "capability":
			one.name, one.key = b.Kind+" "+b.Label+" of "+parent.name, parent.key+"/"+b.Kind+" "+b.Label
		default:
			word := strings.TrimSuffix(groups[b.Kind], " or structure")
			if structure[b.Kind] != "" && b.Kind != "insert" {
				one.name = structure[b.Kind] + " " + b.Label
			} else {
				one.name = word + " " + b.Label
			}
			one.key = scope + word + " " + b.Label
			if scope != "" {
				one.name += " of " + strings.ReplaceAll(strings.TrimSuffix(scope, "/"), "_", " ")
			}
		}
		s.order = append(s.order, one)
		s.named[one.key], s.of[b] = one, one
		s.lanes[laneOf(one)] = append(s.lanes[laneOf(one)], one)
		s.gather(b, one, inner)
	}
}

// named tells whether a block is one that a sentence speaks of by its name.
func named(b *syntax.Node) bool {
	return !slices.Contains([]string{"formula", "assay", "sampling", "design", "alert", "action"}, b.Kind)
}

// within tells whether the block is only new or gone because that is true of the thing that it describes: the values of a new step, the steps of a new building block.
func (i *item) within(here, there *side) bool {
	p := i.parent
	if p == nil || there.named[p.key] != nil {
		return false
	}
	return i.Kind == "value" || i.Kind == "branch" || i.Kind == "capability" || p.Kind == "building_block" || p.within(here, there)
}

type comparison struct {
	old, new *side
	changes  []Change
	sorted   map[lane]bool
	astray   map[*item]bool // what has to be moved to come from the old order to the new one
}

func (c *comparison) say(class Class, reason string, at *syntax.Node, gone bool, format string, args ...any) {
	sentence := fmt.Sprintf(format, args...)
	c.changes = append(c.changes, Change{class, strings.ToUpper(sentence[:1]) + sentence[1:], reason, at.Line, gone})
}

func (c *comparison) added(one *item) {
	rule := risks[one.Kind]
	c.say(cmp.Or(rule.added, Major), cmp.Or(rule.reason, "Something new is done."), one.Node, false, "%s added%s%s", one.name, one.place(" in "), one.title())
}

func (c *comparison) removed(one *item) {
	rule := risks[one.Kind]
	c.say(cmp.Or(rule.class, Critical), cmp.Or(rule.reason, "What is no longer done can no longer keep a bad batch from going on."), one.Node, true, "%s removed%s%s", one.name, one.place(" from "), one.title())
}

// place says in what a procedural element stands; of everything else the name says it.
func (i *item) place(word string) string {
	if i.Kind == "value" || i.Kind == "branch" || i.Kind == "capability" || i.parent == nil || !procedural(i.Node) {
		return ""
	}
	return word + i.parent.name
}

func procedural(n *syntax.Node) bool {
	return structure[n.Kind] != "" || slices.Contains(syntax.Steps, n.Kind)
}

func (i *item) title() string {
	if i.Text("title") == "" {
		return ""
	}
	return fmt.Sprintf(": %q", i.Text("title"))
}

// moved says that a block stands elsewhere: in another one, or in another order among those that both recipes have there.
func (c *comparison) moved(old, new *item) {
	if old.parent != nil && new.parent != nil && old.parent.key != new.parent.key {
		c.say(Major, "What comes before and after it is different.", new.Node, false, "%s moved from %s to %s", new.name, old.parent.name, new.parent.name)
		return
	}
	if !c.outOfOrder(new) {
		return
	}
	class, reason := Minor, "The order of these things means nothing in the process."
	switch {
	case new.Kind == "branch" && new.parent.Kind == "selection":
		class, reason = Critical, "The first branch whose condition holds is taken."
	case new.Kind != "branch" && procedural(new.Node):
		class, reason = Major, "What comes before and after it is different."
	}
	c.say(class, reason, new.Node, false, "%s moved: now %s", new.name, c.behind(new))
}

// behind names what a block stands behind now.
func (c *comparison) behind(one *item) string {
	before := ""
	for _, b := range c.new.lanes[laneOf(one)] {
		if b.key == one.key {
			break
		}
		before = b.name
	}
	switch {
	case before != "":
		return "behind " + before
	case one.Kind == "material":
		return "first in the formula"
	case one.parent == nil:
		return "first"
	}
	return "first in " + one.parent.name
}

func parentKind(i *item) string {
	switch {
	case i.Kind == "material":
		return "formula"
	case i.parent == nil:
		return ""
	}
	return i.parent.Kind
}

// lane is what stands in one order, in a block, by the key of that block and a kind.
type lane struct{ parent, kind string }

// outOfOrder tells whether a block is one of the fewest that have to be moved to come from the old order to the new one.
func (c *comparison) outOfOrder(one *item) bool {
	this := laneOf(one)
	if !c.sorted[this] {
		c.sorted[this] = true
		old := map[string]int{}
		for i, b := range c.old.lanes[this] {
			old[b.key] = i
		}
		var both []*item
		var places []int
		for _, b := range c.new.lanes[this] {
			if at, known := old[b.key]; known {
				both, places = append(both, b), append(places, at)
			}
		}
		for i, stays := range longestRising(places) {
			c.astray[both[i]] = !stays
		}
	}
	return c.astray[one]
}

func laneOf(i *item) lane {
	l := lane{kind: syntax.Lane(parentKind(i), i.Kind)}
	if i.parent != nil {
		l.parent = i.parent.key
	}
	return l
}

// longestRising marks a longest part of the list that rises: what need not be moved. Of several it takes what comes first in the new order.
func longestRising(list []int) []bool {
	// ends holds, for each length, the highest beginning of a rising part of that length in what was seen from the end.
	length, ends := make([]int, len(list)), []int{}
	for i := len(list) - 1; i >= 0; i-- {
		at, _ := slices.BinarySearchFunc(ends, list[i], func(end, x int) int { return cmp.Compare(x, end) })
		if at == len(ends) {
			ends = append(ends, list[i])
		}
		ends[at], length[i] = list[i], at+1
	}
	marks, last, want := make([]bool, len(list)), -1, len(ends)
	for i := range list {
		if want > 0 && length[i] == want && list[i] > last {
			marks[i], last = true, list[i]
			want--
		}
	}
	return marks
}
