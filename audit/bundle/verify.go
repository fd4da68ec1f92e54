package bundle

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Word is a verdict.
type Word string

// The verdicts. Their order here is that of the exit codes.
const (
	Intact         Word = "intact"
	Altered        Word = "altered"
	Incomplete     Word = "incomplete"
	NotEstablished Word = "not-established"
)

// Verdict is what Verify found: for Intact no reason; else the first check of docs/auditor.md that failed, and in words where.
type Verdict struct {
	Word   Word
	Reason string
	Detail string

	Stream     string      // of the batch
	Entries    int         // of the batch's stream
	Others     int         // entries of other streams
	Signatures int         // that verified
	Origin     string      // of the log
	SignedAt   []time.Time // times of the log's own cosignature and of witnesses, as far as known keys gave them
	Beyond     int64       // entries of the batch's stream that came after the print
}

// ExitCode is that of `ebr verify-bundle`.
func (v Verdict) ExitCode() int {
	return slices.Index([]Word{Intact, Altered, Incomplete, NotEstablished}, v.Word)
}

// failure ends the verification.
type failure struct {
	word           Word
	reason, detail string
}

// Verify makes the checks of docs/auditor.md, "The checks, in this order". With trusted nil the bundle's own keys are used, which establishes no signer.
func Verify(file []byte, trusted *Keys) (v Verdict) {
	c := &checker{trusted: trusted, file: file}
	for _, step := range []func() *failure{c.container, c.forms, c.note, c.log, c.stream, c.export, c.contentsFit, c.signatures} {
		if f := step(); f != nil {
			c.Word, c.Reason, c.Detail = f.word, f.reason, f.detail
			return c.Verdict
		}
	}
	if c.soft != nil {
		c.Word, c.Reason, c.Detail = c.soft.word, c.soft.reason, c.soft.detail
		return c.Verdict
	}
	c.Word = Intact
	return c.Verdict
}

// checker is one verification.
type checker struct {
	Verdict
	file    []byte
	trusted *Keys
	soft    *failure // the first that does not end it

	members  map[string][]byte
	contents []Member
	header   header
	written  checkpointNote
	keys     Keys
	raw      []Entry
	entries  []entry
	heads    heads
}

func altered(reason, format string, args ...any) *failure {
	return &failure{Altered, reason, fmt.Sprintf(format, args...)}
}

func incomplete(reason, format string, args ...any) *failure {
	return &failure{Incomplete, reason, fmt.Sprintf(format, args...)}
}

// doubt notes that the signer is not established.
func (c *checker) doubt(reason, format string, args ...any) {
	if c.soft == nil {
		c.soft = &failure{NotEstablished, reason, fmt.Sprintf(format, args...)}
	}
}

var contentName = regexp.MustCompile(`^contents/[0-9a-f]{64}$`)

// container makes checks 1 to 3.
func (c *checker) container() *failure {
	list, err := unpack(c.file)
	if err != nil {
		return altered("container", "%v", err)
	}
	c.members = map[string][]byte{}
	last, rank := "", -1
	for _, m := range list {
		at := slices.Index(order, m.Name)
		if contentName.MatchString(m.Name) {
			at = slices.Index(order, "contents/")
			c.contents = append(c.contents, m)
		} else if m.Name == "contents/" {
			at = -1
		}
		if at < rank || at < 0 || at == rank && m.Name <= last {
			return altered("member", "%.100q does not belong where it stands", m.Name)
		}
		last, rank = m.Name, at
		c.members[m.Name] = m.Bytes
	}
	for _, name := range order {
		if _, there := c.members[name]; !there && name != "contents/" {
			return incomplete("member-missing", "%s is not there", name)
		}
	}
	return nil
}

// forms makes checks 4 to 8.
func (c *checker) forms() (f *failure) {
	var err error
	if c.header, err = parseHeader(c.members[bundleText]); err != nil {
		return altered("bundle-text", "%s has not its form", bundleText)
	}
	c.Stream = c.header.stream
	if c.written, err = parseNote(c.members[checkpoints]); err != nil {
		return altered("checkpoint-text", "%s has not its form", checkpoints)
	}
	c.Origin = c.written.origin
	if c.keys, err = ParseKeys(c.members[keysText]); err != nil {
		return altered("keys-text", "%s has not its form", keysText)
	}
	if c.raw, err = parseEntries(c.members[entryLines], c.members[proofLines]); err != nil {
		return altered("proofs-text", "%s or %s has not its form", entryLines, proofLines)
	}
	if c.heads, err = parseHeads(c.members[headsText]); err != nil {
		return altered("proofs-text", "%s has not its form", headsText)
	}
	if c.trusted != nil {
		c.keys = *c.trusted
		return nil
	}
	c.doubt("no-trust", "no file of trust was given: the bundle was checked with the keys that it brought itself")
	return nil
}

// note makes checks 9 to 11.
func (c *checker) note() *failure {
	ours, witnesses := false, map[string]bool{}
	for _, l := range c.written.lines {
		for _, k := range c.keys.Log {
			its, holds, _ := c.written.signedBy(l, k, kindLog)
			if its && !holds {
				return altered("checkpoint-signature", "the signature of %s does not hold", l.name)
			}
			ours = ours || its && c.written.of(k.Name)
			its, holds, at := c.written.signedBy(l, k, kindWitness)
			if its && !holds {
				return altered("checkpoint-signature", "the cosignature of %s does not hold", l.name)
			}
			if its {
				c.SignedAt = append(c.SignedAt, at)
			}
		}
		for _, k := range c.keys.Witnesses {
			its, holds, at := c.written.signedBy(l, k, kindWitness)
			if its && !holds {
				return altered("checkpoint-signature", "the cosignature of the witness %s does not hold", l.name)
			}
			if its {
				witnesses[k.line(kindWitness)] = true
				c.SignedAt = append(c.SignedAt, at)
			}
		}
	}
	if !ours {
		c.doubt("log-key", "no known key of the log %s signed the checkpoint", c.written.origin)
	}
	if len(witnesses) < c.keys.Quorum {
		c.doubt("witnesses", "%d witnesses cosigned, and %d must", len(witnesses), c.keys.Quorum)
	}
	return nil
}

const mostEpoch = 1_000_000_000

// of says whether the origin is that of the log of this name.
func (n checkpointNote) of(name string) bool {
	text, found := strings.CutPrefix(n.origin, name+"/")
	epoch, ok := parseNumber(text)
	return found && ok && epoch >= 1 && epoch <= mostEpoch
}

// log makes checks 12 to 16.
func (c *checker) log() *failure {
	before := int64(-1)
	for i, r := range c.raw {
		e, err := parseEntry(r.Body)
		if err != nil {
			return altered("entry-text", "line %d of %s is no entry", i+1, entryLines)
		}
		if r.Index <= before {
			return altered("entry-order", "%s %d stands before an entry that is earlier in the log", e.stream, e.seq)
		}
		before = r.Index
		if !c.stands(r.Index, r.Path, e.leaf(), c.written.size, c.written.root) {
			return altered("entry-proof", "%s %d is not in the log as it stands here", e.stream, e.seq)
		}
		c.entries = append(c.entries, e)
	}
	h := c.heads
	if !c.stands(h.index, h.path, h.leaf, c.written.size, c.written.root) {
		return altered("heads-proof", "the leaf over all streams is not in the log")
	}
	if h.stream != c.header.stream || !c.stands(h.place, h.under, h.line, h.streams, h.root) {
		return altered("stream-proof", "the end of %s is not under the leaf over all streams", c.header.stream)
	}
	return nil
}

// stands says whether the leaf has that place in the tree.
func (c *checker) stands(index int64, path []tlog.Hash, leaf string, size int64, root tlog.Hash) bool {
	return index < size && tlog.CheckRecord(path, size, root, index, tlog.RecordHash([]byte(leaf))) == nil
}

// stream makes checks 17 to 20.
func (c *checker) stream() *failure {
	var chain []entry
	for _, e := range c.entries {
		if e.stream != c.header.stream {
			continue
		}
		switch next := int64(len(chain)) + 1; {
		case e.seq < next:
			return altered("stream-order", "%s %d comes after %d", e.stream, e.seq, next-1)
		case e.seq > next:
			return incomplete("stream-gap", "%s %d is missing", e.stream, next)
		case e.seq > c.heads.seq:
			return altered("stream-beyond", "%s %d is beyond the end of the stream", e.stream, e.seq)
		}
		chain = append(chain, e)
	}
	c.Entries = len(chain)
	if int64(len(chain)) < c.heads.seq {
		return incomplete("stream-gap", "%s ends with %d here, and ended with %d in the log", c.header.stream, len(chain), c.heads.seq)
	}
	prev := ""
	for _, e := range chain {
		if e.prev != prev {
			return altered("chain", "%s %d does not carry the hash of the entry before it", e.stream, e.seq)
		}
		prev = e.hash
	}
	if prev != c.heads.hash {
		return altered("chain", "the last entry of %s is not the one that the log ends it with", c.header.stream)
	}
	return nil
}

// export makes checks 21 to 25.
func (c *checker) export() *failure {
	var found []entry
	others := 0
	for _, e := range c.entries {
		switch {
		case e.stream == c.header.exportStream && e.seq == c.header.exportSeq:
			found = append(found, e)
		case e.stream != c.header.stream:
			others++
		}
	}
	c.Others = others
	if len(found) != 1 {
		return incomplete("export-missing", "the entry of the export, %s %d, is not there once", c.header.exportStream, c.header.exportSeq)
	}
	e := found[0]
	printed, ok := parseNumber(e.details[Printed])
	counted, is := parseNumber(e.details[Others])
	if e.stream != ExportStream || e.act != ExportAct || !e.names(c.header.stream) || !ok || printed < 1 || printed > c.heads.seq || !is || !isDigest(e.details[RecordPDF]) || !isDigest(e.details[IndexHTML]) {
		return altered("export-entry", "%s %d is not the export of this batch", e.stream, e.seq)
	}
	c.Beyond = c.heads.seq - printed
	if int64(others) < counted {
		return incomplete("others-missing", "%d entries of other streams are here, and the export had %d", others, counted)
	}
	if int64(others) > counted {
		return altered("others-unknown", "%d entries of other streams are here, and the export had %d", others, counted)
	}
	for _, name := range []string{RecordPDF, IndexHTML} {
		if digest(c.members[name]) != e.details[name] {
			return altered("printed-record", "%s is not the one that was exported", name)
		}
	}
	return nil
}
