// Package certificate keeps the TLS certificate of the server: a given pair of files, or one of its own that it makes and renews.
// It opens no port and raises no alarm; the program asks it for the configuration of a listener and for what to say about the certificate.
// Start reading at Given and Own, then Keeper.Refresh.
package certificate

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"veribatch/internal/fault"
)

// Keeper holds the certificate in use. Connections that are open keep theirs; new ones get the newest good one.
type Keeper struct {
	load  func(now time.Time) (*tls.Certificate, error) // reads or makes the newest pair
	inUse atomic.Pointer[tls.Certificate]
}

// Given takes a certificate (with its chain) and its key from PEM files that somebody else renews.
func Given(certFile, keyFile string) (*Keeper, error) {
	return keep(func(time.Time) (*tls.Certificate, error) { return readPair(certFile, keyFile) })
}

func keep(load func(time.Time) (*tls.Certificate, error)) (*Keeper, error) {
	k := &Keeper{load: load}
	pair, err := load(time.Now())
	if err != nil {
		return nil, err
	}
	k.inUse.Store(pair)
	return k, nil
}

// Refresh takes a newer pair into use, when there is one and it is good; changed tells so. A bad one (unreadable, key of another certificate,
// not valid now) changes nothing and is the error: the server goes on with the pair that it has.
func (k *Keeper) Refresh(now time.Time) (changed bool, err error) {
	pair, err := k.load(now)
	if err != nil {
		return false, err
	}
	old := k.inUse.Load()
	if string(pair.Certificate[0]) == string(old.Certificate[0]) {
		return false, nil
	}
	if now.Before(pair.Leaf.NotBefore) || now.After(pair.Leaf.NotAfter) {
		return false, fault.New(fault.Refused, "The new certificate is valid from %s to %s, which is not now. The server goes on with the one it has.",
			day(pair.Leaf.NotBefore), day(pair.Leaf.NotAfter))
	}
	k.inUse.Store(pair)
	return true, nil
}

// Config is the configuration of a listener: TLS 1.3, or 1.2 for what cannot speak it.
func (k *Keeper) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return k.inUse.Load(), nil }}
}

// Leaf is the certificate in use.
func (k *Keeper) Leaf() *x509.Certificate { return k.inUse.Load().Leaf }

// String says what to compare with what a browser shows.
func (k *Keeper) String() string {
	leaf := k.Leaf()
	return fmt.Sprintf("valid until %s, SHA-256 %s", day(leaf.NotAfter), Fingerprint(leaf))
}

// Fingerprint is the SHA-256 of a certificate as browsers show it.
func Fingerprint(c *x509.Certificate) string {
	var pairs []string
	for _, b := range sha256.Sum256(c.Raw) {
		pairs = append(pairs, fmt.Sprintf("%02X", b))
	}
	return strings.Join(pairs, ":")
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// readPair reads certificate and key, which must belong together; a key that everybody on the machine can read is no secret.
func readPair(certFile, keyFile string) (*tls.Certificate, error) {
	info, err := os.Stat(keyFile)
	if err != nil {
		return nil, fault.New(fault.Missing, "The key %s of the TLS certificate cannot be read.", keyFile).Because(err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return nil, fault.New(fault.Refused, "The key %s of the TLS certificate can be read by everybody on this machine. Make it readable for the server only: chmod 0600 %[1]s", keyFile)
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fault.New(fault.Invalid, "The certificate %s and the key %s cannot be used together.", certFile, keyFile).Because(err)
	}
	return &pair, nil
}
