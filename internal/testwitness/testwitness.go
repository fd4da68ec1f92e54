// Package testwitness starts a witness of its own behind HTTP for a test, which can be away. It knows nothing of plants and their keepers. Start reading at Start.
package testwitness

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit/checkpoint"
	"veribatch/audit/witness"
	"veribatch/signatures/keyring"
)

// Witness is one that runs. While it is away it answers nobody.
type Witness struct {
	*witness.Witness
	Client *witness.Client
	Away   atomic.Bool
}

// Start starts a witness of the log that the verifier key names, under a name of its own; it ends with the test.
func Start(t testing.TB, name, log string) *Witness {
	t.Helper()
	logs, err := witness.Logs([]string{log})
	require.NoError(t, err)
	w := &Witness{}
	w.Witness, err = witness.Open(witness.Options{Folder: filepath.Join(t.TempDir(), "witness"), Name: name, Logs: logs, Clock: time.Now,
		Key: func(f string) (checkpoint.Key, error) { return keyring.OpenCheckpoint(f) }})
	require.NoError(t, err)
	handler := witness.Handler(w.Witness, slog.New(slog.DiscardHandler))
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.Away.Load() {
			panic(http.ErrAbortHandler)
		}
		handler.ServeHTTP(rw, r)
	}))
	t.Cleanup(func() { server.Close(); _ = w.Close() })
	w.Client, err = witness.NewClient(w.Key()+" "+server.URL, nil)
	require.NoError(t, err)
	return w
}
