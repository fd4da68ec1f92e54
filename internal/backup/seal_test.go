package backup

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// plantKey stands for the site key: who has not the secret makes no signature.
func plantKey(secret string) Key {
	return Key{Public: hex.EncodeToString([]byte(secret)), Sign: func(purpose string, message []byte) []byte {
		m := hmac.New(sha256.New, []byte(secret+purpose))
		m.Write(message)
		return m.Sum(nil)
	}}
}

func verifyPlant(public []byte, purpose string, message, signature []byte) bool {
	return bytes.Equal(plantKey(string(public)).Sign(purpose, message), signature)
}

func finished(t *testing.T, l Line, segments ...string) {
	t.Helper()
	for _, s := range segments {
		require.NoError(t, os.WriteFile(filepath.Join(l.log(), s), []byte(s), 0o600))
	}
}

// A log is what its plant signed, each segment behind the one before; nobody else's digest counts, nor one of another line or place.
func TestLogIsSigned(t *testing.T) {
	t.Parallel()
	l, err := OpenLine(t.TempDir(), t.TempDir())
	require.NoError(t, err)
	s := []string{"000000010000000000000001", "000000010000000000000002", "000000010000000000000003"}
	require.NoError(t, writeJSON(filepath.Join(l.Dir, "line.json"), lineFile{Format: Format, Line: l.ID, LogFrom: s[0]}))
	a := &Archive{Line: l, Key: plantKey("ours")}
	finished(t, l, s[:2]...)
	require.NoError(t, a.note(s[2]))
	finished(t, l, s[2])
	require.NoError(t, a.note(""))
	n := notary{[]byte("ours"), verifyPlant}
	m := Manifest{LastSegment: s[0], Ended: time.Unix(100, 0)}
	list, _, err := l.logAfter(m, time.Time{}, n)
	require.NoError(t, err)
	require.Len(t, list, 3)
	refused := func(words string, n notary) {
		t.Helper()
		_, _, err := l.logAfter(m, time.Time{}, n)
		require.ErrorContains(t, err, words)
	}
	refused("did not sign", notary{[]byte("theirs"), verifyPlant})
	whole, err := os.ReadFile(l.digestFile(s[1]))
	require.NoError(t, err)
	put := func(raw []byte) { require.NoError(t, os.WriteFile(l.digestFile(s[1]), raw, 0o600)) }
	put(bytes.Replace(whole, []byte(`"bytes": 24`), []byte(`"bytes": 23`), 1))
	refused("did not sign", n)
	put(bytes.Replace(whole, []byte(l.ID), []byte("another"), 1))
	refused("did not sign", n)
	first, err := os.ReadFile(l.digestFile(s[0]))
	require.NoError(t, err)
	put(first) // the plant's, but of another segment
	refused("did not sign", n)
	d, err := l.digestOfSegment(s[1])
	require.NoError(t, err)
	d.Segment, d.Previous, d.Line = s[1], "", l.ID
	d.Signature = a.Key.sign(ofSegment, d.message()) // the plant's, but not behind the one before
	require.NoError(t, writeJSON(l.digestFile(s[1]), d))
	refused("did not sign", n)
	put(whole)
	require.NoError(t, writeJSON(l.tailFile(), tail{Line: l.ID, Segment: s[2], At: time.Unix(500, 0)}))
	refused("tail.json", n)
	list, complete, err := l.logAfter(m, m.Ended, n) // a time before the tail needs none: the plant may have got another key since
	require.NoError(t, err)
	require.False(t, complete.Before(m.Ended))
	require.LessOrEqual(t, len(list), 3)
	_, _, err = l.logAfter(m, time.Unix(1<<40, 0), n)
	require.ErrorContains(t, err, "tail.json")
	require.NoError(t, os.Remove(l.tailFile()))
	for i := range unsignedEnd + 1 {
		finished(t, l, "00000001000000000000000"+string(rune('4'+i)))
	}
	refused("carries no signature", n)
}

// What was put into the second place and is gone is missed; what is gone because it is old is not, and nothing is signed twice.
func TestWhatIsGoneIsMissed(t *testing.T) {
	t.Parallel()
	l, err := OpenLine(t.TempDir(), t.TempDir())
	require.NoError(t, err)
	s := []string{"000000010000000000000001", "000000010000000000000002", "000000010000000000000003"}
	require.NoError(t, writeJSON(filepath.Join(l.Dir, "line.json"), lineFile{Format: Format, Line: l.ID, LogFrom: s[0]}))
	a := &Archive{Line: l, Key: plantKey("ours")}
	var names []string
	for i, first := range s {
		names = append(names, "2099010"+string(rune('1'+i))+"T000000Z-00000a")
		whole(t, l, names[i], first, first)
		require.NoError(t, l.remember(func(known []madeBackup) []madeBackup { return append(known, madeBackup{names[i], first}) }))
	}
	finished(t, l, s...)
	require.NoError(t, a.note(""))
	missing := func(words string) {
		t.Helper()
		what, err := l.Missing()
		require.NoError(t, err)
		if words == "" {
			require.Empty(t, what)
		}
		require.Contains(t, what, words)
	}
	missing("")
	_, err = l.Prune(2)
	require.NoError(t, err)
	missing("")
	for _, path := range []string{filepath.Join(l.log(), s[2]), l.digestFile(s[2]), filepath.Join(l.log(), s[1])} {
		require.NoError(t, os.Rename(path, path+"~"))
		missing(filepath.Base(path)[:24])
		require.NoError(t, a.note(""))
		missing(filepath.Base(path)[:24])
		require.NoError(t, os.Rename(path+"~", path))
	}
	require.NoError(t, os.Rename(filepath.Join(l.base(), names[1]), filepath.Join(l.Dir, "away")))
	missing("the backup " + names[1])
	require.NoError(t, os.Rename(filepath.Join(l.Dir, "away"), filepath.Join(l.base(), names[1])))
	require.NoError(t, writeJSON(l.digestFile(s[2]), digest{}))
	missing("written anew")
	require.NoError(t, os.Rename(l.Dir, l.Dir+".unmounted"))
	_, err = l.Missing()
	require.Error(t, err, "a place that is away has lost nothing")
}

// A backup without a signature is taken when that is asked for, and never when its own manifest names a signer.
func TestBackupWithoutSignature(t *testing.T) {
	t.Parallel()
	l, err := OpenLine(t.TempDir(), t.TempDir())
	require.NoError(t, err)
	b := Backup{Line: l, Manifest: Manifest{ID: "one", Version: "0.1"}}
	_, err = b.notary(Order{Verify: verifyPlant})
	require.ErrorContains(t, err, "use --unsigned")
	n, err := b.notary(Order{Verify: verifyPlant, Unsigned: true})
	require.NoError(t, err)
	require.False(t, n.asks())
	b.Manifest.Signer = plantKey("ours").Public
	_, err = b.notary(Order{Verify: verifyPlant, Unsigned: true})
	require.ErrorContains(t, err, "is damaged")
}
