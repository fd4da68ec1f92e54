package keyring

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"veribatch/internal/fault"
)

// Files of the key with which printed records are signed: its certificate, and the key itself when it is no key of Vault.
const (
	documentKeyName  = "document.key"
	certificateName  = "document.crt"
	certificateYears = 10
	pinCertificate   = "CERTIFICATE"
)

// Document is the key with which printed records are signed: ECDSA P-256, because viewers of PDF verify no Ed25519. Its certificate stands in each document.
type Document struct {
	Key         crypto.Signer
	Certificate *x509.Certificate
}

// CertificateID is the lower-case hex of the first 16 bytes of the SHA-256 of a certificate.
func CertificateID(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:16])
}

// OpenDocument takes up key and certificate in the folder of the keys, and makes both at first use: a certificate signed by the key itself. One of the plant's
// authority for the same key may take its place.
func OpenDocument(folder string, clock func() time.Time) (*Document, error) {
	path := filepath.Join(folder, documentKeyName)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := createDocument(folder, path); err != nil {
			return nil, fmt.Errorf("make the key %s: %w", path, err)
		}
	}
	content, err := readFile(path)
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(content)
	if block == nil || len(rest) != 0 {
		return nil, brokenDocument(path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok || private.Curve != elliptic.P256() {
		return nil, brokenDocument(path)
	}
	return certified(folder, private, nil, clock)
}

func createDocument(folder, path string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	return place(folder, path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func brokenDocument(path string) *fault.Error {
	return fault.New(fault.Refused, "The file %s is not the key of printed records, or not its certificate. Put %s and %s aside: the next start makes another key. Prints that were signed stay verifiable.", path, documentKeyName, certificateName)
}

// certified reads the certificate of the key, and makes one when there is none.
func certified(folder string, key crypto.Signer, headers map[string]string, clock func() time.Time) (*Document, error) {
	path := filepath.Join(folder, certificateName)
	_, certificate, err := certificateOf(folder)
	if errors.Is(err, fs.ErrNotExist) {
		if err := certify(folder, path, key, headers, clock()); err != nil {
			return nil, fmt.Errorf("make the certificate %s: %w", path, err)
		}
		_, certificate, err = certificateOf(folder)
	}
	if err != nil {
		return nil, err
	}
	if public, ok := key.Public().(*ecdsa.PublicKey); !ok || !public.Equal(certificate.PublicKey) {
		return nil, brokenDocument(path)
	}
	return &Document{key, certificate}, nil
}

func certify(folder, path string, key crypto.Signer, headers map[string]string, now time.Time) error {
	serial := make([]byte, 16)
	if _, err := rand.Read(serial); err != nil {
		return err
	}
	form := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: pkix.Name{CommonName: "Veribatch, printed batch records"}, NotBefore: now.Add(-time.Minute), NotAfter: now.AddDate(certificateYears, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment, SignatureAlgorithm: x509.ECDSAWithSHA256,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		return err
	}
	return place(folder, path, pem.EncodeToMemory(&pem.Block{Type: pinCertificate, Headers: headers, Bytes: der}))
}

func certificateOf(folder string) (headers map[string]string, certificate *x509.Certificate, err error) {
	path := filepath.Join(folder, certificateName)
	content, err := readFile(path)
	if err != nil {
		return nil, nil, err
	}
	block, _ := pem.Decode(content) // an authority may add its own certificates behind it
	if block == nil || block.Type != pinCertificate {
		return nil, nil, brokenDocument(path)
	}
	if certificate, err = x509.ParseCertificate(block.Bytes); err != nil {
		return nil, nil, brokenDocument(path)
	}
	return block.Headers, certificate, nil
}

// Usable says why a document cannot be signed at this time: its certificate is over, or not yet valid.
func (d *Document) Usable(now time.Time) error {
	if now.Before(d.Certificate.NotBefore) || now.After(d.Certificate.NotAfter) {
		return fault.New(fault.NotReady, "The certificate with which printed records are signed is valid from %s to %s. Tell who keeps the server: docs/operations.md, Signed prints.",
			d.Certificate.NotBefore.Format(time.DateOnly), d.Certificate.NotAfter.Format(time.DateOnly))
	}
	return nil
}
