package keeper

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit"
	"veribatch/audit/checkpoint"
	"veribatch/internal/fault"
)

// OtherKey is the code of a Refused that the keeper itself gives: the signer has another key than the one in force.
const OtherKey = "key"

// How old what no checkpoint covers may be before people are told, and before nothing is released any more. Execution goes on.
const (
	AlarmAfter = 30 * time.Second
	BarAfter   = 300 * time.Second
)

// Refused is why the signer does not sign, and what it had signed last.
type Refused struct {
	Code   string    `json:"code"`
	Epoch  int       `json:"epoch"` // of the log that was refused
	Origin string    `json:"origin"`
	Size   int64     `json:"size"`
	Root   tlog.Hash `json:"root"`
	At     time.Time `json:"at"`
	Asked  int64     `json:"asked"` // leaves of the log that it refused

	Known   int64     `json:"known"`    // leaves under the newest checkpoint that the database knows: what was signed later is missing or replaced
	KnownAt time.Time `json:"known_at"` // of that checkpoint; zero when it knows none
}

// State is how far the log is under checkpoints.
type State struct {
	Epoch   int // of the newest checkpoint; 0 when there is none
	Size    int64
	At      time.Time
	Note    []byte
	Key     checkpoint.PublicKey // of the signer that answered last
	Problem string               // what the signer, or the way to it, said last; "" when it signed
	Refusal *Refused             // set when it refused: something is wrong with the log, a clock, or the signer
	Since   time.Time            // of the problem, or of its end
	Age     time.Duration        // of the oldest entry that no checkpoint covers; 0 when all are
}

// The entries that wait for the log, and the first one in it that the newest checkpoint does not cover.
const readState = `select coalesce(s.epoch, 0), s.size, coalesce(s.at, 'epoch'), s.note, s.key, s.problem, s.refusal, s.since,
	(coalesce(greatest(0, extract(epoch from clock_timestamp() - least((select min(q.at) from audit.log_queue q),
		(select e.at from (select l.stream, l.seq from audit.log_leaves l
			where l.epoch = (select max(epoch) from audit.logs) and l.index >= case when l.epoch = s.epoch then s.size else 0 end and l.stream is not null order by l.index limit 1) l
			join audit.entries e on e.stream = l.stream and e.seq = l.seq)))), 0) * 1000000)::bigint,
	coalesce((select max(l.epoch) from audit.logs l), 0) from audit.checkpoint_state s`

// Read gives the state at this moment; the zero State when no keeper has run.
func Read(ctx context.Context, q audit.Querier) (s State, err error) {
	var refusal []byte
	var text string
	var age int64
	var newest int
	err = q.QueryRow(ctx, readState).Scan(&s.Epoch, &s.Size, &s.At, &text, &s.Key, &s.Problem, &refusal, &s.Since, &age, &newest)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	s.Note, s.Age = []byte(text), time.Duration(age)*time.Microsecond
	if refusal != nil {
		s.Refusal = &Refused{}
		err = json.Unmarshal(refusal, s.Refusal)
		if err == nil && s.Refusal.Epoch != newest { // the log goes on: what was refused is settled
			s.Refusal, s.Problem = nil, ""
		}
	}
	return s, err
}

const keyInForce = `select id, public_key from ebr.checkpoint_keys order by recorded_at desc, id limit 1`

// trusted gives the key in force; nil when none is recorded.
func trusted(ctx context.Context, q audit.Querier, origin string) (*Trusted, error) {
	var t Trusted
	var public []byte
	err := q.QueryRow(ctx, keyInForce).Scan(&t.ID, &public)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	name, _, err := checkpoint.SplitOrigin(origin)
	if err != nil {
		return nil, err
	}
	list, err := checkpoint.Verifiers(name, public)
	t.Verifiers = note.VerifierList(list...)
	return &t, err
}

// keyID names a key as the record does.
func keyID(public checkpoint.PublicKey) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:16])
}

// Fault says the refusal to people.
func (r *Refused) Fault() *fault.Error {
	if r.Code == OtherKey {
		return errStranger
	}
	return (&checkpoint.Refusal{Code: r.Code, Asked: checkpoint.Checkpoint{Origin: r.Origin, Size: r.Asked}, Last: checkpoint.Checkpoint{Origin: r.Origin, Size: r.Size}, At: r.At}).Fault()
}

// Words says the refusal in one sentence.
func (r *Refused) Words() string { return r.Fault().Message }

// Missing says whether leaves that were signed are not in the log any more, or not as they were signed.
func (r *Refused) Missing() bool {
	return r.Size > r.Known && (r.Code == checkpoint.Smaller || r.Code == checkpoint.Forked || r.Code == checkpoint.Proof)
}
