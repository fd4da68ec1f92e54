package bundle

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// python is the second verifier, written from docs/auditor.md alone.
const python = "../../docs/verify/verify_bundle.py"

// fragments come into texts where programs that read JSON, numbers or lines differ.
var fragments = []string{
	`"`, `\`, `\u0000`, `\ud800`, `\udc00\ud800`, `\ud83d\ude00`, "\xff", "\xed\xa0\x80", "\xf0\x9f\x98\x80", "\x00", "\x7f", "\r", "\t", " ", "\u2028", "\ufeff", "NaN", "-Infinity", "-0", "1e999", "01",
	"1.", ".5", "{", "}", "[", "]", ",", ":", "null", "true", `"by":1,`, `"act":"x",`, `"also":"x",`, `"changes":[],`, `{"a":1,"a":2}`, "0", "9223372036854775808", "4611686018427387905", "-1", "+1", "٣", "=", "==",
	"-", "T24:00:00", "24:00", ":60", "+00:00", "Z", ".0000000", "2024-02-29", "2023-02-29", "0001-01-01", "1969-12-31",
}

// spoil makes a small change somewhere in a text.
func spoil(rng *rand.Rand, b []byte) []byte {
	b = slices.Clone(b)
	at := 0
	if len(b) > 0 {
		at = rng.IntN(len(b))
	}
	switch n := rng.IntN(7); {
	case n == 0 && len(b) > 0:
		b[at] ^= 1 << rng.IntN(8)
	case n == 1 && len(b) > 0:
		return slices.Delete(b, at, min(len(b), at+1+rng.IntN(3)))
	case n == 2:
		return b[:at]
	case n == 3:
		f := fragments[rng.IntN(len(fragments))]
		return slices.Replace(b, at, min(len(b), at+rng.IntN(len(f)+1)), []byte(f)...)
	case n == 4:
		parts := bytes.SplitAfter(b, []byte("\n"))
		i, j := rng.IntN(len(parts)), rng.IntN(len(parts))
		if rng.IntN(2) == 0 {
			parts[i], parts[j] = parts[j], parts[i]
		} else {
			parts = slices.Insert(parts, i, parts[j])
		}
		return bytes.Join(parts, nil)
	default:
		return slices.Insert(b, at, []byte(fragments[rng.IntN(len(fragments))])...)
	}
	return b
}

// spoiled makes a bundle, honest, forged or with a small change at some depth, and what is trusted; nil is nothing.
func spoiled(seed uint64) (file, trust []byte) {
	p := newPlant(seed)
	rng := rand.New(rand.NewPCG(seed, 99))
	where := rng.IntN(20)
	switch {
	case where < 2:
	case where < 8:
		forgeries[rng.IntN(len(forgeries))].do(p)
	case where < 12: // in an entry, before the log proves it
		at := rng.IntN(6)
		p.body = func(_ *plant, stream string, _ int, body string) string {
			if at--; at == 0 && !strings.HasSuffix(body, "n") {
				return strings.NewReplacer("\n", " ").Replace(string(spoil(rng, []byte(body))))
			}
			return body
		}
	case where < 15: // in what was signed
		field := func(m map[string]any) {
			for _, name := range slices.Sorted(keysOf(m)) {
				if s, is := m[name].(string); is && rng.IntN(4) == 0 {
					m[name] = string(spoil(rng, []byte(s)))
					return
				}
			}
			m["signed_at"] = string(spoil(rng, []byte("2026-11-23T09:00:00.5+01:00")))
		}
		[]func(){func() { p.statement = field }, func() { p.manifest = field }, func() { p.row = field }}[rng.IntN(3)]()
	case where < 19:
		p.members = func(_ *plant, list []Member) []Member {
			i := rng.IntN(len(list))
			list[i].Bytes = spoil(rng, list[i].Bytes)
			return list
		}
	default:
		p.file = func(_ *plant, f []byte) []byte { return spoil(rng, f) }
	}
	file, keys := p.make()
	switch trust = keys.Format(); rng.IntN(20) {
	case 0:
		trust = nil
	case 1:
		trust = spoil(rng, trust)
	}
	return file, trust
}

func keysOf(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// says is what a verifier prints of a bundle in a list.
func says(file, trust []byte) string {
	var keys *Keys
	if trust != nil {
		k, err := ParseKeys(trust)
		if err != nil {
			return "error -"
		}
		keys = &k
	}
	v := Verify(file, keys)
	if v.Reason == "" {
		return string(v.Word) + " -"
	}
	return string(v.Word) + " " + v.Reason
}

// Two programs, written from one page by two people, say the same of bundles that are honest, forged, or spoiled at any depth.
func TestTwoVerifiersAgree(t *testing.T) {
	t.Parallel()
	count, from := 400, 0
	if n, err := strconv.Atoi(os.Getenv("VERIBATCH_BUNDLES")); err == nil {
		count = n
	} else if os.Getenv("VERIBATCH_LONG") != "" {
		count = 8000
	}
	if n, err := strconv.Atoi(os.Getenv("VERIBATCH_BUNDLES_FROM")); err == nil {
		from = n
	}
	verdicts := map[string]int{}
	for chunk := range (count + 1999) / 2000 {
		folder := t.TempDir()
		var list strings.Builder
		var want []string
		for n := range min(2000, count-chunk*2000) {
			file, trust := spoiled(uint64(from + chunk*2000 + n))
			bundle, keys := filepath.Join(folder, fmt.Sprint(n)), ""
			require.NoError(t, os.WriteFile(bundle, file, 0o600))
			if trust != nil {
				keys = bundle + ".keys"
				require.NoError(t, os.WriteFile(keys, trust, 0o600))
			}
			fmt.Fprintf(&list, "%s\t%s\n", bundle, keys)
			want = append(want, says(file, trust))
		}
		name := filepath.Join(folder, "list")
		require.NoError(t, os.WriteFile(name, []byte(list.String()), 0o600))
		cmd := exec.Command("python3", python, "--each", name)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, _ := cmd.Output() // its exit code is the highest of all
		got := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
		require.Len(t, got, len(want), "%s", errs.String())
		for i, w := range want {
			verdicts[w]++
			if got[i] != w {
				t.Errorf("bundle of seed %d: the program says %q, the second verifier %q", from+chunk*2000+i, w, got[i])
			}
		}
		require.NoError(t, os.RemoveAll(folder))
	}
	t.Log(verdicts)
}
