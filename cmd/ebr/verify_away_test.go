package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/audit/merkle"
	"veribatch/signatures/signtest"
)

var errAway = errors.New("the connection is gone")

// leaving reads a database that goes away at one of its queries, behind some rows of the answer.
type leaving struct {
	audit.Querier
	at, behind int
	asked      int
	away       bool
}

// Query reads, or breaks off.
func (l *leaving) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	l.asked++
	if l.asked != l.at {
		return l.Querier.Query(ctx, sql, args...)
	}
	rows, err := l.Querier.Query(ctx, sql, args...)
	return &brokenRows{Rows: rows, left: l.behind, of: l}, err
}

// QueryRow reads, or breaks off.
func (l *leaving) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	l.asked++
	if l.asked == l.at {
		l.away = true
		return gone{}
	}
	return l.Querier.QueryRow(ctx, sql, args...)
}

type gone struct{}

// Scan implements pgx.Row.
func (gone) Scan(...any) error { return errAway }

type brokenRows struct {
	pgx.Rows
	left int
	of   *leaving
}

// Next implements pgx.Rows.
func (r *brokenRows) Next() bool {
	if r.left == 0 || !r.Rows.Next() {
		r.of.away = true
		r.Close()
		return false
	}
	r.left--
	return true
}

// Err implements pgx.Rows.
func (r *brokenRows) Err() error {
	if r.of.away {
		return errAway
	}
	return r.Rows.Err()
}

// untilGone makes a check again and again while the database goes away at each of its queries, and wants it to accuse nobody. before is done before each.
func untilGone(t *testing.T, w *signtest.World, before func(), check func(q audit.Querier) (audit.Report, error)) {
	t.Helper()
	for at, tries := 1, 0; ; at++ {
		for _, behind := range []int{0, 1} {
			before()
			q := &leaving{at: at, behind: behind}
			err := w.Trail.Read(w.Ctx, func(r *audit.Reader) error {
				q.Querier = r
				report, err := check(q)
				require.Empty(t, report.Findings, "query %d, behind %d rows", at, behind)
				return err
			})
			if q.asked < at {
				require.NoError(t, err)
				require.Greater(t, at, 5)
				t.Logf("%d queries, %d times away", at-1, tries)
				return
			}
			if q.away { // else one row was all that was asked for
				require.ErrorIs(t, err, errAway, "query %d, behind %d rows", at, behind)
				tries++
			}
		}
	}
}

// A database that goes away in the middle of a verification accuses nobody: what was not read is no disagreement, wherever it breaks off.
func TestADatabaseThatGoesAwayAccusesNobody(t *testing.T) {
	t.Parallel()
	w := signtest.Empty(t)
	require.NoError(t, fill(w, 0))
	s := underCheckpoint(t, w)
	untilGone(t, w, func() {}, func(q audit.Querier) (audit.Report, error) {
		return verifySnapshot(w.Ctx, q, w.Keys, s.remembered, nil)
	})
}

// Nor does the verification of every minute, at its first look and at later ones.
func TestADatabaseThatGoesAwayWithinAMinuteAccusesNobody(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	log := &merkle.Sequencer{Trail: w.Trail}
	heads := func() { require.NoError(t, log.AppendHeads(w.Ctx)) }
	heads()
	untilGone(t, w, func() {}, func(q audit.Querier) (audit.Report, error) { return new(merkle.Recent).Look(w.Ctx, q) })
	var recent *merkle.Recent
	stations := 0
	untilGone(t, w, func() {
		recent = new(merkle.Recent)
		require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) error { _, err := recent.Look(w.Ctx, r); return err }))
		stations++
		w.AddStation(fmt.Sprintf("Station %d", stations))
		heads()
		w.AddStation(fmt.Sprintf("Station %d b", stations))
	}, func(q audit.Querier) (audit.Report, error) { return recent.Look(w.Ctx, q) })
}
