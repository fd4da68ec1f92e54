package web_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/access"
	"veribatch/signatures/signtest"
	"veribatch/web"
)

// client speaks to the JSON API as a program would.
type client struct {
	t     testing.TB
	base  string
	token string
	key   string // request key of the next act; "" = a fresh one
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

func (c *client) send(method, path string, body any, headers map[string]string) answer {
	c.t.Helper()
	var raw []byte
	switch b := body.(type) {
	case nil:
	case string:
		raw = []byte(b)
	case []byte:
		raw = b
	default:
		var err error
		raw, err = json.Marshal(b)
		require.NoError(c.t, err)
	}
	request, err := http.NewRequest(method, c.base+"/api/v1"+path, bytes.NewReader(raw))
	require.NoError(c.t, err)
	if method == http.MethodPost {
		key := c.key
		if key == "" {
			key = audit.NewID()
		}
		request.Header.Set("Idempotency-Key", key)
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(c.t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(c.t, err)
	a := answer{status: response.StatusCode, header: response.Header, raw: string(content)}
	if kind := response.Header.Get("Content-Type"); method != http.MethodHead && (kind == "application/json" || kind == "application/problem+json") {
		require.NoError(c.t, json.Unmarshal(content, &a.body), a.raw)
	}
	return a
}

func (c *client) post(path string, body any) answer {
	c.t.Helper()
	return c.send(http.MethodPost, path, body, nil)
}

func (c *client) get(path string) answer {
	c.t.Helper()
	return c.send(http.MethodGet, path, nil, nil)
}

// sign sends a command, signs the statement that comes back, and gives the last answer.
func (c *client) sign(path string, body map[string]any, signer signtest.Person) answer {
	c.t.Helper()
	asked := c.post(path, body)
	require.Equal(c.t, 428, asked.status, asked.raw)
	signed := map[string]any{"signature": map[string]any{"user_name": signer.UserName, "password": signer.Password, "statement": asked.body["digest"]}}
	for name, value := range body {
		signed[name] = value
	}
	return c.post(path, signed)
}

// client gives a program that acts in the session of a person.
func (p *plant) client(who signtest.Person) *client {
	return &client{t: p.T, base: p.server.URL, token: who.Token}
}

// An act by the API is the act of the screen: same right, same entry, and what is wrong comes back as a problem with its place.
func TestActsByAPI(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	olga := s.people["Olga"]
	c := s.client(olga)
	a := c.post(s.batch+"/comment", map[string]any{"comment": "by program"})
	require.Equal(t, 200, a.status, a.raw)
	require.Equal(t, "step.comment", a.body["act"])
	require.Equal(t, "batch"+strings.TrimPrefix(s.batch, "/batches"), a.body["subject"])
	last := s.plant.entries(t, "step.comment")[0]
	require.Equal(t, olga.FullName, last.By.Name)
	for _, wrong := range []struct {
		path, body string
		status     int
		pointer    string
	}{
		{"/steps/010/perform", `{"seen":0,"seen":1}`, 400, "#/seen"},
		{"/steps/010/perform", `{"Seen":0}`, 422, "#/Seen"},
		{"/steps/010/perform", `{"step":"010"}`, 422, "#/step"},
		{"/comment", `{"comment":12}`, 422, "#/comment"},
		{"/comment", `{"comment":null}`, 422, "#/comment"},
		{"/comment", `{"comment":"a"} x`, 400, ""},
		{"/comment", `{"comment":"a"`, 400, ""},
		{"/comment", "{\"comment\":\"\xff\"}", 400, "#/comment"},
		{"/comment", `{}`, 422, "#/comment"},
		{"/comment", `[]`, 422, ""},
		{"/nothing", `{}`, 404, ""},
	} {
		a := c.post(s.batch+wrong.path, wrong.body)
		require.Equal(t, wrong.status, a.status, "%s: %s", wrong.body, a.raw)
		require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
		if wrong.pointer != "" {
			require.Contains(t, a.raw, `"pointer":"`+wrong.pointer+`"`, wrong.body)
		}
	}
	require.Equal(t, 405, c.get(s.batch+"/comment").status)
	require.Len(t, s.plant.entries(t, "step.comment"), 1, "a wrong body changed something")
}

// A signed act answers with the statement first, then takes both components; the statement is compared, the password is proved each time.
func TestSigningByAPI(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	sven := s.people["Sven"]
	c := s.client(sven)
	body := func(user, password string, digest any) map[string]any {
		return map[string]any{"reason": "a test", "signature": map[string]any{"user_name": user, "password": password, "statement": digest}}
	}
	asked := c.post(s.batch+"/abort", map[string]any{"reason": "a test"})
	require.Equal(t, 428, asked.status, asked.raw)
	require.Contains(t, asked.raw, `{"label":"Reason","value":"a test"}`)
	digest := asked.body["digest"]
	refused := c.post(s.batch+"/abort", body(sven.UserName, "wrong wrong wrong", digest))
	require.Equal(t, 403, refused.status, refused.raw)
	require.Contains(t, refused.raw, "signature-refused")
	require.Equal(t, digest, refused.body["digest"])
	entries := s.plant.entries(t, "batch.abort")
	require.Len(t, entries, 1)
	require.True(t, entries[0].Refused)
	require.Equal(t, 200, c.post(s.batch+"/comment", map[string]any{"comment": "meanwhile"}).status)
	changed := c.post(s.batch+"/abort", body(sven.UserName, sven.Password, digest))
	require.Equal(t, 409, changed.status, changed.raw)
	require.NotEqual(t, digest, changed.body["digest"], "the new statement comes with the conflict")
	c.key = audit.NewID()
	done := c.post(s.batch+"/abort", body(sven.UserName, sven.Password, changed.body["digest"]))
	require.Equal(t, 200, done.status, done.raw)
	again := c.post(s.batch+"/abort", map[string]any{"reason": "a test"})
	require.Equal(t, 200, again.status, again.raw)
	require.Equal(t, done.raw, again.raw, "a repeat gets the same answer")
	require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
	require.Equal(t, 409, c.post(s.batch+"/abort", map[string]any{"reason": "another"}).status)
}

// A session of the API is one like any other: at a station, locked and unlocked with entries, ended for good. Cookies open nothing.
func TestSessionsByAPI(t *testing.T) {
	p := newPlant(t, time.Minute)
	olga := p.person("olga.berg", access.Operator)
	c := &client{t: t, base: p.server.URL}
	credentials := map[string]any{"user_name": olga.UserName, "password": olga.Password, "station": "Program 1"}
	require.Equal(t, 401, c.post("/session/lock", "{}").status)
	open := c.post("/session/open", credentials)
	require.Equal(t, 200, open.status, open.raw)
	require.Equal(t, 409, c.post("/session/open", credentials).status, "the station has its key")
	delete(credentials, "station")
	require.Equal(t, 422, c.post("/session/open", credentials).status)
	credentials["station_key"] = p.Station + ".AAAA"
	require.Equal(t, 422, c.post("/session/open", credentials).status)
	credentials["station_key"] = open.body["station_key"]
	open = c.post("/session/open", credentials)
	require.Equal(t, 200, open.status, open.raw)
	require.Equal(t, 401, c.send("POST", "/session/lock", "{}", map[string]string{"Cookie": web.SessionCookie + "=" + open.body["token"].(string)}).status, "a cookie counted")
	c.token = open.body["token"].(string)
	require.Equal(t, true, c.post("/session/lock", "{}").body["locked"])
	require.Equal(t, 423, c.post("/orders", "{}").status)
	wrong := c.post("/session/unlock", map[string]any{"password": "no no no no no no"})
	require.Equal(t, 403, wrong.status, wrong.raw)
	require.Equal(t, false, c.post("/session/unlock", map[string]any{"password": olga.Password}).body["locked"])
	require.Equal(t, 422, c.post("/session/password", map[string]any{"password": olga.Password, "new_password": "short"}).status)
	require.Equal(t, 200, c.post("/session/password", map[string]any{"password": olga.Password, "new_password": "green window 12"}).status)
	require.Equal(t, 200, c.post("/session/close", "{}").status)
	gone := c.post("/session/lock", "{}")
	require.Equal(t, 401, gone.status)
	require.Contains(t, gone.header.Get("WWW-Authenticate"), "Bearer")
	require.NotContains(t, p.log.text(), c.token)
}

// makeToken makes a token for a new machine by the screen, as an administrator does, and gives its secret.
func (p *plant) makeToken(v *visitor, name string, acts ...string) (secret string) {
	p.T.Helper()
	fill := map[string]string{"user_name": name, "full_name": "Machine " + name, "purpose": "tests of the API", "days": "30"}
	for _, a := range acts {
		fill["act:"+a] = "yes"
	}
	v.open("/tokens")
	v.send("token", fill)
	require.Equal(p.T, 200, v.at.status, v.at.text)
	for _, word := range strings.Fields(v.at.text) {
		if strings.HasPrefix(word, "ebr_") {
			return word
		}
	}
	require.Fail(p.T, "no secret", v.at.text)
	return ""
}

// approveToken signs for the token that waits, as QA does.
func (s *script) approveToken(who signtest.Person) {
	s.t.Helper()
	s.now.open("/tokens")
	for id := range s.now.at.forms {
		if strings.HasPrefix(id, "approve-") {
			s.sign(id, nil, who, nil)
			return
		}
	}
	require.Fail(s.t, "no token waits", s.pageText())
}

// A machine may do what its token names and the policy gives to machines, and signs nothing; a token that is revoked opens nothing from the next
// request on, and each try is seen.
func TestTokens(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	s.as("Ada")
	secret := s.makeToken(s.now, "scale.d1", "batch.read", "step.comment")
	require.NotContains(t, s.now.open("/tokens").raw, secret)
	c := &client{t: t, base: s.server.URL, token: secret}
	early := c.post(s.batch+"/comment", map[string]any{"comment": "before QA"})
	require.Equal(t, 401, early.status, early.raw)
	require.Contains(t, early.raw, "waits for the approval of QA")
	s.as("Quinn")
	s.approveToken(s.people["Quinn"])
	s.as("Ada")
	reader := &client{t: t, base: s.server.URL, token: s.makeToken(s.now, "reader.d1", "batch.read")}
	read := reader.send("GET", s.batch, "", nil)
	require.Equal(t, 200, read.status, "a token that only reads waits for nobody: %s", read.raw)
	s.now.open("/tokens")
	for id := range s.now.at.forms {
		require.NotContains(t, id, "approve-", "an administrator approves")
	}
	done := c.post(s.batch+"/comment", map[string]any{"comment": "by a scale"})
	require.Equal(t, 200, done.status, done.raw)
	require.Equal(t, "Machine scale.d1", s.plant.entries(t, "step.comment")[1].By.Name)
	for path, body := range map[string]string{
		"/hold": `{"reason":"not in the scope"}`, "/start": `{}`, "/abort": `{"reason":"signed"}`, "/complete": `{}`, "/steps/010/verify": `{}`,
	} {
		a := c.post(s.batch+path, body)
		require.Contains(t, []int{403, 409}, a.status, a.raw)
		require.Nil(t, a.body["statement"], "a machine is shown nothing to sign")
	}
	require.Equal(t, 403, c.post(s.batch+"/abort", `{"reason":"signed"}`).status)
	require.Equal(t, 403, c.post("/session/close", `{}`).status, "a machine has no session to close")
	var form string
	s.now.open("/tokens")
	for id := range s.now.at.forms {
		if strings.HasPrefix(id, "revoke-") && (form == "" || id < form) { // the older of the two: ids grow with time
			form = id
		}
	}
	s.now.send(form, map[string]string{"reason": "scale replaced"})
	require.Equal(t, 200, s.now.at.status, s.now.at.text)
	gone := c.post(s.batch+"/comment", map[string]any{"comment": "too late"})
	require.Equal(t, 401, gone.status, gone.raw)
	require.Contains(t, gone.raw, "was revoked")
	entries := s.plant.entries(t, "step.comment")
	last := entries[len(entries)-1]
	require.True(t, last.Refused)
	require.Equal(t, "Veribatch server", last.By.Name)
	require.Contains(t, last.Stream, "station/")
	require.NotEqual(t, "station/"+audit.SystemStation, string(last.Stream), "the try stands at the station of the machine")
	require.NotContains(t, s.log.text(), secret)
	require.Empty(t, s.verify())
}

// fresh gives a text that nobody used before.
func (c *client) fresh() string { return audit.NewID()[24:] }
