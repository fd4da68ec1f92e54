package main_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"veribatch/internal/testvault"
)

// abort asks by the API that a batch be aborted, first without a signature, which tells what is to be signed, then with one.
func (s *server) abort(t *testing.T, secret, batch string) (int, string) {
	t.Helper()
	body := map[string]any{"reason": "The mixer has stopped."}
	status, answer := s.api(t, secret, http.MethodPost, "/batches/"+batch+"/abort", body)
	var shown struct{ Digest string }
	if err := json.Unmarshal(answer, &shown); err != nil || status != http.StatusPreconditionRequired {
		t.Fatalf("what is to be signed: %d %s", status, answer)
	}
	body["signature"] = map[string]string{"user_name": "sven", "password": "harbour lamp 23", "statement": shown.Digest}
	status, answer = s.api(t, secret, http.MethodPost, "/batches/"+batch+"/abort", body)
	return status, string(answer)
}

// A Vault that is sealed in the middle of a batch: whoever signs is told that nothing was signed and why, and the attempt is an entry; entries without a signature
// go on; unsealed, the same person signs the same act, without a new start of anything. The print of an export is signed by a key of Vault all the same.
func TestVaultSealedInMidBatch(t *testing.T) {
	t.Parallel()
	if os.Getenv("VERIBATCH_LONG") == "" {
		return // a Vault is built, and a demo plant is filled
	}
	v := testvault.Start(t)
	v.Do("transit/keys/veribatch-statements", map[string]any{"type": "ed25519"})
	v.Do("transit/keys/veribatch-documents", map[string]any{"type": "ecdsa-p256"})
	role := v.Role("veribatch-server", testvault.Policy(t, "veribatch-server")+testvault.Policy(t, "veribatch-documents"), "1h", "2h")
	state := stateFolder(t)
	s := serve(t, state, "--demo", "--metrics", "127.0.0.1:0", "--vault-address", v.Address, "--vault-role-id-file", role.RoleIDFile, "--vault-secret-id-file", role.SecretIDFile,
		"--vault-document-key", "transit/veribatch-documents")
	token := func(user, password string) string {
		var opened struct{ Token string }
		_, answer := s.api(t, "", http.MethodPost, "/session/open", map[string]any{"user_name": user, "password": password, "station": "Station of " + user})
		check(t, json.Unmarshal(answer, &opened))
		return opened.Token
	}
	olga, sven, quinn := token("olga", "silver birch 41"), token("sven", "harbour lamp 23"), token("quinn", "granite stair 19")
	var page struct {
		Batches []struct{ Batch, State string }
	}
	_, answer := s.api(t, sven, http.MethodGet, "/batches", nil)
	check(t, json.Unmarshal(answer, &page))
	batch := ""
	for _, b := range page.Batches {
		if b.State == "running" {
			batch = b.Batch
		}
	}
	refusals := func() int {
		_, answer := s.api(t, quinn, http.MethodGet, "/trail?act=batch.abort&refused=yes", nil)
		return strings.Count(string(answer), `"act":"batch.abort"`)
	}
	before := refusals()
	v.Seal()
	status, said := s.abort(t, sven, batch)
	if status != http.StatusServiceUnavailable && status != http.StatusConflict || !strings.Contains(said, "The key that seals signatures cannot be reached, so nothing was signed. Entries without a signature go on.") {
		t.Errorf("a signature beside a sealed Vault: %d %s", status, said)
	}
	t.Logf("%d %s", status, said)
	if status, answer := s.api(t, olga, http.MethodPost, "/batches/"+batch+"/comment", map[string]any{"comment": "It rattles."}); status != http.StatusOK {
		t.Errorf("an entry without a signature: %d %s", status, answer)
	}
	if status, answer := s.api(t, quinn, http.MethodPost, "/batches/"+batch+"/exports", map[string]any{}); status < 400 || !strings.Contains(string(answer), "The print could not be signed, and nothing was exported") {
		t.Errorf("an export beside a sealed Vault: %d %s", status, answer)
	}
	if n := refusals(); n != before+1 {
		t.Errorf("%d refused attempts are entered, and before it were %d", n, before)
	}
	until(t, "the server knows that nobody can sign", func() bool { return s.figure(t, "ebr_sealer_away") == 1 })
	v.Unseal()
	until(t, "people can sign again", func() bool { return s.figure(t, "ebr_sealer_away") == 0 })
	if status, answer := s.api(t, quinn, http.MethodPost, "/batches/"+batch+"/exports", map[string]any{}); status >= 300 {
		t.Errorf("an export: %d %s", status, answer)
	}
	if status, said := s.abort(t, sven, batch); status >= 300 {
		t.Errorf("a signature when Vault is back: %d %s", status, said)
	}
	s.interrupt(t, state)
	verifies(t, state)
}
