package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

var flagRow = regexp.MustCompile("(?m)^\\| `--([a-z-]+)` \\| (?:`([^`]+)` )?\\| (.+) \\|$")

// docs/deployment.md lists every flag of every command with what counts without it, and no flag that is not there.
func TestEveryFlagStandsInTheDocuments(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/deployment.md")
	require.NoError(t, err)
	parser, err := kong.New(&cli{})
	require.NoError(t, err)
	commands := 0
	for _, leaf := range parser.Model.Leaves(false) {
		name := "ebr " + leaf.Path()
		var want, listed []string
		for _, f := range leaf.Flags {
			without := f.Default
			if without == "" && len(f.Envs) > 0 {
				without = f.Envs[0]
			}
			if strings.Contains(f.Help, passphraseVariable) {
				without = passphraseVariable
			}
			want = append(want, f.Name+" "+without)
		}
		_, section, found := strings.Cut(string(raw), "\n### "+name+"\n")
		if len(want) == 0 {
			require.False(t, found, name)
			require.Contains(t, string(raw), "`"+name)
			continue
		}
		require.True(t, found, "docs/deployment.md has no section %s", name)
		section, _, _ = strings.Cut(section, "\n##")
		for _, row := range flagRow.FindAllStringSubmatch(section, -1) {
			listed = append(listed, row[1]+" "+row[2])
			require.Greater(t, len(row[3]), 10, row[1])
		}
		require.ElementsMatch(t, want, listed, name)
		commands++
	}
	require.Equal(t, 12, commands)
}
