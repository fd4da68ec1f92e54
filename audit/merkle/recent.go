package merkle

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit"
)

// Recent checks, look by look, what came since the look before: the new leaves against the head of the log, and the new entries and the rows that they
// changed by audit.VerifyEntries. Its zero value begins with what is there at the first look, and checks of that only that the tiles give the root.
type Recent struct {
	log     *verifier
	waiting map[audit.Place]bool // entries that waited for the log at the last look, and were checked then
}

const (
	leavesFrom  = `select index, stream, seq, hash, heads_at, heads_streams from audit.log_leaves where epoch = @epoch and index >= @from order by index`
	waitingNow  = `select stream, seq from audit.log_queue`
	otherRecent = `select l.index, l.stream, l.seq, e.hash is null from audit.log_leaves l left join audit.entries e on e.stream = l.stream and e.seq = l.seq
		where l.epoch = @epoch and l.index >= @from and l.stream is not null and l.seq is not null and e.hash is distinct from l.hash order by l.index`
)

// Look checks what came since the last look, in one snapshot. After an error the next look begins anew.
func (r *Recent) Look(ctx context.Context, q audit.Querier) (report audit.Report, err error) {
	var findings []string
	found := func(row string, why error) { findings = append(findings, fmt.Sprintf("%s: %v", row, why)) }
	fresh, err := r.look(ctx, q, found)
	if err == nil {
		report, err = audit.VerifyEntries(ctx, q, fresh)
	}
	report.Findings = append(findings, report.Findings...)
	if err != nil || len(findings) > 0 {
		*r = Recent{}
	}
	return report, err
}

// look follows the log and gives the entries that are new.
func (r *Recent) look(ctx context.Context, q audit.Querier, found func(row string, why error)) (fresh []audit.Place, err error) {
	tree, err := Head(ctx, q)
	if err != nil {
		return nil, err
	}
	first := r.log == nil || r.log.epoch != tree.Epoch
	before := r.waiting
	rows, err := q.Query(ctx, waitingNow)
	if err != nil {
		return nil, err
	}
	waits, err := pgx.CollectRows(rows, pgx.RowToStructByPos[audit.Place])
	if err != nil {
		return nil, err
	}
	r.waiting = map[audit.Place]bool{}
	for _, p := range waits {
		r.waiting[p] = true
		if !first && !before[p] {
			fresh = append(fresh, p)
		}
	}
	if first {
		r.log = &verifier{epoch: tree.Epoch}
		if err := r.log.edge.load(tiles{ctx, q, tree.Epoch}, tree.Size); errors.Is(err, errLacks) {
			found(fmt.Sprintf("table audit.log_tiles epoch %d", tree.Epoch), err)
			return nil, nil
		} else if err != nil {
			return nil, err
		}
	}
	r.log.q, r.log.found = q, found
	from := r.log.edge.size
	if err := r.log.follow(ctx, func(p audit.Place) {
		if !before[p] {
			fresh = append(fresh, p)
		}
	}); err != nil {
		return nil, err
	}
	computed, err := r.log.edge.root()
	switch {
	case err != nil:
		return nil, err
	case tree.Size != r.log.edge.size:
		r.log.says("audit.log_head", "it says %d leaves, %d are there", tree.Size, r.log.edge.size)
	case computed != tree.Root:
		r.log.says("audit.log_head", "its root does not follow from the leaves")
	}
	return fresh, r.log.recentMatch(ctx, from)
}

// follow adds the leaves behind the edge.
func (v *verifier) follow(ctx context.Context, entry func(audit.Place)) error {
	rows, err := v.q.Query(ctx, leavesFrom, audit.Binary, pgx.NamedArgs{"epoch": v.epoch, "from": v.edge.size})
	if err != nil {
		return err
	}
	return audit.Pour(rows, func(row [][]byte) error {
		if index := number(row[0]); index != v.edge.size {
			v.says(leafRow(index), "it stands where leaf %d should: leaves are missing or moved", v.edge.size)
		}
		switch {
		case row[1] != nil && row[2] != nil:
			p := audit.Place{Stream: string(row[1]), Seq: number(row[2])}
			v.edge.add(tlog.RecordHash([]byte(EntryLeaf(audit.Stream(p.Stream), p.Seq, row[3]))), func(int, tlog.Hash) {})
			entry(p)
		case row[4] != nil && row[5] != nil:
			v.edge.add(tlog.RecordHash([]byte(HeadsLeaf(audit.TimeOf(row[4]), number(row[5]), row[3]))), func(int, tlog.Hash) {})
		default:
			return errors.New("a leaf of the log says nothing that a leaf says")
		}
		return nil
	})
}

// recentMatch names the leaves from a place on whose entry is not what they say.
func (v *verifier) recentMatch(ctx context.Context, from int64) error {
	rows, err := v.q.Query(ctx, otherRecent, pgx.NamedArgs{"epoch": v.epoch, "from": from})
	if err != nil {
		return err
	}
	return v.nameLeaves(rows)
}
