package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"veribatch/internal/fault"
	"veribatch/internal/postgres"
)

func TestStartStopStart(t *testing.T) {
	t.Parallel()
	state := folder(t)
	c := start(t, state, nil)
	remember(t, c)
	stop(t, c)
	if left, _ := filepath.Glob(filepath.Join(state, "run", ".s.*")); len(left) > 0 {
		t.Errorf("sockets left behind: %v", left)
	}
	said := &progress{}
	again := start(t, state, said)
	recall(t, again)
	if len(said.lines) > 0 {
		t.Errorf("a start after a clean stop has nothing to say, said %q", said.lines)
	}
}

func TestClusterIsClosedToOthers(t *testing.T) {
	t.Parallel()
	state := folder(t)
	c := start(t, state, nil)
	secrets, err := filepath.Glob(filepath.Join(state, "secrets", "*.secret"))
	check(t, err)
	if len(secrets) != 4 {
		t.Fatalf("secrets: %v", secrets)
	}
	for path, want := range map[string]fs.FileMode{secrets[0]: 0o600, secrets[1]: 0o600, secrets[2]: 0o600, secrets[3]: 0o600,
		filepath.Join(state, "secrets"): 0o700, filepath.Join(state, "pg"): 0o700, filepath.Join(state, "run"): 0o700, filepath.Join(state, "log"): 0o700} {
		info, err := os.Stat(path)
		check(t, err)
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
		}
	}
	for role, code := range map[postgres.Role]string{postgres.App: "28P01", postgres.Superuser: "28P01"} {
		wrong := c.Access
		wrong.Secrets = map[postgres.Role]string{role: "guess"}
		refuses(t, wrong.DSN(role), "select 1", code)
	}
	refuses(t, c.In("postgres").DSN(postgres.App), "select 1", "42501")
	refuses(t, c.DSN(postgres.App), "create temporary table x (a int)", "42501")
	refuses(t, c.DSN(postgres.App), "create schema x", "42501")
	refuses(t, c.DSN(postgres.App), "set role ebr_owner", "42501")
	conn, err := pgx.Connect(context.Background(), c.DSN(postgres.App))
	check(t, err)
	defer conn.Close(context.Background())
	var addresses string
	check(t, conn.QueryRow(context.Background(), "show listen_addresses").Scan(&addresses))
	if addresses != "" {
		t.Errorf("the cluster listens on the network: %q", addresses)
	}
}

func refuses(t *testing.T, dsn, sql, code string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), dsn)
	if err == nil {
		_, err = conn.Exec(context.Background(), sql)
		_ = conn.Close(context.Background())
	}
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != code {
		t.Errorf("%s: got %v, want SQLSTATE %s", sql, err, code)
	}
}

func TestSecondStartIsRefused(t *testing.T) {
	t.Parallel()
	state := folder(t)
	process, _ := victim(t, state)
	_, err := postgres.Start(context.Background(), postgres.Options{State: state})
	wantMessage(t, err, fmt.Sprintf("Another ebr (process %d)", process.Pid))
}

func wantMessage(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range parts {
		if !strings.Contains(fault.As(err).Message, part) {
			t.Errorf("the message %q does not say %q", fault.As(err).Message, part)
		}
	}
}

func TestKilledPostmaster(t *testing.T) {
	t.Parallel()
	state := folder(t)
	c := start(t, state, nil)
	remember(t, c)
	killAll(t, c.Postmaster())
	<-c.Exited()
	stop(t, c)
	recall(t, start(t, state, nil))
}

func TestKilledServer(t *testing.T) {
	t.Parallel()
	state := folder(t)
	stop(t, start(t, state, nil))
	process, postmaster := victim(t, state)
	check(t, process.Kill())
	_, _ = process.Wait()
	c := start(t, state, nil)
	if alive(postmaster) {
		t.Errorf("the postmaster of the killed server (process %d) is still there", postmaster)
	}
	remember(t, c)
}

func TestEverythingKilled(t *testing.T) {
	t.Parallel()
	state := folder(t)
	c := start(t, state, nil)
	remember(t, c)
	stop(t, c)
	process, postmaster := victim(t, state)
	killAll(t, append(family(t, postmaster), process.Pid)...)
	_, _ = process.Wait()
	said := &progress{}
	recall(t, start(t, state, said))
	if !said.has("not stopped cleanly") {
		t.Errorf("said %q", said.lines)
	}
}

// A postmaster that its server's death did not end: started by hand, in a session of its own.
func TestOrphanPostmasterIsStopped(t *testing.T) {
	t.Parallel()
	state := folder(t)
	c := start(t, state, nil)
	remember(t, c)
	stop(t, c)
	orphan := asDatabaseUser(t, state, "postgres", "-D", filepath.Join(state, "pg"), "-c", "listen_addresses=",
		"-c", "unix_socket_directories="+filepath.Join(state, "run"))
	check(t, orphan.Start())
	gone := make(chan struct{})
	go func() { _ = orphan.Wait(); close(gone) }()
	waitFor(t, filepath.Join(state, "run", ".s.PGSQL.5432"))
	said := &progress{}
	recall(t, start(t, state, said))
	<-gone
	if !said.has(fmt.Sprintf("Stopping a PostgreSQL (process %d)", orphan.Process.Pid)) {
		t.Errorf("said %q", said.lines)
	}
}

// After a crash and a reboot the process id in postmaster.pid may belong to another process of the same user; PostgreSQL alone
// would refuse to start until somebody deletes the file by hand.
func TestProcessIDTakenBySomebodyElse(t *testing.T) {
	t.Parallel()
	state := folder(t)
	c := start(t, state, nil)
	remember(t, c)
	killAll(t, family(t, c.Postmaster())...)
	<-c.Exited()
	stop(t, c)
	other := asDatabaseUser(t, state, "/bin/sleep", "300")
	check(t, other.Start())
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	path := filepath.Join(state, "pg", "postmaster.pid")
	raw, err := os.ReadFile(path)
	check(t, err)
	_, rest, _ := strings.Cut(string(raw), "\n")
	check(t, os.WriteFile(path, fmt.Appendf(nil, "%d\n%s", other.Process.Pid, rest), 0o600))
	recall(t, start(t, state, nil))
	if !alive(other.Process.Pid) {
		t.Error("an innocent process was ended")
	}
}

func TestCtrlCDoesNotReachTheDatabase(t *testing.T) {
	t.Parallel()
	c := start(t, folder(t), nil)
	group, err := syscall.Getpgid(c.Postmaster())
	check(t, err)
	if group == syscall.Getpgrp() {
		t.Errorf("the postmaster is in our process group %d, so Ctrl-C would end it before the server", group)
	}
}

// A folder whose name breaks a line is refused before anything stands in it: PostgreSQL's programs take it for two.
func TestFolderWithALineBreakIsRefused(t *testing.T) {
	t.Parallel()
	state := filepath.Join(folder(t), "plant\nseven")
	_, err := postgres.Start(context.Background(), postgres.Options{State: state})
	wantMessage(t, err, "line break", `plant\nseven`)
	_, err = postgres.Recover(context.Background(), postgres.Recovery{Options: postgres.Options{State: state}})
	wantMessage(t, err, "line break")
	if _, err := os.Stat(state); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is there", state)
	}
}
