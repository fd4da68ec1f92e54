// Package bundle is what leaves the plant to prove a batch: its form, and the verification that anybody makes of it offline, without a database. It knows
// bytes, hashes and signatures, and nothing of batches. The form and the checks stand in docs/auditor.md, "The bundle of a batch"; docs/verify holds a second
// program written from that page alone. Start reading at Verify.
package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Names of the members that a bundle has once.
const (
	bundleText  = "bundle.txt"
	checkpoints = "checkpoint.txt"
	entryLines  = "entries.jsonl"
	proofLines  = "proofs.txt"
	headsText   = "heads.txt"
	keysText    = "keys.txt"
	RecordPDF   = "record.pdf"
	IndexHTML   = "index.html"
)

// ExportStream and ExportAct are where and how an export stands on the trail. The details of the entry are RecordPDF and IndexHTML with their digests,
// Printed and Others.
const (
	ExportStream = "site/exports"
	ExportAct    = "batch.export"
	Printed      = "printed" // seq of the newest entry of the batch's stream in print
	Others       = "others"  // number of entries of other streams, the export's own left out
)

var order = []string{bundleText, checkpoints, entryLines, proofLines, headsText, keysText, "contents/", RecordPDF, IndexHTML}

// Entry is one entry with its place in the log.
type Entry struct {
	Body  []byte
	Index int64
	Path  []tlog.Hash
}

// Bundle is what a plant puts together.
type Bundle struct {
	Stream      string // of the batch
	ExportSeq   int64  // of the export's entry in ExportStream
	Checkpoint  []byte
	Entries     []Entry // in ascending order of their index
	HeadsIndex  int64
	HeadsPath   []tlog.Hash
	HeadsLeaf   string // with its line feed
	StreamLine  string // with its line feed
	StreamIndex int64
	StreamPath  []tlog.Hash
	Keys        Keys
	Contents    [][]byte
	Record      []byte // PDF
	Index       []byte // HTML
}

const bundleHead = "veribatch bundle 1\n"

// Write writes the bundle.
func (b Bundle) Write(w io.Writer) error {
	var entries, proofs bytes.Buffer
	for _, e := range b.Entries {
		entries.Write(append(e.Body[:len(e.Body):len(e.Body)], '\n'))
		proofs.WriteString(path(e.Index, e.Path))
	}
	heads := path(b.HeadsIndex, b.HeadsPath) + b.HeadsLeaf + b.StreamLine + path(b.StreamIndex, b.StreamPath)
	members := []Member{
		{bundleText, fmt.Appendf(nil, "%s%s\n%s %d\n", bundleHead, b.Stream, ExportStream, b.ExportSeq)}, {checkpoints, b.Checkpoint},
		{entryLines, entries.Bytes()}, {proofLines, proofs.Bytes()}, {headsText, []byte(heads)}, {keysText, b.Keys.Format()},
	}
	return Pack(w, append(append(members, contents(b.Contents)...), Member{RecordPDF, b.Record}, Member{IndexHTML, b.Index}))
}

// contents are named by their digests, in the order of the names.
func contents(all [][]byte) []Member {
	var list []Member
	for _, c := range all {
		list = append(list, Member{"contents/" + digest(c), c})
	}
	sortMembers(list)
	return list
}

// path is the line of an audit path.
func path(index int64, hashes []tlog.Hash) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", index)
	for _, h := range hashes {
		b.WriteString(" " + hex.EncodeToString(h[:]))
	}
	return b.String() + "\n"
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

const maxPath = 62

var errForm = errors.New("not of the form of a bundle")

// parsePath reads index and hashes.
func parsePath(line string) (p Entry, err error) {
	words := strings.SplitN(line, " ", 2+maxPath)
	index, ok := parseNumber(words[0])
	if !ok || len(words) > 1+maxPath {
		return p, errForm
	}
	p.Index = index
	for _, w := range words[1:] {
		if !isDigest(w) {
			return p, errForm
		}
		var h tlog.Hash
		_, _ = hex.Decode(h[:], []byte(w)) // isDigest
		p.Path = append(p.Path, h)
	}
	return p, nil
}

var (
	digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
	streamForm = `(?:batch|recipe|lot|equipment|person|station|capture|site)/[A-Za-z0-9_-]{1,64}`
	exportLine = regexp.MustCompile(`^(` + streamForm + `) ([1-9][0-9]{0,18})$`)
	batchForm  = regexp.MustCompile(`^batch/[A-Za-z0-9_-]{1,64}$`)
	headsForm  = regexp.MustCompile(`^heads (\S+) (0|[1-9][0-9]{0,18}) ([0-9a-f]{64})$`)
	streamLine = regexp.MustCompile(`^(` + streamForm + `) ([1-9][0-9]{0,18}) ([0-9a-f]{64})$`)
)

func isDigest(text string) bool { return digestForm.MatchString(text) }

// lines splits a text of n lines that ends with a line feed; nil when it is another.
func lines(raw []byte, n int) []string {
	text, found := bytes.CutSuffix(raw, []byte("\n"))
	if !found || bytes.Count(raw, []byte("\n")) != n {
		return nil
	}
	return strings.Split(string(text), "\n")
}

// header is bundle.txt.
type header struct {
	stream, exportStream string
	exportSeq            int64
}

func parseHeader(raw []byte) (h header, err error) {
	l := lines(raw, 3)
	if l == nil || l[0]+"\n" != bundleHead || !batchForm.MatchString(l[1]) {
		return h, errForm
	}
	m := exportLine.FindStringSubmatch(l[2])
	if m == nil {
		return h, errForm
	}
	seq, ok := parseNumber(m[2])
	if !ok {
		return h, errForm
	}
	return header{l[1], m[1], seq}, nil
}

// heads is heads.txt.
type heads struct {
	leaf, line     string // with their line feeds
	index, streams int64
	root           tlog.Hash
	path           []tlog.Hash
	stream         string // of the line
	seq            int64
	hash           string
	place          int64 // of the line under the root
	under          []tlog.Hash
}

func parseHeads(raw []byte) (h heads, err error) {
	l := lines(raw, 4)
	if l == nil {
		return h, errForm
	}
	first, err := parsePath(l[0])
	if err != nil {
		return h, err
	}
	last, err := parsePath(l[3])
	if err != nil {
		return h, err
	}
	leaf, line := headsForm.FindStringSubmatch(l[1]), streamLine.FindStringSubmatch(l[2])
	if leaf == nil || line == nil {
		return h, errForm
	}
	if _, err := parseTime(leaf[1]); err != nil {
		return h, err
	}
	streams, ok := parseNumber(leaf[2])
	seq, is := parseNumber(line[2])
	if !ok || !is {
		return h, errForm
	}
	h = heads{leaf: l[1] + "\n", line: l[2] + "\n", index: first.Index, streams: streams, path: first.Path, stream: line[1], seq: seq, hash: line[3], place: last.Index, under: last.Path}
	_, _ = hex.Decode(h.root[:], []byte(leaf[3])) // headsForm
	return h, nil
}

const maxEntry = 4 << 20

// parseEntries reads entries and proofs, line by line together: a file of nothing but line feeds takes no memory.
func parseEntries(entries, proofs []byte) (list []Entry, err error) {
	for len(entries) > 0 {
		body, others, found := bytes.Cut(entries, []byte("\n"))
		line, further, is := bytes.Cut(proofs, []byte("\n"))
		if !found || !is || len(body) == 0 || len(body) > maxEntry || bytes.IndexByte(body, '\r') >= 0 {
			return nil, errForm
		}
		e, err := parsePath(string(line))
		if err != nil {
			return nil, err
		}
		e.Body = body
		list, entries, proofs = append(list, e), others, further
	}
	if len(list) == 0 || len(proofs) > 0 {
		return nil, errForm
	}
	return list, nil
}
