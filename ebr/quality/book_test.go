package quality_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/quality"
)

// A11-13: what is reported while the database is away is kept, also across the end of the server, and written when it is back; a failure in a
// loop does not flood the trail.
func TestReportsWaitForTheDatabase(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id, dir := p.order(), filepath.Join(t.TempDir(), "incidents")
	files := func(suffix string) int {
		list, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
		require.NoError(t, err)
		return len(list)
	}
	away, err := audit.Open(p.Ctx, p.DB.AppDSN)
	require.NoError(t, err)
	require.NoError(t, away.Start(p.Ctx, nil))
	away.Close()
	log := slog.New(slog.DiscardHandler)
	failure := quality.Incident{Kind: quality.InternalError, Summary: "POST /orders: *net.OpError", Reference: "FIRST", Batches: []string{id}}
	lost := quality.NewBook(away, dir, log)
	for range 1000 {
		lost.Report(failure)
	}
	ended, cancel := context.WithCancel(p.Ctx)
	cancel()
	lost.Keep(ended)
	require.Equal(t, 1, files(".json"), "one report of the cause is kept for the next run")
	require.NoError(t, quality.Leave(dir, quality.Incident{Kind: quality.VerifyAlarm, Summary: "2 findings"}))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "broken.json"), []byte("{"), 0o600))

	book := quality.NewBook(p.Trail, dir, log)
	running, stop := context.WithCancel(p.Ctx)
	done := make(chan struct{})
	go func() { book.Keep(running); close(done) }()
	require.Eventually(t, func() bool { return len(p.Entries(audit.Site, "incident.open")) == 2 }, 20*time.Second, 20*time.Millisecond)
	for range 500 {
		failure.Reference = "LATER"
		book.Report(failure)
	}
	stop()
	<-done
	require.Zero(t, files(".json"))
	require.Equal(t, 1, files(".unread"))
	require.Less(t, len(p.Entries(audit.Site, "incident.open")), 6, "a thousand reports are a few entries")
	list := read(p, func(q audit.Querier) ([]quality.Record, error) {
		return quality.List(p.Ctx, q, quality.Everywhere(), nil, 10)
	})
	require.Len(t, list, 2)
	for _, r := range list {
		if r.Kind == quality.InternalError {
			require.Equal(t, []any{"FIRST", "LATER", 1}, []any{r.FirstReference, r.LastReference, r.Batches})
			require.Equal(t, int64(501), r.Occurrences)
		}
	}
	p.clean()
}
