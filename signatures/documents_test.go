package signatures_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures"
	"veribatch/signatures/keyring"
)

// misfits is what a verification of the keys of documents finds.
func (p *plant) misfits(q audit.Querier) (found []string) {
	p.T.Helper()
	require.NoError(p.T, signatures.VerifyDocumentKeys(p.Ctx, q, p.Desk.Key, func(row string, why error) { found = append(found, row+": "+why.Error()) }))
	return found
}

// A certificate for prints is recorded once, and the site key vouches for it; one that somebody put into the table is known for what it is, and so is another validity.
func TestKeysOfDocumentsAreRecordedAndVouchedFor(t *testing.T) {
	t.Parallel()
	p := setup(t)
	d, err := keyring.OpenDocument(t.TempDir(), time.Now)
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, signatures.RegisterDocumentKey(p.Ctx, p.Trail, p.Desk.Key, d.Certificate))
	}
	require.NoError(t, p.Trail.Read(p.Ctx, func(r *audit.Reader) error { require.Empty(t, p.misfits(r)); return nil }))
	require.Equal(t, 1, p.count(`select count(*) from ebr.document_keys`))

	stranger, err := keyring.Open(t.TempDir())
	require.NoError(t, err)
	other, err := keyring.OpenDocument(t.TempDir(), time.Now)
	require.NoError(t, err)
	require.NoError(t, signatures.RegisterDocumentKey(p.Ctx, p.Trail, stranger, other.Certificate))
	super := p.DB.Super(t)
	tx, err := super.Begin(p.Ctx)
	require.NoError(t, err)
	_, err = tx.Exec(p.Ctx, `alter table ebr.document_keys disable trigger all; update ebr.document_keys set valid_until = valid_until + interval '1 year'`)
	require.NoError(t, err)
	require.Equal(t, []string{
		"table ebr.document_keys id " + keyring.CertificateID(d.Certificate.Raw) + ": It is not valid as long as its certificate.",
		"table ebr.document_keys id " + keyring.CertificateID(other.Certificate.Raw) + ": The site key does not vouch for the certificate.",
	}, p.misfits(tx))
	require.NoError(t, tx.Rollback(p.Ctx))
}

// A key that seals signatures of people vouches for no other key: it may be in other hands than the site key.
func TestASealerVouchesForNothing(t *testing.T) {
	t.Parallel()
	p := setup(t)
	sealer, err := keyring.Open(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, signatures.RegisterSealer(p.Ctx, p.Trail, p.Desk.Key, sealer))
	d, err := keyring.OpenDocument(t.TempDir(), time.Now)
	require.NoError(t, err)
	require.NoError(t, signatures.RegisterDocumentKey(p.Ctx, p.Trail, sealer, d.Certificate))
	require.NoError(t, p.Trail.Read(p.Ctx, func(r *audit.Reader) error { require.Len(t, p.misfits(r), 1); return nil }))
}
