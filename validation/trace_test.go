package validation

import (
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// TestEveryRequirementIsShown holds the acceptance scripts of the site against requirements.csv, in both directions.
func TestEveryRequirementIsShown(t *testing.T) {
	list, err := Requirements()
	require.NoError(t, err)
	require.Greater(t, len(list), 15)
	m, err := Trace(os.DirFS("../web/testdata"))
	require.NoError(t, err)
	require.Empty(t, Compare(list, m))
}

func TestTraceReadsKeysOfSentencesOnly(t *testing.T) {
	m, err := Trace(fstest.MapFS{
		"a.txt":  {Data: []byte("# Explained, not shown.   P11-10e\nas Olga\nthe page says \"A  B\"   P11-10e A11-12.4\nthe page says \"13.85 G\"\n")},
		"b.json": {Data: []byte("the page says \"x\"   P11-10d\n")},
	})
	require.NoError(t, err)
	require.Equal(t, Matrix{
		"P11-10e":  {{File: "a.txt", Line: 3, Text: `the page says "A  B"`}},
		"A11-12.4": {{File: "a.txt", Line: 3, Text: `the page says "A  B"`}},
	}, m)
	require.Equal(t, "a.txt:3", m["P11-10e"][0].String())
}

func TestCompareNamesWhatDoesNotFit(t *testing.T) {
	list := []Requirement{{"K-1", "c", "shown", "high"}, {"K-2", "c", "not shown", "low"}, {"K-1", "c", "again", "low"}, {"K-3", "c", "t", "huge"}, {"K-4", "", "t", "low"}}
	m := Matrix{"K-1": {{File: "a.txt", Line: 1}}, "K-3": {{File: "a.txt", Line: 2}}, "K-4": {{File: "a.txt", Line: 2}}, "K-9": {{File: "a.txt", Line: 3}}}
	require.Equal(t, []string{
		"K-2 (not shown) is shown by no line of a script", "K-1 stands twice in requirements.csv", `K-3 has the risk "huge", not low, medium or high`,
		"K-4 has no clause or no title", "a.txt:3: the key K-9 is no requirement",
	}, Compare(list, m))
}
