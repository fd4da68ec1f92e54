package main_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ebr export writes a bundle that both verifiers find intact with the keys of ebr trust, and altered after a change; who may not export, a batch that is not
// there, a file that is there and a server that is not are each said in a sentence.
func TestExportBatch(t *testing.T) {
	t.Parallel()
	state := stateFolder(t)
	s := serve(t, state, "--demo")
	dir := t.TempDir()
	token := func(user, password string) string {
		var opened struct{ Token string }
		status, answer := s.api(t, "", http.MethodPost, "/session/open", map[string]any{"user_name": user, "password": password, "station": "Export of " + user})
		if err := json.Unmarshal(answer, &opened); err != nil || opened.Token == "" {
			t.Fatalf("open a session: %d %s", status, answer)
		}
		file := filepath.Join(dir, user)
		check(t, os.WriteFile(file, []byte(opened.Token+"\n"), 0o600))
		return file
	}
	quinn, olga := token("quinn", "granite stair 19"), token("olga", "silver birch 41")
	export := func(number, to, token string, more ...string) (string, string, int) {
		return ebr(append([]string{"export", "batch", number, "--to", to, "--server", s.url, "--token-file", token}, more...)...)
	}
	number := s.runningBatch(t, quinn)
	file, keys := filepath.Join(dir, "bundle.zip"), filepath.Join(dir, "keys")
	out, errs, code := export(number, file, quinn)
	if code != 0 || !strings.Contains(errs, " is entered.") || !strings.Contains(out, "SHA-256") {
		t.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	if out, errs, code = ebr("trust", "--state", state, "--to", keys); code != 0 {
		t.Fatalf("ebr trust: %d %s%s", code, out, errs)
	}
	raw, err := os.ReadFile(file)
	check(t, err)
	spoiled := filepath.Join(dir, "spoiled.zip")
	at := bytes.Index(raw, []byte("\"seq\":2"))
	raw[at+6] = '3'
	check(t, os.WriteFile(spoiled, raw, 0o600))
	for path, want := range map[string]int{file: 0, spoiled: 1} {
		if out, errs, code = ebr("verify-bundle", "--trust", keys, path); code != want {
			t.Errorf("%s: exit code %d: %s%s", path, code, out, errs)
		}
		cmd := exec.Command("python3", "../../docs/verify/verify_bundle.py", "--trust", keys, path)
		if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != want {
			t.Errorf("%s in Python: exit code %d: %s", path, cmd.ProcessState.ExitCode(), out)
		}
	}
	for _, c := range []struct{ number, to, token, says string }{
		{number, filepath.Join(dir, "other.zip"), olga, "no right"},
		{"B-1999-000001", filepath.Join(dir, "other.zip"), quinn, "There is no batch B-1999-000001"},
		{number, file, quinn, "file exists"},
		{number, filepath.Join(dir, "other.zip"), filepath.Join(dir, "none"), "no such file"},
	} {
		if out, errs, code = export(c.number, c.to, c.token); code != 1 || !strings.Contains(errs, c.says) {
			t.Errorf("%v: exit code %d: %s%s", c, code, out, errs)
		}
	}
	s.interrupt(t, state)
	if out, errs, code = export(number, filepath.Join(dir, "other.zip"), quinn); code != 1 || !strings.Contains(errs, "does not answer") {
		t.Errorf("without a server: exit code %d: %s%s", code, out, errs)
	}
	if _, err := os.Stat(filepath.Join(dir, "other.zip")); err == nil {
		t.Error("a refused export left a file")
	}
}

// runningBatch gives the number of a batch in execution.
func (s *server) runningBatch(t *testing.T, token string) string {
	t.Helper()
	secret, err := os.ReadFile(token)
	check(t, err)
	var page struct {
		Batches []struct{ Number, State string }
	}
	status, answer := s.api(t, strings.TrimSpace(string(secret)), http.MethodGet, "/batches", nil)
	check(t, json.Unmarshal(answer, &page))
	for _, b := range page.Batches {
		if b.State == "running" {
			return b.Number
		}
	}
	t.Fatalf("no batch: %d %s", status, answer)
	return ""
}
