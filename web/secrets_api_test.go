package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/web"
)

// marked fills a body by its description with what must never stand in a log.
func marked(schema map[string]any) map[string]any {
	body := map[string]any{}
	fields, _ := schema["properties"].(map[string]any)
	for name, field := range fields {
		is, _ := field.(map[string]any)
		switch kind, _ := is["type"].(string); {
		case strings.Contains(name, "password"):
			body[name] = sentinels["password"]
		case strings.Contains(name, "token"):
			body[name] = sentinels["token"]
		case name == "reading":
			body[name] = sentinels["reading"]
		case kind == "string":
			body[name] = sentinels["words"]
		case kind == "integer":
			body[name] = 0
		case kind == "array":
			body[name] = []string{sentinels["words"]}
		}
	}
	return body
}

// Every operation of the API, with marks in every field of its body, in its token and in a signature, leaves none of them in the log: answered, refused,
// signed wrongly, and failing inside.
func TestTheLogHoldsNothingOfTheAPI(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	site := s.site(func(c *web.Config) {
		c.Log = s.logger()
		c.Observe = func(_ context.Context, o web.Observation) { fmt.Fprintf(s.log, "%+v\n", o) }
	})
	send := func(method, path, token string, body any) (status int, answer map[string]any) {
		content, err := json.Marshal(body)
		require.NoError(t, err)
		request := httptest.NewRequest(method, path, strings.NewReader(string(content)))
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", audit.NewID())
		request.Header.Set("User-Agent", sentinels["header"])
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		site.ServeHTTP(w, request)
		_ = json.Unmarshal(w.Body.Bytes(), &answer) // the report is none
		return w.Code, answer
	}
	_, description := send("GET", "/api/v1/openapi.json", "", nil)
	place := strings.NewReplacer(":batch", strings.TrimPrefix(s.batch, "/batches/"), ":step", "010", ":value", sentinels["segment"], ":version", strings.TrimPrefix(s.recipe, "/recipes/"))
	statuses := map[int]int{}
	every := func(token string, user, password string) {
		for _, o := range web.Operations() {
			if slices.Contains([]string{"session.close", "session.lock", "session.unlock"}, o.Act) { // these three end what the others need
				continue
			}
			braces := braced(o.Path)
			op := description["paths"].(map[string]any)[braces].(map[string]any)[strings.ToLower(o.Method)].(map[string]any)
			body := map[string]any{}
			if request, ok := op["requestBody"].(map[string]any); ok {
				body = marked(request["content"].(map[string]any)["application/json"].(map[string]any)["schema"].(map[string]any))
			}
			path := place.Replace(o.Path)
			for part := range strings.SplitSeq(path, "/") {
				if strings.HasPrefix(part, ":") {
					path = strings.Replace(path, part, sentinels["segment"], 1)
				}
			}
			status, answer := send(o.Method, path, token, body)
			statuses[status]++
			if status == 428 {
				body["signature"] = map[string]any{"user_name": user, "password": password, "statement": answer["digest"]}
				status, _ = send(o.Method, path, token, body)
				statuses[status]++
			}
		}
	}
	sven := s.people["Sven"]
	every("ebr_"+sentinels["token"], "", "")
	every(sven.Token, sven.UserName, sentinels["password"])
	every(sven.Token, sven.UserName, sven.Password) // from batch.abort on there is no batch to work in
	for _, act := range []string{"lock", "unlock"} {
		status, _ := send("POST", "/api/v1/session/"+act, sven.Token, map[string]any{"password": sentinels["password"]})
		statuses[status]++
	}
	status, _ := send("POST", "/api/v1/session/unlock", sven.Token, map[string]any{"password": sven.Password})
	require.Equal(t, 200, status)
	require.Greater(t, statuses[200], 20, statuses)
	require.Greater(t, statuses[401], 20, statuses)
	require.Positive(t, statuses[403]*statuses[404]*statuses[422]*statuses[428], statuses)
	s.Trail.Close() // from here on everything fails inside
	every(sven.Token, sven.UserName, sven.Password)
	require.Greater(t, statuses[500]+statuses[503], 20, statuses)
	text := s.log.text()
	require.Contains(t, text, "incident", "failures inside were logged")
	hidden := maps.Clone(sentinels)
	hidden["token of the session"], hidden["right password"], hidden["user name"] = sven.Token, sven.Password, sven.UserName
	for what, secret := range hidden {
		require.NotContains(t, text, secret, what)
	}
}

// braced writes the parameters of an address as OpenAPI does.
func braced(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if name, ok := strings.CutPrefix(part, ":"); ok {
			parts[i] = "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}
