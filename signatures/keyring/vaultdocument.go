package keyring

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"time"

	"veribatch/internal/fault"
)

// OpenVaultDocument is OpenDocument with a key of type ecdsa-p256 that never leaves Vault. The certificate names key and version; while it is there, Vault is
// not asked until something is to be signed.
func OpenVaultDocument(folder string, s VaultSettings, clock func() time.Time) (*Document, error) {
	v, err := unpinned(s, clock)
	if err != nil {
		return nil, err
	}
	key := &documentInVault{Vault: v}
	if headers, public, err := certificateOf(folder); err == nil {
		if headers[pinKey] != s.Key {
			return nil, fault.New(fault.Refused, "The certificate %s is of the key %q of Vault, and not of %s. To take another key put it aside and start the server again.", filepath.Join(folder, certificateName), headers[pinKey], s.Key)
		}
		key.version, _ = strconv.Atoi(headers[pinVersion]) // no number is a version that Vault does not have
		key.public, _ = public.PublicKey.(*ecdsa.PublicKey)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	} else if err := key.newest(); err != nil {
		return nil, err
	}
	if key.public == nil || key.public.Curve != elliptic.P256() {
		return nil, brokenDocument(filepath.Join(folder, certificateName))
	}
	return certified(folder, key, map[string]string{pinKey: s.Key, pinVersion: strconv.Itoa(key.version)}, clock)
}

// documentInVault is a crypto.Signer whose private half is in Vault.
type documentInVault struct {
	*Vault
	public *ecdsa.PublicKey
}

// Public implements crypto.Signer.
func (d *documentInVault) Public() crypto.PublicKey { return d.public }

// Sign implements crypto.Signer for digests of SHA-256. The error says what is the matter with Vault.
func (d *documentInVault) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), vaultPatience)
	defer cancel()
	mount, name := splitKey(d.key)
	data, err := d.session.ask(ctx, "sign with "+d.key, mount+"/sign/"+name, map[string]any{
		"input": base64.StdEncoding.EncodeToString(digest), "key_version": d.version, "prehashed": true, "hash_algorithm": "sha2-256", "marshaling_algorithm": "asn1",
	})
	if err != nil {
		return nil, err
	}
	signature, err := readSignature(data, d.version)
	if err == nil && !ecdsa.VerifyASN1(d.public, digest, signature) {
		err = fmt.Errorf("version %d of the key %s in Vault is another key than that of the certificate", d.version, d.key)
	}
	return signature, err
}

// newest asks Vault for the newest version of the key.
func (d *documentInVault) newest() error {
	ctx, cancel := context.WithTimeout(context.Background(), vaultPatience)
	defer cancel()
	mount, name := splitKey(d.key)
	data, err := d.session.ask(ctx, "read the key "+d.key, mount+"/keys/"+name, nil)
	if err != nil {
		return err
	}
	version, text, err := readKeyOf(data, "ecdsa-p256")
	if err != nil {
		return err
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return errNoPublicKey
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	public, ok := parsed.(*ecdsa.PublicKey)
	if err != nil || !ok {
		return errNoPublicKey
	}
	d.version, d.public = version, public
	return nil
}
