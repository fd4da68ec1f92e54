package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"veribatch/ebr/continuity"
)

// A full second place: a backup fails whole and gives its room back, an incident and the screen say so, a restore from it brings back what
// it holds, and with room again the archive catches up.
func TestSecondPlaceFull(t *testing.T) {
	t.Parallel()
	if os.Getenv("VERIBATCH_LONG") == "" {
		return // two restores take long
	}
	s := newSafe(t)
	if err := syscall.Mount("tmpfs", s.second, "tmpfs", 0, "size=160m"); err != nil {
		t.Logf("not looked at: only root mounts a small file system, and here: %v", err)
		return
	}
	mounted := s.second
	t.Cleanup(func() { check(t, syscall.Unmount(mounted, syscall.MNT_DETACH)) })
	server := s.serve()
	s.await("the first backup and the archive", func() bool { return len(s.backups()) == 1 && s.caughtUp() })
	s.note(1)
	s.await("the archive has it", func() bool { return s.standing().Archive.Behind == 0 && s.caughtUp() })

	filler := filepath.Join(s.second, "filler")
	check(t, os.WriteFile(filler, bytes.Repeat([]byte("x"), s.room()-10<<20), 0o600)) // ten megabytes stay
	out, errs, code := ebr("backup", "--state", s.state, "--to", s.second, "--passphrase-file", s.passphrase)
	if code != 1 || !strings.Contains(errs, "No space left on device") {
		t.Errorf("a backup without room: exit code %d: %s%s", code, out, errs)
	}
	t.Log(strings.TrimSpace(errs))
	if left, _ := filepath.Glob(filepath.Join(s.second, "veribatch", "*", "base", "*")); len(left) != 1 {
		t.Errorf("the failed backup left %v", left)
	}
	s.await("the failed backup is filed", func() bool { return s.failed(continuity.Backup, "No space left") && s.incident("No space left") })
	if !s.alarm("The last backup failed") {
		t.Errorf("no alarm: %+v", s.standing().Alarms)
	}

	s.super(switchLog) // the next segment has no room
	s.note(2)
	s.await("the archive stands still", func() bool { return strings.Contains(s.standing().Archive.Problem, "No space left") })
	s.super(sixLater)
	s.await("the alarm", func() bool { return s.alarm("has stood still for ") })
	check(t, exec.Command("cp", "-a", s.second, filepath.Join(s.root, "carried")).Run()) // what would be left if the first place burned now
	check(t, os.Remove(filler))
	s.await("the archive catches up", s.caughtUp)
	server.interrupt(t, s.state)
	s.holds("end", []int{1, 2}, nil)
	s.second = filepath.Join(s.root, "carried")
	t.Log(s.holds("full", []int{1}, []int{2}))
}

// room is how much the second place can still take.
func (s *safe) room() int {
	s.t.Helper()
	var f syscall.Statfs_t
	check(s.t, syscall.Statfs(s.second, &f))
	return int(f.Bavail) * int(f.Bsize)
}
