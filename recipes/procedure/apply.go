package procedure

import (
	"fmt"
	"unicode/utf8"

	"veribatch/internal/fault"
	"veribatch/internal/plaintext"
	"veribatch/recipes/formula"
)

// Fold gives the state that follows from a history. Every event is checked as if it happened now, so a history that the recipe does not
// allow is an error that names the event: a stored record that folds obeyed the recipe.
func Fold(p *Procedure, history []Event) (*State, error) {
	s := Start(p)
	for i, e := range history {
		if f := s.Check(e); f != nil {
			return nil, fmt.Errorf("event %d of the history (%s %s %s) is not allowed: %w", i+1, e.Kind, e.Step, e.Value, f)
		}
		s.Apply(e)
	}
	if s.owed != nil {
		return nil, fmt.Errorf("event %d of the history lies outside action limits, but the batch was not held", len(history))
	}
	return s, nil
}

// Decide turns one command into the events that follow from it, complete and in order: a reading is read, judged and numbered, and one
// outside action limits is followed by the hold that it causes. Nothing is applied. Texts are cleaned. The fault says why nothing may happen;
// its Field is one of the Field constants or "".
func (s *State) Decide(command Event) ([]Event, error) {
	e := command
	if f := s.may(e); f != nil {
		return nil, f
	}
	if f := s.checkSeen(e); f != nil {
		return nil, f
	}
	if err := s.complete(&e); err != nil {
		return nil, err
	}
	apart := e
	e.Reason, e.LateReason, e.Seen = Reasons(e.LateReason, e.Reason), "", 0
	if f := s.Check(e); f != nil {
		return nil, f
	}
	if f := s.checkApart(apart); f != nil {
		return nil, f
	}
	if _, err := plaintext.CleanLines(FieldLateReason, e.Reason, plaintext.MaxComment); err != nil {
		return nil, err
	}
	if !e.reads() || e.Judgement != formula.Action {
		return []Event{e}, nil
	}
	return []Event{e, s.holdFor(e)}, nil
}

// tooShort refuses a reason or comment that says less than the plant asks for. One that is missing is judged where it is asked for.
func (e Event) tooShort(field, text string) error {
	if n := utf8.RuneCountInString(text); n > 0 && n < e.Rules.Shortest {
		return fault.At(field, "This is too short: say it in at least %d characters.", e.Rules.Shortest)
	}
	return nil
}

// complete fills in what the interpreter knows about a command.
func (s *State) complete(e *Event) error {
	reason, err := cleanReason(*e)
	if err != nil {
		return err
	}
	e.Reason = reason
	if f := e.tooShort(reasonField(e.Kind), reason); f != nil {
		return f
	}
	if !e.reads() && e.Kind != EventPerformed {
		e.LateReason = "" // nothing else claims another time
	}
	if e.LateReason, err = plaintext.Reason(FieldLateReason, e.LateReason, plaintext.MaxComment); err != nil {
		return err
	}
	if f := e.tooShort(FieldLateReason, e.LateReason); f != nil {
		return f
	}
	if !e.reads() {
		return nil
	}
	v := s.Step(e.Step).Value(e.Value)
	r, err := ReadValue(v.Value, e.Raw, e.EnteredAt, e.Rules.ahead())
	if err != nil {
		return err
	}
	e.Reading, e.Amount, e.Unit = r.Text, r.Amount, r.Unit
	if v.Value.Kind == Scan {
		e.Raw = Label(e.Raw) // the record keeps only what can be printed
	}
	e.Judgement = v.Value.Judge(r)
	e.Attempt = len(v.Attempts) + 1
	if e.Kind == EventCorrected {
		e.Supersedes = v.Current().ID
	}
	return nil
}

// holdFor makes the hold that a reading outside action limits brings about.
func (s *State) holdFor(e Event) Event {
	v := s.Step(e.Step).Value(e.Value).Value
	reason := fmt.Sprintf("%s: %s is outside the action limits %s.", v.Title, e.Display(), v.Action.Text())
	if v.Kind != Decimal {
		reason = fmt.Sprintf("%s: the answer is %s, the recipe expects %s.", v.Title, e.Reading, v.Expect)
	}
	return Event{
		Kind: EventHeld, Step: e.Step, Value: e.Value, Reason: reason,
		Person: e.Person, PersonName: e.PersonName, EnteredAt: e.EnteredAt, Rules: e.Rules,
	}
}

// Apply changes the state by an event that Check allowed.
func (s *State) Apply(e Event) {
	s.Batch = moves[s.Batch][e.Kind]
	s.History = append(s.History, e)
	st := s.Step(e.Step)
	switch e.Kind {
	case EventStarted:
		s.Started = e.EnteredAt
	case EventRecorded, EventCorrected:
		s.applyReading(st, e)
	case EventCommented:
		s.applyComment(st, e)
	case EventPerformed:
		st.Performances = append(st.Performances, e)
		st.Performed = &e
	case EventVerified:
		st.Verifications = append(st.Verifications, e)
		st.Verified = &e
	case EventHeld:
		s.Holds = append(s.Holds, Hold{Event: e, step: st})
		s.owed = nil
	case EventHoldAssessed:
		for _, h := range s.OpenHolds() {
			if h.awaits(e.Role, e.Person) {
				h.Assessments = append(h.Assessments, e)
			}
		}
	case EventResumed:
		for _, h := range s.OpenHolds() {
			h.Resumed = &e
		}
	}
	s.refresh()
}

// applyReading adds a reading. A correction voids the performance and the verification of its step: what was signed is not what stands
// any more, so the step becomes the open one again and is performed, and verified when critical, anew.
func (s *State) applyReading(st *StepState, e Event) {
	v := st.Value(e.Value)
	if e.Kind == EventCorrected {
		v.Current().CorrectedBy = &e
		st.Performed, st.Verified = nil, nil
	}
	v.Attempts = append(v.Attempts, Attempt{Event: e})
	v.answered = false
	if e.Judgement == formula.Action {
		s.owed = &e
	}
}

func (s *State) applyComment(st *StepState, e Event) {
	switch {
	case st == nil:
		s.Comments = append(s.Comments, e)
	case e.Value == "":
		st.Comments = append(st.Comments, e)
	default:
		v := st.Value(e.Value)
		v.Comments = append(v.Comments, e)
		v.answered = true
	}
}

// refresh derives the status of every step from what stands in it.
func (s *State) refresh() {
	open := !s.Started.IsZero()
	for i := range s.Steps {
		st := &s.Steps[i]
		switch {
		case st.Performed != nil && (!st.Step.Critical || st.Verified != nil):
			st.Status = StepComplete
		case !open:
			st.Status = StepWaiting
		case st.Performed != nil:
			st.Status, open = StepPerformed, false
		default:
			st.Status, open = StepOpen, false
		}
	}
}

// broken makes the fault for an event that no person could have caused: the program or the record is wrong.
func broken(format string, args ...any) *fault.Error {
	return fault.New(fault.Internal, format, args...)
}
