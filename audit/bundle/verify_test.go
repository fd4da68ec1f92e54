package bundle

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What a plant makes is intact with its keys, and establishes no signer without them.
func TestWhatThePlantMakesIsIntact(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		file, trusted := newPlant(seed).make()
		v := Verify(file, &trusted)
		require.Equal(t, Intact, v.Word, "%d: %s %s", seed, v.Reason, v.Detail)
		require.Equal(t, 0, v.ExitCode())
		require.Equal(t, 1, v.Signatures)
		alone := Verify(file, nil)
		require.Equal(t, NotEstablished, alone.Word)
		require.Equal(t, "no-trust", alone.Reason)
		require.Equal(t, 3, alone.ExitCode())
	}
}

// Each forgery is found by the check that is there for it, in every plant in which it can be made.
func TestForgeries(t *testing.T) {
	t.Parallel()
	for _, f := range forgeries {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			made := 0
			for seed := range uint64(40) {
				p := newPlant(seed)
				f.do(p)
				file, trusted := p.make()
				v := Verify(file, &trusted)
				if v.Word == Intact { // nothing in this plant to forge
					continue
				}
				made++
				require.Equal(t, string(f.word)+" "+f.reason, string(v.Word)+" "+v.Reason, "%d: %s", seed, v.Detail)
			}
			require.Positive(t, made)
		})
	}
}
