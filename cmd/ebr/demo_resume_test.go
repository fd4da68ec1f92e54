package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/access"
	"veribatch/signatures/signtest"
)

// fill makes the demo plant and dies at the act of a number; 0 lets it live.
func fill(w *signtest.World, dies int64) error {
	var acts atomic.Int64
	w.Trail.Check = func(ctx context.Context, tx *audit.Tx) error {
		if acts.Add(1) >= dies && dies > 0 {
			return errors.New("killed")
		}
		return access.Check(ctx, tx)
	}
	return seedDemo(w.Ctx, w.Trail, w.Gate, w.Desk, func(string) {})
}

// done counts the acts of the plant; log-ins are repeated at every start.
func done(w *signtest.World) map[string]int {
	counts := map[string]int{}
	require.NoError(w.T, w.Trail.Read(w.Ctx, func(r *audit.Reader) error {
		rows, err := audit.History(w.Ctx, r, audit.Filter{Oldest: true, Limit: 500})
		for _, row := range rows {
			if row.Act != "session.open" && !row.Refused {
				counts[row.Act]++
			}
		}
		return err
	}))
	return counts
}

// A server that is killed again and again while it fills the demo plant leaves the same plant in the end, and no act twice.
func TestAnInterruptedDemoPlantIsCompleted(t *testing.T) {
	t.Parallel()
	whole := signtest.Empty(t)
	require.NoError(t, fill(whole, 0))
	want := done(whole)
	require.Equal(t, 9, want["person.create"])
	require.Equal(t, 3, want["order.create"])

	often := signtest.Empty(t)
	deaths := 0
	for fill(often, int64(deaths)+1) != nil {
		deaths++
		require.Less(t, deaths, 60, "the plant does not get complete")
		filled, err := isFilled(often.Ctx, often.Trail)
		require.NoError(t, err)
		require.False(t, filled)
	}
	require.Greater(t, deaths, 10)
	require.Equal(t, want, done(often))
	report, err := often.Trail.Verify(often.Ctx)
	require.NoError(t, err)
	require.Empty(t, report.Findings)

	require.NoError(t, fill(often, 1), "a complete plant is left alone")
}
