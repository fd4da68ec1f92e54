package procedure

import (
	"fmt"
	"slices"

	"veribatch/internal/fault"
	"veribatch/internal/language"
)

// Check tells whether an event, complete as Decide makes it, may happen now: nil, or a fault that says what happened and what to do.
// When somebody else was first, the fault is a Conflict that says who and when. Rules are asked in this order: the state of the batch, the
// order of steps, the person, what was entered.
func (s *State) Check(e Event) *fault.Error {
	if f := s.may(e); f != nil {
		return f
	}
	for _, rule := range []func(Event) *fault.Error{s.checkReading, s.checkTime, s.checkReason} {
		if f := rule(e); f != nil {
			return f
		}
	}
	return nil
}

// Acts lists what this person may do now at a step, or at the batch as a whole when step is "". It knows state, order and the separation of
// persons; the rights of a role are the business of signatures/access, values and reasons are checked when they are given. An empty
// person stands for anybody.
func (s *State) Acts(step, person string) []EventKind {
	kinds := []EventKind{EventIssued, EventStarted, EventHeld, EventHoldAssessed, EventResumed, EventAborted, EventCompleted, EventCommented}
	values := []string{""}
	if step != "" {
		kinds = []EventKind{EventRecorded, EventCorrected, EventPerformed, EventVerified, EventCommented}
		if st := s.Step(step); st != nil {
			for i := range st.Step.Values {
				values = append(values, st.Step.Values[i].ID)
			}
		}
	}
	var acts []EventKind
	for _, kind := range kinds {
		for _, value := range values {
			if s.may(Event{Kind: kind, Step: step, Value: value, Person: person}) == nil {
				acts = append(acts, kind)
				break
			}
		}
	}
	return acts
}

// may asks the rules that need nothing but kind, place and person. An empty person or role is not asked about.
func (s *State) may(e Event) *fault.Error {
	if f := s.checkMove(e); f != nil {
		return f
	}
	if e.Step == "" && e.Value == "" {
		return s.checkBatch(e)
	}
	st := s.Step(e.Step)
	if st == nil {
		return fault.New(fault.Missing, "This recipe has no step %q. Open the step from the batch's page.", shorten(e.Step))
	}
	if e.Value != "" && st.Value(e.Value) == nil {
		return fault.New(fault.Missing, "Step %s has no value %q. Open the step from the batch's page.", e.Step, shorten(e.Value))
	}
	switch e.Kind {
	case EventRecorded:
		return s.checkRecord(st, e)
	case EventCorrected:
		return s.checkCorrect(st, e)
	case EventPerformed:
		return s.checkPerform(st, e)
	case EventVerified:
		return s.checkVerify(st, e)
	case EventCommented, EventHeld: // checkMove lets a hold with a cause pass only when it is owed
		return nil
	}
	return broken("%s does not belong to a step", e.Kind)
}

// checkMove asks the table of moves.
func (s *State) checkMove(e Event) *fault.Error {
	if s.owed != nil || e.automatic() {
		if s.owed != nil && e.automatic() && e.Step == s.owed.Step && e.Value == s.owed.Value {
			return nil
		}
		return broken("a hold by a reading follows the reading outside action limits, and nothing else does")
	}
	if _, ok := moves[s.Batch][e.Kind]; !ok || e.Kind == EventHeld && s.Batch == Held || e.Kind == EventCreated && len(s.History) > 0 {
		if done := s.last(e.Kind); done != nil && past[e.Kind] != "" {
			return fault.New(fault.Conflict, "The batch was already %s by %s.", past[e.Kind], by(*done))
		}
		return fault.New(fault.NotReady, "The batch is %s. %s", s.Batch, next[s.Batch])
	}
	return nil
}

// past gives the word for the acts that two persons may try at the same time and only one can do.
var past = map[EventKind]language.Word{
	EventCreated: "created", EventIssued: "issued", EventStarted: "started", EventHeld: "held", EventResumed: "resumed",
	EventAborted: "aborted", EventCompleted: "completed",
}

// last gives the newest event of a kind; nil when there is none.
func (s *State) last(kind EventKind) *Event {
	for i := len(s.History) - 1; i >= 0; i-- {
		if s.History[i].Kind == kind {
			return &s.History[i]
		}
	}
	return nil
}

// checkBatch asks the rules for acts on the batch as a whole.
func (s *State) checkBatch(e Event) *fault.Error {
	switch e.Kind {
	case EventHoldAssessed:
		return s.checkAssess(e)
	case EventResumed:
		for _, h := range s.OpenHolds() {
			if roles := h.Awaits(); len(roles) > 0 {
				return fault.New(fault.NotReady, "The batch is held: %s It can go on when the hold was assessed and signed; still missing: %s.",
					h.Event.Reason, language.Join(roleWords(roles), " and "))
			}
		}
	case EventCompleted:
		if open := s.Open(); open != nil {
			return fault.New(fault.NotReady, "Step %s \"%s\" is %s. Finish all steps, then complete the batch.", open.Step.ID, open.Step.Title, open.Status)
		}
	case EventRecorded, EventCorrected, EventPerformed, EventVerified:
		return fault.New(fault.Missing, "The step is missing. Open the step from the batch's page.")
	}
	return nil
}

// checkAssess: a hold by a reading is assessed once by a supervisor and once by QA, two persons who did not work in its step. A signature
// covers every open hold that its person may judge.
func (s *State) checkAssess(e Event) *fault.Error {
	var done *Event
	waiting, own := false, ""
	for _, h := range s.OpenHolds() {
		if h.awaits(e.Role, e.Person) {
			return nil
		}
		waiting = waiting || len(h.Awaits()) > 0
		if h.worked(e.Person) && slices.Contains(h.Awaits(), e.Role) {
			own = h.Event.Step
		}
		for i, a := range h.Assessments {
			if a.Person == e.Person || a.Role == e.Role {
				done = &h.Assessments[i]
			}
		}
	}
	switch {
	case own != "":
		return fault.New(fault.Refused, "You worked in step %s yourself. Another person has to assess its hold.", own)
	case done != nil && done.Person == e.Person && waiting:
		return fault.New(fault.Refused, "You assessed this hold at %s. A second person has to assess it in the other role.", done.EnteredAt.Format(moment))
	case done != nil:
		return fault.New(fault.Conflict, "The hold was already assessed by %s.", by(*done))
	case waiting:
		return fault.New(fault.Forbidden, "A hold is assessed by a supervisor and by QA. Sign in one of these roles.")
	}
	return fault.New(fault.NotReady, "A person held this batch, no reading did: there is nothing to assess. Resume it with a reason.")
}

func roleWords(roles []string) []language.Word {
	words := map[string]language.Word{Supervisor: "a supervisor", QA: "QA"}
	out := make([]language.Word, len(roles))
	for i, r := range roles {
		out[i] = words[r]
	}
	return out
}

// moment is how messages write a time.
const moment = "2006-01-02 15:04:05 -07:00"

// by says who did something and when.
func by(e Event) string {
	name := e.PersonName
	if name == "" {
		name = e.Person
	}
	return fmt.Sprintf("%s at %s", name, e.EnteredAt.Format(moment))
}
