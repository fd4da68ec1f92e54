package signatures_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/testvault"
	"veribatch/signatures"
	"veribatch/signatures/keyring"
)

// distant is a key that can be out of reach.
type distant struct {
	*keyring.File
	away atomic.Bool
}

// Seal signs when the key is there.
func (d *distant) Seal(ctx context.Context, purpose string, message []byte) ([]byte, error) {
	if d.away.Load() {
		return nil, errors.New("Vault is sealed") //nolint:staticcheck // a name
	}
	return d.File.Seal(ctx, purpose, message)
}

// verified signs as Anna that she verified record one.
func (p *plant) verified() (signatures.Signature, error) {
	p.T.Helper()
	ticket, err := p.ticket()
	if err != nil {
		return signatures.Signature{}, err
	}
	return p.use(p.anna.Token, ticket, p.one, "step.verify", "verified")
}

func (p *plant) ticket() (string, error) {
	return p.Desk.Issue(p.Ctx, signatures.Request{Session: p.anna.Token, UserName: p.anna.UserName, Password: p.anna.Password, Statement: p.shown(p.one, "step.verify", "verified")})
}

// sound requires that every signature verifies and that the site key vouches for every key.
func (p *plant) sound(site *keyring.File) {
	p.T.Helper()
	require.NoError(p.T, p.Trail.Read(p.Ctx, func(r *audit.Reader) error {
		found := func(what string, why error) { p.T.Errorf("%s: %v", what, why) }
		if _, err := signatures.VerifyAll(p.Ctx, r, found); err != nil {
			return err
		}
		return signatures.VerifyKeys(p.Ctx, r, site, found)
	}))
}

// refusedWhileAway requires that nobody signs, that the refusal is entered, and that other entries go on.
func (p *plant) refusedWhileAway(name string) {
	p.T.Helper()
	before := p.count(allRefusals)
	_, err := p.verified()
	requireFault(p.t, err, fault.NotReady, "The key that seals signatures cannot be reached, so nothing was signed. Entries without a signature go on.")
	require.Equal(p.T, before+1, p.count(allRefusals), "the attempt is an entry")
	p.rename(p.two, name)
}

// A key of its own for signatures is recorded and vouched for by the site key, seals from then on, and what was sealed before stays verifiable. While it is
// away nobody signs and everything else goes on. It is no site key: a new site key vouches for it, and believes no password that it sealed.
func TestSignaturesSealedByAKeyOfTheirOwn(t *testing.T) {
	t.Parallel()
	p := setup(t)
	site := p.Desk.Key
	first, err := p.verified()
	require.NoError(t, err)
	own, err := keyring.Open(t.TempDir())
	require.NoError(t, err)
	key := &distant{File: own}
	p.Desk.Seals = key
	_, err = p.verified()
	requireFault(t, err, fault.Refused, "key that is not recorded")
	for range 2 {
		require.NoError(t, signatures.RegisterSealer(p.Ctx, p.Trail, site, key))
	}
	require.NoError(t, signatures.RegisterSealer(p.Ctx, p.Trail, site, site))
	require.Len(t, p.Entries(audit.Site, "key.register"), 2, "one entry per key")
	second, err := p.verified()
	require.NoError(t, err)
	require.Equal(t, []string{site.ID(), own.ID()}, []string{first.KeyID, second.KeyID})
	key.away.Store(true)
	p.refusedWhileAway("Two while it is away")
	key.away.Store(false)
	_, err = p.verified()
	require.NoError(t, err)
	p.sound(site)

	next, err := keyring.Open(t.TempDir())
	require.NoError(t, err)
	former, err := signatures.RegisterKey(p.Ctx, p.Trail, next, true)
	require.NoError(t, err)
	require.Len(t, former, 1, "the site key before it alone")
	require.True(t, former[0].Equal(site.Public()))
	p.sound(next)
	require.NoError(t, signatures.RegisterSealer(p.Ctx, p.Trail, next, key))
	require.Len(t, p.Entries(audit.Site, "key.register"), 3)
	require.NotNil(t, signatures.RegisterSealer(p.Ctx, p.Trail, next, site), "a former site key is none for signatures alone")
}

const statementsInVault = "transit/veribatch-statements"

// A real Vault seals signatures: sealed itself, nobody signs and everything else goes on, and unsealed people sign again without a new start. A rotated key
// changes nothing until the server is told; then both verify. Who may use this key cannot use that of the checkpoints, and the other way round.
func TestSignaturesSealedByVault(t *testing.T) {
	t.Parallel()
	if os.Getenv("VERIBATCH_LONG") == "" {
		return // a Vault is built first
	}
	v := testvault.Start(t)
	for _, name := range []string{"statements", "checkpoint"} {
		v.Do("transit/keys/veribatch-"+name, map[string]any{"type": "ed25519"})
	}
	settings := func(role, key string) keyring.VaultSettings {
		files := v.Role(role, testvault.Policy(t, role), "1h", "2h")
		return keyring.VaultSettings{Address: v.Address, Key: key, RoleIDFile: files.RoleIDFile, SecretIDFile: files.SecretIDFile}
	}
	for role, key := range map[string]string{"veribatch-server": "transit/veribatch-checkpoint", "veribatch-signer": statementsInVault} {
		_, err := keyring.OpenVaultStatements(t.TempDir(), settings(role, key), time.Now)
		require.ErrorContains(t, err, "does not permit it")
	}
	p := setup(t)
	site := p.Desk.Key
	s := settings("veribatch-server", statementsInVault)
	open := func() *keyring.Vault {
		key, err := keyring.OpenVaultStatements(p.Keys, s, time.Now)
		require.NoError(t, err)
		require.NoError(t, signatures.RegisterSealer(p.Ctx, p.Trail, site, key))
		p.Desk.Seals = key
		return key
	}
	key := open()
	first, err := p.verified()
	require.NoError(t, err)
	require.Equal(t, key.ID(), first.KeyID)
	v.Seal()
	p.refusedWhileAway("Two beside a sealed Vault")
	require.Equal(t, key.ID(), open().ID(), "a server starts beside a sealed Vault")
	v.Unseal()
	require.Eventually(t, func() bool { _, err := p.ticket(); return err == nil }, time.Minute, 100*time.Millisecond)
	v.Do("transit/keys/veribatch-statements/rotate", nil)
	require.Equal(t, key.ID(), open().ID())
	_, err = p.verified()
	require.NoError(t, err)
	check := filepath.Join(p.Keys, "statements.key")
	held, err := os.ReadFile(check)
	require.NoError(t, err)
	require.NotContains(t, string(held), "PRIVATE")
	require.NoError(t, os.Rename(check, check+".former"))
	require.NotEqual(t, key.ID(), open().ID())
	last, err := p.verified()
	require.NoError(t, err)
	require.NotEqual(t, first.KeyID, last.KeyID)
	p.sound(site)
}
