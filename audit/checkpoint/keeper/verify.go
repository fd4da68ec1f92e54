package keeper

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/note"

	"veribatch/audit"
	"veribatch/audit/checkpoint"
	"veribatch/audit/merkle"
)

const (
	keptCheckpoints = `select 'table audit.checkpoints epoch ' || c.epoch || ' size ' || c.size, c.epoch, c.size, c.note from audit.checkpoints c
	union all select 'table audit.checkpoint_state', s.epoch, s.size, s.note from audit.checkpoint_state s where s.epoch is not null order by 2, 3`
	logsAndSizes = `select l.origin, h.size from audit.logs l join audit.log_head h using (epoch)`
	everyKey     = `select public_key from ebr.checkpoint_keys`
)

// logs are the epochs of the log by origin, with their sizes.
type logs map[string]int64

// Verify compares each checkpoint of the database, and the one that the signer remembers, nil when that is not known, with the log: each was signed by
// a recorded key and says the root that the log has at that size. It gives how many there are.
func Verify(ctx context.Context, q audit.Querier, remembered []byte, found func(row string, why error)) (n int, err error) {
	all, known, err := whatStands(ctx, q)
	if err != nil {
		return 0, err
	}
	rows, err := q.Query(ctx, keptCheckpoints)
	if err != nil {
		return 0, err
	}
	type kept struct {
		row, note string
		epoch     int
		size      int64
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k kept, err error) {
		return k, row.Scan(&k.row, &k.epoch, &k.size, &k.note)
	})
	if err != nil {
		return 0, err
	}
	for _, k := range list {
		c, why, err := all.compare(ctx, q, []byte(k.note), known)
		if err != nil {
			return n, err
		}
		if _, epoch, wrong := checkpoint.SplitOrigin(c.Origin); why == nil && (wrong != nil || epoch != k.epoch || c.Size != k.size) {
			why = errors.New("its columns do not repeat the checkpoint")
		}
		if why != nil {
			found(k.row, why)
		}
	}
	if remembered == nil {
		return len(list), nil
	}
	_, why, err := all.compare(ctx, q, remembered, known)
	if why != nil {
		found("the memory of the signer", why)
	}
	return len(list), err
}

// whatStands gives the epochs of the log, and the keys that are recorded, under each name of a log.
func whatStands(ctx context.Context, q audit.Querier) (logs, note.Verifiers, error) {
	all := logs{}
	rows, err := q.Query(ctx, logsAndSizes)
	if err != nil {
		return nil, nil, err
	}
	var origin string
	var size int64
	if _, err = pgx.ForEachRow(rows, []any{&origin, &size}, func() error { all[origin] = size; return nil }); err != nil {
		return nil, nil, err
	}
	if rows, err = q.Query(ctx, everyKey); err != nil {
		return nil, nil, err
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return nil, nil, err
	}
	var list []note.Verifier
	names := map[string]bool{}
	for origin := range all {
		name, _, err := checkpoint.SplitOrigin(origin)
		if err != nil {
			return nil, nil, err
		}
		if names[name] {
			continue
		}
		names[name] = true
		for _, k := range keys {
			more, err := checkpoint.Verifiers(name, k)
			if err != nil {
				return nil, nil, err
			}
			list = append(list, more...)
		}
	}
	return all, note.VerifierList(list...), nil
}

// compare says why a note is no checkpoint of this log; nil when it is one.
func (l logs) compare(ctx context.Context, q audit.Querier, signed []byte, known note.Verifiers) (c checkpoint.Checkpoint, why, err error) {
	if c, why = checkpoint.Parse(signed, known); why != nil {
		return c, why, nil
	}
	size, stands := l[c.Origin]
	switch {
	case !stands:
		return c, fmt.Errorf("it is of %s, and there is no such log", c.Origin), nil
	case !c.AsSigned(signed):
		return c, errors.New("the lines under it are not those that the signer writes: one was changed, taken away or added"), nil
	case c.Size > size:
		return c, fmt.Errorf("%d leaves of %s were signed, and the log has %d: entries are missing", c.Size, c.Origin, size), nil
	}
	_, epoch, err := checkpoint.SplitOrigin(c.Origin)
	if err != nil {
		return c, nil, err
	}
	root, err := merkle.RootAt(ctx, q, epoch, c.Size)
	if err == nil && root != c.Root {
		why = fmt.Errorf("the first %d leaves of %s are not those that were signed: entries were changed or replaced", c.Size, c.Origin)
	}
	return c, why, err
}
