package browser_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"veribatch/internal/browser"
	"veribatch/internal/rehearsal"
	"veribatch/recipes/formula"
	"veribatch/recipes/procedure"
)

// shown are the acts that go through the browser in a short run, by step; the others go by the API in the same run. In the full run all go
// through the browser.
var shown = map[string]bool{"": true, "040": true, "070": true, "210": true, "230": true, "370": true, "530": true}

// TestWholeBatch makes 200,000 tablets of paracetamol twice: by clicks, keys and scans, and by the JSON API alone. Both leave the same trail, but for
// times and channel, and the printed record says what was typed.
func TestWholeBatch(t *testing.T) {
	full := os.Getenv("VERIBATCH_LONG") != ""
	p := emptyShop(t)
	plant := rehearsal.Prepare(p.World)
	acts := rehearsal.Paracetamol(t, plant.Recipe)
	api := &rehearsal.API{T: t, Plant: plant, URL: p.server.URL}
	h := newHands(t, p, plant)
	start := time.Now()
	for _, a := range acts {
		if full || shown[a.Step] {
			h.do(a)
			api.Batch = h.batch
		} else {
			h.heard(a, api.Do(a))
			h.last = nil
		}
	}
	t.Logf("the batch took %s", time.Since(start).Round(time.Second))
	office := h.seats["sven"]
	office.says("complete")
	for _, f := range plant.Findings(t) {
		t.Errorf("verify: %s", f)
	}
	h.inOrder()
	p.ledger.compare(t, office.download())

	other := emptyShop(t)
	again := &rehearsal.API{T: t, Plant: rehearsal.Prepare(other.World), URL: other.server.URL}
	for _, a := range acts {
		again.Do(a)
	}
	for _, f := range again.Plant.Findings(t) {
		t.Errorf("verify of the run by API: %s", f)
	}
	t.Logf("both took %s", time.Since(start).Round(time.Second))
	trail := plant.Entries(h.batch)
	equal(t, "entries of the batch", len(trail), len(acts))
	for i, d := range rehearsal.Differences(trail, again.Plant.Entries(again.Batch)) {
		if t.Errorf("the trails of browser and API differ: %s", d); i > 3 {
			break
		}
	}
}

// hands carry out acts of the plan in browsers, as the people of the plant do, and keep in the ledger what was typed.
type hands struct {
	*shop
	t     *testing.T
	plant *rehearsal.Plant
	seats map[string]*seat // by first name; the office is shared
	batch string
	last  *seat // who acted last: another screen may show what is no longer so
}

func newHands(t *testing.T, p *shop, plant *rehearsal.Plant) *hands {
	for _, move := range []struct{ meaning, who string }{{"authored", "petra"}, {"approved", "quinn"}, {"made effective", "elena"}} {
		p.ledger.sign(move.meaning, plant.People[move.who])
	}
	office := p.seat(t, "Office 1")
	return &hands{shop: p, t: t, plant: plant, seats: map[string]*seat{
		"sven": office, "quinn": office, "olga": p.seat(t, "Bench 1"), "ines": p.seat(t, "Press 2"),
	}}
}

func (h *hands) do(a rehearsal.Act) {
	h.t.Helper()
	s, who := h.seats[a.At], h.plant.People[a.At]
	fresh := h.last != s || s.who.ID != who.ID
	if s.who.ID != who.ID {
		s.logIn(who)
	}
	h.last = s
	typed, step := "", h.plant.Recipe.Procedure.Step(a.Step)
	if a.Word != "order.create" {
		h.goTo(s, a, fresh)
	}
	switch a.Word {
	case "order.create":
		h.order(s, a.Text)
	case "batch.issue", "batch.complete", "hold.assess":
		if a.Reason != "" {
			s.Type("#assess-reason", a.Reason)
		}
		s.Click(primary)
		s.signHere(h.plant.People[a.By], h.plant.People[a.By].Password)
	case "batch.start":
		s.big()
	case "batch.resume":
		s.Type("#resume-reason", a.Reason)
		s.big()
	case "step.record", "step.correct":
		typed = h.read(s, a, step.Value(a.Value))
	case "step.comment":
		h.comment(s, a)
	case "step.perform", "step.verify":
		h.finish(s, a)
	default:
		h.t.Fatalf("the browser knows no way to do %s", a.Word)
	}
	h.heard(a, typed)
}

// heard keeps in the ledger what the record must say of an act, from the plan.
func (h *hands) heard(a rehearsal.Act, typed string) {
	by, step := h.plant.People[a.At], h.plant.Recipe.Procedure.Step(a.Step)
	if a.By != "" {
		by = h.plant.People[a.By]
	}
	chapter := map[bool]string{true: "Comments on the batch", false: a.Step}[a.Step == ""]
	switch {
	case a.Refused:
		h.ledger.refused = append(h.ledger.refused, signing{a.Word, by})
	case a.Word == "step.comment":
		h.ledger.say(chapter, "", a.Text)
	case a.Word == "step.record" || a.Word == "step.correct":
		v := step.Value(a.Value)
		h.ledger.read(entry{step: a.Step, value: a.Value, typed: typed, unit: v.Unit, mark: mark(v, a.Text), how: how(a), by: by})
		if a.Reason != "" {
			h.ledger.say(a.Step, "", a.Reason)
		}
	case a.Reason != "":
		h.ledger.say("Holds", "", a.Reason)
	}
	if a.By != "" && !a.Refused {
		meaning := meanings[a.Word]
		if step != nil && step.Meaning != "" {
			meaning = step.Meaning
		}
		h.ledger.sign(meaning, by)
	}
}

// meanings are those of the signatures, as printed.
var meanings = map[string]string{"batch.issue": "issued", "hold.assess": "assessed", "step.perform": "performed", "step.verify": "verified", "batch.complete": "completed"}

// how the record calls a reading.
func how(a rehearsal.Act) string {
	switch {
	case a.Word == "step.correct":
		return "correction"
	case a.Seen > 0:
		return "repeated measurement"
	}
	return "recorded"
}

// inOrder sorts the readings as the record prints them: all readings of a value below each other.
func (h *hands) inOrder() {
	place := map[string]int{}
	for _, path := range h.plant.Recipe.Procedure.Steps() {
		for _, v := range path.Step.Values {
			place[path.Step.ID+" "+v.ID] = len(place)
		}
	}
	slices.SortStableFunc(h.ledger.entries, func(a, b entry) int { return place[a.step+" "+a.value] - place[b.step+" "+b.value] })
}

// goTo leads to the screen of an act by what stands on the screens.
func (h *hands) goTo(s *seat, a rehearsal.Act, fresh bool) {
	h.t.Helper()
	to := "/batches/" + h.batch
	switch {
	case a.Step != "":
		to += "/steps/" + a.Step
	case a.Word == "hold.assess" || a.Word == "batch.resume":
		to += "/hold"
	}
	if at := path(s.Tab); at == to && !fresh {
		return
	}
	if leads := browser.Value[bool](s.Tab, fmt.Sprintf(`!!document.querySelector(%q)?.getAttribute("href")?.endsWith(%q)`, primary, to)); leads && !fresh {
		s.big()
	} else if a.Word == "step.correct" {
		h.openStep(s)
		s.Click(".vb-before summary")
		s.link(h.plant.Recipe.Procedure.Step(a.Step).Title)
	} else {
		s.link("Home")
		s.link(h.number())
		if a.Step != "" || strings.HasSuffix(to, "/hold") {
			s.big()
		}
	}
	equal(h.t, "screen for "+a.Word+" "+a.Step, path(s.Tab), to)
}

func (h *hands) openStep(s *seat) {
	h.t.Helper()
	s.link("Home")
	s.link(h.number())
	s.big()
}

const numberOfBatch = `select number from ebr.batches where id = $1`

func (h *hands) number() string { return h.ask(numberOfBatch, h.batch) }

func (h *hands) order(s *seat, number string) {
	h.t.Helper()
	s.Click(".vb-title summary")
	s.Type("#order-order_number", number)
	s.Do(chromedp.Focus(chromedp.CSS("#order-recipe_version")))
	s.Keys("P")
	s.press("#order .vb-strong")
	h.batch = strings.TrimPrefix(path(s.Tab), "/batches/")
}

// looked are the screens of the press that are judged as the operator finds them: before a tablet is weighed, and when most are.
var looked = map[string]bool{"370 w01": true, "370 w08": true, "370 w10": true, "390 time": true}

// read records, measures again or corrects, as the form for the kind of value wants it.
func (h *hands) read(s *seat, a rehearsal.Act, v *procedure.Value) string {
	h.t.Helper()
	if looked[a.Step+" "+a.Value] {
		s.look("whole-" + a.Step + "-" + a.Value)
		s.Size(1024, 768)
	}
	form := map[string]string{"recorded": "record", "correction": "correct-" + v.ID, "repeated measurement": "repeat-" + v.ID}[how(a)]
	field, typed := "#"+form+"-value", a.Text
	switch {
	case form != "record":
		s.Click(".vb-change:has(" + field + ") summary")
		s.Quick(field, a.Text)
		s.Type("#"+form+"-reason", a.Reason)
		s.press("#" + form + " .vb-strong")
	case v.Kind == procedure.Scan:
		s.turn(func() { s.Scan("]d2" + a.Text) })
	case v.Kind == procedure.DateTime:
		s.Click("[data-now-for=record-value]")
		typed = s.Input(field)
		s.big()
	case v.Kind == procedure.YesNo || v.Kind == procedure.Choice:
		s.Click(fmt.Sprintf(".vb-choice:has(input[value=%q])", a.Text))
		s.big()
	case v.ID == "w01": // with gloves, on the pad
		for _, key := range strings.ReplaceAll(a.Text, ".", "s") {
			s.Click(`#pad :is([data-type="` + string(key) + `"], [data-pad-act^="` + string(key) + `ep"])`)
		}
		equal(h.t, "typed on the pad", s.Input(field), a.Text)
		s.big()
	default:
		s.Quick(field, a.Text)
		s.big()
	}
	if a.Refused {
		s.says("Nothing was recorded.")
	}
	return typed
}

// mark is what the record prints beside a reading outside limits.
func mark(v *procedure.Value, text string) string {
	if v.Kind == procedure.DateTime {
		return "no limits" // a time stands in many lines
	}
	if v.Kind != procedure.Decimal {
		return ""
	}
	amount := formula.MustNumber(text)
	return map[formula.Judgement]string{formula.Alert: "alert limit", formula.Action: "action limit"}[formula.Judge(amount, v.Alert, v.Action)]
}

func (h *hands) comment(s *seat, a rehearsal.Act) {
	h.t.Helper()
	if a.Value != "" {
		s.Type("#explain-text", a.Text)
		s.big()
		return
	}
	s.Click(".vb-bar-left .vb-pop:has(#comment) summary")
	s.Type("#comment-text", a.Text)
	s.press("#comment .vb-strong")
}

func (h *hands) finish(s *seat, a rehearsal.Act) {
	h.t.Helper()
	if a.By == "" {
		s.big()
		return
	}
	s.Click(primary)
	s.signHere(h.plant.People[a.By], h.plant.People[a.By].Password)
	if a.Refused {
		s.says("Another person has to verify it.")
	}
}
