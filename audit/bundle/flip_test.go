package bundle

import (
	"bytes"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// free says whether a byte of a member may change without any verdict but intact: the keys that the bundle states itself, when others are trusted, and in
// the checkpoint what makes the line of a witness that nobody requires the line of somebody unknown.
func free(m Member, at int) bool {
	_, under, _ := bytes.Cut(m.Bytes, []byte("\n\n"))
	log, _, _ := bytes.Cut(under, []byte("\n"))
	return m.Name == keysText || m.Name == checkpoints && at > len(m.Bytes)-len(under)+len(log)
}

// One bit of any byte of any member, in a container that is sound again: never intact, but where nothing depends on it. In the file as it stands: never.
func TestOneBitIsFound(t *testing.T) {
	t.Parallel()
	step := 29
	if os.Getenv("VERIBATCH_LONG") != "" {
		step = 1
	}
	file, keys := newPlant(7).make()
	members, err := unpack(file)
	require.NoError(t, err)
	require.Equal(t, Intact, Verify(file, &keys).Word)
	turned := 0
	for i, m := range members {
		for at := turned % step; at < len(m.Bytes); at += step {
			turned++
			spoiled := slices.Clone(members)
			spoiled[i].Bytes = slices.Clone(m.Bytes)
			spoiled[i].Bytes[at] ^= 1 << (turned % 8)
			var out bytes.Buffer
			require.NoError(t, Pack(&out, spoiled))
			if v := Verify(out.Bytes(), &keys); v.Word == Intact && !free(m, at) {
				t.Errorf("%s, byte %d: %q", m.Name, at, spoiled[i].Bytes[at])
			}
		}
	}
	require.Greater(t, turned, 100)
	for at := 0; at < len(file); at += step {
		spoiled := slices.Clone(file)
		spoiled[at] ^= 1 << (at % 8)
		if v := Verify(spoiled, &keys); v.Word == Intact {
			t.Errorf("byte %d", at)
		}
	}
}

// Members that are only line feeds or spaces take little more memory than the file. Not parallel: it measures the process.
func TestHostileLinesTakeNoMemory(t *testing.T) {
	file, keys := newPlant(7).make()
	members, err := unpack(file)
	require.NoError(t, err)
	const size = 4 << 20
	for i, m := range members[:6] {
		for _, fill := range []string{"\n", "a\n\n", " ", "0 "} {
			spoiled := slices.Clone(members)
			spoiled[i].Bytes = []byte(strings.Repeat(fill, size/len(fill)) + "\n")
			var out bytes.Buffer
			require.NoError(t, Pack(&out, spoiled))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			v := Verify(out.Bytes(), &keys)
			runtime.ReadMemStats(&after)
			require.Equal(t, Altered, v.Word)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(3*size), "%s of %q", m.Name, fill)
		}
	}
}
