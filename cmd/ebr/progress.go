package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/term"

	"veribatch/audit"
)

// countingReader counts the rows that are read through it.
type countingReader struct {
	audit.Querier
	rows *atomic.Int64
}

// Query reads rows and counts them.
func (r countingReader) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	rows, err := r.Querier.Query(ctx, sql, args...)
	return countedRows{rows, r.rows}, err
}

type countedRows struct {
	pgx.Rows
	count *atomic.Int64
}

// Next counts.
func (r countedRows) Next() bool {
	if !r.Rows.Next() {
		return false
	}
	r.count.Add(1)
	return true
}

// What the statistics of the database say of all tables. A verification reads most rows once, and entries again for the log.
const aboutRows = `select greatest(1, sum(greatest(c.reltuples, 0)))::bigint from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and n.nspname in ('audit', 'ebr')`

// progress tells the person at a terminal every few seconds how far a long work is; stop ends it.
type progress struct {
	say   func(line string)
	rows  atomic.Int64
	of    int64 // about; 0 when unknown
	began time.Time
}

// progressPause is the time from one line to the next.
const progressPause = 5 * time.Second

// watch begins a progress. It says nothing to a file or a pipe unless that is wanted.
func (o output) watch(ctx context.Context, trail *audit.Trail, wanted bool) (p *progress, stop func()) {
	p = &progress{say: o.say, began: time.Now()}
	file, is := o.err.(*os.File)
	if !wanted && (!is || !term.IsTerminal(int(file.Fd()))) {
		return p, func() {}
	}
	_ = trail.Read(ctx, func(r *audit.Reader) error { return r.QueryRow(ctx, aboutRows).Scan(&p.of) }) // it goes on without
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticks := time.NewTicker(progressPause)
		defer ticks.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
				p.say(p.line(time.Since(p.began)))
			}
		}
	}()
	return p, func() { cancel(); <-ended }
}

// line says how far it is after some time.
func (p *progress) line(after time.Duration) string {
	read := p.rows.Load()
	rate := float64(read) / max(after.Seconds(), 1)
	text := fmt.Sprintf("%d rows read, %.0f a second", read, rate)
	if p.of > read && rate >= 1 {
		text += fmt.Sprintf("; about %d in all, %s left", p.of, time.Duration(float64(p.of-read)/rate*float64(time.Second)).Round(time.Second))
	}
	return text
}
