// Package export owns what leaves the plant to prove a batch: the act that prints the record once and enters its digests, and the bundle that is put together
// from it whenever somebody downloads it. The form of the bundle is that of audit/bundle, what is printed that of ebr/report; it decides nothing about batches.
// Start reading at Export, then Exporter.Download.
package export

import (
	"bytes"
	"context"
	"encoding/hex"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/audit/bundle"
	"veribatch/ebr/report"
	"veribatch/internal/fault"
	"veribatch/internal/pades"
	"veribatch/signatures/keyring"
)

// Stream holds the entries of all exports.
const Stream audit.Stream = bundle.ExportStream

// Plant is what the print says of the plant and the program.
type Plant struct {
	Site, Program string
	Demo          bool
	Documents     *keyring.Document // signs the print; nil: it is not signed
}

// Export prints the record of a batch for an auditor and enters it.
type Export struct {
	Batch string `json:"batch" form:"-"`
	Plant Plant  `json:"-" form:"-"`
}

// Result names the export.
type Result struct {
	Batch  string `json:"batch"`
	Export string `json:"export"`
}

// Act is the word of the act.
func (Export) Act() string { return bundle.ExportAct }

// Home is the stream of exports.
func (Export) Home() audit.Stream { return Stream }

// Also names the batch; nothing for what is no id of one, which Do then refuses.
func (c Export) Also() []audit.Stream {
	if uuid.Validate(c.Batch) != nil || len(c.Batch) != 36 {
		return nil
	}
	return []audit.Stream{streamOf(c.Batch)}
}

// At says for which plant the record is printed.
func (c *Export) At(p Plant) { c.Plant = p }

func streamOf(batch string) audit.Stream { return audit.Stream("batch/" + batch) }

// position is how far everything is that the print shows.
type position struct{ printed, others int64 }

const readPosition = `select coalesce((select h.seq from audit.heads h where h.stream = @stream), 0), (select count(*) from audit.subjects s where s.subject = @stream and s.stream <> @stream)`

func positionOf(ctx context.Context, q audit.Querier, batch string) (p position, err error) {
	err = q.QueryRow(ctx, readPosition, pgx.NamedArgs{"stream": string(streamOf(batch))}).Scan(&p.printed, &p.others)
	return p, err
}

// tries is how often a record that changes while it is read is read again.
const tries = 5

// load reads the record at one position: work on the batch goes on meanwhile, and is not made to wait.
func load(ctx context.Context, q audit.Querier, batch string) (r report.Record, p position, err error) {
	for range tries {
		if p, err = positionOf(ctx, q, batch); err != nil {
			return r, p, err
		}
		if r, err = report.Load(ctx, q, batch); err != nil { // says that there is no such batch, too
			return r, p, err
		}
		after, err := positionOf(ctx, q, batch)
		if err != nil || after == p && int64(len(r.Trail)) == p.printed+p.others {
			return r, p, err
		}
	}
	return r, p, fault.New(fault.NotReady, "Entries of this batch come faster than its record can be printed. Try again in a moment.")
}

// Do prints the record, keeps the print by its digest, and notes what the bundle will be compared with.
func (c Export) Do(ctx context.Context, tx *audit.Tx) error {
	r, at, err := load(ctx, tx, c.Batch)
	if err != nil {
		return err
	}
	if r.GeneratedBy, err = report.Reader(ctx, tx, tx.Actor().Person); err != nil {
		return err
	}
	r.Site, r.Program, r.Demo, r.GeneratedAt = c.Plant.Site, c.Plant.Program, c.Plant.Demo, tx.Now()
	var pdf bytes.Buffer
	if err := report.PDF(&pdf, r); err != nil {
		return err
	}
	print, err := c.Plant.signed(pdf.Bytes(), r)
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{bundle.RecordPDF: print, bundle.IndexHTML: index(r, at)} {
		digest, err := tx.Keep(ctx, content)
		if err != nil {
			return err
		}
		tx.Note(name, hex.EncodeToString(digest))
	}
	tx.Note(bundle.Printed, strconv.FormatInt(at.printed, 10))
	tx.Note(bundle.Others, strconv.FormatInt(at.others, 10))
	tx.Note("batch", r.Batch.Number)
	tx.Note("state", r.State)
	id := audit.NewID()
	tx.Note("export", id)
	tx.Result(Result{c.Batch, id})
	return nil
}

// signed gives the print with the plant's own signature in it, which every viewer of PDF checks: for whoever has the print alone. The bundle proves more.
func (p Plant) signed(print []byte, r report.Record) ([]byte, error) {
	if p.Documents == nil {
		return print, nil
	}
	if err := p.Documents.Usable(r.GeneratedAt); err != nil {
		return nil, err
	}
	signed, err := pades.Sign(print, pades.Signer(*p.Documents), pades.Words{Reason: "Record of batch " + r.Batch.Number + ", " + r.State, At: r.GeneratedAt})
	if err != nil {
		return nil, fault.New(fault.NotReady, "The print could not be signed, and nothing was exported. Try again; if it stays so, tell who keeps the server.").Because(err)
	}
	return signed, nil
}
