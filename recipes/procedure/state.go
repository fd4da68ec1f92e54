package procedure

import (
	"time"

	"veribatch/internal/language"
	"veribatch/recipes/formula"
)

// State is everything that follows from a history: what screens show and what Check judges by. Fold makes it; only Apply changes it.
type State struct {
	Procedure *Procedure
	Batch     BatchState
	Started   time.Time   // when execution began; zero before
	Steps     []StepState // in the order of execution
	Holds     []Hold      // all, oldest first
	Comments  []Event     // on the batch as a whole
	History   []Event     // every event applied

	owed *Event // a reading outside action limits whose hold has not been applied yet
}

// StepStatus says how far a step is.
type StepStatus string

// The statuses of a step.
const (
	StepWaiting   StepStatus = "waiting"               // an earlier step comes first
	StepOpen      StepStatus = "open"                  // takes values, then is performed
	StepPerformed StepStatus = "awaiting verification" // critical and performed: a second person verifies
	StepComplete  StepStatus = "complete"              // performed, and verified when critical
)

// StepState is a step with what happened in it. Performed and Verified stand until a correction voids them; all signatures ever given
// stay in Performances and Verifications.
type StepState struct {
	Path
	Status    StepStatus
	Values    []ValueState
	Comments  []Event // on the step; comments on a value stand there
	Performed *Event
	Verified  *Event

	Performances, Verifications []Event
}

// ValueState is a value with all its readings and comments.
type ValueState struct {
	Value    *Value
	Attempts []Attempt // recorded and corrected, oldest first; the last one counts
	Comments []Event

	answered bool // a comment was made after the last attempt
}

// Attempt is one reading. CorrectedBy is the event that struck it through, nil for one that was not corrected (a repeated
// measurement does not strike the earlier one through).
type Attempt struct {
	Event
	CorrectedBy *Event
}

// Hold is one cause for which the batch was held.
type Hold struct {
	Event       Event
	Assessments []Event // signed by a supervisor and by QA, two persons
	Resumed     *Event  // nil while it is open

	step *StepState // where its cause lies; nil for a hold by a person
}

// Start gives the state of a batch without history.
func Start(p *Procedure) *State {
	s := &State{Procedure: p, Batch: Ordered}
	for _, path := range p.Steps() {
		st := StepState{Path: path, Status: StepWaiting}
		for v := range path.Step.Values {
			st.Values = append(st.Values, ValueState{Value: &path.Step.Values[v]})
		}
		s.Steps = append(s.Steps, st)
	}
	return s
}

// Open gives the open step: the first one that is not complete. It is nil before the start and after the last step.
func (s *State) Open() *StepState {
	if s.Started.IsZero() {
		return nil
	}
	for i := range s.Steps {
		if s.Steps[i].Status != StepComplete {
			return &s.Steps[i]
		}
	}
	return nil
}

// Step finds a step by its ID; nil when the recipe has none.
func (s *State) Step(id string) *StepState {
	for i := range s.Steps {
		if s.Steps[i].Step.ID == id {
			return &s.Steps[i]
		}
	}
	return nil
}

// Progress counts complete steps and all steps.
func (s *State) Progress() (done, all int) {
	for i := range s.Steps {
		if s.Steps[i].Status == StepComplete {
			done++
		}
	}
	return done, len(s.Steps)
}

// OpenHolds gives the holds that stop the batch now.
func (s *State) OpenHolds() []*Hold {
	var open []*Hold
	for i := range s.Holds {
		if s.Holds[i].Resumed == nil {
			open = append(open, &s.Holds[i])
		}
	}
	return open
}

// Value finds a value of the step by its ID; nil when the recipe has none.
func (st *StepState) Value(id string) *ValueState {
	for i := range st.Values {
		if st.Values[i].Value.ID == id {
			return &st.Values[i]
		}
	}
	return nil
}

// Next gives the value to record next, in the recipe's order; nil when all are recorded.
func (st *StepState) Next() *ValueState {
	for i := range st.Values {
		if st.Values[i].Current() == nil {
			return &st.Values[i]
		}
	}
	return nil
}

// Missing lists in an operator's words what has to be done before the step can be performed.
func (st *StepState) Missing() []language.Text {
	var missing []language.Text
	for i := range st.Values {
		v := &st.Values[i]
		switch current := v.Current(); {
		case current == nil:
			missing = append(missing, language.Write("%s is not recorded", v.Value.Title))
		case v.NeedsComment():
			missing = append(missing, language.Write("the comment on %s is missing (%s is outside the alert limits %s)",
				v.Value.Title, current.Display(), v.Value.Alert.Text()))
		}
	}
	return missing
}

// Worked tells whether a person recorded, corrected or performed anything in the step, ever; such a person cannot verify it.
func (st *StepState) Worked(person string) bool {
	for i := range st.Values {
		for _, a := range st.Values[i].Attempts {
			if a.Person == person {
				return true
			}
		}
	}
	return among(person, st.Performances)
}

// VerifiedBy tells whether a person verified the step, ever; such a person cannot work in it any more.
func (st *StepState) VerifiedBy(person string) bool { return among(person, st.Verifications) }

func among(person string, events []Event) bool {
	for _, e := range events {
		if e.Person == person {
			return true
		}
	}
	return false
}

// Current gives the reading that counts: the last attempt; nil when nothing was recorded.
func (v *ValueState) Current() *Attempt {
	if len(v.Attempts) == 0 {
		return nil
	}
	return &v.Attempts[len(v.Attempts)-1]
}

// NeedsComment tells whether the reading that counts is outside alert limits and nobody has commented on it since.
func (v *ValueState) NeedsComment() bool {
	current := v.Current()
	return current != nil && current.Judgement == formula.Alert && !v.answered
}

// Display gives a reading with its unit, "12.50 kg", as people read it.
func (e Event) Display() string {
	if e.Unit == "" {
		return e.Reading
	}
	return e.Reading + " " + e.Unit
}

// Caused tells whether a reading outside action limits caused the hold; such a hold has to be assessed before the batch is resumed.
func (h *Hold) Caused() bool { return h.Event.automatic() }

// Awaits lists the roles that still have to assess the hold; none for a hold by a person.
func (h *Hold) Awaits() []string {
	var roles []string
	for _, role := range []string{Supervisor, QA} {
		if h.Caused() && h.Resumed == nil && !h.assessed(role) {
			roles = append(roles, role)
		}
	}
	return roles
}

func (h *Hold) assessed(role string) bool {
	for _, a := range h.Assessments {
		if a.Role == role {
			return true
		}
	}
	return false
}

// worked tells whether a person worked in the step whose reading caused the hold: nobody judges own work.
func (h *Hold) worked(person string) bool { return h.step != nil && h.step.Worked(person) }

// awaits tells whether this person in this role may assess the hold; role "" stands for any.
func (h *Hold) awaits(role, person string) bool {
	if among(person, h.Assessments) || h.worked(person) {
		return false
	}
	for _, missing := range h.Awaits() {
		if role == "" || role == missing {
			return true
		}
	}
	return false
}
