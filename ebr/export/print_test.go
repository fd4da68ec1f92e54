package export_test

import (
	"crypto"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/audit/bundle"
	"veribatch/ebr/export"
	"veribatch/internal/fault"
	"veribatch/signatures/keyring"
)

// away is a key that cannot be reached.
type away struct{ crypto.Signer }

// Sign implements crypto.Signer.
func (away) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("Vault is sealed")
} //nolint:staticcheck // a name

// The print of an export carries the plant's signature, which a viewer of PDF finds valid over the whole document; both verifiers take the bundle for intact.
// Without the key nothing is exported, and the refusal is an entry.
func TestPrintsAreSigned(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	file := p.download(p.export(p.quinn))
	p.intact(file)
	name := filepath.Join(t.TempDir(), "record.pdf")
	require.NoError(t, os.WriteFile(name, []byte(member(t, file, bundle.RecordPDF)), 0o600))
	made, err := exec.Command("certutil", "-d", "sql:"+filepath.Dir(name), "-N", "--empty-password").CombinedOutput()
	require.NoError(t, err, "%s", made)
	said, err := exec.Command("pdfsig", "-nssdir", filepath.Dir(name), name).CombinedOutput()
	require.NoError(t, err, "%s", said)
	for _, words := range []string{"Signature is Valid", "Total document signed", "Veribatch, printed batch records"} {
		require.Contains(t, string(said), words)
	}
	check, err := exec.Command("qpdf", "--check", name).CombinedOutput()
	require.NoError(t, err, "%s", check)
	if keep := os.Getenv("KEEP_PDF"); keep != "" {
		require.NoError(t, os.WriteFile(filepath.Join(keep, "signed.pdf"), []byte(member(t, file, bundle.RecordPDF)), 0o600))
	}

	_, err = p.Run(p.quinn, "", export.Export{Batch: p.batch, Plant: export.Plant{Documents: &keyring.Document{Key: away{p.documents.Key}, Certificate: p.documents.Certificate}}})
	require.Equal(t, fault.NotReady, fault.KindOf(err))
	require.ErrorContains(t, err, "The print could not be signed, and nothing was exported.")
	require.NoError(t, p.Trail.Read(p.Ctx, func(q *audit.Reader) error {
		list, err := export.List(p.Ctx, q, p.batch)
		require.Len(t, list, 1)
		return err
	}))
}
