package bundle

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// forgery is one way to make a bundle wrong, and what verifiers say of it.
type forgery struct {
	name   string
	do     func(p *plant)
	word   Word
	reason string
}

// edit changes a member.
func edit(name string, change func(p *plant, b []byte) []byte) func(*plant) {
	return func(p *plant) {
		p.members = func(p *plant, list []Member) []Member {
			for i := range list {
				if list[i].Name == name {
					list[i].Bytes = change(p, list[i].Bytes)
				}
			}
			return list
		}
	}
}

func swap(old, new string) func(*plant, []byte) []byte {
	return func(_ *plant, b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(new), 1) }
}

func under(pattern, by string) func(*plant, []byte) []byte {
	at := regexp.MustCompile(pattern)
	return func(_ *plant, b []byte) []byte { return at.ReplaceAll(b, []byte(by)) }
}

// told changes the text of entries before they are hashed, so that the log proves the forgery.
func told(old, new string) func(*plant) {
	return func(p *plant) {
		p.body = func(_ *plant, _ string, _ int, body string) string { return strings.ReplaceAll(body, old, new) }
	}
}

func kept(keep func(p *plant, e Entry) bool) func(*plant) {
	return func(p *plant) {
		p.bundle = func(p *plant, b *Bundle) {
			b.Entries = slices.DeleteFunc(slices.Clone(b.Entries), func(e Entry) bool { return !keep(p, e) })
		}
	}
}

func is(e Entry, stream string, seq int) bool {
	return bytes.Contains(e.Body[:min(len(e.Body), 150)], fmt.Appendf(nil, `"stream":"%s","seq":%d,`, stream, seq))
}

// forgeries has at least one for each check, in their order.
var forgeries = []forgery{
	{"a byte before", func(p *plant) { p.file = func(_ *plant, f []byte) []byte { return append([]byte{0}, f...) } }, Altered, "container"},
	{"a byte after", func(p *plant) { p.file = func(_ *plant, f []byte) []byte { return append(f, 0) } }, Altered, "container"},
	{"cut", func(p *plant) { p.file = func(p *plant, f []byte) []byte { return f[:p.rng.IntN(len(f))] } }, Altered, "container"},
	{"compressed", func(p *plant) { p.file = func(_ *plant, f []byte) []byte { f[8] = 8; return f } }, Altered, "container"},
	{"another size in the directory", func(p *plant) {
		p.file = func(_ *plant, f []byte) []byte { f[bytes.LastIndex(f, []byte("PK\x01\x02"))+24]++; return f }
	}, Altered, "container"},
	{"a size beyond the file", func(p *plant) {
		p.file = func(_ *plant, f []byte) []byte { copy(f[18:], "\xff\xff\xff\xff\xff\xff\xff\xff"); return f }
	}, Altered, "container"},
	{"a path that leads elsewhere", func(p *plant) {
		p.members = func(_ *plant, m []Member) []Member { return append(m, Member{"../../etc/passwd", []byte("x")}) }
	}, Altered, "member"},
	{"a member twice", func(p *plant) {
		p.members = func(_ *plant, m []Member) []Member { return append([]Member{m[0]}, m...) }
	}, Altered, "member"},
	{"members in another order", func(p *plant) {
		p.members = func(_ *plant, m []Member) []Member { m[0], m[1] = m[1], m[0]; return m }
	}, Altered, "member"},
	{"a content twice", func(p *plant) {
		p.members = func(_ *plant, m []Member) []Member { return slices.Insert(m, 7, m[6]) }
	}, Altered, "member"},
	{"a folder", func(p *plant) {
		p.members = func(_ *plant, m []Member) []Member { return slices.Insert(m, 6, Member{"contents/", nil}) }
	}, Altered, "member"},
	{"no print", func(p *plant) { p.members = func(_ *plant, m []Member) []Member { return m[:len(m)-1] } }, Incomplete, "member-missing"},
	{"nothing", func(p *plant) { p.members = func(*plant, []Member) []Member { return nil } }, Incomplete, "member-missing"},
	{"another version", edit(bundleText, swap("bundle 1", "bundle 2")), Altered, "bundle-text"},
	{"a batch that is no batch", edit(bundleText, swap("batch/", "recipe/")), Altered, "bundle-text"},
	{"line feeds of another system", edit(bundleText, swap("\n", "\r\n")), Altered, "bundle-text"},
	{"an extra line in the checkpoint", edit(checkpoints, swap("\n\n", "\nextension\n\n")), Altered, "checkpoint-text"},
	{"a size with a zero in front", edit(checkpoints, under(`\n([0-9]+)\n`, "\n0$1\n")), Altered, "checkpoint-text"},
	{"a signature line twice", edit(checkpoints, func(_ *plant, b []byte) []byte {
		return append(b, b[bytes.LastIndex(b[:len(b)-1], []byte("\n"))+1:]...)
	}), Altered, "checkpoint-text"},
	{"base64 with unused bits", edit(checkpoints, under(`=\n\n`, "\n\n")), Altered, "checkpoint-text"},
	{"a signature without a key hash", edit(checkpoints, func(_ *plant, b []byte) []byte { return append(b, "— short AAAA\n"...) }), Altered, "checkpoint-text"},
	{"a key hash of another key", edit(keysText, under(`(log [^+]+\+)[0-9a-f]{8}`, "${1}00000000")), Altered, "keys-text"},
	{"a quorum beyond the witnesses", edit(keysText, func(_ *plant, b []byte) []byte { return append(bytes.Split(b, []byte("quorum"))[0], "quorum 9\n"...) }), Altered, "keys-text"},
	{"a key twice", edit(keysText, under(`(?m)(^statements .*\n)`, "$1$1")), Altered, "keys-text"},
	{"a proof less", edit(proofLines, under(`^[^\n]*\n`, "")), Altered, "proofs-text"},
	{"a hash of capitals", edit(headsText, func(_ *plant, b []byte) []byte { return bytes.Replace(b, []byte("heads"), []byte("Heads"), 1) }), Altered, "proofs-text"},
	{"an index with a sign", edit(proofLines, func(_ *plant, b []byte) []byte { return append([]byte("+"), b...) }), Altered, "proofs-text"},
	{"no entries", edit(entryLines, func(*plant, []byte) []byte { return nil }), Altered, "proofs-text"},
	{"an empty line", edit(entryLines, func(_ *plant, b []byte) []byte { return append(b, '\n') }), Altered, "proofs-text"},
	{"too many hashes", edit(proofLines, func(_ *plant, b []byte) []byte {
		return bytes.Replace(b, []byte("\n"), []byte(strings.Repeat(" "+strings.Repeat("0", 64), 63)+"\n"), 1)
	}), Altered, "proofs-text"},
	{"a checkpoint of another key under the name of this one", func(p *plant) {
		p.note = func(p *plant, text string) []byte {
			lie := signLine(logName, p.logs[0], kindLog, strings.Replace(text, "/1\n", "/2\n", 1))
			return []byte(text + "\n" + lie)
		}
	}, Altered, "checkpoint-signature"},
	{"a signature that is too short", func(p *plant) {
		p.note = func(p *plant, text string) []byte {
			raw, _ := hex.DecodeString(fmt.Sprintf("%08x00", NoteKey{logName, public(p.logs[0])}.hash(kindWitness)))
			return append(p.sign(text)[:len(text)+1], fmt.Sprintf("— %s %s\n", logName, base64.StdEncoding.EncodeToString(raw))...)
		}
	}, Altered, "checkpoint-signature"},
	{"signed again with another key", func(p *plant) {
		p.note = func(p *plant, text string) []byte {
			stranger := p.key()
			return []byte(text + "\n" + signLine(logName, stranger, kindLog, text) + signLine(logName, stranger, kindWitness, text))
		}
		p.trust = func(_ *plant, k *Keys) { k.Quorum = 0 }
	}, NotEstablished, "log-key"},
	{"signed again, and the keys in the bundle too", func(p *plant) {
		p.note = func(p *plant, text string) []byte { p.logs = []ed25519.PrivateKey{p.key()}; return p.sign(text) }
		p.bundle = func(p *plant, b *Bundle) { b.Keys = p.keys() }
		p.trust = func(_ *plant, k *Keys) { k.Quorum = 0 }
	}, NotEstablished, "log-key"},
	{"a log of another name", func(p *plant) {
		p.note = func(p *plant, text string) []byte { return p.sign("x" + text) }
		p.trust = func(_ *plant, k *Keys) { k.Quorum = 0 }
	}, NotEstablished, "log-key"},
	{"too few witnesses", func(p *plant) {
		p.trust = func(p *plant, k *Keys) {
			k.Witnesses, k.Quorum = append(k.Witnesses, NoteKey{"another.example", public(p.key())}), len(k.Witnesses)+1
		}
	}, NotEstablished, "witnesses"},
	{"an entry that is not JSON", told(`"act":`, `"act";`), Altered, "entry-text"},
	{"a name twice", told(`"act":`, `"act":"x","act":`), Altered, "entry-text"},
	{"a name twice, escaped", told(`"act":`, `"\u0061ct":"x","act":`), Altered, "entry-text"},
	{"half a surrogate", told(`"act":`, `"reason":"\ud83d","act":`), Altered, "entry-text"},
	{"NaN", told(`"act":`, `"x":NaN,"act":`), Altered, "entry-text"},
	{"a long number", told(`"act":`, `"x":1`+strings.Repeat("0", 100)+`,"act":`), Altered, "entry-text"},
	{"too deep", told(`"act":`, `"x":`+strings.Repeat("[", 32)+strings.Repeat("]", 32)+`,"act":`), Altered, "entry-text"},
	{"bytes that are no characters", told(`"act":`, "\"x\":\"\xff\",\"act\":"), Altered, "entry-text"},
	{"changes that are no list", told(`"changes":[`, `"changes":{},"x":[`), Altered, "entry-text"},
	{"an act that is a number", told(`"act":"step`, `"act":7,"x":"step`), Altered, "entry-text"},
	{"a ticket that is none", told(`"name":"Olga Brandt","person"`, `"ticket":null,"name":"Olga Brandt","person"`), Altered, "entry-text"},
	{"entries in another order", func(p *plant) {
		p.bundle = func(_ *plant, b *Bundle) { b.Entries[0], b.Entries[1] = b.Entries[1], b.Entries[0] }
	}, Altered, "entry-order"},
	{"an entry twice", func(p *plant) {
		p.bundle = func(_ *plant, b *Bundle) { b.Entries = slices.Insert(b.Entries, 1, b.Entries[0]) }
	}, Altered, "entry-order"},
	{"a value changed", edit(entryLines, swap(`"step.record"`, `"step.recorD"`)), Altered, "entry-proof"},
	{"a proof that is too long", func(p *plant) {
		p.bundle = func(_ *plant, b *Bundle) { b.Entries[0].Path = append(slices.Clone(b.Entries[0].Path), tlog.Hash{}) }
	}, Altered, "entry-proof"},
	{"a proof that is too short", func(p *plant) {
		p.bundle = func(_ *plant, b *Bundle) { b.Entries[0].Path = b.Entries[0].Path[1:] }
	}, Altered, "entry-proof"},
	{"an index beyond the log", func(p *plant) {
		p.bundle = func(_ *plant, b *Bundle) { b.Entries[len(b.Entries)-1].Index = 1 << 62 }
	}, Altered, "entry-proof"},
	{"another time of the heads", func(p *plant) {
		p.bundle = func(_ *plant, b *Bundle) { b.HeadsLeaf = strings.Replace(b.HeadsLeaf, "T09:", "T10:", 1) }
	}, Altered, "heads-proof"},
	{"the end of another stream", func(p *plant) { p.bundle = func(p *plant, b *Bundle) { b.StreamLine = p.heads[ExportStream] } }, Altered, "stream-proof"},
	{"another end of the stream", func(p *plant) {
		p.bundle = func(p *plant, b *Bundle) { b.StreamLine = fmt.Sprintf("%s 1 %064x\n", p.batch, 0) }
	}, Altered, "stream-proof"},
	{"an entry of the batch that the log has twice", func(p *plant) {
		p.body = func(p *plant, stream string, seq int, body string) string {
			return strings.Replace(body, p.batch+`","seq":2,`, p.batch+`","seq":1,`, 1)
		}
	}, Altered, "stream-order"},
	{"an entry left out", kept(func(p *plant, e Entry) bool { return !is(e, p.batch, 1) }), Incomplete, "stream-gap"},
	{"a cut end with honest proofs", func(p *plant) {
		kept(func(p *plant, e Entry) bool { return !is(e, p.batch, 2) })(p)
		p.rng = rand.New(rand.NewPCG(17, 17)) // two entries
		for p.rng.IntN(4) != 0 {
			continue
		}
	}, Incomplete, "stream-gap"},
	{"a chain that does not hold", func(p *plant) {
		p.body = func(p *plant, stream string, seq int, body string) string {
			return strings.Replace(body, p.batch+`","seq":1,"prev":"`, p.batch+`","seq":1,"prev":"`+strings.Repeat("0", 64), 1)
		}
	}, Altered, "chain"},
	{"no export", kept(func(_ *plant, e Entry) bool { return !is(e, ExportStream, 1) }), Incomplete, "export-missing"},
	{"an export of another act", told(ExportAct, "batch.exporT"), Altered, "export-entry"},
	{"an export of another batch", func(p *plant) {
		p.body = func(p *plant, stream string, _ int, body string) string {
			if stream == ExportStream {
				return strings.Replace(body, p.batch, "batch/another", 1)
			}
			return body
		}
	}, Altered, "export-entry"},
	{"printed beyond the end", func(p *plant) { p.details = func(d map[string]any) { d[Printed] = "99" } }, Altered, "export-entry"},
	{"an entry of another stream left out", func(p *plant) { p.details = func(d map[string]any) { d[Others] = "9" } }, Incomplete, "others-missing"},
	{"an entry of another stream put in", func(p *plant) {
		p.rng = rand.New(rand.NewPCG(3, 3))
		p.body = func(p *plant, stream string, seq int, body string) string { return body }
		p.details = func(d map[string]any) { d[Others] = "0" }
	}, Altered, "others-unknown"},
	{"another print", edit(RecordPDF, func(_ *plant, b []byte) []byte { return append(b, '!') }), Altered, "printed-record"},
	{"another page", edit(IndexHTML, swap("doctype", "Doctype")), Altered, "printed-record"},
	{"a content under a wrong name", func(p *plant) {
		p.members = func(_ *plant, m []Member) []Member { m[6].Bytes = append(slices.Clone(m[6].Bytes), 0); return m }
	}, Altered, "content"},
	{"a ticket without a signature", told(`"table":"ebr.signatures"`, `"table":"ebr.signaturez"`), Altered, "signature-count"},
	{"a signature with another ticket", func(p *plant) { p.row = func(r map[string]any) { r["ticket"] = "x" } }, Altered, "signature-count"},
	{"a digest that is none", func(p *plant) { p.row = func(r map[string]any) { r["statement_digest"] = "x" } }, Altered, "signature-fields"},
	{"a statement in another language", func(p *plant) {
		p.row = func(r map[string]any) {
			r["statement_digest"] = p.content([]byte(`{"v":1,"act":"step.perform","meaning":"performed","language":"de","records":[{"stream":"` + p.batch + `"}]}`))
		}
	}, Altered, "signature-fields"},
	{"a statement about another record", func(p *plant) {
		p.statement = func(s map[string]any) { s["records"] = []any{map[string]any{"stream": "batch/another"}} }
	}, Altered, "signature-fields"},
	{"another meaning", func(p *plant) { p.row = func(r map[string]any) { r["meaning"] = "verified" } }, Altered, "signature-fields"},
	{"another time", func(p *plant) { p.row = func(r map[string]any) { r["signed_at"] = "2026-11-23T09:00:00.000001" } }, Altered, "signature-fields"},
	{"a day that does not exist", func(p *plant) {
		p.row = func(r map[string]any) { r["signed_at"] = "2026-02-30T09:00:00" }
		p.manifest = func(m map[string]any) { m["signed_at"] = "2026-02-30T09:00:00Z" }
	}, Altered, "signature-fields"},
	{"a statement that is not strict", func(p *plant) { p.statement = func(s map[string]any) { s["x"] = deep(40) } }, Altered, "signature-fields"},
	{"a statement left out", func(p *plant) { p.row = func(r map[string]any) { r["statement_digest"] = strings.Repeat("0", 64) } }, Incomplete, "content-missing"},
	{"a key that nobody knows", func(p *plant) {
		p.trust = func(p *plant, k *Keys) { k.Statements = []StatementKey{{Public: public(p.key()), From: began}} }
	}, NotEstablished, "statement-key"},
	{"sealed by another key", func(p *plant) { p.sealer = ed25519.NewKeyFromSeed(make([]byte, 32)) }, Altered, "signature"},
	{"sealed when the key did not count", func(p *plant) {
		p.trust = func(_ *plant, k *Keys) { k.Statements[len(k.Statements)-1].From = began.Add(time.Microsecond) }
	}, NotEstablished, "key-time"},
	{"a recipe that is not there", told(`"recipe_digest":null`, `"recipe_digest":"`+strings.Repeat("1", 64)+`"`), Incomplete, "content-missing"},
	{"a content that nobody names", func(p *plant) { p.content([]byte("nobody")) }, Altered, "content-unknown"},
}

func deep(n int) any {
	if n == 0 {
		return "x"
	}
	return []any{deep(n - 1)}
}
