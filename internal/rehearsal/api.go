package rehearsal

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
)

// API carries out acts by the JSON API alone, as a program would: log-in, request key, statement and signature.
type API struct {
	T     testing.TB
	Plant *Plant
	URL   string // of the server
	Batch string // id of the batch, once it is ordered

	sessions map[string]string // tokens by first name
}

// Do carries out one act of the plan and gives the reading that was sent.
func (c *API) Do(a Act) (sent string) {
	c.T.Helper()
	path, body := a.Request(c.Batch, c.Plant.Version)
	key := audit.NewID()
	status, answer := c.post(path, key, c.session(a.At), body)
	if a.By != "" {
		require.Equal(c.T, http.StatusPreconditionRequired, status, "%+v: %s", a, answer)
		signer := c.Plant.People[a.By]
		body["signature"] = map[string]any{"user_name": signer.UserName, "password": signer.Password, "statement": answer["digest"]}
		status, answer = c.post(path, key, c.session(a.At), body)
	}
	require.Equal(c.T, a.Refused, status >= 400, "%+v: %d %s", a, status, answer)
	if a.Word == "order.create" {
		c.Batch = strings.TrimPrefix(answer["subject"].(string), "batch/")
	}
	sent, _ = body["reading"].(string)
	return sent
}

// session opens a session for a person at a station of its own.
func (c *API) session(first string) string {
	c.T.Helper()
	if c.sessions[first] == "" {
		who := c.Plant.People[first]
		status, answer := c.post("/session/open", audit.NewID(), "", map[string]any{"user_name": who.UserName, "password": who.Password, "station": "Program of " + first})
		require.Equal(c.T, http.StatusOK, status, "%s", answer)
		if c.sessions == nil {
			c.sessions = map[string]string{}
		}
		c.sessions[first] = answer["token"].(string)
	}
	return c.sessions[first]
}

func (c *API) post(path, key, token string, body map[string]any) (status int, answer map[string]any) {
	c.T.Helper()
	raw, err := json.Marshal(body)
	require.NoError(c.T, err)
	request, err := http.NewRequest(http.MethodPost, c.URL+"/api/v1"+path, bytes.NewReader(raw))
	require.NoError(c.T, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", key)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(c.T, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(c.T, err)
	require.NoError(c.T, json.Unmarshal(content, &answer), "%s", content)
	return response.StatusCode, answer
}

// Request gives address and body of the act for a program.
func (a Act) Request(batch, version string) (path string, body map[string]any) {
	body = map[string]any{}
	switch a.Word {
	case "order.create":
		return "/orders", map[string]any{"order_number": a.Text, "recipe_version": version}
	case "step.record", "step.correct":
		body["reading"], body["seen"] = a.reading(), a.Seen
	case "step.comment":
		body["comment"], body["seen"] = a.Text, a.Seen
	case "step.perform":
		body["seen"] = a.Seen
	}
	if a.Reason != "" {
		body["reason"] = a.Reason
	}
	path = "/batches/" + batch
	if a.Step != "" {
		path += "/steps/" + a.Step
	}
	if a.Value != "" {
		path += "/values/" + a.Value
	}
	_, verb, _ := strings.Cut(a.Word, ".")
	return path + "/" + verb, body
}

// reading gives what is sent: a time is taken from the clock.
func (a Act) reading() string {
	if a.Text == Now {
		return time.Now().Format("2006-01-02 15:04")
	}
	return a.Text
}
