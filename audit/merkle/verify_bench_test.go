package merkle_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/audit/merkle"
	"veribatch/internal/pgtest"
)

const (
	benchLines = 16   // streams that grow at a time
	benchChain = 2000 // entries of a stream
)

// BenchmarkVerify reads N and 4N invented entries of 512 bytes (VERIBATCH_ENTRIES; 100,000): the streams and the log, the same bytes by bare COPY with
// SHA-256 over each, and the whole check with the state of as many rows. The log bears the site of zeros, which ebr serve and ebr verify refuse.
func BenchmarkVerify(b *testing.B) {
	n := 100_000
	if text := os.Getenv("VERIBATCH_ENTRIES"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(b, err)
	}
	ctx := context.Background()
	for b.Loop() {
		for _, one := range []struct {
			name    string
			entries int
		}{{"N", n}, {"4N", 4 * n}} {
			measureVerify(b, ctx, one.name, one.entries)
		}
	}
}

func measureVerify(b *testing.B, ctx context.Context, name string, n int) {
	trail := inventLog(b, ctx, n)
	rate := func(start time.Time) float64 { return float64(n) / time.Since(start).Seconds() }
	var chains, bare, streams, all float64
	peak := peakMemory(func() {
		require.NoError(b, trail.Read(ctx, func(r *audit.Reader) error {
			start := time.Now()
			report, err := audit.VerifyStreams(ctx, r)
			require.NoError(b, err)
			require.Empty(b, report.Findings)
			require.GreaterOrEqual(b, report.Entries, int64(n))
			streams = rate(start)
			_, err = merkle.Verify(ctx, r, report.Sealed, func(row string, why error) { b.Error(row, why) })
			chains = rate(start)
			return err
		}))
	})
	bare = bareCopy(b, ctx, n)
	require.NoError(b, trail.Read(ctx, func(r *audit.Reader) error {
		start := time.Now()
		report, err := audit.Verify(ctx, r)
		require.Empty(b, report.Findings)
		require.GreaterOrEqual(b, report.Rows, int64(n))
		all = rate(start)
		return err
	}))
	b.ReportMetric(chains, name+"-streams+log/s")
	b.ReportMetric(streams, name+"-streams/s")
	b.ReportMetric(bare, name+"-bare/s")
	b.ReportMetric(chains/bare, name+"-ratio")
	b.ReportMetric(all, name+"-streams+state/s")
	b.ReportMetric(peak, name+"-peak-MiB")
}

// peakMemory gives the most memory that the heap held while f ran, in MiB.
func peakMemory(f func()) (mib float64) {
	runtime.GC()
	done, ended := make(chan struct{}), make(chan uint64)
	go func() {
		var peak uint64
		var m runtime.MemStats
		for {
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
			select {
			case <-done:
				ended <- peak
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	f()
	close(done)
	return float64(<-ended) / (1 << 20)
}

var benchDB *pgtest.DB

// bareCopy reads every body by COPY and hashes it: what no check can beat.
func bareCopy(b *testing.B, ctx context.Context, n int) float64 {
	conn := benchDB.App(b)
	start := time.Now()
	r, w := io.Pipe()
	go func() {
		_, err := conn.PgConn().CopyTo(ctx, w, `copy (select body from audit.entries) to stdout (format binary)`)
		w.CloseWithError(err)
	}()
	buffer, count, ahead := make([]byte, 0, 1<<20), 0, 19
	for {
		k, err := r.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+k]
		at := ahead
		ahead = 0
		for len(buffer)-at >= 6 {
			length := int(buffer[at+2])<<24 | int(buffer[at+3])<<16 | int(buffer[at+4])<<8 | int(buffer[at+5])
			if buffer[at] == 0xff || len(buffer)-at < 6+length {
				break
			}
			sha256.Sum256(buffer[at+6 : at+6+length])
			count++
			at += 6 + length
		}
		buffer = append(buffer[:0], buffer[at:]...)
		if err == io.EOF {
			break
		}
		require.NoError(b, err)
	}
	require.GreaterOrEqual(b, count, n)
	return float64(n) / time.Since(start).Seconds()
}

const inventedTables = `set role ebr_owner; create table ebr.bench_notes (id uuid primary key, note text not null); select audit.attach('ebr.bench_notes'); grant select on ebr.bench_notes to app;
	alter table ebr.bench_notes disable trigger user;
	insert into audit.logs (epoch, origin, began_at, reason) values (1, 'veribatch/00000000-0000-0000-0000-000000000000/1', clock_timestamp(), 'invented entries')`

const inventedDone = `alter table ebr.bench_notes enable always trigger audit_capture; alter table ebr.bench_notes enable always trigger audit_no_truncate`

// inventLog fills a database of its own with n entries in chains that verify, their rows and the log over them.
func inventLog(b *testing.B, ctx context.Context, n int) *audit.Trail {
	benchDB = pgtest.New(b)
	owner := benchDB.Super(b)
	_, err := owner.Exec(ctx, inventedTables)
	require.NoError(b, err)
	i := &inventor{left: n, at: time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC), newest: map[string][]any{}}
	rows, err := owner.Query(ctx, `with waiting as (delete from audit.log_queue returning stream, seq, hash) select * from waiting order by stream, seq`)
	require.NoError(b, err)
	var stream string
	var seq int64
	var hash []byte
	var streams [][]any
	_, err = pgx.ForEachRow(rows, []any{&stream, &seq, &hash}, func() error { // of the migrations
		i.leaf(stream, seq, slices.Clone(hash))
		if seq > 1 {
			streams = streams[:len(streams)-1]
		}
		streams = append(streams, []any{1, stream, seq, slices.Clone(hash)})
		return nil
	})
	require.NoError(b, err)
	copyIn := func(schema, table string, columns []string, source pgx.CopyFromSource) {
		_, err := owner.CopyFrom(ctx, pgx.Identifier{schema, table}, columns, source)
		require.NoError(b, err, table)
	}
	copyIn("audit", "entries", []string{"stream", "seq", "at", "person", "act", "refused", "body", "hash"}, pgx.CopyFromFunc(i.entry))
	copyIn("ebr", "bench_notes", []string{"id", "note"}, pgx.CopyFromRows(i.notes))
	var heads [][]any
	for stream, h := range i.newest {
		heads, streams = append(heads, []any{stream, h[0], h[1], h[2]}), append(streams, []any{1, stream, h[0], h[1]})
	}
	copyIn("audit", "heads", []string{"stream", "seq", "hash", "at"}, pgx.CopyFromRows(heads))
	copyIn("audit", "log_streams", []string{"epoch", "stream", "seq", "hash"}, pgx.CopyFromRows(streams))
	copyIn("audit", "log_leaves", []string{"epoch", "index", "stream", "seq", "hash"}, pgx.CopyFromRows(i.leaves))
	root, levels, err := merkle.Edge(i.lines)
	require.NoError(b, err)
	var tiles [][]any
	for level, hashes := range levels {
		for at := 0; at < len(hashes); at += 256 {
			var tile []byte
			for _, h := range hashes[at:min(at+256, len(hashes))] {
				tile = append(tile, h[:]...)
			}
			tiles = append(tiles, []any{1, level, at / 256, tile})
		}
	}
	copyIn("audit", "log_tiles", []string{"epoch", "level", "number", "hashes"}, pgx.CopyFromRows(tiles))
	_, err = owner.Exec(ctx, `insert into audit.log_head (epoch, size, root, at) values (1, $1, $2, clock_timestamp())`, len(i.lines), root[:])
	require.NoError(b, err)
	for _, sql := range []string{inventedDone, `reset role`, `vacuum (analyze) audit.entries`, `vacuum (analyze) audit.log_leaves`, `analyze`} {
		_, err = owner.Exec(ctx, sql)
		require.NoError(b, err)
	}
	*i = inventor{}
	trail, err := audit.Open(ctx, benchDB.AppDSN)
	require.NoError(b, err)
	b.Cleanup(trail.Close)
	return trail
}

// inventor makes entries of 512 bytes in the order of time, as audit.seal composes them, each with one row.
type inventor struct {
	left, made    int
	at            time.Time
	lanes         [benchLines]string
	newest        map[string][]any // seq, hash, at
	notes, leaves [][]any
	lines         [][]byte
}

func (i *inventor) entry() ([]any, error) {
	if i.left == 0 {
		return nil, nil
	}
	i.left--
	lane := &i.lanes[i.made*7%benchLines]
	if *lane == "" || i.newest[*lane][0] == int64(benchChain) {
		*lane = "batch/" + audit.NewID()
		i.newest[*lane] = []any{int64(0), []byte(nil), i.at}
	}
	h := i.newest[*lane]
	i.made++
	i.at = i.at.Add(9 * time.Second)
	seq, id := h[0].(int64)+1, audit.NewID()
	opening := fmt.Sprintf(`{"v":1,"stream":"%s","seq":%d,"prev":"%s","time":"%s","by":{"name": "Olga", "user": "olga", "person": "%s"},"station":"S","act":"step.record","reason":"","also":[],"changes":[`,
		*lane, seq, hex.EncodeToString(h[1].([]byte)), i.at.Format("2006-01-02T15:04:05.000000Z"), audit.SystemPerson)
	change := `{"table" : "ebr.bench_notes", "id" : "` + id + `", "version" : 1, "op" : "insert", "after" : {"id" : "` + id + `", "note" : "%s"}}]}`
	note := fmt.Sprintf("%0*d", max(1, 512-len(opening)-len(change)+2), i.made)
	body := []byte(opening + fmt.Sprintf(change, note))
	sum := sha256.Sum256(body)
	i.newest[*lane] = []any{seq, sum[:], i.at}
	i.notes = append(i.notes, []any{id, note})
	i.leaf(*lane, seq, sum[:])
	return []any{*lane, seq, i.at, uuid.MustParse(audit.SystemPerson), "step.record", false, body, sum[:]}, nil
}

func (i *inventor) leaf(stream string, seq int64, hash []byte) {
	i.leaves = append(i.leaves, []any{1, len(i.leaves), stream, seq, hash})
	i.lines = append(i.lines, []byte(merkle.EntryLeaf(audit.Stream(stream), seq, hash)))
}
