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

const signatureColumns = `select s.id::text, s.person::text, s.full_name, s.meaning, s.act, s.signed_at, s.key_id, s.statement_digest, c.bytes, m.bytes, s.manifest_signature
	from ebr.signatures s join audit.contents c on c.digest = s.statement_digest join audit.contents m on m.digest = s.manifest_digest `

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

// VerifyAll verifies every stored signature against its statement, its manifest and the recorded keys, for `ebr verify`. It calls found
// for each that does not fit, and gives the number verified.
func VerifyAll(ctx context.Context, q audit.Querier, found func(id string, why error)) (verified int, err error) {
	after := "00000000-0000-0000-0000-000000000000"
	keys := map[string]ed25519.PublicKey{}
	for {
		page, err := collect(ctx, q, signaturesAll, pgx.NamedArgs{"after": after})
		if err != nil || len(page) == 0 {
			return verified, err
		}
		for _, s := range page {
			if keys[s.KeyID] == nil {
				if keys[s.KeyID], err = PublicKey(ctx, q, s.KeyID); err != nil {
					return verified, err
				}
			}
			if why := s.verifySelf(keys[s.KeyID]); why != nil {
				found(s.ID, why)
			} else {
				verified++
			}
		}
		after = page[len(page)-1].ID
	}
}

// verifySelf verifies a signature for the first record of its own statement.
func (s Signature) verifySelf(key ed25519.PublicKey) error {
	st, err := ParseStatement(s.Statement)
	if err != nil {
		return broken("has a statement that cannot be read")
	}
	return s.Verify(key, st.Records[0])
}
