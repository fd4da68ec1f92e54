// Package keeper keeps the log of a plant under signed checkpoints: it asks the signer every few seconds, stores what was signed and how the signer
// answered, and says how old what no checkpoint covers is. It judges no tree (checkpoint.Signer) and decides nothing about releases (ebr/quality).
// Start reading at Keeper.Round, then Read.
package keeper

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit"
	"veribatch/audit/checkpoint"
	"veribatch/audit/checkpoint/remote"
	"veribatch/audit/merkle"
	"veribatch/internal/fault"
)

// Pause is the time from one look at the log to the next; a checkpoint is at most this and the signer's answer behind.
const Pause = 2 * time.Second

// Keeper asks one signer. Several may run on one database when they ask the same signer.
type Keeper struct {
	Trail    *audit.Trail
	Signer   remote.Signs
	Evidence func(ctx context.Context, q audit.Querier, signature string) ([]byte, error) // that the epoch begun with this signature was wanted
	Clock    func() time.Time

	known *Trusted // keys, once read
}

// Trusted is a key of the record, as verifiers of notes.
type Trusted struct {
	ID        string
	Verifiers note.Verifiers
}

// errStranger says that the signer has another key than the one in force.
var errStranger = fault.New(fault.Refused, "The signer has another key than the one with which checkpoints of this log are signed. Bring its folder back, or have the log continued.")

// Round asks for a checkpoint of the log as it stands when the newest one does not cover it, and stores what came of it.
func (k *Keeper) Round(ctx context.Context) error {
	s, err := k.look(ctx)
	if err != nil {
		return err
	}
	covered := bytes.HasPrefix(s.state.Note, []byte(checkpoint.Format(s.tree))) // another tree of the same size is not
	if s.tree.Size == 0 || covered && s.state.Refusal == nil && s.state.Problem == "" {
		return k.watched(ctx)
	}
	signed, key, err := k.ask(ctx, s)
	var no *checkpoint.Refusal
	if errors.As(err, &no) && no.Code == checkpoint.Behind {
		if signed, err = k.catchUp(ctx, s, key, no); err == nil {
			return k.store(ctx, s, signed, key)
		}
	}
	if err != nil {
		return errors.Join(err, k.refused(ctx, s, key, err))
	}
	return k.store(ctx, s, signed, key)
}

// situation is what one round found.
type situation struct {
	tree      merkle.Tree
	epoch     int // of the newest checkpoint
	size      int64
	signature string // with which the epoch of the log was begun; "" for the first
	keptHeads time.Time
	state     State
}

const lookAtCheckpoints = `select coalesce(s.epoch, 0), coalesce(s.size, 0),
	coalesce((select l.signature::text from audit.logs l where l.epoch = @epoch), ''),
	coalesce((select max(c.heads_at) from audit.checkpoints c where c.epoch = @epoch), 'epoch')
	from (select) one left join audit.checkpoint_state s on true`

func (k *Keeper) look(ctx context.Context) (s situation, err error) {
	err = k.Trail.Read(ctx, func(r *audit.Reader) error {
		if s.tree, err = merkle.Head(ctx, r); err != nil {
			return err
		}
		if s.state, err = Read(ctx, r); err != nil {
			return err
		}
		return r.QueryRow(ctx, lookAtCheckpoints, pgx.NamedArgs{"epoch": s.tree.Epoch}).Scan(&s.epoch, &s.size, &s.signature, &s.keptHeads)
	})
	return s, err
}

// ask proves to the signer that the log grew, and reads what it signed.
func (k *Keeper) ask(ctx context.Context, s situation) (signed []byte, key []byte, err error) {
	public, err := k.Signer.Key(ctx)
	if err != nil {
		return nil, nil, err
	}
	r := checkpoint.Request{Text: checkpoint.Format(s.tree), Time: k.Clock()}
	err = k.Trail.Read(ctx, func(q *audit.Reader) (err error) {
		if k.known, err = trusted(ctx, q, s.tree.Origin); err != nil {
			return err
		}
		if s.epoch == s.tree.Epoch {
			r.Old = s.size
		}
		if r.Old > 0 && r.Old < s.tree.Size {
			r.Proof, err = merkle.ProveConsistency(ctx, q, r.Old, s.tree.Size)
		}
		if r.Old == 0 && s.signature != "" && err == nil {
			r.Evidence, err = k.Evidence(ctx, q, s.signature)
		}
		return err
	})
	if err != nil {
		return nil, public, err
	}
	if k.known == nil || k.known.ID != keyID(public) {
		return nil, public, errStranger
	}
	signed, err = k.Signer.Sign(ctx, r)
	if err == nil {
		err = k.covers(signed, s.tree)
	}
	return signed, public, err
}

// covers says whether the note is a checkpoint of exactly this tree, signed with the key in force.
func (k *Keeper) covers(signed []byte, tree merkle.Tree) error {
	c, err := checkpoint.Parse(signed, k.known.Verifiers)
	if err == nil && c.Text() != checkpoint.Format(tree) {
		err = errors.New("the signer signed another tree than the one it was asked for")
	}
	return err
}

// catchUp takes the newer checkpoint that the signer remembers when the log agrees with it, and has what came since signed.
func (k *Keeper) catchUp(ctx context.Context, s situation, key []byte, no *checkpoint.Refusal) ([]byte, error) {
	newer, err := checkpoint.Parse(no.Note, k.known.Verifiers)
	if err != nil {
		return nil, errors.Join(no, err)
	}
	var root tlog.Hash
	err = k.Trail.Read(ctx, func(q *audit.Reader) (err error) {
		root, err = merkle.RootAt(ctx, q, s.tree.Epoch, newer.Size)
		return err
	})
	if err != nil || newer.Origin != s.tree.Origin || newer.Size > s.tree.Size || root != newer.Root {
		return nil, errors.Join(&checkpoint.Refusal{Code: checkpoint.Forked, Asked: no.Asked, Last: no.Last, Note: no.Note, At: no.At}, err)
	}
	if newer.Size == s.tree.Size {
		return no.Note, nil
	}
	s.epoch, s.size = s.tree.Epoch, newer.Size
	signed, _, err := k.ask(ctx, s)
	return signed, err
}

const (
	storeCheckpoint = `insert into audit.checkpoint_state as s (id, epoch, size, at, note, key, since, watched_at) values (true, @epoch, @size, @at, @note, @key, clock_timestamp(), clock_timestamp())
	on conflict (id) do update set epoch = excluded.epoch, size = excluded.size, at = excluded.at, note = excluded.note, key = excluded.key, problem = '', refusal = null,
	since = case when s.problem = '' then s.since else excluded.since end, watched_at = excluded.watched_at
	where s.epoch is null or (s.epoch, s.size) <= (excluded.epoch, excluded.size)`
	keepCheckpoint = `select audit.keep_checkpoint(@epoch, @size, @at, @heads, @note)`
	storeProblem   = `insert into audit.checkpoint_state as s (id, key, problem, refusal, since, watched_at) values (true, @key, @problem, @refusal, clock_timestamp(), clock_timestamp())
	on conflict (id) do update set key = coalesce(excluded.key, s.key), problem = excluded.problem,
	refusal = case when excluded.refusal ->> 'epoch' is distinct from s.refusal ->> 'epoch' and excluded.refusal is not null then excluded.refusal
		when excluded.refusal ->> 'code' = s.refusal ->> 'code' or s.refusal ->> 'code' in ('smaller', 'forked', 'proof') then s.refusal else excluded.refusal end,
	since = case when s.problem = '' then excluded.since else s.since end, watched_at = excluded.watched_at`
	storeWatched = `insert into audit.checkpoint_state as s (id, since, watched_at) values (true, clock_timestamp(), clock_timestamp()) on conflict (id) do update set watched_at = excluded.watched_at`
)

// store keeps what was signed; for good when it covers a newer leaf over all streams.
func (k *Keeper) store(ctx context.Context, s situation, signed, key []byte) error {
	return k.Trail.Operate(ctx, func(op *audit.Op) error {
		args := pgx.NamedArgs{"epoch": s.tree.Epoch, "size": s.tree.Size, "at": k.Clock(), "note": string(signed), "key": key, "heads": s.tree.HeadsAt}
		if _, err := op.Exec(ctx, storeCheckpoint, args); err != nil {
			return err
		}
		if s.tree.HeadsAt == nil || !s.tree.HeadsAt.After(s.keptHeads) {
			return nil
		}
		_, err := op.Exec(ctx, keepCheckpoint, args)
		return err
	})
}

// refused keeps the first refusal until the signer signs again or the log goes on: it names best what is missing.
func (k *Keeper) refused(ctx context.Context, s situation, key []byte, why error) error {
	args := pgx.NamedArgs{"key": key, "problem": why.Error(), "refusal": nil}
	var no *checkpoint.Refusal
	if errors.As(why, &no) {
		args["problem"] = no.Fault().Message
		r := Refused{Code: no.Code, Epoch: s.tree.Epoch, Origin: no.Last.Origin, Size: no.Last.Size, Root: no.Last.Root, At: no.At, Asked: no.Asked.Size}
		if s.state.Epoch > 0 && no.Last.Origin == s.tree.Origin && s.state.Epoch == s.tree.Epoch {
			r.Known, r.KnownAt = s.state.Size, s.state.At
		}
		raw, err := json.Marshal(r)
		if err != nil {
			return err
		}
		args["refusal"] = raw
	} else if errors.Is(why, errStranger) {
		args["refusal"] = []byte(fmt.Sprintf(`{"code":%q,"epoch":%d}`, OtherKey, s.tree.Epoch))
	}
	return k.Trail.Operate(ctx, func(op *audit.Op) error { _, err := op.Exec(ctx, storeProblem, args); return err })
}

func (k *Keeper) watched(ctx context.Context) error {
	return k.Trail.Operate(ctx, func(op *audit.Op) error { _, err := op.Exec(ctx, storeWatched); return err })
}
