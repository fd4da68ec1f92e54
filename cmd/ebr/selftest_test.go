package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/audit/merkle"
	"veribatch/ebr/quality"
)

// The nightly self-test finds what it plants and leaves nothing behind; it fails when the alteration is not found, and when no screen would show it.
func TestSelfTest(t *testing.T) {
	t.Parallel()
	p, w := newPlant(t)
	require.NoError(t, p.selfTest(w.Ctx), "the log has not begun")
	require.NoError(t, (&merkle.Sequencer{Trail: w.Trail}).AppendHeads(w.Ctx))
	entries := func() (n int) {
		require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) error { return r.QueryRow(w.Ctx, `select count(*) from audit.entries`).Scan(&n) }))
		return n
	}
	before := entries()
	for range 3 {
		require.NoError(t, p.selfTest(w.Ctx))
	}
	require.Equal(t, before, entries())
	require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) error {
		open, _, err := quality.CountOpen(w.Ctx, r, []string{"*"})
		require.Zero(t, open)
		return err
	}))

	super := w.DB.Super(t)
	run := func(sql string) {
		_, err := super.Exec(w.Ctx, sql)
		require.NoError(t, err)
	}
	run(`alter table ebr.incidents enable row level security; create policy hides on ebr.incidents for select using (false); create policy takes on ebr.incidents for insert with check (true)`)
	require.ErrorContains(t, p.selfTest(w.Ctx), "no screen would have shown it")
	run(`alter table ebr.incidents disable row level security`)
	require.NoError(t, p.selfTest(w.Ctx))
	run(`alter table audit.entries disable trigger all; update audit.entries set hash = sha256('x') where (stream, seq) = (` + newestEntry + `)`)
	require.ErrorContains(t, p.selfTest(w.Ctx), "is not whole before anything is planted")
}

// What the self-test reads is altered, and only that.
func TestAlteredReader(t *testing.T) {
	t.Parallel()
	_, w := newPlant(t)
	require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) error {
		report, err := audit.VerifyStreams(w.Ctx, r)
		require.NoError(t, err)
		require.Empty(t, report.Findings)
		report, err = audit.VerifyStreams(w.Ctx, alteredReader{r})
		require.NotEmpty(t, report.Findings)
		entry, _, _ := strings.Cut(report.Findings[0], ":")
		for _, f := range report.Findings {
			require.True(t, strings.HasPrefix(f, entry+":"), "one entry of all: %s", report.Findings)
		}
		return err
	}))
}
