package web

import (
	"strconv"
	"strings"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/recipes/formula"
	"veribatch/recipes/procedure"
)

// dossier is a batch as one visitor sees it: from it the pages of the batch take their parts.
type dossier struct {
	*batch.Batch
	v *visit
}

func (v *visit) batch() (*dossier, error) {
	b, err := batch.Load(v.ctx, v, v.c.Param("batch"))
	if err != nil {
		return nil, err
	}
	return &dossier{b, v}, nil
}

func (d *dossier) href() string { return "/batches/" + d.ID }

func (d *dossier) stepHref(step string) string { return d.href() + "/steps/" + step }

func (d *dossier) running() bool { return d.State.Batch == procedure.Running }

// context is the line under the header; step is the number of the step that the page is about, 0 for none.
func (d *dossier) context(step int) *Context {
	done, all := d.State.Progress()
	return &Context{
		Batch: d.Number, Order: d.OrderNumber, Href: d.href(), Product: d.Recipe.Product, Recipe: d.Recipe.Title, Version: strconv.Itoa(d.Master.Number),
		State: string(d.State.Batch), Step: step, Steps: all, StepComplete: done,
	}
}

// number gives the place of a step in the recipe, from 1.
func (d *dossier) number(step string) int {
	for i := range d.State.Steps {
		if d.State.Steps[i].Step.ID == step {
			return i + 1
		}
	}
	return 0
}

// pathOf gives "Granulation › Wet mixing".
func pathOf(p procedure.Path) string { return p.Unit.Title + " › " + p.Operation.Title }

// units gives all steps with everything that happened in them, by operation.
func (d *dossier) units() []UnitProgress {
	var units []UnitProgress
	for i := range d.State.Steps {
		st := &d.State.Steps[i]
		if i == 0 || d.State.Steps[i-1].Operation != st.Operation {
			units = append(units, UnitProgress{Name: pathOf(st.Path)})
		}
		last := &units[len(units)-1]
		last.Steps = append(last.Steps, d.step(st))
	}
	return units
}

// steps gives the steps from index from up to and without to.
func (d *dossier) steps(from, to int) []StepProgress {
	var steps []StepProgress
	for i := from; i < to; i++ {
		steps = append(steps, d.step(&d.State.Steps[i]))
	}
	return steps
}

// statuses are the states of a step in the words of the pages.
var statuses = map[procedure.StepStatus]string{
	procedure.StepWaiting: "waiting", procedure.StepOpen: "open", procedure.StepPerformed: "performed", procedure.StepComplete: "complete",
}

// step gives a step as executed, without forms.
func (d *dossier) step(st *procedure.StepState) StepProgress {
	p := StepProgress{
		Number: d.number(st.Step.ID), ID: st.Step.ID, Href: d.stepHref(st.Step.ID), Title: st.Step.Title, Instruction: st.Step.Text, Kind: string(st.Step.Kind),
		Critical: st.Step.Critical, Role: st.Step.Role, Meaning: st.Step.Meaning, State: statuses[st.Status], Comments: d.comments(st.Comments),
	}
	for i := range st.Values {
		p.Values = append(p.Values, d.value(&st.Values[i]))
	}
	for _, list := range []struct {
		events []procedure.Event
		stands *procedure.Event
	}{{st.Performances, st.Performed}, {st.Verifications, st.Verified}} {
		for _, e := range list.events {
			void := list.stands == nil || list.stands.ID != e.ID
			if e.Signature == "" || !e.PerformedAt.IsZero() {
				p.Acts = append(p.Acts, d.done(e, void))
			}
			if e.Signature != "" {
				p.Signatures = append(p.Signatures, d.signed(e, void))
			}
		}
	}
	return p
}

// done gives an act with both its times.
func (d *dossier) done(e procedure.Event, void bool) Done {
	return Done{What: d.v.words(string(e.Kind)), By: e.PersonName, At: e.EnteredAt, Performed: e.PerformedAt, Late: e.Late(), Reason: e.Reason, Void: void}
}

// signed gives the signature of an event as printed.
func (d *dossier) signed(e procedure.Event, void bool) Signed {
	s := signedLine(d.Signatures[e.Signature])
	if s.Void = void; void {
		s.VoidWhy = d.v.words("a value was corrected afterwards")
	}
	return s
}

func (d *dossier) value(v *procedure.ValueState) Value {
	value := Value{Name: v.Value.Title, Kind: string(v.Value.Kind), Unit: v.Value.Unit, Limits: d.expectations(v.Value)}
	if len(v.Attempts) > 0 && d.v.may("trail.read") {
		value.Trail = timelineOfReading(audit.Stream("batch/"+d.ID), v.Attempts[0].Step, v.Attempts[0].Value)
	}
	for i := range v.Attempts {
		value.Readings = append(value.Readings, d.reading(v, i))
	}
	return value
}

// expectations are the limits of a value, or the answer that the recipe expects.
func (d *dossier) expectations(v *procedure.Value) []Limit {
	limits := d.v.limitsOf(v)
	if v.Expect != "" && v.Kind != procedure.Scan {
		limits = append(limits, Limit{Name: "otherwise held", Text: d.v.words("expected: %s", d.v.answer(v))})
	}
	return limits
}

// answer gives the answer that the recipe expects: yes and no as they stand on the buttons, a choice as the recipe writes it.
func (v *visit) answer(of *procedure.Value) string {
	if of.Kind == procedure.YesNo {
		return v.words(of.Expect)
	}
	return of.Expect
}

// reading gives the i-th attempt of a value, with the comments that were made after it and before the next one.
func (d *dossier) reading(v *procedure.ValueState, i int) Reading {
	a := v.Attempts[i]
	r := Reading{
		Text: a.Reading, Judgement: string(a.Judgement), Struck: a.CorrectedBy != nil, How: "recorded", Reason: a.Reason, By: a.PersonName,
		Entered: a.EnteredAt, Performed: a.PerformedAt, Late: a.Late(),
	}
	switch {
	case a.Kind == procedure.EventCorrected:
		r.How = "corrected"
	case a.Attempt > 1:
		r.How = "repeated"
	}
	var comments []string
	for _, c := range v.Comments {
		if c.Ord > a.Ord && (i+1 == len(v.Attempts) || c.Ord < v.Attempts[i+1].Ord) {
			comments = append(comments, c.Reason+" ("+c.PersonName+", "+c.EnteredAt.In(d.v.s.Zone).Format("2006-01-02 15:04:05 -07:00")+")")
		}
	}
	r.Comment = strings.Join(comments, "\n")
	return r
}

func (d *dossier) comments(events []procedure.Event) []Comment {
	var comments []Comment
	for _, e := range events {
		comments = append(comments, Comment{Text: e.Reason, By: e.PersonName, At: e.EnteredAt})
	}
	return comments
}

func (d *dossier) holds() []Hold {
	var holds []Hold
	for i := range d.State.Holds {
		holds = append(holds, d.hold(&d.State.Holds[i]))
	}
	return holds
}

func (d *dossier) hold(h *procedure.Hold) Hold {
	hold := Hold{Cause: h.Event.Reason, By: h.Event.PersonName, At: h.Event.EnteredAt}
	if h.Caused() {
		hold.Cause = d.v.words("Step %s: %s", h.Event.Step, h.Event.Reason)
		hold.By = d.v.words("the system, at the entry of %s", h.Event.PersonName)
	}
	for _, a := range h.Assessments {
		s := d.signed(a, false)
		hold.Assessments = append(hold.Assessments, Assessment{Role: a.Role, Reason: a.Reason, Signed: &s})
	}
	for _, role := range h.Awaits() {
		hold.Assessments = append(hold.Assessments, Assessment{Role: role})
	}
	if h.Resumed != nil {
		hold.ResumedBy, hold.ResumedAt = h.Resumed.PersonName, h.Resumed.EnteredAt
	}
	return hold
}

// header gives what identifies the record and who moved it on.
func (d *dossier) header() []Line {
	lines := []Line{
		{d.v.words("Order"), d.OrderNumber}, {d.v.words("Product"), d.Recipe.Product + ", " + d.Recipe.Strength}, {d.v.words("Batch size"), d.Recipe.BatchSize.Text()},
		{d.v.words("Recipe"), d.v.words("%s, %s, version %d", d.Master.Code, d.Recipe.Title, d.Master.Number)}, {d.v.words("Digest of the recipe text (SHA-256)"), d.Digest},
	}
	for _, e := range d.History() {
		if label := moveWords[e.Kind]; label != "" {
			line := Line{d.v.words(label), e.PersonName + ", " + e.EnteredAt.In(d.v.s.Zone).Format("2006-01-02 15:04:05 -07:00")}
			if e.Kind == procedure.EventAborted {
				line.Value += ": " + e.Reason
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// moveWords are the moves of a batch that stand in the header of its record.
var moveWords = map[procedure.EventKind]string{
	procedure.EventCreated: "Ordered by", procedure.EventIssued: "Record issued by", procedure.EventStarted: "Started by",
	procedure.EventCompleted: "Completed by", procedure.EventAborted: "Aborted by",
}

// signatures gives the signatures of the batch itself.
func (d *dossier) signatures() []Signed {
	var list []Signed
	for _, e := range d.History() {
		if e.Signature != "" && e.Step == "" && e.Kind != procedure.EventHoldAssessed {
			list = append(list, d.signed(e, false))
		}
	}
	return list
}

// judged tells whether the reading that counts waits for a comment.
func judged(v *procedure.ValueState) string {
	current := v.Current()
	if current == nil || current.Judgement != formula.Alert {
		return ""
	}
	return v.Value.Title + ": " + current.Display()
}
