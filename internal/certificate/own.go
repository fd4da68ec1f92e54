package certificate

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	leafLife      = 397 * 24 * time.Hour // the most that browsers take
	renewBefore   = 100 * 24 * time.Hour // earlier than any alarm
	clockSkew     = time.Hour            // a station's clock may be behind
)

// AuthorityFile is the certificate that stations import once, in the folder given to Own.
const AuthorityFile = "authority.pem"

// Own makes a certificate for the names of this server at first use and renews it long before it ends, or when a name is new. It is issued
// by an authority of this server alone, so that a station which trusts the authority sees no warning at a renewal. The authority may
// speak only for the host names that it was made for and for private addresses: who steals its key cannot pose as the rest of the world.
// Keys are P-256, for their owner only (0600).
func Own(folder string, names []string) (*Keeper, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	return keep(func(now time.Time) (*tls.Certificate, error) { return own(folder, names, now) })
}

func own(folder string, names []string, now time.Time) (*tls.Certificate, error) {
	file := func(name string) string { return filepath.Join(folder, name) }
	authority, err := readPair(file(AuthorityFile), file("authority.key"))
	if absent(file("authority.key")) || err == nil && (!mayIssue(authority.Leaf, names) || now.Add(leafLife).After(authority.Leaf.NotAfter)) {
		authority, err = issue(file(AuthorityFile), file("authority.key"), authorityTemplate(names, now), nil)
	}
	if err != nil {
		return nil, err
	}
	leaf, err := readPair(file("server.pem"), file("server.key"))
	if err == nil && leaf.Leaf.CheckSignatureFrom(authority.Leaf) == nil && covers(leaf.Leaf, names) && now.Add(renewBefore).Before(leaf.Leaf.NotAfter) && !now.Before(leaf.Leaf.NotBefore) {
		return leaf, nil
	}
	return issue(file("server.pem"), file("server.key"), leafTemplate(names, now), authority)
}

func absent(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// private are the address ranges of company networks, in which the authority may speak.
var private = []string{"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7", "fe80::/10"}

func authorityTemplate(names []string, now time.Time) *x509.Certificate {
	host, _ := os.Hostname()
	dns, ips := split(names)
	t := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Veribatch on " + host + ", " + day(now)}, NotBefore: now.Add(-clockSkew), NotAfter: now.Add(authorityLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: dns,
	}
	for _, text := range private {
		_, block, _ := net.ParseCIDR(text)
		t.PermittedIPRanges = append(t.PermittedIPRanges, block)
	}
	for _, ip := range ips {
		t.PermittedIPRanges = append(t.PermittedIPRanges, &net.IPNet{IP: ip, Mask: net.CIDRMask(8*len(ip), 8*len(ip))})
	}
	return t
}

func leafTemplate(names []string, now time.Time) *x509.Certificate {
	t := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Veribatch"}, NotBefore: now.Add(-clockSkew), NotAfter: now.Add(leafLife - clockSkew),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	t.DNSNames, t.IPAddresses = split(names)
	return t
}

// split sorts names into host names and addresses; IPv4 in four bytes.
func split(names []string) (dns []string, ips []net.IP) {
	for _, name := range names {
		if ip := net.ParseIP(name); ip == nil {
			dns = append(dns, name)
		} else if v4 := ip.To4(); v4 != nil {
			ips = append(ips, v4)
		} else {
			ips = append(ips, ip)
		}
	}
	return dns, ips
}

// covers tells whether a certificate is good for every name.
func covers(c *x509.Certificate, names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return c.VerifyHostname(name) != nil })
}

// mayIssue tells whether the authority may speak for every name.
func mayIssue(authority *x509.Certificate, names []string) bool {
	dns, ips := split(names)
	return !slices.ContainsFunc(dns, func(name string) bool { return !slices.Contains(authority.PermittedDNSDomains, name) }) &&
		!slices.ContainsFunc(ips, func(ip net.IP) bool {
			return !slices.ContainsFunc(authority.PermittedIPRanges, func(r *net.IPNet) bool { return r.Contains(ip) })
		})
}

// issue makes a key and its certificate, signed by the authority or by itself, and puts them in place. The certificate goes first: a crash
// between the two leaves a pair that does not match, which is made anew.
func issue(certFile, keyFile string, t *x509.Certificate, authority *tls.Certificate) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if t.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, err
	}
	parent, signer, chain := t, any(key), [][]byte(nil)
	if authority != nil {
		parent, signer, chain = authority.Leaf, authority.PrivateKey, authority.Certificate
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, err
	}
	var certs bytes.Buffer
	for _, c := range append([][]byte{der}, chain...) {
		if err := pem.Encode(&certs, &pem.Block{Type: "CERTIFICATE", Bytes: c}); err != nil {
			return nil, err
		}
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := place(certFile, certs.Bytes(), 0o644); err != nil {
		return nil, err
	}
	if err := place(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600); err != nil {
		return nil, err
	}
	return readPair(certFile, keyFile)
}

// place writes a file beside its place and moves it there whole.
func place(path string, content []byte, mode fs.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new.*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(content)
	if err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// Names gives the names by which this machine may be called: its host name, localhost, its addresses, and those that are given.
func Names(given ...string) []string {
	names := append([]string{"localhost", "127.0.0.1", "::1"}, given...)
	if host, err := os.Hostname(); err == nil && host != "" {
		names = append(names, host)
	}
	addresses, _ := net.InterfaceAddrs()
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLinkLocalUnicast() {
			names = append(names, n.IP.String())
		}
	}
	return names
}
