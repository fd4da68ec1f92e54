package postgres

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// endOrphan ends a postmaster that still runs on the data directory although the server that started it is gone (we hold the lock
// of the state folder), and makes the leftovers of one that was killed harmless.
func endOrphan(ctx context.Context, p place, progress func(string)) error {
	pid := postmasterOf(p.data)
	if pid == 0 {
		return nil
	}
	if runs(pid, p.data) {
		progress(fmt.Sprintf("Stopping a PostgreSQL (process %d) that a killed server left behind", pid))
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			for runs(pid, p.data) {
				time.Sleep(20 * time.Millisecond)
			}
		}()
		return endProcess(ctx, pid, gone)
	}
	progress("PostgreSQL was not stopped cleanly last time: it will recover by itself")
	p.forgetSocket(p.run)
	if syscall.Kill(pid, 0) != nil {
		return nil
	}
	return disown(p)
}

// disown handles a process id that the system gave to somebody else after the crash, which PostgreSQL would take for a running
// postmaster. The id is replaced by ours: a postmaster ignores its parent's id there, and still checks the shared memory that
// the file names. Deleting the file would lose that check, which guards against writers without a postmaster.
func disown(p place) error {
	path := filepath.Join(p.data, "postmaster.pid")
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(raw), "\n")
	return os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"+rest), 0o600)
}

// postmasterOf is the process id that the data directory names; 0 for none.
func postmasterOf(data string) int {
	raw, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 0 {
		return 0
	}
	return pid
}

// runs says whether a process is a postmaster of this data directory, by its command line: the one thing about another user's
// process that even root in a container may read.
func runs(pid int, data string) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		if _, err := os.Stat("/proc/self/cmdline"); err == nil {
			return false
		}
		out, _ := exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
		return bytes.Contains(out, []byte("postgres")) && bytes.Contains(out, []byte(data))
	}
	args := strings.Split(string(line), "\x00")
	if !strings.Contains(filepath.Base(args[0]), "postgres") {
		return false
	}
	for i, arg := range args {
		if arg == data || arg == "-D"+data || (arg == "-D" && i+1 < len(args) && args[i+1] == data) {
			return true
		}
	}
	return false
}
