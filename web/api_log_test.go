package web_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit"
	"veribatch/audit/merkle"
	"veribatch/signatures/access"
)

func hashOf(t *testing.T, text any) (h tlog.Hash) {
	t.Helper()
	raw, err := hex.DecodeString(text.(string))
	require.NoError(t, err)
	require.Len(t, raw, len(h))
	copy(h[:], raw)
	return h
}

func pathOf(t *testing.T, list any) (path []tlog.Hash) {
	t.Helper()
	for _, text := range list.([]any) {
		path = append(path, hashOf(t, text))
	}
	return path
}

// included checks a proof of the API with the library alone.
func included(t *testing.T, proof map[string]any) {
	t.Helper()
	tree := proof["tree"].(map[string]any)
	leaf := tlog.RecordHash([]byte(proof["leaf"].(string)))
	require.NoError(t, tlog.CheckRecord(pathOf(t, proof["path"]), int64(tree["size"].(float64)), hashOf(t, tree["root"]), int64(proof["index"].(float64)), leaf))
}

// timelineOf is the address of all that was entered for a value of a step.
func timelineOf(batch, step, value string) string {
	return "/trail/value?stream=batch/" + batch + "&step=" + step + "&value=" + value
}

// A value is followed by the API: each change with what stood before, in order, page by page, and only for whom the record is there.
func TestValueIsFollowedByAPI(t *testing.T) {
	t.Parallel()
	s, south := twoAreas(t)
	s.doSteps("010", "030")
	c, auditor := s.client(s.people["Olga"]), s.client(s.people["Quinn"])
	require.Equal(t, 200, c.post(s.batch+"/steps/040/values/net/record", map[string]any{"reading": "13.86", "seen": 0}).status)
	corrected := c.post(s.batch+"/steps/040/values/net/correct", map[string]any{"reading": "13.85", "reason": "misread", "seen": 1})
	require.Equal(t, 200, corrected.status, corrected.raw)
	id := strings.TrimPrefix(s.batch, "/batches/")
	path := timelineOf(id, "040", "net")
	page := auditor.get(path)
	require.Equal(t, 200, page.status, page.raw)
	moments := page.body["moments"].([]any)
	require.Len(t, moments, 2, page.raw)
	first, second := moments[0].(map[string]any), moments[1].(map[string]any)
	require.Equal(t, []any{true, nil, "13.86", "step.record"}, []any{first["created"], first["before"], first["after"], first["act"]})
	require.Equal(t, []any{false, "13.86", "13.85", "misread"}, []any{second["created"], second["before"], second["after"], second["reason"]})
	later := auditor.get(path + fmt.Sprintf("&after=%v", first["seq"]))
	require.Equal(t, []any{second}, later.body["moments"], "what was corrected is known on a later page, too")
	states := auditor.get("/trail/value?stream=batch/" + id + "&table=ebr.batches&field=state&id=" + id)
	require.Contains(t, states.raw, `"before":"idle","after":"running"`)
	home := "/trail/value?stream=batch/" + id
	for _, wrong := range []string{"", "&step=040", "&step=040&value=net&table=ebr.batches", "&table=batches&id=1&field=x", "&table=ebr.batches&field=x", "&table=ebr.batches&id=1&field=X'", "&step=040&value=net&after=x", "&color=red"} {
		require.Equal(t, 422, auditor.get(home+wrong).status, wrong)
	}
	require.Equal(t, 403, c.get(path).status, "an operator does not read the trail")
	hidden, nothing := s.client(south[access.QA]).get(path), s.client(south[access.QA]).get(timelineOf(audit.NewID(), "040", "net"))
	require.Equal(t, []any{404, nothing.body["detail"]}, []any{hidden.status, hidden.body["detail"]}, hidden.raw)
}

// Whoever reads the trail can ask for the proofs of the log and check them without this program: that an entry is in it, that it only grew, and which entry
// of a stream was the newest.
func TestProofsOfTheLogByAPI(t *testing.T) {
	t.Parallel()
	s, south := twoAreas(t)
	auditor := s.client(s.people["Quinn"])
	require.Equal(t, 409, auditor.get("/log").status, "no sequencer has run")
	require.NoError(t, (&merkle.Sequencer{Trail: s.Trail}).AppendHeads(t.Context()))
	early := auditor.get("/log")
	require.Equal(t, 200, early.status, early.raw)
	home := "batch/" + strings.TrimPrefix(s.batch, "/batches/")

	page := auditor.get("/trail?batch=" + home)
	require.NotEmpty(t, page.body["entries"])
	for _, one := range page.body["entries"].([]any) {
		entry := one.(map[string]any)
		proof := auditor.get(fmt.Sprintf("/log/inclusion?stream=%v&seq=%v", entry["stream"], entry["seq"]))
		require.Equal(t, 200, proof.status, proof.raw)
		require.Equal(t, fmt.Sprintf("entry %v %v %v\n", entry["stream"], entry["seq"], entry["hash"]), proof.body["leaf"])
		included(t, proof.body)
	}

	newest := auditor.get("/log/newest?stream=" + home)
	require.Equal(t, 200, newest.status, newest.raw)
	heads := newest.body["heads"].(map[string]any)
	included(t, heads)
	words := strings.Fields(heads["leaf"].(string))
	var streams int64
	_, err := fmt.Sscan(words[2], &streams)
	require.NoError(t, err)
	line := newest.body["line"].(string)
	require.True(t, strings.HasPrefix(line, fmt.Sprintf("%s %v ", home, newest.body["seq"])), line)
	require.NoError(t, tlog.CheckRecord(pathOf(t, newest.body["path"]), streams, hashOf(t, words[3]), int64(newest.body["index"].(float64)), tlog.RecordHash([]byte(line))))

	require.NoError(t, (&merkle.Sequencer{Trail: s.Trail}).AppendHeads(t.Context()))
	grown := auditor.get(fmt.Sprintf("/log/consistency?from=%v", early.body["size"]))
	require.Equal(t, 200, grown.status, grown.raw)
	from, to := grown.body["from"].(map[string]any), grown.body["to"].(map[string]any)
	require.Equal(t, early.body["root"], from["root"])
	require.Greater(t, to["size"], from["size"])
	require.NoError(t, tlog.CheckTree(pathOf(t, grown.body["path"]), int64(to["size"].(float64)), hashOf(t, to["root"]), int64(from["size"].(float64)), hashOf(t, from["root"])))

	for path, status := range map[string]int{
		"/log/inclusion?stream=" + home + "&seq=0": 422, "/log/inclusion?stream=batch&seq=1": 422, "/log/inclusion?seq=1": 422, "/log/inclusion?stream=" + home + "&seq=100000": 404,
		"/log/inclusion?stream=" + home + "&seq=1&size=999999": 404, "/log/inclusion?stream=" + home + "&seq=1&size=9223372036854775808": 422, "/log/consistency": 422,
		"/log/consistency?from=2&to=1": 404, "/log/consistency?from=-1": 422, "/log/newest?stream=batch/nothing": 404, "/log?color=red": 422,
	} {
		require.Equal(t, status, auditor.get(path).status, path)
	}
	require.Equal(t, 403, s.client(s.people["Olga"]).get("/log").status, "an operator does not read the trail")
	other := s.client(south[access.QA])
	for _, path := range []string{"/log/inclusion?seq=1&stream=", "/log/newest?stream="} {
		hidden, nothing := other.get(path+home), other.get(path+"batch/"+audit.NewID())
		require.Equal(t, 404, hidden.status, hidden.raw)
		require.Equal(t, nothing.body["title"], hidden.body["title"])
		require.Equal(t, nothing.body["detail"], hidden.body["detail"])
	}
}
