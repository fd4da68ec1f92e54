package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/postgres"
)

// clocked is a plant whose database runs by a clock of its own (libfaketime): the file says what it shows.
type clocked struct {
	*load
	file string
}

// underAnotherClock starts the database again, by the same command line, under a clock that a file sets.
func (l *load) underAnotherClock() *clocked {
	t := l.t
	t.Helper()
	libraries, err := filepath.Glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
	require.NoError(t, err)
	require.NotEmpty(t, libraries, "scripts/need.sh faketime installs it")
	var data string
	conn := l.super()
	require.NoError(t, conn.QueryRow(context.Background(), `select current_setting('data_directory')`).Scan(&data))
	require.NoError(t, conn.Close(context.Background()))
	raw, err := os.ReadFile(filepath.Join(data, "postmaster.opts"))
	require.NoError(t, err)
	line := strings.SplitN(strings.TrimSpace(string(raw)), " ", 2)
	args := []string{}
	for _, quoted := range regexp.MustCompile(`"[^"]*"`).FindAllString(line[1], -1) {
		args = append(args, strings.Trim(quoted, `"`))
	}
	l.killServer()
	l.killDatabase()
	c := &clocked{l, filepath.Join(l.root, "clock")}
	c.shows("+0")
	until := time.Now().Add(time.Minute)
	for !c.started(line[0], args, data, libraries[0]) { // what the killed one held is not free at once
		require.True(t, time.Now().Before(until), "the database does not start under another clock")
		time.Sleep(250 * time.Millisecond)
	}
	l.startServer("")
	return c
}

// started starts PostgreSQL under the clock, and tells whether it answers.
func (c *clocked) started(program string, args []string, data, library string) bool {
	t := c.t
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = filepath.Dir(data)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LANG=C", "TZ=UTC", "LD_PRELOAD=" + library, "FAKETIME_TIMESTAMP_FILE=" + c.file, "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"}
	owner, err := os.Stat(data)
	require.NoError(t, err)
	if stat := owner.Sys().(*syscall.Stat_t); int(stat.Uid) != os.Geteuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stat.Uid, Gid: stat.Gid}}
	}
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	for {
		if _, err := c.time(); err == nil {
			t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGQUIT); <-ended })
			return true
		}
		select {
		case <-ended:
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// shows sets the clock of the database, as faketime writes it: "+3600" or "@1970-01-02 00:00:00".
func (c *clocked) shows(what string) {
	c.t.Helper()
	require.NoError(c.t, os.WriteFile(c.file+".new", []byte(what+"\n"), 0o644))
	require.NoError(c.t, os.Rename(c.file+".new", c.file))
}

func (c *clocked) time() (now time.Time, err error) {
	conn, err := pgx.Connect(context.Background(), c.cluster.DSN(postgres.Superuser))
	if err != nil {
		return now, err
	}
	defer conn.Close(context.Background())
	return now, conn.QueryRow(context.Background(), `select clock_timestamp()`).Scan(&now)
}

// sign acts as the supervisor with a signature, and gives status and words.
func (c *clocked) sign(path string, body map[string]any) (int, string) {
	c.t.Helper()
	send := func() (int, string) {
		raw, err := json.Marshal(body)
		require.NoError(c.t, err)
		request, err := http.NewRequest(http.MethodPost, c.url+"/api/v1"+path, strings.NewReader(string(raw)))
		require.NoError(c.t, err)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", audit.NewID())
		request.Header.Set("Authorization", "Bearer "+c.sven)
		response, err := c.client.Do(request)
		require.NoError(c.t, err)
		defer response.Body.Close()
		var answer map[string]any
		require.NoError(c.t, json.NewDecoder(response.Body).Decode(&answer))
		if digest, is := answer["digest"].(string); is {
			return response.StatusCode, digest
		}
		return response.StatusCode, fmt.Sprint(answer["detail"])
	}
	status, digest := send()
	if status != http.StatusPreconditionRequired {
		return status, digest
	}
	body["signature"] = map[string]string{"user_name": "sven", "password": "harbour lamp 23", "statement": digest}
	return send()
}

// TestDatabaseClockJumps: however the clock of the database jumps, nobody signs and everybody is told why, entries without a signature go on in the order of
// their numbers, and when the clock is right again people sign. Nothing is lost, and everything verifies.
func TestDatabaseClockJumps(t *testing.T) {
	if os.Getenv("VERIBATCH_LONG") == "" {
		return // half a minute
	}
	l := newLoad(newPlant(t, build(t)))
	c := l.underAnotherClock()
	at, err := c.time()
	require.NoError(t, err)
	require.InDelta(t, 0, time.Since(at).Seconds(), 1)
	var all []*sent
	for _, jump := range []string{"-3600", "-86400", "@1970-01-02 00:00:00", "+3600", "@2038-01-19 03:14:08"} {
		c.shows(jump)
		require.Eventually(t, func() bool { now, err := c.time(); return err == nil && time.Since(now).Abs() > 50*time.Minute }, 20*time.Second, 20*time.Millisecond, jump)
		l.again() // sessions that seem idle are locked
		status, said := c.sign("/batches/"+l.batch+"/abort", map[string]any{"reason": "The mixer has stopped."})
		t.Logf("%s: %d %s", jump, status, said)
		require.Contains(t, said, "nothing can be signed now. Entries without a signature go on.", jump)
		order := l.order()
		l.send(order)
		require.True(t, order.heard, "%s: %s", jump, order.answer)
		all = append(all, order)
		c.shows("+0")
		require.Eventually(t, func() bool { now, err := c.time(); return err == nil && time.Since(now).Abs() < time.Second }, 20*time.Second, 20*time.Millisecond, jump)
		l.again()
	}
	status, said := c.sign("/batches/"+l.batch+"/abort", map[string]any{"reason": "The mixer has stopped."})
	require.Less(t, status, 300, "when the clock is right again: %s", said)
	for _, s := range all {
		var n int
		l.ask(&n, effects, s.marked)
		require.Equal(t, 1, n, s.marked)
	}
	l.verify()
}

// again logs both people in anew.
func (l *load) again() {
	l.count++
	l.olga, l.sven = l.sessionAt(fmt.Sprintf("Olga %d", l.count), "olga", "silver birch 41"), l.sessionAt(fmt.Sprintf("Sven %d", l.count), "sven", "harbour lamp 23")
}

// order is an act without a signature, in a stream of its own.
func (l *load) order() *sent {
	l.count++
	marked := fmt.Sprintf("clock %d", l.count)
	return &sent{key: audit.NewID(), marked: marked, path: "/orders", session: l.sven, body: map[string]string{"order_number": marked, "recipe_version": l.version}}
}
