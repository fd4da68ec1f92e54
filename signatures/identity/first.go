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
	person, _, err := g.invited(ctx, f.Token)
	if err != nil {
		return "", err
	}
	if person != "" {
		return "", g.refuseToken(ctx)
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
		return firstPassword(ctx, tx, f.Token, nil, c.ID, hash)
	})
	if err != nil {
		return "", err
	}
	return c.ID, nil
}

// SetRoles is the command person.roles: the roles that a person holds from now on.
type SetRoles struct {
	Person string        `json:"person"`
	Roles  []access.Role `json:"roles"`
}

// ChangeRoles makes the named roles the person's roles. Nobody changes the own roles: rights come from somebody else.
func ChangeRoles(ctx context.Context, tx *audit.Tx, c SetRoles) error {
	if tx.Actor().Person == c.Person {
		return fault.New(fault.Refused, "Nobody changes the own roles. Ask another administrator.")
	}
	if err := ownStream(tx, c.Person); err != nil {
		return err
	}
	return access.SetRoles(ctx, tx, c.Person, c.Roles)
}
