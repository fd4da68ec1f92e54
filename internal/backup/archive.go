package backup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/internal/fault"
	"veribatch/internal/postgres"
)

// slot is PostgreSQL's promise to keep the log until the second place has it.
const slot = "veribatch_backup"

// segmentBytes is the size of one file of the log.
const segmentBytes = 16 << 20

// ErrGap says that the log between two moments is lost to the archive: a new line has to be begun, with a backup.
var ErrGap = errors.New("the archive of the log has a gap")

// Archive keeps the log of a running plant in its line: pg_receivewal takes it as it is written, so that what is lost with the first
// place is the last second and not the last hour.
type Archive struct {
	Line   Line
	Access postgres.Access
	Key    Key

	seen    map[string]time.Time // when the plant last wrote into a segment or one before it
	pending mark
	reached time.Time
}

type mark struct {
	at       time.Time
	position uint64
}

// Status is how far the archive has come.
type Status struct {
	CompleteAt time.Time // everything committed until then stands in the second place; zero: not known yet
	Behind     int64     // bytes of log that stand in the first place only
	Receiving  bool
}

// digest stands beside each finished segment.
type digest struct {
	Line      string    `json:"line,omitempty"` // empty, like Segment and Signature: made by a version that did not sign
	Segment   string    `json:"segment,omitempty"`
	Previous  string    `json:"previous,omitempty"` // SHA-256 of the digest of the segment before
	Bytes     int64     `json:"bytes"`
	SHA256    string    `json:"sha256"`
	At        time.Time `json:"at"`
	Open      time.Time `json:"open"` // what stands in later segments was committed after this; zero: not known
	Signature string    `json:"signature,omitempty"`
}

// tail is how far the segment that is being written has come.
type tail struct {
	Line      string    `json:"line,omitempty"`
	Segment   string    `json:"segment"`
	Bytes     int64     `json:"bytes"`
	SHA256    string    `json:"sha256"`
	At        time.Time `json:"at"`
	Signature string    `json:"signature,omitempty"`
}

func (l Line) tailFile() string { return filepath.Join(l.Dir, "tail.json") }
func (l Line) digestFile(segment string) string {
	return filepath.Join(l.digests(), segment+".json")
}

const systemIdentifier = `select system_identifier::text from pg_catalog.pg_control_system()`

func systemOf(ctx context.Context, a postgres.Access) (system string, err error) {
	err = asBackup(ctx, a, func(c *pgx.Conn) error { return c.QueryRow(ctx, systemIdentifier).Scan(&system) })
	return system, err
}

func asBackup(ctx context.Context, a postgres.Access, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, a.In("postgres").DSN(postgres.Backup))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return do(conn)
}

const (
	slotStatus = `select wal_status, active from pg_catalog.pg_replication_slots where slot_name = $1`
	dropSlot   = `select pg_catalog.pg_drop_replication_slot($1)`
	makeSlot   = `select lsn::text, pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()) from pg_catalog.pg_create_physical_replication_slot($1, true)`
)

// Prepare makes sure that PostgreSQL keeps the log for this line. ErrGap: it did not, since the line was left.
func (a *Archive) Prepare(ctx context.Context) error {
	f, err := a.Line.read()
	if err != nil {
		return err
	}
	return asBackup(ctx, a.Access, func(c *pgx.Conn) error {
		var system, status string
		var active bool
		if err := c.QueryRow(ctx, systemIdentifier).Scan(&system); err != nil {
			return err
		}
		if f.System != "" && f.System != system {
			return fault.New(fault.NotReady, "The backups in %s are of another database. Nothing is written there.", a.Line.Dir)
		}
		err := c.QueryRow(ctx, slotStatus, slot).Scan(&status, &active)
		switch {
		case err == nil && status != "lost" && f.LogFrom != "":
			return nil
		case err == nil:
			if _, err := c.Exec(ctx, dropSlot, slot); err != nil {
				return err
			}
		case !errors.Is(err, pgx.ErrNoRows):
			return err
		}
		if f.LogFrom != "" {
			return ErrGap
		}
		var lsn, current string
		if err := c.QueryRow(ctx, makeSlot, slot).Scan(&lsn, &current); err != nil {
			return err
		}
		f.System, f.LogFrom = system, current[:8]+nameOf(position(lsn))
		return writeJSON(filepath.Join(a.Line.Dir, "line.json"), f)
	})
}

// Forget lets PostgreSQL throw away its log again, in a plant whose server is run without a second place.
func Forget(ctx context.Context, a postgres.Access) error {
	return asBackup(ctx, a, func(c *pgx.Conn) error {
		var status string
		var active bool
		err := c.QueryRow(ctx, slotStatus, slot).Scan(&status, &active)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err == nil {
			_, err = c.Exec(ctx, dropSlot, slot)
		}
		return err
	})
}

// Receive takes the log until ctx ends or something fails. Each record is on the disk of the second place before it counts as received.
func (a *Archive) Receive(ctx context.Context) error {
	// A segment that could not be laid out in its full length, on a full disk, holds nothing yet and stands in the way.
	for _, h := range endingIn(a.Line.log(), ".partial") {
		if info, err := os.Stat(h); err == nil && info.Size() != segmentBytes {
			if err := os.Remove(h); err != nil {
				return err
			}
		}
	}
	err := postgres.Run(a.Access.Tool(ctx, postgres.Backup, "pg_receivewal", "--directory="+a.Line.log(), "--slot="+slot, "--synchronous", "--no-loop", "--no-password"))
	if ctx.Err() != nil {
		return nil
	}
	return err
}

const howFar = `select s.active, coalesce(s.restart_lsn, '0/0')::text, coalesce(s.wal_status, '') = 'lost', pg_catalog.pg_current_wal_flush_lsn()::text,
	pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_flush_lsn()), pg_catalog.clock_timestamp() from pg_catalog.pg_replication_slots s where s.slot_name = $1`

// Look notes how far the archive has come: the digests of finished segments and of the beginning of the open one.
func (a *Archive) Look(ctx context.Context) (s Status, err error) {
	var received, written, current string
	var lost bool
	var now time.Time
	err = asBackup(ctx, a.Access, func(c *pgx.Conn) error {
		return c.QueryRow(ctx, howFar, slot).Scan(&s.Receiving, &received, &lost, &written, &current, &now)
	})
	if errors.Is(err, pgx.ErrNoRows) || lost {
		return s, ErrGap
	}
	if err != nil {
		return s, err
	}
	if a.seen == nil {
		a.seen = map[string]time.Time{}
	}
	timeline, at, end := current[:8], position(received), position(written)
	a.seen[timeline+nameOf(end)] = now.UTC()
	s.Behind = max(0, int64(end)-int64(at))
	if s.Behind == 0 {
		a.reached, a.pending = now, mark{}
	} else if a.pending.position != 0 && at >= a.pending.position {
		a.reached, a.pending = a.pending.at, mark{now, end}
	} else if a.pending.position == 0 {
		a.pending = mark{now, end}
	}
	s.CompleteAt = a.reached
	if err := a.note(timeline + nameOf(at)); err != nil {
		return s, err
	}
	return s, a.noteTail(timeline+nameOf(at), int64(at%segmentBytes), now.UTC())
}

func (a *Archive) noteTail(segment string, bytes int64, now time.Time) error {
	open := filepath.Join(a.Line.log(), segment+".partial")
	if info, err := os.Stat(open); err == nil && info.Size() < segmentBytes {
		return nil // a full disk did not let it be laid out: it holds nothing, and Receive takes it away
	}
	sum, n, err := digestOf(open, bytes)
	if errors.Is(err, fs.ErrNotExist) || err == nil && n < bytes {
		return nil // it was finished or begun just now
	}
	if err != nil {
		return err
	}
	t := tail{Line: a.Line.ID, Segment: segment, Bytes: bytes, SHA256: sum, At: now}
	t.Signature = a.Key.sign(ofTail, t.message())
	return writeJSON(a.Line.tailFile(), t)
}

// position reads a position in the log, "1/2A000060".
func position(lsn string) uint64 {
	high, low, _ := strings.Cut(lsn, "/")
	return hexadecimal(high)<<32 | hexadecimal(low)
}
