package bundle

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// manifestAt writes another text of the moment into the manifest.
func manifestAt(text string) func(*plant) {
	return func(p *plant) { p.manifest = func(m map[string]any) { m["signed_at"] = text } }
}

func validity(from, until time.Duration) func(*plant) {
	return func(p *plant) {
		p.trust = func(_ *plant, k *Keys) {
			last := &k.Statements[len(k.Statements)-1]
			last.From, last.Until = began.Add(from), began.Add(until)
		}
	}
}

// signatureLines adds lines of unknown keys until there are n.
func signatureLines(n int) func(*plant) {
	return func(p *plant) {
		p.note = func(p *plant, text string) []byte {
			note := p.sign(text)
			for i := bytes.Count(note, []byte("—")); i < n; i++ {
				note = append(note, signLine(fmt.Sprint("stranger", i), p.key(), kindLog, text)...)
			}
			return note
		}
	}
}

// entryOf makes the first entry of the batch n bytes long.
func entryOf(n int) func(*plant) {
	return func(p *plant) {
		p.body = func(p *plant, stream string, seq int, body string) string {
			if stream == p.batch && seq == 1 {
				return body + strings.Repeat(" ", n-len(body))
			}
			return body
		}
	}
}

// edges are pairs: what is just within the form, which is intact, and one step beyond.
var edges = []struct {
	name           string
	within, beyond func(*plant)
	verdict        string
}{
	{"levels", told(`Z","act":`, `Z","x":`+strings.Repeat("[", 31)+strings.Repeat("]", 31)+`,"act":`), told(`Z","act":`, `Z","x":`+strings.Repeat("[", 32)+strings.Repeat("]", 32)+`,"act":`), "altered entry-text"},
	{"a number's length", told(`"act":`, `"x":1`+strings.Repeat("0", 99)+`,"act":`), told(`"act":`, `"x":1`+strings.Repeat("0", 100)+`,"act":`), "altered entry-text"},
	{"surrogates", told(`"reason":""`, `"reason":"\ud83d\ude00"`), told(`"reason":""`, `"reason":"\ude00\ud83d"`), "altered entry-text"},
	{"a name with an escape", told(`"act":`, `"\u0061ct":`), told(`"act":`, `"\u0041ct":`), "altered entry-text"},
	{"white space", told(`"act":`, "\"act\" \t: "), told(`"act":`, "\"act\"\v:"), "altered entry-text"},
	{"members that may be absent", told(`"also":[],`, ``), told(`"also":[],`, `"also":null,`), "altered entry-text"},
	{"after", told(`"after":{"recipe_digest":null}`, `"after":null`), told(`"after":{"recipe_digest":null}`, `"after":[]`), "altered entry-text"},
	{"length of an entry", entryOf(maxEntry), entryOf(maxEntry + 1), "altered proofs-text"},
	{"lines of signatures", signatureLines(16), signatureLines(17), "altered checkpoint-text"},
	{"printed", func(p *plant) { p.details = func(d map[string]any) { d[Printed] = "1" } }, func(p *plant) { p.details = func(d map[string]any) { d[Printed] = "0" } }, "altered export-entry"},
	{"a key's first moment", validity(0, time.Hour), validity(time.Microsecond, time.Hour), "not-established key-time"},
	{"a key's last moment", validity(-time.Hour, time.Microsecond), validity(-time.Hour, 0), "not-established key-time"},
	{"Z", manifestAt("2026-11-23T09:00:00Z"), manifestAt("2026-11-23T09:00:00z"), "altered signature-fields"},
	{"minus zero", manifestAt("2026-11-23T09:00:00-00:00"), manifestAt("2026-11-23T09:00:00"), "altered signature-fields"},
	{"an offset across a day", manifestAt("2026-11-24T08:59:00+23:59"), manifestAt("2026-11-24T09:00:00+24:00"), "altered signature-fields"},
	{"digits of a second", manifestAt("2026-11-23T09:00:00.000000Z"), manifestAt("2026-11-23T09:00:00.0000000Z"), "altered signature-fields"},
	{"records of a statement", func(p *plant) {
		p.statement = func(s map[string]any) {
			s["records"] = append([]any{map[string]any{"stream": 7}, map[string]any{}}, s["records"].([]any)...)
		}
	}, func(p *plant) {
		p.statement = func(s map[string]any) { s["records"] = append([]any{"x"}, s["records"].([]any)...) }
	}, "altered signature-fields"},
}

// What is just within the form is intact, and one step beyond it is not: no check asks for more than the page says, and none for less.
func TestEdges(t *testing.T) {
	t.Parallel()
	for _, e := range edges {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			took := 0
			for seed := uint64(0); seed < 8 && took == 0; seed++ {
				plain, _ := newPlant(seed).make()
				within, beyond := newPlant(seed), newPlant(seed)
				e.within(within)
				e.beyond(beyond)
				file, keys := within.make()
				v := Verify(file, &keys)
				require.Equal(t, Intact, v.Word, "%d: %s %s", seed, v.Reason, v.Detail)
				spoiled, others := beyond.make()
				if bytes.Equal(spoiled, plain) && string(others.Format()) == string(keys.Format()) { // nothing of this kind in this plant
					continue
				}
				took++
				v = Verify(spoiled, &others)
				require.Equal(t, e.verdict, string(v.Word)+" "+v.Reason, "%d: %s", seed, v.Detail)
			}
			require.Positive(t, took)
		})
	}
}

// A container holds as many members as the page says, and not one more.
func TestMostMembers(t *testing.T) {
	t.Parallel()
	packed := func(n int) []byte {
		var file []byte
		members := make([]Member, n)
		for i := range members {
			members[i].Name = "x"
			file = append(file, members[i].local()...)
		}
		return append(file, end(members, int64(len(file)))...)
	}
	members, err := unpack(packed(maxMembers))
	require.NoError(t, err)
	require.Len(t, members, maxMembers)
	_, err = unpack(packed(maxMembers + 1))
	require.Error(t, err)
}
