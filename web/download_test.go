package web_test

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/signatures/access"
	"veribatch/signatures/signtest"
	"veribatch/web"
)

// file fetches a file as a person with a browser does.
func (s *script) file(who signtest.Person, path string) (status int, text string) {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodGet, s.server.URL+path, nil)
	require.NoError(s.t, err)
	request.AddCookie(&http.Cookie{Name: "session", Value: who.Token})
	answer, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(s.t, err)
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	return answer.StatusCode, string(raw)
}

// rowsOf reads a table and gives what stands before its end, and where the next file begins.
func rowsOf(t *testing.T, text string) (rows [][]string, next string) {
	t.Helper()
	all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err, text)
	end := all[len(all)-1]
	require.Equal(t, "end", end[0])
	return all[1 : len(all)-1], strings.TrimPrefix(end[2], "more: ")
}

// What was searched for is taken away as a file: the same entries as on the page, each with a proof that anybody can check, and nothing of other areas.
func TestFilesOfASelection(t *testing.T) {
	s, south := twoAreas(t)
	auditor, home := s.people["Quinn"], "batch/"+strings.TrimPrefix(s.batch, "/batches/")
	status, _ := s.file(auditor, "/trail/entries.jsonl")
	require.Equal(t, 409, status, "no checkpoint is signed")
	require.NoError(t, s.signLog("signer"))
	c := s.client(auditor)
	for _, selection := range []string{"batch=" + home, "signed=yes", "act=step.verify&by=machines", "by=people&person=olga.berg"} {
		page := c.get("/trail?limit=500&" + selection)
		require.Equal(t, 200, page.status, page.raw)
		want, _ := page.body["entries"].([]any)
		status, text := s.file(auditor, "/trail/entries.csv?"+selection)
		require.Equal(t, 200, status, text)
		rows, next := rowsOf(t, text)
		require.Empty(t, next)
		require.Len(t, rows, len(want), selection)
		status, text = s.file(auditor, "/trail/entries.jsonl?"+selection)
		require.Equal(t, 200, status, text)
		lines := strings.Split(strings.TrimSpace(text), "\n")
		require.Len(t, lines, len(want)+2, selection)
		for i, one := range want {
			entry := one.(map[string]any)
			require.Equal(t, entry["hash"], rows[i][13])
			proven(t, lines[0], lines[i+1], entry)
		}
	}

	for who, want := range map[signtest.Person]int{s.people["Olga"]: 403, south[access.QA]: 200} {
		status, text := s.file(who, "/trail/entries.csv?act=step.perform")
		require.Equal(t, want, status)
		require.NotContains(t, text, home)
	}
	status, _ = s.file(auditor, "/trail/entries.csv?act=nothing.done")
	require.Equal(t, 422, status)

	web.SmallFiles(t, 7, 3)
	whole := c.get("/trail?limit=500&batch=" + home).body["entries"].([]any)
	var got []string
	for path := "/trail/entries.csv?batch=" + home; path != ""; {
		_, text := s.file(auditor, path)
		rows, next := rowsOf(t, text)
		require.LessOrEqual(t, len(rows), 7)
		for _, row := range rows {
			got = append(got, row[13])
		}
		path = next
	}
	require.Len(t, got, len(whole))
	for i, one := range whole {
		require.Equal(t, one.(map[string]any)["hash"], got[i])
	}
}

// proven checks one line of a file of proofs against its first one, with nothing of this program.
func proven(t *testing.T, first, line string, entry map[string]any) {
	t.Helper()
	var head struct {
		Checkpoint, Origin, Root string
		Size                     int64
	}
	require.NoError(t, json.Unmarshal([]byte(first), &head))
	require.True(t, strings.HasPrefix(head.Checkpoint, head.Origin+"\n"), first)
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(line), &got))
	for _, name := range []string{"stream", "seq", "hash", "body"} {
		require.Equal(t, entry[name], got[name])
	}
	sum := sha256.Sum256([]byte(got["body"].(string)))
	require.Equal(t, hex.EncodeToString(sum[:]), got["hash"])
	leaf := tlog.RecordHash([]byte("entry " + got["stream"].(string) + " " + json.Number(jsonText(t, got["seq"])).String() + " " + got["hash"].(string) + "\n"))
	require.NoError(t, tlog.CheckRecord(pathOf(t, got["path"]), head.Size, hashOf(t, head.Root), int64(got["index"].(float64)), leaf))
}

func jsonText(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

// A cell that a spreadsheet could calculate begins with an apostrophe; others stay as they are.
func TestCellsAreNoFormulas(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1", " =1": "' =1", "＝1": "'＝1",
		"": "", "1-1": "1-1", "a=b": "a=b", "'=1": "'=1", "Müller, \"x\"": "Müller, \"x\"", "\u00a0=1": "'\u00a0=1",
	} {
		require.Equal(t, want, web.NoFormula(cell))
	}
}

// A sample is what its root decides: the lowest hashes of all that was selected, again and again the same, and another one under another root.
func TestSampleIsDrawnByTheCheckpoint(t *testing.T) {
	t.Parallel()
	s, south := twoAreas(t)
	require.NoError(t, s.signLog("signer"))
	auditor, home := s.people["Quinn"], "batch/"+strings.TrimPrefix(s.batch, "/batches/")
	drawn := func(query string) (list []string, text string) {
		status, text := s.file(auditor, "/trail/sample?"+query)
		require.Equal(t, 200, status, text)
		for _, m := range entrySeal.FindAllStringSubmatch(strings.Join(strings.Fields(markup.ReplaceAllString(text, " ")), " "), -1) {
			list = append(list, m[1]+" "+m[2])
		}
		return list, text
	}
	first, text := drawn("count=5")
	require.Len(t, first, 5)
	_, lines := s.file(auditor, "/trail/entries.jsonl")
	var head struct{ Root string }
	var ranks []string
	for i, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		var entry struct {
			Stream     string
			Seq, Index json.Number
		}
		if i == 0 {
			require.NoError(t, json.Unmarshal([]byte(line), &head))
			continue
		}
		require.NoError(t, json.Unmarshal([]byte(line), &entry))
		if entry.Stream == "" || entry.Index == "-1" {
			continue
		}
		root, err := hex.DecodeString(head.Root)
		require.NoError(t, err)
		ranks = append(ranks, fmt.Sprintf("%x %s %s", sha256.Sum256(append(root, entry.Stream+" "+entry.Seq.String()...)), entry.Stream, entry.Seq))
	}
	require.Contains(t, text, head.Root)
	slices.Sort(ranks)
	for i, one := range first {
		require.Equal(t, ranks[i][65:], one)
	}
	again, _ := drawn("count=5")
	require.Equal(t, first, again)
	earlier, _ := drawn("count=5&size=20")
	require.NotEqual(t, first, earlier, "another root draws others")
	all, _ := drawn("count=200&batch=" + home)
	for _, one := range all {
		require.True(t, strings.HasPrefix(one, home+" "), one)
	}
	_, text = s.file(south[access.QA], "/trail/sample?count=200")
	require.NotContains(t, text, home)
	status, _ := s.file(s.people["Olga"], "/trail/sample")
	require.Equal(t, 403, status)
	_, text = drawn("count=201")
	require.Contains(t, text, "1 to 200")
	status, _ = s.file(auditor, "/trail/sample?size=999999")
	require.Equal(t, 404, status)
}
