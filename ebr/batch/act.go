package batch

import (
	"context"
	"errors"
	"strconv"
	"time"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/recipes/formula"
	"veribatch/recipes/procedure"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/configuration"
)

// Result is what an act leaves for its answer, kept with the request key.
type Result struct {
	Batch  string               `json:"batch"`
	Number string               `json:"number"`
	State  procedure.BatchState `json:"state"`
	Step   string               `json:"step,omitempty"`
	Value  string               `json:"value,omitempty"`
	Held   bool                 `json:"held,omitempty"` // this act held the batch, by a reading outside action limits
}

// command is an act on a batch as an event without who and when.
type command interface {
	target() string
	event() (procedure.Event, error)
}

// signed commands write what the signer reads, from the batch and the decided event; a statement without Act says that this case is not signed.
type signed interface {
	command
	words(b *Batch, e procedure.Event) signatures.Statement
}

// guarded commands rest on records outside the batch, which they lock and judge first.
type guarded interface {
	guard(ctx context.Context, q audit.Querier, b *Batch) error
}

func guard(ctx context.Context, q audit.Querier, c command, b *Batch) error {
	if g, ok := c.(guarded); ok {
		return g.guard(ctx, q, b)
	}
	return nil
}

// act is the way of every command: load under the lock of the stream, ask the interpreter, have it signed, write.
func act(ctx context.Context, tx *audit.Tx, c command) error {
	b, err := loadLocked(ctx, tx, c.target())
	if err != nil {
		return err
	}
	if err := guard(ctx, tx, c, b); err != nil {
		return err
	}
	e, err := c.event()
	if err != nil {
		return err
	}
	actor := tx.Actor()
	e.Person, e.PersonName, e.EnteredAt = actor.Person, actor.FullName, tx.Now()
	if e.Rules, err = rules(ctx, tx); err != nil {
		return err
	}
	if e.Role, err = b.role(ctx, tx, e); err != nil {
		return err
	}
	events, err := b.State.Decide(e)
	if err != nil {
		return b.placed(e, err)
	}
	if s, ok := c.(signed); ok {
		if st := s.words(b, events[0]); st.Act != "" {
			signature, err := signatures.Sign(ctx, tx, st)
			if err != nil {
				return err
			}
			events[0].Signature = signature.ID
		}
	}
	if err := b.write(ctx, tx, events); err != nil {
		return err
	}
	b.note(tx, events)
	return b.writeStanding(ctx, tx)
}

// rules reads what is configured about entries, in the transaction of the act.
func rules(ctx context.Context, q audit.Querier) (procedure.Rules, error) {
	s, err := configuration.Read(ctx, q)
	return procedure.Rules{
		LateAfter: time.Duration(s.LateMinutes) * time.Minute, Ahead: time.Duration(s.ClockSeconds) * time.Second, Shortest: s.ReasonCharacters,
	}, err
}

// loadLocked loads the batch whose stream this transaction has locked.
func loadLocked(ctx context.Context, tx *audit.Tx, id string) (*Batch, error) {
	if valid(id) && tx.Home() != stream(id) {
		return nil, errors.New("batch: an act on a batch runs in the stream of the batch")
	}
	return load(ctx, tx, id)
}

// role gives the role in which the actor acts, where the interpreter asks for one. Roles are read in this transaction. The policy
// lets other roles perform the sign-offs that a recipe gives them; the work of production is done by those who may record it.
func (b *Batch) role(ctx context.Context, tx *audit.Tx, e procedure.Event) (string, error) {
	wanted, work := b.wantedRoles(e), b.isWork(e)
	if len(wanted) == 0 && !work {
		return "", nil
	}
	held, err := access.RolesIn(ctx, tx, e.Person, b.Area)
	if err != nil {
		return "", err
	}
	if work && !access.Allowed(held, "step.record") {
		return "", fault.New(fault.Forbidden, "%s may sign off the steps that the recipe gives to the own role, and perform no other step. Ask an operator.", e.PersonName)
	}
	for _, r := range wanted {
		if access.Holds(held, access.Role(r)) {
			return r, nil
		}
	}
	return "", nil
}

// isWork tells whether the event performs a step that is no sign-off.
func (b *Batch) isWork(e procedure.Event) bool {
	st := b.State.Step(e.Step)
	return e.Kind == procedure.EventPerformed && st != nil && st.Step.Kind != procedure.SignOff
}

func (b *Batch) wantedRoles(e procedure.Event) []string {
	switch e.Kind {
	case procedure.EventHoldAssessed:
		return []string{procedure.Supervisor, procedure.QA}
	case procedure.EventPerformed:
		if st := b.State.Step(e.Step); st != nil && st.Step.Kind == procedure.SignOff {
			return []string{st.Step.Role}
		}
	}
	return nil
}

// nobody stands for the signer while the statement is shown: who signs is known with the password.
const nobody = "00000000-0000-0000-0000-000000000000"

// statement is what the dialog of a signed command shows: the rules are asked first, so that nobody reads and signs what cannot be done.
func statement(ctx context.Context, q audit.Querier, c signed) (signatures.Statement, error) {
	b, err := load(ctx, q, c.target())
	if err != nil {
		return signatures.Statement{}, err
	}
	if err := guard(ctx, q, c, b); err != nil {
		return signatures.Statement{}, err
	}
	e, err := c.event()
	if err != nil {
		return signatures.Statement{}, err
	}
	if e.Rules, err = rules(ctx, q); err != nil {
		return signatures.Statement{}, err
	}
	e.Person, e.PersonName = nobody, "somebody"
	if e.EnteredAt, err = audit.DatabaseTime(ctx, q); err != nil {
		return signatures.Statement{}, err
	}
	if last := b.History()[len(b.History())-1].EnteredAt; e.EnteredAt.Before(last) {
		e.EnteredAt = last
	}
	if wanted := b.wantedRoles(e); len(wanted) > 0 {
		e.Role = wanted[0]
	}
	for _, h := range b.State.OpenHolds() {
		if awaits := h.Awaits(); e.Kind == procedure.EventHoldAssessed && len(awaits) > 0 {
			e.Role = awaits[0]
		}
	}
	events, err := b.State.Decide(e)
	if err != nil {
		return signatures.Statement{}, b.placed(e, err)
	}
	return c.words(b, events[0]), nil
}

// placed says of a refused reading where it was tried, because the entry of the refusal holds the message and nothing else.
func (b *Batch) placed(e procedure.Event, err error) error {
	f := fault.As(err)
	if f.Kind != fault.Refused || f.Field != procedure.FieldReading {
		return err
	}
	return fault.New(f.Kind, "Step %s, %s: %s", e.Step, b.State.Step(e.Step).Value(e.Value).Value.Title, f).Of(f.Field)
}

// write appends events to the history and to the state.
func (b *Batch) write(ctx context.Context, tx *audit.Tx, events []procedure.Event) error {
	for _, e := range events {
		e.ID, e.Ord = audit.NewID(), len(b.History())+1
		if err := writeEvent(ctx, tx, b.ID, e); err != nil {
			return err
		}
		b.State.Apply(e)
		switch e.Kind {
		case procedure.EventIssued:
			b.IssuedAt = e.EnteredAt
		case procedure.EventStarted:
			b.StartedAt = e.EnteredAt
		case procedure.EventAborted, procedure.EventCompleted:
			b.EndedAt = e.EnteredAt
		}
	}
	return nil
}

// note makes the entry readable without the recipe: where, what, judged how. The act's result names batch and place.
func (b *Batch) note(tx *audit.Tx, events []procedure.Event) {
	e := events[0]
	result := Result{Batch: b.ID, Number: b.Number, State: b.State.Batch, Step: e.Step, Value: e.Value, Held: len(events) > 1}
	tx.Result(result)
	tx.Note("batch", b.Number)
	tx.Note("state", string(b.State.Batch))
	if st := b.State.Step(e.Step); st != nil {
		tx.Note("step", st.Step.ID+" "+st.Step.Title)
		if v := st.Value(e.Value); v != nil {
			tx.Note("value", v.Value.Title)
		}
	}
	if e.Reading != "" {
		tx.Note("reading", e.Display())
		if e.Judgement != formula.None {
			tx.Note("judgement", string(e.Judgement))
		}
		if e.Attempt > 1 {
			tx.Note("attempt", strconv.Itoa(e.Attempt))
		}
	}
	if e.Late() {
		tx.Note("done at", e.Done().Format(moment))
	}
	if e.Role != "" {
		tx.Note("role", e.Role)
	}
	if result.Held {
		tx.Note("held", events[1].Reason)
	}
	if e.Reason != "" && e.Reason != tx.Reason() {
		tx.Note("words", e.Reason)
	}
}

// moment is how statements and entries write a time.
const moment = "2006-01-02 15:04:05 -07:00"

// claimed reads the time at which something was done, as a form ("2026-11-20T14:05", in the zone of the site) or a program (RFC 3339)
// sends it; also with the distance from UTC ("2026-10-25 02:30 +01:00"). "" claims none: it was done when it is entered.
func claimed(text string, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04 -07:00"} {
		if at, err := time.Parse(layout, text); err == nil && at.Year() >= 1900 {
			return at.In(zone).Truncate(time.Microsecond), nil
		}
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
		at, err := procedure.ReadLocal(procedure.FieldPerformedAt, layout, text, zone)
		switch {
		case err == nil && at.Year() >= 1900:
			return at.Truncate(time.Microsecond), nil
		case fault.KindOf(err) == fault.Invalid:
			return time.Time{}, err
		}
	}
	return time.Time{}, fault.At(procedure.FieldPerformedAt, "This is not a date with a time. Type it like 2026-11-20 14:05.")
}
