package export_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/batch"
)

// BenchmarkExport measures the export of a batch of 2,000 entries: the act with its print, and the download with its proofs, a checkpoint included.
func BenchmarkExport(b *testing.B) {
	p := newPlant(b)
	const entries = 2000
	for n := 0; p.size() < entries; n++ {
		p.Do(p.anna, batch.Comment{Batch: p.batch, Text: fmt.Sprint("Walked past the vessel, time ", n)})
	}
	for b.Loop() {
		began := time.Now()
		e := p.export(p.quinn)
		b.ReportMetric(time.Since(began).Seconds(), "s-act")
		require.GreaterOrEqual(b, e.Printed, int64(entries))
		began = time.Now()
		file := p.download(e)
		b.ReportMetric(time.Since(began).Seconds(), "s-download")
		b.ReportMetric(float64(len(file))/(1<<20), "MiB")
		began = time.Now()
		p.intact(file)
		b.ReportMetric(time.Since(began).Seconds(), "s-both-verifiers")
	}
}

// size is how many entries the batch has.
func (p *plant) size() (n int64) {
	const head = `select seq from audit.heads where stream = 'batch/' || @batch`
	require.NoError(p.T, p.Trail.Read(p.Ctx, func(q *audit.Reader) error {
		return q.QueryRow(p.Ctx, head, pgx.NamedArgs{"batch": p.batch}).Scan(&n)
	}))
	return n
}
