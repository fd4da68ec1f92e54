package signatures

import (
	"context"
	"crypto/ed25519"
	"errors"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
)

const keyByID = `select public_key from ebr.signing_keys where id = @id`

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
