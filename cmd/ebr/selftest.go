package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/ebr/quality"
	"veribatch/web"
)

// selfTestHour is after the nightly verification.
const selfTestHour = 4

const newestEntry = `select stream, seq from audit.log_leaves where stream is not null order by epoch desc, index desc limit 1`

// selfTest asks each night whether an alteration would be told. It has the newest entry verified as each minute does, through a reader in which one
// character of it is another, and has the incident of that opened, and looks for the alarm that a person at the screen would get; then all is taken back.
// Nothing in the database is changed. When nothing would be told the job fails, which is an incident.
func (p *plant) selfTest(ctx context.Context) error {
	var report audit.Report
	err := p.trail.Read(ctx, func(r *audit.Reader) error {
		var newest audit.Place
		err := r.QueryRow(ctx, newestEntry).Scan(&newest.Stream, &newest.Seq)
		if errors.Is(err, pgx.ErrNoRows) { // the log has not begun
			return nil
		}
		if err != nil {
			return err
		}
		report, err = planted(ctx, r, newest)
		return err
	})
	if err != nil || report.Entries == 0 {
		return err
	}
	in := verifyAlarm(ctx, p.trail, report)
	in.Summary, in.Cause, in.Batches = "Self-test: "+in.Summary, "self-test "+audit.NewID(), nil
	before, after, err := quality.Rehearse(ctx, p.trail, in, func(ctx context.Context, q audit.Querier) (string, error) {
		alarms, err := web.IncidentAlarm(ctx, q, []string{"*"})
		return fmt.Sprint(alarms), err
	})
	if err == nil && before == after {
		err = errors.New("self-test: an alteration was found, and no screen would have shown it")
	}
	return err
}

// planted verifies one entry as it is and with one character of it changed: the first must be silent about it, the second must name it.
func planted(ctx context.Context, q audit.Querier, at audit.Place) (audit.Report, error) {
	names := func(f string) bool { return strings.HasPrefix(f, fmt.Sprintf("entry %s #%d", at.Stream, at.Seq)) }
	report, err := audit.VerifyEntries(ctx, q, []audit.Place{at})
	if err != nil {
		return report, err
	}
	if report.Entries != 1 || slices.ContainsFunc(report.Findings, names) {
		return report, fmt.Errorf("self-test: the newest entry, %s #%d, is not whole before anything is planted in it", at.Stream, at.Seq)
	}
	report, err = audit.VerifyEntries(ctx, alteredReader{q}, []audit.Place{at})
	if err == nil && !slices.ContainsFunc(report.Findings, names) {
		err = errors.New("self-test: an entry of which one character was another was taken for whole")
	}
	return report, err
}

// alteredReader reads a database as if somebody had changed one character of the first entry that is read.
type alteredReader struct{ audit.Querier }

// Query reads rows, of which the first body is altered.
func (r alteredReader) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	rows, err := r.Querier.Query(ctx, sql, args...)
	if err != nil {
		return rows, err
	}
	for i, f := range rows.FieldDescriptions() {
		if f.Name == "body" {
			return &alteredRows{Rows: rows, column: i}, nil
		}
	}
	return rows, nil
}

type alteredRows struct {
	pgx.Rows
	column int
	done   bool
}

// RawValues gives the row, the first one with the last character of its body changed.
func (r *alteredRows) RawValues() [][]byte {
	row := slices.Clone(r.Rows.RawValues())
	if body := row[r.column]; !r.done && len(body) > 0 {
		r.done, row[r.column] = true, append(slices.Clone(body[:len(body)-1]), body[len(body)-1]^1)
	}
	return row
}
