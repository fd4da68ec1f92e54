package house

import (
	"go/ast"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// stopwatches measure how long something takes, or are the one place where the clock is read.
var stopwatches = []string{"audit/clock.go", "audit/verify.go", "audit/merkle/sequence.go", "web/limits.go", "web/observe.go", "web/pages.go", "ebr/quality/book.go"}

// The server reads its clock by audit.Trail.Now, so that tests can set it, and judges by the time of the database (audit.DatabaseTime, Tx.Now).
func TestTheClockIsReadInOnePlace(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for _, s := range sources(t, false) {
		top, _, _ := strings.Cut(s.path, "/")
		if !slices.Contains([]string{"audit", "ebr", "recipes", "signatures", "web"}, top) || strings.HasPrefix(s.path, "signatures/signtest/") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if call, ok := n.(*ast.SelectorExpr); ok && call.Sel.Name == "Now" {
				if of, ok := call.X.(*ast.Ident); ok && of.Name == "time" {
					found[s.path] = true
				}
			}
			return true
		})
	}
	for path := range found {
		require.Contains(t, stopwatches, path, "%s asks time.Now: use Trail.Now for this machine, audit.DatabaseTime or Tx.Now for what is judged; a stopwatch is listed in this test", path)
	}
	for _, path := range stopwatches {
		require.True(t, found[path], "%s no longer asks for the time", path)
	}
}
