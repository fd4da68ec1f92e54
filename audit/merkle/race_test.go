package merkle_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/audit/merkle"
)

// Several servers run a sequencer each while 16 writers write; rounds die between their steps and lose their connections. The log is one, whole and
// without a fork, and every entry stands in it once.
func TestSeveralSequencersNeverFork(t *testing.T) {
	t.Parallel()
	w := setup(t)
	writes := 15
	if os.Getenv("VERIBATCH_LONG") != "" {
		writes = 300
	}
	working, stop := make(chan struct{}), sync.WaitGroup{}
	for range 3 {
		node, err := audit.Open(w.ctx, w.db.AppDSN+"&pool_max_conns=4")
		require.NoError(t, err)
		t.Cleanup(node.Close)
		seq := &merkle.Sequencer{Trail: node, Every: 20 * time.Millisecond, Most: 7}
		seq.EndAt(func(string) error {
			if rand.IntN(8) == 0 {
				return errors.New("the process dies here")
			}
			return nil
		})
		stop.Go(func() {
			for {
				select {
				case <-working:
					return
				default:
					_ = merkle.Round(seq, w.ctx) // what fails is made good by the next one
				}
			}
		})
	}
	stop.Go(func() { w.disconnect(working) })
	var writers sync.WaitGroup
	for n := range 16 {
		writers.Go(func() { w.retried([]string{"station/a", "station/b", "station/c", "station/d"}[n%4], writes) })
	}
	writers.Wait()
	close(working)
	stop.Wait()
	w.log()
	w.sound()
}

// disconnect ends the connection of whoever appends to the log, again and again.
func (w *world) disconnect(until <-chan struct{}) {
	super := w.db.Super(w.t)
	for {
		select {
		case <-until:
			return
		case <-time.After(25 * time.Millisecond):
			_, err := super.Exec(w.ctx, `select pg_terminate_backend(l.pid) from pg_locks l where l.locktype = 'advisory' and l.pid <> pg_backend_pid()
				and l.database = (select oid from pg_database where datname = current_database())
				and (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended('veribatch log', 0)`)
			if err != nil {
				w.t.Error(err)
				return
			}
		}
	}
}

// retried enters n entries, however often it has to try.
func (w *world) retried(stream string, n int) {
	for range n {
		name := audit.NewID()
		require.Eventually(w.t, func() bool {
			_, err := w.Change(w.ctx, audit.Intent{Session: w.System(), Act: "station.register", Home: audit.Stream(stream), Reason: "test"}, func(tx *audit.Tx) error {
				_, err := tx.Exec(w.ctx, insertStation, audit.NewID(), name)
				return err
			})
			return err == nil
		}, time.Minute, time.Millisecond)
	}
}

// The advisory lock is a courtesy: of two that append to the same size without it, one is refused and nothing of it stays.
func TestCompareAndSwapAlone(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.log()
	w.act("station/a", 1)
	size := w.head().Size
	var hash []byte
	w.read(func(r *audit.Reader) error {
		return r.QueryRow(w.ctx, `select hash from audit.entries where stream = 'station/a'`).Scan(&hash)
	})
	leaf := merkle.LeafHash(merkle.EntryLeaf("station/a", 1, hash))
	ends := make(chan error, 2)
	for range 2 {
		go func() {
			conn, err := pgx.Connect(w.ctx, w.db.AppDSN)
			if err != nil {
				ends <- err
				return
			}
			defer conn.Close(w.ctx)
			_, err = conn.Exec(w.ctx, appendRaw, 1, size, []string{"station/a"}, []int64{1}, nil, nil, nil, [][]byte{leaf[:]}, make([]byte, 32))
			ends <- err
		}()
	}
	states := []string{state(<-ends), state(<-ends)}
	require.ElementsMatch(t, []string{"", "VB100"}, states)
	require.Equal(t, size+1, w.head().Size)
}
