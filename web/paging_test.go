package web_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
)

var (
	batchNumber = regexp.MustCompile(`B-\d{4}-\d{6}`)
	entrySeal   = regexp.MustCompile(`([a-z]+/[0-9a-z-]+) · no\. (\d+) ·`)
)

// The trail and the finished batches come in pages that follow each other by key: together they show everything once.
func TestPagesShowEverythingOnce(t *testing.T) {
	s := newScript(t)
	for i := range 23 {
		s.line = i
		s.prepareBatch("issued")
		s.as("Sven")
		s.now.open(s.batch)
		s.sign("abort", map[string]string{"reason": "made for this test"}, s.people["Sven"], nil)
		require.Equal(t, "aborted", s.now.at.state, s.pageText())
	}
	s.as("Quinn")
	batches := follow(s, "/", "Older batches", func(text string) []string { return batchNumber.FindAllString(text, -1) })
	require.Len(t, batches, 23)
	seals := follow(s, "/trail", "Older entries", func(text string) (all []string) {
		for _, m := range entrySeal.FindAllStringSubmatch(text, -1) {
			all = append(all, m[1]+" "+m[2])
		}
		return all
	})
	require.Len(t, seals, len(s.trail(audit.Filter{})))
	last, first := "", s.now.open("/trail").text
	for path := "/trail"; path != ""; path = s.now.at.links["Older entries"] {
		last = s.now.open(path).text
	}
	back := 0
	for path := s.now.at.links["Newer entries"]; path != ""; path = s.now.at.links["Newer entries"] {
		s.now.open(path)
		back++
	}
	require.Equal(t, entrySeal.FindAllString(first, -1), entrySeal.FindAllString(s.now.at.text, -1), "the way back ends where it began")
	require.Equal(t, (len(seals)-1)/25, back)
	require.NotEqual(t, first, last)
	require.Equal(t, 404, s.now.open("/?before=yesterday").status)
	require.Equal(t, 422, s.now.open("/trail?after=yesterday").status)
}

// follow reads page after page and gives what stands on them, each thing once.
func follow(s *script, path, more string, find func(text string) []string) map[string]bool {
	s.t.Helper()
	seen := map[string]bool{}
	for path != "" {
		at := s.now.open(path)
		require.Equal(s.t, 200, at.status, at.text)
		for _, one := range find(strings.ReplaceAll(at.text, "  ", " ")) {
			require.False(s.t, seen[one], "%s stands on two pages", one)
			seen[one] = true
		}
		path = at.links[more]
	}
	return seen
}
