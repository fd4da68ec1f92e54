package main_test

import (
	"os"
	"strings"
	"testing"
)

// A drill of the demo plant prints records of the copy and of the plant and compares them byte for byte; the running server files how it ended.
func TestDrill(t *testing.T) {
	t.Parallel()
	if os.Getenv("VERIBATCH_LONG") == "" {
		return // a demo plant and four drills take long
	}
	s := newSafe(t)
	server := serve(t, s.state, "--demo", "--backup-to", s.second, "--backup-passphrase-file", s.passphrase)
	s.await("the first backup and the archive", func() bool { return len(s.backups()) == 1 && s.caughtUp() })
	drill := func() (out, errs string, code int) {
		return ebr("drill", "--state", s.state, "--from", s.second, "--passphrase-file", s.passphrase)
	}
	out, errs, code := drill()
	if code != 0 || !strings.Contains(out, "Drill passed") || strings.Contains(out, "and 0 batch records") {
		t.Fatalf("drill: exit code %d: %s%s", code, out, errs)
	}
	t.Log(strings.TrimSpace(out))
	s.await("the server files the drill", func() bool { return s.standing().Drill != nil })
	server.interrupt(t, s.state)
}
