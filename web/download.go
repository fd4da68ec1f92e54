package web

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"veribatch/audit"
	"veribatch/audit/checkpoint"
	"veribatch/audit/checkpoint/keeper"
	"veribatch/audit/merkle"
	"veribatch/internal/fault"
)

// A file holds so many entries at most, read in pages; it looks at so many pages, also where few entries match. Its last line says where to go on.
var bounds = struct{ entries, pages, page int }{10_000, 60, 500}

// entryFile writes the entries of a selection as text of one kind.
type entryFile interface {
	// begin writes what stands before the first entry; it runs in the snapshot of the first page.
	begin(v *visit, to *bytes.Buffer) error
	page(v *visit, rows []audit.Row, to *bytes.Buffer) error
	// end writes the last line: how many entries there are, and the address of the file with those that follow; "" when these are all.
	end(to *bytes.Buffer, entries int, next string) error
}

// download streams the selection of a search page by page, each in a snapshot of its own in which the right is asked anew. A file that broke off lacks its end.
func (s *server) download(name, mime string, kind func() entryFile) func(v *visit) error {
	return func(v *visit) error {
		file, entries := kind(), 0
		var search audit.Search
		for n := 1; ; n++ {
			var b bytes.Buffer
			var found audit.Found
			_, err := v.read(v.route.Act, func(v *visit) (_ View, err error) {
				if n == 1 {
					if search, err = v.searchAsked(); err != nil {
						return nil, err
					}
					if err = file.begin(v, &b); err != nil {
						return nil, err
					}
				}
				search.Limit = min(bounds.page, bounds.entries-entries)
				if found, err = audit.Explore(v.ctx, v, search); err != nil {
					return nil, err
				}
				return nil, file.page(v, found.Rows, &b)
			})
			if err != nil && n == 1 {
				return err
			}
			if err != nil {
				panic(http.ErrAbortHandler) // the transfer breaks off, so that nobody takes a part for the whole
			}
			entries += len(found.Rows)
			search.After = found.End
			last := !found.More || entries >= bounds.entries || n == bounds.pages
			if last {
				next := ""
				if found.More {
					next = v.page(map[bool]string{false: "after", true: "before"}[search.Oldest], cursorText(found.End))
				}
				if err := file.end(&b, entries, next); err != nil {
					return err
				}
			}
			if n == 1 {
				v.c.Response().Header().Set(echo.HeaderContentType, mime)
				v.c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`"`)
				v.c.Response().WriteHeader(http.StatusOK)
			}
			if _, err := b.WriteTo(v.c.Response()); err != nil || last {
				return nil // who went away needs no answer
			}
			v.c.Response().Flush()
		}
	}
}

// csvFile is a table as RFC 4180 has it, one entry a row.
type csvFile struct{ rows int }

// csvColumns are the names of the columns; what the exact entry says stands in the file of proofs.
var csvColumns = []string{"no", "time", "person", "logged in", "station", "act", "subject", "reason", "refused", "signed", "changes", "stream", "seq", "sha256"}

func (f *csvFile) begin(_ *visit, to *bytes.Buffer) error { return csvRow(to, csvColumns) }

func (f *csvFile) page(v *visit, rows []audit.Row, to *bytes.Buffer) error {
	entries, err := v.entriesOf(rows)
	if err != nil {
		return err
	}
	for i, e := range entries {
		f.rows++
		err := csvRow(to, []string{
			strconv.Itoa(f.rows), e.At.UTC().Format(time.RFC3339Nano), e.By, e.Session, e.Station, e.Act, e.Subject, e.Reason, e.Refused,
			map[bool]string{true: "yes"}[rows[i].By.Ticket != "" && !rows[i].Refused], changesText(e.Changes), e.Stream, strconv.FormatInt(e.Seq, 10), hex.EncodeToString(rows[i].Hash),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *csvFile) end(to *bytes.Buffer, entries int, next string) error {
	row := make([]string, len(csvColumns))
	row[0], row[1] = "end", strconv.Itoa(entries)+" entries"
	if next != "" {
		row[2] = "more: " + next
	}
	return csvRow(to, row)
}

// changesText gives the changes of an entry in lines: record, field, before, after.
func changesText(changes []RowChange) string {
	var lines []string
	for _, c := range changes {
		for _, f := range c.Fields {
			line := c.Table + " " + c.ID + " " + f.Name + ": "
			if c.Kind == "changed" {
				line += strconv.Quote(f.Before) + " -> "
			}
			lines = append(lines, line+strconv.Quote(f.After))
		}
	}
	return strings.Join(lines, "\n")
}

// csvRow writes one row. A cell that a spreadsheet could take for a formula begins with an apostrophe.
func csvRow(to *bytes.Buffer, cells []string) error {
	for i, c := range cells {
		cells[i] = noFormula(c)
	}
	w := csv.NewWriter(to)
	w.UseCRLF = true
	_ = w.Write(cells)
	w.Flush()
	return w.Error()
}

// noFormula puts an apostrophe before what spreadsheets calculate: text that begins, behind blanks, with one of these.
func noFormula(cell string) string {
	if strings.HasPrefix(cell, "\t") || strings.HasPrefix(cell, "\r") || strings.HasPrefix(cell, "\n") {
		return "'" + cell
	}
	if text := strings.TrimSpace(cell); text != "" && strings.ContainsAny(firstRune(text), "=+-@＝＋－＠") {
		return "'" + cell
	}
	return cell
}

func firstRune(text string) string {
	for _, r := range text {
		return string(r)
	}
	return ""
}

// proofFile is one JSON text a line: the checkpoint, each entry with its proof under it, the end.
type proofFile struct{ prover merkle.Prover }

type proofHead struct {
	Checkpoint string `json:"checkpoint"` // as it was signed
	Key        string `json:"key"`        // of the signer, as the server says: compare it with the one that you hold
	Origin     string `json:"origin"`
	Size       int64  `json:"size"`
	Root       string `json:"root"` // hex
	Selection  string `json:"selection"`
}

type proofLine struct {
	Stream audit.Stream `json:"stream"`
	Seq    int64        `json:"seq"`
	Hash   string       `json:"hash"`
	Body   string       `json:"body"`
	Index  int64        `json:"index"` // of the leaf; -1 when it came into the log after the checkpoint
	Path   []string     `json:"path,omitempty"`
}

type proofEnd struct {
	End     bool   `json:"end"`
	Entries int    `json:"entries"`
	Next    string `json:"next,omitempty"`
}

func (f *proofFile) begin(v *visit, to *bytes.Buffer) error {
	state, err := v.signedTree(&f.prover.Tree)
	if err != nil {
		return err
	}
	tree := treeOf(f.prover.Tree)
	head := proofHead{Checkpoint: string(state.Note), Origin: tree.Origin, Size: tree.Size, Root: tree.Root, Selection: v.selection().Encode()}
	if name, _, err := checkpoint.SplitOrigin(tree.Origin); err == nil && len(state.Key) > 0 {
		head.Key = checkpoint.VerifierKey(name, state.Key)
	}
	return jsonLine(to, head)
}

// signedTree is the log as far as it is under the newest checkpoint.
func (v *visit) signedTree(tree *merkle.Tree) (state keeper.State, err error) {
	if state, err = keeper.Read(v.ctx, v); err != nil {
		return state, err
	}
	if state.Size > 0 {
		*tree, err = merkle.At(v.ctx, v, state.Size)
	}
	if err == nil && (state.Size == 0 || tree.Epoch != state.Epoch) {
		err = fault.New(fault.NotReady, "No checkpoint of this log is signed yet. Try again when the signer runs.")
	}
	return state, err
}

// selection is the search without the place of a page.
func (v *visit) selection() url.Values {
	q := url.Values{}
	for name, values := range v.c.QueryParams() {
		if values[0] != "" && name != "after" && name != "before" {
			q.Set(name, values[0])
		}
	}
	return q
}

func (f *proofFile) page(v *visit, rows []audit.Row, to *bytes.Buffer) error {
	proofs, err := f.prover.Prove(v.ctx, v, rows)
	if err != nil {
		return err
	}
	for i, r := range rows {
		line := proofLine{Stream: r.Stream, Seq: r.Seq, Hash: hex.EncodeToString(r.Hash), Body: string(r.Body), Index: proofs[i].Index, Path: hexes(proofs[i].Proof)}
		if err := jsonLine(to, line); err != nil {
			return err
		}
	}
	return nil
}

func (f *proofFile) end(to *bytes.Buffer, entries int, next string) error {
	return jsonLine(to, proofEnd{true, entries, next})
}

func jsonLine(to *bytes.Buffer, line any) error {
	e := json.NewEncoder(to)
	e.SetEscapeHTML(false)
	return e.Encode(line)
}
