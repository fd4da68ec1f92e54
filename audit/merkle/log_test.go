package merkle_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit"
	"veribatch/audit/merkle"
	"veribatch/internal/fault"
)

func TestEveryEntryComesIntoTheLogAndIsProved(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.log()
	w.act("site/main", 3)
	w.act("station/a", 300)
	w.log()
	w.act("station/b", 5)
	w.log()
	w.sound()
	tree := w.head()
	require.Regexp(t, `^veribatch/[0-9a-f-]{36}/1$`, tree.Origin)
	w.read(func(r *audit.Reader) error {
		for _, l := range w.leaves() {
			if l.At != nil {
				continue
			}
			size := l.Index + 1 + rand.Int64N(tree.Size-l.Index)
			p, err := merkle.ProveEntry(w.ctx, r, audit.Stream(*l.Stream), *l.Seq, size)
			require.NoError(t, err)
			require.NoError(t, p.Check())
			require.Equal(t, l.line(), p.Leaf)
			require.Equal(t, size, p.Tree.Size)
		}
		return nil
	})
	w.read(func(r *audit.Reader) error {
		for range 50 {
			size := 1 + rand.Int64N(tree.Size)
			old := 1 + rand.Int64N(size)
			proof, err := merkle.ProveConsistency(w.ctx, r, old, size)
			require.NoError(t, err)
			before, err := merkle.RootAt(w.ctx, r, tree.Epoch, old)
			require.NoError(t, err)
			after, err := merkle.RootAt(w.ctx, r, tree.Epoch, size)
			require.NoError(t, err)
			require.NoError(t, tlog.CheckTree(proof, size, after, old, before))
		}
		return nil
	})
}

func TestNewestEntryOfAStreamIsProved(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.act("station/a", 2)
	w.act("station/m", 1)
	w.log()
	first := w.head().Size
	w.act("station/a", 2)
	w.act("station/k", 2)
	between := w.head().Size
	w.log()
	w.read(func(r *audit.Reader) error {
		for size, seq := range map[int64]int64{first: 2, between: 2, w.head().Size: 4} {
			p, err := merkle.ProveStream(w.ctx, r, "station/a", size)
			require.NoError(t, err)
			require.NoError(t, p.Check())
			require.Equal(t, seq, p.Seq)
		}
		_, err := merkle.ProveStream(w.ctx, r, "station/k", first)
		require.Equal(t, fault.Missing, fault.KindOf(err))
		_, err = merkle.ProveStream(w.ctx, r, "station/a", 1)
		require.Equal(t, fault.Missing, fault.KindOf(err))
		_, err = merkle.ProveEntry(w.ctx, r, "station/k", 1, first)
		require.Equal(t, fault.Missing, fault.KindOf(err))
		for _, sizes := range [][2]int64{{0, 1}, {2, 1}, {1, 1000}, {-1, 1}, {1, 0}} {
			_, err = merkle.ProveConsistency(w.ctx, r, sizes[0], sizes[1])
			require.Equal(t, fault.Missing, fault.KindOf(err), "%v", sizes)
		}
		return nil
	})
}

// A huge backlog drains in bounded appends, across the borders of tiles.
func TestBacklogDrains(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.many(300, 230)
	w.act("station/a", 1)
	w.log()
	w.act("station/a", 1)
	w.log()
	require.Greater(t, w.head().Size, int64(65536))
	w.sound()
	w.read(func(r *audit.Reader) error {
		p, err := merkle.ProveEntry(w.ctx, r, "lot/000007", 11, w.head().Size)
		require.NoError(t, err)
		return p.Check()
	})
}
