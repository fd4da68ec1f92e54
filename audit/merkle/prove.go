package merkle

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit"
	"veribatch/internal/fault"
)

// Inclusion proves that a leaf stands in a tree.
type Inclusion struct {
	Tree  Tree
	Index int64
	Leaf  string // the line, with its newline
	Proof tlog.RecordProof
}

// Check computes the root from leaf and proof, as anybody can.
func (p Inclusion) Check() error {
	return tlog.CheckRecord(p.Proof, p.Tree.Size, p.Tree.Root, p.Index, tlog.RecordHash([]byte(p.Leaf)))
}

// StreamProof proves what the newest entry of a stream was when a heads leaf was written: a tail that was cut shows against it.
type StreamProof struct {
	Heads   Inclusion
	At      time.Time // of the heads leaf
	Streams int64     // that it covers
	Root    tlog.Hash // over their lines
	Index   int64     // of the stream among them
	Line    string    // of the stream, with its newline
	Seq     int64     // its newest entry then
	Proof   tlog.RecordProof
}

// Check computes both roots from leaf, line and proofs.
func (p StreamProof) Check() error {
	if p.Heads.Leaf != HeadsLeaf(p.At, p.Streams, p.Root[:]) {
		return errors.New("the heads leaf does not carry this root")
	}
	if err := p.Heads.Check(); err != nil {
		return err
	}
	return tlog.CheckRecord(p.Proof, p.Streams, p.Root, p.Index, tlog.RecordHash([]byte(p.Line)))
}

// At gives the log in force when it had size leaves.
func At(ctx context.Context, q audit.Querier, size int64) (Tree, error) {
	tree, err := Head(ctx, q)
	if err != nil || tree.Size == size {
		return tree, err
	}
	if size < 1 || size > tree.Size {
		return tree, fault.New(fault.Missing, "The log has %d leaves: there is no tree of %d.", tree.Size, size)
	}
	tree.Root, err = RootAt(ctx, q, tree.Epoch, size)
	tree.Size, tree.At, tree.HeadsAt = size, time.Time{}, nil
	return tree, err
}

// hashes reads the hashes of a tree and refuses those that do not give its root.
func hashes(ctx context.Context, q audit.Querier, t Tree) tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: t.Size, Hash: t.Root}, tiles{ctx, q, t.Epoch})
}

func include(ctx context.Context, q audit.Querier, tree Tree, index int64, leaf string) (Inclusion, error) {
	return prove(hashes(ctx, q, tree), tree, index, leaf)
}

func prove(from tlog.HashReader, tree Tree, index int64, leaf string) (Inclusion, error) {
	proof, err := tlog.ProveRecord(tree.Size, index, from)
	p := Inclusion{Tree: tree, Index: index, Leaf: leaf, Proof: proof}
	if err == nil && p.Check() != nil {
		err = fault.New(fault.Conflict, "The entry is not what was logged: the trail was changed after it. Run ebr verify.")
	}
	return p, err
}

const leafOfEntry = `select l.index, e.hash from audit.log_leaves l join audit.entries e on e.stream = l.stream and e.seq = l.seq
	where l.epoch = @epoch and l.stream = @stream and l.seq = @seq`

// ProveEntry proves that an entry, as the trail holds it, stands in the log of a size.
func ProveEntry(ctx context.Context, q audit.Querier, stream audit.Stream, seq, size int64) (Inclusion, error) {
	tree, err := At(ctx, q, size)
	if err != nil {
		return Inclusion{}, err
	}
	var index int64
	var hash []byte
	err = q.QueryRow(ctx, leafOfEntry, pgx.NamedArgs{"epoch": tree.Epoch, "stream": string(stream), "seq": seq}).Scan(&index, &hash)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && index >= size {
		return Inclusion{}, fault.New(fault.Missing, "Entry %d of %s is not in the log of %d leaves.", seq, stream, size)
	}
	if err != nil {
		return Inclusion{}, err
	}
	return include(ctx, q, tree, index, EntryLeaf(stream, seq, hash))
}

// ProveConsistency proves that the log of one size begins with all leaves of the smaller one.
func ProveConsistency(ctx context.Context, q audit.Querier, old, new int64) ([]tlog.Hash, error) {
	tree, err := At(ctx, q, new)
	if err != nil {
		return nil, err
	}
	if old < 1 || old > new {
		return nil, fault.New(fault.Missing, "A log of %d leaves does not begin with %d.", new, old)
	}
	return tlog.ProveTree(new, old, hashes(ctx, q, tree))
}

const newestHeads = `select index, heads_at, heads_streams, hash from audit.log_leaves where epoch = @epoch and index < @size and heads_at is not null order by index desc limit 1`

// ProveStream proves by the newest heads leaf in the log of a size what the newest entry of a stream was.
func ProveStream(ctx context.Context, q audit.Querier, stream audit.Stream, size int64) (p StreamProof, err error) {
	tree, err := At(ctx, q, size)
	if err != nil {
		return p, err
	}
	var index int64
	var root []byte
	err = q.QueryRow(ctx, newestHeads, pgx.NamedArgs{"epoch": tree.Epoch, "size": size}).Scan(&index, &p.At, &p.Streams, &root)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, fault.New(fault.Missing, "The log of %d leaves holds no heads leaf yet.", size)
	}
	if err != nil {
		return p, err
	}
	copy(p.Root[:], root)
	if p.Heads, err = include(ctx, q, tree, index, HeadsLeaf(p.At, p.Streams, root)); err != nil {
		return p, err
	}
	return p.line(ctx, q, stream, tree.Epoch, index)
}

const newestOf = `select seq, hash from audit.log_leaves where epoch = @epoch and stream = @stream and index < @index order by seq desc limit 1`

// line adds the stream's line among all that the heads leaf at an index covers, and its proof.
func (p StreamProof) line(ctx context.Context, q audit.Querier, stream audit.Stream, epoch int, index int64) (StreamProof, error) {
	var hash []byte
	err := q.QueryRow(ctx, newestOf, pgx.NamedArgs{"epoch": epoch, "stream": string(stream), "index": index}).Scan(&p.Seq, &hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, fault.New(fault.Missing, "The newest heads leaf does not cover %s: it came into the log later.", stream)
	}
	if err != nil {
		return p, err
	}
	p.Line = HeadsLine(stream, p.Seq, hash)
	var all heads
	if err := all.follow(ctx, q, epoch, 0, index); err != nil {
		return p, err
	}
	root, count, err := all.root()
	if err != nil {
		return p, err
	}
	place, known := all.find(stream)
	if root != p.Root || count != p.Streams || !known {
		return p, fault.New(fault.Conflict, "The heads leaf of %s does not follow from the log: it was changed. Run ebr verify.", p.At.UTC().Format(time.RFC3339))
	}
	p.Index = place
	p.Proof, err = tlog.ProveRecord(count, place, &all)
	return p, err
}
