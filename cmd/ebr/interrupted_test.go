package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A restore that cannot be done leaves an empty folder and says why; one that was killed leaves a folder that nobody works with by mistake, and
// into which the same command restores again.
func TestRestoreThatIsInterrupted(t *testing.T) {
	t.Parallel()
	if os.Getenv("VERIBATCH_LONG") == "" {
		return // five restores take long
	}
	s := newSafe(t)
	server := s.serve()
	s.await("the first backup and the archive", func() bool { return len(s.backups()) == 1 && s.caughtUp() })
	s.note(1)
	server.interrupt(t, s.state)
	into := filepath.Join(s.root, "back")
	for _, moment := range []string{"pg.new/base", "pg/postmaster.pid", "secrets"} {
		s.kill(into, moment)
		for _, command := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"verify"}} {
			_, errs, code := ebr(append(command, "--state", into)...)
			if code != 1 || !strings.Contains(errs, "did not come to its end") {
				t.Errorf("ebr %s after a kill at %s: exit code %d: %s", command[0], moment, code, errs)
			}
		}
	}
	s.holds("back", []int{1}, nil)

	newer := filepath.Dir(filepath.Join(s.backups()[0], "manifest.json"))
	raw, err := os.ReadFile(filepath.Join(newer, "manifest.json"))
	check(t, err)
	s.rewriteManifest(newer, func(v map[string]any) { v["format"], v["version"] = 2, "9.0" })
	if _, errs, code := s.restore("newer"); code != 1 || !strings.Contains(errs, "Use version 9.0") {
		t.Errorf("a backup of a newer version: exit code %d: %s", code, errs)
	}
	check(t, os.WriteFile(filepath.Join(newer, "manifest.json"), raw, 0o600))
	check(t, os.WriteFile(filepath.Join(newer, "manifest.sha256"), []byte(sha256Of(t, filepath.Join(newer, "manifest.json"))+"\n"), 0o600))

	small := filepath.Join(s.root, "small")
	check(t, os.Mkdir(small, 0o711))
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=30m,mode=711"); err != nil {
		t.Logf("a full disk is not looked at: only root mounts a small file system, and here: %v", err)
		return
	}
	t.Cleanup(func() { check(t, syscall.Unmount(small, syscall.MNT_DETACH)) })
	_, errs, code := s.restore("small/back")
	if code != 1 || !strings.Contains(errs, "no space left on device") {
		t.Errorf("a full disk: exit code %d: %s", code, errs)
	}
	if left, _ := filepath.Glob(filepath.Join(small, "back", "*")); len(left) > 1 { // the lock
		t.Errorf("the failed restore left %v", left)
	}
}

// kill ends a restore without warning as soon as something stands in the folder.
func (s *safe) kill(into, moment string) {
	s.t.Helper()
	cmd := exec.Command(program, "restore", "--from", s.second, "--state", into, "--passphrase-file", s.passphrase)
	check(s.t, cmd.Start())
	s.await("the restore has come to "+moment, func() bool {
		root := into
		if elsewhere, err := os.ReadFile(filepath.Join(into, "place")); err == nil && strings.HasPrefix(moment, "pg") && filepath.IsAbs(strings.TrimSpace(string(elsewhere))) {
			root = strings.TrimSpace(string(elsewhere))
		}
		_, err := os.Stat(filepath.Join(root, moment))
		return err == nil
	})
	check(s.t, cmd.Process.Kill())
	_ = cmd.Wait()
}
