package web_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/audit/bundle"
	"veribatch/signatures"
	"veribatch/signatures/access"
)

// Who may export sees the exports of a batch, makes one at the screen or by the API, and downloads what verifies; others are refused, and a batch of another
// area is not there.
func TestExportByAPIAndScreen(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	s.doSteps("010", "030")
	require.NoError(t, s.signLog("signer"))
	quinn := s.client(s.people["Quinn"])
	made := quinn.post(s.batch+"/exports", map[string]any{})
	require.Equal(t, 201, made.status, made.raw)
	id := made.body["result"].(map[string]any)["export"].(string)
	s.as("Quinn")
	s.now.open(s.batch)
	require.Contains(t, s.now.at.text, "Exports")
	s.now.open(s.batch + "/exports")
	s.now.send("export", nil)
	require.Contains(t, s.now.at.text, "The export is entered.")
	require.NoError(t, s.signLog("signer"))
	list := quinn.get(s.batch + "/exports")
	require.Equal(t, 200, list.status, list.raw)
	require.Len(t, list.body["exports"], 2)
	file := quinn.get(s.batch + "/exports/" + id)
	require.Equal(t, 200, file.status, file.raw)
	var keys bundle.Keys
	require.NoError(t, s.Trail.Read(s.Ctx, func(q *audit.Reader) (err error) {
		keys, err = signatures.BundleKeys(s.Ctx, q, s.Desk.Key.ID())
		return err
	}))
	v := bundle.Verify([]byte(file.raw), &keys)
	require.Equal(t, bundle.Intact, v.Word, "%s %s", v.Reason, v.Detail)
	require.Equal(t, s.batch[len("/batches/"):], strings.TrimPrefix(v.Stream, "batch/"))

	require.Equal(t, 404, quinn.get(s.batch+"/exports/"+audit.NewID()).status)
	olga := s.client(s.people["Olga"])
	for _, path := range []string{s.batch + "/exports", s.batch + "/exports/" + id} {
		require.Equal(t, 403, olga.get(path).status)
	}
	require.Equal(t, 403, olga.post(s.batch+"/exports", map[string]any{}).status)
	s.change(s.people["Ada"].Token, access.CreateArea{Code: other, Title: "South", Reason: "a second site"})
	far := s.Person("quirl.south")
	s.place(far, other, access.QA)
	stranger := s.client(far)
	for _, path := range []string{s.batch + "/exports", s.batch + "/exports/" + id} {
		require.Equal(t, 404, stranger.get(path).status)
	}
	require.Equal(t, 404, stranger.post(s.batch+"/exports", map[string]any{}).status)
}
