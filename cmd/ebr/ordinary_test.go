package main_test

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// An ordinary user keeps a plant, backs it up, holds a drill and brings it back. (Where the tests run as an ordinary user, all of them show it.)
func TestBackupAsOrdinaryUser(t *testing.T) {
	t.Parallel()
	nobody, err := user.Lookup("nobody")
	if os.Getenv("VERIBATCH_LONG") == "" || os.Geteuid() != 0 || err != nil {
		return
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	check(t, err)
	s := newSafe(t)
	check(t, exec.Command("cp", program, filepath.Join(s.root, "ebr")).Run())
	for _, name := range []string{"ebr", "second", "passphrase", "."} {
		check(t, os.Chown(filepath.Join(s.root, name), int(uid), int(uid)))
	}
	command := func(args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(s.root, "ebr"), args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
		cmd.Dir = s.root
		return cmd
	}
	server := command("serve", "--state", s.state, "--listen", "127.0.0.1:0", "--backup-to", s.second, "--backup-passphrase-file", s.passphrase)
	check(t, server.Start())
	t.Cleanup(func() { _ = server.Process.Kill() })
	s.await("the first backup and the archive", func() bool { return len(s.backups()) == 1 && s.caughtUp() })
	for _, c := range [][]string{
		{"backup", "--state", s.state, "--to", s.second, "--passphrase-file", s.passphrase},
		{"drill", "--state", s.state, "--from", s.second, "--passphrase-file", s.passphrase},
		{"restore", "--from", s.second, "--state", filepath.Join(s.root, "back"), "--passphrase-file", s.passphrase},
		{"verify", "--state", filepath.Join(s.root, "back")},
	} {
		out, err := command(c...).CombinedOutput()
		if err != nil {
			t.Errorf("ebr %s: %v: %s", c[0], err, out)
		}
		t.Log(strings.TrimSpace(string(out)))
	}
	check(t, server.Process.Signal(os.Interrupt))
	check(t, server.Wait())
}
