// Package quality owns what the quality unit judges beside the work on a batch: incidents of the system (EU GMP Annex 11 clause 13) and the
// review of a batch's audit trail (clause 9). It does not execute a batch (ebr/batch), prints nothing (ebr/report) and knows no browser.
// Start reading at Incident and OpenIncident, then Book; for the review at Review.
package quality

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/text/unicode/norm"

	"veribatch/audit"
	"veribatch/internal/plaintext"
)

// Kind says what failed.
type Kind string

// The kinds of incidents.
const (
	InternalError  Kind = "internal_error"  // an answer that the program could not give, or a panic
	UncleanRestart Kind = "unclean_restart" // the last run of the server did not end by itself
	FailedJob      Kind = "failed_job"      // work that the server does by itself
	VerifyAlarm    Kind = "verify_alarm"    // records and trail do not agree
	Clock          Kind = "clock"           // the server's clock jumped
	Backup         Kind = "backup"          // a backup failed, or is too old
	Certificate    Kind = "certificate"     // the certificate of the site is about to expire, or has
)

// words are the kinds as people read them.
var words = map[Kind]string{
	InternalError: "internal error", UncleanRestart: "unclean restart", FailedJob: "failed job", VerifyAlarm: "verify alarm", Clock: "clock",
	Backup: "backup", Certificate: "certificate",
}

// Words gives the kind as people read it.
func (k Kind) Words() string { return words[k] }

// Kinds lists all kinds.
func Kinds() []Kind { return slices.Sorted(maps.Keys(words)) }

// Incident is one occurrence of a failure of the system. It holds no value of a record and no secret: people without a right to the
// batch read it, and the log has it too.
type Incident struct {
	Kind      Kind
	Summary   string    // what failed and where, in words: at most 2,000 characters are kept
	Cause     string    // what makes two occurrences the same; "" means the summary
	Reference string    // number that a person was shown or that the log holds; "" when there is none
	Batches   []string  // ids of the batches that it may have touched; unknown ones are left out
	At        time.Time // when it happened; zero means now
	Times     int64     // how often, when several are reported together; 0 means once
}

// window is how long after the last occurrence the same cause is counted on the open incident; later it is a new one, so that a failure
// that comes back does not hide in an old line.
const window = 24 * time.Hour

const (
	knownBatches = `select id::text from ebr.batches where id = any(@batches) order by id`
	openOfCause  = `select id::text, number, version from ebr.incidents where cause = @cause and closed_at is null and last_at >= @since order by opened_at desc limit 1`
	nextIncident = `insert into ebr.counters as c (id, value) values (@id, 1) on conflict (id) do update set value = c.value + 1, version = c.version + 1 returning value`
	newIncident  = `insert into ebr.incidents (id, number, kind, cause, summary, first_reference, first_at, last_reference, last_at, occurrences, opened_at)
	values (@id, @number, @kind, @cause, @summary, @reference, @at, @reference, @at, @times, @now)`
	countAgain = `update ebr.incidents set occurrences = occurrences + @times, last_at = greatest(last_at, @at), last_reference = case when @reference = '' then last_reference else @reference end,
	version = version + 1 where id = @id and version = @seen`
	linkBatch = `insert into ebr.incident_batches (id, incident, batch, linked_at) values (@link, @id, @batch, @now) on conflict (incident, batch) do nothing`
	// A batch that was judged before the incident struck it again is judged once more.
	judgeAgain = `update ebr.incident_batches set disposition = '', reason = '', assessed_by = null, assessed_at = null, changed_because = '', signature = null, version = version + 1
	where incident = @id and batch = @batch and disposition <> ''`
)

// OpenIncident writes an occurrence under the server's own session: as a new incident, or counted on the open one of the same cause. It
// fails when the database is away; Book keeps what could not be written.
func OpenIncident(ctx context.Context, trail *audit.Trail, in Incident) error {
	return write(ctx, trail, in, "")
}

// errTakenBack ends a rehearsal, so that nothing of it stays.
var errTakenBack = errors.New("quality: a rehearsal is taken back")

// Rehearse opens an incident as OpenIncident does and takes it back, in one transaction. It gives what see saw before and after.
func Rehearse(ctx context.Context, trail *audit.Trail, in Incident, see func(ctx context.Context, q audit.Querier) (string, error)) (before, after string, err error) {
	in.complete(trail.Now())
	_, err = trail.Change(ctx, in.intent(trail), func(tx *audit.Tx) error {
		var err error
		if before, err = see(ctx, tx); err != nil {
			return err
		}
		if err := in.do(ctx, tx); err != nil {
			return err
		}
		if after, err = see(ctx, tx); err != nil {
			return err
		}
		return errTakenBack
	})
	if errors.Is(err, errTakenBack) {
		err = nil
	}
	return before, after, err
}

// write is OpenIncident under a request key, with which the same report is written once however often it is tried.
func write(ctx context.Context, trail *audit.Trail, in Incident, key string) error {
	if words[in.Kind] == "" {
		return fmt.Errorf("quality: there is no kind of incident %q", in.Kind)
	}
	in.complete(trail.Now())
	var err error
	if in.Batches, err = known(ctx, trail, in.Batches); err != nil {
		return err
	}
	intent := in.intent(trail)
	intent.Key = key
	_, err = trail.Change(ctx, intent, func(tx *audit.Tx) error { return in.do(ctx, tx) })
	return err
}

// intent is the act of opening it, in the site's stream and in those of the batches that it touches.
func (in *Incident) intent(trail *audit.Trail) audit.Intent {
	intent := audit.Intent{Session: trail.System(), Act: "incident.open", Home: audit.Site, Reason: in.Summary}
	for _, b := range in.Batches {
		intent.Also = append(intent.Also, audit.Stream("batch/"+b))
	}
	return intent
}

// complete fills in what was left out, and shortens what is too long to be kept.
func (in *Incident) complete(now time.Time) {
	if in.Cause == "" {
		in.Cause = in.Summary
	}
	if in.Summary == "" {
		in.Summary = in.Kind.Words()
	}
	in.Summary, in.Reference = printed(in.Summary, 2000), printed(in.Reference, 40)
	if in.At.IsZero() || in.At.After(now) {
		in.At = now
	}
	in.At = in.At.Truncate(time.Microsecond)
	in.Times = max(in.Times, 1)
}

// printed gives text that every record can print, so that it can be signed.
func printed(text string, limit int) string {
	r := []rune(norm.NFC.String(strings.Join(strings.Fields(text), " ")))
	for i := range r {
		if !plaintext.Printable(r[i]) {
			r[i] = '?'
		}
	}
	if len(r) > limit {
		r = append(r[:limit-1], '…')
	}
	return string(r)
}

// fingerprint is what two occurrences of the same cause share.
func (in Incident) fingerprint() string {
	sum := sha256.Sum256([]byte(string(in.Kind) + "\x00" + in.Cause))
	return hex.EncodeToString(sum[:])
}

// known leaves out what is no batch: an address can name anything.
func known(ctx context.Context, trail *audit.Trail, ids []string) (batches []string, err error) {
	var asked []string
	for _, id := range ids {
		if uuid.Validate(id) == nil {
			asked = append(asked, id)
		}
	}
	if len(asked) == 0 {
		return nil, nil
	}
	err = trail.Read(ctx, func(r *audit.Reader) error {
		rows, err := r.Query(ctx, knownBatches, pgx.NamedArgs{"batches": asked})
		if err == nil {
			batches, err = pgx.CollectRows(rows, pgx.RowTo[string])
		}
		return err
	})
	return batches, err
}

// do writes the occurrence. The home stream is the site's, so that two of the same cause cannot both be the first.
func (in Incident) do(ctx context.Context, tx *audit.Tx) error {
	args := pgx.NamedArgs{
		"kind": in.Kind, "cause": in.fingerprint(), "summary": in.Summary, "reference": in.Reference, "at": in.At, "times": in.Times, "now": tx.Now(),
		"since": in.At.Add(-window),
	}
	var id, number string
	var seen int
	err := tx.QueryRow(ctx, openOfCause, args).Scan(&id, &number, &seen)
	switch {
	case err == nil:
		args["id"], args["seen"] = id, seen
		_, err = tx.Exec(ctx, countAgain, args)
	case errors.Is(err, pgx.ErrNoRows):
		args["id"] = audit.NewID()
		number, err = in.first(ctx, tx, args)
	}
	if err != nil {
		return err
	}
	for _, b := range in.Batches {
		args["link"], args["batch"] = audit.NewID(), b
		for _, sql := range []string{judgeAgain, linkBatch} {
			if _, err := tx.Exec(ctx, sql, args); err != nil {
				return err
			}
		}
	}
	tx.Note("incident", number)
	tx.Note("kind", in.Kind.Words())
	if in.Reference != "" {
		tx.Note("reference", in.Reference)
	}
	if in.Times > 1 {
		tx.Note("times", fmt.Sprint(in.Times))
	}
	return nil
}

// first opens a new incident with the next number of its year.
func (in Incident) first(ctx context.Context, tx *audit.Tx, args pgx.NamedArgs) (number string, err error) {
	year := tx.Now().Format("2006")
	var value int64
	if err := tx.QueryRow(ctx, nextIncident, pgx.NamedArgs{"id": "incident-" + year}).Scan(&value); err != nil {
		return "", err
	}
	number = fmt.Sprintf("I-%s-%06d", year, value)
	args["number"] = number
	_, err = tx.Exec(ctx, newIncident, args)
	return number, err
}
