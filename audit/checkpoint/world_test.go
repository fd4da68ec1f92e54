package checkpoint

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/internal/durable"
)

const (
	testName   = "veribatch/0190a5b2-7c3d-7e4f-8a1b-2c3d4e5f6071"
	testOrigin = testName + "/1"
)

var testTime = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// testKey signs in the process; err stands for a key that is out of reach.
type testKey struct {
	private ed25519.PrivateKey
	err     error
}

func newKey(seed byte) *testKey {
	s := make([]byte, ed25519.SeedSize)
	s[0] = seed
	return &testKey{private: ed25519.NewKeyFromSeed(s)}
}

func (k *testKey) ID() string                { return hex.EncodeToString(k.Public()[:16]) }
func (k *testKey) Public() ed25519.PublicKey { return k.private.Public().(ed25519.PublicKey) }
func (k *testKey) SignRaw(message []byte) ([]byte, error) {
	return ed25519.Sign(k.private, message), k.err
}

func (k *testKey) verifiers(t *testing.T) note.Verifiers {
	t.Helper()
	v, err := Verifiers(testName, k.Public())
	require.NoError(t, err)
	return note.VerifierList(v...)
}

// testLog is a log in memory that can grow in more than one way.
type testLog struct {
	t      *testing.T
	origin string
	hashes []tlog.Hash
	size   int64
}

func newLog(t *testing.T, leaves ...string) *testLog {
	l := &testLog{t: t, origin: testOrigin}
	l.add(leaves...)
	return l
}

func grown(t *testing.T, n int) *testLog {
	l := newLog(t)
	for i := range n {
		l.add(fmt.Sprintf("leaf %d", i))
	}
	return l
}

func (l *testLog) add(leaves ...string) {
	for _, leaf := range leaves {
		hashes, err := tlog.StoredHashes(l.size, []byte(leaf), l)
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

func (l *testLog) at(size int64) Checkpoint {
	root := emptyRoot
	if size > 0 {
		var err error
		root, err = tlog.TreeHash(size, l)
		require.NoError(l.t, err)
	}
	return Checkpoint{Origin: l.origin, Size: size, Root: root}
}

// request asks for the signature of the first size leaves after the first old ones.
func (l *testLog) request(old, size int64, after time.Duration) Request {
	r := Request{Old: old, Text: l.at(size).Text(), Time: testTime.Add(after)}
	if old > 0 && old < size {
		proof, err := tlog.ProveTree(size, old, l)
		require.NoError(l.t, err)
		r.Proof = proof
	}
	return r
}

// world is a signer in a folder, with a clock that goes with the requests.
type world struct {
	t      *testing.T
	key    *testKey
	disk   disk
	now    time.Time
	signer *Signer
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, key: newKey(1), now: testTime, disk: disk{folder: filepath.Join(t.TempDir(), "signer"), step: durable.Do}}
	w.start()
	t.Cleanup(func() { _ = w.signer.Close() })
	return w
}

func (w *world) start() {
	w.t.Helper()
	s, err := open(w.disk, func(string) (Key, error) { return w.key, nil }, func() time.Time { return w.now })
	require.NoError(w.t, err)
	w.signer = s
}

// restart is a new process on the same folder.
func (w *world) restart() {
	w.t.Helper()
	require.NoError(w.t, w.signer.Close())
	w.start()
}

func (w *world) sign(r Request) ([]byte, error) {
	w.now = r.Time
	return w.signer.Sign(context.Background(), r)
}

func (w *world) signs(r Request) Checkpoint {
	w.t.Helper()
	signed, err := w.sign(r)
	require.NoError(w.t, err)
	c, err := Parse(signed, w.key.verifiers(w.t))
	require.NoError(w.t, err)
	require.Equal(w.t, r.Text, c.Text())
	require.Len(w.t, c.Signers, 2, "plain and dated")
	require.Equal(w.t, r.Time.Truncate(time.Second), c.Time(testName))
	return c
}

func (w *world) refuses(r Request, code string) *Refusal {
	w.t.Helper()
	before, _ := w.signer.Last()
	signed, err := w.sign(r)
	require.Empty(w.t, signed)
	var refusal *Refusal
	require.ErrorAs(w.t, err, &refusal)
	require.Equal(w.t, code, refusal.Code, "%v", err)
	after, _ := w.signer.Last()
	require.Equal(w.t, string(before), string(after), "a refusal changes no memory")
	return refusal
}
