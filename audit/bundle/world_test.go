package bundle

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// plant makes bundles in memory, the same ones for the same seed. The functions change what is made, each at its place; nil ones change nothing.
type plant struct {
	rng *rand.Rand

	note       func(p *plant, text string) []byte                         // signs the checkpoint otherwise
	statement  func(map[string]any)                                       // of the first signature, before it is hashed
	manifest   func(map[string]any)                                       //
	row        func(map[string]any)                                       // of the first signature
	body       func(p *plant, stream string, seq int, body string) string // an entry before it is hashed
	details    func(map[string]any)                                       // of the export's entry
	sealer     ed25519.PrivateKey                                         // seals the first signature instead of the plant's key
	bundle     func(p *plant, b *Bundle)                                  // before it is packed
	members    func(p *plant, m []Member) []Member
	file       func(p *plant, f []byte) []byte
	trust      func(p *plant, k *Keys)
	signedAt   time.Time
	batch      string
	site       []ed25519.PrivateKey // the last one seals
	logs       []ed25519.PrivateKey // the last one signs
	witness    []ed25519.PrivateKey
	hashes     []tlog.Hash // of the log, as tlog stores them
	size       int64
	heads      map[string]string // newest line of each stream
	entries    []Entry
	contents   [][]byte
	signatures int
}

var began = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func newPlant(seed uint64) *plant {
	p := &plant{rng: rand.New(rand.NewPCG(seed, 4)), heads: map[string]string{}, signedAt: began}
	p.batch = "batch/" + p.id()
	for range 1 + p.rng.IntN(2) {
		p.site, p.logs = append(p.site, p.key()), append(p.logs, p.key())
	}
	for range p.rng.IntN(3) {
		p.witness = append(p.witness, p.key())
	}
	return p
}

func (p *plant) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(p.rng.Uint32())
	}
	return b
}

func (p *plant) id() string              { return hex.EncodeToString(p.bytes(8)) }
func (p *plant) key() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(p.bytes(32)) }

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

const logName = "veribatch/0198c5f2-7c1a-7000-8000-000000000000"

func (p *plant) keys() Keys {
	k := Keys{Quorum: min(len(p.witness), p.rng.IntN(2))}
	for _, l := range p.logs {
		k.Log = append(k.Log, NoteKey{logName, public(l)})
	}
	from := began.AddDate(-2, 0, 0)
	for i, s := range p.site {
		until := from.AddDate(1, 0, 0)
		if i == len(p.site)-1 {
			until = time.Time{}
		}
		k.Statements = append(k.Statements, StatementKey{public(s), from, until})
		from = until
	}
	for i, w := range p.witness {
		k.Witnesses = append(k.Witnesses, NoteKey{fmt.Sprintf("witness.example/%d", i), public(w)})
	}
	return k
}

// stored reads the log.
func (p *plant) stored(indexes []int64) ([]tlog.Hash, error) {
	list := make([]tlog.Hash, len(indexes))
	for i, n := range indexes {
		list[i] = p.hashes[n]
	}
	return list, nil
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// append adds a leaf.
func (p *plant) append(leaf string) int64 {
	p.hashes = append(p.hashes, must(tlog.StoredHashes(p.size, []byte(leaf), tlog.HashReaderFunc(p.stored)))...)
	p.size++
	return p.size - 1
}

// enter adds an entry to a stream; kept ones come into the bundle.
func (p *plant) enter(stream string, members map[string]any, kept bool) {
	seq, prev := 1, ""
	if line, there := p.heads[stream]; there {
		_, _ = fmt.Sscanf(line, stream+" %d %s\n", &seq, &prev)
		seq++
	}
	head := fmt.Sprintf(`{"v":1,"stream":%q,"seq":%d,"prev":%q,"time":"2026-11-23T09:00:00.000000Z",`, stream, seq, prev)
	body := head + string(must(json.Marshal(members))[1:])
	if p.body != nil {
		body = p.body(p, stream, seq, body)
		if m := entryHead.FindStringSubmatch(body); m != nil {
			stream, seq = m[1], must(strconv.Atoi(m[2]))
		}
	}
	line := fmt.Sprintf("%s %d %s\n", stream, seq, digest([]byte(body)))
	p.heads[stream] = line
	index := p.append("entry " + line)
	if kept {
		p.entries = append(p.entries, Entry{Body: []byte(body), Index: index})
	}
}

// content keeps a content and gives its digest.
func (p *plant) content(b []byte) string {
	if !slices.ContainsFunc(p.contents, func(c []byte) bool { return bytes.Equal(b, c) }) {
		p.contents = append(p.contents, b)
	}
	return digest(b)
}

// plain is an entry without a signature; some of a batch name a recipe or an attached file.
func (p *plant) plain(stream string) map[string]any {
	changes := []any{}
	switch p.rng.IntN(4) {
	case 0:
		changes = append(changes, map[string]any{"table": "ebr.batches", "id": "b", "version": 1, "op": "update", "after": map[string]any{"recipe_digest": p.content([]byte("recipe " + p.id()))}})
	case 1:
		changes = append(changes, map[string]any{"table": "ebr.attachments", "id": "a", "version": 1, "op": "insert", "after": map[string]any{"digest": p.content(p.bytes(20))}})
	case 2:
		changes = append(changes, map[string]any{"table": "ebr.batches", "id": "b", "version": 1, "op": "update", "after": map[string]any{"recipe_digest": nil}})
	}
	m := map[string]any{"by": map[string]any{"person": p.id(), "name": "Olga Brandt"}, "act": "step.record", "reason": "", "also": []string{}, "changes": changes}
	if !strings.HasPrefix(stream, "batch/") {
		m["also"] = []string{p.batch}
	}
	return m
}

// signed is an entry with a signature.
func (p *plant) signed(stream string) map[string]any {
	first := p.signatures == 0
	p.signatures++
	change := func(f func(map[string]any), m map[string]any) {
		if first && f != nil {
			f(m)
		}
	}
	person, ticket := p.id(), p.id()
	statement := map[string]any{"v": 1, "act": "step.perform", "meaning": "performed", "language": "en", "lines": []any{}, "records": []any{map[string]any{"stream": stream, "id": p.id(), "version": 1}}}
	change(p.statement, statement)
	content := must(json.Marshal(statement))
	key := p.site[len(p.site)-1]
	id := StatementKey{Public: public(key)}.ID()
	manifest := map[string]any{
		"v": 1, "statement": digest(content), "act": "step.perform", "meaning": "performed", "person": person, "user": "olga", "name": "Olga Brandt",
		"signed_at": p.signedAt.In(time.FixedZone("", 3600)).Format("2006-01-02T15:04:05.999999-07:00"), "key": id,
	}
	change(p.manifest, manifest)
	sealedBytes := must(json.Marshal(manifest))
	if first && p.sealer != nil {
		key = p.sealer
	}
	row := map[string]any{
		"id": p.id(), "ticket": ticket, "person": person, "full_name": "Olga Brandt", "meaning": "performed", "act": "step.perform", "statement_digest": p.content(content),
		"manifest_digest": p.content(sealedBytes), "manifest_signature": hex.EncodeToString(ed25519.Sign(key, sealed(sealedBytes))), "key_id": id,
		"signed_at": p.signedAt.Format("2006-01-02T15:04:05.999999"),
	}
	change(p.row, row)
	m := p.plain(stream)
	m["act"], m["by"] = "step.perform", map[string]any{"person": person, "name": "Olga Brandt", "ticket": ticket}
	m["changes"] = append(m["changes"].([]any), map[string]any{"table": "ebr.signatures", "id": row["id"], "version": 1, "op": "insert", "after": row})
	return m
}

// make makes the bundle, and the keys that are trusted.
func (p *plant) make() (file []byte, trusted Keys) {
	others, n := 0, 2+p.rng.IntN(4)
	for i := range n {
		for range p.rng.IntN(3) {
			p.enter("batch/"+p.id(), map[string]any{}, false) // another batch: only its leaf matters here
		}
		if p.rng.IntN(4) == 0 {
			p.enter("site/main", p.plain("site/main"), true)
			others++
		}
		if i == 1 {
			p.enter(p.batch, p.signed(p.batch), true)
		} else {
			p.enter(p.batch, p.plain(p.batch), true)
		}
	}
	record, index := []byte("%PDF-1.7 "+p.id()), []byte("<!doctype html>"+p.id())
	details := map[string]any{RecordPDF: digest(record), IndexHTML: digest(index), Printed: fmt.Sprint(n), Others: fmt.Sprint(others)}
	if p.details != nil {
		p.details(details)
	}
	p.enter(ExportStream, map[string]any{
		"by": map[string]any{"person": p.id(), "name": "Quinn Adler"}, "act": ExportAct, "also": []string{p.batch}, "details": details, "changes": []any{},
	}, true)
	b := Bundle{Stream: p.batch, ExportSeq: 1, Entries: p.entries, Contents: p.contents, Record: record, Index: index, Keys: p.keys()}
	b.proveHeads(p)
	for range p.rng.IntN(3) {
		p.enter("batch/"+p.id(), map[string]any{}, false)
	}
	b.Entries = p.entries
	b.prove(p)
	trusted = b.Keys
	if p.bundle != nil {
		p.bundle(p, &b)
	}
	var out bytes.Buffer
	if err := b.Write(&out); err != nil {
		panic(err)
	}
	file = out.Bytes()
	if p.members != nil {
		out.Reset()
		if err := Pack(&out, p.members(p, must(unpack(slices.Clone(file))))); err != nil {
			panic(err)
		}
		file = slices.Clone(out.Bytes())
	}
	if p.file != nil {
		file = p.file(p, file)
	}
	if p.trust != nil {
		p.trust(p, &trusted)
	}
	return file, trusted
}

// proveHeads adds the leaf over all streams, and the end of the batch's under it.
func (b *Bundle) proveHeads(p *plant) {
	var names []string
	for name := range p.heads {
		names = append(names, name)
	}
	slices.Sort(names)
	var hashes []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		list := make([]tlog.Hash, len(indexes))
		for i, n := range indexes {
			list[i] = hashes[n]
		}
		return list, nil
	})
	for i, name := range names {
		hashes = append(hashes, must(tlog.StoredHashes(int64(i), []byte(p.heads[name]), read))...)
	}
	root := must(tlog.TreeHash(int64(len(names)), read))
	at := slices.Index(names, p.batch)
	b.StreamLine, b.StreamIndex = p.heads[p.batch], int64(at)
	b.StreamPath = must(tlog.ProveRecord(int64(len(names)), int64(at), read))
	b.HeadsLeaf = fmt.Sprintf("heads %s %d %x\n", began.Format(timeLayout), len(names), root[:])
	b.HeadsIndex = p.append(b.HeadsLeaf)
}

// prove adds the proofs and the checkpoint of the log as it stands.
func (b *Bundle) prove(p *plant) {
	read := tlog.HashReaderFunc(p.stored)
	for i := range b.Entries {
		b.Entries[i].Path = must(tlog.ProveRecord(p.size, b.Entries[i].Index, read))
	}
	b.HeadsPath = must(tlog.ProveRecord(p.size, b.HeadsIndex, read))
	root := must(tlog.TreeHash(p.size, read))
	text := fmt.Sprintf("%s/1\n%d\n%s\n", logName, p.size, base64.StdEncoding.EncodeToString(root[:]))
	sign := p.note
	if sign == nil {
		sign = (*plant).sign
	}
	b.Checkpoint = sign(p, text)
}

// sign is what signer and witnesses do.
func (p *plant) sign(text string) []byte {
	key := p.logs[len(p.logs)-1]
	lines := text + "\n" + signLine(logName, key, kindLog, text) + signLine(logName, key, kindWitness, text)
	for i, w := range p.witness {
		lines += signLine(fmt.Sprintf("witness.example/%d", i), w, kindWitness, text)
	}
	return []byte(lines)
}

func signLine(name string, key ed25519.PrivateKey, kind byte, text string) string {
	raw := binary.BigEndian.AppendUint32(nil, NoteKey{name, public(key)}.hash(kind))
	if kind == kindLog {
		raw = append(raw, ed25519.Sign(key, []byte(text))...)
	} else {
		raw = binary.BigEndian.AppendUint64(raw, uint64(began.Unix()))
		raw = append(raw, ed25519.Sign(key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", began.Unix(), text))...)
	}
	return fmt.Sprintf("— %s %s\n", name, base64.StdEncoding.EncodeToString(raw))
}
