package postgres

import "syscall"

// processAttributes put a child in its own process group, under the given user (nil: ours). When this process is killed the
// kernel sends the child SIGINT, which PostgreSQL takes as a fast shutdown.
func processAttributes(who *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: who, Pdeathsig: syscall.SIGINT}
}
