package procedure

import "veribatch/internal/language"

// BatchState is where a batch stands (ISA-88 part 1, procedural states). The words are stored.
type BatchState string

// The states of a batch.
const (
	Ordered  BatchState = "ordered"  // initial: there is an order, nobody may execute
	Idle     BatchState = "idle"     // the record is issued, execution has not begun
	Running  BatchState = "running"  // steps are executed
	Held     BatchState = "held"     // nothing goes on until it is resumed
	Complete BatchState = "complete" // final
	Aborted  BatchState = "aborted"  // final
)

// moves is the whole state machine: what may happen in which state, and which state follows. What is not in the table does not happen.
var moves = map[BatchState]map[EventKind]BatchState{
	Ordered: {EventCreated: Ordered, EventIssued: Idle, EventCommented: Ordered, EventAborted: Aborted},
	Idle:    {EventStarted: Running, EventCommented: Idle, EventAborted: Aborted},
	Running: {
		EventRecorded: Running, EventCorrected: Running, EventCommented: Running, EventPerformed: Running, EventVerified: Running,
		EventHeld: Held, EventAborted: Aborted, EventCompleted: Complete,
	},
	Held: {
		EventCorrected: Held, EventCommented: Held, EventHoldAssessed: Held, EventResumed: Running, EventAborted: Aborted,
		EventHeld: Held, // only by a correction that lies outside action limits: one more cause to assess
	},
	Complete: {},
	Aborted:  {},
}

// next tells for every state what an operator can do about a refused act.
var next = map[BatchState]language.Word{
	Ordered:  "Its record has to be issued first.",
	Idle:     "Start the batch first.",
	Running:  "Work on the open step.",
	Held:     "Assess the hold and resume the batch first.",
	Complete: "Its record is closed; raise a deviation if something is wrong.",
	Aborted:  "Its record is closed; raise a deviation if something is wrong.",
}
