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
			_, err := super.Exec(w.ctx, `select pg_terminate_backend(pid) from pg_stat_activity
				where datname = current_database() and pid <> pg_backend_pid() and state = 'active' and query like 'select audit.log_append%'`)
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

// The one that lost stands by while the other one appends, and goes on when something waits and nothing was appended since it last looked.
func TestTheSlowerStandsBy(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.log()
	slower := &merkle.Sequencer{Trail: w.Trail}
	slower.EndAt(func(step string) error {
		if step == "computed" {
			return merkle.Round(w.seq, w.ctx)
		}
		return nil
	})
	w.act("station/a", 1)
	require.Equal(t, "VB100", state(merkle.Round(slower, w.ctx)))
	slower.EndAt(nil)
	size := w.head().Size
	require.ErrorContains(t, merkle.Round(slower, w.ctx), "another sequencer", "it has not seen that size yet")
	w.act("station/a", 1)
	require.NoError(t, merkle.Round(w.seq, w.ctx))
	w.act("station/a", 1)
	require.ErrorContains(t, merkle.Round(slower, w.ctx), "another sequencer", "the other one was at work")
	require.Equal(t, size+1, w.head().Size)
	require.NoError(t, merkle.Round(slower, w.ctx), "it was not since")
	require.Equal(t, size+2, w.head().Size)
	require.NoError(t, slower.AppendHeads(w.ctx), "who asks for heads does not wait")
	w.sound()
}

// Of two that append to the same size one is refused, and nothing of it stays.
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
