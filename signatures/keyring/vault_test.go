package keyring

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/internal/testvault"
)

const checkpointInVault = "transit/veribatch-checkpoint"

func long() bool { return os.Getenv("VERIBATCH_LONG") != "" }

// vaulted is a Vault with the key of a signer, and who may use it.
func vaulted(t *testing.T, life, most string) (*testvault.Vault, VaultSettings) {
	t.Helper()
	v := testvault.Start(t)
	v.Do("transit/keys/veribatch-checkpoint", map[string]any{"type": "ed25519"})
	role := v.Role("veribatch-signer", testvault.Policy(t, "veribatch-signer"), life, most)
	return v, VaultSettings{Address: v.Address, Key: checkpointInVault, RoleIDFile: role.RoleIDFile, SecretIDFile: role.SecretIDFile}
}

func signsWith(t *testing.T, key *Vault) {
	t.Helper()
	message := []byte("a tree")
	signature, err := key.SignRaw(message)
	require.NoError(t, err)
	require.True(t, ed25519.Verify(key.Public(), message, signature))
}

func refuses(t *testing.T, key *Vault, says string, s VaultSettings) {
	t.Helper()
	_, err := key.SignRaw([]byte("a tree"))
	require.ErrorContains(t, err, says)
	for _, name := range []string{s.RoleIDFile, s.SecretIDFile} {
		secret, wrong := os.ReadFile(name)
		require.NoError(t, wrong)
		require.NotContains(t, err.Error(), strings.TrimSpace(string(secret)))
	}
	if token := key.session.client.Token(); token != "" {
		require.NotContains(t, err.Error(), token)
	}
}

// A real Vault signs; sealed it does not and says so, and unsealed it does again, without a new start of anything.
func TestVaultThatIsSealedAndUnsealed(t *testing.T) {
	t.Parallel()
	if !long() {
		return // a Vault is built first
	}
	v, s := vaulted(t, "1h", "2h")
	folder := t.TempDir()
	key, err := OpenVault(folder, s, time.Now)
	require.NoError(t, err)
	require.Equal(t, KeyID(key.Public()), key.ID())
	signsWith(t, key)
	v.Seal()
	refuses(t, key, "Vault is sealed", s)
	again, err := OpenVault(folder, s, time.Now)
	require.NoError(t, err, "who knows which key it is starts beside a sealed Vault")
	require.Equal(t, key.ID(), again.ID())
	_, err = OpenVault(t.TempDir(), s, time.Now)
	require.ErrorContains(t, err, "Vault is sealed")
	v.Unseal()
	require.Eventually(t, func() bool { _, err := key.SignRaw([]byte("a tree")); return err == nil }, time.Minute, 100*time.Millisecond)
	signsWith(t, again)
}

// A token is renewed while Vault renews it, and then there is a new login. One that is revoked is replaced at once.
func TestVaultTokensAreRenewedAndReplaced(t *testing.T) {
	t.Parallel()
	if !long() {
		return
	}
	v, s := vaulted(t, "4s", "8s")
	key, err := OpenVault(t.TempDir(), s, time.Now)
	require.NoError(t, err)
	first := key.session.client.Token()
	time.Sleep(2500 * time.Millisecond)
	signsWith(t, key)
	require.Equal(t, first, key.session.client.Token(), "renewed")
	require.Greater(t, time.Until(key.session.until), 3*time.Second)
	time.Sleep(6 * time.Second) // beyond the life of the token, renewed or not
	signsWith(t, key)
	second := key.session.client.Token()
	require.NotEqual(t, first, second)
	v.Do("auth/token/revoke", map[string]any{"token": second})
	signsWith(t, key)
	require.NotEqual(t, second, key.session.client.Token())
}

// A role that lost its right, or its secret id, signs no more, says which, and signs again when it is given back.
func TestVaultPermissionThatIsRemoved(t *testing.T) {
	t.Parallel()
	if !long() {
		return
	}
	v, s := vaulted(t, "1h", "2h")
	key, err := OpenVault(t.TempDir(), s, time.Now)
	require.NoError(t, err)
	v.Do("sys/policies/acl/veribatch-signer", map[string]any{"policy": `path "transit/keys/none" { capabilities = ["read"] }`})
	refuses(t, key, "does not permit it", s)
	v.Do("sys/policies/acl/veribatch-signer", map[string]any{"policy": testvault.Policy(t, "veribatch-signer")})
	signsWith(t, key)
	v.Delete("auth/approle/role/veribatch-signer")
	signsWith(t, key) // the token lives on
	v.Do("auth/token/revoke", map[string]any{"token": key.session.client.Token()})
	refuses(t, key, "does not accept role id and secret id", s)
}

// The signer's policy reaches its key alone: no other key, no export, no rotation; and a role without it does not reach that key.
func TestVaultPoliciesPartTheKeys(t *testing.T) {
	t.Parallel()
	if !long() {
		return
	}
	v, s := vaulted(t, "1h", "2h")
	key, err := OpenVault(t.TempDir(), s, time.Now)
	require.NoError(t, err)
	signsWith(t, key)
	v.Do("transit/keys/veribatch-site", map[string]any{"type": "ed25519"})
	for path, body := range map[string]map[string]any{
		"transit/sign/veribatch-site":                            {"input": "YQ=="},
		"transit/keys/veribatch-checkpoint/rotate":               {},
		"transit/keys/veribatch-checkpoint/config":               {"exportable": true},
		"transit/export/signing-key/veribatch-checkpoint/latest": nil,
		"transit/backup/veribatch-checkpoint":                    nil,
	} {
		_, err := key.session.ask(t.Context(), "try", path, body)
		require.ErrorContains(t, err, "does not permit it", path)
	}
	partServerAndSigner(t, v, s)
	other := v.Role("other", `path "transit/sign/veribatch-site" { capabilities = ["update"] }`, "1h", "1h")
	stranger := s
	stranger.RoleIDFile, stranger.SecretIDFile = other.RoleIDFile, other.SecretIDFile
	_, err = OpenVault(t.TempDir(), stranger, time.Now)
	require.ErrorContains(t, err, "does not permit it")
	key.session.roleID, key.session.secretID = other.RoleIDFile, other.SecretIDFile
	key.session.renew, key.session.until = time.Time{}, time.Time{}
	refuses(t, key, "does not permit it", stranger)
}

// partServerAndSigner: the server's policy does not reach the key of checkpoints, nor the signer's policy that of people's signatures, of prints, or the password
// of the database; and neither hands out or turns a key.
func partServerAndSigner(t *testing.T, v *testvault.Vault, signer VaultSettings) {
	t.Helper()
	v.Do("transit/keys/veribatch-statements", map[string]any{"type": "ed25519"})
	v.Do("transit/keys/veribatch-documents", map[string]any{"type": "ecdsa-p256"})
	v.Passwords("secret")
	v.Do("secret/data/veribatch-database", map[string]any{"data": map[string]any{"password": "word"}})
	role := v.Role("veribatch-server", testvault.Policy(t, "veribatch-server")+testvault.Policy(t, "veribatch-documents")+testvault.Policy(t, "veribatch-database"), "1h", "2h")
	server := VaultSettings{Address: v.Address, Key: "transit/veribatch-statements", RoleIDFile: role.RoleIDFile, SecretIDFile: role.SecretIDFile}
	own, err := OpenVaultStatements(t.TempDir(), server, time.Now)
	require.NoError(t, err)
	_, err = own.Seal(t.Context(), "manifest", []byte("a manifest"))
	require.NoError(t, err)
	theirs, err := OpenVault(t.TempDir(), signer, time.Now)
	require.NoError(t, err)
	for session, paths := range map[*vaultSession][]string{
		own.session:    {"transit/sign/veribatch-checkpoint", "transit/keys/veribatch-statements/rotate", "transit/keys/veribatch-documents/rotate"},
		theirs.session: {"transit/sign/veribatch-statements", "transit/sign/veribatch-documents"},
	} {
		for _, path := range paths {
			_, err := session.ask(t.Context(), "try", path, map[string]any{"input": "YQ=="})
			require.ErrorContains(t, err, "does not permit it", path)
		}
	}
	for session, paths := range map[*vaultSession][]string{
		own.session:    {"transit/keys/veribatch-checkpoint", "transit/export/signing-key/veribatch-statements/latest"},
		theirs.session: {"secret/data/veribatch-database", "transit/export/signing-key/veribatch-documents/latest"},
	} {
		for _, path := range paths {
			_, err := session.ask(t.Context(), "try", path, nil)
			require.ErrorContains(t, err, "does not permit it", path)
		}
	}
}

// A Vault behind a slow line costs the time that a signature may take, and no more.
func TestVaultThatIsSlow(t *testing.T) {
	t.Parallel()
	if !long() {
		return
	}
	v, s := vaulted(t, "1h", "2h")
	target, err := url.Parse(v.Address)
	require.NoError(t, err)
	var slow atomic.Bool
	quick := make(chan struct{})
	through := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	line := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slow.Load() {
			<-quick
		}
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(line.Close)
	s.Address = line.URL
	key, err := OpenVault(t.TempDir(), s, time.Now)
	require.NoError(t, err)
	signsWith(t, key)
	slow.Store(true)
	began := time.Now()
	refuses(t, key, "did not answer within 3s", s)
	require.Less(t, time.Since(began), vaultPatience+time.Second)
	slow.Store(false)
	close(quick)
	signsWith(t, key)
}

// A version that Vault adds changes nothing for a signer that began with another one: its signatures verify as before. Only an empty folder takes the newest, which
// is another key. A key made anew under the same name is no longer the one, and neither is one that Vault would hand out.
func TestVaultKeyThatIsRotated(t *testing.T) {
	t.Parallel()
	if !long() {
		return
	}
	v, s := vaulted(t, "1h", "2h")
	folder := t.TempDir()
	key, err := OpenVault(folder, s, time.Now)
	require.NoError(t, err)
	old, err := key.SignRaw([]byte("before"))
	require.NoError(t, err)
	v.Do("transit/keys/veribatch-checkpoint/rotate", nil)
	signsWith(t, key)
	again, err := OpenVault(folder, s, time.Now)
	require.NoError(t, err)
	require.Equal(t, key.ID(), again.ID())
	signsWith(t, again)
	next, err := OpenVault(t.TempDir(), s, time.Now)
	require.NoError(t, err)
	require.NotEqual(t, key.ID(), next.ID())
	signsWith(t, next)
	require.True(t, ed25519.Verify(key.Public(), []byte("before"), old))

	v.Do("transit/keys/veribatch-checkpoint/config", map[string]any{"min_encryption_version": 2})
	refuses(t, key, "Vault answered", s)
	v.Do("transit/keys/veribatch-checkpoint/config", map[string]any{"deletion_allowed": true})
	v.Delete("transit/keys/veribatch-checkpoint")
	refuses(t, key, "Vault answered", s)
	v.Do("transit/keys/veribatch-checkpoint", map[string]any{"type": "ed25519"})
	refuses(t, key, "is another key", s)
	v.Do("transit/keys/veribatch-checkpoint/config", map[string]any{"exportable": true})
	_, err = OpenVault(t.TempDir(), s, time.Now)
	require.ErrorContains(t, err, "hand out the private half")
}

// Answers that are no signature and no key are refused whatever they are.
func TestMalformedAnswersOfVault(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{`null`, `[]`, `{}`, `{"signature":7}`, `{"signature":"vault:v2:AAAA"}`, `{"signature":"vault:v1:AAAA"}`, `{"signature":"vault:v1:?"}`} {
		_, err := readSignature(json.RawMessage(answer), 1)
		require.Error(t, err, answer)
	}
	good := `{"type":"ed25519","latest_version":2,"keys":{"2":{"public_key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}}`
	version, _, err := readKey(json.RawMessage(good))
	require.NoError(t, err)
	require.Equal(t, 2, version)
	for _, change := range [][2]string{
		{`"ed25519"`, `"ecdsa-p256"`}, {`"latest_version":2`, `"latest_version":1`}, {`"latest_version":2`, `"latest_version":"2"`}, {`AAAA`, ``}, {`{"type"`, `{"exportable":true,"type"`},
		{`{"type"`, `{"allow_plaintext_backup":true,"type"`}, {`{"type"`, `{"derived":true,"type"`}, {good, `null`}, {good, `[]`},
	} {
		_, _, err := readKey(json.RawMessage(strings.Replace(good, change[0], change[1], 1)))
		require.Error(t, err, change)
	}
}

// Whoever names a Vault wrongly is told before anything is asked; no secret goes out unencrypted or from a file that everybody reads.
func TestVaultSettingsThatAreWrong(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	secret := filepath.Join(folder, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("s\n"), 0o600))
	good := VaultSettings{Address: "https://vault.example:8200", Key: checkpointInVault, RoleIDFile: secret, SecretIDFile: secret}
	for _, change := range []func(*VaultSettings){
		func(s *VaultSettings) { s.Address = "http://vault.example:8200" },
		func(s *VaultSettings) { s.Address = "https://me:secret@vault.example" },
		func(s *VaultSettings) { s.Address = "vault.example:8200" },
		func(s *VaultSettings) { s.SecretIDFile = "" },
		func(s *VaultSettings) { s.Key = "veribatch" },
		func(s *VaultSettings) { s.Key = "transit/../sys" },
		func(s *VaultSettings) { s.Key = "transit/a?b" },
	} {
		s := good
		change(&s)
		_, err := OpenVault(folder, s, time.Now)
		require.Error(t, err, s)
	}
	require.NoError(t, os.Chmod(secret, 0o644))
	session, err := newVaultSession(good, time.Now)
	require.NoError(t, err)
	require.ErrorContains(t, session.login(context.Background()), "open to everybody")
	_, err = OpenCheckpoint(folder)
	require.NoError(t, err)
	_, err = OpenVault(folder, good, time.Now)
	require.ErrorContains(t, err, "names no key of Vault")
}
