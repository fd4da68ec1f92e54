//go:build unix && !linux

package postgres

import "syscall"

// processAttributes put a child in its own process group, under the given user (nil: ours). Without a parent-death signal an
// orphan stays after a kill -9 and is ended by the next start.
func processAttributes(who *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: who}
}
