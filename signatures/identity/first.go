package identity

import (
	"context"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/access"
)

const anybody = `select exists (select from ebr.people where kind = 'person')`

const retireFirstTokens = `update ebr.enrolments set used_at = clock_timestamp() where person is null and used_at is null`

const insertFirstToken = `insert into ebr.enrolments (id, token_digest, issued_at) values (@id, sha256(@token), clock_timestamp())`

// FirstToken gives the one-time token of the first administrator, to be printed at the start of a plant without people; "" when there is
// somebody already. There are no default accounts. Each start prints a new token and retires the one before.
func (g *Gate) FirstToken(ctx context.Context) (string, error) {
	token := audit.NewToken()
	err := g.trail.Operate(ctx, func(op *audit.Op) error {
		var exists bool
		if err := op.QueryRow(ctx, anybody).Scan(&exists); err != nil {
			return err
		}
		if exists {
			token = ""
			return nil
		}
		if _, err := op.Exec(ctx, retireFirstTokens); err != nil {
			return err
		}
		_, err := op.Exec(ctx, insertFirstToken, pgx.NamedArgs{"id": audit.NewID(), "token": []byte(token)})
		return err
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// First is what the person at the first start enters.
type First struct {
	Token    string
	UserName string
	FullName string
	Password string
}

// CreateFirst makes the first administrator, who chooses the password, and uses the token up. It returns the person's id.
func (g *Gate) CreateFirst(ctx context.Context, f First) (string, error) {
	if err := g.firstTokenOpen(ctx, f.Token); err != nil {
		return "", err
	}
	name, err := ParseName(f.UserName)
	if err != nil {
		return "", err
	}
	if err := g.checkPassword(ctx, f.Password, name.Canonical, f.FullName); err != nil {
		return "", err
	}
	hash, err := g.hasher.Hash(ctx, f.Password)
	if err != nil {
		return "", err
	}
	c := NewPerson{ID: audit.NewID(), UserName: f.UserName, FullName: f.FullName, Roles: []access.Role{access.Administrator}}
	in := audit.Intent{Session: g.trail.System(), Act: "person.create", Home: StreamOf(c.ID), Reason: "first administrator, by the one-time token of the first start"}
	_, err = g.trail.Change(ctx, in, func(tx *audit.Tx) error {
		if err := insertAccount(ctx, tx, c); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, useFirstToken, pgx.NamedArgs{"token": []byte(f.Token), "now": tx.Now()})
		if err == nil && tag.RowsAffected() != 1 {
			err = errToken
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, insertCredentials, pgx.NamedArgs{"person": c.ID, "hash": hash, "seal": g.seal(c.ID, 1, hash), "now": tx.Now()})
		return err
	})
	if err != nil {
		return "", err
	}
	return c.ID, nil
}

var errToken = fault.New(fault.Refused, "This one-time token is unknown or used. The server prints a new one at each start.")

const firstTokenOpen = `select exists (select from ebr.enrolments where token_digest = sha256(@token) and person is null and used_at is null)`

const useFirstToken = `update ebr.enrolments set used_at = @now where token_digest = sha256(@token) and person is null and used_at is null`

// firstTokenOpen refuses a wrong token, with an entry of the server's own station, in bursts.
func (g *Gate) firstTokenOpen(ctx context.Context, token string) error {
	var open bool
	err := g.trail.Read(ctx, func(r *audit.Reader) error {
		return r.QueryRow(ctx, firstTokenOpen, pgx.NamedArgs{"token": []byte(token)}).Scan(&open)
	})
	if err != nil || open {
		return err
	}
	return g.refuseBySystem(ctx, "person.create", nil, fault.New(fault.Unauthenticated, "%s", errToken))
}
