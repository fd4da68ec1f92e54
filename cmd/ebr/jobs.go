package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
)

// job is work that the server does by itself, again and again. When it succeeded last stands in the database: a daily job is daily across
// restarts too, and readiness and metrics know how old the last success is.
type job struct {
	name string // in lower case, words joined by _: for the log, the metrics and the incident
	next when   // due after the last success
	run  func(ctx context.Context) error
}

// when gives the time at which a job is due after its last success, which is zero when there was none.
type when func(last time.Time) time.Time

// every is due a while after the last success, and at once when there was none.
func every(d time.Duration) when {
	return func(last time.Time) time.Time {
		if last.IsZero() {
			return last
		}
		return last.Add(d)
	}
}

// daily is due at the next full hour of this name in the zone of the server, and at once when it was missed for more than a day.
func daily(hour int) when {
	return func(last time.Time) time.Time {
		last = last.Local()
		due := time.Date(last.Year(), last.Month(), last.Day(), hour, 0, 0, 0, time.Local)
		if !due.After(last) {
			due = due.AddDate(0, 0, 1)
		}
		return due
	}
}

// jobs are what this plant's server does by itself. Whoever has work of that kind adds a line.
func (p *plant) jobs() []job {
	return append(p.keeper.jobs(),
		job{"prune_request_keys", every(24 * time.Hour), p.pruneKeys},
		job{"prune_sessions", every(time.Hour), p.pruneSessions},
		job{"verify", daily(verifyHour), p.verify},
		job{"self_test", daily(selfTestHour), p.selfTest},
		job{"verify_recent", every(50 * time.Second), p.verifyRecent},
		job{"clock", every(time.Minute), p.checkClock},
		job{"heartbeat", every(heartbeatPause), p.heartbeat},
		job{"mail", every(mailPause), p.mail},
		job{"certificate", every(24 * time.Hour), p.checkCertificate},
	)
}

// work runs the jobs beside the requests; what it gives ends them and waits for those under way.
func (p *plant) work(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	j := &janitor{trail: p.trail, log: p.log, look: lookForWork, retry: retryWork, patience: retryWork, failed: p.jobFailed}
	wait := j.start(ctx, p.jobs())
	watched := make(chan struct{})
	go func() { defer close(watched); p.watchCertificate(ctx) }()
	var log sync.WaitGroup
	log.Go(func() { p.logEntries(ctx) })
	log.Go(func() { p.keepCheckpoints(ctx) })
	log.Go(func() { p.askWitnesses(ctx) })
	log.Go(func() { p.watchSealer(ctx, sealerPause) })
	log.Go(func() { p.watchTime(ctx, timePause) })
	kept := p.keeper.start(ctx)
	return func() { cancel(); wait(); <-watched; log.Wait(); kept() }
}

// janitor runs the jobs, each in a goroutine of its own.
type janitor struct {
	trail    *audit.Trail
	log      *slog.Logger
	failed   func(ctx context.Context, job string, why error) // opens the incident of a failed job; required
	look     time.Duration                                    // how often it asks whether something is due
	retry    time.Duration                                    // how long after a failure it tries again
	patience time.Duration                                    // how long the database may be away before that is a failure of the job
}

// start runs the jobs until ctx ends; what it gives waits for those under way.
func (j *janitor) start(ctx context.Context, list []job) (wait func()) {
	var all sync.WaitGroup
	for _, one := range list {
		all.Go(func() { j.keep(ctx, one) })
	}
	return all.Wait
}

// keep runs one job whenever it is due. The clock is asked again and again instead of sleeping until then: it may be set meanwhile.
func (j *janitor) keep(ctx context.Context, one job) {
	ticks := time.NewTicker(j.look)
	defer ticks.Stop()
	var pause, away time.Time // after a failure; since when the database is away
	for {
		if time.Now().After(pause) {
			err := j.ifDue(ctx, one)
			switch {
			case err == nil || ctx.Err() != nil:
				away = time.Time{}
			case audit.Away(err) && (away.IsZero() || time.Since(away) < j.patience): // it is tried again; why the database went is told by others
				if away.IsZero() {
					away = time.Now()
				}
				j.log.WarnContext(ctx, "a job waits for the database", "job", one.name, "error", err)
			case errors.Is(err, errFound): // it did its work and has told what it found: looking again so soon finds the same
				pause = time.Now().Add(24 * time.Hour)
				j.log.ErrorContext(ctx, "a job failed", "job", one.name, "error", err)
			default:
				pause = time.Now().Add(j.retry)
				j.log.ErrorContext(ctx, "a job failed", "job", one.name, "error", err)
				j.failed(ctx, one.name, err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

const (
	jobRun    = `select coalesce(max(succeeded_at), 'epoch'), clock_timestamp() from ebr.jobs where name = @job`
	jobStarts = `insert into ebr.jobs (name, started_at) values (@job, clock_timestamp()) on conflict (name) do update set started_at = excluded.started_at`
	jobDone   = `update ebr.jobs set succeeded_at = clock_timestamp() where name = @job`
	jobFailed = `update ebr.jobs set failed_at = clock_timestamp() where name = @job`
)

// ifDue runs the job when it is due, by the clock of the database, and keeps what came of it.
func (j *janitor) ifDue(ctx context.Context, one job) error {
	args := pgx.NamedArgs{"job": one.name}
	var last, now time.Time
	err := j.trail.Read(ctx, func(r *audit.Reader) error { return r.QueryRow(ctx, jobRun, args).Scan(&last, &now) })
	if err != nil {
		return err
	}
	if last.Unix() == 0 {
		last = time.Time{}
	}
	if one.next(last).After(now) && !last.After(now) { // a success in the future: the clock ran back, and nobody knows how old it is
		return nil
	}
	if err := j.keepTime(ctx, jobStarts, args); err != nil {
		return err
	}
	began := time.Now()
	if err := safely(ctx, one.run); err != nil {
		if ctx.Err() == nil {
			_ = j.keepTime(ctx, jobFailed, args)
		}
		return err
	}
	j.log.InfoContext(ctx, "job done", "job", one.name, "took", time.Since(began).Round(time.Millisecond).String())
	return j.keepTime(ctx, jobDone, args)
}

// keepTime writes when a job ran, also when the server is told to stop meanwhile.
func (j *janitor) keepTime(ctx context.Context, sql string, args pgx.NamedArgs) error {
	ctx = context.WithoutCancel(ctx)
	return j.trail.Operate(ctx, func(op *audit.Op) error {
		_, err := op.Exec(ctx, sql, args)
		return err
	})
}

// safely runs a job; a panic of one must not end the server.
func safely(ctx context.Context, run func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return run(ctx)
}
