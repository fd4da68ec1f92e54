package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

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
