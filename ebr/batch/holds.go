package batch

import (
	"context"

	"veribatch/audit"
	"veribatch/recipes/procedure"
	"veribatch/signatures"
)

// Start begins the execution of an issued record.
type Start struct {
	Batch string `json:"batch" form:"-"`
}

// Hold stops a running batch, with a reason.
type Hold struct {
	Batch  string `json:"batch" form:"-"`
	Reason string `json:"reason" form:"reason"`
}

// AssessHold is the signed judgement on every open hold that a reading outside action limits caused: why the batch may go on. One
// supervisor and one person of QA give it; the role follows from the signer's roles at that moment.
type AssessHold struct {
	Batch  string `json:"batch" form:"-"`
	Reason string `json:"reason" form:"reason"`
}

// Resume lets a held batch go on, once every hold is assessed.
type Resume struct {
	Batch  string `json:"batch" form:"-"`
	Reason string `json:"reason" form:"reason"`
}

// Abort gives a batch up, signed, with a reason. It is final.
type Abort struct {
	Batch  string `json:"batch" form:"-"`
	Reason string `json:"reason" form:"reason"`
}

// Complete ends the execution, signed, when all steps are complete. It is final.
type Complete struct {
	Batch string `json:"batch" form:"-"`
}

// Act is the word of the act.
func (Start) Act() string { return "batch.start" }

// Act is the word of the act.
func (Hold) Act() string { return "batch.hold" }

// Act is the word of the act.
func (AssessHold) Act() string { return "hold.assess" }

// Act is the word of the act.
func (Resume) Act() string { return "batch.resume" }

// Act is the word of the act.
func (Abort) Act() string { return "batch.abort" }

// Act is the word of the act.
func (Complete) Act() string { return "batch.complete" }

// Home is the stream of the batch.
func (c Start) Home() audit.Stream { return home(c.Batch) }

// Home is the stream of the batch.
func (c Hold) Home() audit.Stream { return home(c.Batch) }

// Home is the stream of the batch.
func (c AssessHold) Home() audit.Stream { return home(c.Batch) }

// Home is the stream of the batch.
func (c Resume) Home() audit.Stream { return home(c.Batch) }

// Home is the stream of the batch.
func (c Abort) Home() audit.Stream { return home(c.Batch) }

// Home is the stream of the batch.
func (c Complete) Home() audit.Stream { return home(c.Batch) }

// Why is the reason for the entry.
func (c Hold) Why() string { return c.Reason }

// Why is the reason for the entry.
func (c AssessHold) Why() string { return c.Reason }

// Why is the reason for the entry.
func (c Resume) Why() string { return c.Reason }

// Why is the reason for the entry.
func (c Abort) Why() string { return c.Reason }

// Do starts the batch.
func (c Start) Do(ctx context.Context, tx *audit.Tx) error { return act(ctx, tx, c) }

// Do holds the batch.
func (c Hold) Do(ctx context.Context, tx *audit.Tx) error { return act(ctx, tx, c) }

// Do keeps the assessment.
func (c AssessHold) Do(ctx context.Context, tx *audit.Tx) error { return act(ctx, tx, c) }

// Do resumes the batch.
func (c Resume) Do(ctx context.Context, tx *audit.Tx) error { return act(ctx, tx, c) }

// Do aborts the batch.
func (c Abort) Do(ctx context.Context, tx *audit.Tx) error { return act(ctx, tx, c) }

// Do completes the batch.
func (c Complete) Do(ctx context.Context, tx *audit.Tx) error { return act(ctx, tx, c) }

// Statement is what the signer reads and signs.
func (c AssessHold) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	return statement(ctx, q, c)
}

// Statement is what the signer reads and signs.
func (c Abort) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	return statement(ctx, q, c)
}

// Statement is what the signer reads and signs.
func (c Complete) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	return statement(ctx, q, c)
}

func (c Start) target() string      { return c.Batch }
func (c Hold) target() string       { return c.Batch }
func (c AssessHold) target() string { return c.Batch }
func (c Resume) target() string     { return c.Batch }
func (c Abort) target() string      { return c.Batch }
func (c Complete) target() string   { return c.Batch }

func (c Start) event() (procedure.Event, error) {
	return procedure.Event{Kind: procedure.EventStarted}, nil
}

func (c Hold) event() (procedure.Event, error) {
	return procedure.Event{Kind: procedure.EventHeld, Reason: c.Reason}, nil
}

func (c AssessHold) event() (procedure.Event, error) {
	return procedure.Event{Kind: procedure.EventHoldAssessed, Reason: c.Reason}, nil
}

func (c Resume) event() (procedure.Event, error) {
	return procedure.Event{Kind: procedure.EventResumed, Reason: c.Reason}, nil
}

func (c Abort) event() (procedure.Event, error) {
	return procedure.Event{Kind: procedure.EventAborted, Reason: c.Reason}, nil
}

func (c Complete) event() (procedure.Event, error) {
	return procedure.Event{Kind: procedure.EventCompleted}, nil
}
