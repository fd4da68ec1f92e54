package merkle

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit"
)

// heads is the tree over the newest entry of every stream, kept so that what changed since the last root costs and what stayed does not: the hashes
// of all full subtrees by level. About 130 bytes a stream.
type heads struct {
	names   []string             // sorted
	levels  [][]tlog.Hash        // levels[k][i] is the root over the 2^k lines from i·2^k
	changed map[string]tlog.Hash // since settle
}

// set says what the newest entry of a stream is.
func (h *heads) set(stream string, seq int64, hash []byte) {
	if h.changed == nil {
		h.changed = map[string]tlog.Hash{}
	}
	h.changed[stream] = tlog.RecordHash([]byte(HeadsLine(audit.Stream(stream), seq, hash)))
}

// settle brings the hashes up to date. A stream that is new moves all those behind it; ids grow with time, so those are few.
func (h *heads) settle() {
	var fresh []string
	var dirty []int // places whose hash changed, in order
	if h.levels == nil {
		h.levels = make([][]tlog.Hash, 1)
	}
	for _, name := range slices.Sorted(maps.Keys(h.changed)) {
		if i, known := slices.BinarySearch(h.names, name); known {
			h.levels[0][i] = h.changed[name]
			dirty = append(dirty, i)
		} else {
			fresh = append(fresh, name)
		}
	}
	tail := h.merge(fresh)
	h.changed = nil
	for k := 1; len(h.names)>>k > 0; k++ {
		if k == len(h.levels) {
			h.levels = append(h.levels, nil)
		}
		below, count := h.levels[k-1], len(h.names)>>k
		h.levels[k] = slices.Grow(h.levels[k], count-len(h.levels[k]))[:count]
		tail /= 2
		for i := range dirty {
			dirty[i] /= 2
		}
		dirty = slices.Compact(dirty)
		for _, i := range dirty {
			if i < min(tail, count) {
				h.levels[k][i] = tlog.NodeHash(below[2*i], below[2*i+1])
			}
		}
		for i := tail; i < count; i++ {
			h.levels[k][i] = tlog.NodeHash(below[2*i], below[2*i+1])
		}
	}
}

// merge takes new streams, sorted, into their places, from the end; it gives the first place that is not what it was.
func (h *heads) merge(fresh []string) (tail int) {
	old, count := len(h.names), len(h.names)+len(fresh)
	h.names = slices.Grow(h.names, len(fresh))[:count]
	h.levels[0] = slices.Grow(h.levels[0], len(fresh))[:count]
	to := count
	for i, j := old, len(fresh); j > 0; {
		to--
		if i > 0 && h.names[i-1] > fresh[j-1] {
			i--
			h.names[to], h.levels[0][to] = h.names[i], h.levels[0][i]
		} else {
			j--
			h.names[to], h.levels[0][to] = fresh[j], h.changed[fresh[j]]
		}
	}
	return to
}

// find gives the place of a stream after settle.
func (h *heads) find(stream audit.Stream) (int64, bool) {
	i, known := slices.BinarySearch(h.names, string(stream))
	return int64(i), known
}

// ReadHashes implements tlog.HashReader.
func (h *heads) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		hashes[i] = h.levels[level][n]
	}
	return hashes, nil
}

// root is the root over all lines, and how many there are.
func (h *heads) root() (tlog.Hash, int64, error) {
	h.settle()
	n := int64(len(h.names))
	root, err := tlog.TreeHash(n, h)
	return root, n, err
}

const (
	// Of streams that got later entries, what they were before: the entry before their first later one.
	headsBefore = `with later as (select l.stream, min(l.seq) - 1 as seq from audit.log_leaves l where l.epoch = @epoch and l.index >= @size and l.stream is not null group by l.stream)
		select s.stream, coalesce(w.seq, s.seq), coalesce(b.hash, s.hash) from audit.log_streams s left join later w on w.stream = s.stream
		left join audit.log_leaves b on b.epoch = @epoch and b.stream = w.stream and b.seq = w.seq
		where s.epoch = @epoch and coalesce(w.seq, s.seq) > 0`
	headsSince = `select distinct on (l.stream) l.stream, l.seq, l.hash from audit.log_leaves l
		where l.epoch = @epoch and l.index >= @from and l.index < @size and l.stream is not null order by l.stream, l.seq desc`
)

// follow brings the heads from the log of size from, 0 for none yet, to that of another size.
func (h *heads) follow(ctx context.Context, q audit.Querier, epoch int, from, size int64) error {
	sql := headsSince
	if from == 0 {
		sql = headsBefore
	}
	rows, err := q.Query(ctx, sql, pgx.NamedArgs{"epoch": epoch, "from": from, "size": size})
	if err != nil {
		return err
	}
	var stream string
	var seq int64
	var hash []byte
	_, err = pgx.ForEachRow(rows, []any{&stream, &seq, &hash}, func() error { h.set(stream, seq, hash); return nil })
	return err
}
