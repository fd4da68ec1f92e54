package main

import (
	"bytes"
	"context"
	"testing"
	"time"

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

// A verification that somebody stops says what it found until then, and that it did not end.
func TestVerificationThatIsStopped(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	ctx, cancel := context.WithCancel(w.Ctx)
	cancel()
	var report audit.Report
	_, err := verifyAll(ctx, w.Trail, w.Keys, "", nil)
	require.ErrorIs(t, err, context.Canceled)
	var out bytes.Buffer
	report.Findings = []string{"entry batch/x #1: altered"}
	printStopped(&out, report)
	require.Equal(t, "FOUND entry batch/x #1: altered\nThe verification was stopped before its end: what it had not read yet may hold more.\n", out.String())
}
