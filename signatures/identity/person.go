package identity

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/access"
)

// enrolFor is how long a new person has to set the first password.
const enrolFor = 72 * time.Hour

// NewPerson is the command person.create: an account without a password. Its owner sets the password with the one-time token, so that no
// administrator ever knows it (21 CFR 11.200(a)(2)).
type NewPerson struct {
	ID       string        `json:"id"` // minted before the transaction; home stream is StreamOf(ID)
	UserName string        `json:"user_name"`
	FullName string        `json:"full_name"` // as printed beside signatures
	Roles    []access.Role `json:"roles"`
	Token    string        `json:"-"` // audit.NewToken(); shown once to the administrator, who hands it to the person
}

const insertPerson = `insert into ebr.people (id, user_name, user_name_skeleton, full_name, kind, created_at)
	values (@id, @user_name, @skeleton, @full_name, 'person', @now)`

const namesake = `select user_name from ebr.people where user_name_skeleton = @skeleton`

const insertEnrolment = `insert into ebr.enrolments (id, token_digest, person, issued_at, expires_at) values (@id, sha256(@token), @person, @now, @expires)`

var (
	_ = audit.Explain("people_user_name_key", fault.Conflict, "This user name exists already. User names are never given a second time.")
	_ = audit.Explain("people_user_name_skeleton_key", fault.Conflict, "This user name looks like one that exists already. Choose another one.")
)

// CreatePerson makes the account, its roles and the token for its first password. A user name is never given twice, also not after its
// person has left (21 CFR 11.100(a)).
func CreatePerson(ctx context.Context, tx *audit.Tx, c NewPerson) error {
	if len(c.Token) < 40 {
		return fault.New(fault.Internal, "The account has no token for its first password.")
	}
	if err := insertAccount(ctx, tx, c); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, insertEnrolment, pgx.NamedArgs{"id": audit.NewID(), "token": []byte(c.Token), "person": c.ID, "now": tx.Now(), "expires": tx.Now().Add(enrolFor)})
	return err
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

const insertCredentials = `insert into ebr.credentials (id, password_hash, changed_at) values (@person, @hash, @now)`

const useEnrolment = `update ebr.enrolments set used_at = @now
	where token_digest = sha256(@token) and person is not distinct from @person and used_at is null and coalesce(expires_at, 'infinity') > @now`

// Enrol sets the first password of an account with its one-time token. After it the person logs in.
func (g *Gate) Enrol(ctx context.Context, token, password string) error {
	person, a, err := g.invited(ctx, token)
	if err != nil {
		return err
	}
	if person == "" {
		return g.refuseToken(ctx)
	}
	if err := g.checkPassword(ctx, password, a.UserName, a.FullName); err != nil {
		return err
	}
	hash, err := g.hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	in := audit.Intent{Session: g.trail.System(), Act: "password.change", Home: StreamOf(person), Reason: "first password, by the one-time token of the account"}
	_, err = g.trail.Change(ctx, in, func(tx *audit.Tx) error { return firstPassword(ctx, tx, token, &person, person, hash) })
	return err
}

// firstPassword uses the token up and stores the hash.
func firstPassword(ctx context.Context, tx *audit.Tx, token string, invited *string, person, hash string) error {
	if err := ownStream(tx, person); err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, useEnrolment, pgx.NamedArgs{"token": []byte(token), "person": invited, "now": tx.Now()})
	if err != nil {
		return err
	}
	if tag.RowsAffected() != 1 {
		return errToken
	}
	_, err = tx.Exec(ctx, insertCredentials, pgx.NamedArgs{"person": person, "hash": hash, "now": tx.Now()})
	return err
}

var errToken = fault.New(fault.Refused, "This one-time token is unknown, used or expired. Ask your administrator for a new account token.")

const openEnrolment = `select coalesce(person::text, '') from ebr.enrolments
	where token_digest = sha256(@token) and used_at is null and coalesce(expires_at, 'infinity') > clock_timestamp()`

// invited finds whom a token is for: a person, or nobody yet (first administrator; both empty). An unknown token is refused with an entry.
func (g *Gate) invited(ctx context.Context, token string) (person string, a account, err error) {
	err = g.trail.Read(ctx, func(r *audit.Reader) error {
		if err := r.QueryRow(ctx, openEnrolment, pgx.NamedArgs{"token": []byte(token)}).Scan(&person); err != nil || person == "" {
			return err
		}
		var err error
		a, _, err = readAccount(ctx, r, accountByPerson, person)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return "", a, g.refuseToken(ctx)
	}
	return person, a, err
}

// refuseToken enters the use of a wrong token in bursts, as an access refusal of the server's own station.
func (g *Gate) refuseToken(ctx context.Context) error {
	in := audit.Intent{Session: g.trail.System(), Act: "password.change", Home: audit.Site}
	why := fault.New(fault.Unauthenticated, "%s", errToken.Message)
	return errors.Join(why, g.trail.Refuse(ctx, in, why))
}

const changeCredentials = `update ebr.credentials set password_hash = @hash, credential_version = credential_version + 1, changed_at = @now, must_change = false,
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
		if err := untouched(ctx, tx, p.Person); err != nil {
			return err
		}
		if err := Confirm(ctx, tx, p.Person, p.CredentialVersion); err != nil {
			return err
		}
		args := pgx.NamedArgs{"person": p.Person, "hash": hash, "seen": p.CredentialVersion, "now": tx.Now(), "session": s.ID}
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
