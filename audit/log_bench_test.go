package audit_test

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit/checkpoint"
	"veribatch/audit/checkpoint/keeper"
	"veribatch/audit/merkle"
	"veribatch/signatures"
	"veribatch/signatures/keyring"
)

// nobodyQueues makes a spine without log: sealed entries are not queued for it.
const nobodyQueues = `
	set role ebr_owner;
	do $$ declare was text := pg_get_functiondef('audit.seal()'::regprocedure);
		line text := '    insert into audit.log_queue (stream, seq, hash, at) values (d.stream, d.seq, digest, d.at);';
	begin
		if position(line in was) = 0 then raise 'audit.seal queues in another way'; end if;
		execute replace(was, line, '');
	end $$`

const (
	inLog           = `select index from audit.log_leaves where epoch = 1 and stream = $1 and seq = $2 union all select -1 order by 1 desc limit 1`
	underCheckpoint = `select epoch = 1 and size > $1 from audit.checkpoint_state`
	benchWatched    = 20 * time.Second
)

// BenchmarkLog gives what log and checkpoints cost: the spine alone and the spine with sequencer, keeper and signer at work, each against the same rows
// without a trail, in turns. And how long a committed act waits until it stands in the log, and until a checkpoint covers it.
func BenchmarkLog(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	alone, logged := newBenchPlant(b, ctx), newBenchPlant(b, ctx)
	alone.define(b, nobodyQueues)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	logged.log(b, &running)
	for b.Loop() {
		var without, with []float64
		for range benchRounds {
			bare := throughput(logged.actWithout)
			without, with = append(without, throughput(alone.actWithTrail)/bare), append(with, throughput(logged.actWithTrail)/bare)
		}
		b.ReportMetric(median(without), "ratio-spine")
		b.ReportMetric(median(with), "ratio-with-log")
		b.ReportMetric(median(without)-median(with), "cost-of-log")
		waits := logged.watch()
		for name, times := range waits {
			slices.Sort(times)
			b.ReportMetric(float64(len(times)), name+"-acts")
			b.ReportMetric(times[len(times)/2], name+"-p50-ms")
			b.ReportMetric(times[len(times)*99/100], name+"-p99-ms")
		}
	}
	report, err := logged.trail.Verify(ctx)
	require.NoError(b, err)
	require.Empty(b, report.Findings)
}

// log begins the log and keeps it under checkpoints, as the server does.
func (p *benchPlant) log(b *testing.B, running *sync.WaitGroup) {
	b.Helper()
	site, err := keyring.Open(filepath.Join(b.TempDir(), "keys"))
	require.NoError(b, err)
	signer, err := checkpoint.Open(filepath.Join(b.TempDir(), "signer"), func(f string) (checkpoint.Key, error) { return keyring.OpenCheckpoint(f) }, time.Now)
	require.NoError(b, err)
	public, err := signer.Key(p.ctx)
	require.NoError(b, err)
	require.NoError(b, signatures.FirstCheckpointKey(p.ctx, p.trail, site, public))
	seq := &merkle.Sequencer{Trail: p.trail}
	require.NoError(b, seq.AppendHeads(p.ctx))
	k := &keeper.Keeper{Trail: p.trail, Signer: signer, Evidence: signatures.EpochEvidence, Clock: time.Now}
	running.Go(func() { seq.Run(p.ctx) })
	running.Go(func() {
		for p.ctx.Err() == nil {
			if err := k.Round(p.ctx); err != nil && p.ctx.Err() == nil {
				panic(err)
			}
			select {
			case <-p.ctx.Done():
			case <-time.After(keeper.Pause):
			}
		}
		_ = signer.Close()
	})
}

// watch gives the milliseconds from the answer of an act to its place in the log and to the checkpoint above it: 14 writers never pause, of the acts of two
// more each is looked for every millisecond in the log, and the place of some each ten under checkpoints.
func (p *benchPlant) watch() map[string][]float64 {
	var mu sync.Mutex
	var places sync.WaitGroup
	waits := map[string][]float64{}
	note := func(name string, since time.Time) {
		mu.Lock()
		defer mu.Unlock()
		waits[name] = append(waits[name], time.Since(since).Seconds()*1000)
	}
	until := time.Now().Add(benchWatched)
	for time.Now().Before(until) {
		throughput(func(writer, n int) error {
			if writer > 1 {
				return p.actWithTrail(writer, n)
			}
			r, err := p.entered(writer, n)
			if err != nil {
				return err
			}
			start, place := time.Now(), int64(-1)
			for place < 0 {
				time.Sleep(time.Millisecond)
				if err := p.plain.QueryRow(p.ctx, inLog, r.Stream, r.Seq).Scan(&place); err != nil {
					return err
				}
			}
			note("commit-to-log", start)
			if n%10 == 0 {
				places.Go(func() {
					for covered := false; !covered; time.Sleep(10 * time.Millisecond) {
						if err := p.plain.QueryRow(p.ctx, underCheckpoint, place).Scan(&covered); err != nil {
							panic(err)
						}
					}
					note("commit-to-checkpoint", start)
				})
			}
			return nil
		})
	}
	places.Wait()
	return waits
}
