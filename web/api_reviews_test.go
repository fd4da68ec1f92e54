package web_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// every reads a list page by page with one line each, and gives the lines.
func (c *client) every(path, list string) (lines []any) {
	c.t.Helper()
	for next := path; next != ""; {
		page := c.get(next)
		require.Equal(c.t, 200, page.status, page.raw)
		some, _ := page.body[list].([]any)
		require.LessOrEqual(c.t, len(some), 1, "%s gave more than was asked for", next)
		lines = append(lines, some...)
		next, _ = page.body["next"].(string)
		next = strings.TrimPrefix(next, "/api/v1")
	}
	return lines
}

// Who holds which role in which area can be read of one person, of all, and of any day, page by page; so can what everybody signs and what was reviewed.
func TestAccountsByAPI(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	ada, olga := s.client(s.people["Ada"]), s.people["Olga"]
	granted := ada.post("/people/"+olga.ID+"/grant", map[string]any{"role": "supervisor", "area": "main", "reason": "stands in for Sven"})
	require.Equal(t, 200, granted.status, granted.raw)
	want := []any{map[string]any{"role": "operator", "area": "*"}, map[string]any{"role": "supervisor", "area": "main"}}
	one := ada.get("/people/" + olga.ID)
	require.Equal(t, want, one.body["roles"], one.raw)
	require.Len(t, one.body["roles_ever"], 2)
	require.NotEmpty(t, one.body["open_sessions"])
	found := ada.get("/people?q=" + olga.UserName)
	require.Equal(t, want, found.body["people"].([]any)[0].(map[string]any)["roles"], found.raw)
	all := ada.every("/people?limit=1", "people")
	require.Greater(t, len(all), 4)

	rights := ada.every("/rights?limit=1", "rights")
	areas := map[string]int{}
	for _, r := range rights {
		if line := r.(map[string]any); line["person"] == olga.ID {
			areas[line["role"].(string)+" in "+line["area"].(string)]++
		}
	}
	require.Equal(t, map[string]int{"operator in *": 1, "supervisor in main": 1}, areas)
	today := ada.get("/rights")
	require.Empty(t, ada.get("/rights?on=2020-01-01").body["rights"])
	require.Equal(t, 422, ada.get("/rights?on=yesterday").status)
	require.Equal(t, 403, s.client(olga).get("/rights").status)
	require.Contains(t, today.raw, `"role":"operator"`)

	statement := s.client(olga).get("/accountability")
	require.Equal(t, 200, statement.status, statement.raw)
	force := statement.body["in_force"].(map[string]any)
	require.NotEmpty(t, force["text"])
	require.NotEmpty(t, statement.body["signed_at"], "Olga signed when she came")

	sue := s.client(s.people["Sven"])
	require.Empty(t, sue.get("/reviews").body["reviews"])
	for range 2 {
		done := sue.sign("/reviews", map[string]any{"note": "leaves", "change": olga.UserName}, s.people["Sven"])
		require.Less(t, done.status, 300, done.raw)
	}
	reviews := sue.every("/reviews?limit=1", "reviews")
	require.Len(t, reviews, 2)
	require.Equal(t, []any{olga.UserName + "/operator/*", olga.UserName + "/supervisor/main"}, reviews[0].(map[string]any)["change"])
	require.EqualValues(t, 2, reviews[0].(map[string]any)["number"])

	for path, list := range map[string]string{"/areas": "areas", "/configuration": "configurations", "/tokens": "tokens", "/incidents": "incidents"} {
		ada.every(path+"?limit=1", list)
	}
	require.NotEmpty(t, s.client(olga).every("/recipes?limit=1", "recipes"))
	require.Equal(t, 422, s.client(olga).get("/recipes?after=nowhere").status)
	require.Equal(t, 422, ada.get("/people?limit=501").status)
	require.Equal(t, 422, ada.get("/people?left=maybe").status)
}

// A trail is reviewed by the API alone: what there is to read, page by page; the review signed; what came later.
func TestTrailReviewByAPI(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	olga, quirl := s.client(s.people["Olga"]), s.client(s.people["Quirl"])
	require.Equal(t, 200, olga.post(s.batch+"/comment", map[string]any{"comment": "before"}).status)
	require.Equal(t, 403, olga.get(s.batch+"/review").status)
	waits := quirl.every(s.batch+"/review?limit=1", "entries")
	require.NotEmpty(t, waits)
	list := quirl.get(s.batch + "/review")
	require.Equal(t, "audit trail not reviewed", list.body["state"])
	require.Len(t, list.body["entries"], len(waits), "one by one or together")
	begun := quirl.post(s.batch+"/review/begin", map[string]any{})
	require.Less(t, begun.status, 300, begun.raw)
	id := begun.body["result"].(map[string]any)["review"].(string)
	at := s.batch + "/reviews/" + id
	open := quirl.get(at)
	require.Equal(t, 200, open.status, open.raw)
	require.Nil(t, open.body["signed_at"])
	require.Len(t, open.body["entries"], len(waits)+1, "that it was opened is an entry too")
	kinds := open.body["critical_kinds"].([]any)
	require.NotEmpty(t, kinds[0].(map[string]any)["rule"])
	require.EqualValues(t, len(waits)+1, open.body["entries_listed"])
	require.EqualValues(t, 0, open.body["entries_opened"])
	require.Equal(t, 422, quirl.get(at+"?list=some").status)
	for next := quirl.get(at + "?limit=4"); ; next = quirl.get(strings.TrimPrefix(next.body["next"].(string), "/api/v1")) {
		page := next.body["entries"].([]any)
		to := page[len(page)-1].(map[string]any)["place"]
		read := quirl.post(at+"/read", map[string]any{"list": "all", "from": page[0].(map[string]any)["place"], "to": to, "entries": len(page)})
		require.Less(t, read.status, 300, read.raw)
		if next.body["next"] == nil {
			break
		}
	}
	read := quirl.get(at)
	require.GreaterOrEqual(t, read.body["entries_opened"], float64(len(waits)+1), read.raw)
	signed := quirl.sign(at, map[string]any{"remarks": "nothing to question"}, s.people["Quirl"])
	require.Equal(t, 200, signed.status, signed.raw)
	after := quirl.get(at)
	require.NotNil(t, after.body["signed_at"], after.raw)
	require.Len(t, after.body["first_hash"], 64)
	require.Len(t, quirl.every(at+"?limit=1", "entries"), int(after.body["listed"].(float64)), "the signature itself is none of what was signed")
	require.Equal(t, 200, olga.post(s.batch+"/comment", map[string]any{"comment": "afterwards"}).status)
	later := quirl.get(s.batch + "/review")
	require.Contains(t, later.raw, "afterwards")
	require.NotContains(t, later.raw, `"comment":"before"`)
	require.Len(t, later.body["reviews"], 1)
	require.Equal(t, 404, quirl.get(s.batch+"/reviews/17").status)
	require.Equal(t, 422, quirl.get(s.batch+"/review?after=17").status)
}

// A hold can be read with its cause, its assessments and whom it waits for.
func TestHoldsByAPI(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	olga, sven := s.client(s.people["Olga"]), s.client(s.people["Sven"])
	require.Empty(t, olga.get(s.batch + "/hold").body["holds"])
	require.Equal(t, 200, olga.post(s.batch+"/hold", map[string]any{"reason": "noise in the mixer"}).status)
	held := olga.get(s.batch + "/hold")
	require.Equal(t, 200, held.status, held.raw)
	require.Equal(t, "held", held.body["state"])
	one := held.body["holds"].([]any)[0].(map[string]any)
	require.Equal(t, "noise in the mixer", one["reason"])
	require.Equal(t, s.people["Olga"].FullName, one["by"])
	require.Nil(t, one["resumed_at"])
	require.Equal(t, 200, sven.post(s.batch+"/resume", map[string]any{"reason": "bolt tightened"}).status)
	require.NotNil(t, olga.get(s.batch + "/hold").body["holds"].([]any)[0].(map[string]any)["resumed_at"])
}
