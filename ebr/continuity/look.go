package continuity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/language"
	"veribatch/signatures/configuration"
)

// Run is one backup, drill or restore as people read it.
type Run struct {
	Kind    Kind
	State   string // asked, good or failed
	AskedBy string // full name; "" when the server did it by itself
	AskedAt *time.Time
	Name    string
	Place   string
	Digest  string
	Bytes   int64
	Files   int
	Entries int64
	Began   *time.Time
	Ended   *time.Time
	Until   *time.Time
	Result  string
}

// State is how the plant stands.
type State struct {
	Archive Archive
	Backup  *Run // the newest good one; nil: none
	Drill   *Run // the newest good one; nil: none
	Runs    []Run
	Alarms  []Alarm
}

// Alarm is one thing that somebody has to look after.
type Alarm struct {
	Action bool // records are in danger of being lost
	Words  language.Text
}

const (
	run = `select b.kind, b.state, coalesce(p.full_name, ''), b.asked_at, b.name, b.place, b.digest, b.bytes, b.files, b.entries, b.began_at, b.ended_at, b.until, b.result
	from ebr.backups b left join ebr.people p on p.id = b.asked_by`
	newestRuns = run + ` order by b.ended_at desc nulls first, b.id desc limit @limit`
	newestGood = run + ` where b.kind = @kind and b.state = 'good' order by b.ended_at desc limit 1`
	newestOf   = run + ` where b.kind = @kind and b.state <> 'asked' order by b.ended_at desc limit 1`
	firstGood  = run + ` where b.kind = @kind and b.state = 'good' order by b.ended_at limit 1`
)

// Look gives how the plant stands, with the newest runs.
func Look(ctx context.Context, q audit.Querier, limit int) (s State, err error) {
	if s, err = look(ctx, q); err != nil {
		return s, err
	}
	rows, err := q.Query(ctx, newestRuns, pgx.NamedArgs{"limit": limit})
	if err == nil {
		s.Runs, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Run])
	}
	return s, err
}

// Alarms gives what somebody has to look after; it is asked for every page and reads a few rows by index.
func Alarms(ctx context.Context, q audit.Querier) ([]Alarm, error) {
	s, err := look(ctx, q)
	return s.Alarms, err
}

const clock = `select clock_timestamp()`

func look(ctx context.Context, q audit.Querier) (s State, err error) {
	settings, err := configuration.Read(ctx, q)
	if err != nil {
		return s, err
	}
	var now time.Time
	if err := q.QueryRow(ctx, clock).Scan(&now); err != nil {
		return s, err
	}
	if s.Archive, err = readArchive(ctx, q); err != nil {
		return s, err
	}
	var last, first, drill *Run
	for _, one := range []struct {
		sql  string
		kind Kind
		into **Run
	}{{newestGood, Backup, &s.Backup}, {newestOf, Backup, &last}, {firstGood, Backup, &first}, {newestGood, Drill, &s.Drill}, {newestOf, Drill, &drill}} {
		if *one.into, err = oneRun(ctx, q, one.sql, one.kind); err != nil {
			return s, err
		}
	}
	s.Alarms = judge(now, settings, s, last, first, drill)
	return s, nil
}

func oneRun(ctx context.Context, q audit.Querier, sql string, kind Kind) (*Run, error) {
	rows, err := q.Query(ctx, sql, pgx.NamedArgs{"kind": kind})
	if err != nil {
		return nil, err
	}
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Run])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &r, err
}

// slow is how long the archive may lag before somebody is told. A full minute is ordinary when the second place restarts.
const slow = 5 * time.Minute

// judge is the rule. last and drill are the newest ones whatever became of them, first is the oldest good backup.
func judge(now time.Time, settings configuration.Settings, s State, last, first, drill *Run) (list []Alarm) {
	alarm := func(action bool, format string, args ...any) {
		list = append(list, Alarm{action, language.Write(format, args...)})
	}
	switch hours := settings.BackupHours; {
	case s.Backup == nil && s.Archive.Place == "":
		alarm(true, "No backup is set up: what is lost with this machine is lost for good")
	case s.Backup == nil:
		alarm(true, "No backup of this plant has been made yet")
	case s.Backup.Ended.Before(s.Archive.begun()):
		alarm(true, "The archive of the log has begun anew, after a gap, a loss or a restore, and needs a backup: what is done until it is made would be lost with this machine")
	case now.Sub(*s.Backup.Ended) > time.Duration(hours)*time.Hour:
		alarm(true, "The newest backup is %s old, the limit is %d h", age(now.Sub(*s.Backup.Ended)), hours)
	case last.State == "failed":
		alarm(false, "The last backup failed")
	}
	if a := s.Archive; a.Place != "" && a.Problem != "" && now.Sub(a.Since) > slow {
		alarm(true, "The archive of the log in the second place has stood still for %s", age(now.Sub(a.Since)))
	} else if a.Place != "" && a.CompleteAt != nil && now.Sub(*a.CompleteAt) > slow && now.Sub(a.LookedAt) < slow {
		alarm(false, "The archive of the log in the second place is %s behind", age(now.Sub(*a.CompleteAt)))
	}
	limit := time.Duration(settings.DrillDays) * 24 * time.Hour
	switch {
	case drill != nil && drill.State == "failed":
		alarm(true, "The last drill of the restore failed: it is not certain that a backup can be restored")
	case s.Drill != nil && now.Sub(*s.Drill.Ended) > limit:
		alarm(false, "The last drill of the restore is %s old, the limit is %d days", age(now.Sub(*s.Drill.Ended)), settings.DrillDays)
	case s.Drill == nil && first != nil && now.Sub(*first.Ended) > limit:
		alarm(false, "No drill of the restore has been held, the limit is %d days", settings.DrillDays)
	}
	return list
}

// age writes a time span as people say it.
func age(d time.Duration) string {
	switch {
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 72*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
