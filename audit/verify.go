package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
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

	Sealed *Sum // every entry that was read: its stream, place and hash; a log that holds the same entries gives the same sum
}

// Verify reads the whole trail and every record row in one snapshot and reports each disagreement: exact bytes against
// hashes, each chain against its head, search columns and subjects against the bodies, contents against their digests,
// every record row against its newest image, every table against its class (21 CFR 11.10(a), (e); EU GMP Annex 11 clause 7.1).
//
// What it proves: the records agree with the trail and the trail with itself. Somebody who rewrites rows, bodies, hashes and
// heads together is found only against a checkpoint that was signed before, outside the database.
func Verify(ctx context.Context, q Querier) (Report, error) {
	start := time.Now()
	v := newVerifier(q)
	v.state = true
	for _, step := range []func(context.Context) error{v.schema, v.chains, v.headsMatch, v.subjectsMatch, v.contentsMatch, v.rowsMatch} {
		if err := step(ctx); err != nil {
			return v.Report, err
		}
	}
	v.Elapsed = time.Since(start)
	return v.Report, nil
}

// VerifyStreams is the part of Verify that reads every entry once and asks whether its bytes give its hash and each chain is whole up to its head, without
// the state of the records. It keeps one line for each stream in memory.
func VerifyStreams(ctx context.Context, q Querier) (Report, error) {
	start := time.Now()
	v := newVerifier(q)
	for _, step := range []func(context.Context) error{v.chains, v.headsMatch} {
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
	r.PrintFindings(w)
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

// PrintFindings writes the findings alone, as a verification does that did not reach its end.
func (r Report) PrintFindings(w io.Writer) {
	for _, f := range r.Findings {
		fmt.Fprintln(w, "FOUND", f)
	}
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
