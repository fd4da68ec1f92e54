package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/signtest"
)

// A server that is killed before it could report the kill before: the next start reports both, the older one first. What ran before the last stop is settled.
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
	require.Len(t, lost(), 1, "a plant in which no run is settled yet reports the newest")
	run(true)
	require.Empty(t, lost())
	run(false)
	run(false)
	runs := lost()
	require.Len(t, runs, 2)
	require.True(t, runs[0].started.Before(runs[1].started))
	require.False(t, runs[0].ended.After(runs[1].started))
	require.NotEqual(t, runs[0].cause(), runs[1].cause())
}
