package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
)

// Who leaves is cut off within one request, at every station and in every program: reads, acts, signatures and the record as PDF.
func TestLeaversAreCutOffByAPI(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	leaver := s.Person("lena.leaver", access.QA)
	first := s.client(leaver)
	opened := (&client{t: t, base: s.server.URL}).post("/session/open", map[string]any{"user_name": leaver.UserName, "password": leaver.Password, "station": "Program of a leaver"})
	require.Equal(t, 200, opened.status, opened.raw)
	second := &client{t: t, base: s.server.URL, token: opened.body["token"].(string)}
	require.Equal(t, 200, first.get(s.batch+"/report.pdf").status)
	require.Equal(t, 200, second.get(s.batch+"/report.pdf").status)
	require.Equal(t, 200, s.sendAs(leaver.Token, http.MethodGet, s.batch+"/report.pdf"), "at the screen")
	require.Equal(t, 200, second.get("/trail").status)

	gone := s.client(s.people["Ada"]).post("/people/"+leaver.ID+"/deactivate", map[string]any{"reason": "left the firm"})
	require.Equal(t, 200, gone.status, gone.raw)
	for name, c := range map[string]*client{"the session of the screens": first, "the session of a program": second} {
		for _, path := range []string{s.batch + "/report.pdf", s.batch, "/trail", "/people/" + leaver.ID} {
			a := c.get(path)
			require.Equal(t, 401, a.status, "%s: %s: %s", name, path, a.raw)
			require.NotContains(t, a.raw, "%PDF", name)
			require.Contains(t, a.header.Get("WWW-Authenticate"), "Bearer")
		}
		require.Equal(t, 401, c.post(s.batch+"/comment", map[string]any{"comment": "afterwards"}).status, name)
	}
	require.Equal(t, 303, s.sendAs(leaver.Token, http.MethodGet, s.batch+"/report.pdf"), "the screen asks to log in")
	again := (&client{t: t, base: s.server.URL}).post("/session/open", map[string]any{"user_name": leaver.UserName, "password": leaver.Password, "station_key": opened.body["station_key"]})
	require.Equal(t, 401, again.status, again.raw)
	refused := map[string]bool{}
	for _, act := range []string{"report.read", "step.comment"} {
		refused[act] = len(s.refusedOf(identity.StreamOf(leaver.ID), act)) > 0
	}
	require.Equal(t, map[string]bool{"report.read": true, "step.comment": true}, refused, "what a leaver tried is on the trail")
	require.Empty(t, s.plant.entries(t, "step.comment")[0].Changes)
}

// A signature of a leaver counts no more either, in the session of somebody who stays.
func TestLeaversDoNotSignByAPI(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	leaver := s.Person("lars.leaver", access.Supervisor)
	sven := s.client(s.people["Sven"])
	asked := sven.post(s.batch+"/abort", map[string]any{"reason": "given up"})
	require.Equal(t, 428, asked.status, asked.raw)
	require.Equal(t, 200, s.client(s.people["Ada"]).post("/people/"+leaver.ID+"/deactivate", map[string]any{"reason": "left the firm"}).status)
	signed := sven.post(s.batch+"/abort", map[string]any{"reason": "given up",
		"signature": map[string]any{"user_name": leaver.UserName, "password": leaver.Password, "statement": asked.body["digest"]}})
	require.Equal(t, 403, signed.status, signed.raw)
	require.Contains(t, signed.raw, "signature-refused")
	require.Equal(t, "in execution", sven.get(s.batch).body["state"])
}

// Names that are nobody's or that look like somebody's open no account by the API, neither of a person nor of a machine.
func TestNamesOfNobodyAreRefusedByAPI(t *testing.T) {
	s := newScript(t)
	s.as("Ada")
	ada := s.client(s.people["Ada"])
	made := ada.post("/people", map[string]any{"user_name": "paul.bolt", "full_name": "Paul Bolt", "role": "operator", "reason": "new in the team"})
	require.Equal(t, 201, made.status, made.raw)
	before := len(s.plant.entries(t, "person.create"))
	for name, says := range map[string]string{
		"operator": "one person", "Operator1": "one person", "0perator": "one person", "shared-lab": "one person", "test_user": "one person", "admin": "one person",
		"раul.bolt": "mixes", "paul.bo1t": "looks like", "pau1.bolt": "looks like", "PAUL.BOLT": "already", "paul.bolt": "already", "ρaul.bolt": "mixes",
		"paul\u200b.bolt": "zero-width", "paul bolt": "U+0020", "": "0 characters",
	} {
		a := ada.post("/people", map[string]any{"user_name": name, "full_name": "Paul Again", "role": "", "reason": "new in the team"})
		require.Contains(t, []int{409, 422}, a.status, "%q: %s", name, a.raw)
		require.Contains(t, a.raw, `"pointer":"#/user_name"`, "%q", name)
		require.Contains(t, a.raw, says, "%q", name)
		m := ada.post("/tokens", map[string]any{"user_name": name, "full_name": "Scale", "purpose": "weights", "acts": []string{"batch.read"}, "days": 30})
		require.Contains(t, []int{409, 422}, m.status, "%q: %s", name, m.raw)
		require.NotContains(t, m.raw, identity.TokenPrefix)
	}
	for _, e := range s.plant.entries(t, "person.create")[before:] {
		require.True(t, e.Refused, string(e.Body))
	}
	require.Empty(t, ada.get("/machines").body["machines"])
}

// By the API, too, nobody signs before the accountability statement is signed, nor after a new version before that one is.
func TestAccountabilityComesBeforeSignaturesByAPI(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	nora := s.Newcomer("nora.new", access.Supervisor)
	c := s.client(nora)
	abort := func() answer {
		asked := c.post(s.batch+"/abort", map[string]any{"reason": "given up"})
		if asked.status != 428 {
			return asked
		}
		return c.post(s.batch+"/abort", map[string]any{"reason": "given up",
			"signature": map[string]any{"user_name": nora.UserName, "password": nora.Password, "statement": asked.body["digest"]}})
	}
	barred := func(number float64) {
		t.Helper()
		a := abort()
		require.Equal(t, 409, a.status, a.raw)
		require.Contains(t, a.raw, "has not signed the accountability statement in force")
		statement := c.get("/accountability")
		require.Nil(t, statement.body["signed_at"], statement.raw)
		require.Equal(t, number, statement.body["in_force"].(map[string]any)["number"])
		require.Equal(t, 200, c.sign("/accountability/sign", map[string]any{"number": number}, nora).status)
		require.NotNil(t, c.get("/accountability").body["signed_at"])
		twice := c.post("/accountability/sign", map[string]any{"number": number})
		require.GreaterOrEqual(t, twice.status, 400, twice.raw)
	}
	barred(1)
	quinn := s.client(s.people["Quinn"])
	text := "I answer for what I do under my electronic signature as for one by hand, and I tell nobody my password."
	published := quinn.sign("/accountability", map[string]any{"text": text, "reason": "in our own words"}, s.people["Quinn"])
	require.Equal(t, 200, published.status, published.raw)
	stale := c.post("/accountability/sign", map[string]any{"number": 1})
	require.Equal(t, 409, stale.status, stale.raw)
	barred(2)
	require.Equal(t, 200, abort().status, "now it is signed")
	require.Len(t, s.refusedOf(audit.Stream("batch/"+strings.TrimPrefix(s.batch, "/batches/")), "batch.abort"), 2, "both tries are on the trail")
}
