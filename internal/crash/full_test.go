package crash

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/postgres"
)

// full is a part of the database's folder on a disk of its own, which can be filled.
type full struct {
	*load
	folder string
}

// moveTo puts a part of the database's folder on a small disk. The server is down meanwhile. Only root mounts: elsewhere it says so and nothing is looked at.
func (l *load) moveTo(part, size string) *full {
	l.t.Helper()
	var data string
	conn := l.super()
	require.NoError(l.t, conn.QueryRow(context.Background(), `select current_setting('data_directory')`).Scan(&data))
	require.NoError(l.t, conn.Close(context.Background()))
	l.killServer()
	l.killDatabase()
	f := &full{l, filepath.Join(data, part)}
	aside := filepath.Join(l.root, part+" aside")
	run := func(program string, args ...string) {
		out, err := exec.Command(program, args...).CombinedOutput()
		require.NoError(l.t, err, "%s: %s", program, out)
	}
	run("cp", "-a", f.folder, aside)
	if err := syscall.Mount("tmpfs", f.folder, "tmpfs", 0, "size="+size); err != nil {
		l.t.Logf("not looked at: only root mounts a small file system, and here: %v", err)
		return nil
	}
	l.t.Cleanup(func() { require.NoError(l.t, syscall.Unmount(f.folder, syscall.MNT_DETACH)) })
	run("cp", "-a", aside+"/.", f.folder)
	run("chown", "--reference="+aside, f.folder)
	run("chmod", "--reference="+aside, f.folder)
	l.startDatabase()
	l.startServer("")
	return f
}

// fill leaves no room; the answer gives it back.
func (f *full) fill() (empty func()) {
	f.t.Helper()
	name := filepath.Join(f.folder, "filler")
	file, err := os.Create(name)
	require.NoError(f.t, err)
	defer file.Close()
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err := file.Write(block); err != nil {
			require.ErrorIs(f.t, err, syscall.ENOSPC)
			block = block[:len(block)/2]
		}
	}
	return func() { require.NoError(f.t, os.Remove(name)) }
}

// reads tells whether somebody can look at the batch.
func (f *full) reads() bool {
	request, err := http.NewRequest(http.MethodGet, f.url+"/api/v1/batches/"+f.batch, nil)
	require.NoError(f.t, err)
	request.Header.Set("Authorization", "Bearer "+f.olga)
	response, err := f.client.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}

// fillLog has PostgreSQL use up the segments of its log that it keeps ready.
func (f *full) fillLog() {
	conn, err := pgx.Connect(context.Background(), f.cluster.DSN(postgres.Superuser))
	if err == nil {
		_, _ = conn.Exec(context.Background(), `select pg_logical_emit_message(false, 'full', repeat('x', 4000000))`) // what it says when there is no room is not of interest
		_ = conn.Close(context.Background())
	}
}

// untilRefused lets people work while the disk is full until acts are refused, and says how many were acknowledged before.
func (f *full) untilRefused() (all []*sent, words string) {
	f.t.Helper()
	began := time.Now()
	for time.Since(began) < time.Minute {
		f.fillLog()
		for _, s := range f.acts(8) {
			status, answer, err := f.post(*s)
			all = append(all, s)
			s.heard, s.answer = err == nil && status < 300, answer
			if err != nil || status >= 300 {
				return all, answer
			}
		}
	}
	f.t.Fatal("the disk is full, and acts are acknowledged for a minute")
	return nil, ""
}

// TestDiskFull: a disk without room for tables refuses acts in words, reading goes on, and with room everything goes on by itself. Nothing that was acknowledged
// is lost, nothing is doubled.
func TestDiskFull(t *testing.T) {
	if os.Getenv("VERIBATCH_LONG") == "" {
		return // half a minute, most of it starts of servers and databases
	}
	l := newLoad(newPlant(t, build(t)))
	if f := l.moveTo("base", "200m"); f != nil {
		f.tablesHaveNoRoom()
	}
	if f := l.moveTo("pg_wal", "100m"); f != nil {
		f.logHasNoRoom()
	}
}

func (f *full) tablesHaveNoRoom() {
	t := f.t
	t.Helper()
	empty := f.fill()
	all, words := f.untilRefused()
	t.Logf("%d acts acknowledged, then: %s", len(all)-1, words)
	require.Contains(t, words, "The disk of the database is full. Nothing was saved.")
	require.True(t, f.reads())
	status, answer, err := f.post(sent{key: audit.NewID(), path: "/session/open", body: map[string]string{"user_name": "olga", "password": "silver birch 41", "station": "Another"}})
	t.Logf("log-in: %d %.150s %v", status, answer, err)
	require.False(t, f.down())
	empty()
	o := f.settle(all)
	t.Log(o)
	f.verify()
}

// logHasNoRoom: PostgreSQL ends when its log has no room. Everything is there again when there is room and it is started.
func (f *full) logHasNoRoom() {
	t := f.t
	t.Helper()
	empty := f.fill()
	all, words := f.untilRefused()
	t.Logf("%d acts acknowledged, then: %s", len(all)-1, words)
	require.Contains(t, words, "database")
	for began := time.Now(); !f.reads() && time.Since(began) < 5*time.Second; time.Sleep(200 * time.Millisecond) {
	}
	t.Logf("while it has no room, people read: %v", f.reads())
	require.False(t, f.down())
	empty()
	select {
	case <-f.cluster.Exited():
		t.Log("the database has ended")
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = f.cluster.Stop(ctx)
		f.startDatabase()
	case <-time.After(2 * time.Second):
		t.Log("the database goes on")
	}
	o := f.settle(all)
	t.Log(o)
	f.verify()
}
