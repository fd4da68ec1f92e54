package postgres_test

import (
	"context"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/internal/postgres"
)

// asDatabaseUser prepares a program to run as the owner of the state folder's data directory, in a session of its own.
func asDatabaseUser(t *testing.T, state, program string, args ...string) *exec.Cmd {
	t.Helper()
	info, err := os.Stat(filepath.Join(state, "pg"))
	check(t, err)
	owner := info.Sys().(*syscall.Stat_t)
	cmd := exec.Command(program, args...)
	if !strings.HasPrefix(program, "/") {
		found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + program)
		check(t, err)
		raw, err := os.ReadFile(filepath.Join(state, "pg", "PG_VERSION"))
		check(t, err)
		cmd.Path, cmd.Err = "/usr/lib/postgresql/"+strings.TrimSpace(string(raw))+"/bin/"+program, nil
		if len(found) == 0 {
			cmd.Path, err = exec.LookPath(program)
			check(t, err)
		}
	}
	cmd.Dir = state
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}
	}
	return cmd
}

func waitFor(t *testing.T, path string) {
	t.Helper()
	for range 500 {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s did not appear", path)
}

// The clone of a repository may stand under /root, where the database user has no way in; under an ordinary user nothing is in the way.
func TestStateFolderThatTheDatabaseUserCannotReach(t *testing.T) {
	t.Parallel()
	state := filepath.Join(folder(t), "closed", "var")
	check(t, os.MkdirAll(state, 0o711))
	check(t, os.Chmod(filepath.Dir(state), 0o700))
	said := &progress{}
	c := start(t, state, said)
	remember(t, c)
	stop(t, c)
	raw, err := os.ReadFile(filepath.Join(state, "place"))
	check(t, err)
	kept := strings.TrimSpace(string(raw))
	if os.Geteuid() != 0 {
		if kept != "." {
			t.Fatalf("the database stands in %s, want the state folder", kept)
		}
		return
	}
	t.Cleanup(func() { _ = os.RemoveAll(kept) })
	if !strings.HasPrefix(kept, "/var/lib/veribatch/") || !said.has(kept) {
		t.Fatalf("place %q, said %q", kept, said.lines)
	}
	// The folder is opened later: the database must stay where it is, not begin empty in the state folder.
	check(t, os.Chmod(filepath.Dir(state), 0o711))
	recall(t, start(t, state, nil))
}

func TestLongPathsPutTheSocketElsewhere(t *testing.T) {
	t.Parallel()
	state := filepath.Join(folder(t), strings.Repeat("long-folder-name/", 7), "with, comma and space")
	check(t, os.MkdirAll(state, 0o711))
	c := start(t, state, nil)
	remember(t, c)
	if len(c.Socket) > 60 {
		t.Errorf("socket folder %s", c.Socket)
	}
	stop(t, c)
	if _, err := os.Stat(c.Socket); !os.IsNotExist(err) {
		t.Errorf("the socket folder %s is left behind (%v)", c.Socket, err)
	}
	recall(t, start(t, state, nil))
}

func TestInterruptedFirstStart(t *testing.T) {
	t.Parallel()
	state := folder(t)
	check(t, os.MkdirAll(filepath.Join(state, "pg.new", "base"), 0o700))
	check(t, os.MkdirAll(filepath.Join(state, "secrets"), 0o700))
	check(t, os.WriteFile(filepath.Join(state, "secrets", "app.secret"), []byte("half"), 0o600))
	check(t, os.WriteFile(filepath.Join(state, "pg.new", "PG_VERSION"), []byte("15\n"), 0o600))
	remember(t, start(t, state, nil))
}

func TestDataOfAnotherVersion(t *testing.T) {
	t.Parallel()
	state := folder(t)
	check(t, os.MkdirAll(filepath.Join(state, "pg"), 0o700))
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); os.Geteuid() == 0 && err == nil {
			uid, err := strconv.Atoi(u.Uid)
			check(t, err)
			check(t, os.Chown(filepath.Join(state, "pg"), uid, -1))
			break
		}
	}
	check(t, os.WriteFile(filepath.Join(state, "pg", "PG_VERSION"), []byte("9\n"), 0o600))
	_, err := postgres.Start(context.Background(), postgres.Options{State: state})
	wantMessage(t, err, "made by PostgreSQL 9", "pg_upgrade")
}

func TestSecretsOfAnotherCluster(t *testing.T) {
	t.Parallel()
	state := folder(t)
	stop(t, start(t, state, nil))
	check(t, os.RemoveAll(filepath.Join(state, "secrets")))
	_, err := postgres.Start(context.Background(), postgres.Options{State: state})
	wantMessage(t, err, "does not take the password", "same backup")
	left, err := os.ReadFile(filepath.Join(state, "pg", "postmaster.pid"))
	if err == nil {
		t.Errorf("a failed start left its postmaster: %s", left)
	}
}

func TestBrokenSettingIsNamed(t *testing.T) {
	t.Parallel()
	state := folder(t)
	stop(t, start(t, state, nil))
	f, err := os.OpenFile(filepath.Join(state, "pg", "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	check(t, err)
	_, err = f.WriteString("shared_buffers = 'plenty'\n")
	check(t, err)
	check(t, f.Close())
	_, err = postgres.Start(context.Background(), postgres.Options{State: state})
	wantMessage(t, err, "PostgreSQL does not start", "shared_buffers")
}

func TestDurability(t *testing.T) {
	t.Parallel()
	state := folder(t)
	refusal := func(settings ...string) error {
		c := start(t, state, nil, settings...)
		defer stop(t, c)
		conn, err := pgx.Connect(context.Background(), c.DSN(postgres.App))
		check(t, err)
		defer conn.Close(context.Background())
		return postgres.CheckDurability(context.Background(), conn)
	}
	check(t, refusal())
	for _, setting := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		wantMessage(t, refusal(setting+"=off"), setting+" = off", "does not start")
	}
	out, err := asDatabaseUser(t, state, "pg_checksums", "--disable", "--pgdata", filepath.Join(state, "pg")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	wantMessage(t, refusal(), "data_checksums = off", "pg_checksums --enable")
}
