// Package merkle owns the log over all streams: one RFC 6962 Merkle tree in PostgreSQL whose leaves are the entries of the trail, and the proofs that
// something stands in it. It signs nothing and trusts no root: checkpoints are the business of those above. The Sequencer is its only writer, and the
// database refuses what does not follow (migrations/00020_log.sql). Start reading at Sequencer, then ProveEntry.
package merkle

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit"
	"veribatch/internal/fault"
)

// EntryLeaf is the leaf of an entry, as an auditor writes it by hand. The leaf's hash is SHA-256 over a zero byte and this line.
func EntryLeaf(stream audit.Stream, seq int64, hash []byte) string {
	return fmt.Sprintf("entry %s %d %s\n", stream, seq, hex.EncodeToString(hash))
}

// leafTime is RFC 3339 with all six digits that PostgreSQL keeps.
const leafTime = "2006-01-02T15:04:05.000000Z"

// HeadsLeaf says what all streams were at a time: how many, and the root over their lines (HeadsLine), sorted bytewise by stream.
func HeadsLeaf(at time.Time, streams int64, root []byte) string {
	return fmt.Sprintf("heads %s %d %s\n", at.UTC().Format(leafTime), streams, hex.EncodeToString(root))
}

// HeadsLine is the newest entry of one stream among those that a heads leaf covers.
func HeadsLine(stream audit.Stream, seq int64, hash []byte) string {
	return fmt.Sprintf("%s %d %s\n", stream, seq, hex.EncodeToString(hash))
}

// Tree is a log at one size.
type Tree struct {
	Origin string // veribatch/<site>/<epoch>
	Epoch  int
	Size   int64
	Root   tlog.Hash
	At     time.Time // of the last leaf, by the clock of the database

	HeadsAt *time.Time // of its newest heads leaf; nil when there is none, and of an earlier size
}

const newestHead = `select l.origin, h.epoch, h.size, h.root, h.at, h.heads_at from audit.log_head h join audit.logs l using (epoch) order by h.epoch desc limit 1`

// Head gives the log in force with all its leaves.
func Head(ctx context.Context, q audit.Querier) (t Tree, err error) {
	var root []byte
	err = q.QueryRow(ctx, newestHead).Scan(&t.Origin, &t.Epoch, &t.Size, &root, &t.At, &t.HeadsAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return t, fault.New(fault.NotReady, "The log has not begun: it does when the server starts.")
	}
	copy(t.Root[:], root)
	return t, err
}

const inventedSite = `select exists (select from audit.logs where origin like 'veribatch/00000000-0000-0000-0000-000000000000/%')`

// Genuine refuses a database that was made to measure with: its log bears the site of zeros.
func Genuine(ctx context.Context, q audit.Querier) error {
	var invented bool
	err := q.QueryRow(ctx, inventedSite).Scan(&invented)
	if err == nil && invented {
		err = fault.New(fault.NotReady, "This database holds invented entries, made to measure with. It is no plant: it is neither served nor verified.")
	}
	return err
}

// RootAt computes the root of the log when it had size leaves, from its tiles.
func RootAt(ctx context.Context, q audit.Querier, epoch int, size int64) (tlog.Hash, error) {
	return tlog.TreeHash(size, bare{tiles{ctx, q, epoch}, size})
}

// Figures are what a watcher wants to know.
type Figures struct {
	Size, Queue int64
	Oldest      time.Duration // age of the oldest entry that is not in the log, 0 when there is none
}

const figures = `select coalesce((select h.size from audit.log_head h order by h.epoch desc limit 1), 0), count(*),
	coalesce(greatest(0, extract(epoch from clock_timestamp() - min(q.at)) * 1000000), 0)::bigint from audit.log_queue q`

// Watch gives the figures of this moment.
func Watch(ctx context.Context, q audit.Querier) (f Figures, err error) {
	var micros int64
	err = q.QueryRow(ctx, figures).Scan(&f.Size, &f.Queue, &micros)
	f.Oldest = time.Duration(micros) * time.Microsecond
	return f, err
}
