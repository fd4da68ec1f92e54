package recipes

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/language"
	"veribatch/internal/plaintext"
	"veribatch/signatures"
)

// SendBack refuses a version that is in review or approved, with the reason. The author imports a changed text as the next version, which is reviewed again from the beginning.
type SendBack struct {
	Version string `json:"version" form:"-" param:"version"`
	Reason  string `json:"reason" form:"reason"`
}

// Withdraw stops the use of a version that is or was effective, with the reason: no batch is ordered, issued or started by it any more. Batches that have begun keep it.
type Withdraw struct {
	Version string `json:"version" form:"-" param:"version"`
	Reason  string `json:"reason" form:"reason"`
}

// FieldReason names the field of the reason in faults.
const FieldReason = "reason"

// ending is one way in which a version ends before its time.
type ending struct {
	act, meaning string
	from         []State
	to           State
	not          language.Word // what to do about a version that is in no such state
}

var (
	sendBack = ending{"recipe.send_back", "sent back", []State{InReview, Approved}, SentBack, "Only a version in review or approved is sent back; an effective one is withdrawn."}
	withdraw = ending{"recipe.withdraw", "withdrawn", []State{Effective, Superseded}, Withdrawn, "Only a version that is or was effective is withdrawn; one in review is sent back."}
)

// Act is the word of the act.
func (SendBack) Act() string { return sendBack.act }

// Act is the word of the act.
func (Withdraw) Act() string { return withdraw.act }

// Home is the stream of the recipe.
func (c SendBack) Home() audit.Stream { return StreamOf(c.Version) }

// Home is the stream of the recipe.
func (c Withdraw) Home() audit.Stream { return StreamOf(c.Version) }

// Statement is what the signer reads and signs.
func (c SendBack) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	st, _, _, err := sendBack.prepare(ctx, q, c.Version, c.Reason)
	return st, err
}

// Statement is what the signer reads and signs.
func (c Withdraw) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	st, _, _, err := withdraw.prepare(ctx, q, c.Version, c.Reason)
	return st, err
}

// Do ends the version, signed.
func (c SendBack) Do(ctx context.Context, tx *audit.Tx) error {
	return sendBack.do(ctx, tx, c.Version, c.Reason)
}

// Do ends the version, signed.
func (c Withdraw) Do(ctx context.Context, tx *audit.Tx) error {
	return withdraw.do(ctx, tx, c.Version, c.Reason)
}

// Endings lists the acts that can end a version in this state, for screens.
func (v Version) Endings() (acts []string) {
	for _, m := range []ending{sendBack, withdraw} {
		if slices.Contains(m.from, v.State) {
			acts = append(acts, m.act)
		}
	}
	return acts
}

// over says that a version has ended, by whom and why.
func (v Version) over() error {
	return fault.New(fault.Conflict, "Version %d of %s was %s by %s at %s: %s", v.Number, v.Code, language.Word(v.State.Words()), v.Ended.FullName, v.Ended.At.Format(moment), v.EndReason)
}

// prepare reads the version, asks the rules and writes the statement.
func (m ending) prepare(ctx context.Context, q audit.Querier, id, reason string) (st signatures.Statement, v Version, clean string, err error) {
	if v, err = Find(ctx, q, id); err != nil {
		return st, v, "", err
	}
	switch {
	case v.Ended.Person != "":
		return st, v, "", v.over()
	case !slices.Contains(m.from, v.State):
		return st, v, "", fault.New(fault.NotReady, "Version %d of %s is %s. %s", v.Number, v.Code, language.Word(v.State.Words()), m.not)
	}
	if clean, err = plaintext.Reason(FieldReason, reason, plaintext.MaxComment); err != nil {
		return st, v, "", err
	}
	if clean == "" {
		return st, v, "", fault.At(FieldReason, "The reason is missing. Type why you do this.")
	}
	r, err := Load(ctx, q, v.Digest)
	if err != nil {
		return st, v, "", err
	}
	st = move{act: m.act, meaning: m.meaning, to: m.to}.words(v, nil, r)
	if v.MadeEffective.Person != "" {
		st.Lines = append(st.Lines, signatures.Line{Label: "Made effective by", Value: v.MadeEffective.FullName + ", " + v.MadeEffective.At.Format(moment)})
	}
	st.Lines = append(st.Lines, signatures.Line{Label: "Reason", Value: clean})
	return st, v, clean, nil
}

const endVersion = `update ebr.recipe_versions set state = @state, ended_by = @person, ended_at = @now, end_signature = @signature, end_reason = @reason, version = version + 1
	where id = @id and version = @seen`

// do ends the version. Its row is locked by the change, so that an order or a start of a batch that rests on it comes before or is refused.
func (m ending) do(ctx context.Context, tx *audit.Tx, id, reason string) error {
	if tx.Home() != StreamOf(id) {
		return errors.New("recipes: an act on a version runs in the stream of its recipe")
	}
	st, v, clean, err := m.prepare(ctx, tx, id, reason)
	if err != nil {
		return err
	}
	signature, err := signatures.Sign(ctx, tx, st)
	if err != nil {
		return err
	}
	v.note(tx)
	tx.Note("text", v.Digest)
	tx.Note("state", v.State.Words()+" → "+m.to.Words())
	tx.Note("reason", clean)
	tx.Note("meaning", m.meaning)
	tx.Result(Result{v.ID})
	return moved(tx.Exec(ctx, endVersion, pgx.NamedArgs{
		"id": v.ID, "seen": v.Row, "state": string(m.to), "person": tx.Actor().Person, "now": tx.Now(), "signature": signature.ID, "reason": clean,
	}))
}
