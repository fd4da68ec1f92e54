package signatures

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"veribatch/audit"
	"veribatch/audit/bundle"
	"veribatch/audit/checkpoint"
	"veribatch/audit/checkpoint/keeper"
	"veribatch/audit/merkle"
	"veribatch/internal/fault"
)

const (
	keysOfLog = `select public_key from ebr.checkpoint_keys order by recorded_at, id`
	// A key ends when the next one was recorded, or behind its last signature when the plant came back to it.
	keysOfSignatures = `select k.id, k.public_key, k.recorded_at, case when k.next is not null then greatest(k.next,
			(select max(g.signed_at) + interval '1 microsecond' from ebr.signatures g where g.key_id = k.id)) end,
			greatest(k.recorded_at, (select max(g.signed_at) from ebr.signatures g where g.key_id = k.id)) + interval '1 microsecond'
		from (select id, public_key, recorded_at, lead(recorded_at) over (order by recorded_at, id) as next from ebr.signing_keys) k order by k.recorded_at, k.id`
)

// BundleKeys gives the public keys with which others verify what this plant exports: each key of the log, and each key of signatures from when it was
// recorded until the next one was. The key in force, named by its id, has no end, also when the plant came back to it after another one; and a former
// key counts for every signature that was made with it. The witnesses are those with which the server was started last, and how many of them are wanted.
func BundleKeys(ctx context.Context, q audit.Querier, inForce string) (k bundle.Keys, err error) {
	tree, err := merkle.Head(ctx, q)
	if err != nil {
		return k, err
	}
	name, _, err := checkpoint.SplitOrigin(tree.Origin)
	if err != nil {
		return k, err
	}
	rows, err := q.Query(ctx, keysOfLog)
	if err != nil {
		return k, err
	}
	k.Log, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (bundle.NoteKey, error) {
		l := bundle.NoteKey{Name: name}
		return l, row.Scan((*[]byte)(&l.Public))
	})
	if err != nil {
		return k, err
	}
	if rows, err = q.Query(ctx, keysOfSignatures); err != nil {
		return k, err
	}
	k.Statements, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (s bundle.StatementKey, err error) {
		var id string
		var used time.Time // until when at least
		err = row.Scan(&id, (*[]byte)(&s.Public), &s.From, (*zeronull.Timestamptz)(&s.Until), &used)
		switch {
		case id == inForce:
			s.Until = time.Time{}
		case s.Until.IsZero(): // the newest one, and the plant came back to another
			s.Until = used
		}
		return s, err
	})
	if err != nil {
		return k, err
	}
	seen, err := keeper.ReadWitnessed(ctx, q)
	for _, w := range seen.List {
		key, wrong := bundle.WitnessKey(w.Key)
		k.Witnesses, err = append(k.Witnesses, key), errors.Join(err, wrong)
	}
	k.Quorum = seen.Quorum
	if err == nil && (len(k.Log) == 0 || len(k.Statements) == 0) {
		err = fault.New(fault.NotReady, "The signer of checkpoints has no recorded key yet: it gets one when the server starts.")
	}
	return k, err
}
