package postgres

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Tool prepares one of PostgreSQL's own programs (pg_basebackup, pg_receivewal ...), of the installation that runs the cluster, to work on
// it as a role. The password travels in the environment, because everybody may read command lines.
func (a Access) Tool(ctx context.Context, role Role, name string, args ...string) *exec.Cmd {
	cmd := account{}.command(ctx, filepath.Join(a.programs, name), args...)
	cmd.Env = append(cmd.Env, "PGHOST="+a.Socket, "PGPORT=5432", "PGUSER="+string(role), "PGPASSWORD="+a.Secrets[role], "PGAPPNAME=ebr "+name)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // they end in order then
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// Run runs a program to its end and gives the last lines of what it said when it failed. It stays on one locked thread, with which the
// kernel's parent-death signal is bound up: a killed server leaves no program behind.
func Run(cmd *exec.Cmd) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		out, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, strings.TrimSpace(lastLines(string(out), 5)))
		}
		done <- err
	}()
	return <-done
}
