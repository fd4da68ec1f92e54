package signatures

import (
	"context"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/audit/bundle"
	"veribatch/audit/checkpoint"
	"veribatch/audit/merkle"
	"veribatch/internal/fault"
)

const (
	keysOfLog        = `select public_key from ebr.checkpoint_keys order by recorded_at, id`
	keysOfSignatures = `select public_key, recorded_at from ebr.signing_keys order by recorded_at, id`
)

// BundleKeys gives the public keys with which others verify what this plant exports: each key of the log, and each key of signatures from when it was
// recorded until the next one was.
func BundleKeys(ctx context.Context, q audit.Querier) (k bundle.Keys, err error) {
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
		return s, row.Scan((*[]byte)(&s.Public), &s.From)
	})
	for i := 1; i < len(k.Statements); i++ {
		k.Statements[i-1].Until = k.Statements[i].From
	}
	if err == nil && (len(k.Log) == 0 || len(k.Statements) == 0) {
		err = fault.New(fault.NotReady, "The signer of checkpoints has no recorded key yet: it gets one when the server starts.")
	}
	return k, err
}
