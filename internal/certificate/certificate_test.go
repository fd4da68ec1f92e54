package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/internal/fault"
)

var names = []string{"plant7", "localhost", "127.0.0.1", "192.168.7.20", "fd00::7"}

// trusts verifies the certificate in use as a station does that has imported the authority.
func trusts(t *testing.T, folder string, k *Keeper, name string, at time.Time) error {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(folder, AuthorityFile))
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(raw))
	_, err = k.Leaf().Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: at})
	return err
}

// A station that imported the authority once sees no warning, under every name, also after renewals.
func TestOwnCertificateIsTrustedUnderEveryNameAndAfterARenewal(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "tls")
	k, err := Own(folder, names)
	require.NoError(t, err)
	now := time.Now()
	for _, name := range names {
		require.NoError(t, trusts(t, folder, k, name, now), name)
	}
	require.Error(t, trusts(t, folder, k, "bank.example", now))
	for _, secret := range []string{"authority.key", "server.key"} {
		info, err := os.Stat(filepath.Join(folder, secret))
		require.NoError(t, err)
		require.EqualValues(t, 0o600, info.Mode().Perm(), secret)
	}
	first := Fingerprint(k.Leaf())
	require.Len(t, first, 32*3-1)
	require.Contains(t, k.String(), first)

	again, err := Own(folder, names)
	require.NoError(t, err)
	require.Equal(t, first, Fingerprint(again.Leaf()), "a restart keeps it")
	changed, err := k.Refresh(now.Add(leafLife - renewBefore - 48*time.Hour))
	require.NoError(t, err)
	require.False(t, changed, "not yet due")
	later := now.Add(leafLife - renewBefore + time.Hour)
	changed, err = k.Refresh(later)
	require.NoError(t, err)
	require.True(t, changed)
	require.NotEqual(t, first, Fingerprint(k.Leaf()))
	require.NoError(t, trusts(t, folder, k, "plant7", later), "the same authority")
}

// Whoever steals the authority's key can pose as this server, and as nobody else.
func TestTheAuthorityCannotSpeakForOthers(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	_, err := Own(folder, names)
	require.NoError(t, err)
	authority, err := readPair(filepath.Join(folder, AuthorityFile), filepath.Join(folder, "authority.key"))
	require.NoError(t, err)
	for _, name := range []string{"bank.example", "8.8.8.8"} {
		forged, err := issue(filepath.Join(folder, "f.pem"), filepath.Join(folder, "f.key"), leafTemplate([]string{name}, time.Now()), authority)
		require.NoError(t, err)
		k := &Keeper{}
		k.inUse.Store(forged)
		require.ErrorContains(t, trusts(t, folder, k, name, time.Now()), "not permitted", name)
	}
}

// A new name is covered at the next start; one that the authority may not speak for makes a new authority.
func TestNewNames(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	k, err := Own(folder, names)
	require.NoError(t, err)
	authority := func() string {
		raw, err := os.ReadFile(filepath.Join(folder, AuthorityFile))
		require.NoError(t, err)
		return string(raw)
	}
	first := authority()
	moved, err := Own(folder, append([]string{"10.1.2.3"}, names...))
	require.NoError(t, err)
	require.NotEqual(t, Fingerprint(k.Leaf()), Fingerprint(moved.Leaf()))
	require.NoError(t, trusts(t, folder, moved, "10.1.2.3", time.Now()))
	require.Equal(t, first, authority(), "an address of the company's network")
	renamed, err := Own(folder, append([]string{"plant8"}, names...))
	require.NoError(t, err)
	require.NotEqual(t, first, authority())
	require.NoError(t, trusts(t, folder, renamed, "plant8", time.Now()))
}

// What is half written or lost is made again; what others can read is refused.
func TestOwnCertificateAfterACrash(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	_, err := Own(folder, names)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "server.pem"), []byte("half"), 0o600))
	k, err := Own(folder, names)
	require.NoError(t, err)
	require.NoError(t, trusts(t, folder, k, "plant7", time.Now()))
	require.NoError(t, os.Chmod(filepath.Join(folder, "authority.key"), 0o644)) //nolint // the fault under test
	_, err = Own(folder, names)
	require.Equal(t, fault.Refused, fault.KindOf(err), "%v", err)
}

// given writes a pair as a certificate office would.
func given(t *testing.T, folder string, notAfter time.Time) {
	t.Helper()
	template := leafTemplate([]string{"127.0.0.1"}, time.Now())
	template.NotAfter = notAfter
	_, err := issue(filepath.Join(folder, "plant.pem"), filepath.Join(folder, "plant.key"), template, nil)
	require.NoError(t, err)
}

// A renewed pair is taken into use without a restart; a bad one leaves the old one in use and is told.
func TestGivenCertificateIsReplacedOnlyByAGoodOne(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	cert, key := filepath.Join(folder, "plant.pem"), filepath.Join(folder, "plant.key")
	_, err := Given(cert, key)
	require.Equal(t, fault.Missing, fault.KindOf(err))
	given(t, folder, time.Now().Add(24*time.Hour))
	k, err := Given(cert, key)
	require.NoError(t, err)
	first := Fingerprint(k.Leaf())

	refused := func(kind fault.Kind) {
		t.Helper()
		changed, err := k.Refresh(time.Now())
		require.Equal(t, kind, fault.KindOf(err), "%v", err)
		require.False(t, changed)
		require.Equal(t, first, Fingerprint(k.Leaf()))
	}
	good, err := os.ReadFile(key)
	require.NoError(t, err)
	given(t, folder, time.Now().Add(48*time.Hour))
	fresh, err := os.ReadFile(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(key, good, 0o600))
	refused(fault.Invalid) // the key of the certificate before
	require.NoError(t, os.WriteFile(key, fresh, 0o600))
	changed, err := k.Refresh(time.Now())
	require.NoError(t, err)
	require.True(t, changed)
	first = Fingerprint(k.Leaf())
	given(t, folder, time.Now().Add(-time.Minute))
	refused(fault.Refused)                   // ended already
	require.NoError(t, os.Chmod(key, 0o644)) //nolint // the fault under test
	refused(fault.Refused)
	require.NoError(t, os.Remove(key))
	refused(fault.Missing)
}

// Old protocols are refused; the newest is spoken when both can.
func TestProtocolVersions(t *testing.T) {
	t.Parallel()
	k, err := Own(t.TempDir(), names)
	require.NoError(t, err)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", k.Config())
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _ = conn.(*tls.Conn).Handshake(); _ = conn.Close() }()
		}
	}()
	dial := func(highest uint16) (uint16, error) {
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", listener.Addr().String(),
			&tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: highest}) //nolint // the protocol is under test, not the certificate
		if err != nil {
			return 0, err
		}
		defer conn.Close()
		return conn.ConnectionState().Version, nil
	}
	version, err := dial(tls.VersionTLS13)
	require.NoError(t, err)
	require.EqualValues(t, tls.VersionTLS13, version)
	version, err = dial(tls.VersionTLS12)
	require.NoError(t, err)
	require.EqualValues(t, tls.VersionTLS12, version)
	_, err = dial(tls.VersionTLS11)
	require.Error(t, err)
}
