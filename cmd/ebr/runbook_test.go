package main_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"veribatch/ebr/continuity"
)

// runbook gives the command lines under a heading of a document, in their order.
func runbook(t *testing.T, document, heading string) (commands [][]string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "docs", document))
	check(t, err)
	_, section, found := strings.Cut(string(raw), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no heading %q", document, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	for line := range strings.Lines(section) {
		if args := strings.Fields(line); strings.HasPrefix(line, "    ") && len(args) > 0 && args[0] == "ebr" {
			commands = append(commands, args[1:])
		}
	}
	return commands
}

// The server and its disk are lost at three in the morning. The command lines of docs/backup.md are run as they stand there, in a fresh place.
func TestRunbookOfTheRestore(t *testing.T) {
	t.Parallel()
	if os.Getenv("VERIBATCH_LONG") == "" {
		return // two restores take long
	}
	s := newSafe(t)
	server := s.serve()
	s.await("the first backup and the archive", func() bool { return len(s.backups()) == 1 && s.caughtUp() })
	s.note(1)
	makeFirst(t, server)
	secrets := server.secrets(t)
	moment := time.Now().UTC() // what was answered before is committed before, and what is begun after is committed after
	s.note(2)
	server.revoke(t, secrets)
	s.await("the archive has it", s.caughtUp)
	database := postmaster(t, s.state)
	check(t, server.Process.Kill())
	check(t, syscall.Kill(database, syscall.SIGKILL))
	_ = server.wait(t)
	check(t, os.RemoveAll(s.state))

	commands := runbook(t, "backup.md", "At three in the morning")
	var verbs []string
	for _, c := range commands {
		verbs = append(verbs, c[0])
		for i, arg := range c {
			switch {
			case arg == "/mnt/second":
				c[i] = s.second
			case arg == "/etc/veribatch/passphrase":
				c[i] = s.passphrase
			case strings.HasPrefix(arg, "./"):
				c[i] = filepath.Join(s.root, arg)
			case strings.HasPrefix(arg, "2026-"):
				c[i] = moment.Format(time.RFC3339Nano)
			}
		}
	}
	if !slices.Equal(verbs, []string{"restore", "verify", "serve", "restore"}) {
		t.Fatalf("the command lines of the runbook are %v", verbs)
	}
	t.Log(s.typed(commands[0]))
	t.Log(s.typed(commands[1]))
	s.state = commands[2][slices.Index(commands[2], "--state")+1]
	again := serve(t, s.state, commands[2][slices.Index(commands[2], "--backup-to"):]...)
	if !s.incident("Restored from backup") || !s.incident("repeat at once who left") {
		t.Error("the first start of the restored plant opened no incident for QA")
	}
	if runs := s.standing().Runs; !slices.ContainsFunc(runs, func(r continuity.Run) bool { return r.Kind == continuity.Restore && r.State == "good" }) {
		t.Errorf("the restore is not on record: %+v", runs)
	}
	again.opensNothing(t, secrets)
	s.await("it has a backup of its own", func() bool { return len(s.backups()) == 2 && s.caughtUp() })
	again.interrupt(t, s.state)
	if found := s.there(filepath.Base(s.state)); !found[1] || !found[2] {
		t.Errorf("the restored plant has the acts %v", found)
	}
	t.Log(s.typed(commands[3]))
	if found := s.there("var-until"); !found[1] || found[2] {
		t.Errorf("restored to %s, the plant has the acts %v", moment, found)
	}
	serve(t, filepath.Join(s.root, "var-until")).opensNothing(t, secrets) // the token was revoked after that moment
}

// typed runs a command as somebody who types the passphrase.
func (s *safe) typed(args []string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "EBR_BACKUP_PASSPHRASE=six random words make it long")
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("ebr %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// An existing database is backed up by those whom it belongs to, and each command that cannot do it says so.
func TestExistingDatabaseIsBackedUpByItsOwners(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, args := range [][]string{{"backup", "--to", folder}, {"drill", "--from", folder}, {"serve", "--listen", "127.0.0.1:0", "--backup-to", folder}} {
		_, errs, code := ebr(append(args, "--state", folder, "--database", "postgres://app@127.0.0.1:1/plant")...)
		if code != 1 || !strings.Contains(errs, "their tools back it up (pg_basebackup") || !strings.Contains(errs, "docs/backup.md") {
			t.Errorf("ebr %s: exit code %d: %s", args[0], code, errs)
		}
	}
}
