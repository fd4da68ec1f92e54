package browser_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"veribatch/internal/browser"
	"veribatch/recipes/library"
)

// TestJourney executes the ten-step recipe as six persons at two stations by clicks, keys and scans, with everything that goes wrong in a real
// shift, and compares the printed record value by value with what was typed.
func TestJourney(t *testing.T) {
	p := newShop(t)
	office, bench := p.seat(t, "Office 1"), p.seat(t, "Bench 1")
	p.makeRecipe(office)
	p.orderBatch(office)
	p.setUp(bench)
	p.scan(bench)
	p.weighActionLimit(bench)
	p.assess(office)
	p.weighAgain(bench)
	p.weighAlert(bench)
	back := p.startedEarlier()
	p.lateEntry(bench)
	p.measure(bench)
	p.correct(bench)
	p.fill(bench)
	p.review(office)
	p.ledger.compare(t, office.download())
	p.readTrail(office)
	if found := p.findings(); len(found) == 0 {
		t.Error("verify: the start that an administrator moved is not found")
	}
	back()
	for _, f := range p.findings() {
		t.Errorf("verify: %s", f)
	}
}

// makeRecipe: the process engineer imports and submits the recipe, QA approves it, the qualified person makes it effective.
func (p *shop) makeRecipe(s *seat) {
	s.logIn(p.petra)
	s.link("Recipes")
	s.look("recipes-none")
	s.link("Import a recipe")
	s.Type("#import-text", strings.ReplaceAll(string(library.Text("buffer-tour.recipe")), `decimals = "2"`, `decimals = "two"`))
	s.press(".vb-bar-right .vb-primary")
	s.look("import-faults")
	s.Type("#import-text", string(library.Text("buffer-tour.recipe")))
	s.press(".vb-bar-right .vb-primary")
	s.says("draft", "Phosphate buffer pH 7.4, 10 L")
	s.look("recipe-draft")
	s.sign(".vb-bar-right .vb-primary", p.petra, "authored")
	s.says("in review")
	s.logIn(p.quinn)
	s.link("Recipes")
	s.look("recipes")
	s.link("Phosphate buffer")
	s.sign(".vb-bar-right .vb-primary", p.quinn, "approved")
	s.logIn(p.elena)
	s.link("Recipes")
	s.link("Phosphate buffer")
	s.sign(".vb-bar-right .vb-primary", p.elena, "made effective")
	s.says("effective", "made effective: "+p.elena.FullName)
	s.look("recipe-effective")
}

// orderBatch: the supervisor orders, QA issues the record.
func (p *shop) orderBatch(s *seat) {
	s.logIn(p.sven)
	s.look("home-empty")
	s.Click(".vb-title summary")
	s.Type("#order-order_number", "PO-2026-0815")
	s.Do(chromedp.Focus(chromedp.CSS("#order-recipe_version")))
	s.Keys("B") // the list of recipes takes the first letter
	s.look("home-order")
	s.press("#order .vb-strong")
	s.says("The record is not issued yet")
	s.look("batch-ordered")
	s.logIn(p.quinn)
	s.link("Issue the record")
	s.Click(primary)
	s.Wait("#sign-dialog[open] #sign")
	s.look("sign-issue")
	s.signHere(p.quinn, p.quinn.Password)
	p.ledger.sign("issued", p.quinn)
	s.says("The record is issued")
}

// setUp: the operator starts the batch; an instruction by the button; a yes-or-no value with the keyboard alone.
func (p *shop) setUp(s *seat) {
	s.look("login-station")
	s.logIn(p.olga)
	s.look("home-operator")
	s.link("Start the batch")
	s.look("batch-idle")
	s.big()
	s.link("To the open step")
	s.look("step-010")
	s.big()
	s.look("step-010-done")
	s.big()
	s.look("step-020")
	s.tabTo("[name=value]")
	s.Keys(" ")
	s.turn(func() { s.Keys("\r") })
	p.ledger.read(entry{step: "020", typed: "yes", how: "recorded", by: s.who})
	s.says("yes")
	for range 2 { // done, and on to the next step
		s.tabTo(primary)
		s.turn(func() { s.Keys("\r") })
	}
}

// scan: a wrong label is refused and the right one taken, wherever the focus is; a wrong password signs nothing; who performed cannot verify.
func (p *shop) scan(s *seat) {
	s.says("Identify the acid phosphate")
	s.look("step-030")
	s.turn(func() { s.Scan("]d2NA2HPO4") })
	s.says("Wrong code", "Nothing was recorded.")
	s.look("step-030-wrong-scan")
	s.turn(func() { s.Scan("]d2NAH2PO4") })
	p.ledger.read(entry{step: "030", typed: "NAH2PO4", how: "recorded", by: s.who})
	s.look("step-030-recorded")
	if said := s.signWrong(primary, p.olga, "not my password"); !strings.Contains(said, "wrong") {
		s.t.Errorf("a wrong password: %s", said)
	}
	s.look("sign-refused")
	if refused := p.refused(p.olga, "step.perform"); len(refused) != 1 {
		s.t.Errorf("a refused signature is one entry: %q", refused)
	}
	s.signHere(p.olga, p.olga.Password)
	p.ledger.sign("performed", p.olga)
	p.ledger.refused = []signing{{"step.record", p.olga}, {"step.perform", p.olga}, {"step.verify", p.olga}}
	s.look("step-030-verify")
	s.Click(primary)
	s.signHere(p.olga, p.olga.Password)
	s.says("Another person has to verify it.")
	s.look("step-030-self")
	s.sign(primary, p.omar, "verified")
	s.says("verified: " + p.omar.FullName)
	if !strings.Contains(s.Text(".vb-person"), p.olga.FullName) {
		s.t.Errorf("after the second person's signature %s is logged in", s.Text(".vb-person"))
	}
	s.look("step-030-complete")
	s.big()
}

// weighActionLimit: typed on the pad with gloves, outside the action limits: the batch is held.
func (p *shop) weighActionLimit(s *seat) {
	s.says("Weigh the acid phosphate")
	for _, key := range []string{"1", "3", "separator", "5", "8"} {
		s.Click(`#pad :is([data-type="` + key + `"], [data-pad-act="` + key + `"])`)
	}
	equal(s.t, "typed on the pad", s.Input("#record-value"), "13.58")
	s.look("step-040")
	s.big()
	p.ledger.read(entry{step: "040", typed: "13.58", unit: "g", mark: "action limit", how: "recorded", by: s.who})
	s.says("outside action limits", "Held")
	s.look("step-040-held")
}

// assess: the supervisor and QA judge the hold, both at the supervisor's desk, and the supervisor lets the batch go on.
func (p *shop) assess(s *seat) {
	const production = "The boat was changed after taring. Balance W-07 was checked with its weight of 20 g and is in order; the material is weighed again."
	const quality = "Cause found and repeatable, nothing was added to the vessel. The batch may go on with a second weighing."
	s.logIn(p.sven)
	s.look("home-held")
	s.link("To the hold")
	s.look("hold")
	s.Type("#assess-reason", production)
	s.sign(primary, p.sven, "assessed")
	p.ledger.say("Holds", "", production)
	s.says("Assessed by supervisor")
	s.look("hold-half")
	s.Type("#assess-reason", quality)
	s.sign(primary, p.quinn, "assessed")
	p.ledger.say("Holds", "", quality)
	s.Wait("#resume-reason")
	s.look("hold-assessed")
	s.Type("#resume-reason", "Assessed by both")
	s.big()
	p.ledger.say("Holds", "Reason", "Assessed by both")
	s.says("running")
	s.look("batch-running")
}

// weighAgain: the operator comes back to a screen that still says held, measures again with a reason, and the second person verifies.
func (p *shop) weighAgain(s *seat) {
	const reason = "Weighed again after the boat was tared; the first reading had the weight of the other boat in it."
	s.big() // to the hold, which is over
	s.look("hold-over")
	s.link("To the open step")
	s.Click(".vb-change:last-of-type summary")
	s.Type("#repeat-net-value", "13.85")
	s.inSight("#repeat-net-value, #pad button, #repeat-net button")
	s.look("step-040-repeat-value")
	s.Type("#repeat-net-reason", reason)
	s.look("step-040-repeat")
	s.press("#repeat-net .vb-strong")
	p.ledger.read(entry{step: "040", typed: "13.85", unit: "g", how: "repeated measurement", by: s.who})
	p.ledger.say("040", "Reason for the repeated measurement", reason)
	s.look("step-040-repeated")
	s.critical(p.olga, p.omar)
	s.big()
}

// weighAlert: outside the alert limits a comment is asked. Before, the operator was away with a weight typed and not sent: the station locked.
func (p *shop) weighAlert(s *seat) {
	const comment = "The last spoonful was a little more than needed; within the action limits, the pH decides."
	s.says("Weigh the basic phosphate")
	s.look("step-050")
	s.Type("#record-value", "56.98")
	p.leave(p.olga)
	s.Click(primary)
	s.Wait("#lock-dialog[open]")
	s.look("locked")
	s.Quick("#unlock-here-password", p.olga.Password)
	s.Click("#unlock-here .vb-primary")
	s.Gone("#lock-dialog")
	equal(s.t, "typed before the lock", s.Input("#record-value"), "56.98")
	s.big()
	p.ledger.read(entry{step: "050", typed: "56.98", unit: "g", mark: "alert limit", how: "recorded", by: s.who})
	s.says("is outside the alert limits")
	s.look("step-050-alert")
	s.Type("#explain-text", comment)
	s.big()
	p.ledger.say("050", "", comment)
	s.look("step-050-explained")
	s.done()
}

// lateEntry: a step that was done ten minutes ago.
func (p *shop) lateEntry(s *seat) {
	const reason = "Hands were wet, the tablet lay in the airlock."
	ago := time.Now().Add(-10 * time.Minute)
	s.says("Dissolve and fill up")
	s.Click(".vb-late summary")
	s.Type("#perform-performed_at", ago.Format("200601021504"))
	s.inSight("#perform-performed_at, #pad button")
	equal(s.t, "shaped", s.Input("#perform-performed_at"), ago.Format("2006-01-02 15:04"))
	s.look("step-060-late")
	s.big()
	s.Wait("#perform-late_reason[aria-invalid=true]")
	s.look("step-060-late-refused")
	s.Type("#perform-late_reason", reason)
	s.big()
	p.ledger.say("060", "Reason", reason)
	p.ledger.say("060", "", ago.Truncate(time.Minute).Format("2006-01-02 15:04:05 -07:00"))
	s.says("late entry")
	s.look("step-060-done")
	s.big()
}

// measure: three values in one step, with a comma, a lost answer and a refresh in the middle.
func (p *shop) measure(s *seat) {
	s.says("Measure the pH three times")
	s.Type("#record-value", "7,39")
	s.big()
	s.Wait("#record-value[aria-invalid=true]")
	s.look("step-070-comma")
	s.Type("#record-value", "7.39")
	p.wire.cut.Store(true)
	s.Click(primary)
	s.Wait("#lost")
	s.look("step-070-lost")
	s.turn(func() { p.wire.cut.Store(false) }) // the page asks again by itself
	p.ledger.read(entry{step: "070", typed: "7.39", unit: "pH", how: "recorded", by: s.who})
	s.says("Recorded: pH of sample 1, 7.39 pH", "pH of sample 2")
	keys := p.wire.sent("/steps/070/values/ph1/record")[1:] // after the comma
	if len(keys) < 2 || len(slices.Compact(keys)) != 1 {
		s.t.Errorf("asked again with the same request key: %q", keys)
	}
	equal(s.t, "after the lost answer", p.readings("070", "ph1"), "7.39")
	s.record(entry{step: "070", typed: "7.41", unit: "pH"})
	s.says("pH of sample 3")
	s.turn(func() { s.Do(chromedp.Reload()) })
	s.says("7.39 pH", "7.41 pH", "pH of sample 3")
	s.look("step-070-refreshed")
	s.record(entry{step: "070", typed: "7.44", unit: "pH"})
	s.says("7.44 pH")
	s.look("step-070-recorded")
}

// correct: a value of an earlier, verified step. The old value stays readable, the step is open again, and nothing goes on before it is verified.
func (p *shop) correct(s *seat) {
	const reason = "The printout of the balance says 13.84 g; the display was misread."
	s.Click(".vb-before summary")
	s.look("step-070-before")
	s.link("Weigh the acid phosphate")
	s.look("step-040-earlier")
	s.Click(".vb-change summary")
	s.Type("#correct-net-value", "13.84")
	s.inSight("#correct-net-value, #pad button, #correct-net button")
	s.Type("#correct-net-reason", reason)
	s.look("step-040-correct")
	s.press("#correct-net .vb-strong")
	p.ledger.read(entry{step: "040", typed: "13.84", unit: "g", how: "correction", by: s.who})
	p.ledger.say("040", "Reason for the correction", reason)
	struck := browser.Value[[]string](s.Tab, `[...document.querySelectorAll(".vb-struck s")].map(e => e.textContent)`)
	if !strings.Contains(strings.Join(struck, "|"), "13.85 g") {
		s.t.Errorf("struck through: %q", struck)
	}
	s.says("no longer valid")
	s.look("step-040-corrected")
	s.critical(p.olga, p.omar)
	s.look("step-040-verified-again")
	s.big()
	s.says("7.44 pH")
	s.done()
}

// fill: a choice, a text, a time by its digits, and comments on a step and on the batch.
func (p *shop) fill(s *seat) {
	const leak = "Drops at the outlet of the filter, wiped off; the connection was tightened before the container was placed below."
	s.look("step-080")
	s.Click(".vb-choice:first-of-type")
	s.big()
	p.ledger.read(entry{step: "080", typed: "clear and colourless", how: "recorded", by: s.who})
	s.done()
	s.look("step-090")
	s.record(entry{step: "090", typed: "F-22841"})
	filled := time.Now()
	s.Type("#record-value", filled.Format("200601021504"))
	s.look("step-090-time")
	s.big()
	p.ledger.read(entry{step: "090", typed: filled.Format("2006-01-02 15:04"), how: "recorded", by: s.who})
	s.Click(".vb-bar-left .vb-pop:has(#comment) summary")
	s.Type("#comment-text", leak)
	s.look("step-090-comment")
	s.press("#comment .vb-strong")
	p.ledger.say("090", "", leak)
	s.done()
	s.look("step-100-operator")
	s.link("Overview")
	s.Click(".vb-bar-left .vb-pop:has(#comment) summary")
	s.Type("#comment-text", "End of shift")
	s.press("#comment .vb-strong")
	p.ledger.say("Comments on the batch", "", "End of shift")
	s.look("batch-nine-of-ten")
}

// review: the supervisor signs the review and completes the batch.
func (p *shop) review(s *seat) {
	s.link("Home")
	s.link("Continue")
	s.look("step-100")
	s.sign(primary, p.sven, "reviewed")
	s.look("step-100-done")
	s.big()
	s.Click(primary)
	s.Wait("#sign-dialog[open] #sign")
	s.look("sign-complete")
	s.signHere(p.sven, p.sven.Password)
	p.ledger.sign("completed", p.sven)
	s.look("batch-complete")
	s.link("Home")
	s.look("home-complete")
	s.link("B-")
}

// readTrail: everything stands in the trail, the refused signature too, found by batch, person and act, page after page.
func (p *shop) readTrail(s *seat) {
	s.press(".vb-title-links a[href^='/trail']")
	s.look("trail-batch")
	s.Type("#filter-person", p.olga.UserName)
	s.Do(chromedp.Focus(chromedp.CSS("#filter-act")))
	s.Keys("step.per")
	s.press(".vb-filter button")
	s.says("refused", "step.perform", "Bench 1")
	s.silent("step.record ")
	s.look("trail-refused")
	s.link("Audit trail")
	s.link("Older entries")
	s.look("trail-older")
	s.link("Newest")
}
