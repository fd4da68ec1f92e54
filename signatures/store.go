package signatures

import (
	"context"
	"crypto/ed25519"
	"errors"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/keyring"
)

const keyByID = `select public_key from ebr.signing_keys where id = @id`

const insertKey = `insert into ebr.signing_keys (id, public_key, recorded_at) values (@id, @public_key, @now)`

// RegisterKey records the public half of the site key at the start of the server, once per key. Recorded keys stay for ever: a signature
// is verified with the key of its time.
func RegisterKey(ctx context.Context, trail *audit.Trail, key *keyring.File) error {
	var known ed25519.PublicKey
	err := trail.Read(ctx, func(r *audit.Reader) (err error) {
		known, err = PublicKey(ctx, r, key.ID())
		return err
	})
	if err == nil && !known.Equal(key.Public()) {
		return fault.New(fault.Refused, "The recorded signing key %s is not the key of this site. Stop, and compare the database with its backup.", key.ID())
	}
	if fault.KindOf(err) != fault.Missing {
		return err
	}
	in := audit.Intent{Session: trail.System(), Act: "key.register", Home: audit.Site, Reason: "first use of this site key"}
	_, err = trail.Change(ctx, in, func(tx *audit.Tx) error {
		_, err := tx.Exec(ctx, insertKey, pgx.NamedArgs{"id": key.ID(), "public_key": []byte(key.Public()), "now": tx.Now()})
		return err
	})
	return err
}

// PublicKey gives a recorded public key.
func PublicKey(ctx context.Context, q audit.Querier, id string) (key ed25519.PublicKey, err error) {
	var stored []byte
	err = q.QueryRow(ctx, keyByID, pgx.NamedArgs{"id": id}).Scan(&stored)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fault.New(fault.Missing, "There is no signing key %s.", id)
	}
	return stored, err
}

// Contents that are missing come as empty bytes: a signature whose statement was taken away is shown as broken, never left out.
const signatureColumns = `select s.id::text, s.person::text, s.full_name, s.meaning, s.act, s.signed_at, s.key_id, s.statement_digest, coalesce(c.bytes, ''),
	coalesce(m.bytes, ''), s.manifest_signature
	from ebr.signatures s left join audit.contents c on c.digest = s.statement_digest left join audit.contents m on m.digest = s.manifest_digest `

const (
	signaturesByID = signatureColumns + `where s.id = any(@ids) order by s.signed_at, s.id`
	signaturesAll  = signatureColumns + `where s.id > @after order by s.id limit 500`
)

// Read gives the named signatures in the order of signing.
func Read(ctx context.Context, q audit.Querier, ids ...string) ([]Signature, error) {
	return collect(ctx, q, signaturesByID, pgx.NamedArgs{"ids": ids})
}

func collect(ctx context.Context, q audit.Querier, sql string, args pgx.NamedArgs) ([]Signature, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Signature])
}
