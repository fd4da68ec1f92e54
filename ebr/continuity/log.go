package continuity

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/audit/checkpoint"
	"veribatch/audit/checkpoint/keeper"
	"veribatch/audit/merkle"
	"veribatch/internal/fault"
	"veribatch/internal/plaintext"
	"veribatch/signatures"
	"veribatch/signatures/keyring"
)

// ContinueLog is the judgement of quality assurance that the log goes on although it does not grow from what was signed: the database was put back, or the
// signer lost its memory. It begins a new epoch; what came before is no longer proved by newer checkpoints.
type ContinueLog struct {
	Reason string `json:"reason" form:"reason"`
}

// Act is the word of the act.
func (ContinueLog) Act() string { return signatures.ContinueLog }

// Home is the stream of the plant.
func (ContinueLog) Home() audit.Stream { return audit.Site }

// Why is the reason for the entry.
func (c ContinueLog) Why() string { return c.Reason }

// continued is what the signature means.
const continued = "continued"

const moment = "2006-01-02 15:04:05 -07:00"

// MayContinue says whether the signer refused for a reason that only quality assurance can settle.
func MayContinue(s keeper.State) bool {
	if s.Refusal == nil {
		return false
	}
	switch s.Refusal.Code {
	case checkpoint.Smaller, checkpoint.Forked, checkpoint.Proof, checkpoint.Origin, checkpoint.Lost, keeper.OtherKey:
		return true
	}
	return false
}

// situation is what the statement says.
type situation struct {
	tree  merkle.Tree
	state keeper.State
	epoch int // that begins
	next  string
	about signatures.RecordRef
}

func (c ContinueLog) look(ctx context.Context, q audit.Querier) (s situation, reason string, err error) {
	if s.tree, err = merkle.Head(ctx, q); err != nil {
		return
	}
	if s.state, err = keeper.Read(ctx, q); err != nil {
		return
	}
	if !MayContinue(s.state) {
		err = fault.New(fault.NotReady, "The signer signs this log, or the way to it is broken: there is nothing to continue.")
		return
	}
	if len(s.state.Key) != checkpoint.PublicKeySize {
		err = fault.New(fault.NotReady, "The signer has not said its key yet. Try again in a few seconds.")
		return
	}
	s.epoch = s.tree.Epoch + 1
	if _, signed, wrong := checkpoint.SplitOrigin(s.state.Refusal.Origin); wrong == nil {
		s.epoch = max(s.epoch, signed+1)
	}
	name, _, err := checkpoint.SplitOrigin(s.tree.Origin)
	if err != nil {
		return
	}
	s.next = fmt.Sprintf("%s/%d", name, s.epoch)
	if s.about, err = signatures.Epoch(s.next); err != nil {
		return
	}
	reason, err = plaintext.Reason("reason", c.Reason, longestReason)
	if err == nil && strings.TrimSpace(reason) == "" {
		err = fault.At("reason", "Write what happened to the database or to the signer, and what is missing.")
	}
	return
}

const longestReason = 4000

// Statement is what quality assurance reads and signs.
func (c ContinueLog) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	s, reason, err := c.look(ctx, q)
	if err != nil {
		return signatures.Statement{}, err
	}
	return s.statement(c.Act(), reason), nil
}

// statement names what the signer refuses, not the size of the log, which grows while people read.
func (s situation) statement(act, reason string) signatures.Statement {
	r := s.state.Refusal
	lines := []signatures.Line{{Label: "Log", Value: s.tree.Origin}, {Label: "The signer says", Value: r.Words()}}
	if r.Size > 0 {
		lines = append(lines, signatures.Line{Label: "Last signed", Value: fmt.Sprintf("%d leaves of %s at %s, root %s", r.Size, r.Origin, r.At.UTC().Format(moment), hex.EncodeToString(r.Root[:]))})
	}
	if r.Missing() {
		lines = append(lines, signatures.Line{Label: "Missing or replaced", Value: fmt.Sprintf("leaves %d to %d, signed between %s and %s", r.Known, r.Size-1, since(r.KnownAt), r.At.UTC().Format(moment))})
	}
	lines = append(lines,
		signatures.Line{Label: signatures.KeyLine, Value: keyring.KeyID(s.state.Key)},
		signatures.Line{Label: "Goes on as", Value: s.next},
		signatures.Line{Label: "Reason", Value: reason},
		signatures.Line{Label: "Statement", Value: "What is missing is known and named in the reason. The log begins anew; what came before is proved by the former checkpoints only."})
	return signatures.Statement{
		Version: signatures.StatementVersion, Act: act, Meaning: continued, Language: "en", Lines: lines,
		Records: []signatures.RecordRef{s.about},
	}
}

func since(at time.Time) string {
	if at.IsZero() {
		return "the beginning"
	}
	return at.UTC().Format(moment)
}

const continueLog = `select audit.log_continue(@epoch, @reason, @signature)`

// Do begins the new epoch.
func (c ContinueLog) Do(ctx context.Context, tx *audit.Tx) error {
	s, reason, err := c.look(ctx, tx)
	if err != nil {
		return err
	}
	signature, err := signatures.Sign(ctx, tx, s.statement(c.Act(), reason))
	if err != nil {
		return err
	}
	if err := signatures.RecordCheckpointKey(ctx, tx, s.state.Key); err != nil {
		return err
	}
	tx.Note("log", s.next)
	tx.Note("refused", s.state.Refusal.Code)
	_, err = tx.Exec(ctx, continueLog, pgx.NamedArgs{"epoch": s.epoch, "reason": reason, "signature": signature.ID})
	return err
}

const signedEpochs = `select l.origin, s.person::text, s.id::text from audit.logs l join ebr.signatures s on s.id = l.signature order by l.epoch`

// VerifySignatures verifies for `ebr verify` that each later epoch of the log stands beside the signature with which it was begun. It gives their number.
func VerifySignatures(ctx context.Context, q audit.Querier, found func(row string, why error)) (placed int, err error) {
	rows, err := q.Query(ctx, signedEpochs)
	if err != nil {
		return 0, err
	}
	places, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (signatures.Place, error) {
		p := signatures.Place{Act: signatures.ContinueLog, Meaning: continued}
		var origin string
		if err := row.Scan(&origin, &p.Person, &p.Signature); err != nil {
			return p, err
		}
		about, err := signatures.Epoch(origin)
		p.Row, p.About = fmt.Sprintf("table audit.logs epoch %d", about.Version), []signatures.RecordRef{about}
		return p, err
	})
	if err != nil {
		return 0, err
	}
	return len(places), signatures.VerifyPlaces(ctx, q, places, found)
}
