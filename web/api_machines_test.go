package web_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"veribatch/signatures/accounts"
)

// rows gives the words of each cell of the rows of all tables of a page, their heads left out.
func (s *sheet) rows(t testing.TB) (rows [][]string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(s.raw))
	require.NoError(t, err)
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != "tr" {
			continue
		}
		var cells []string
		for c := range n.ChildNodes() {
			if c.Type == html.ElementNode && c.Data == "td" {
				cells = append(cells, words(c))
			}
		}
		if cells != nil {
			rows = append(rows, cells)
		}
	}
	return rows
}

// read gives the text of a field of an answer, and times as the screens print them.
func read(line map[string]any, field string) string {
	text, _ := line[field].(string)
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.In(zone).Format("2006-01-02 15:04")
	}
	return text
}

// scope gives what a token may do and where, as the screens print it.
func scope(token map[string]any) string {
	var acts []string
	for _, act := range token["acts"].([]any) {
		acts = append(acts, act.(string))
	}
	return strings.Join(acts, " ")
}

// machines prepares one machine of each kind: a token that is used, one that waits, one that was revoked; one handed over, one closed.
func (s *script) machines() {
	s.t.Helper()
	s.as("Ada")
	used := &client{t: s.t, base: s.server.URL, token: s.makeToken(s.now, "reader.d1", "batch.read")}
	s.makeToken(s.now, "scale.d1", "batch.read", "step.comment")
	s.makeToken(s.now, "old.d1", "order.read")
	s.makeToken(s.now, "gone.d1", "trail.read")
	require.Equal(s.t, 200, used.get(s.batch).status)
	ada := s.client(s.people["Ada"])
	for _, token := range ada.get("/tokens").body["tokens"].([]any) {
		line := token.(map[string]any)
		at := "/tokens/" + line["account"].(string)
		var a answer
		switch line["user_name"] {
		case "old.d1":
			a = ada.post(at+"/"+line["token"].(string)+"/revoke", map[string]any{"reason": "scale replaced"})
		case "gone.d1":
			a = ada.post(at+"/close", map[string]any{"reason": "scale scrapped"})
		case "scale.d1":
			a = ada.post(at+"/responsible", map[string]any{"person": s.people["Olga"].ID, "reason": "she looks after it"})
		default:
			continue
		}
		require.Equal(s.t, 200, a.status, a.raw)
	}
}

// What the screens say about a machine the API says too, word by word: who answers for it, scope, expiry, last use, who revoked.
func TestMachinesReadTheSameOnScreenAndByAPI(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	s.machines()
	ada := s.client(s.people["Ada"])
	page := s.now.open("/tokens").rows(t)
	var told [][]string
	all := ada.every("/machines?limit=1", "machines")
	require.Len(t, all, 4)
	for _, one := range all {
		m := one.(map[string]any)
		closed := read(m, "closed_at")
		if closed == "" {
			closed = "–"
		}
		require.Equal(t, true, m["responsible_at_work"])
		live := map[bool]string{true: "1", false: "0"}[m["tokens_in_use"] == 1.0]
		told = append(told, []string{read(m, "full_name") + " " + read(m, "user_name"), read(m, "responsible_name"), live, read(m, "created_at"), closed})
	}
	states := map[string]bool{}
	for _, one := range ada.every("/tokens?limit=1", "tokens") {
		k := one.(map[string]any)
		states[read(k, "state")] = true
		state := map[string]string{
			"good":         "good until " + read(k, "expires_at"),
			"waits for QA": "waits for the approval of QA made until " + read(k, "expires_at"),
			"revoked":      "revoked " + read(k, "revoked_at") + " " + read(k, "revoked_by") + " made until " + read(k, "expires_at"),
		}[read(k, "state")]
		used := read(k, "last_used_at")
		if used == "" {
			used = "never"
		}
		told = append(told, []string{read(k, "full_name") + " " + read(k, "user_name"), read(k, "purpose"), scope(k), state, read(k, "issued_at") + " " + read(k, "issued_by"), used})
	}
	require.Equal(t, map[string]bool{"good": true, "waits for QA": true, "revoked": true}, states)
	for i, row := range page {
		page[i] = row[:len(row)-1] // the acts that are offered
	}
	require.Equal(t, told, page)
	require.Contains(t, told[2], s.people["Olga"].FullName, "handed over")
	require.NotContains(t, told[len(told)-1], "never", "the first use counts at once")
	require.Equal(t, 403, s.client(s.people["Olga"]).get("/machines").status)
}

// Who could do what on a day and what an access review asks about hold the machines too, equal on screen and by the API.
func TestRightsOfMachinesReadTheSameOnScreenAndByAPI(t *testing.T) {
	s := newScript(t)
	require.NoError(t, accounts.RegisterPolicy(s.Ctx, s.Trail))
	s.prepareBatch("running")
	s.machines()
	s.as("Quinn")
	s.approveToken(s.people["Quinn"])
	s.as("Ada")
	ada := s.client(s.people["Ada"])
	rights := ada.get("/rights")
	require.Equal(t, 200, rights.status, rights.raw)
	var told [][]string
	for _, one := range rights.body["machines"].([]any) {
		m := one.(map[string]any)
		for _, token := range m["tokens"].([]any) {
			k := token.(map[string]any)
			approved := strings.TrimSpace(read(k, "approved_at") + " " + read(k, "approved_by"))
			if approved == "" {
				approved = "–"
			}
			where := map[string]string{"*": "the whole plant"}[read(k, "area")]
			told = append(told, []string{read(m, "full_name") + " " + read(m, "user_name"), read(m, "responsible_name"), read(k, "purpose"), scope(k), where,
				read(k, "issued_at") + " " + read(k, "issued_by"), approved, read(k, "from"), read(k, "to")})
		}
	}
	require.Len(t, told, 4)
	page := s.now.open("/rights").rows(t)
	var machines [][]string
	for _, row := range page {
		if len(row) == len(told[0]) {
			machines = append(machines, row)
		}
	}
	require.Equal(t, told, machines)
	roles, _ := rights.body["roles"].([]any)
	require.NotEmpty(t, roles, "the policy is kept")
	require.Equal(t, "machine", roles[len(roles)-1].(map[string]any)["role"], "what a machine can do at most")
	require.Empty(t, ada.get("/rights?on=2020-01-01").body["machines"])

	asked := map[string]string{}
	s.as("Sven")
	s.now.open("/reviews")
	for _, one := range ada.get("/reviews").body["rights"].([]any) {
		line := one.(map[string]any)
		require.Contains(t, s.now.at.raw, `name="change:`+read(line, "key")+`"`, "the box on the page")
		require.Contains(t, s.now.at.text, read(line, "full_name"))
		require.Contains(t, s.now.at.text, read(line, "holds"))
		if line["machine"] == true {
			asked[read(line, "user_name")] = read(line, "key")
		}
	}
	require.Len(t, asked, 3, "the closed machine holds nothing")
	signed := s.client(s.people["Sven"]).sign("/reviews", map[string]any{"note": "not needed", "change": asked["scale.d1"]}, s.people["Sven"])
	require.Equal(t, 200, signed.status, signed.raw)
	require.Equal(t, []any{asked["scale.d1"]}, ada.get("/reviews").body["reviews"].([]any)[0].(map[string]any)["change"])
}
