// Package rehearsal holds the plan of a whole batch of paracetamol tablets: who does what, in which order, with which reading. Browser,
// forms and JSON API carry out the same plan, each on a plant of its own, and Differences tells where their trails differ.
// It owns no rule and no page, and nothing but tests may import it.
// Start reading at Paracetamol, then Act.
package rehearsal

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"veribatch/ebr/batch"
	"veribatch/recipes"
	"veribatch/recipes/procedure"
)

// Act is one act of the plan: one entry of the trail, done or refused.
type Act struct {
	Word        string // as in routes, policy and trail: "step.record"
	At          string // first name of who is logged in where it is done
	By          string // first name of who signs; "" where nothing is signed
	Step, Value string
	Text        string // order number, reading or comment; Now for the time at which it is done
	Reason      string
	Seen        int  // readings that stand on the screen, see procedure.State.Readings
	Refused     bool // it must be refused, and be in the trail as refused
}

// Now is the reading of a time that is taken from the clock when the act is done.
const Now = "now"

// plan collects acts and counts what the screens show meanwhile.
type plan struct {
	acts     []Act
	step     *procedure.Step
	before   *procedure.Step // the step that was finished before this one
	crew     crew
	readings map[string]int // by step and by step/value
}

// crew are the persons of one unit procedure: who works at its station and who is the second person.
type crew struct{ first, second string }

// Paracetamol is the whole batch, from the order to its end, with an alert, a repeated measurement, a hold, a correction and three
// refused acts in it. Work that the recipe does not have, or that is missing for a step of the recipe, fails the test.
func Paracetamol(t testing.TB, r *recipes.Recipe) []Act {
	t.Helper()
	p := &plan{readings: map[string]int{}}
	p.add(Act{Word: "order.create", At: "sven", Text: "PO-2026-0500"})
	p.add(Act{Word: "batch.issue", At: "quinn", By: "quinn"})
	p.add(Act{Word: "batch.start", At: "olga"})
	work, happens := maps.Clone(readings), maps.Clone(incidents)
	for _, path := range r.Procedure.Steps() {
		p.step, p.crew = path.Step, crews[path.Unit.ID]
		given := strings.FieldsFunc(work[p.step.ID], func(r rune) bool { return r == ';' })
		delete(work, p.step.ID)
		if len(given) != len(p.step.Values) {
			t.Fatalf("rehearsal: step %s has %d values, the plan has %d readings", p.step.ID, len(p.step.Values), len(given))
		}
		p.happens(happens, "before")
		for i, v := range p.step.Values {
			p.happens(happens, "before "+v.ID)
			p.record(v.ID, strings.TrimSpace(given[i]), "")
			p.happens(happens, "after "+v.ID)
		}
		p.finish(happens)
		p.happens(happens, "after")
		p.before = p.step
	}
	p.add(Act{Word: "batch.complete", At: "sven", By: "sven"})
	if len(work)+len(happens) > 0 {
		t.Fatalf("rehearsal: the recipe has no place for %v %v", slices.Sorted(maps.Keys(work)), slices.Sorted(maps.Keys(happens)))
	}
	return p.acts
}

// happens lets an incident of the plan happen at its place, once.
func (p *plan) happens(all map[string]func(*plan), place string) {
	key := p.step.ID + " " + place
	if f := all[key]; f != nil {
		f(p)
		delete(all, key)
	}
}

func (p *plan) add(a Act) { p.acts = append(p.acts, a) }

func (p *plan) act(word, value, text, reason string) Act {
	return Act{Word: word, At: p.crew.first, Step: p.step.ID, Value: value, Text: text, Reason: reason, Seen: p.readings[p.step.ID+"/"+value]}
}

func (p *plan) read(a Act) {
	p.add(a)
	p.readings[p.step.ID+"/"+a.Value]++
	p.readings[p.step.ID+"/"]++
}

func (p *plan) record(value, reading, reason string) {
	p.read(p.act("step.record", value, reading, reason))
}
func (p *plan) correct(value, reading, reason string) {
	p.read(p.act("step.correct", value, reading, reason))
}
func (p *plan) comment(value, text string) { p.add(p.act("step.comment", value, text, "")) }

// finish performs the step; a critical one is signed and verified, a sign-off is signed by a holder of its role.
func (p *plan) finish(all map[string]func(*plan)) {
	a := p.act("step.perform", "", "", "")
	if role := p.step.Role; role != "" {
		a.At = map[string]string{"supervisor": "sven", "qa": "quinn"}[role]
	}
	if batch.Signs(p.step) {
		a.By = a.At
	}
	p.add(a)
	if !p.step.Critical {
		return
	}
	p.happens(all, "before verified")
	p.verify(p.crew.second, false)
}

func (p *plan) verify(by string, refused bool) {
	a := p.act("step.verify", "", "", "")
	a.By, a.Refused = by, refused
	p.add(a)
}

// hold is what follows a reading outside action limits: production and quality judge it, and production lets the batch go on.
func (p *plan) hold(production, quality, resume string) {
	p.add(Act{Word: "hold.assess", At: "sven", By: "sven", Reason: production})
	p.add(Act{Word: "hold.assess", At: "sven", By: "quinn", Reason: quality})
	p.add(Act{Word: "batch.resume", At: "sven", Reason: resume})
}
