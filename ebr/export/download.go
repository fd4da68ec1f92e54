package export

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/audit/bundle"
	"veribatch/audit/checkpoint/keeper"
	"veribatch/audit/merkle"
	"veribatch/internal/fault"
	"veribatch/signatures"
)

// Exporter puts bundles together. It has leaves over all streams appended, and never signs a checkpoint: it waits for one.
type Exporter struct {
	Trail *audit.Trail
	Heads func(context.Context) error // appends a leaf over all streams: merkle.Sequencer.AppendHeads
	Key   string                      // id of the key that seals signatures, for the keys that the bundle states
	Wait  time.Duration               // for a checkpoint; 15 s unless set
}

// wait and look are how long a download waits for a checkpoint that witnesses have cosigned, where there are witnesses, and how often it looks.
const (
	wait = 15 * time.Second
	look = 100 * time.Millisecond
)

// Entry is one export of a batch, as its entry says.
type Entry struct {
	ID, Batch       string
	Seq             int64 // in Stream
	By, User, State string
	At              time.Time
	Printed, Others int64
	Record, Index   string // digests, hex
}

// List gives the exports of a batch, the newest first.
func List(ctx context.Context, q audit.Querier, batch string) (list []Entry, err error) {
	subject := streamOf(batch)
	f := audit.Filter{Subject: subject, Act: bundle.ExportAct, Limit: 500}
	for {
		rows, err := audit.History(ctx, q, f)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if row.Stream == Stream && !row.Refused {
				list = append(list, entryOf(batch, row))
			}
		}
		if len(rows) < f.Limit {
			return list, nil
		}
		f.After = rows[len(rows)-1].Cursor()
	}
}

func entryOf(batch string, row audit.Row) Entry {
	e := Entry{ID: row.Details["export"], Batch: batch, Seq: row.Seq, By: row.By.Name, User: row.By.User, State: row.Details["state"], At: row.Time,
		Record: row.Details[bundle.RecordPDF], Index: row.Details[bundle.IndexHTML]}
	e.Printed, _ = strconv.ParseInt(row.Details[bundle.Printed], 10, 64) // Do wrote a number
	e.Others, _ = strconv.ParseInt(row.Details[bundle.Others], 10, 64)
	return e
}

// Find gives one export of a batch.
func Find(ctx context.Context, q audit.Querier, batch, id string) (Entry, error) {
	list, err := List(ctx, q, batch)
	at := slices.IndexFunc(list, func(e Entry) bool { return e.ID == id })
	if err == nil && at < 0 {
		err = fault.New(fault.Missing, "There is no such export of this batch. Open the list of its exports.")
	}
	if err != nil {
		return Entry{}, err
	}
	return list[at], nil
}

// Download writes the bundle of an export: the entries of the batch up to the newest leaf over all streams that a checkpoint covers. Who asks has the right to it.
func (x *Exporter) Download(ctx context.Context, e Entry, w io.Writer) error {
	if err := x.covered(ctx, e); err != nil {
		return err
	}
	var b bundle.Bundle
	err := x.Trail.Read(ctx, func(r *audit.Reader) (err error) {
		b, err = build(ctx, r, e, x.Key)
		return err
	})
	if err != nil {
		return err
	}
	return b.Write(w)
}

// covered waits until a checkpoint covers a leaf over all streams that came after the export; for witnesses until the time is up, and not at all when they
// have not seen the log for longer: the bundle goes without them then, and who wants them verifies a later download.
func (x *Exporter) covered(ctx context.Context, e Entry) error {
	limit := x.Wait
	if limit == 0 {
		limit = wait
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	asked, signed := false, false
	for {
		var s standing
		err := x.Trail.Read(ctx, func(r *audit.Reader) (err error) { s, err = standingOf(ctx, r, e); return err })
		signed = signed || err == nil && s.signed > s.heads && s.heads > 0
		if signed && (!s.witnesses || s.cosigned > 0 || s.refused) {
			return nil
		}
		if err == nil && s.refused {
			return s.why(limit)
		}
		if err == nil && s.heads == 0 && !asked {
			asked, err = true, x.Heads(ctx)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			if signed {
				return nil
			}
			return s.why(limit)
		case <-time.After(look):
		}
	}
}

// standing is how far log and checkpoints are.
type standing struct {
	heads   int64 // index of the first leaf over all streams behind the export; 0 when there is none yet
	signed  int64 // leaves under the newest checkpoint of the log in force
	never   bool  // no checkpoint was ever signed
	refused bool  // the signer refuses the log: waiting helps nobody
	problem string

	note      string // the checkpoint of the bundle
	size      int64  // its leaves
	cosigned  int64  // leaves under the newest one that enough witnesses have cosigned, when it covers heads
	witnesses bool   // there are some, and they see the log grow
}

func (s standing) why(waited time.Duration) error {
	if s.problem != "" {
		return fault.New(fault.NotReady, "The export is entered, and no checkpoint covers it: %s Download it again when the page Log and checkpoints shows no problem.", s.problem)
	}
	if s.never {
		return fault.New(fault.NotReady, "The export is entered, and nothing proves it yet: no checkpoint of this plant's log was ever signed. Have the signer started (page Log and checkpoints), then download it again.")
	}
	return fault.New(fault.NotReady, "The export is entered, and no checkpoint covered it within %s. Look whether the signer runs (page Log and checkpoints), then download it again.", waited)
}

const headsBehind = `select coalesce((select min(h.index) from audit.log_leaves l join audit.log_leaves h on h.epoch = l.epoch and h.index > l.index and h.heads_at is not null
	where l.epoch = @epoch and l.stream = @stream and l.seq = @seq), 0)`

func standingOf(ctx context.Context, q audit.Querier, e Entry) (s standing, err error) {
	tree, err := merkle.Head(ctx, q)
	if err != nil {
		return s, err
	}
	state, err := keeper.Read(ctx, q)
	if err != nil {
		return s, err
	}
	s.problem, s.never = state.Problem, len(state.Note) == 0
	if state.Refusal != nil {
		s.problem, s.refused = state.Refusal.Words(), true
	}
	if state.Epoch == tree.Epoch && state.Size <= tree.Size {
		s.signed = state.Size
	}
	s.note, s.size = string(state.Note), state.Size // the checkpoint may have grown since it was waited for
	if err := q.QueryRow(ctx, headsBehind, pgx.NamedArgs{"epoch": tree.Epoch, "stream": string(Stream), "seq": e.Seq}).Scan(&s.heads); err != nil || s.heads == 0 {
		return s, err
	}
	seen, err := keeper.ReadWitnessed(ctx, q)
	if err != nil {
		return s, err
	}
	s.witnesses = len(seen.List) > 0 && !seen.Refused() && seen.Behind < keeper.WitnessedAfter
	note, size, err := keeper.Cosigned(ctx, q, s.heads)
	if size > 0 {
		s.note, s.size, s.cosigned = note, size, size
	}
	return s, err
}

// build reads everything in one snapshot.
func build(ctx context.Context, q audit.Querier, e Entry, key string) (b bundle.Bundle, err error) {
	s, err := standingOf(ctx, q, e)
	if err != nil {
		return b, err
	}
	b = bundle.Bundle{Stream: string(streamOf(e.Batch)), ExportSeq: e.Seq, Checkpoint: []byte(s.note)}
	if b.Keys, err = signatures.BundleKeys(ctx, q, key); err != nil {
		return b, err
	}
	end, err := merkle.ProveStream(ctx, q, streamOf(e.Batch), s.size)
	if err != nil {
		return b, err
	}
	b.HeadsIndex, b.HeadsPath, b.HeadsLeaf = end.Heads.Index, end.Heads.Proof, end.Heads.Leaf
	b.StreamIndex, b.StreamPath, b.StreamLine = end.Index, end.Proof, end.Line
	if b.Entries, err = entries(ctx, q, e, end); err != nil {
		return b, err
	}
	named := map[string]bool{}
	for _, entry := range b.Entries {
		digests, err := bundle.Named(entry.Body)
		if err != nil {
			return b, err
		}
		for _, d := range digests {
			named[d] = true
		}
	}
	if b.Contents, err = contents(ctx, q, slices.Sorted(maps.Keys(named))); err != nil {
		return b, err
	}
	print, err := contents(ctx, q, []string{e.Record, e.Index})
	if err == nil {
		b.Record, b.Index = print[0], print[1]
	}
	return b, err
}

// The entries of the batch up to a seq, the first ones in the log of other streams that name it, and the export's own.
const entriesInLog = `select l.stream, l.seq from (
		(select l.index, l.stream, l.seq from audit.log_leaves l where l.epoch = @epoch and l.stream = @batch and l.seq <= @end)
		union all (select l.index, l.stream, l.seq from audit.subjects s join audit.log_leaves l on l.epoch = @epoch and l.stream = s.stream and l.seq = s.seq
			where s.subject = @batch and s.stream <> s.subject and (s.stream, s.seq) <> (@exports, @export) order by l.index limit @others)
		union all (select l.index, l.stream, l.seq from audit.log_leaves l where l.epoch = @epoch and l.stream = @exports and l.seq = @export)) l order by l.index`

// entries gives the entries of the bundle in the order of the log, each with its proof in the tree in which end was proved.
func entries(ctx context.Context, q audit.Querier, e Entry, end merkle.StreamProof) (list []bundle.Entry, err error) {
	rows, err := q.Query(ctx, entriesInLog, pgx.NamedArgs{
		"epoch": end.Heads.Tree.Epoch, "batch": string(streamOf(e.Batch)), "end": end.Seq, "exports": string(Stream), "export": e.Seq, "others": e.Others,
	})
	if err != nil {
		return nil, err
	}
	places, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c audit.Cursor, err error) {
		return c, row.Scan(&c.Stream, &c.Seq)
	})
	if err != nil {
		return nil, err
	}
	found, err := audit.Entries(ctx, q, places)
	if err != nil {
		return nil, err
	}
	proofs, err := (&merkle.Prover{Tree: end.Heads.Tree}).Prove(ctx, q, found)
	for i, p := range proofs {
		if p.Index < 0 {
			return nil, fault.New(fault.Missing, "Entry %d of %s is not in the log of %d leaves.", found[i].Seq, found[i].Stream, end.Heads.Tree.Size)
		}
		list = append(list, bundle.Entry{Body: found[i].Body, Index: p.Index, Path: p.Proof})
	}
	return list, err
}

const contentsByDigest = `select c.bytes from unnest(@digests::text[]) with ordinality d (hex, n) left join audit.contents c on c.digest = decode(d.hex, 'hex') order by d.n`

var errContent = errors.New("a content that an entry names is not kept any more: run ebr verify")

// contents gives what is kept under the digests, in their order.
func contents(ctx context.Context, q audit.Querier, digests []string) ([][]byte, error) {
	for _, d := range digests {
		if raw, err := hex.DecodeString(d); err != nil || len(raw) != 32 {
			return nil, errContent
		}
	}
	rows, err := q.Query(ctx, contentsByDigest, pgx.NamedArgs{"digests": digests})
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	for _, c := range list {
		if c == nil && err == nil {
			err = errContent
		}
	}
	return list, err
}
