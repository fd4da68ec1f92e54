package pades

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-pdf/fpdf"
	"github.com/stretchr/testify/require"
)

// document is as ebr/report writes it: with a link on the first page, or without one.
func document(t testing.TB, linked bool) []byte {
	pdf := fpdf.New("P", "mm", "A4", "")
	pdf.SetCatalogSort(true)
	pdf.SetFont("Helvetica", "", 12)
	pdf.AddPage()
	pdf.Cell(40, 10, "Batch B-000123")
	if linked {
		to := pdf.AddLink()
		pdf.SetLink(to, 0, 2)
		pdf.Link(10, 10, 40, 10, to)
	}
	pdf.AddPage()
	pdf.Cell(40, 10, "the second page")
	pdf.SetLang("en")
	var out bytes.Buffer
	require.NoError(t, pdf.Output(&out))
	return out.Bytes()
}

func signer(t testing.TB) Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	form := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "Documents of the plant"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return Signer{key, certificate}
}

// viewed is what poppler's viewer of signatures says of a document.
func viewed(t testing.TB, pdf []byte) string {
	folder := t.TempDir()
	file := filepath.Join(folder, "signed.pdf")
	require.NoError(t, os.WriteFile(file, pdf, 0o600))
	made, err := exec.Command("certutil", "-d", "sql:"+folder, "-N", "--empty-password").CombinedOutput() // where it looks for certificates
	require.NoError(t, err, "%s", made)
	out, err := exec.Command("pdfsig", "-nssdir", folder, file).CombinedOutput()
	return fmt.Sprint(string(out), err)
}

var ranges = regexp.MustCompile(`/ByteRange \[0 (\d+) (\d+) (\d+)\]`)

// verified is what OpenSSL says of the CMS signature in a document, when somebody trusts this certificate.
func verified(t testing.TB, pdf []byte, c *x509.Certificate) string {
	folder := t.TempDir()
	var at [3]int
	for i, digits := range ranges.FindSubmatch(pdf)[1:] {
		at[i], _ = strconv.Atoi(string(digits))
	}
	message, err := hex.DecodeString(string(pdf[at[0]+1 : at[1]-1]))
	require.NoError(t, err)
	for name, content := range map[string][]byte{
		"cms": message, "content": append(bytes.Clone(pdf[:at[0]]), pdf[at[1]:at[1]+at[2]]...), "certificate": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	}
	verify := exec.Command("openssl", "cms", "-verify", "-inform", "DER", "-in", "cms", "-content", "content", "-CAfile", "certificate", "-purpose", "any", "-binary", "-out", "/dev/null", "-cades")
	verify.Dir = folder
	out, err := verify.CombinedOutput()
	return fmt.Sprint(string(out), err)
}

func TestAViewerBelievesTheSignature(t *testing.T) {
	t.Parallel()
	for _, linked := range []bool{false, true} {
		plain, s := document(t, linked), signer(t)
		at := time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)
		signed, err := Sign(plain, s, Words{"Record of batch B-000123, Größe Ω", at})
		require.NoError(t, err)
		require.Equal(t, plain, signed[:len(plain)], "the document stays as it was")
		said := viewed(t, signed)
		for _, words := range []string{"Signature is Valid", "Total document signed", "ETSI.CAdES.detached", "Documents of the plant", "SHA-256", "Nov 24 2026 09:30"} {
			require.Contains(t, said, words)
		}
		require.Contains(t, verified(t, signed, s.Certificate), "successful")
		file := filepath.Join(t.TempDir(), "signed.pdf")
		require.NoError(t, os.WriteFile(file, signed, 0o600))
		check, err := exec.Command("qpdf", "--check", file).CombinedOutput()
		require.NoError(t, err, "%s", check)
	}
}

// Whatever is changed in the document afterwards, within it or behind it, a viewer says so.
func TestAViewerSeesWhatWasChanged(t *testing.T) {
	t.Parallel()
	plain, s := document(t, true), signer(t)
	signed, err := Sign(plain, s, Words{"Record", time.Now()})
	require.NoError(t, err)
	for _, at := range []int{20, len(plain) / 2, len(plain) + 5, len(signed) - 30} {
		other := bytes.Clone(signed)
		other[at] ^= 1
		require.NotContains(t, viewed(t, other), "Signature is Valid", "byte %d", at)
	}
	longer := append(bytes.Clone(signed), []byte("% more\n%%EOF\n")...)
	require.NotContains(t, viewed(t, longer), "Total document signed")
	another := signer(t)
	require.NotContains(t, verified(t, signed, another.Certificate), "successful")
	_, err = Sign(plain, Signer{another.Key, s.Certificate}, Words{})
	require.ErrorContains(t, err, "the certificate is not that of the key")
}

func TestOnlyDocumentsOfThisProgramAreSigned(t *testing.T) {
	t.Parallel()
	plain, s := document(t, true), signer(t)
	signed, err := Sign(plain, s, Words{"Record", time.Now()})
	require.NoError(t, err)
	for name, other := range map[string][]byte{
		"nothing": nil, "no PDF": []byte("hello"), "signed already": signed, "cut": plain[:len(plain)-9], "no start": bytes.Replace(plain, []byte("%PDF"), []byte("%QDF"), 1),
		"a place before the start": regexp.MustCompile(`(xref\n0 \d+\n(?s:.{20}))0`).ReplaceAll(plain, []byte("${1}-")),
		"a start beyond numbers":   regexp.MustCompile(`startxref\n\d+`).ReplaceAll(plain, []byte("startxref\n9223372036854775807")),
		"a size beyond numbers":    regexp.MustCompile(`/Size \d+`).ReplaceAll(plain, []byte("/Size 9223372036854775807")),
		"no table":                 bytes.Replace(plain, []byte("\nxref\n"), []byte("\nxrex\n"), 1), "no pages": bytes.Replace(plain, []byte("/Kids"), []byte("/Kidz"), 1),
	} {
		_, err := Sign(other, s, Words{})
		require.ErrorIs(t, err, errDocument, name)
	}
}

func FuzzSign(f *testing.F) {
	plain, s := document(f, true), signer(f)
	f.Add(plain)
	f.Add(document(f, false))
	f.Add([]byte(strings.Repeat("xref\n", 3)))
	f.Fuzz(func(t *testing.T, pdf []byte) {
		if signed, err := Sign(pdf, s, Words{"Record", time.Now()}); err == nil && !bytes.HasPrefix(signed, pdf) {
			t.Error("the document did not stay as it was")
		}
	})
}
