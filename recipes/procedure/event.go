package procedure

import (
	"cmp"
	"time"

	"veribatch/recipes/formula"
)

// EventKind names what happened to a batch. The words are stored.
type EventKind string

// The kinds of events.
const (
	EventCreated      EventKind = "created"       // the order became a batch
	EventIssued       EventKind = "issued"        // the record was issued, signed
	EventStarted      EventKind = "started"       // execution began
	EventRecorded     EventKind = "recorded"      // a value was recorded, first or repeated with reason
	EventCorrected    EventKind = "corrected"     // a recorded value was corrected with reason
	EventCommented    EventKind = "commented"     // a comment on the batch, a step or a value
	EventPerformed    EventKind = "performed"     // a step was performed; critical and sign-off steps signed
	EventVerified     EventKind = "verified"      // a critical step was verified by a second person, signed
	EventHeld         EventKind = "held"          // by a person with reason, or by a reading outside action limits
	EventHoldAssessed EventKind = "hold_assessed" // a supervisor or QA signed the reason why the batch may go on
	EventResumed      EventKind = "resumed"       // execution goes on
	EventAborted      EventKind = "aborted"       // given up, signed, with reason
	EventCompleted    EventKind = "completed"     // execution ended, signed
)

// The roles that assess a hold caused by a reading outside action limits: one person of each.
const (
	Supervisor = "supervisor"
	QA         = "qa"
)

// Rules are what the plant has configured about entries (EU GMP Annex 11: records are made at the time of the act). They are kept with each
// event as they were when it was decided; zero values stand for the defaults.
type Rules struct {
	LateAfter time.Duration // how long after the act an entry counts as late and needs a reason
	Ahead     time.Duration // how far a claimed time may lie ahead of the server's, for clocks that differ
	Shortest  int           // characters of the shortest reason or comment; of a command only
}

// The defaults of Rules, and the most that Ahead is ever configured to.
const (
	LateAfter = 5 * time.Minute
	Ahead     = time.Minute
	MostAhead = 5 * time.Minute
)

func (r Rules) lateAfter() time.Duration { return cmp.Or(r.LateAfter, LateAfter) }
func (r Rules) ahead() time.Duration     { return cmp.Or(r.Ahead, Ahead) }

// Event is one line of a batch's history. A command is an Event too, with the fields that a person gives; Decide fills in the rest.
type Event struct {
	ID   string // given by the store
	Ord  int    // 1.. per batch, given by the store
	Kind EventKind

	Step, Value string // IDs in the recipe; a hold by a reading names its cause, a comment what it is about

	Attempt    int               // recorded, corrected: 1.. per value; filled in by Decide
	Raw        string            // recorded, corrected: as typed
	Reading    string            // canonical text of Raw; filled in by Decide
	Amount     *formula.Decimal  // decimal values: the number; filled in by Decide
	Unit       string            // decimal values: the symbol; filled in by Decide
	Judgement  formula.Judgement // recorded, corrected: filled in by Decide
	Supersedes string            // corrected: ID of the event whose reading it replaces; filled in by Decide

	Reason string // why, or the words of a comment

	// Of a command only; Decide puts the reason of a late entry beside the other one.
	LateReason string // recorded, performed: why it is entered only now
	Seen       int    // recorded, corrected, performed, comment on a value: how many readings the screen showed, see State.Readings

	Rules Rules // in force when the event was decided

	Person      string    // ID of who is accountable
	PersonName  string    // printed name, for messages and pages
	Role        string    // performed on a sign-off, hold_assessed: the role in which the person acted
	EnteredAt   time.Time // server time, in the zone in which people read it
	PerformedAt time.Time // recorded, corrected, performed: claimed time; zero means EnteredAt
	Signature   string    // ID of the signature, "" when the act is not signed
}

// Done gives when the act was done: the claimed time, or the time of entry when none was claimed.
func (e Event) Done() time.Time {
	if e.PerformedAt.IsZero() {
		return e.EnteredAt
	}
	return e.PerformedAt
}

// Late tells whether the entry was made later after the act than was allowed then.
func (e Event) Late() bool { return e.EnteredAt.Sub(e.Done()) > e.Rules.lateAfter() }

// automatic tells whether a hold was caused by a reading and not by a person.
func (e Event) automatic() bool { return e.Kind == EventHeld && e.Value != "" }

// reads tells whether the event carries a reading.
func (e Event) reads() bool { return e.Kind == EventRecorded || e.Kind == EventCorrected }
