package versions

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/plaintext"
	"veribatch/signatures"
)

var (
	_ = audit.Explain("configurations_two_persons", fault.Refused, "You proposed this configuration yourself. Another person, of QA, approves it.")
	_ = audit.Explain("configurations_stale", fault.Conflict, "Another configuration was approved just now. Reload to see its values.")
	_ = audit.Explain("configurations_one_line", fault.Conflict, "Another configuration was approved just now. Reload to see its values.")
	_ = audit.Explain("configurations_began", fault.Conflict, "This configuration has become effective in the meantime. Propose another one to go back.")
)

// Approve puts a proposal into force, by another person, of QA.
type Approve struct {
	Configuration string `json:"configuration" form:"-"`
}

// Withdraw takes a proposal back, or an approved configuration whose time has not come.
type Withdraw struct {
	Configuration string `json:"configuration" form:"-"`
	Reason        string `json:"reason" form:"reason"`
}

// Act is the word of the act.
func (Approve) Act() string { return "configuration.approve" }

// Act is the word of the act.
func (Withdraw) Act() string { return "configuration.withdraw" }

// Home is the stream of the configurations.
func (Approve) Home() audit.Stream { return Stream }

// Home is the stream of the configurations.
func (Withdraw) Home() audit.Stream { return Stream }

// Why is the reason for the entry.
func (c Withdraw) Why() string { return c.Reason }

// Statement is what the approver reads and signs: each changed setting, old and new, and who proposed it.
func (c Approve) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	now, err := audit.DatabaseTime(ctx, q)
	if err != nil {
		return signatures.Statement{}, err
	}
	v, _, err := c.prepare(ctx, q, now, "")
	return v.words(c.Act(), "approved"), err
}

// Statement is what the signer reads and signs.
func (c Withdraw) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	now, err := audit.DatabaseTime(ctx, q)
	if err != nil {
		return signatures.Statement{}, err
	}
	v, err := c.prepare(ctx, q, now)
	return v.words(c.Act(), "withdrawn"), err
}

// prepare reads the proposal and says why it may not be approved, or not by this person. It gives the time at which it becomes effective.
func (c Approve) prepare(ctx context.Context, q audit.Querier, now time.Time, person string) (v Version, at time.Time, err error) {
	list, err := List(ctx, q, now)
	if err != nil {
		return v, at, err
	}
	if v, err = find(list, c.Configuration); err != nil {
		return v, at, err
	}
	base := newestOf(list)
	switch {
	case v.State == Stale:
		return v, at, fault.New(fault.Conflict, "Configuration %d was proposed on %s, and %s has been approved since. Propose it again on the values of today.",
			v.Number, nameOf(v.Base), base.Name())
	case v.State != Proposed:
		return v, at, fault.New(fault.Conflict, "Configuration %d is already %s.", v.Number, v.State)
	case person == v.Proposed.Person:
		return v, at, fault.New(fault.Refused, "You proposed configuration %d yourself. Another person, of QA, approves it.", v.Number)
	}
	for _, at = range []time.Time{v.From, base.EffectiveAt} {
		if at.After(now) {
			now = at
		}
	}
	return v, now, nil
}

const approveVersion = `update ebr.configurations set state = 'approved', approved_by = @person, approved_at = @now, approve_signature = @signature, effective_at = @at,
	version = version + 1 where id = @id and version = @seen`

// Do approves the proposal, signed.
func (c Approve) Do(ctx context.Context, tx *audit.Tx) error {
	v, at, err := c.prepare(ctx, tx, tx.Now(), tx.Actor().Person)
	if err != nil {
		return err
	}
	signature, err := signatures.Sign(ctx, tx, v.words(c.Act(), "approved"))
	if err != nil {
		return err
	}
	v.note(tx, "approved")
	tx.Note("effective", at.UTC().Format(moment))
	return moved(tx.Exec(ctx, approveVersion, pgx.NamedArgs{
		"id": v.ID, "seen": v.Row, "person": tx.Actor().Person, "now": tx.Now(), "signature": signature.ID, "at": at,
	}))
}

// prepare reads the configuration and says why it may not be withdrawn.
func (c Withdraw) prepare(ctx context.Context, q audit.Querier, now time.Time) (v Version, err error) {
	list, err := List(ctx, q, now)
	if err != nil {
		return v, err
	}
	if v, err = find(list, c.Configuration); err != nil {
		return v, err
	}
	if !v.Withdrawable(list) {
		return v, fault.New(fault.Conflict, "Configuration %d is %s and cannot be withdrawn. Propose another one to change what is in force.", v.Number, v.State)
	}
	if v.WithdrawReason, err = plaintext.Reason("reason", c.Reason, plaintext.MaxComment); err == nil && v.WithdrawReason == "" {
		err = fault.At("reason", "The reason is missing. Type why you withdraw it.")
	}
	return v, err
}

// Withdrawable tells whether the configuration, one of the list, can be taken back.
func (v Version) Withdrawable(list []Version) bool {
	return v.State == Proposed || v.State == Stale || v.State == Scheduled && v.Number == newestOf(list).Number
}

const withdrawVersion = `update ebr.configurations set state = 'withdrawn', withdrawn_by = @person, withdrawn_at = @now, withdraw_signature = @signature,
	withdraw_reason = @reason, version = version + 1 where id = @id and version = @seen`

// Do takes the configuration back, signed.
func (c Withdraw) Do(ctx context.Context, tx *audit.Tx) error {
	v, err := c.prepare(ctx, tx, tx.Now())
	if err != nil {
		return err
	}
	signature, err := signatures.Sign(ctx, tx, v.words(c.Act(), "withdrawn"))
	if err != nil {
		return err
	}
	v.note(tx, Withdrawn)
	return moved(tx.Exec(ctx, withdrawVersion, pgx.NamedArgs{
		"id": v.ID, "seen": v.Row, "person": tx.Actor().Person, "now": tx.Now(), "signature": signature.ID, "reason": v.WithdrawReason,
	}))
}

// moved turns "no row had the version that was seen" into a conflict.
func moved(tag pgconn.CommandTag, err error) error {
	if err == nil && tag.RowsAffected() != 1 {
		return fault.New(fault.Conflict, "Someone changed this configuration since you opened it. Reload to see the change.")
	}
	return err
}
