package procedure

import (
	"strings"
	"time"

	"veribatch/internal/fault"
	"veribatch/internal/language"
)

// checkRecord: values of the open step, in the recipe's order, before it is performed.
func (s *State) checkRecord(st *StepState, e Event) *fault.Error {
	if st.Performed != nil {
		return fault.New(fault.Conflict, "Step %s was already performed by %s. If a value is wrong, correct it.", st.Step.ID, by(*st.Performed))
	}
	if f := s.checkOpen(st); f != nil {
		return f
	}
	if e.Value == "" {
		return fault.New(fault.Missing, "Step %s takes no value here. Open the step from the batch's page.", st.Step.ID)
	}
	if next := st.Next(); next != nil && next.Value.ID != e.Value && st.Value(e.Value).Current() == nil {
		return fault.New(fault.NotReady, "Values are recorded in the order of the recipe. Record %s first.", next.Value.Title)
	}
	return notVerifier(st, e)
}

// checkCorrect: a recorded value of the open or an earlier step.
func (s *State) checkCorrect(st *StepState, e Event) *fault.Error {
	if st.Status == StepWaiting || e.Value == "" || st.Value(e.Value).Current() == nil {
		if f := s.checkOpen(st); f != nil {
			return f
		}
		return fault.New(fault.NotReady, "Nothing is recorded there yet, so nothing can be corrected. Record the value.")
	}
	if open := s.Open(); open != nil && s.index(st) > s.index(open) {
		return s.checkOpen(st)
	}
	return notVerifier(st, e)
}

// checkPerform: the open step, once, with nothing missing.
func (s *State) checkPerform(st *StepState, e Event) *fault.Error {
	if st.Performed != nil {
		return fault.New(fault.Conflict, "Step %s was already performed by %s.", st.Step.ID, by(*st.Performed))
	}
	if f := s.checkOpen(st); f != nil {
		return f
	}
	if missing := st.Missing(); len(missing) > 0 {
		return fault.New(fault.NotReady, "Step %s cannot be finished yet: %s.", st.Step.ID, language.Join(missing, "; "))
	}
	return notVerifier(st, e)
}

// checkVerify: the open critical step, performed, by a person who has done nothing in it.
func (s *State) checkVerify(st *StepState, e Event) *fault.Error {
	switch {
	case !st.Step.Critical:
		return fault.New(fault.NotReady, "Step %s is not critical: it needs no second person.", st.Step.ID)
	case st.Verified != nil:
		return fault.New(fault.Conflict, "Step %s was already verified by %s.", st.Step.ID, by(*st.Verified))
	case st.Performed == nil:
		if f := s.checkOpen(st); f != nil {
			return f
		}
		return fault.New(fault.NotReady, "Step %s is not performed yet. Verify it afterwards.", st.Step.ID)
	case e.Person != "" && st.Worked(e.Person):
		return fault.New(fault.Refused, "You recorded or performed something in step %s yourself. Another person has to verify it.", st.Step.ID)
	}
	return s.checkOpen(st)
}

// checkOpen: only the first step that is not complete takes anything.
func (s *State) checkOpen(st *StepState) *fault.Error {
	open := s.Open()
	switch {
	case open == st:
		return nil
	case open == nil:
		return fault.New(fault.NotReady, "All steps are complete. If a value is wrong, correct it.")
	}
	return fault.New(fault.NotReady, "Step %s is not open. Step %s \"%s\" comes first.", st.Step.ID, open.Step.ID, open.Step.Title)
}

// index gives the place of a step in the order of execution.
func (s *State) index(st *StepState) int {
	for i := range s.Steps {
		if &s.Steps[i] == st {
			return i
		}
	}
	return -1
}

// notVerifier: who ever verified a step cannot work in it afterwards, so that in no history a person checked own work.
func notVerifier(st *StepState, e Event) *fault.Error {
	if e.Person != "" && st.VerifiedBy(e.Person) {
		return fault.New(fault.Refused, "You verified step %s before, so you cannot work in it. Another person has to do this.", st.Step.ID)
	}
	return nil
}

// checkReading compares a reading with its value. Decide makes readings that pass; a stored one that does not was not made by Decide.
func (s *State) checkReading(e Event) *fault.Error {
	if !e.reads() {
		return nil
	}
	v := s.Step(e.Step).Value(e.Value)
	r := Reading{Text: e.Reading, Amount: e.Amount, Unit: e.Unit}
	switch {
	case e.Reading == "" || (v.Value.Kind == Decimal) != (e.Amount != nil) || e.Unit != v.Value.Unit:
		return broken("the reading %q of %s has not the form of its value", e.Reading, e.Value)
	case e.Amount != nil && e.Amount.Text() != e.Reading:
		return broken("the reading %q of %s is not its amount %s", e.Reading, e.Value, e.Amount)
	case v.Value.Kind == Scan && e.Reading != v.Value.Expect:
		return fault.New(fault.Refused, "Wrong code. Nothing was recorded. Fetch the right item and scan it.")
	case e.Judgement != v.Value.Judge(r):
		return broken("the reading %q of %s is judged %q, its limits say %q", e.Reading, e.Value, e.Judgement, v.Value.Judge(r))
	case e.Attempt != len(v.Attempts)+1:
		return broken("the reading %q of %s is attempt %d, %d came before", e.Reading, e.Value, e.Attempt, len(v.Attempts))
	case e.Kind == EventCorrected && e.Supersedes != v.Current().ID:
		return broken("the correction of %s supersedes %q, %q counts", e.Value, e.Supersedes, v.Current().ID)
	}
	return nil
}

// checkTime: an act is claimed neither ahead of the clock nor before the batch's start, and a late entry has a reason.
func (s *State) checkTime(e Event) *fault.Error {
	switch {
	case e.Person == "" || e.EnteredAt.IsZero():
		return broken("%s has no person or no time", e.Kind)
	case !e.PerformedAt.IsZero() && e.Kind != EventRecorded && e.Kind != EventCorrected && e.Kind != EventPerformed:
		return broken("%s happens when it is entered, no other time can be claimed", e.Kind)
	case e.Done().After(e.EnteredAt.Add(e.Rules.ahead())):
		return fault.At(FieldPerformedAt, "This time lies in the future; the server's clock says %s. Type when it was done.", e.EnteredAt.Format(moment))
	case e.Done().Before(s.Started.Truncate(time.Minute)): // people claim minutes, the start has seconds
		return fault.At(FieldPerformedAt, "This time lies before the start of the batch at %s. Type when it was done.", s.Started.Format(moment))
	case e.Late() && strings.TrimSpace(e.Reason) == "":
		return tooLate(e)
	}
	return nil
}

// checkReason: what changes, stops or repeats something says why; a sign-off is given in its role.
func (s *State) checkReason(e Event) *fault.Error {
	given := strings.TrimSpace(e.Reason) != ""
	switch e.Kind {
	case EventCommented:
		if !given {
			return fault.At(FieldComment, "The comment is empty. Type what should be kept in the record.")
		}
	case EventCorrected, EventHeld, EventHoldAssessed, EventResumed, EventAborted:
		if !given {
			return fault.At(FieldReason, "The reason is missing. Type why you do this.")
		}
		if e.Kind == EventHoldAssessed && e.Role != Supervisor && e.Role != QA {
			return fault.New(fault.Forbidden, "A hold is assessed by a supervisor and by QA. Sign in one of these roles.")
		}
	case EventRecorded:
		v := s.Step(e.Step).Value(e.Value)
		if current := v.Current(); current != nil && !given {
			return repeated(v)
		}
		if v.NeedsComment() {
			return fault.New(fault.NotReady, "%s: %s is outside the alert limits %s. Say why in a comment on it, then measure again.",
				v.Value.Title, v.Current().Display(), v.Value.Alert.Text())
		}
	case EventPerformed:
		if step := s.Step(e.Step).Step; step.Kind == SignOff && e.Role != step.Role {
			return fault.New(fault.Forbidden, "Step %s is signed by the role %s. Ask a person who holds it.", step.ID, step.Role)
		}
	}
	return nil
}
