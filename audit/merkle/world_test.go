package merkle_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit"
	"veribatch/audit/merkle"
	"veribatch/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// world is a started trail on a database of its own, with a sequencer that a test drives by itself.
type world struct {
	*audit.Trail
	t   *testing.T
	ctx context.Context
	db  *pgtest.DB
	seq *merkle.Sequencer
}

func setup(t *testing.T) *world {
	t.Helper()
	db := pgtest.New(t)
	ctx := context.Background()
	trail, err := audit.Open(ctx, db.AppDSN+"&pool_max_conns=32")
	require.NoError(t, err)
	t.Cleanup(trail.Close)
	require.NoError(t, trail.Start(ctx, map[string]string{"version": "test"}))
	return &world{trail, t, ctx, db, &merkle.Sequencer{Trail: trail, Failed: func(_ context.Context, why error) { t.Error(why) }}}
}

const insertStation = `insert into ebr.stations (id, name) values ($1, $2)`

// act enters n entries in a stream.
func (w *world) act(stream string, n int) {
	w.t.Helper()
	for range n {
		_, err := w.Change(w.ctx, audit.Intent{Session: w.System(), Act: "station.register", Home: audit.Stream(stream), Reason: "test"}, func(tx *audit.Tx) error {
			_, err := tx.Exec(w.ctx, insertStation, audit.NewID(), "Station "+audit.NewID())
			return err
		})
		require.NoError(w.t, err)
	}
}

// many enters n entries in streams of their own by the hands of the owner, with bodies that say nothing.
func (w *world) many(streams, each int) {
	w.t.Helper()
	super := w.db.Super(w.t)
	_, err := super.Exec(w.ctx, fmt.Sprintf(`
		with made as (insert into audit.entries (stream, seq, at, person, act, refused, body, hash)
			select 'lot/' || to_char(s, 'FM000000'), n, clock_timestamp(), '00000000-0000-7000-8000-000000000001', 'station.register', false, b.body, sha256(b.body)
			from generate_series(1, %d) s, generate_series(1, %d) n, lateral (select convert_to(s || ' ' || n, 'UTF8') as body) b returning stream, seq, hash, at)
		insert into audit.log_queue (stream, seq, hash, at) select stream, seq, hash, at from made`, streams, each))
	require.NoError(w.t, err)
	_, err = super.Exec(w.ctx, `insert into audit.heads (stream, seq, hash, at) select distinct on (stream) stream, seq, hash, at from audit.entries where stream like 'lot/%' order by stream, seq desc`)
	require.NoError(w.t, err)
}

func (w *world) read(fn func(r *audit.Reader) error) {
	w.t.Helper()
	require.NoError(w.t, w.Read(w.ctx, fn))
}

func (w *world) head() (tree merkle.Tree) {
	w.t.Helper()
	w.read(func(r *audit.Reader) (err error) { tree, err = merkle.Head(w.ctx, r); return err })
	return tree
}

func (w *world) log() {
	w.t.Helper()
	require.NoError(w.t, w.seq.AppendHeads(w.ctx))
}

// leaf is one row of the log.
type leaf struct {
	Index   int64
	Stream  *string
	Seq     *int64
	Hash    []byte
	At      *time.Time
	Streams *int64
}

func (l leaf) line() string {
	if l.At != nil {
		return merkle.HeadsLeaf(*l.At, *l.Streams, l.Hash)
	}
	return merkle.EntryLeaf(audit.Stream(*l.Stream), *l.Seq, l.Hash)
}

func (w *world) leaves() (list []leaf) {
	w.t.Helper()
	rows, err := w.db.Super(w.t).Query(w.ctx, `select index, stream, seq, hash, heads_at, heads_streams from audit.log_leaves order by epoch, index`)
	require.NoError(w.t, err)
	list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[leaf])
	require.NoError(w.t, err)
	return list
}

// sound computes the whole log from its leaves with the library alone and compares: dense places, each stream a prefix without gaps, every entry there
// once, the root, and the root of every heads leaf.
func (w *world) sound() {
	w.t.Helper()
	var entries int64
	stored := hashes{}
	newest := map[string]string{}
	next := map[string]int64{}
	for i, l := range w.leaves() {
		require.EqualValues(w.t, i, l.Index)
		more, err := tlog.StoredHashes(int64(i), []byte(l.line()), stored)
		require.NoError(w.t, err)
		stored = append(stored, more...)
		if l.At != nil {
			require.Equal(w.t, rootOf(w.t, sorted(newest)), tlog.Hash(l.Hash))
			require.EqualValues(w.t, len(newest), *l.Streams)
			continue
		}
		entries++
		next[*l.Stream]++
		require.Equal(w.t, next[*l.Stream], *l.Seq, *l.Stream)
		newest[*l.Stream] = merkle.HeadsLine(audit.Stream(*l.Stream), *l.Seq, l.Hash)
	}
	tree := w.head()
	root, err := tlog.TreeHash(tree.Size, stored)
	require.NoError(w.t, err)
	require.Equal(w.t, root, tree.Root)
	require.Equal(w.t, w.count(`select count(*) from audit.entries`), entries)
	require.Zero(w.t, w.count(`select count(*) from audit.log_queue`))
}

func (w *world) count(sql string) (n int64) {
	w.t.Helper()
	w.read(func(r *audit.Reader) error { return r.QueryRow(w.ctx, sql).Scan(&n) })
	return n
}
