package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/identity"
	"veribatch/signatures/signtest"
)

const (
	countKeys = `select count(*) from ebr.request_keys`
	ageKeys   = `update ebr.request_keys set at = at - interval '32 days' where key = $1`
	ageJob    = `update ebr.jobs set succeeded_at = succeeded_at - interval '25 hours' where name = $1`
)

// newPlant is what the jobs of a server need, over a database of its own.
func newPlant(t *testing.T) (*plant, *signtest.World) {
	w := signtest.New(t)
	return &plant{trail: w.Trail, gate: w.Gate, log: slog.New(slog.DiscardHandler)}, w
}

// eager runs jobs until the test ends or stop is called.
func eager(t *testing.T, p *plant, failed func(job string, why error), list ...job) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	j := &janitor{trail: p.trail, log: p.log, look: 10 * time.Millisecond, failed: func(_ context.Context, name string, why error) { failed(name, why) }}
	wait := j.start(ctx, list)
	stop = func() { cancel(); wait() }
	t.Cleanup(stop)
	return stop
}

func unexpected(t *testing.T) func(string, error) {
	return func(name string, why error) { t.Errorf("job %s: %v", name, why) }
}

// The server prunes old request keys when it starts and at every interval, keeps the others, and stops when it is told to.
func TestOldRequestKeysArePruned(t *testing.T) {
	t.Parallel()
	p, w := newPlant(t)
	register := func(name string) (key string) {
		c := identity.NewStation{ID: audit.NewID(), Name: name}
		in := audit.Intent{Session: w.Admin.Token, Act: "station.register", Home: identity.StationStream(c.ID), Key: audit.NewID(), Command: c}
		_, err := w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error { return identity.RegisterStation(w.Ctx, tx, c) })
		require.NoError(t, err)
		return in.Key
	}
	super := w.DB.Super(t)
	age := func(sql, name string) {
		_, err := super.Exec(w.Ctx, sql, name)
		require.NoError(t, err)
	}
	left := func() (n int) {
		require.NoError(t, super.QueryRow(w.Ctx, countKeys).Scan(&n))
		return n
	}
	age(ageKeys, register("Drying 1"))
	register("Drying 2")
	require.Equal(t, 2, left())
	stop := eager(t, p, unexpected(t), p.jobs()...)
	require.Eventually(t, func() bool { return left() == 1 }, 20*time.Second, 20*time.Millisecond, "at the start")
	age(ageKeys, register("Drying 3"))
	age(ageJob, "prune_request_keys")
	require.Eventually(t, func() bool { return left() == 1 }, 20*time.Second, 20*time.Millisecond, "a day later")
	stop()
	age(ageKeys, register("Drying 4"))
	t.Cleanup(p.work(w.Ctx)) // the server's own: not due, because the last success is known across starts
	require.Never(t, func() bool { return left() == 1 }, 300*time.Millisecond, 20*time.Millisecond)
}

// A failed or panicking job is reported and tried again; the others go on. What succeeded is known with its time.
func TestAFailedJobIsReportedAndTriedAgain(t *testing.T) {
	t.Parallel()
	p, w := newPlant(t)
	var failures, tries atomic.Int32
	failed := func(name string, why error) {
		if name == "broken" && why.Error()[:6] == "panic:" {
			failures.Add(1)
		}
	}
	eager(t, p, failed,
		job{"broken", every(time.Hour), func(context.Context) error { panic(errors.New("no paper")) }},
		job{"sound", every(time.Hour), func(context.Context) error { tries.Add(1); return nil }},
	)
	require.Eventually(t, func() bool { return failures.Load() > 2 && tries.Load() == 1 }, 20*time.Second, 10*time.Millisecond)
	var times []jobTimes
	require.Eventually(t, func() bool {
		require.NoError(t, p.trail.Read(w.Ctx, func(r *audit.Reader) (err error) { times, err = readJobs(w.Ctx, r); return err }))
		return len(times) == 2 && times[1].Succeeded != nil
	}, 20*time.Second, 10*time.Millisecond)
	require.NotNil(t, times[0].FailedAt)
	require.Nil(t, times[0].Succeeded)
	require.EqualValues(t, 1, tries.Load(), "not due again")
}

// A daily job keeps its hour across restarts and clock changes, and is not lost when the server stood at that hour.
func TestWhenJobsAreDue(t *testing.T) {
	t.Parallel()
	day := func(d, h int) time.Time { return time.Date(2026, 3, d, h, 0, 0, 0, time.Local) }
	at2 := daily(2)
	require.Equal(t, day(11, 2), at2(day(10, 2)), "the next day, not the same hour again")
	require.Equal(t, day(10, 2), at2(day(10, 1)))
	require.Equal(t, day(11, 2), at2(day(10, 23)))
	require.True(t, at2(time.Time{}).Before(day(1, 0)), "never done: at once")
	require.Equal(t, day(10, 3), every(time.Hour)(day(10, 2)))
	require.True(t, every(time.Hour)(time.Time{}).IsZero())
}
