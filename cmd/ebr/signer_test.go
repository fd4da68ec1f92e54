package main_test

import (
	"bufio"
	"encoding/base64"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"veribatch/signatures/keyring"
)

// figure gives a figure of the running server.
func (s *server) figure(t *testing.T, name string) float64 {
	t.Helper()
	_, figures := get(t, http.DefaultClient, s.metrics+"/metrics")
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(figures)
	if found == nil {
		t.Fatalf("no figure %s", name)
	}
	n, err := strconv.ParseFloat(found[1], 64)
	check(t, err)
	return n
}

// until waits until something is so.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 1800 {
		if is() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s: not within three minutes", what)
}

// signs starts a signer in a process of its own; what it gives ends it.
func signs(t *testing.T, folder, socket string, more ...string) (kill func()) {
	t.Helper()
	cmd := exec.Command(program, append([]string{"signer", "--state", folder, "--listen", socket}, more...)...)
	out, err := cmd.StdoutPipe()
	check(t, err)
	cmd.Stderr = os.Stderr
	check(t, cmd.Start())
	kill = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	t.Cleanup(kill)
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.Contains(line, "The signer is ready") {
		t.Fatalf("the signer did not start: %q %v", line, err)
	}
	return kill
}

// A signer in a process of its own: work goes on while it is away, it signs what came meanwhile, and it refuses yesterday's database under a plant that
// was put back whole, which an incident and the pages say.
func TestSignerInAProcessOfItsOwn(t *testing.T) {
	t.Parallel()
	if os.Getenv("VERIBATCH_LONG") == "" {
		return // the 30 s without a signer alone take long; what a server with its own signer does stands in other tests
	}
	root := stateFolder(t)
	state, folder, socket := filepath.Join(root, "state"), filepath.Join(root, "signer"), filepath.Join(root, "socket")
	kill := signs(t, folder, socket)
	start := func() *server { return serve(t, state, "--signer", socket, "--metrics", "127.0.0.1:0") }
	s := start()
	covered := func() bool {
		return s.figure(t, "ebr_checkpoint_leaves") > 0 && s.figure(t, "ebr_checkpoint_age_seconds") == 0
	}
	until(t, "everything is signed", covered)
	kill()
	makeFirst(t, s) // work goes on
	until(t, "what is not signed becomes old", func() bool { return s.figure(t, "ebr_checkpoint_age_seconds") > 30 })
	if s.figure(t, "ebr_checkpoint_refused") != 0 {
		t.Error("a signer that is away refuses nothing")
	}
	kill = signs(t, folder, socket)
	until(t, "the signer has come back", covered)
	s.interrupt(t, state)
	verifies(t, state)

	yesterday := filepath.Join(root, "yesterday")
	if out, err := exec.Command("cp", "-a", state, yesterday).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s = start()
	known := s.figure(t, "ebr_checkpoint_leaves")
	until(t, "the start is signed", func() bool { return covered() && s.figure(t, "ebr_checkpoint_leaves") > known })
	s.interrupt(t, state)
	check(t, os.Rename(state, filepath.Join(root, "lost")))
	check(t, os.Rename(yesterday, state))
	s = start()
	until(t, "yesterday's database is refused", func() bool { return s.figure(t, "ebr_checkpoint_refused") == 1 })
	if found := incidents(t, state, 1); !strings.Contains(found, "verify_alarm") {
		t.Errorf("incidents: %s", found)
	}
	s.interrupt(t, state)
	kill()
}

// Whoever starts a signer wrongly is told what to do.
func TestSignerThatCannotStart(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(stateFolder(t), "signer")
	for _, c := range []struct {
		says string
		args []string
	}{
		{"name a token", []string{"--listen", "127.0.0.1:0"}},
		{"an address on this machine", []string{"--listen", "0.0.0.0:9465"}},
		{"44 characters", []string{"--site-key", "AAAA"}},
		{"http only on this machine", []string{"--vault-address", "http://vault.example:8200"}},
	} {
		out, errs, code := ebr(append([]string{"signer", "--state", folder}, c.args...)...)
		if code != 1 || !strings.Contains(errs, c.says) {
			t.Errorf("%v: exit code %d: %s%s", c.args, code, out, errs)
		}
	}
	site, err := keyring.Open(t.TempDir())
	check(t, err)
	socket := filepath.Join(filepath.Dir(folder), "socket")
	signs(t, folder, socket, "--site-key", base64.StdEncoding.EncodeToString(site.Public()))
	if out, errs, code := ebr("signer", "--state", folder, "--listen", socket); code != 1 || !strings.Contains(errs, "Another process works") {
		t.Errorf("a second signer in the folder: exit code %d: %s%s", code, out, errs)
	}
}
