package keyring

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/internal/testvault"
)

// signsDocuments requires that the key makes signatures which its certificate verifies.
func signsDocuments(t *testing.T, d *Document) {
	t.Helper()
	sum := sha256.Sum256([]byte("a print"))
	signature, err := d.Key.Sign(rand.Reader, sum[:], crypto.SHA256)
	require.NoError(t, err)
	require.True(t, ecdsa.VerifyASN1(d.Certificate.PublicKey.(*ecdsa.PublicKey), sum[:], signature))
}

func TestKeyOfDocumentsIsMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "keys")
	first, err := OpenDocument(folder, time.Now)
	require.NoError(t, err)
	signsDocuments(t, first)
	require.NoError(t, first.Certificate.CheckSignature(x509.ECDSAWithSHA256, first.Certificate.RawTBSCertificate, first.Certificate.Signature))
	again, err := OpenDocument(folder, time.Now)
	require.NoError(t, err)
	require.Equal(t, first.Certificate.Raw, again.Certificate.Raw)
	for _, name := range []string{documentKeyName, certificateName} {
		info, err := os.Stat(filepath.Join(folder, name))
		require.NoError(t, err)
		require.EqualValues(t, 0o600, info.Mode().Perm())
	}
	require.NoError(t, first.Usable(time.Now()))
	require.NoError(t, first.Usable(time.Now().AddDate(9, 11, 0)))
	require.ErrorContains(t, first.Usable(time.Now().AddDate(10, 0, 1)), "is valid from")
	require.ErrorContains(t, first.Usable(time.Now().AddDate(0, 0, -1)), "is valid from")
}

// The plant's own authority certifies the key: its certificate takes the place of the first one.
func TestCertificateOfAnAuthority(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	d, err := OpenDocument(folder, time.Now)
	require.NoError(t, err)
	authority, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Authority"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	form := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Plant 7"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, form, root, d.Key.Public(), authority)
	require.NoError(t, err)
	path := filepath.Join(folder, certificateName)
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	d, err = OpenDocument(folder, time.Now)
	require.NoError(t, err)
	require.Equal(t, "Plant 7", d.Certificate.Subject.CommonName)
	signsDocuments(t, d)
	other, err := x509.CreateCertificate(rand.Reader, form, root, authority.Public(), authority)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other}), 0o600))
	_, err = OpenDocument(folder, time.Now)
	require.ErrorContains(t, err, "is not the key of printed records, or not its certificate")
}

func TestKeyOfDocumentsRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(key, certificate string) error{
		"no key":            func(key, _ string) error { return os.WriteFile(key, []byte("hello"), 0o600) },
		"open to others":    func(key, _ string) error { return os.Chmod(key, 0o644) },
		"no certificate":    func(_, certificate string) error { return os.WriteFile(certificate, []byte("hello"), 0o600) },
		"half":              func(_, certificate string) error { return os.Truncate(certificate, 100) },
		"a certificate key": func(key, certificate string) error { _ = os.Remove(key); return os.Rename(certificate, key) },
	} {
		folder := t.TempDir()
		_, err := OpenDocument(folder, time.Now)
		require.NoError(t, err)
		require.NoError(t, spoil(filepath.Join(folder, documentKeyName), filepath.Join(folder, certificateName)))
		_, err = OpenDocument(folder, time.Now)
		require.Error(t, err, name)
	}
}

// A key of Vault signs documents and never leaves it; its certificate names key and version, so that neither a rotation nor a Vault that is away at the start
// changes anything. While Vault is sealed nothing is signed, and afterwards it is again.
func TestKeyOfDocumentsInVault(t *testing.T) {
	t.Parallel()
	v := testvault.Start(t)
	v.Do("transit/keys/veribatch-documents", map[string]any{"type": "ecdsa-p256"})
	v.Do("transit/keys/veribatch-statements", map[string]any{"type": "ed25519"})
	role := v.Role("veribatch-documents", testvault.Policy(t, "veribatch-documents"), "1h", "2h")
	s := VaultSettings{Address: v.Address, Key: "transit/veribatch-documents", RoleIDFile: role.RoleIDFile, SecretIDFile: role.SecretIDFile}
	folder := t.TempDir()
	d, err := OpenVaultDocument(folder, s, time.Now)
	require.NoError(t, err)
	signsDocuments(t, d)
	require.NoError(t, d.Certificate.CheckSignature(x509.ECDSAWithSHA256, d.Certificate.RawTBSCertificate, d.Certificate.Signature))
	_, err = os.Stat(filepath.Join(folder, documentKeyName))
	require.ErrorIs(t, err, os.ErrNotExist)

	v.Do("transit/keys/veribatch-documents/rotate", map[string]any{})
	v.Seal()
	again, err := OpenVaultDocument(folder, s, time.Now)
	require.NoError(t, err)
	require.Equal(t, d.Certificate.Raw, again.Certificate.Raw)
	_, err = again.Key.Sign(rand.Reader, make([]byte, 32), crypto.SHA256)
	require.ErrorContains(t, err, "sealed")
	v.Unseal()
	signsDocuments(t, again)

	_, err = again.Key.(*documentInVault).session.ask(t.Context(), "try", "transit/sign/veribatch-statements", map[string]any{"input": "YQ=="})
	require.ErrorContains(t, err, "does not permit it")
	other := s
	other.Key = "transit/veribatch-statements"
	_, err = OpenVaultDocument(folder, other, time.Now)
	require.ErrorContains(t, err, "and not of transit/veribatch-statements")
	_, err = OpenDocument(folder, time.Now)
	require.ErrorContains(t, err, "not its certificate", "a key of its own does not fit the certificate of Vault's")
}
