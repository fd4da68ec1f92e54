//go:build unix && !linux

package postgres

import "syscall"

// lockThread has nothing to do where there is no parent-death signal.
func lockThread() {}

// processAttributes put a child in its own process group, under the given user (nil: ours). Without a parent-death signal an
// orphan stays after a kill -9 and is ended by the next start.
func processAttributes(who *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: who}
}
