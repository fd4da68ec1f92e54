package web

import (
	"encoding/json"
	"slices"
	"strings"

	"veribatch/ebr/batch"
	"veribatch/internal/fault"
	"veribatch/recipes/procedure"
	"veribatch/signatures/access"
)

// form makes a form of this batch, when the person has the right to the act and the state allows it.
func (d *dossier) form(act, id, path string, kind procedure.EventKind, signed bool) *Form {
	return d.v.offer(d.allows("", kind), act, Form{ID: id, Action: d.href() + path, Signed: signed})
}

// allows asks the interpreter whether this person may do such a thing now, at a step or to the batch as a whole.
func (d *dossier) allows(step string, kind procedure.EventKind) bool {
	return slices.Contains(d.State.Acts(step, d.v.who.Person), kind)
}

func (s *server) showBatch(v *visit) (View, error) {
	d, err := v.batch()
	if err != nil {
		return nil, err
	}
	view := &BatchView{
		Page: v.frame(d.Number), Header: d.header(), State: string(d.State.Batch), Procedures: d.units(), Holds: d.holds(), Signatures: d.signatures(),
		Comments: d.comments(d.State.Comments), Next: d.next(),
	}
	area, err := v.areaWords(d.Area)
	if err != nil {
		return nil, err
	}
	view.Header = append(view.Header, Line{v.words("Area"), area})
	if err = d.judged(view); err != nil {
		return nil, err
	}
	view.Context = d.context(0)
	view.Issue = d.form("batch.issue", "issue", "/issue", procedure.EventIssued, true)
	view.Start = d.form("batch.start", "start", "/start", procedure.EventStarted, false)
	view.Hold = d.form("batch.hold", "hold", "/hold", procedure.EventHeld, false)
	view.Abort = d.form("batch.abort", "abort", "/abort", procedure.EventAborted, true)
	view.Comment = d.form("step.comment", "comment", "/comment", procedure.EventCommented, false)
	if d.running() && d.State.Open() == nil {
		view.Complete = d.form("batch.complete", "complete", "/complete", procedure.EventCompleted, true)
	}
	view.Waits = d.waits(view)
	if v.may("report.read") {
		view.Report = d.href() + "/report.pdf"
	}
	if v.may("batch.export") {
		view.Exports = d.href() + "/exports"
	}
	if v.may("trail.read") {
		view.Trail = "/trail?batch=" + d.Number
	}
	return view, nil
}

// next is the one link that leads on: the hold, or the open step.
func (d *dossier) next() *Link {
	switch open := d.State.Open(); {
	case d.State.Batch == procedure.Held:
		return &Link{Href: d.href() + "/hold", Words: "To the hold"}
	case d.running() && open != nil:
		return &Link{Href: d.stepHref(open.Step.ID), Words: "To the open step"}
	}
	return nil
}

// waits says whose turn it is, when it is not this person's.
func (d *dossier) waits(view *BatchView) string {
	switch {
	case d.State.Batch == procedure.Ordered && view.Issue == nil:
		return d.v.words("The record is not issued yet: quality assurance issues it.")
	case d.State.Batch == procedure.Idle && view.Start == nil:
		return d.v.words("The record is issued; an operator starts the batch.")
	case d.running() && d.State.Open() == nil && view.Complete == nil:
		return d.v.words("All steps are complete; a supervisor completes the batch.")
	}
	return ""
}

// onBatch says where the acts on a batch as a whole stand: on its overview.
func (s *server) onBatch() place {
	return place{page: s.showBatch, read: "batch.read", names: stepNames, next: func(v *visit, _ json.RawMessage) string { return "/batches/" + v.c.Param("batch") }}
}

func (s *server) showHold(v *visit) (View, error) {
	d, err := v.batch()
	if err != nil {
		return nil, err
	}
	open := d.State.OpenHolds()
	if len(open) == 0 { // resumed meanwhile, and a screen still led here: the overview leads on
		view, err := s.showBatch(v)
		if err == nil && v.refused == nil {
			view.Frame().Notice = v.words("This batch is not held now.")
		}
		return view, err
	}
	first := open[0]
	view := &HoldView{Page: v.frame(v.words("Hold of %s", d.Number)), Hold: d.hold(first)}
	view.Context = d.context(0)
	if first.Caused() {
		st := d.State.Step(first.Event.Step)
		value := d.value(st.Value(first.Event.Value))
		view.Value = &value
		view.Batch = []Line{{v.words("Step"), v.words("%s %s", st.Step.ID, st.Step.Title)}, {v.words("Value"), value.Name}}
	}
	if roles := first.Awaits(); len(roles) > 0 && v.may("batch.hold") {
		view.Assess = []AssessForm{{Role: v.signsAs(roles), Form: v.fill(Form{ID: "assess", Action: d.href() + "/assess", Signed: true})}}
	} else if len(roles) == 0 {
		view.Resume = d.form("batch.resume", "resume", "/resume", procedure.EventResumed, false)
	}
	view.Abort = d.form("batch.abort", "abort", "/abort", procedure.EventAborted, true)
	if view.Resume == nil && len(view.Assess) == 0 {
		view.Waits = v.words("A supervisor resumes the batch, after the assessment where one is needed.")
	}
	return view, nil
}

// signsAs names the role in which a hold is assessed on this screen: that of the person who is logged in, or those that it still waits for when
// somebody else has to sign here.
func (v *visit) signsAs(awaited []string) string {
	held := v.grants.In(v.area)
	for _, role := range awaited {
		if access.Holds(held, access.Role(role)) {
			return v.roleWords(role)
		}
	}
	return strings.Join(v.roleTitles(awaited), " "+v.words("or")+" ")
}

// onHold says where a hold is assessed and ended. After the last signature the same page offers to resume.
func (s *server) onHold(other bool) place {
	return place{page: s.showHold, read: "batch.read", other: other, next: func(v *visit, _ json.RawMessage) string {
		if v.route.Act == "batch.resume" {
			return "/batches/" + v.c.Param("batch")
		}
		return "/batches/" + v.c.Param("batch") + "/hold"
	}}
}

func (s *server) showStep(v *visit) (View, error) {
	d, err := v.batch()
	if err != nil {
		return nil, err
	}
	st := d.State.Step(v.c.Param("step"))
	if st == nil {
		return nil, fault.New(fault.Missing, "This recipe has no such step. Open the step from the batch's page.")
	}
	number := d.number(st.Step.ID)
	view := &StepView{
		Page: v.frame(v.words("%s, step %s", d.Number, st.Step.ID)), Step: d.step(st), Where: pathOf(st.Path), Late: true,
		Before: d.steps(0, number-1), After: d.steps(number, len(d.State.Steps)),
	}
	view.Context = d.context(number)
	if view.Notice == v.words(notices["step.record"]) { // which one: in a row of weights the eye is on the balance
		view.Notice = d.lastRead(st, view.Notice)
	}
	d.work(view, st)
	d.changes(view, st)
	return view, nil
}

// lastRead names the reading of the step that was entered last.
func (d *dossier) lastRead(st *procedure.StepState, otherwise string) string {
	var last *procedure.ValueState
	for i := range st.Values {
		v := &st.Values[i]
		if now := v.Current(); now != nil && (last == nil || !now.Event.EnteredAt.Before(last.Current().Event.EnteredAt)) {
			last = v
		}
	}
	if last == nil {
		return otherwise
	}
	return d.v.words("Recorded: %s, %s", last.Value.Title, last.Current().Display())
}

// work sets the one thing to do at this step now: comment, value, perform, verify, or where to go instead.
func (d *dossier) work(view *StepView, st *procedure.StepState) {
	switch {
	case d.State.Batch == procedure.Held:
		view.Waits, view.Wayout = d.v.words("Held: %s", d.State.OpenHolds()[0].Event.Reason), d.next()
	case !d.running():
		view.Waits, view.Wayout = d.v.words("The batch is %s.", d.v.words(string(d.State.Batch))), &Link{Href: d.href(), Words: "Overview"}
	case st.Status == procedure.StepComplete:
		view.Next = d.next()
		if view.Next == nil {
			view.Next = &Link{Href: d.href(), Words: "All steps are complete: to the overview"}
		}
	case st.Status == procedure.StepWaiting:
		open := d.State.Open()
		view.Waits, view.Wayout = d.v.words("Step %s comes first: %s", open.Step.ID, open.Step.Title), d.next()
	case st.Status == procedure.StepPerformed:
		d.second(view, st)
	case st.VerifiedBy(d.v.who.Person):
		view.Waits = d.v.words("You verified this step before, so you cannot work in it. Another person has to do this.")
	default:
		d.first(view, st)
	}
}

// first offers the work of the person who executes the step.
func (d *dossier) first(view *StepView, st *procedure.StepState) {
	at := d.stepHref(st.Step.ID)
	for i := range st.Values {
		if v := &st.Values[i]; v.NeedsComment() && d.v.may("step.comment") {
			f := d.v.fill(Form{ID: "explain", Action: at + "/values/" + v.Value.ID + "/comment", Seen: len(v.Attempts)})
			view.Explain = &Explain{Form: f, Value: judged(v), Limits: d.v.limitsOf(v.Value)}
			return
		}
	}
	if next := st.Next(); next != nil {
		if d.v.may("step.record") {
			view.Input = d.input(next, "record", at+"/values/"+next.Value.ID+"/record")
			return
		}
		view.Waits = d.v.words("An operator records the values of this step.")
		return
	}
	view.Perform = d.v.offer(true, "step.perform", Form{ID: "perform", Action: at + "/perform", Signed: batch.Signs(st.Step), Seen: d.State.Readings(st.Step.ID, "")})
	if view.Perform == nil {
		view.Waits = d.v.words("Everything is recorded; an operator finishes the step.")
	}
}

// second offers the verification, on this station, to whoever works here: the second person signs without logging the first one out.
func (d *dossier) second(view *StepView, st *procedure.StepState) {
	view.Verify = d.v.offer(true, "step.perform", Form{ID: "verify", Action: d.stepHref(st.Step.ID) + "/verify", Signed: true})
	if view.Verify == nil {
		view.Waits = d.v.words("The step waits for the second person.")
	}
}

// changes adds what may be done beside: correct, measure again, comment, hold.
func (d *dossier) changes(view *StepView, st *procedure.StepState) {
	at := d.stepHref(st.Step.ID)
	view.Hold = d.v.offer(d.allows("", procedure.EventHeld), "batch.hold", Form{ID: "hold", Action: at + "/hold"})
	view.Comment = d.v.offer(d.allows(st.Step.ID, procedure.EventCommented), "step.comment", Form{ID: "comment", Action: at + "/comment"})
	mayCorrect := d.allows(st.Step.ID, procedure.EventCorrected) && d.v.may("step.correct")
	mayRepeat := d.allows(st.Step.ID, procedure.EventRecorded) && d.v.may("step.record")
	for i := range st.Values {
		current := st.Values[i].Current()
		if current == nil {
			continue
		}
		value := st.Values[i].Value
		if mayCorrect {
			in := d.input(&st.Values[i], "correct-"+value.ID, at+"/values/"+value.ID+"/correct")
			in.Reason, in.Old = "correction", current.Display()
			view.Step.Values[i].Correct = in
		}
		if mayRepeat && !st.Values[i].NeedsComment() {
			in := d.input(&st.Values[i], "repeat-"+value.ID, at+"/values/"+value.ID+"/record")
			in.Reason, in.Old = "repeated measurement", current.Display()
			view.Step.Values[i].Repeat = in
		}
	}
}

// input makes the form for one value. It carries how many readings this page shows.
func (d *dossier) input(shown *procedure.ValueState, id, action string) *Input {
	v := shown.Value
	return &Input{
		Form: d.v.fill(Form{ID: id, Action: action, Seen: len(shown.Attempts)}), Name: v.Title, Kind: string(v.Kind), Unit: v.Unit, Limits: d.expectations(v), Choices: v.Options,
		Separator: ".", Decimals: v.Decimals, Expect: v.Expect,
	}
}

// stepNames are the fields of the forms of a step that the commands know by another name.
var stepNames = map[string]string{"value": "reading", "text": "comment"}

// onStep says where the acts on a step stand: on the operator's screen. When a step is complete the next one is shown.
func (s *server) onStep(other bool) place {
	return place{page: s.showStep, read: "batch.read", names: stepNames, other: other, next: func(v *visit, _ json.RawMessage) string {
		return "/batches/" + v.c.Param("batch") + "/steps/" + v.c.Param("step")
	}}
}

// roleTitles prints roles as people say them.
func (v *visit) roleTitles(roles []string) []string {
	titles := make([]string, len(roles))
	for i, r := range roles {
		titles[i] = v.roleWords(r)
	}
	return titles
}
