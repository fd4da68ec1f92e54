package main_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"veribatch/audit"
)

// secrets open a plant: a session of its administrator, and a token that is revoked later.
type secrets struct {
	session, token string
	made           struct{ Token, Account string }
}

// open gives what each secret opens.
func (s secrets) open() map[string]string {
	return map[string]string{"/tokens": s.session, "/batches": s.token}
}

// api sends one request, and gives status and answer.
func (s *server) api(t *testing.T, secret, method, path string, body any) (int, []byte) {
	t.Helper()
	raw, err := json.Marshal(body)
	check(t, err)
	request, err := http.NewRequest(method, s.url+"/api/v1"+path, bytes.NewReader(raw))
	check(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", audit.NewID())
	if secret != "" {
		request.Header.Set("Authorization", "Bearer "+secret)
	}
	response, err := http.DefaultClient.Do(request)
	check(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	check(t, err)
	return response.StatusCode, answer
}

// secrets makes a session by the API and in it the token of a machine that reads.
func (s *server) secrets(t *testing.T) (made secrets) {
	t.Helper()
	var opened struct{ Token string }
	status, answer := s.api(t, "", http.MethodPost, "/session/open", map[string]any{"user_name": "nora.first", "password": "maple river 17 tin", "station": "Program"})
	if err := json.Unmarshal(answer, &opened); err != nil || status != http.StatusOK {
		t.Fatalf("open a session: %d %s", status, answer)
	}
	made.session = opened.Token
	var done struct {
		Secret string
		Result struct{ Token, Account string }
	}
	status, answer = s.api(t, made.session, http.MethodPost, "/tokens", map[string]any{
		"user_name": "erp.link", "full_name": "Planning", "purpose": "reads the batches", "acts": []string{"order.read"}, "days": 30,
	})
	if err := json.Unmarshal(answer, &done); err != nil || done.Secret == "" {
		t.Fatalf("make a token: %d %s", status, answer)
	}
	made.token, made.made = done.Secret, done.Result
	for path, secret := range made.open() {
		if status, answer = s.api(t, secret, http.MethodGet, path, nil); status != http.StatusOK {
			t.Fatalf("%s: the secret opens nothing: %d %s", path, status, answer)
		}
	}
	return made
}

// revoke ends the token.
func (s *server) revoke(t *testing.T, made secrets) {
	t.Helper()
	status, answer := s.api(t, made.session, http.MethodPost, "/tokens/"+made.made.Account+"/"+made.made.Token+"/revoke", map[string]any{"reason": "lost"})
	if status != http.StatusOK {
		t.Fatalf("revoke: %d %s", status, answer)
	}
}

// opensNothing: a restored plant may not know what was revoked or closed since, so no secret of before opens it.
func (s *server) opensNothing(t *testing.T, made secrets) {
	t.Helper()
	for path, secret := range made.open() {
		if status, answer := s.api(t, secret, http.MethodGet, path, nil); status != http.StatusUnauthorized {
			t.Errorf("%s of the restored plant is opened by a secret of before: %d %s", path, status, answer)
		}
	}
}
