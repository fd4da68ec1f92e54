package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/signtest"
)

// A server that is killed before it could report the kill before: the next start reports both, the older one first.
func TestEveryLostRunIsReported(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	run := func(stops bool) {
		trail, err := audit.Open(w.Ctx, w.DB.AppDSN)
		require.NoError(t, err)
		require.NoError(t, trail.Start(w.Ctx, nil))
		if stops {
			require.NoError(t, trail.Stop(w.Ctx))
		}
		trail.Close()
	}
	lost := func() []pastRun {
		runs, err := lastRuns(w.Ctx, w.Trail)
		require.NoError(t, err)
		return runs
	}
	run(false)
	run(true) // the stop of a later one, which may not have come to report it, settles nothing of this day
	run(false)
	require.Eventually(t, func() bool { return len(lost()) == 2 }, 20*time.Second, 20*time.Millisecond, "once the database has noticed that both are gone")
	runs := lost()
	require.True(t, runs[0].started.Before(runs[1].started))
	require.False(t, runs[0].ended.After(runs[1].started))
	require.NotEqual(t, runs[0].cause(), runs[1].cause())
}
