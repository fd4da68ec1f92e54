package witness

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit/checkpoint"
	"veribatch/internal/durable"
	"veribatch/signatures/keyring"
)

const testName = "veribatch/0190a5b2-7c3d-7e4f-8a1b-2c3d4e5f6071"

var testTime = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func openKey(folder string) (checkpoint.Key, error) { return keyring.OpenCheckpoint(folder) }

// testLog is a log in memory with its key; seed makes other leaves.
type testLog struct {
	t      *testing.T
	key    checkpoint.Key
	origin string
	hashes []tlog.Hash
	size   int64
}

func newLog(t *testing.T, key checkpoint.Key, epoch, n int, seed string) *testLog {
	l := &testLog{t: t, key: key, origin: fmt.Sprintf("%s/%d", testName, epoch)}
	l.grow(n, seed)
	return l
}

func (l *testLog) grow(n int, seed string) {
	for range n {
		hashes, err := tlog.StoredHashes(l.size, fmt.Appendf(nil, "%s %d", seed, l.size), l)
		require.NoError(l.t, err)
		l.hashes, l.size = append(l.hashes, hashes...), l.size+1
	}
}

// ReadHashes gives stored hashes.
func (l *testLog) ReadHashes(indexes []int64) (found []tlog.Hash, err error) {
	for _, i := range indexes {
		found = append(found, l.hashes[i])
	}
	return found, nil
}

// signed is the checkpoint of the first size leaves, signed with the key.
func (l *testLog) signed(size int64) []byte {
	l.t.Helper()
	root := tlog.Hash(sha256.Sum256(nil))
	if size > 0 {
		var err error
		root, err = tlog.TreeHash(size, l)
		require.NoError(l.t, err)
	}
	text := checkpoint.Checkpoint{Origin: l.origin, Size: size, Root: root}.Text()
	signed, err := note.Sign(&note.Note{Text: text}, checkpoint.Cosigner(testName, l.key, testTime))
	require.NoError(l.t, err)
	return signed
}

func (l *testLog) prove(_ context.Context, old int64) ([]tlog.Hash, error) {
	return tlog.ProveTree(l.size, old, l)
}

// question asks for size leaves after old ones.
func (l *testLog) question(old, size int64) Question {
	l.t.Helper()
	q := Question{Old: old, Note: l.signed(size)}
	if old > 0 && old < size {
		proof, err := tlog.ProveTree(size, old, l)
		require.NoError(l.t, err)
		q.Proof = proof
	}
	return q
}

// world is a witness in a folder.
type world struct {
	t       *testing.T
	key     checkpoint.Key // of the log
	folder  string
	step    durable.Step
	now     time.Time
	witness *Witness
}

func setup(t *testing.T) *world {
	key, err := openKey(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	w := &world{t: t, key: key, folder: filepath.Join(t.TempDir(), "witness"), step: durable.Do, now: testTime.Add(time.Second)}
	w.start()
	t.Cleanup(func() { _ = w.witness.Close() })
	return w
}

func (w *world) options() Options {
	logs, err := Logs([]string{checkpoint.VerifierKey(testName, w.key.Public())})
	require.NoError(w.t, err)
	return Options{Folder: w.folder, Name: "witness.example/w1", Logs: logs, Key: openKey, Clock: func() time.Time { return w.now }}
}

func (w *world) start() {
	w.t.Helper()
	var err error
	w.witness, err = open(w.options(), w.step)
	require.NoError(w.t, err)
}

func (w *world) restart() {
	w.t.Helper()
	require.NoError(w.t, w.witness.Close())
	w.start()
}

func (w *world) log(n int) *testLog { return newLog(w.t, w.key, 1, n, "leaf") }

// cosigns says that the witness cosigns, by a line that verifies over this checkpoint.
func (w *world) cosigns(q Question) {
	w.t.Helper()
	line, err := w.witness.Add(q.Text())
	require.NoError(w.t, err)
	text, err := note.Open(q.Note, note.VerifierList(w.logKeys()...))
	require.NoError(w.t, err)
	_, at, err := checkpoint.ReadCosignature(w.witness.Key(), text.Text, line[:len(line)-1])
	require.NoError(w.t, err)
	require.Equal(w.t, w.now.Truncate(time.Second), at)
}

func (w *world) logKeys() []note.Verifier { return w.options().Logs[0].Keys }

func (w *world) refuses(body []byte, status int, size int64) {
	w.t.Helper()
	before, err := w.witness.Newest()
	require.NoError(w.t, err)
	line, err := w.witness.Add(body)
	require.Empty(w.t, line)
	var no *Refusal
	require.ErrorAs(w.t, err, &no)
	require.Equal(w.t, status, no.Status, "%v", no)
	require.Equal(w.t, size, no.Size)
	after, err := w.witness.Newest()
	require.NoError(w.t, err)
	require.Equal(w.t, before, after, "a refusal changes no memory")
}

func (w *world) serve() string {
	server := httptest.NewServer(Handler(w.witness, slog.New(slog.DiscardHandler)))
	w.t.Cleanup(server.Close)
	return server.URL
}

func (w *world) client(url string) *Client {
	c, err := NewClient(w.witness.Key()+" "+url, nil)
	require.NoError(w.t, err)
	return c
}
