package batch

import (
	"context"
	"time"

	"veribatch/audit"
	"veribatch/recipes/procedure"
	"veribatch/signatures"
)

// Record keeps one reading of the open step: the first one of its value, or a repeated measurement with a reason. One reading outside
// action limits holds the batch in the same transaction.
type Record struct {
	Batch       string `json:"batch" form:"-"`
	Step        string `json:"step" form:"-"`
	Value       string `json:"value" form:"-"`
	Raw         string `json:"reading" form:"reading"`           // as typed (decimal separator "."), scanned or chosen
	PerformedAt string `json:"performed_at" form:"performed_at"` // when it was done, for late entries; "" = now
	LateReason  string `json:"late_reason" form:"late_reason"`   // why it is entered only now
	Reason      string `json:"reason" form:"reason"`             // of a repeated measurement
	Seen        int    `json:"seen" form:"seen"`                 // readings of the value that the screen showed (procedure.State.Readings)
}

// Correct replaces a recorded reading, with a reason; the old one stays in the record and the step is verified again.
type Correct struct {
	Batch  string `json:"batch" form:"-"`
	Step   string `json:"step" form:"-"`
	Value  string `json:"value" form:"-"`
	Raw    string `json:"reading" form:"reading"`
	Reason string `json:"reason" form:"reason"`
	Seen   int    `json:"seen" form:"seen"` // readings of the value that the screen showed, corrections included
}

// Comment adds words to a value, a step (Value "") or the batch (Step "").
type Comment struct {
	Batch string `json:"batch" form:"-"`
	Step  string `json:"step" form:"-"`
	Value string `json:"value" form:"-"`
	Text  string `json:"comment" form:"comment"`
	Seen  int    `json:"seen" form:"seen"` // of a comment on a value: its readings that the screen showed
}

// Perform says that the open step was done; signed when Signs says so of the step.
type Perform struct {
	Batch       string `json:"batch" form:"-"`
	Step        string `json:"step" form:"-"`
	PerformedAt string `json:"performed_at" form:"performed_at"`
	LateReason  string `json:"late_reason" form:"late_reason"` // why it is entered only now
	Seen        int    `json:"seen" form:"seen"`               // readings of the step that the screen showed; not asked where the act is signed
}

// Verify is the signed look of a second person at a critical step (21 CFR 211.188(b)(11)).
type Verify struct {
	Batch string `json:"batch" form:"-"`
	Step  string `json:"step" form:"-"`
}

// Act is the word of the act.
func (Record) Act() string { return "step.record" }

// Act is the word of the act.
func (Correct) Act() string { return "step.correct" }

// Act is the word of the act.
func (Comment) Act() string { return "step.comment" }

// Act is the word of the act.
func (Perform) Act() string { return "step.perform" }

// Act is the word of the act.
func (Verify) Act() string { return "step.verify" }

// Home is the stream of the batch.
func (c Record) Home() audit.Stream { return home(c.Batch) }

// Home is the stream of the batch.
func (c Correct) Home() audit.Stream { return home(c.Batch) }

// Home is the stream of the batch.
func (c Comment) Home() audit.Stream { return home(c.Batch) }

// Home is the stream of the batch.
func (c Perform) Home() audit.Stream { return home(c.Batch) }

// Home is the stream of the batch.
func (c Verify) Home() audit.Stream { return home(c.Batch) }

// Why is the reason for the entry.
func (c Record) Why() string { return procedure.Reasons(c.LateReason, c.Reason) }

// Why is the reason for the entry.
func (c Correct) Why() string { return c.Reason }

// Why is the reason for the entry.
func (c Perform) Why() string { return c.LateReason }

// Do keeps the reading.
func (c Record) Do(ctx context.Context, tx *audit.Tx) error { return act(ctx, tx, c) }

// Do keeps the new reading.
func (c Correct) Do(ctx context.Context, tx *audit.Tx) error { return act(ctx, tx, c) }

// Do keeps the comment.
func (c Comment) Do(ctx context.Context, tx *audit.Tx) error { return act(ctx, tx, c) }

// Do keeps that the step was performed.
func (c Perform) Do(ctx context.Context, tx *audit.Tx) error { return act(ctx, tx, c) }

// Do keeps that the step was verified.
func (c Verify) Do(ctx context.Context, tx *audit.Tx) error { return act(ctx, tx, c) }

// Statement is what the signer reads and signs. For a step that is performed without a signature it has no Act: nothing is to be signed.
func (c Perform) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	return statement(ctx, q, c)
}

// Statement is what the second person reads and signs.
func (c Verify) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	return statement(ctx, q, c)
}

func (c Record) target() string  { return c.Batch }
func (c Correct) target() string { return c.Batch }
func (c Comment) target() string { return c.Batch }
func (c Perform) target() string { return c.Batch }
func (c Verify) target() string  { return c.Batch }

func (c Record) event() (procedure.Event, error) {
	at, err := claimed(c.PerformedAt, time.Local)
	return procedure.Event{
		Kind: procedure.EventRecorded, Step: c.Step, Value: c.Value, Raw: c.Raw, Reason: c.Reason, LateReason: c.LateReason, PerformedAt: at, Seen: c.Seen,
	}, err
}

func (c Correct) event() (procedure.Event, error) {
	return procedure.Event{Kind: procedure.EventCorrected, Step: c.Step, Value: c.Value, Raw: c.Raw, Reason: c.Reason, Seen: c.Seen}, nil
}

func (c Comment) event() (procedure.Event, error) {
	return procedure.Event{Kind: procedure.EventCommented, Step: c.Step, Value: c.Value, Reason: c.Text, Seen: c.Seen}, nil
}

func (c Perform) event() (procedure.Event, error) {
	at, err := claimed(c.PerformedAt, time.Local)
	return procedure.Event{Kind: procedure.EventPerformed, Step: c.Step, LateReason: c.LateReason, PerformedAt: at, Seen: c.Seen}, err
}

func (c Verify) event() (procedure.Event, error) {
	return procedure.Event{Kind: procedure.EventVerified, Step: c.Step}, nil
}
