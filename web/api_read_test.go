package web_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the pages show can be read as JSON, by the same rights: lists page by page, the record with decimals as text, the trail as the bytes that
// were hashed.
func TestReadsByAPI(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	s.doSteps("010", "030")
	c := s.client(s.people["Olga"])
	quinn := s.client(s.people["Quinn"])
	list := c.get("/batches")
	require.Equal(t, 200, list.status, list.raw)
	id := strings.TrimPrefix(s.batch, "/batches/")
	require.Contains(t, list.raw, `"batch":"`+id+`"`)
	steps := c.get(s.batch + "/steps")
	require.Equal(t, 200, steps.status, steps.raw)
	require.Equal(t, "040", steps.body["open_step"])
	step := c.get(s.batch + "/steps/040")
	require.Contains(t, step.body["acts"], "step.record")
	done := c.post(s.batch+"/steps/040/values/net/record", map[string]any{"reading": "13.85", "seen": 0})
	require.Equal(t, 200, done.status, done.raw)
	record := c.get(s.batch)
	require.Equal(t, 200, record.status, record.raw)
	require.Contains(t, record.raw, `"text":"13.85"`, "decimals are text")
	require.NotContains(t, record.raw, ":13.85")
	require.Equal(t, 200, c.get("/recipes").status)
	recipe := c.get(s.recipe)
	require.Equal(t, 200, recipe.status, recipe.raw)
	sum := sha256.Sum256([]byte(recipe.body["text"].(string)))
	require.Equal(t, recipe.body["digest"], hex.EncodeToString(sum[:]))
	require.Equal(t, 403, c.get("/trail").status, "an operator does not read the trail")
	require.Equal(t, 403, c.get("/tokens").status)
	ada := s.client(s.people["Ada"])
	for _, path := range []string{"/tokens", "/areas", "/configuration", "/incidents", "/backups", "/people"} {
		a := ada.get(path)
		require.Equal(t, 200, a.status, "%s: %s", path, a.raw)
	}
	require.Equal(t, 403, c.get(s.batch+"/report.pdf").status)
	pdf := quinn.get(s.batch + "/report.pdf")
	require.Equal(t, 200, pdf.status)
	require.True(t, strings.HasPrefix(pdf.raw, "%PDF-"))
	seen := map[string]bool{}
	pages := 0
	for next := "/trail?limit=20"; next != ""; pages++ {
		page := quinn.get(next)
		require.Equal(t, 200, page.status, page.raw)
		for _, one := range page.body["entries"].([]any) {
			e := one.(map[string]any)
			sum := sha256.Sum256([]byte(e["body"].(string)))
			require.Equal(t, e["hash"], hex.EncodeToString(sum[:]))
			require.False(t, seen[e["hash"].(string)], "an entry came twice")
			seen[e["hash"].(string)] = true
			require.True(t, json.Valid([]byte(e["body"].(string))))
		}
		next, _ = page.body["next"].(string)
		next = strings.TrimPrefix(next, "/api/v1")
	}
	require.Greater(t, pages, 2)
	for _, wrong := range []struct {
		path, parameter string
		status          int
	}{
		{"/trail?act=nothing.done", "act", 422}, {"/trail?from=yesterday", "from", 422}, {"/trail?limit=0", "limit", 422}, {"/trail?act=a&act=b", "act", 422},
		{"/trail?color=red", "color", 422}, {"/batches?state=gone", "state", 422}, {"/batches?after=17", "after", 422}, {"/batches?%zz", "", 400},
		{"/trail?after=17", "", 422}, {"/batches/17", "", 404}, {s.batch + "/steps/999", "", 404}, {"/recipes/17", "", 404},
	} {
		a := quinn.get(wrong.path)
		require.Equal(t, wrong.status, a.status, "%s: %s", wrong.path, a.raw)
		if wrong.parameter != "" {
			require.Contains(t, a.raw, `"parameter":"`+wrong.parameter+`"`)
		}
	}
}

// The list of batches pages by key, at work and ended.
func TestBatchesPageByPage(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	sven := s.client(s.people["Sven"])
	for range 3 {
		a := sven.post("/orders", map[string]any{"order_number": "PO-" + sven.fresh(), "recipe_version": strings.TrimPrefix(s.recipe, "/recipes/")})
		require.Equal(t, 201, a.status, a.raw)
	}
	require.Equal(t, 200, sven.sign(s.batch+"/abort", map[string]any{"reason": "paging"}, s.people["Sven"]).status)
	for state, want := range map[string]int{"work": 3, "ended": 1} {
		n := 0
		for next := "/batches?limit=1&state=" + state; next != ""; n++ {
			page := sven.get(next)
			require.Equal(t, 200, page.status, page.raw)
			require.LessOrEqual(t, len(page.body["batches"].([]any)), 1)
			next, _ = page.body["next"].(string)
			next = strings.TrimPrefix(next, "/api/v1")
		}
		require.Equal(t, want, n, state)
	}
}
