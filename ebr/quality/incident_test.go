package quality_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/quality"
)

// A11-13: what fails twice for the same cause is one incident that counts; every batch it touched is linked, and nothing that is no batch.
func TestIncidentsOfOneCauseAreCounted(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	first, second := p.order(), p.order()
	failure := quality.Incident{Kind: quality.InternalError, Summary: "GET /batches/:batch: *pgconn.PgError", Reference: "AAAA", Batches: []string{first, audit.NewID(), "nonsense"}}
	open := func(in quality.Incident) { require.NoError(t, quality.OpenIncident(p.Ctx, p.Trail, in)) }
	open(failure)
	failure.Reference, failure.Batches, failure.Times = "BBBB", []string{second}, 41
	open(failure)
	other := quality.Incident{Kind: quality.FailedJob, Summary: failure.Summary, At: time.Now().Add(-time.Hour)}
	open(other)
	old := failure
	old.Cause, old.At = "an old cause", time.Now().Add(-48*time.Hour)
	open(old)
	old.At = time.Now()
	open(old) // came back after more than a day: a line of its own

	require.Equal(t, 4, read(p, func(q audit.Querier) (n int, err error) {
		n, _, err = quality.CountOpen(p.Ctx, q, quality.Everywhere())
		return n, err
	}))
	for _, id := range []string{first, second} {
		require.Len(t, p.Entries(audit.Stream("batch/"+id), "incident.open"), map[string]int{first: 1, second: 3}[id])
	}
	entries := p.Entries(audit.Site, "incident.open")
	require.Len(t, entries, 5)
	require.Equal(t, "I-"+entries[0].Time.Format("2006")+"-000001", entries[1].Details["incident"])
	require.Equal(t, "41", entries[1].Details["times"])
	require.ErrorContains(t, quality.OpenIncident(p.Ctx, p.Trail, quality.Incident{Kind: "flood"}), "no kind")
	p.clean()
}
