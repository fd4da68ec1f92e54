package backup

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/internal/fault"
)

func TestSegmentsFollowEachOther(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]string{
		"000000010000000000000001": "000000010000000000000002",
		"0000000100000000000000FF": "000000010000000100000000",
		"0000000A0000000F000000FE": "0000000A0000000F000000FF",
	} {
		require.True(t, isSegment(name))
		require.Equal(t, next, nextSegment(name))
	}
	require.Equal(t, "000000010000002A", nameOf(position("1/2A000060")))
	require.False(t, isSegment("00000002.history"))
}

func TestLineIsNotBegunAgainWhereThePlaceIsAway(t *testing.T) {
	t.Parallel()
	state, place := t.TempDir(), t.TempDir()
	first, err := OpenLine(state, place)
	require.NoError(t, err)
	again, err := OpenLine(state, place)
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.NoError(t, os.Rename(filepath.Join(place, "veribatch"), filepath.Join(place, "unmounted")))
	_, err = OpenLine(state, place)
	require.ErrorContains(t, err, "is away")
	left, err := os.ReadDir(place)
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing is written into the empty folder")
	other, err := OpenLine(state, t.TempDir())
	require.NoError(t, err)
	require.NotEqual(t, first.ID, other.ID)
	_, err = OpenLine(state, filepath.Join(place, "missing"))
	require.Equal(t, fault.Missing, fault.KindOf(err))
}

func TestKeysComeBackWithThePassphraseOnly(t *testing.T) {
	t.Parallel()
	state, file := t.TempDir(), filepath.Join(t.TempDir(), "keys.age")
	for name, text := range map[string]string{"keys/site.pem": "key", "secrets/app.secret": "secret", "pg/PG_VERSION": "15", "lock": "1", "backup/line.json": "{}"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(state, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(state, name), []byte(text), 0o600))
	}
	require.NoError(t, wrap(file, state, "six random words make it long", []byte("{}")))
	files, err := unwrap(file, "six random words make it long")
	require.NoError(t, err)
	require.Equal(t, map[string][]byte{"manifest.json": []byte("{}"), "state/keys/site.pem": []byte("key"), "state/secrets/app.secret": []byte("secret")}, files)
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "secret")
	_, err = unwrap(file, "five random words make it long")
	require.ErrorContains(t, err, "does not open")
	require.Error(t, CheckPassphrase("short"))
}

func whole(t *testing.T, l Line, id, first, last string) {
	t.Helper()
	dir := filepath.Join(l.base(), id)
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, writeJSON(filepath.Join(dir, manifestFile), Manifest{Format: Format, ID: id, Line: l.ID, FirstSegment: first, LastSegment: last, Ended: time.Unix(0, 0), Wrapped: &File{}}))
}

func TestOldBackupsGoAndTheLogThatOnlyTheyNeeded(t *testing.T) {
	t.Parallel()
	l, err := OpenLine(t.TempDir(), t.TempDir())
	require.NoError(t, err)
	segments := []string{"000000010000000000000001", "000000010000000000000002", "000000010000000000000003"}
	for i, s := range segments {
		require.NoError(t, os.WriteFile(filepath.Join(l.log(), s), nil, 0o600))
		whole(t, l, "2099010"+string(rune('1'+i))+"T000000Z-00000a", s, s)
	}
	stranger := filepath.Join(filepath.Dir(l.Dir), "somebody-elses")
	require.NoError(t, os.Mkdir(stranger, 0o700))
	removed, err := l.Prune(2)
	require.NoError(t, err)
	require.Equal(t, []string{"20990101T000000Z-00000a"}, removed)
	require.NoFileExists(t, filepath.Join(l.log(), segments[0]))
	require.FileExists(t, filepath.Join(l.log(), segments[1]))
	removed, err = l.Prune(0)
	require.NoError(t, err)
	require.Len(t, removed, 1, "the newest stays whatever is asked for")
	require.DirExists(t, stranger)
}

func TestLogMustBeWithoutGap(t *testing.T) {
	t.Parallel()
	l, err := OpenLine(t.TempDir(), t.TempDir())
	require.NoError(t, err)
	segments := []string{"000000010000000000000001", "000000010000000000000002", "000000010000000000000003"}
	m := Manifest{LastSegment: segments[0], Ended: time.Unix(100, 0)}
	list, _, err := l.logAfter(m, time.Time{}, notary{})
	require.NoError(t, err)
	require.Empty(t, list, "a backup without an archive is whole by itself")
	require.NoError(t, writeJSON(filepath.Join(l.Dir, "line.json"), lineFile{Format: Format, Line: l.ID, LogFrom: segments[0]}))
	for i, s := range segments {
		require.NoError(t, os.WriteFile(filepath.Join(l.log(), s), []byte(s), 0o600))
		sum, n, err := digestOf(filepath.Join(l.log(), s), -1)
		require.NoError(t, err)
		require.NoError(t, writeJSON(l.digestFile(s), digest{Bytes: n, SHA256: sum, At: time.Unix(1000, 0), Open: time.Unix(int64(200+i*100), 0)}))
	}
	list, complete, err := l.logAfter(m, time.Time{}, notary{})
	require.NoError(t, err)
	require.Len(t, list, 3)
	require.Equal(t, int64(400), complete.Unix())
	halfLaid := filepath.Join(l.log(), "000000010000000000000004.partial")
	require.NoError(t, os.WriteFile(halfLaid, []byte("no room"), 0o600))
	list, _, err = l.logAfter(m, time.Time{}, notary{})
	require.NoError(t, err)
	require.Len(t, list, 3, "a segment that a full disk cut short holds nothing")
	require.NoError(t, os.Remove(halfLaid))
	require.NoError(t, os.Rename(l.digestFile(segments[2]), l.digestFile(segments[2])+".away"))
	list, _, err = l.logAfter(m, time.Time{}, notary{})
	require.NoError(t, err)
	require.Len(t, list, 3, "finished within the last seconds before the end of the plant: its digest was not written yet")
	require.NoError(t, os.Rename(l.digestFile(segments[2])+".away", l.digestFile(segments[2])))
	require.NoError(t, os.Rename(l.digestFile(segments[1]), l.digestFile(segments[1])+".away"))
	_, _, err = l.logAfter(m, time.Time{}, notary{})
	require.ErrorContains(t, err, "without its digest")
	require.NoError(t, os.Rename(l.digestFile(segments[1])+".away", l.digestFile(segments[1])))
	require.NoError(t, os.Remove(filepath.Join(l.log(), segments[1])))
	_, _, err = l.logAfter(m, time.Time{}, notary{})
	require.ErrorContains(t, err, segments[1])
	require.ErrorContains(t, err, "--until 1970-01-01T00:03:20Z")
	list, _, err = l.logAfter(m, time.Unix(150, 0), notary{})
	require.NoError(t, err, "damage after the time asked for does not stand in the way")
	require.Len(t, list, 1)
	require.NoError(t, os.WriteFile(l.tailFile(), []byte("{"), 0o600))
	_, _, err = l.logAfter(m, time.Unix(150, 0), notary{})
	require.ErrorContains(t, err, "tail.json")
}
