package main

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/ebr/quality"
)

// incidents is the folder of the incidents that could not be written yet. Other programs leave theirs there too.
func (p place) incidents() string { return filepath.Join(p.State, "incidents") }

// pastRun is a run of the server that did not stop by itself.
type pastRun struct {
	session string
	started time.Time
	ended   time.Time // of the last entry that the trail has
	batches []string
}

// cause makes one run one incident.
func (r pastRun) cause() string { return "run " + r.session }

const (
	// A run that works holds the lock of its session; one that stopped by itself ended its session; one that was reported has its incident. Several are
	// lost when one ended before it could report the one before: all of the last day count, and all since the last that is settled.
	lostRuns = `with runs as (select s.id, s.opened_at, s.ended_at is not null or exists (select from ebr.incidents i
		where i.cause = encode(sha256(convert_to(@kind, 'UTF8') || '\x00'::bytea || convert_to('run ' || s.id, 'UTF8')), 'hex')) as settled from ebr.sessions s where s.person = @system)
	select r.id::text, r.opened_at, coalesce((select max(e.at) from audit.entries e
		where e.at < coalesce((select min(n.opened_at) from runs n where n.opened_at > r.opened_at), 'infinity')), r.opened_at)
	from runs r where not r.settled and (r.opened_at >= coalesce((select max(opened_at) from runs where settled), (select max(opened_at) from runs)) or r.opened_at > clock_timestamp() - interval '1 day')
	and pg_try_advisory_xact_lock(hashtextextended(r.id::text, 0)) order by r.opened_at`
	touchedBatches = `select id::text from ebr.batches where state = 'running'
	union select substr(stream, 7) from audit.entries where at > @since and stream like 'batch/%'`
)

// justBefore is how long before its end the acts of a lost run are doubtful: their people may have seen no answer.
const justBefore = 10 * time.Minute

// lastRuns gives the runs of the server that were not stopped and are not reported, oldest first. It is asked before this one starts.
func lastRuns(ctx context.Context, trail *audit.Trail) (lost []pastRun, err error) {
	err = trail.Read(ctx, func(q *audit.Reader) error {
		rows, err := q.Query(ctx, lostRuns, pgx.NamedArgs{"system": audit.SystemPerson, "kind": quality.UncleanRestart})
		if err != nil {
			return err
		}
		lost, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r pastRun, err error) {
			err = row.Scan(&r.session, &r.started, &r.ended)
			return r, err
		})
		for i := range lost {
			if err == nil {
				rows, err = q.Query(ctx, touchedBatches, pgx.NamedArgs{"since": lost[i].ended.Add(-justBefore)})
			}
			if err == nil {
				lost[i].batches, err = pgx.CollectRows(rows, pgx.RowTo[string])
			}
		}
		return err
	})
	return lost, err
}

// keepIncidents writes incidents beside the requests, the first ones about the runs that were lost; what it gives ends it.
func (p *plant) keepIncidents(ctx context.Context, runs []pastRun) (stop func()) {
	for _, lost := range runs {
		p.incidents.Report(quality.Incident{
			Kind: quality.UncleanRestart, Cause: lost.cause(), Batches: lost.batches, At: lost.ended,
			Summary: fmt.Sprintf("The server that was started at %s entered no stop: it was killed, the machine or the database failed, or it was of a version that enters none. "+
				"Everything that was confirmed is kept. The batches that ran, and those with an act in its last %d minutes, are linked: ask whether somebody was left without an answer.",
				lost.started.Format("2006-01-02 15:04:05 -07:00"), int(justBefore.Minutes())),
		})
	}
	ctx, cancel := context.WithCancel(ctx)
	var ended sync.WaitGroup
	ended.Go(func() { p.incidents.Keep(ctx) })
	return func() { cancel(); ended.Wait() }
}

// jobFailed opens the incident of a failed job. Why stands in the log: it may hold a value of a record.
func (p *plant) jobFailed(_ context.Context, job string, _ error) {
	p.metrics.failures.WithLabelValues(job).Inc()
	if job == backupJob || job == drillJob {
		return // the keeper files how it ended, and opens the incident
	}
	p.incidents.Report(quality.Incident{Kind: quality.FailedJob, Summary: fmt.Sprintf("The job %s failed; the log of the server says why.", job), Cause: job})
}

// doubtful opens the incident of a stored password that is not believed.
func (p *plant) doubtful(person, what string) {
	p.incidents.Report(quality.Incident{Kind: quality.VerifyAlarm, Summary: what, Cause: "password of " + person})
}

// stopped enters that the server stops by itself. When that cannot be written any more, the next start says so; and so it does when the database ended before
// the server, of which a connection or two may live a moment longer.
func stopped(ctx context.Context, trail *audit.Trail, gone <-chan struct{}) {
	select {
	case <-gone:
	default:
		_ = trail.Stop(context.WithoutCancel(ctx))
	}
}

var (
	foundBatch = regexp.MustCompile(`(?:batch/|ebr\.batches id )([0-9a-f]{8}-[0-9a-f-]{27})`)
	foundLine  = regexp.MustCompile(`ebr\.batch_history id ([0-9a-f]{8}-[0-9a-f-]{27})`)
	foundTable = regexp.MustCompile(`\b(?:ebr|audit)\.[a-z_]+`)
)

const batchesOfLines = `select distinct batch::text from ebr.batch_history where id::text = any(@lines)`

// verifyAlarm makes the incident of a verification that found something, linked to the batches that are named. The findings themselves may
// quote values: they stand in the output of the verification alone.
func verifyAlarm(ctx context.Context, trail *audit.Trail, report audit.Report) quality.Incident {
	text := strings.Join(report.Findings, "\n")
	in := quality.Incident{Kind: quality.VerifyAlarm, Batches: matches(foundBatch, text)}
	if lines := matches(foundLine, text); len(lines) > 0 {
		_ = trail.Read(ctx, func(r *audit.Reader) error { // without them the alarm is raised all the same
			rows, err := r.Query(ctx, batchesOfLines, pgx.NamedArgs{"lines": lines})
			if err != nil {
				return err
			}
			more, err := pgx.CollectRows(rows, pgx.RowTo[string])
			in.Batches = append(in.Batches, more...)
			return err
		})
	}
	tables := foundTable.FindAllString(text, -1)
	slices.Sort(tables)
	in.Cause = strings.Join(slices.Compact(tables), ", ")
	in.Summary = fmt.Sprintf("Records, trail and signatures do not agree: %d findings (%s). Run ebr verify: it names each of them.", len(report.Findings), in.Cause)
	return in
}

// matches gives what the first group of the pattern found, each once.
func matches(pattern *regexp.Regexp, text string) (found []string) {
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// alarm leaves the incident of a verification by hand to the server of this state folder, the one that runs or the next one.
func (p place) alarm(ctx context.Context, trail *audit.Trail, report audit.Report) error {
	return quality.Leave(p.incidents(), verifyAlarm(ctx, trail, report))
}
