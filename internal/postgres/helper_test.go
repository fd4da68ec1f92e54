package postgres_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/internal/postgres"
)

// TestMain doubles as a server process that a test may kill: with VERIBATCH_VICTIM=STATE it starts that cluster, says so and waits.
func TestMain(m *testing.M) {
	if state := os.Getenv("VERIBATCH_VICTIM"); state != "" {
		c, err := postgres.Start(context.Background(), postgres.Options{State: state, Throwaway: true})
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println("postmaster", c.Postmaster())
		select {}
	}
	os.Exit(m.Run())
}

// victim starts a server process on a state folder and gives its process and its postmaster's id.
func victim(t *testing.T, state string) (*os.Process, int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "VERIBATCH_VICTIM="+state)
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	check(t, err)
	number, ok := strings.CutPrefix(strings.TrimSpace(line), "postmaster ")
	if !ok {
		t.Fatal(line)
	}
	pid, err := strconv.Atoi(number)
	check(t, err)
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd.Process, pid
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// folder makes a state folder with a short path that every user may enter.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "vbpg-")
	check(t, err)
	check(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

type progress struct{ lines []string }

func (p *progress) say(line string) { p.lines = append(p.lines, line) }

func (p *progress) has(part string) bool {
	return slices.ContainsFunc(p.lines, func(l string) bool { return strings.Contains(l, part) })
}

// start starts a cluster that stops with the test.
func start(t *testing.T, state string, said *progress, settings ...string) *postgres.Cluster {
	t.Helper()
	o := postgres.Options{State: state, Settings: settings, Throwaway: true}
	if said != nil {
		o.Progress = said.say
	}
	c, err := postgres.Start(context.Background(), o)
	check(t, err)
	t.Cleanup(func() { _ = c.Stop(context.Background()) })
	return c
}

func stop(t *testing.T, c *postgres.Cluster) {
	t.Helper()
	began := time.Now()
	check(t, c.Stop(context.Background()))
	if alive(c.Postmaster()) {
		t.Fatalf("the postmaster (process %d) outlived Stop", c.Postmaster())
	}
	t.Logf("stopped in %v", time.Since(began).Round(time.Millisecond))
}

// remember commits a row; recall finds it again.
func remember(t *testing.T, c *postgres.Cluster) {
	t.Helper()
	run(t, c.DSN(postgres.Migrator), "set role ebr_owner; create schema ebr; create table ebr.kept as select 42 as answer; "+
		"grant usage on schema ebr to app; grant select on ebr.kept to app")
}

func recall(t *testing.T, c *postgres.Cluster) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), c.DSN(postgres.App))
	check(t, err)
	defer conn.Close(context.Background())
	var answer int
	check(t, conn.QueryRow(context.Background(), "select answer from ebr.kept").Scan(&answer))
	if answer != 42 {
		t.Fatalf("the committed row is gone: %d", answer)
	}
}

func run(t *testing.T, dsn, sql string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), dsn)
	check(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(context.Background(), sql)
	check(t, err)
}

func alive(pid int) bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(raw), ") Z ")
}

// family lists a process and its children.
func family(t *testing.T, pid int) []int {
	t.Helper()
	all := []int{pid}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	check(t, err)
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		_, after, _ := strings.Cut(string(raw), ") ")
		if fields := strings.Fields(after); len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			check(t, err)
			all = append(all, child)
		}
	}
	return all
}

func killAll(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) { // one of them may have ended by itself
			check(t, err)
		}
	}
}
