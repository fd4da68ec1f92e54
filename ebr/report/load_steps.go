package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"veribatch/recipes/procedure"
)

// units gives the whole procedure with what happened in each step.
func (l *loader) units() []Unit {
	var units []Unit
	n := 0
	for _, u := range l.b.Recipe.Procedure.Units {
		unit := Unit{ID: u.ID, Title: u.Title}
		for _, o := range u.Operations {
			operation := Operation{ID: o.ID, Title: o.Title}
			for range o.Steps {
				operation.Steps = append(operation.Steps, l.step(n+1, &l.b.State.Steps[n]))
				n++
			}
			unit.Operations = append(unit.Operations, operation)
		}
		units = append(units, unit)
	}
	return units
}

// stepKinds and valueKinds say in words what the recipe asks for.
var (
	stepKinds  = map[procedure.StepKind]string{procedure.Instruction: "instruction", procedure.Entry: "entry", procedure.SignOff: "sign-off"}
	valueKinds = map[procedure.ValueKind]string{
		procedure.Decimal: "number", procedure.Text: "text", procedure.Choice: "choice", procedure.YesNo: "yes or no",
		procedure.DateTime: "date and time", procedure.Scan: "scan",
	}
)

func (l *loader) step(n int, st *procedure.StepState) Step {
	s := Step{
		Number: n, ID: st.Step.ID, Kind: stepKinds[st.Step.Kind], Title: st.Step.Title, Text: st.Step.Text, Critical: st.Step.Critical,
		Meaning: st.Step.Meaning, Status: string(st.Status), Comments: l.notes(st.Comments),
	}
	if st.Step.Role != "" {
		s.Role = roleWords(st.Step.Role)
	}
	for i := range st.Values {
		s.Values = append(s.Values, l.value(&st.Values[i]))
	}
	events := slices.Concat(st.Performances, st.Verifications)
	slices.SortFunc(events, func(a, b procedure.Event) int { return cmp.Compare(a.Ord, b.Ord) })
	for _, e := range events {
		a := l.act(string(e.Kind), e)
		a.Void = !stands(st.Performed, e) && !stands(st.Verified, e)
		s.Acts = append(s.Acts, a)
	}
	return s
}

// stands tells whether an event is the one that counts.
func stands(standing *procedure.Event, e procedure.Event) bool {
	return standing != nil && standing.ID == e.ID
}

func (l *loader) value(v *procedure.ValueState) Value {
	value := Value{
		ID: v.Value.ID, Title: v.Value.Title, Kind: valueKinds[v.Value.Kind], Unit: v.Value.Unit, Alert: v.Value.Alert.Text(), Action: v.Value.Action.Text(),
		Expect: v.Value.Expect, Options: v.Value.Options, Comments: l.notes(v.Comments),
	}
	if v.Value.Kind == procedure.Decimal {
		value.Decimals = strconv.Itoa(v.Value.Decimals)
	}
	for _, a := range v.Attempts {
		value.Readings = append(value.Readings, Reading{
			Attempt: a.Attempt, How: how(a.Event), Raw: a.Raw, Text: a.Reading, Unit: a.Unit, Judgement: a.Judgement, Struck: a.CorrectedBy != nil,
			Reason: a.Reason, Late: a.Late(), By: l.by(a.Event), Done: a.Done(), Entered: a.EnteredAt,
		})
	}
	return value
}

func how(e procedure.Event) string {
	switch {
	case e.Kind == procedure.EventCorrected:
		return howCorrected
	case e.Attempt > 1:
		return howRepeated
	}
	return howRecorded
}

// act gives an event as an act.
func (l *loader) act(what string, e procedure.Event) Act {
	a := Act{What: what, Reason: e.Reason, Late: e.Late(), By: l.by(e), Done: e.Done(), Entered: e.EnteredAt, Signature: l.numbers[e.Signature]}
	if e.Role != "" {
		a.Role = roleWords(e.Role)
	}
	return a
}

func (l *loader) by(e procedure.Event) Who { return l.who(e.Person, e.PersonName) }

func (l *loader) notes(events []procedure.Event) []Note {
	var notes []Note
	for _, e := range events {
		notes = append(notes, Note{e.Reason, l.by(e), e.EnteredAt})
	}
	return notes
}

// batchMoves gives what happened to the batch as a whole; assessments and comments have chapters of their own.
func (l *loader) batchMoves() []Act {
	var acts []Act
	for _, e := range l.b.History() {
		switch e.Kind {
		case procedure.EventCreated, procedure.EventIssued, procedure.EventStarted, procedure.EventHeld, procedure.EventResumed,
			procedure.EventAborted, procedure.EventCompleted:
			acts = append(acts, l.act(string(e.Kind), e))
		}
	}
	return acts
}

func (l *loader) holds() []Hold {
	var holds []Hold
	for i := range l.b.State.Holds {
		h := &l.b.State.Holds[i]
		hold := Hold{Number: i + 1, Cause: h.Event.Reason, Automatic: h.Caused(), By: l.by(h.Event), At: h.Event.EnteredAt}
		if h.Caused() {
			hold.Step = l.stepWords(h.Event.Step)
		}
		for _, a := range h.Assessments {
			hold.Assessments = append(hold.Assessments, l.act("assessed", a))
		}
		if h.Resumed != nil {
			resumed := l.act("resumed", *h.Resumed)
			hold.Resumed = &resumed
		}
		holds = append(holds, hold)
	}
	return holds
}

// stepWords names a step by number and title.
func (l *loader) stepWords(id string) string {
	for i, st := range l.b.State.Steps {
		if st.Step.ID == id {
			return fmt.Sprintf("step %d, %s", i+1, st.Step.Title)
		}
	}
	return "step " + id
}
