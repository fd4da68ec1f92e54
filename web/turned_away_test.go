package web_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/identity"
	"veribatch/signatures/signtest"
)

// sendAs sends one request with the secret of a session or token, as a browser or to the API.
func (s *script) sendAs(token, method, path string) int {
	s.t.Helper()
	request, err := http.NewRequest(method, s.server.URL+path, strings.NewReader(""))
	require.NoError(s.t, err)
	switch {
	case token == "":
	case strings.HasPrefix(path, "/api/"):
		request.Header.Set("Authorization", "Bearer "+token)
	default:
		request.AddCookie(&http.Cookie{Name: "session", Value: token})
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(s.t, err)
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(s.t, err)
	require.NoError(s.t, answer.Body.Close())
	return answer.StatusCode
}

// refusedOf gives the refused acts of a subject.
func (s *script) refusedOf(subject audit.Stream, act string) (list []audit.Row) {
	for _, row := range s.Entries(subject, act) {
		if row.Refused {
			list = append(list, row)
		}
	}
	return list
}

// TestWhoIsTurnedAwayIsEntered: what is tried with a session that does not work, or without one, is a refused act in the trail with person, station, act
// and reason (21 CFR 11.300(d)). A page that asks somebody to log in or to unlock refuses nothing.
func TestWhoIsTurnedAwayIsEntered(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	comment := s.batch + "/comment"
	batch := audit.Stream(strings.TrimPrefix(s.batch, "/batches/"))
	batch = "batch/" + batch
	newcomer := func(name string) signtest.Person { return s.Person(name, access.Operator) }
	locked, ended, left := newcomer("lou.locked"), newcomer("eve.ended"), newcomer("lea.left")
	require.NoError(t, s.Gate.Lock(s.Ctx, locked.Token, ""))
	require.NoError(t, s.Gate.LogOut(s.Ctx, ended.Token))
	s.Ready(s.Admin)
	s.Do(s.Admin, accounts.Deactivate{Person: left.ID, Reason: "left the firm"})

	for _, c := range []struct {
		who    signtest.Person
		look   int // status of a page
		looked bool
		says   string
	}{
		{locked, 423, false, "This session is locked"},
		{ended, 303, false, "your session has ended"},
		{left, 303, true, "your session has ended"},
	} {
		person := identity.StreamOf(c.who.ID)
		require.Equal(t, c.look, s.sendAs(c.who.Token, "GET", s.batch), c.who.UserName)
		require.Equal(t, c.looked, len(s.refusedOf(person, "batch.read")) == 1, "%s: a page", c.who.UserName)
		require.Equal(t, c.look, s.sendAs(c.who.Token, "POST", comment))
		rows := s.refusedOf(person, "step.comment")
		require.Len(t, rows, 1, c.who.UserName)
		require.Equal(t, identity.StationStream(s.Station), rows[0].Stream)
		require.Contains(t, rows[0].Details["refusal"], c.says)
		require.Contains(t, s.refusedOf(batch, "step.comment"), rows[0], "the batch is named")
		require.Less(t, s.sendAs(c.who.Token, "GET", "/api/v1"+s.batch), 424)
		require.NotEmpty(t, s.refusedOf(person, "batch.read"), "%s: the API is no door", c.who.UserName)
	}

	server := identity.StationStream(audit.SystemStation)
	for _, token := range []string{"", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", identity.TokenPrefix + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		before := len(s.refusedOf(server, ""))
		require.Equal(t, 303, s.sendAs(token, "GET", s.batch))
		require.Equal(t, 303, s.sendAs(token, "GET", "/"))
		require.Len(t, s.refusedOf(server, ""), before, "a page leads to the door")
	}
	require.Equal(t, 303, s.sendAs("", "POST", comment))
	require.Equal(t, 401, s.sendAs("", "POST", "/api/v1"+comment))
	require.Equal(t, 401, s.sendAs(identity.TokenPrefix+"unknown", "POST", "/api/v1"+comment))
	rows := s.refusedOf(server, "step.comment")
	require.Len(t, rows, 3)
	for i, says := range []string{"Log in first. Sent from 127.0.0.1 to POST /batches/:batch/comment.", "There is no token", "This token is not known here"} {
		require.Contains(t, rows[i].Details["refusal"], says)
		require.Equal(t, "Veribatch server", rows[i].By.Name)
	}
	require.Len(t, s.refusedOf(batch, "step.comment"), 3, "who is not known here writes nothing about a record")
	require.Equal(t, 200, s.sendAs("", "GET", "/login"))
	require.Empty(t, s.verify())
}

// TestStrangersDoNotFloodTheTrail: a flood from outside is entered as one, and costs the database no more than its bound.
func TestStrangersDoNotFloodTheTrail(t *testing.T) {
	s := newScript(t)
	before := s.countEntries()
	for i := range 400 {
		require.Equal(t, 303, s.sendAs("", "POST", fmt.Sprintf("/batches/%s/comment", audit.NewID())), i)
	}
	rows := s.refusedOf(identity.StationStream(audit.SystemStation), "step.comment")
	require.LessOrEqual(t, s.countEntries()-before, 6)
	require.Contains(t, rows[3].Details["refusal"], "Log in first")
	require.Equal(t, "10", rows[3].Details["times in a row"])
	var counted int64
	require.NoError(t, s.DB.Super(t).QueryRow(s.Ctx, `select sum(count) from ebr.refusals where act = 'step.comment'`).Scan(&counted))
	require.LessOrEqual(t, counted, int64(70), "more are not even counted")
}

// TestTheFirstPageOfEverybody: the bare address leads to the batches, and who may not read them to a page of their own.
func TestTheFirstPageOfEverybody(t *testing.T) {
	p := newPlant(t, 0)
	for role, first := range map[access.Role]string{access.Operator: "/", access.QA: "/", access.Auditor: "/", access.Administrator: "/people", "": "/accountability"} {
		name, roles := "pat.norole", []access.Role(nil)
		if role != "" {
			name, roles = "pat."+strings.ReplaceAll(string(role), "_", "."), []access.Role{role}
		}
		v := p.visitorAt("Desk of "+name, p.person(name, roles...))
		require.Equal(t, first, v.open("/").path, name)
		require.Equal(t, 200, v.at.status)
	}
}
