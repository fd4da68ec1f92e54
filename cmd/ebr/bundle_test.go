package main_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"veribatch/audit/bundle"
)

// The verdict of a bundle is the first line and the exit code, for one and for several; the kept bundle was made by a plant that is no more.
func TestVerifyBundle(t *testing.T) {
	t.Parallel()
	good, keys := filepath.Join("testdata", "bundle.zip"), filepath.Join("testdata", "bundle.keys")
	raw, err := os.ReadFile(good)
	check(t, err)
	spoiled := filepath.Join(t.TempDir(), "spoiled.zip")
	check(t, os.WriteFile(spoiled, append(raw, 0), 0o600))
	cut := filepath.Join(t.TempDir(), "keys")
	check(t, os.WriteFile(cut, []byte("veribatch keys 1\n"), 0o600))
	for _, c := range []struct {
		args []string
		code int
		out  string
	}{
		{[]string{"--trust", keys, good}, 0, "intact\nThe record of this batch is whole"},
		{[]string{good}, 3, "not-established no-trust\n"},
		{[]string{"--trust", keys, spoiled}, 1, "altered container\n"},
		{[]string{"--trust", keys, spoiled, good}, 1, "altered container " + spoiled + "\nintact - "},
		{[]string{"--trust", keys, filepath.Join(t.TempDir(), "none.zip")}, 4, "error\n"},
		{[]string{"--trust", cut, good}, 4, "error\n"},
	} {
		out, errs, code := ebr(append([]string{"verify-bundle"}, c.args...)...)
		if code != c.code || !strings.HasPrefix(out, c.out) {
			t.Errorf("%v: exit code %d: %s%s", c.args, code, out, errs)
		}
	}
}

// ebr trust writes the keys of a plant once, and its SHA-256 to compare by another way.
func TestTrust(t *testing.T) {
	t.Parallel()
	state := stateFolder(t)
	s := serve(t, state, "--metrics", "127.0.0.1:0")
	until(t, "the log is signed", func() bool { return s.figure(t, "ebr_checkpoint_leaves") > 0 })
	file := filepath.Join(t.TempDir(), "keys")
	out, errs, code := ebr("trust", "--state", state, "--to", file)
	raw, err := os.ReadFile(file)
	check(t, err)
	sum := sha256.Sum256(raw)
	if code != 0 || !strings.HasPrefix(out, file+": 1 key of the log, 1 key of signatures, no witness. ") || !strings.Contains(out, hex.EncodeToString(sum[:])) {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	if _, err := bundle.ParseKeys(raw); err != nil {
		t.Errorf("%v: %s", err, raw)
	}
	if _, errs, code := ebr("trust", "--state", state, "--to", file); code != 1 || !strings.Contains(errs, "file exists") {
		t.Errorf("over a file: exit code %d: %s", code, errs)
	}
	s.interrupt(t, state)
}
