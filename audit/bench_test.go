package audit_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/postgres"
	"veribatch/migrations"
)

// The workload of the spine: one act is one update and two inserts; 16 writers share 20 hot batches.
const (
	benchWriters = 16
	benchBatches = 20
	benchSlice   = 2 * time.Second
	benchRounds  = 5
)

const benchTables = `
	set role ebr_owner;
	create table ebr.bench_batches (id uuid primary key, state text not null, version int not null default 1);
	create table ebr.bench_values (id uuid primary key, batch uuid not null, reading numeric not null, unit text not null, entered_at timestamptz not null);
	create table ebr.bench_notes (id uuid primary key, batch uuid not null, note text not null);
	create table ebr.plain_batches (like ebr.bench_batches including all);
	create table ebr.plain_values (like ebr.bench_values including all);
	create table ebr.plain_notes (like ebr.bench_notes including all);
	select audit.attach('ebr.bench_batches'); select audit.attach('ebr.bench_values'); select audit.attach('ebr.bench_notes');
	select audit.operational(t, 'baseline of the bench') from unnest(array['ebr.plain_batches', 'ebr.plain_values', 'ebr.plain_notes']::regclass[]) t;
	grant select, insert, update on all tables in schema ebr to app;`

// benchActs are the three statements of one act; %s is bench or plain.
var benchActs = []string{
	`update ebr.%s_batches set state = $2, version = version + 1 where id = $1`,
	`insert into ebr.%s_values (id, batch, reading, unit, entered_at) values ($1, $2, $3, 'kg', $4)`,
	`insert into ebr.%s_notes (id, batch, note) values ($1, $2, $3)`,
}

type executor interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// BenchmarkSpine compares the same rows, commits and driver with and without the trail, on a durable cluster, in turns.
func BenchmarkSpine(b *testing.B) {
	ctx := context.Background()
	p := newBenchPlant(b, ctx)
	for i, list := range [][]string{statements("bench", "begin", "select … from audit.enter(…)"), statements("plain", "begin")} {
		b.Logf("%s:", []string{"with trail", "without trail"}[i])
		for _, sql := range list {
			b.Logf("    %s", sql)
		}
	}
	for b.Loop() {
		var ratios, withTrail, without []float64
		for range benchRounds {
			with, bare := throughput(p.actWithTrail), throughput(p.actWithout)
			ratios, withTrail, without = append(ratios, with/bare), append(withTrail, with), append(without, bare)
		}
		b.ReportMetric(median(withTrail), "tx/s-with-trail")
		b.ReportMetric(median(without), "tx/s-without")
		b.ReportMetric(median(ratios), "ratio")
	}
	report, err := p.trail.Verify(ctx)
	require.NoError(b, err)
	require.Empty(b, report.Findings)
	b.ReportMetric(float64(report.Entries)/report.Elapsed.Seconds(), "verified-entries/s")
}

func statements(kind string, opening ...string) []string {
	list := opening
	for _, act := range benchActs {
		list = append(list, fmt.Sprintf(act, kind))
	}
	return append(list, "commit")
}

// benchPlant is a durable database with tables under the trail and the same ones without.
type benchPlant struct {
	ctx     context.Context
	cluster *postgres.Cluster
	trail   *audit.Trail
	plain   *pgxpool.Pool
	batches []string
}

func newBenchPlant(b *testing.B, ctx context.Context) *benchPlant {
	b.Helper()
	state, err := os.MkdirTemp("/tmp", "vbbench-") // where the database's own user can go
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, os.RemoveAll(state)) })
	require.NoError(b, os.Chmod(state, 0o711))
	cluster, err := postgres.Start(ctx, postgres.Options{State: state, Progress: func(string) {}})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, cluster.Stop(ctx)) })
	require.NoError(b, migrations.Up(ctx, cluster.DSN(postgres.Migrator), func(string) {}))
	p := &benchPlant{ctx: ctx, cluster: cluster, batches: make([]string, benchBatches)}
	p.define(b, benchTables)
	p.trail, err = audit.Open(ctx, cluster.DSN(postgres.App))
	require.NoError(b, err)
	b.Cleanup(p.trail.Close)
	require.NoError(b, p.trail.Start(ctx, nil))
	p.plain, err = pgxpool.New(ctx, cluster.DSN(postgres.App)+"&pool_max_conns=32")
	require.NoError(b, err)
	b.Cleanup(p.plain.Close)
	for i := range p.batches {
		p.batches[i] = audit.NewID()
		_, err := p.trail.Change(ctx, p.intent(p.batches[i]), func(tx *audit.Tx) error {
			_, err := tx.Exec(ctx, `insert into ebr.bench_batches (id, state) values ($1, 'idle')`, p.batches[i])
			return err
		})
		require.NoError(b, err)
		_, err = p.plain.Exec(ctx, `insert into ebr.plain_batches (id, state) values ($1, 'idle')`, p.batches[i])
		require.NoError(b, err)
	}
	return p
}

// define runs statements as who may change the schema.
func (p *benchPlant) define(b *testing.B, sql string) {
	b.Helper()
	conn, err := pgx.Connect(p.ctx, p.cluster.DSN(postgres.Migrator))
	require.NoError(b, err)
	_, err = conn.Exec(p.ctx, sql)
	require.NoError(b, err)
	require.NoError(b, conn.Close(p.ctx))
}

func (p *benchPlant) intent(batch string) audit.Intent {
	return audit.Intent{Session: p.trail.System(), Act: "step.record", Home: audit.Stream("batch/" + batch)}
}

func (p *benchPlant) actWithTrail(writer, n int) error {
	_, err := p.entered((writer+n)%benchBatches, n)
	return err
}

func (p *benchPlant) entered(batch, n int) (audit.Receipt, error) {
	return p.trail.Change(p.ctx, p.intent(p.batches[batch]), func(tx *audit.Tx) error {
		return act(p.ctx, tx, "bench", p.batches[batch], n, tx.Now())
	})
}

func (p *benchPlant) actWithout(writer, n int) error {
	return pgx.BeginFunc(p.ctx, p.plain, func(tx pgx.Tx) error {
		return act(p.ctx, tx, "plain", p.batches[(writer+n)%benchBatches], n, time.Now())
	})
}

func act(ctx context.Context, tx executor, kind, batch string, n int, at time.Time) error {
	args := [][]any{{batch, fmt.Sprint("state ", n)}, {audit.NewID(), batch, fmt.Sprintf("%d.50", n), at}, {audit.NewID(), batch, "net weight of the granulate"}}
	for i, sql := range benchActs {
		if _, err := tx.Exec(ctx, fmt.Sprintf(sql, kind), args[i]...); err != nil {
			return err
		}
	}
	return nil
}

// throughput runs all writers for one slice and gives committed acts per second.
func throughput(act func(writer, n int) error) float64 {
	var count atomic.Int64
	var done sync.WaitGroup
	start := time.Now()
	for writer := range benchWriters {
		done.Go(func() {
			for n := 0; time.Since(start) < benchSlice; n++ {
				if err := act(writer, n); err != nil {
					panic(err)
				}
				count.Add(1)
			}
		})
	}
	done.Wait()
	return float64(count.Load()) / time.Since(start).Seconds()
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
