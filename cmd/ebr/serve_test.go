package main_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/internal/pgtest"
	"veribatch/internal/postgres"
)

// program is the built ebr: these tests drive it as a person at a terminal does.
var program string

func TestMain(m *testing.M) { os.Exit(build(m)) }

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "ebr-")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "ebr")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		fmt.Printf("build ebr: %v\n%s", err, out)
		return 1
	}
	return pgtest.Main(m)
}

// server is a running `ebr serve`.
type server struct {
	*exec.Cmd
	url     string
	metrics string // address of figures and health; "" without
	token   string // of the first administrator; "" when the plant has people
	ready   time.Duration
	ended   chan error
	log     string
}

// said is what the server wrote to its standard error so far.
func (s *server) said() string {
	text, err := os.ReadFile(s.log)
	return fmt.Sprint(string(text), err)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func stateFolder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ebrtest-")
	check(t, err)
	check(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// serve starts the server and returns when its first page has come.
func serve(t testing.TB, state string, more ...string) *server {
	t.Helper()
	began := time.Now()
	s := &server{Cmd: exec.Command(program, append([]string{"serve", "--state", state, "--listen", "127.0.0.1:0"}, more...)...),
		ended: make(chan error, 1), log: filepath.Join(t.TempDir(), "stderr")}
	errors, err := os.Create(s.log)
	check(t, err)
	defer errors.Close()
	s.Stderr = errors
	out, err := s.StdoutPipe()
	check(t, err)
	check(t, s.Start())
	t.Cleanup(func() {
		_ = s.Process.Kill()
		_ = s.Wait()
		if t.Failed() {
			t.Logf("the server said: %s", s.said())
		}
	})
	lines := bufio.NewScanner(out)
	for s.url == "" && lines.Scan() {
		if _, token, found := strings.Cut(lines.Text(), "one-time token "); found {
			s.token = token
		}
		if _, figures, found := strings.Cut(lines.Text(), "Figures and health: "); found {
			s.metrics, _, _ = strings.Cut(figures, "/metrics")
		}
		_, s.url, _ = strings.Cut(lines.Text(), "ready: ")
	}
	if s.url == "" {
		t.Fatalf("the server did not start: %s", s.said())
	}
	go func() { _, _ = io.Copy(io.Discard, out); s.ended <- s.Wait() }()
	page(t, s.url+"/")
	s.ready = time.Since(began)
	return s
}

func page(t testing.TB, url string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint // whom it trusts is another test's matter
	answer, err := client.Get(url)
	check(t, err)
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", url, answer.Status)
	}
}

// interrupt stops the server as Ctrl-C does and expects a clean end of server and database.
func (s *server) interrupt(t testing.TB, state string) {
	t.Helper()
	database := postmaster(t, state)
	check(t, s.Process.Signal(os.Interrupt))
	if err := s.wait(t); err != nil {
		t.Fatalf("the server ended with %v: %s", err, s.said())
	}
	if alive(database) {
		t.Errorf("PostgreSQL (process %d) outlived the server", database)
	}
}

func (s *server) wait(t testing.TB) error {
	t.Helper()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(time.Minute):
		t.Fatalf("the server does not end: %s", s.said())
		return nil
	}
}

func postmaster(t testing.TB, state string) int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(state, "pg", "postmaster.pid"))
	check(t, err)
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(first)
	check(t, err)
	return pid
}

func alive(pid int) bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(raw), ") Z ")
}

// The main promise of the default set-up: it starts from nothing, stops cleanly, and starts again whatever was killed.
func TestServeStartsStopsAndSurvivesKills(t *testing.T) {
	t.Parallel()
	state := stateFolder(t)
	first := serve(t, state)
	t.Logf("first start: first page after %v", first.ready.Round(time.Millisecond))
	first.interrupt(t, state)

	quickest := time.Hour
	for _, c := range []struct {
		name string
		kill func(s *server, database int) error
	}{
		{"server", func(s *server, _ int) error { return s.Process.Kill() }},
		{"database", func(_ *server, database int) error { return syscall.Kill(database, syscall.SIGKILL) }},
		{"both", func(s *server, database int) error {
			if err := syscall.Kill(database, syscall.SIGKILL); err != nil {
				return err
			}
			return s.Process.Kill()
		}},
		{"nothing", func(s *server, _ int) error { return s.Process.Signal(syscall.SIGTERM) }},
	} {
		s := serve(t, state)
		t.Logf("later start: first page after %v; then killed: %s", s.ready.Round(time.Millisecond), c.name)
		quickest = min(quickest, s.ready)
		check(t, c.kill(s, postmaster(t, state)))
		_ = s.wait(t)
		if c.name == "database" && !strings.Contains(s.said(), "PostgreSQL has ended by itself") {
			t.Errorf("the server did not say that its database is gone: %s", s.said())
		}
	}
	if quickest > 5*time.Second {
		t.Errorf("the quickest of the later starts took %v, want at most 5 s", quickest)
	}
	last := serve(t, state)
	if found := incidents(t, state, 3); found != "unclean_restart 3" { // A11-13: server, database and both; a start after a stop is none, and neither is a job that lost its database with the server
		t.Errorf("incidents after three kills: %q", found)
	}
	verifies(t, state)
	last.interrupt(t, state)
	verifies(t, state)
}

// incidents counts the incidents of each kind, once as many as expected are written.
func incidents(t *testing.T, state string, expected int) (found string) {
	t.Helper()
	access, err := postgres.Attach(state)
	check(t, err)
	conn, err := pgx.Connect(t.Context(), access.DSN(postgres.App))
	check(t, err)
	defer conn.Close(t.Context())
	for wait := 100; wait > 0; wait-- {
		var n int
		check(t, conn.QueryRow(t.Context(), `select coalesce(sum(n), 0)::int, coalesce(string_agg(kind || ' ' || n, ', '), '')
			from (select kind, count(*) as n from ebr.incidents group by kind) k`).Scan(&n, &found))
		if n >= expected {
			return found
		}
		time.Sleep(100 * time.Millisecond)
	}
	return found
}

// verifies runs `ebr verify`, beside a running server or alone.
func verifies(t *testing.T, state string) {
	t.Helper()
	out, errs, code := ebr("verify", "--state", state)
	if code != 0 || !strings.Contains(out, "entries in") {
		t.Errorf("ebr verify: exit code %d: %s%s", code, out, errs)
	}
}

// ebr runs a command to its end.
func ebr(args ...string) (out, errs string, code int) {
	var o, e bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &o, &e
	_ = cmd.Run()
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

func TestSecondServerIsRefused(t *testing.T) {
	t.Parallel()
	state := stateFolder(t)
	s := serve(t, state)
	_, errs, code := ebr("serve", "--state", state, "--listen", "127.0.0.1:0")
	if code != 1 || !strings.Contains(errs, fmt.Sprintf("Another ebr (process %d)", s.Process.Pid)) {
		t.Errorf("exit code %d: %s", code, errs)
	}
	_, errs, code = ebr("serve", "--state", stateFolder(t), "--listen", strings.TrimPrefix(s.url, "http://"))
	if code != 1 || !strings.Contains(errs, "cannot be used") {
		t.Errorf("a taken address: exit code %d: %s", code, errs)
	}
	s.interrupt(t, state)
}

func TestPlainHTTPStaysOnThisMachine(t *testing.T) {
	t.Parallel()
	for _, address := range append(otherAddresses(t), "0.0.0.0:0", ":0", "[::]:0") {
		_, errs, code := ebr("serve", "--state", stateFolder(t), "--listen", address)
		if code != 1 || !strings.Contains(errs, "plain HTTP to the network") {
			t.Fatalf("--listen %s: exit code %d: %s", address, code, errs)
		}
	}
	if _, errs, code := ebr("serve", "--listen", "8080"); code != 1 || !strings.Contains(errs, "HOST:PORT") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// otherAddresses are this machine's addresses on real networks.
func otherAddresses(t *testing.T) (list []string) {
	t.Helper()
	all, err := net.InterfaceAddrs()
	check(t, err)
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			list = append(list, net.JoinHostPort(n.IP.String(), "0"))
		}
	}
	return list
}

func TestDatabaseThatIsNotReadyIsRefused(t *testing.T) {
	t.Parallel()
	// The cluster of the tests runs with fsync off, as no real one may.
	_, errs, code := ebr("serve", "--state", stateFolder(t), "--listen", "127.0.0.1:0", "--database", pgtest.New(t).AppDSN)
	if code != 1 || !strings.Contains(errs, "fsync = off") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	_, errs, code = ebr("verify", "--state", stateFolder(t))
	if code != 1 || !strings.Contains(errs, "holds no database") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	db := pgtest.Empty(t)
	if _, errs, code = ebr("migrate", "--database", db.MigratorDSN); code != 0 || !strings.Contains(errs, "Migration 00001_spine.sql") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	out, errs, code := ebr("verify", "--database", db.AppDSN)
	if code != 0 || !strings.Contains(out, "entries in") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
}

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	for want, args := range map[int][]string{0: {"--help"}, 2: {"brew"}} {
		if out, errs, code := ebr(args...); code != want || out+errs == "" {
			t.Errorf("ebr %v: exit code %d, want %d: %s%s", args, code, want, out, errs)
		}
	}
	if out, _, code := ebr("version"); code != 0 || !strings.Contains(out, "schema ") {
		t.Errorf("ebr version: exit code %d: %s", code, out)
	}
}
