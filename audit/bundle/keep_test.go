package bundle

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the kept bundle anew")

// A bundle of an earlier release stays what it was: the form is for decades.
func TestKeptBundleIsIntact(t *testing.T) {
	t.Parallel()
	folder := filepath.Join("..", "..", "cmd", "ebr", "testdata")
	if *update {
		file, keys := newPlant(7).make()
		require.NoError(t, os.WriteFile(filepath.Join(folder, "bundle.zip"), file, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(folder, "bundle.keys"), keys.Format(), 0o600))
	}
	file, err := os.ReadFile(filepath.Join(folder, "bundle.zip"))
	require.NoError(t, err)
	raw, err := os.ReadFile(filepath.Join(folder, "bundle.keys"))
	require.NoError(t, err)
	keys, err := ParseKeys(raw)
	require.NoError(t, err)
	require.Equal(t, Intact, Verify(file, &keys).Word)
}
