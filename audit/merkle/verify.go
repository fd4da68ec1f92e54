package merkle

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit"
)

const (
	everyLog  = `select l.epoch, h.size, h.root, h.heads_at from audit.logs l left join audit.log_head h using (epoch) order by l.epoch`
	everyLeaf = `select index, stream, seq, hash, heads_at, heads_streams from audit.log_leaves where epoch = @epoch order by index`
	otherLeaf = `select l.index, l.stream, l.seq, e.hash is null from audit.log_leaves l left join audit.entries e on e.stream = l.stream and e.seq = l.seq
		where l.epoch = @epoch and l.stream is not null and l.seq is not null and e.hash is distinct from l.hash order by l.index`
	everyEntry   = `select stream, seq, hash from audit.entries`
	everyWaiting = `select stream, seq, hash from audit.log_queue`
	everyTile    = `select level, number, hashes from audit.log_tiles where epoch = @epoch order by level, number`
	everyNewest  = `select stream, seq, hash from audit.log_streams where epoch = @epoch order by stream`
	strayParts   = `select table_name, epoch from (select 'audit.log_head', epoch from audit.log_head union select 'audit.log_leaves', epoch from audit.log_leaves
		union select 'audit.log_tiles', epoch from audit.log_tiles union select 'audit.log_streams', epoch from audit.log_streams) s (table_name, epoch)
		where not exists (select from audit.logs l where l.epoch = s.epoch) order by 1, 2`
	notLogged = `with newest as (select max(epoch) as epoch from audit.logs)
		select coalesce(e.stream, q.stream), coalesce(e.seq, q.seq), e.stream is null, q.stream is null
		from (select e.stream, e.seq, e.hash from audit.entries e
			where not exists (select from audit.log_leaves l, newest n where l.epoch = n.epoch and l.stream = e.stream and l.seq = e.seq)) e
		full join audit.log_queue q on q.stream = e.stream and q.seq = e.seq
		where e.hash is distinct from q.hash order by 1, 2`
)

// Verify computes every log anew from its leaves and reports each disagreement: a leaf with the entry that it names, the places and the order of the
// leaves, each leaf over all streams, each tile, the head, the newest entries; and every entry that is neither in the log nor waits for it.
// Whether what stands here is what was signed is the question of checkpoints. It gives the number of leaves. sealed are the entries of the trail when
// who calls has read them in this snapshot (audit.Report.Sealed); nil: they are read here. It keeps one line for each stream and each full tile in memory.
func Verify(ctx context.Context, q audit.Querier, sealed *audit.Sum, found func(row string, why error)) (leaves int64, err error) {
	type log struct {
		Epoch   int
		Size    *int64
		Root    []byte
		HeadsAt *time.Time
	}
	rows, err := q.Query(ctx, everyLog)
	if err != nil {
		return 0, err
	}
	logs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[log])
	if err != nil {
		return 0, err
	}
	if sealed == nil {
		sealed = audit.NewSum()
		if err := addEntries(ctx, q, everyEntry, sealed); err != nil {
			return 0, err
		}
	}
	known := sealed.Empty() // what waits, and what is in the newest log
	if err := addEntries(ctx, q, everyWaiting, known); err != nil {
		return 0, err
	}
	for i, l := range logs {
		v := &verifier{q: q, epoch: l.Epoch, found: found, newest: map[string]*newest{}, tiles: map[place][32]byte{}, logged: known}
		if i < len(logs)-1 {
			v.logged = sealed.Empty()
		}
		for _, step := range []func(context.Context) error{v.leaves, v.tilesMatch, v.newestMatch} {
			if err := step(ctx); err != nil {
				return leaves, err
			}
		}
		leaves += v.edge.size
		if err := v.headMatches(l.Size, l.Root, l.HeadsAt); err != nil {
			return leaves, err
		}
		if !v.logged.Equal(sealed) { // an older log never holds all entries
			if err := v.entriesMatch(ctx); err != nil {
				return leaves, err
			}
		}
	}
	if !known.Equal(sealed) {
		err = waiting(ctx, q, found)
	}
	return leaves, errors.Join(err, stray(ctx, q, found))
}

// addEntries puts streams, places and hashes into a set.
func addEntries(ctx context.Context, q audit.Querier, sql string, set *audit.Sum) error {
	rows, err := q.Query(ctx, sql, audit.Binary)
	if err != nil {
		return err
	}
	return audit.Pour(rows, func(row [][]byte) error { set.Add(row[0], number(row[1]), row[2]); return nil })
}

func number(value []byte) int64 { return int64(binary.BigEndian.Uint64(value)) }

// place is where a tile stands.
type place struct {
	Level  int
	Number int64
}

// newest is the last entry of a stream in the log, as far as it was read.
type newest struct {
	stream  string
	seq     int64
	hash    []byte
	changed bool // since the last leaf over all streams
}

type verifier struct {
	q       audit.Querier
	epoch   int
	found   func(row string, why error)
	edge    frontier
	heads   heads
	newest  map[string]*newest
	changed []*newest
	logged  *audit.Sum // the entries in this log
	text    []byte
	headsAt *time.Time
	open    [][]byte // by level, the tile that is being filled
	filled  []int64  // by level, how many tiles are full
	tiles   map[place][32]byte
}

func (v *verifier) says(row, format string, args ...any) {
	v.found(fmt.Sprintf("table %s epoch %d", row, v.epoch), fmt.Errorf(format, args...))
}

func (v *verifier) leaves(ctx context.Context) error {
	rows, err := v.q.Query(ctx, everyLeaf, audit.Binary, pgx.NamedArgs{"epoch": v.epoch})
	if err != nil {
		return err
	}
	return audit.Pour(rows, func(row [][]byte) error {
		index := number(row[0])
		if index != v.edge.size {
			v.says(leafRow(index), "it stands where leaf %d should: leaves are missing or moved", v.edge.size)
		}
		v.text = append(v.text[:0], 0) // the prefix of a leaf in RFC 6962
		var err error
		if row[1] != nil && row[2] != nil {
			v.entryLeaf(index, row[1], number(row[2]), row[3])
		} else {
			err = v.headsLeaf(index, row[3], row[4], row[5])
		}
		v.edge.add(sha256.Sum256(v.text), v.grow)
		return err
	})
}

func leafRow(index int64) string { return fmt.Sprintf("audit.log_leaves index %d", index) }

// entryLeaf checks the leaf of an entry and gives its text.
func (v *verifier) entryLeaf(index int64, stream []byte, seq int64, hash []byte) {
	v.logged.Add(stream, seq, hash)
	n := v.newest[string(stream)]
	if n == nil {
		n = &newest{stream: string(stream)}
		v.newest[n.stream] = n
	}
	if seq != n.seq+1 {
		v.says(leafRow(index), "entry %s #%d follows entry %d in the log", stream, seq, n.seq)
	}
	n.seq, n.hash = seq, append(n.hash[:0], hash...)
	if !n.changed {
		n.changed, v.changed = true, append(v.changed, n)
	}
	v.text = append(append(append(v.text, "entry "...), stream...), ' ')
	v.text = append(strconv.AppendInt(v.text, seq, 10), ' ')
	v.text = append(hex.AppendEncode(v.text, hash), '\n')
}

// headsLeaf checks a leaf over all streams and gives its text.
func (v *verifier) headsLeaf(index int64, hash, time, streams []byte) error {
	if time == nil || streams == nil {
		v.says(leafRow(index), "it says nothing that a leaf says")
		return nil
	}
	for _, n := range v.changed {
		v.heads.set(n.stream, n.seq, n.hash)
		n.changed = false
	}
	v.changed = v.changed[:0]
	root, count, err := v.heads.root()
	if err != nil {
		return err
	}
	at := audit.TimeOf(time)
	if string(root[:]) != string(hash) || count != number(streams) {
		v.says(leafRow(index), "the root over all streams does not follow from the leaves before it")
	}
	if v.headsAt != nil && at.Before(*v.headsAt) {
		v.says(leafRow(index), "it is older than the leaf over all streams before it")
	}
	v.headsAt = &at
	v.text = append(v.text, HeadsLeaf(at, number(streams), hash)...)
	return nil
}

// entriesMatch names the leaves whose entry is not what they say.
func (v *verifier) entriesMatch(ctx context.Context) error {
	rows, err := v.q.Query(ctx, otherLeaf, pgx.NamedArgs{"epoch": v.epoch})
	if err != nil {
		return err
	}
	return v.nameLeaves(rows)
}

func (v *verifier) nameLeaves(rows pgx.Rows) error {
	var index, seq int64
	var stream string
	var missing bool
	_, err := pgx.ForEachRow(rows, []any{&index, &stream, &seq, &missing}, func() error {
		if missing {
			v.says(leafRow(index), "it names entry %s #%d, which the trail does not have", stream, seq)
		} else {
			v.says(leafRow(index), "entry %s #%d is not what was logged", stream, seq)
		}
		return nil
	})
	return err
}

// grow notes a hash that a leaf adds to a level.
func (v *verifier) grow(level int, hash tlog.Hash) {
	if level == len(v.open) {
		v.open, v.filled = append(v.open, nil), append(v.filled, 0)
	}
	v.open[level] = append(v.open[level], hash[:]...)
	if len(v.open[level]) == width*tlog.HashSize {
		v.tiles[place{level, v.filled[level]}] = sha256.Sum256(v.open[level])
		v.open[level] = v.open[level][:0]
		v.filled[level]++
	}
}

func (v *verifier) tilesMatch(ctx context.Context) error {
	for level, hashes := range v.open {
		if len(hashes) > 0 {
			v.tiles[place{level, v.filled[level]}] = sha256.Sum256(hashes)
		}
	}
	rows, err := v.q.Query(ctx, everyTile, pgx.NamedArgs{"epoch": v.epoch})
	if err != nil {
		return err
	}
	var p place
	var hashes []byte
	_, err = pgx.ForEachRow(rows, []any{&p.Level, &p.Number, &hashes}, func() error {
		sum, there := v.tiles[p]
		if !there || sum != sha256.Sum256(hashes) {
			v.says(fmt.Sprintf("audit.log_tiles tile %d/%d", p.Level, p.Number), "its hashes do not follow from the leaves")
		}
		delete(v.tiles, p)
		return nil
	})
	if err != nil {
		return err
	}
	for p := range v.tiles {
		v.says(fmt.Sprintf("audit.log_tiles tile %d/%d", p.Level, p.Number), "it is missing")
	}
	return nil
}

func (v *verifier) newestMatch(ctx context.Context) error {
	rows, err := v.q.Query(ctx, everyNewest, pgx.NamedArgs{"epoch": v.epoch})
	if err != nil {
		return err
	}
	var stream string
	var seq int64
	var hash []byte
	_, err = pgx.ForEachRow(rows, []any{&stream, &seq, &hash}, func() error {
		if n := v.newest[stream]; n == nil || n.seq != seq || string(n.hash) != string(hash) {
			v.says("audit.log_streams stream "+stream, "it is not the newest entry in the log")
		}
		delete(v.newest, stream)
		return nil
	})
	if err != nil {
		return err
	}
	for stream := range v.newest {
		v.says("audit.log_streams stream "+stream, "it is missing")
	}
	return nil
}

func (v *verifier) headMatches(size *int64, root []byte, headsAt *time.Time) error {
	computed, err := v.edge.root()
	switch {
	case err != nil:
		return err
	case size == nil:
		v.says("audit.log_head", "it is missing")
	case *size != v.edge.size:
		v.says("audit.log_head", "it says %d leaves, %d are there", *size, v.edge.size)
	case string(computed[:]) != string(root):
		v.says("audit.log_head", "its root does not follow from the leaves")
	case (headsAt == nil) != (v.headsAt == nil) || headsAt != nil && !headsAt.Equal(*v.headsAt):
		v.says("audit.log_head", "heads_at is not the time of the newest leaf over all streams")
	}
	return nil
}

// stray finds parts of a log that is none.
func stray(ctx context.Context, q audit.Querier, found func(row string, why error)) error {
	rows, err := q.Query(ctx, strayParts)
	if err != nil {
		return err
	}
	var table string
	var epoch int
	_, err = pgx.ForEachRow(rows, []any{&table, &epoch}, func() error {
		found(fmt.Sprintf("table %s epoch %d", table, epoch), errors.New("audit.logs has no such log"))
		return nil
	})
	return err
}

// waiting finds entries that are not in the newest log and do not wait for it as they are, and what waits and is no entry.
func waiting(ctx context.Context, q audit.Querier, found func(row string, why error)) error {
	rows, err := q.Query(ctx, notLogged)
	if err != nil {
		return err
	}
	var stream string
	var seq int64
	var noEntry, notQueued bool
	_, err = pgx.ForEachRow(rows, []any{&stream, &seq, &noEntry, &notQueued}, func() error {
		row, why := fmt.Sprintf("table audit.log_queue stream %s seq %d", stream, seq), "the entry that waits for the log is another one"
		switch {
		case noEntry:
			why = "what waits for the log is no entry, or is in the log"
		case notQueued:
			row, why = fmt.Sprintf("entry %s #%d", stream, seq), "it is neither in the log nor waits for it"
		}
		found(row, errors.New(why))
		return nil
	})
	return err
}
