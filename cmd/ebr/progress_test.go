package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/signtest"
)

// How far a verification is: rows as they are read, and what is left as long as that can be said.
func TestProgressOfAVerification(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	p := &progress{}
	require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) error {
		report, err := verifySnapshot(w.Ctx, countingReader{r, &p.rows}, w.Keys, nil, nil)
		require.Empty(t, report.Findings)
		require.Greater(t, p.rows.Load(), report.Entries+report.Rows)
		return err
	}))
	p.rows.Store(30_000)
	require.Equal(t, "30000 rows read, 1000 a second", p.line(30*time.Second))
	p.of = 90_000
	require.Equal(t, "30000 rows read, 1000 a second; about 90000 in all, 1m0s left", p.line(30*time.Second))
	p.of = 20_000
	require.Equal(t, "30000 rows read, 1000 a second", p.line(30*time.Second), "statistics may be old")
}

// stoppedReader reads a database until somebody stops it, at the first query that says so.
type stoppedReader struct {
	audit.Querier
	at   string
	stop func()
}

// Query stops or reads.
func (r stoppedReader) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if strings.Contains(sql, r.at) {
		r.stop()
	}
	return r.Querier.Query(ctx, sql, args...)
}

// A verification that somebody stops says what it found until then, each finding once, and that it did not end; and what it found is an incident all the same.
func TestVerificationThatIsStopped(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	super := w.DB.Super(t)
	_, err := super.Exec(w.Ctx, `alter table audit.entries disable trigger frozen_rows; update audit.entries set act = 'a.b' where (stream, seq) = (select stream, seq from audit.entries order by stream, seq limit 1);
		alter table audit.entries enable always trigger frozen_rows`)
	require.NoError(t, err)
	for at, clean := range map[string]bool{"from audit.entries": true, "from audit.subjects": false, "from ebr.signatures": false} {
		ctx, cancel := context.WithCancel(w.Ctx)
		var report audit.Report
		_ = w.Trail.Read(ctx, func(r *audit.Reader) error {
			report, err = verifySnapshot(ctx, stoppedReader{r, at, cancel}, w.Keys, nil, nil)
			return err
		})
		require.ErrorIs(t, err, context.Canceled, at)
		p := place{State: t.TempDir()}
		var out bytes.Buffer
		err = p.tell(ctx, &out, w.Trail, report, err)
		require.True(t, strings.HasSuffix(out.String(), "The verification was stopped before its end: what it had not read yet may hold more.\n"), out.String())
		require.Equal(t, !clean, errors.Is(err, errFound), at)
		_, none := os.Stat(p.incidents())
		require.Equal(t, clean, errors.Is(none, fs.ErrNotExist), "%s: %v", at, none)
		if clean {
			continue
		}
		require.Equal(t, 1, strings.Count(out.String(), "its columns (stream, seq, at, person, act, refused) do not repeat its body"), out.String())
		require.NotContains(t, out.String(), "could not go on", "it was not what was altered that stopped it")
	}
}
