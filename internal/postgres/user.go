package postgres

import (
	"context"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"

	"veribatch/internal/fault"
)

// account is the system user under whom PostgreSQL runs. PostgreSQL refuses to run as root, so root lends it another account.
type account struct {
	name     string
	uid, gid int
	lent     *syscall.Credential // nil: our own account
}

// serverUser is our own account, or for root the first of the accounts postgres and nobody that exists.
func serverUser() (account, error) {
	if os.Geteuid() != 0 {
		return account{name: strconv.Itoa(os.Geteuid()), uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil && uid != 0 {
			return account{name, int(uid), int(gid), &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
		}
	}
	return account{}, fault.New(fault.NotReady, "PostgreSQL does not run as root, and neither of the accounts postgres and nobody exists. "+
		"Run ebr as an ordinary user, or make the account postgres.")
}

// command prepares a program to run under this account, in its own process group and without our environment.
func (a account) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.SysProcAttr = processAttributes(a.lent)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LANG=C", "LC_ALL=C", "TZ=UTC"}
	if libraries := os.Getenv("LD_LIBRARY_PATH"); libraries != "" {
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+libraries)
	}
	return cmd
}

// reaches says whether this account can enter a folder, by entering it.
func (a account) reaches(folder string) bool {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cmd := a.command(ctx, "/bin/sh", "-c", "exit 0")
	cmd.Dir = folder
	return cmd.Run() == nil
}

// own makes a folder that belongs to this account and is closed to others.
func (a account) own(folder string) error {
	if err := os.Mkdir(folder, 0o700); err != nil && !os.IsExist(err) {
		return err
	}
	if a.lent == nil {
		return os.Chmod(folder, 0o700)
	}
	if err := os.Chown(folder, a.uid, a.gid); err != nil {
		return err
	}
	return os.Chmod(folder, 0o700)
}
