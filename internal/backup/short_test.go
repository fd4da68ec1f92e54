package backup

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/internal/postgres"
)

// A plant that is lost in the seconds after a backup leaves an archive that has not reached the end of this backup. The backup brings its own
// log, so it comes back; the archive's shorter piece must not take the place of the longer one.
func TestArchiveThatEndsBeforeTheBackup(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	root, err := os.MkdirTemp("/tmp", "vbbk-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	require.NoError(t, os.Chmod(root, 0o711))
	state, place := filepath.Join(root, "state"), t.TempDir()
	c, err := postgres.Start(ctx, postgres.Options{State: state, Throwaway: true})
	require.NoError(t, err)
	stop := func() { require.NoError(t, c.Stop(ctx)) }
	defer func() { stop() }()
	l, err := OpenLine(state, place)
	require.NoError(t, err)
	a := &Archive{Line: l, Access: c.Access, Key: plantKey("ours")}
	require.NoError(t, a.Prepare(ctx))
	const passphrase = "six random words make it long"
	m, _, err := l.Make(ctx, Source{State: state, Access: c.Access, Passphrase: passphrase, Key: a.Key, Heads: func(context.Context) (Heads, error) { return Heads{}, nil }})
	require.NoError(t, err)
	stop()
	stop = func() {}

	data := filepath.Join(l.base(), m.ID, dataFolder)
	own, err := os.ReadFile(filepath.Join(data, "pg_wal", m.LastSegment))
	require.NoError(t, err)
	said, err := os.ReadFile(filepath.Join(data, "backup_manifest"))
	require.NoError(t, err)
	end := int64(position(string(regexp.MustCompile(`"End-LSN": "([^"]+)"`).FindSubmatch(said)[1])) % segmentBytes)
	require.Greater(t, end, int64(32)) // the record that says that the backup ends is longer
	archive := filepath.Join(l.log(), m.LastSegment+".partial")
	put := func(bytes, signed int64) {
		t.Helper()
		raw := make([]byte, segmentBytes) // as pg_receivewal lays it out
		copy(raw, own[:bytes])
		require.NoError(t, os.WriteFile(archive, raw, 0o600))
		_ = os.Remove(l.tailFile())
		if signed > 0 {
			require.NoError(t, a.noteTail(m.LastSegment, signed, m.Ended.Add(time.Hour)))
		}
	}
	for name, k := range map[string]struct {
		bytes, signed int64
		signedOnly    bool
		segments      int
		until         time.Time
		long          bool // make evidence
	}{
		"short":                        {end - 32, 0, false, 0, m.Ended, true},
		"short, with a tail":           {end - 32, end - 32, false, 0, m.Ended, false},
		"whole, but signed short":      {segmentBytes, end - 32, true, 0, m.Ended, true},
		"as long as the backup's copy": {segmentBytes, int64(len(bytes.TrimRight(own, "\x00"))), true, 1, m.Ended.Add(time.Hour), false},
	} {
		if k.long && os.Getenv("VERIBATCH_LONG") == "" {
			continue
		}
		put(k.bytes, k.signed)
		b, err := Find(place, "", time.Time{})
		require.NoError(t, err)
		r, err := Restore(ctx, Order{Backup: b, State: filepath.Join(root, fmt.Sprint(len(name))), Passphrase: passphrase, Verify: verifyPlant, SignedOnly: k.signedOnly, Progress: func(string) {}})
		require.NoError(t, err, name)
		require.Equal(t, k.segments, r.Segments, name)
		require.WithinDuration(t, k.until, r.LogUntil, 0, name)
	}
	put(end-32, end-32)
	raw, err := os.ReadFile(archive)
	require.NoError(t, err)
	raw[0] ^= 4
	require.NoError(t, os.WriteFile(archive, raw, 0o600))
	b, err := Find(place, "", time.Time{})
	require.NoError(t, err)
	_, err = Restore(ctx, Order{Backup: b, State: filepath.Join(root, "damaged"), Passphrase: passphrase, Verify: verifyPlant, Progress: func(string) {}})
	require.ErrorContains(t, err, "is damaged in the archive", "a short piece that is not what was signed is told")
}
