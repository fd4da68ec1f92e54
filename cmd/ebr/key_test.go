package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/continuity"
	"veribatch/signatures"
	"veribatch/signatures/keyring"
	"veribatch/signatures/signtest"
)

// A backup that would lack the site key of the plant, or hold another one, is not made, and no key is made for it.
func TestABackupWantsTheKeyOfThePlant(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	key, err := keyring.Open(filepath.Join(state, "keys"))
	require.NoError(t, err)
	file := filepath.Join(state, "keys", "site.key")
	c := copier{state: state, to: filepath.Join(state, "nowhere"), key: signer(key)}
	refused := func() {
		t.Helper()
		_, _, _, err := c.copy(t.Context())
		require.ErrorContains(t, err, "The site key of the plant cannot be read")
	}
	require.NoError(t, os.Remove(file))
	refused()
	require.NoFileExists(t, file)
	_, err = keyring.Open(filepath.Join(state, "keys"))
	require.NoError(t, err)
	refused()
}

// The command beside the server asks the records of the plant which key is its own, and what it refuses is filed as a failed backup, with an incident.
func TestABackupOfAnotherKeyIsFiledAsFailed(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	state := t.TempDir()
	c := copier{trail: w.Trail, state: state, to: filepath.Join(state, "nowhere")}
	failed := func(n int) {
		t.Helper()
		_, err := c.make(w.Ctx)
		require.ErrorContains(t, err, "The site key of the plant cannot be read")
		require.NoError(t, fileReports(w.Ctx, w.Trail, state))
		require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) error {
			now, err := continuity.Look(w.Ctx, r, 100)
			require.Len(t, now.Runs, n)
			require.Equal(t, "failed", now.Runs[0].State)
			require.Contains(t, now.Runs[0].Result, "The site key of the plant")
			return err
		}))
		require.Len(t, w.Entries(audit.Site, "incident.open"), n)
	}
	failed(1)
	_, err := keyring.Open(filepath.Join(state, "keys"))
	require.NoError(t, err)
	failed(2)
	require.NoDirExists(t, c.to)
	own, err := keyring.Existing(w.Keys)
	require.NoError(t, err)
	known, err := signatures.Recorded(w.Ctx, w.Trail, own)
	require.NoError(t, err)
	require.True(t, known, "its own key is taken")
}

// A plant that has lost its key does not get another one by itself: the server does not start, in words, and leaves no file.
func TestALostKeyIsNotReplacedByItself(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	key, err := signatures.OpenKey(w.Ctx, w.Trail, w.Keys, false)
	require.NoError(t, err)
	require.Equal(t, w.Desk.Key.ID(), key.ID())
	lost := t.TempDir()
	_, err = signatures.OpenKey(w.Ctx, w.Trail, lost, false)
	require.ErrorContains(t, err, "Bring keys/site.key back")
	require.NoFileExists(t, filepath.Join(lost, "site.key"))
	_, err = signatures.OpenKey(w.Ctx, w.Trail, lost, true)
	require.NoError(t, err, "when the server is told to")

	empty := signtest.Empty(t)
	_, err = empty.DB.Super(t).Exec(empty.Ctx, `set session_replication_role = replica; alter table ebr.signing_keys disable trigger all; delete from ebr.signing_keys`)
	require.NoError(t, err)
	_, err = signatures.OpenKey(empty.Ctx, empty.Trail, t.TempDir(), false)
	require.NoError(t, err, "a plant without any key makes its first")
}
