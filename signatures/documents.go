package signatures

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/keyring"
)

// documentKey begins the note with which the site key vouches for the certificate of a key that signs printed records, and is for what it vouches.
const documentKey = "document key "

const (
	insertDocumentKey = `insert into ebr.document_keys (id, certificate, valid_from, valid_until, recorded_at) values (@id, @certificate, @valid_from, @valid_until, @now)`
	knownDocumentKey  = `select exists (select from ebr.document_keys where id = @id)`
	documentKeys      = `select id, certificate, valid_from, valid_until from ebr.document_keys order by recorded_at, id`
)

// RegisterDocumentKey records the certificate with which printed records are signed, once per certificate; the site key vouches for it in the entry. Former
// ones stay: a print is verified with the certificate in it.
func RegisterDocumentKey(ctx context.Context, trail *audit.Trail, site *keyring.File, certificate *x509.Certificate) error {
	id := keyring.CertificateID(certificate.Raw)
	var known bool
	err := trail.Read(ctx, func(r *audit.Reader) error {
		return r.QueryRow(ctx, knownDocumentKey, pgx.NamedArgs{"id": id}).Scan(&known)
	})
	if err != nil || known {
		return err
	}
	in := audit.Intent{Session: trail.System(), Act: "key.register", Home: audit.Site, Reason: "first use of this certificate for printed records"}
	_, err = trail.Change(ctx, in, func(tx *audit.Tx) error {
		tx.Note(documentKey+id, base64.StdEncoding.EncodeToString(site.Sign(documentKey, certificate.Raw)))
		_, err := tx.Exec(ctx, insertDocumentKey, pgx.NamedArgs{
			"id": id, "certificate": certificate.Raw, "valid_from": certificate.NotBefore, "valid_until": certificate.NotAfter, "now": tx.Now(),
		})
		return err
	})
	return err
}

// VerifyDocumentKeys asks, for `ebr verify`, whether the site key, or one before it for which it vouches, vouched for each certificate that is recorded, and
// whether what stands beside the certificate is what it says.
func VerifyDocumentKeys(ctx context.Context, q audit.Querier, key *keyring.File, found func(row string, why error)) error {
	rows, err := q.Query(ctx, documentKeys)
	if err != nil {
		return err
	}
	type recorded struct {
		id          string
		certificate []byte
		from, until time.Time
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k recorded, err error) {
		err = row.Scan(&k.id, &k.certificate, &k.from, &k.until)
		return k, err
	})
	if err != nil || len(list) == 0 {
		return err
	}
	vouched, err := vouchers(ctx, q, key)
	if err != nil {
		return err
	}
	for _, k := range list {
		row := "table ebr.document_keys id " + k.id
		c, err := x509.ParseCertificate(k.certificate)
		switch {
		case err != nil:
			found(row, fault.New(fault.Refused, "What is recorded is no certificate."))
		case !vouched(documentKey, documentKey+k.id, k.certificate):
			found(row, fault.New(fault.Refused, "The site key does not vouch for the certificate."))
		case !c.NotBefore.Equal(k.from) || !c.NotAfter.Equal(k.until):
			found(row, fault.New(fault.Refused, "It is not valid as long as its certificate."))
		}
	}
	return nil
}
