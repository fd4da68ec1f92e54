package bundle

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The commands of docs/auditor.md, "By hand", do what the page says, on the kept bundle and on a spoiled one.
func TestByHand(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/auditor.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(page), "<!-- by-hand -->\n")
	require.True(t, found)
	var script strings.Builder
	for line := range strings.Lines(rest) {
		command, indented := strings.CutPrefix(line, "    ")
		if !indented && strings.TrimSpace(line) != "" {
			break
		}
		script.WriteString(command)
	}
	kept, err := filepath.Abs("../../cmd/ebr/testdata")
	require.NoError(t, err)
	hand := func(bundle string) string {
		cmd := exec.Command("bash", "-c", "set -u\n"+script.String())
		cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "KEYS="+filepath.Join(kept, "bundle.keys"), "BUNDLE="+bundle)
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	out := hand(filepath.Join(kept, "bundle.zip"))
	require.Equal(t, 2, strings.Count(out, "Signature Verified Successfully"), "%s", out)
	require.Contains(t, out, "entry 1 is in the log")
	require.NotContains(t, out, "is not what its name says")

	p := newPlant(7)
	edit(entryLines, swap(`"reason":""`, `"reason":"x"`))(p)
	file, _ := p.make()
	spoiled := filepath.Join(t.TempDir(), "spoiled.zip")
	require.NoError(t, os.WriteFile(spoiled, file, 0o600))
	require.NotContains(t, hand(spoiled), "entry 1 is in the log")
}
