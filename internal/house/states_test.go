package house

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	ownState  = regexp.MustCompile(`errcode = '(VB\d{3})'`)
	someState = regexp.MustCompile(`\bVB\d{3}\b`)
)

// Each refusal of the database has a number of its own, and a test that provokes it by that number.
func TestEveryRefusalOfTheDatabaseIsProvoked(t *testing.T) {
	t.Parallel()
	migrations, err := filepath.Glob(filepath.Join(root(t), "migrations", "*.sql"))
	require.NoError(t, err)
	var raised []string
	for _, name := range migrations {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, m := range ownState.FindAllStringSubmatch(string(text), -1) {
			raised = append(raised, m[1])
		}
	}
	slices.Sort(raised)
	raised = slices.Compact(raised)
	require.Greater(t, len(raised), 30)
	asked := map[string]bool{}
	for _, s := range sources(t, true) {
		if !strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool { // literals only: a comment provokes nothing
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				for _, state := range someState.FindAllString(l.Value, -1) {
					asked[state] = true
				}
			}
			return true
		})
	}
	unproven := slices.DeleteFunc(raised, func(state string) bool { return asked[state] })
	require.Empty(t, unproven, "migrations raise these SQLSTATEs, and no test provokes them: a guard that nothing attacks may have stopped to guard")
}
