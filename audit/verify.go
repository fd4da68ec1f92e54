package audit

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Report is what a verification found.
type Report struct {
	Entries, Streams, Rows, Contents int64
	Signatures                       int   // filled by who knows signatures; 0 when they were not checked
	Checkpoints                      int   // filled by who knows checkpoints
	Leaves                           int64 // filled by who knows the log
	Elapsed                          time.Duration
	Findings                         []string // each names table, key, column or entry; empty when all agrees
	Notes                            []string // what was not checked, and why
}

// Verify reads the whole trail and every record row in one snapshot and reports each disagreement: exact bytes against
// hashes, each chain against its head, search columns and subjects against the bodies, contents against their digests,
// every record row against its newest image, every table against its class (21 CFR 11.10(a), (e); EU GMP Annex 11 clause 7.1).
//
// What it proves: the records agree with the trail and the trail with itself. Somebody who rewrites rows, bodies, hashes and
// heads together is found only against a checkpoint that was signed before, outside the database.
func Verify(ctx context.Context, q Querier) (Report, error) {
	start := time.Now()
	v := &verifier{q: q, heads: map[Stream]link{}, rows: map[string]*lineage{}, subjects: map[string]int64{}}
	for _, step := range []func(context.Context) error{v.schema, v.chains, v.headsMatch, v.subjectsMatch, v.contentsMatch, v.rowsMatch} {
		if err := step(ctx); err != nil {
			return v.Report, err
		}
	}
	v.Elapsed = time.Since(start)
	return v.Report, nil
}

// Verify runs Verify in one read-only snapshot of the trail's own database.
func (t *Trail) Verify(ctx context.Context) (report Report, err error) {
	err = t.Read(ctx, func(r *Reader) error {
		report, err = Verify(ctx, r)
		return err
	})
	return report, err
}

// Print writes the report for a person; it never claims more than was checked.
func (r Report) Print(w io.Writer) {
	for _, f := range r.Findings {
		fmt.Fprintln(w, "FOUND", f)
	}
	for _, n := range r.Notes {
		fmt.Fprintln(w, "NOTE", n)
	}
	fmt.Fprintf(w, "%d entries in %d streams, %d record rows, %d contents, %d signatures, %d leaves of the log, %d checkpoints, %.1f s\n", r.Entries, r.Streams, r.Rows, r.Contents, r.Signatures, r.Leaves, r.Checkpoints, r.Elapsed.Seconds())
	if len(r.Findings) == 0 {
		fmt.Fprintln(w, "The records agree with the trail and the trail with itself.")
		return
	}
	fmt.Fprintf(w, "%d disagreements.\n", len(r.Findings))
}

type link struct {
	seq  int64
	hash []byte
	at   time.Time
}

// lineage is what the trail says of one record row: how many versions it saw, the digest of the newest image, and whether each
// change began at the image with which the one before it ended. links is the XOR over all images after and before a change, each
// hashed with its version: in an unbroken line only the newest image remains.
type lineage struct {
	versions, newest int64
	links            [32]byte
	digest           [32]byte
	stream           Stream // the entry of the newest image
	seq              int64
}

func (l *lineage) link(version int64, image []byte) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", version, image))
	subtle.XORBytes(l.links[:], l.links[:], sum[:])
}

// unbroken tells whether every change began where the one before it ended: what happened to the row between two entries shows.
func (l *lineage) unbroken(newest []byte) bool {
	return l.links == sha256.Sum256(fmt.Appendf(nil, "%d %s", l.newest, newest))
}

func (l *lineage) where() string { return fmt.Sprintf("entry %s #%d", l.stream, l.seq) }

type verifier struct {
	Report
	q        Querier
	heads    map[Stream]link
	rows     map[string]*lineage
	subjects map[string]int64
}

func (v *verifier) found(format string, args ...any) {
	v.Findings = append(v.Findings, fmt.Sprintf(format, args...))
}

const everyEntry = `select stream, seq, at, person::text, act, refused, body, hash from audit.entries order by stream, seq`

func (v *verifier) chains(ctx context.Context) error {
	rows, err := v.q.Query(ctx, everyEntry)
	if err != nil {
		return err
	}
	var stored struct {
		stream      Stream
		seq         int64
		at          time.Time
		person, act string
		refused     bool
		body, hash  []byte
	}
	_, err = pgx.ForEachRow(rows, []any{&stored.stream, &stored.seq, &stored.at, &stored.person, &stored.act, &stored.refused, &stored.body, &stored.hash}, func() error {
		v.Entries++
		name := fmt.Sprintf("entry %s #%d", stored.stream, stored.seq)
		sum := sha256.Sum256(stored.body)
		if string(sum[:]) != string(stored.hash) {
			v.found("%s: its bytes do not give its hash", name)
		}
		e, err := Decode(stored.body)
		if err != nil {
			v.found("%s: %v", name, err)
			v.heads[stored.stream] = link{stored.seq, slices.Clone(stored.hash), stored.at}
			return nil
		}
		before := v.heads[stored.stream]
		if wrong := (Entry{Seq: stored.seq, Prev: e.Prev, Time: e.Time}).follows(before.seq, before.hash, before.at); wrong != "" {
			v.found("%s %s", name, wrong)
		}
		if e.Stream != stored.stream || e.Seq != stored.seq || !e.Time.Equal(stored.at) || e.By.Person != stored.person || e.Act != stored.act || e.Refused != stored.refused {
			v.found("%s: its columns (stream, seq, at, person, act, refused) do not repeat its body", name)
		}
		v.heads[stored.stream] = link{stored.seq, slices.Clone(stored.hash), stored.at}
		v.remember(e)
		return nil
	})
	v.Streams = int64(len(v.heads))
	return err
}

// remember folds the entry's changes and subjects.
func (v *verifier) remember(e Entry) {
	for _, c := range e.Changes {
		key := c.Table + " " + c.ID
		row := v.rows[key]
		if row == nil {
			row = &lineage{}
			v.rows[key] = row
		}
		row.versions++
		row.link(c.Version, c.After)
		if c.Op == "update" {
			row.link(c.Version-1, c.Before)
		}
		if c.Version > row.newest {
			row.newest, row.digest, row.stream, row.seq = c.Version, sha256.Sum256(c.After), e.Stream, e.Seq
		}
	}
	seen := map[Stream]bool{}
	for _, s := range e.Also {
		if !seen[s] {
			seen[s] = true
			v.subjects[subjectKey(string(s), string(e.Stream), e.Seq, e.Time)]++
		}
	}
}

func subjectKey(subject, stream string, seq int64, at time.Time) string {
	return fmt.Sprintf("%s in %s #%d at %s", subject, stream, seq, at.UTC().Format(time.RFC3339Nano))
}

const everyHead = `select stream, seq, hash, at from audit.heads order by stream`

func (v *verifier) headsMatch(ctx context.Context) error {
	rows, err := v.q.Query(ctx, everyHead)
	if err != nil {
		return err
	}
	var stream Stream
	var head link
	seen := map[Stream]bool{}
	_, err = pgx.ForEachRow(rows, []any{&stream, &head.seq, &head.hash, &head.at}, func() error {
		seen[stream] = true
		last := v.heads[stream]
		if last.seq != head.seq {
			v.found("stream %s: its head says %d entries, %d are there", stream, head.seq, last.seq)
		} else if string(last.hash) != string(head.hash) {
			v.found("stream %s: its head does not carry the hash of entry %d", stream, head.seq)
		} else if !last.at.Equal(head.at) {
			v.found("stream %s: its head does not carry the time of entry %d", stream, head.seq)
		}
		return nil
	})
	for _, s := range slices.Sorted(maps.Keys(v.heads)) {
		if !seen[s] {
			v.found("stream %s: entries without a head", s)
		}
	}
	return err
}

const everySubject = `select subject, stream, seq, at from audit.subjects`

func (v *verifier) subjectsMatch(ctx context.Context) error {
	rows, err := v.q.Query(ctx, everySubject)
	if err != nil {
		return err
	}
	var subject, stream string
	var seq int64
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&subject, &stream, &seq, &at}, func() error {
		key := subjectKey(subject, stream, seq, at)
		if v.subjects[key] == 0 {
			v.found("audit.subjects %s: no entry says so", key)
		}
		delete(v.subjects, key)
		return nil
	})
	for _, key := range slices.Sorted(maps.Keys(v.subjects)) {
		v.found("audit.subjects lacks %s", key)
	}
	return err
}

const wrongContents = `select encode(digest, 'hex'), sha256(bytes) = digest from audit.contents`

func (v *verifier) contentsMatch(ctx context.Context) error {
	rows, err := v.q.Query(ctx, wrongContents)
	if err != nil {
		return err
	}
	var digest string
	var whole bool
	_, err = pgx.ForEachRow(rows, []any{&digest, &whole}, func() error {
		v.Contents++
		if !whole {
			v.found("audit.contents %s: its bytes do not give its digest", digest)
		}
		return nil
	})
	return err
}

// difference names the columns in which the row and its newest image disagree. A column that the image does not know yet
// must hold its declared late value.
func difference(row, image Image, late map[string]*string) []string {
	var columns []string
	for column, value := range row {
		was, known := image[column]
		if !known {
			was, known = late[column]
		}
		if !known || !same(value, was) {
			columns = append(columns, column)
		}
	}
	for column := range image {
		if _, there := row[column]; !there {
			columns = append(columns, column)
		}
	}
	slices.Sort(columns)
	return columns
}

func same(a, b *string) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

func parseImage(raw json.RawMessage) (image Image) {
	_ = json.Unmarshal(raw, &image) // an image that is not JSON is empty: every column differs
	return image
}

// rowName turns a key of v.rows into words.
func rowName(key string) string {
	table, id, _ := strings.Cut(key, " ")
	return "table " + table + " id " + id
}
