package keyring

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/internal/testvault"
)

const passwordInVault = "secret/veribatch-database"

// A password in a real Vault is read anew when it changed. While Vault is sealed, or the role lost its right, the last one counts; who never had one is told why.
// The role reads this secret and no other, and changes none.
func TestPasswordOfTheDatabaseInVault(t *testing.T) {
	t.Parallel()
	if !long() {
		return // a Vault is built first
	}
	v := testvault.Start(t)
	v.Passwords("secret")
	role := v.Role("veribatch-database", testvault.Policy(t, "veribatch-database"), "1h", "2h")
	s := VaultSettings{Address: v.Address, Key: passwordInVault, RoleIDFile: role.RoleIDFile, SecretIDFile: role.SecretIDFile}
	now := time.Now()
	clock := func() time.Time { return now }
	p, err := OpenVaultPassword(s, clock)
	require.NoError(t, err)
	reads := func(want string) {
		t.Helper()
		now = now.Add(knownFor + time.Second)
		got, err := p.Password(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err = p.Password(t.Context())
	require.ErrorContains(t, err, "cannot be read", "nothing is there yet")
	write := func(data map[string]any) { v.Do("secret/data/veribatch-database", map[string]any{"data": data}) }
	write(map[string]any{"user": "app"})
	_, err = p.Password(t.Context())
	require.ErrorContains(t, err, "has no password")
	write(map[string]any{"password": "first"})
	reads("first")
	write(map[string]any{"password": "second"})
	got, err := p.Password(t.Context())
	require.NoError(t, err)
	require.Equal(t, "first", got, "connections opened together ask once")
	reads("second")
	v.Seal()
	reads("second")
	fresh, err := OpenVaultPassword(s, clock)
	require.NoError(t, err)
	_, err = fresh.Password(t.Context())
	require.ErrorContains(t, err, "Vault is sealed")
	v.Unseal()
	write(map[string]any{"password": "third"})
	require.Eventually(t, func() bool { _, err := fresh.Password(t.Context()); return err == nil }, time.Minute, 100*time.Millisecond)
	reads("third")
	v.Delete("secret/data/veribatch-database")
	reads("third")
	v.Do("secret/data/other", map[string]any{"data": map[string]any{"password": "another"}})
	for path, body := range map[string]map[string]any{"secret/data/other": nil, "secret/data/veribatch-database": {"data": map[string]any{"password": "mine"}}} {
		_, err := p.session.ask(t.Context(), "try", path, body)
		require.ErrorContains(t, err, "does not permit it", path)
	}
}

func TestMalformedPasswordsOfVault(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{`null`, `[]`, `{}`, `{"data":null}`, `{"data":{"password":7}}`, `{"data":{"password":""}}`, `{"password":"flat-secret"}`, `{"data":{"password":"nul-secret\u0000"}}`} {
		_, err := readPassword(json.RawMessage(answer))
		require.ErrorContains(t, err, "has no password", answer)
		require.NotContains(t, err.Error(), "-secret")
	}
	secret := t.TempDir() + "/secret"
	require.NoError(t, os.WriteFile(secret, []byte("s\n"), 0o600))
	for _, key := range []string{"", "database", "secret/../sys", "secret/a?b", "/database"} {
		_, err := OpenVaultPassword(VaultSettings{Address: "https://vault.example:8200", Key: key, RoleIDFile: secret, SecretIDFile: secret}, time.Now)
		require.ErrorContains(t, err, "mount of its KV engine", key)
	}
}

// A Vault that hangs costs one connection a second, and those after it nothing.
func TestVaultThatHangsSlowsNoConnection(t *testing.T) {
	t.Parallel()
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // then the client's end is seen
		<-r.Context().Done()
	}))
	t.Cleanup(hangs.Close)
	secret := t.TempDir() + "/secret"
	require.NoError(t, os.WriteFile(secret, []byte("s\n"), 0o600))
	s := VaultSettings{Address: hangs.URL, Key: passwordInVault, RoleIDFile: secret, SecretIDFile: secret}
	p, err := OpenVaultPassword(s, time.Now)
	require.NoError(t, err)
	p.last = "known"
	began := time.Now()
	for range 3 {
		got, err := p.Password(t.Context())
		require.NoError(t, err)
		require.Equal(t, "known", got)
	}
	require.Less(t, time.Since(began), brisk+time.Second)
}
