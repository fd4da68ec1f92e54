package main_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// oddName holds what shells, configuration files, connection strings, patterns and PostgreSQL's own lists would take for more than a letter.
const oddName = ` O'Brien's "plant", 100%p %f \1 $(touch x) [a-c]* ;& #ü`

// A plant may stand in a folder of any name: it starts, is backed up and comes back into another one like it.
func TestFoldersOfAnyName(t *testing.T) {
	t.Parallel()
	if os.Getenv("VERIBATCH_LONG") == "" {
		return // a plant, two backups and a restore take long
	}
	s := newSafe(t)
	root := filepath.Join(s.root, oddName)
	check(t, os.Mkdir(root, 0o711))
	check(t, os.Chmod(root, 0o711))
	s.root, s.state, s.second = root, filepath.Join(root, "state"), filepath.Join(root, "second")
	check(t, os.Mkdir(s.second, 0o700))
	server := s.serve()
	makeFirst(t, server)
	s.await("the first backup and the archive", func() bool { return len(s.backups()) == 1 && s.archived() })
	if out, errs, code := ebr("backup", "--state", s.state, "--to", s.second, "--passphrase-file", s.passphrase); code != 0 {
		t.Fatalf("backup: exit code %d: %s%s", code, out, errs)
	}
	s.await("the server files the backup of the command", func() bool { return len(s.standing().Runs) == 2 })
	check(t, s.act(context.Background(), 1))
	server.interrupt(t, s.state)
	out, errs, code := s.restore("back")
	if code != 0 || !strings.Contains(out, "The records agree with the trail") {
		t.Fatalf("restore: exit code %d: %s%s", code, out, errs)
	}
	if !s.there("back")[1] {
		t.Error("an act after the backup did not come back")
	}
	back := filepath.Join(s.root, "back")
	serve(t, back).interrupt(t, back)
	for _, folder := range []string{".", s.root, s.state, s.second} {
		if _, err := os.Stat(filepath.Join(folder, "x")); err == nil {
			t.Errorf("a shell took the name for a command: %s/x is there", folder)
		}
	}
}
