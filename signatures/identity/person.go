package identity

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/access"
)

// NewPerson is an account without a password. Its owner sets the password with the two halves of an Invitation, so that no administrator
// ever knows it (21 CFR 11.200(a)(2)).
type NewPerson struct {
	ID       string // minted before the transaction; home stream is StreamOf(ID)
	UserName string
	FullName string // as printed beside signatures
	Roles    []access.Role
}

const insertPerson = `insert into ebr.people (id, user_name, user_name_skeleton, full_name, kind, created_at)
	values (@id, @user_name, @skeleton, @full_name, 'person', @now)`

const namesake = `select user_name from ebr.people where user_name_skeleton = @skeleton`

var (
	_ = audit.Explain("people_user_name_key", fault.Conflict, "This user name exists already. User names are never given a second time.")
	_ = audit.Explain("people_user_name_skeleton_key", fault.Conflict, "This user name looks like one that exists already. Choose another one.")
)

// CreatePerson makes the account, its roles and the invitation to its first password. A user name is never given twice, also not after its
// person has left (21 CFR 11.100(a)).
func CreatePerson(ctx context.Context, tx *audit.Tx, c NewPerson) error {
	if err := insertAccount(ctx, tx, c); err != nil {
		return err
	}
	return invite(ctx, tx, c.ID)
}

// insertAccount makes person and roles.
func insertAccount(ctx context.Context, tx *audit.Tx, c NewPerson) error {
	if err := ownStream(tx, c.ID); err != nil {
		return err
	}
	name, err := ParseName(c.UserName)
	if err != nil {
		return err
	}
	full, err := ParseFullName(c.FullName)
	if err != nil {
		return err
	}
	if err := free(ctx, tx, name); err != nil {
		return err
	}
	args := pgx.NamedArgs{"id": c.ID, "user_name": name.Canonical, "skeleton": name.Skeleton, "full_name": full, "now": tx.Now()}
	if _, err := tx.Exec(ctx, insertPerson, args); err != nil {
		return err
	}
	return access.SetRoles(ctx, tx, c.ID, c.Roles)
}

// free refuses a user name that somebody has, or that looks like one.
func free(ctx context.Context, tx *audit.Tx, name Name) error {
	var other string
	switch err := tx.QueryRow(ctx, namesake, pgx.NamedArgs{"skeleton": name.Skeleton}).Scan(&other); {
	case err == nil && other == name.Canonical:
		return fault.At("user_name", "The user name %q exists already. User names are never given a second time.", other)
	case err == nil:
		return fault.At("user_name", "The user name %q looks like %q, which exists already. Choose another one.", name.Canonical, other)
	case !errors.Is(err, pgx.ErrNoRows):
		return err
	}
	return nil
}

// ownStream guards what log-in and signatures rest on: images of accounts and passwords stand in the person's own stream.
func ownStream(tx *audit.Tx, person string) error {
	if tx.Home() != StreamOf(person) {
		return fault.New(fault.Internal, "An account changes in its own stream only, and this is %s.", tx.Home())
	}
	return nil
}

const changeCredentials = `update ebr.credentials set password_hash = @hash, seal = @seal, credential_version = credential_version + 1, changed_at = @now, must_change = false,
	version = version + 1 where id = @person and credential_version = @seen`

// ChangePassword replaces the password of the session's person, who gives the old one. Other sessions of the person end.
func (g *Gate) ChangePassword(ctx context.Context, token, old, new string) error {
	s, err := g.Peek(ctx, token)
	if err != nil {
		return err
	}
	if s.Locked {
		return fault.New(fault.Unauthenticated, "This session is locked. Unlock it first.")
	}
	in := audit.Intent{Session: token, Act: "password.change", Home: StreamOf(s.Person)}
	p, err := g.Prove(ctx, s.UserName, old)
	if err != nil {
		return errors.Join(err, g.trail.RefuseSignature(ctx, in, s.Station, err))
	}
	if err := g.checkPassword(ctx, new, s.UserName, s.FullName); err != nil {
		return err
	}
	if old == new {
		return fault.At("password", "The new password is the old one. Choose another one.")
	}
	hash, err := g.hasher.Hash(ctx, new)
	if err != nil {
		return err
	}
	_, err = g.trail.Change(ctx, in, func(tx *audit.Tx) error {
		if _, err := untouched(ctx, tx, p.Person); err != nil {
			return err
		}
		if err := Confirm(ctx, tx, p.Person, p.CredentialVersion); err != nil {
			return err
		}
		args := pgx.NamedArgs{"person": p.Person, "hash": hash, "seal": g.seal(p.Person, p.CredentialVersion+1, hash), "seen": p.CredentialVersion, "now": tx.Now(), "session": s.ID}
		tag, err := tx.Exec(ctx, changeCredentials, args)
		if err == nil && tag.RowsAffected() == 0 {
			return fault.New(fault.Conflict, "The password was changed in the meantime. Use the newest one.")
		}
		if err == nil {
			_, err = tx.Exec(ctx, endOthers, args)
		}
		return err
	})
	return err
}
