// Package continuity owns the record of how the plant's data is kept from being lost: backups, drills of the restore and restores as
// records of the trail, and when to raise the alarm about them (EU GMP Annex 11 clause 7.2). It copies nothing (internal/backup) and
// decides no schedule (cmd/ebr). Start reading at Report and File, then Look.
package continuity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
)

// Kind says what was done.
type Kind string

// The kinds.
const (
	Backup  Kind = "backup"
	Drill   Kind = "drill"   // a backup was restored beside the plant and checked
	Restore Kind = "restore" // this plant came back from a backup
)

var acts = map[Kind]string{Backup: "backup.make", Drill: "backup.drill", Restore: "backup.restore"}

// Report is how a backup, a drill or a restore ended. It is written into the state folder first, by whoever did the work, and filed by the
// server: so the result is not lost when the server or the database is not there.
type Report struct {
	ID      string     `json:"id"`
	Kind    Kind       `json:"kind"`
	Good    bool       `json:"good"`
	Name    string     `json:"name"` // of the backup in the second place
	Place   string     `json:"place"`
	Digest  string     `json:"digest"` // SHA-256 of its manifest
	Bytes   int64      `json:"bytes"`
	Files   int        `json:"files"`
	Entries int64      `json:"entries"`
	Began   time.Time  `json:"began"`
	Ended   time.Time  `json:"ended"`
	Until   *time.Time `json:"until,omitempty"`
	Result  string     `json:"result"`          // in words
	Cause   string     `json:"cause,omitempty"` // why it failed, in words that are the same each time; "": not known so exactly
}

const (
	filed  = `select exists (select from ebr.backups where report = @report)`
	answer = `update ebr.backups set state = @state, name = @name, place = @place, digest = @digest, bytes = @bytes, files = @files, entries = @entries,
	began_at = @began, ended_at = @ended, until = @until, result = @result, report = @report, version = version + 1
	where kind = @kind and state = 'asked'`
	file = `insert into ebr.backups (id, kind, state, name, place, digest, bytes, files, entries, began_at, ended_at, until, result, report)
	values (@id, @kind, @state, @name, @place, @digest, @bytes, @files, @entries, @began, @ended, @until, @result, @report)`
)

// errFiled leaves a change whose report stands already.
var errFiled = errors.New("continuity: filed")

// File enters a report under the server's own session, once however often it is called. A backup that somebody asked for gets its answer.
func File(ctx context.Context, trail *audit.Trail, r Report) error {
	state := "failed"
	if r.Good {
		state = "good"
	}
	if text := []rune(r.Result); len(text) > 4000 {
		r.Result = string(text[:3999]) + "…"
	}
	in := audit.Intent{Session: trail.System(), Act: acts[r.Kind], Home: audit.Site, Reason: r.Result}
	_, err := trail.Change(ctx, in, func(tx *audit.Tx) error {
		args := pgx.NamedArgs{
			"id": audit.NewID(), "report": r.ID, "kind": r.Kind, "state": state, "name": r.Name, "place": r.Place, "digest": r.Digest, "bytes": r.Bytes,
			"files": r.Files, "entries": r.Entries, "began": r.Began, "ended": r.Ended, "until": r.Until, "result": r.Result,
		}
		var known bool
		if err := tx.QueryRow(ctx, filed, args).Scan(&known); err != nil {
			return err
		}
		if known {
			return errFiled
		}
		tag, err := tx.Exec(ctx, answer, args)
		if err == nil && tag.RowsAffected() == 0 {
			_, err = tx.Exec(ctx, file, args)
		}
		return err
	})
	if errors.Is(err, errFiled) {
		return nil
	}
	return err
}

// Ask is the wish of a person that a backup is made now. The server makes it within a minute and files how it ended.
type Ask struct{}

// Act is the word of the act.
func (Ask) Act() string { return "backup.make" }

// Home is the stream of the plant.
func (Ask) Home() audit.Stream { return audit.Site }

const (
	asked  = `select asked_at from ebr.backups where state = 'asked'`
	askFor = `insert into ebr.backups (id, kind, state, asked_by, asked_at) values (@id, 'backup', 'asked', @person, @now)`
)

// Do notes the wish.
func (Ask) Do(ctx context.Context, tx *audit.Tx) error {
	archive, err := readArchive(ctx, tx)
	if err != nil {
		return err
	}
	if archive.Place == "" {
		return fault.New(fault.NotReady, "No second place is set up on this server. Start it with --backup-to FOLDER.")
	}
	at, found, err := Asked(ctx, tx)
	if err != nil {
		return err
	}
	if found {
		return fault.New(fault.Conflict, "A backup was asked for at %s already and is being made.", at.Format("15:04:05"))
	}
	_, err = tx.Exec(ctx, askFor, pgx.NamedArgs{"id": audit.NewID(), "person": tx.Actor().Person, "now": tx.Now()})
	return err
}

// Asked tells whether somebody waits for a backup, and since when.
func Asked(ctx context.Context, q audit.Querier) (at time.Time, found bool, err error) {
	err = q.QueryRow(ctx, asked).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		return at, false, nil
	}
	return at, err == nil, err
}

// Archive is how far the archive of the database's log has come.
type Archive struct {
	Place, Line string
	CompleteAt  *time.Time // everything committed until then stands in the second place
	Behind      int64      // bytes that do not
	Problem     string     // what stands in the way; "" for nothing
	Since       time.Time  // since when there is this problem, or none
	LookedAt    time.Time
}

// begun is when the line of the archive was begun, which stands in its name; zero: there is none.
func (a Archive) begun() time.Time {
	stamp, _, _ := strings.Cut(a.Line, "-")
	at, _ := time.Parse("20060102T150405Z", stamp)
	return at
}

const (
	keepArchive = `insert into ebr.archive as a (id, place, line, complete_at, behind, problem, since, looked_at)
	values (true, @place, @line, @complete, @behind, @problem, clock_timestamp(), clock_timestamp())
	on conflict (id) do update set place = excluded.place, line = excluded.line, complete_at = coalesce(excluded.complete_at, a.complete_at), behind = excluded.behind,
	problem = excluded.problem, since = case when (a.problem = '') = (excluded.problem = '') then a.since else excluded.since end, looked_at = excluded.looked_at`
	howArchive = `select place, line, complete_at, behind, problem, since, looked_at from ebr.archive`
)

// KeepArchive stores how far the archive has come.
func KeepArchive(ctx context.Context, trail *audit.Trail, a Archive) error {
	return trail.Operate(ctx, func(op *audit.Op) error {
		_, err := op.Exec(ctx, keepArchive, pgx.NamedArgs{"place": a.Place, "line": a.Line, "complete": a.CompleteAt, "behind": a.Behind, "problem": a.Problem})
		return err
	})
}

func readArchive(ctx context.Context, q audit.Querier) (a Archive, err error) {
	rows, err := q.Query(ctx, howArchive)
	if err != nil {
		return a, err
	}
	a, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Archive])
	if errors.Is(err, pgx.ErrNoRows) {
		return a, nil
	}
	if err != nil {
		return a, fmt.Errorf("continuity: the state of the archive: %w", err)
	}
	return a, nil
}

const endSessions = `update ebr.sessions set ended_at = clock_timestamp() where ended_at is null and person <> @server`

// EndSessions ends everybody's session. A restored copy has sessions that were closed after the time to which it was restored.
func EndSessions(ctx context.Context, trail *audit.Trail) error {
	return trail.Operate(ctx, func(op *audit.Op) error {
		_, err := op.Exec(ctx, endSessions, pgx.NamedArgs{"server": audit.SystemPerson})
		return err
	})
}
