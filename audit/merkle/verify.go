package merkle

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit"
)

const (
	everyLog  = `select l.epoch, h.size, h.root, h.heads_at from audit.logs l left join audit.log_head h using (epoch) order by l.epoch`
	everyLeaf = `select l.index, l.stream, l.seq, l.hash, l.heads_at, l.heads_streams, e.hash from audit.log_leaves l
		left join audit.entries e on e.stream = l.stream and e.seq = l.seq where l.epoch = @epoch order by l.index`
	everyTile   = `select level, number, hashes from audit.log_tiles where epoch = @epoch order by level, number`
	everyNewest = `select stream, seq, hash from audit.log_streams where epoch = @epoch order by stream`
	strayParts  = `select table_name, epoch from (select 'audit.log_head', epoch from audit.log_head union select 'audit.log_leaves', epoch from audit.log_leaves
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
// Whether what stands here is what was signed is the question of checkpoints. It gives the number of leaves.
func Verify(ctx context.Context, q audit.Querier, found func(row string, why error)) (leaves int64, err error) {
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
	for _, l := range logs {
		v := &verifier{q: q, epoch: l.Epoch, found: found, newest: map[string]newest{}, tiles: map[place][32]byte{}}
		for _, step := range []func(context.Context) error{v.leaves, v.tilesMatch, v.newestMatch} {
			if err := step(ctx); err != nil {
				return leaves, err
			}
		}
		leaves += v.edge.size
		if err := v.headMatches(l.Size, l.Root, l.HeadsAt); err != nil {
			return leaves, err
		}
	}
	return leaves, errors.Join(stray(ctx, q, found), waiting(ctx, q, found))
}

// place is where a tile stands.
type place struct {
	Level  int
	Number int64
}

type newest struct {
	seq  int64
	hash string
}

type verifier struct {
	q       audit.Querier
	epoch   int
	found   func(row string, why error)
	edge    frontier
	heads   heads
	newest  map[string]newest
	headsAt *time.Time
	open    [][]byte // by level, the tile that is being filled
	filled  []int64  // by level, how many tiles are full
	tiles   map[place][32]byte
}

func (v *verifier) says(row, format string, args ...any) {
	v.found(fmt.Sprintf("table %s epoch %d", row, v.epoch), fmt.Errorf(format, args...))
}

type storedLeaf struct {
	index      int64
	stream     *string
	seq        *int64
	hash       []byte
	at         *time.Time
	streams    *int64
	ofTheEntry []byte
}

func (v *verifier) leaves(ctx context.Context) error {
	rows, err := v.q.Query(ctx, everyLeaf, pgx.NamedArgs{"epoch": v.epoch})
	if err != nil {
		return err
	}
	var l storedLeaf
	_, err = pgx.ForEachRow(rows, []any{&l.index, &l.stream, &l.seq, &l.hash, &l.at, &l.streams, &l.ofTheEntry}, func() error {
		row := fmt.Sprintf("audit.log_leaves index %d", l.index)
		if l.index != v.edge.size {
			v.says(row, "it stands where leaf %d should: leaves are missing or moved", v.edge.size)
		}
		line, err := v.line(row, l)
		if err == nil {
			v.edge.add(tlog.RecordHash([]byte(line)), v.grow)
		}
		return err
	})
	return err
}

// line gives the text of a leaf and says what is wrong with it.
func (v *verifier) line(row string, l storedLeaf) (string, error) {
	if l.stream != nil && l.seq != nil {
		before := v.newest[*l.stream]
		switch {
		case l.ofTheEntry == nil:
			v.says(row, "it names entry %s #%d, which the trail does not have", *l.stream, *l.seq)
		case string(l.ofTheEntry) != string(l.hash):
			v.says(row, "entry %s #%d is not what was logged", *l.stream, *l.seq)
		}
		if *l.seq != before.seq+1 {
			v.says(row, "entry %s #%d follows entry %d in the log", *l.stream, *l.seq, before.seq)
		}
		v.newest[*l.stream] = newest{*l.seq, string(l.hash)}
		v.heads.set(*l.stream, *l.seq, l.hash)
		return EntryLeaf(audit.Stream(*l.stream), *l.seq, l.hash), nil
	}
	if l.at == nil || l.streams == nil {
		v.says(row, "it says nothing that a leaf says")
		return "", nil
	}
	root, count, err := v.heads.root()
	if err != nil {
		return "", err
	}
	if string(root[:]) != string(l.hash) || count != *l.streams {
		v.says(row, "the root over all streams does not follow from the leaves before it")
	}
	if v.headsAt != nil && l.at.Before(*v.headsAt) {
		v.says(row, "it is older than the leaf over all streams before it")
	}
	at := *l.at
	v.headsAt = &at
	return HeadsLeaf(at, *l.streams, l.hash), nil
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
	for p := range v.tiles {
		v.says(fmt.Sprintf("audit.log_tiles tile %d/%d", p.Level, p.Number), "it is missing")
	}
	return err
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
		if (v.newest[stream] != newest{seq, string(hash)}) {
			v.says("audit.log_streams stream "+stream, "it is not the newest entry in the log")
		}
		delete(v.newest, stream)
		return nil
	})
	for stream := range v.newest {
		v.says("audit.log_streams stream "+stream, "it is missing")
	}
	return err
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
