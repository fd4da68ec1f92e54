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
	checkpoints "veribatch/audit/checkpoint/keeper"
	"veribatch/ebr/quality"
	"veribatch/internal/fault"
	"veribatch/signatures/access"
	"veribatch/signatures/configuration/versions"
	"veribatch/signatures/identity"
	"veribatch/signatures/signtest"
)

const (
	countKeys  = `select count(*) from ebr.request_keys`
	keyIsThere = `select exists(select from ebr.request_keys where key = $1)`
	ageKeys    = `update ebr.request_keys set at = at - interval '32 days' where key = $1`
	countJobs  = `select count(*), count(succeeded_at), count(failed_at) from ebr.jobs`
	ageJob     = `update ebr.jobs set succeeded_at = succeeded_at - interval '25 hours' where name = $1`
)

// newPlant is what the jobs of a server need, over a database of its own.
func newPlant(t *testing.T) (*plant, *signtest.World) {
	w := signtest.New(t)
	return plantOf(t, w), w
}

func plantOf(t *testing.T, w *signtest.World) *plant {
	log := slog.New(slog.DiscardHandler)
	p := &plant{trail: w.Trail, keys: w.Keys, gate: w.Gate, log: log, metrics: newMetrics(), incidents: quality.NewBook(w.Trail, t.TempDir(), log),
		witnesses: &checkpoints.Witnesses{Trail: w.Trail}}
	t.Cleanup(p.keepIncidents(w.Ctx, nil))
	return p
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
	others := left() // of the people of the plant
	age(ageKeys, register("Drying 1"))
	register("Drying 2")
	require.Equal(t, others+2, left())
	stop := eager(t, p, unexpected(t), p.jobs()...)
	require.Eventually(t, func() bool { return left() == others+1 }, 20*time.Second, 20*time.Millisecond, "at the start")
	age(ageKeys, register("Drying 3"))
	age(ageJob, "prune_request_keys")
	require.Eventually(t, func() bool { return left() == others+1 }, 20*time.Second, 20*time.Millisecond, "a day later")
	stop()
	fourth := register("Drying 4")
	age(ageKeys, fourth)
	t.Cleanup(p.work(w.Ctx))           // the server's own: not due, because the last success is known across starts
	time.Sleep(300 * time.Millisecond) // some looks
	var kept bool
	require.NoError(t, super.QueryRow(w.Ctx, keyIsThere, fourth).Scan(&kept))
	require.True(t, kept)
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
	super := w.DB.Super(t)
	require.Eventually(t, func() bool {
		var known, succeeded, failed int
		require.NoError(t, super.QueryRow(w.Ctx, countJobs).Scan(&known, &succeeded, &failed))
		return known == 2 && succeeded == 1 && failed == 1
	}, 20*time.Second, 10*time.Millisecond)
	require.EqualValues(t, 1, tries.Load(), "not due again")
}

// A database that is away for a moment is no failure of a job, which is tried again; one that stays away is, once in a while.
func TestAJobWaitsForItsDatabase(t *testing.T) {
	t.Parallel()
	p, w := newPlant(t)
	super := w.DB.Super(t)
	var lost, done, failures atomic.Int32
	hit := func(ctx context.Context) error {
		return p.trail.Read(ctx, func(r *audit.Reader) error {
			var pid int
			if err := r.QueryRow(ctx, `select pg_backend_pid()`).Scan(&pid); err != nil {
				return err
			}
			_, err := super.Exec(ctx, `select pg_terminate_backend($1, 5000)`, pid)
			require.NoError(t, err)
			lost.Add(1)
			return r.QueryRow(ctx, `select pg_backend_pid()`).Scan(&pid)
		})
	}
	run := func(patience time.Duration, work func(context.Context) error) (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		j := &janitor{trail: p.trail, log: p.log, look: 10 * time.Millisecond, retry: time.Minute, patience: patience,
			failed: func(context.Context, string, error) { failures.Add(1) }}
		wait := j.start(ctx, []job{{"hit", every(time.Hour), work}})
		return func() { cancel(); wait() }
	}
	stop := run(time.Minute, func(ctx context.Context) error {
		if lost.Load() < 3 {
			return hit(ctx)
		}
		done.Add(1)
		return nil
	})
	require.Eventually(t, func() bool { return done.Load() == 1 }, 20*time.Second, 10*time.Millisecond)
	stop()
	require.Zero(t, failures.Load())

	_, err := super.Exec(w.Ctx, `update ebr.jobs set succeeded_at = null where name = 'hit'`)
	require.NoError(t, err)
	stop = run(200*time.Millisecond, hit)
	require.Eventually(t, func() bool { return failures.Load() == 1 }, 20*time.Second, 10*time.Millisecond)
	stop()
	require.EqualValues(t, 1, failures.Load())
}

// A clock that jumps makes no job wait for the time before the jump, and a job that was done a moment ago is not done twice by it.
func TestTheClockMayJumpUnderJobs(t *testing.T) {
	t.Parallel()
	p, w := newPlant(t)
	super := w.DB.Super(t)
	for jump, more := range map[string]int32{"1 hour": 1, "-1 hour": 1, "-1 minute": 0} { // of the last success; the clock jumps the other way
		var runs atomic.Int32
		name := map[string]string{"1 hour": "back", "-1 hour": "forward", "-1 minute": "hardly"}[jump]
		j := &janitor{trail: p.trail, log: p.log, look: time.Minute, failed: func(_ context.Context, name string, why error) { t.Errorf("%s: %v", name, why) }}
		one := job{name, every(30 * time.Minute), func(context.Context) error { runs.Add(1); return nil }}
		require.NoError(t, j.ifDue(w.Ctx, one))
		_, err := super.Exec(w.Ctx, `update ebr.jobs set started_at = started_at + $2::interval, succeeded_at = succeeded_at + $2::interval where name = $1`, name, jump)
		require.NoError(t, err)
		require.NoError(t, j.ifDue(w.Ctx, one))
		require.Equal(t, 1+more, runs.Load(), jump)
		require.NoError(t, j.ifDue(w.Ctx, one))
		require.Equal(t, 1+more, runs.Load(), "%s: once", jump)
	}
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

const (
	ageSessions      = `update ebr.sessions set opened_at = opened_at - interval '2 days', ended_at = ended_at - $1::interval where person <> $2`
	ageTickets       = `update ebr.tickets set issued_at = issued_at - interval '2 days', expires_at = expires_at - interval '2 days'`
	countTickets     = `select count(*) from ebr.tickets`
	countWhoWasThere = `select count(distinct person) from ebr.sessions where person <> $1`
	countPeople      = `select count(*), count(*) filter (where ended_at is null) from ebr.sessions where person <> $1`
)

// Sessions that nobody closed are closed under an entry each; ended ones and spent tickets go when nobody can ask for them any more, and
// everything that they were good for still verifies.
func TestForgottenSessionsAreClosedAndOldOnesRemoved(t *testing.T) {
	t.Parallel()
	p, w := newPlant(t)
	olga := w.Person("olga.berg", access.Operator)
	_, err := w.Gate.LogIn(w.Ctx, olga.UserName, olga.Password, w.Station)
	require.NoError(t, err)
	super := w.DB.Super(t)
	age := func(by string) {
		_, err := super.Exec(w.Ctx, `alter table ebr.sessions disable trigger sessions_guard`)
		require.NoError(t, err)
		_, err = super.Exec(w.Ctx, ageSessions, by, audit.SystemPerson)
		require.NoError(t, err)
		_, err = super.Exec(w.Ctx, `alter table ebr.sessions enable always trigger sessions_guard`)
		require.NoError(t, err)
	}
	sessions := func() (all, open int) {
		require.NoError(t, super.QueryRow(w.Ctx, countPeople, audit.SystemPerson).Scan(&all, &open))
		return all, open
	}
	w.Configure(versions.Propose{SessionHours: "8"}) // two signatures, with a ticket each
	_, err = super.Exec(w.Ctx, ageTickets)
	require.NoError(t, err)
	before, open := sessions()
	require.NotZero(t, open)
	require.NoError(t, p.pruneSessions(w.Ctx))
	all, still := sessions()
	require.Equal(t, []int{before, open}, []int{all, still}, "young ones stay")
	var tickets int
	require.NoError(t, super.QueryRow(w.Ctx, countTickets).Scan(&tickets))
	require.Zero(t, tickets)

	age("0 days")
	require.NoError(t, p.pruneSessions(w.Ctx))
	all, still = sessions()
	require.Equal(t, []int{before, 0}, []int{all, still}, "closed, and kept for a month")
	closed := w.Entries(identity.StreamOf(olga.ID), "session.close")
	require.Len(t, closed, 2)
	require.Contains(t, closed[0].Reason, "open for more than")
	_, err = w.Gate.Find(w.Ctx, olga.Token)
	require.Equal(t, fault.Unauthenticated, fault.KindOf(err))

	age("32 days")
	require.NoError(t, p.pruneSessions(w.Ctx))
	all, _ = sessions()
	var people int
	require.NoError(t, super.QueryRow(w.Ctx, countWhoWasThere, audit.SystemPerson).Scan(&people))
	require.Less(t, people, before)
	require.Equal(t, people, all, "the newest of each person says for ever when they were there last")
	report, err := verifyAll(w.Ctx, w.Trail, p.keys, "", nil)
	require.NoError(t, err)
	require.Empty(t, report.Findings)
}

const forge = `update ebr.people set full_name = 'Olga B.' where user_name = 'olga.berg'`

// The daily verification finds what was changed past the system: an incident with the first finding, and no second look the same day.
func TestDailyVerificationOpensAnIncident(t *testing.T) {
	t.Parallel()
	p, w := newPlant(t)
	w.Person("olga.berg", access.Operator)
	require.NoError(t, p.verify(w.Ctx))
	super := w.DB.Super(t)
	for _, sql := range []string{`alter table ebr.people disable trigger all`, forge, `alter table ebr.people enable trigger all`} {
		_, err := super.Exec(w.Ctx, sql)
		require.NoError(t, err)
	}
	var runs atomic.Int32
	eager(t, p, unexpected(t), job{"verify", every(time.Nanosecond), func(ctx context.Context) error { runs.Add(1); return p.verify(ctx) }})
	var opened []audit.Row
	require.Eventually(t, func() bool { opened = w.Entries(audit.Site, "incident.open"); return len(opened) > 0 }, 20*time.Second, 20*time.Millisecond)
	require.Contains(t, opened[0].Reason, "Records, trail and signatures do not agree")
	require.Never(t, func() bool { return runs.Load() > 1 }, 200*time.Millisecond, 20*time.Millisecond)
}
