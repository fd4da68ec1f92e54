package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/keyring"
	"veribatch/signatures/signtest"
)

// Whatever the server cannot do without takes it out of work, by its name: for who sends work, for who looks, and for who collects figures.
func TestEachFailingDependencyIsNamed(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	var skew atomic.Int64
	w.Trail.Clock = func() time.Time { return time.Now().Add(time.Duration(skew.Load())) }
	p := plantOf(t, w)
	keys := t.TempDir()
	var err error
	p.key, err = keyring.Open(keys)
	require.NoError(t, err)
	free := uint64(64 << 30)
	space := func(folder string) (uint64, error) { _, err := os.Stat(folder); return free, err }
	h := &health{plant: p, database: w.DB.AppDSN}
	p.room = &room{folders: []string{keys}, free: space}
	back := h.backRoom()
	ask := func(path string) (int, string) {
		answer := httptest.NewRecorder()
		back.ServeHTTP(answer, httptest.NewRequest("GET", path, nil))
		return answer.Code, answer.Body.String()
	}
	says := func(code int, name, state, words, figure string) {
		t.Helper()
		h.asked, p.room.asked = time.Time{}, time.Time{}
		got, body := ask("/readyz")
		require.Equal(t, code, got, body)
		require.Contains(t, body, `{"name":"`+name+`","state":"`+state+`","detail":"`+words)
		_, figures := ask("/metrics")
		require.Contains(t, figures, `ebr_check{check="`+name+`"} `+figure+"\n")
		outside := httptest.NewRecorder()
		h.readyz(false)(outside, httptest.NewRequest("GET", "/readyz", nil))
		require.Equal(t, code, outside.Code)
		require.NotContains(t, outside.Body.String(), name, "strangers learn no more than that")
	}
	for _, name := range []string{"database", "clock", "schema", "disk", "keyring"} {
		says(200, name, good, "", "1")
	}
	says(200, "verify", warning, "The records were never verified", "0.5")

	free = lowDisk - 1
	says(200, "disk", warning, "2047 MiB free", "0.5")
	free = fullDisk - 1
	says(503, "disk", failing, "255 MiB free", "0")
	free, p.room.folders = 64<<30, append(p.room.folders, filepath.Join(keys, "away"))
	says(503, "disk", failing, "The folder away cannot be read", "0")
	p.room.folders = p.room.folders[:1]

	h.database = "host=" + keys + " user=app dbname=away"
	says(503, "schema", failing, "The database takes no new connection", "0")
	h.database = w.DB.AppDSN

	key := filepath.Join(keys, "site.key")
	require.NoError(t, os.Chmod(key, 0o644))
	says(503, "keyring", failing, "The file of the site key", "0")
	require.NoError(t, os.Chmod(key, 0o600))
	says(200, "keyring", good, "", "1")
	require.NoError(t, os.Remove(key))
	says(503, "keyring", failing, "The file of the site key", "0")
	_, err = keyring.Open(keys) // another one
	require.NoError(t, err)
	says(503, "keyring", failing, "The file of the site key", "0")
	other, err := keyring.Open(t.TempDir())
	require.NoError(t, err)
	p.key = other

	h.draining.Store(true)
	says(503, "drain", failing, "The server is stopping", "0")
	h.draining.Store(false)

	away, err := audit.Open(w.Ctx, w.DB.AppDSN)
	require.NoError(t, err)
	there := p.trail
	p.trail = away
	says(200, "database", good, "", "1")
	away.Close()
	says(503, "database", failing, "The database does not answer", "0")
	p.trail = there
	says(200, "database", good, "", "1")

	skew.Store(int64(time.Hour + 10*time.Second)) // some of them pass on the way
	says(503, "clock", failing, "server and database are 1h0m", "0")
	skew.Store(-skew.Load())
	says(503, "clock", failing, "server and database are 1h0m", "0")
}
