package procedure

import (
	"strings"

	"veribatch/internal/fault"
)

// Readings counts the readings, corrections included, of a value, or of a whole step when value is "": the number that Seen is compared with.
func (s *State) Readings(step, value string) int {
	n, _ := s.readings(step, value)
	return n
}

// readings gives the newest one too; nil when there is none.
func (s *State) readings(step, value string) (n int, newest *Event) {
	for i, e := range s.History {
		if e.reads() && e.Step == step && (value == "" || e.Value == value) {
			n, newest = n+1, &s.History[i]
		}
	}
	return n, newest
}

// checkSeen: who changes or judges readings decides by those on the screen; one that somebody made meanwhile has to be looked at first. A
// signed act is not asked: its statement shows the readings, and is compared when it is signed.
func (s *State) checkSeen(e Event) *fault.Error {
	st := s.Step(e.Step)
	switch e.Kind {
	case EventRecorded, EventCorrected:
	case EventCommented:
		if e.Value == "" {
			return nil
		}
	case EventPerformed:
		if st.Step.Critical || st.Step.Kind == SignOff {
			return nil
		}
	default:
		return nil
	}
	n, newest := s.readings(e.Step, e.Value)
	switch {
	case n == e.Seen:
		return nil
	case n < e.Seen || newest == nil:
		return fault.New(fault.Conflict, "Your screen shows readings that the record of step %s does not have. Open the step again.", st.Step.ID)
	}
	return fault.New(fault.Conflict, "%s: %s was already %s by %s; your screen did not show it. Look at it, then decide what to do.",
		st.Value(newest.Value).Value.Title, newest.Display(), newest.Kind, by(*newest))
}

// checkApart: being late and measuring again are two things, and each has its own reason.
func (s *State) checkApart(e Event) *fault.Error {
	if e.Late() && e.LateReason == "" {
		return tooLate(e)
	}
	if !e.reads() || e.Reason != "" {
		return nil
	}
	if e.Kind == EventCorrected {
		return fault.At(FieldReason, "The reason is missing. Type why you do this.")
	}
	if v := s.Step(e.Step).Value(e.Value); v.Current() != nil {
		return repeated(v)
	}
	return nil
}

func tooLate(e Event) *fault.Error {
	return fault.At(FieldLateReason, "This entry is made more than %d minutes after the act. Give the reason why it is late.", int(e.Rules.lateAfter().Minutes()))
}

func repeated(v *ValueState) *fault.Error {
	current := v.Current()
	return fault.New(fault.Conflict, "%s: %s was already recorded by %s. If you measure again, give the reason.", v.Value.Title, current.Display(), by(current.Event)).Of(FieldReason)
}

// Reasons writes the reason of a late entry and that of a repeated measurement as one text of the record. Where both are given, each says what it is.
func Reasons(late, repeat string) string {
	switch {
	case strings.TrimSpace(late) == "":
		return repeat
	case strings.TrimSpace(repeat) == "":
		return late
	}
	return "Late entry: " + late + "\nRepeated measurement: " + repeat
}
