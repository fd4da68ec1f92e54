package identity

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/keyring"
)

// An account opens with two halves: the link, shown to the administrator who made or reset the account, and the code, shown to the other
// person who then checked the identity of its owner. Neither of them alone can set the password and act in the owner's name: it takes two
// (21 CFR 11.200(a)(3)). Only before the first identity check of a plant does the link alone do, and only for an account that never had a password.

const (
	invitedFor = 72 * time.Hour   // a link works so long
	shownFor   = 10 * time.Minute // a half stands on the screen of the session that made it so long
	maxTries   = 5                // wrong codes, then the link is void
)

// Invitation is an open way to set a first or a new password.
type Invitation struct {
	ID, Person         string
	IssuedBy, IssuedIn string // person and session
	IssuedAt           time.Time
	ExpiresAt          time.Time
	Check              string // id of the identity check; "" before it
	CheckedBy          string
	CheckedIn          string
	CheckedAt          time.Time
}

// secret is a text that only the holder of the site key can compute.
func secret(key *keyring.File, purpose, of string, length int) string {
	sum := sha256.Sum256(key.Sign(purpose, []byte(of)))
	return base32.StdEncoding.EncodeToString(sum[:])[:length]
}

// Link is the first half, as it stands in the address of the page.
func (i Invitation) Link(key *keyring.File) string {
	return i.ID + "." + secret(key, "invitation link", i.ID, 26)
}

// Code is the second half, short enough to be written down; wrong ones are counted. "" before the identity check.
func (i Invitation) Code(key *keyring.File) string {
	if i.Check == "" {
		return ""
	}
	code := secret(key, "invitation code", i.ID+" "+i.Check, 8)
	return code[:4] + "-" + code[4:]
}

// ShowsLink tells whether the link stands on this session's screen: of who issued it, for ten minutes.
func (i Invitation) ShowsLink(session string, now time.Time) bool {
	return i.IssuedIn == session && now.Sub(i.IssuedAt) < shownFor
}

// ShowsCode tells whether the code stands on this session's screen: of who checked the identity, for ten minutes.
func (i Invitation) ShowsCode(session string, now time.Time) bool {
	return i.Check != "" && i.CheckedIn == session && now.Sub(i.CheckedAt) < shownFor
}

const (
	retireInvitations = `update ebr.enrolments set used_at = @now where person = @person and used_at is null`
	insertInvitation  = `insert into ebr.enrolments (id, person, issued_at, expires_at, issued_by, issued_in) values (@id, @person, @now, @expires, @by, @session)`
)

// invite opens a way to a password and closes the ones before.
func invite(ctx context.Context, tx *audit.Tx, person string) error {
	args := pgx.NamedArgs{"id": audit.NewID(), "person": person, "now": tx.Now(), "expires": tx.Now().Add(invitedFor), "by": tx.Actor().Person, "session": tx.Session()}
	if _, err := tx.Exec(ctx, retireInvitations, args); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, insertInvitation, args)
	return err
}

// CloseInvitations closes every open way to a password of a person.
func CloseInvitations(ctx context.Context, tx *audit.Tx, person string) error {
	_, err := tx.Exec(ctx, retireInvitations, pgx.NamedArgs{"person": person, "now": tx.Now()})
	return err
}

const resetCredentials = `update ebr.credentials set reset_at = @now, reset_by = @by, version = version + 1 where id = @person`

const endSessions = `update ebr.sessions set ended_at = @now where person = @person and ended_at is null`

// ResetPassword closes the password of a person at once, on every session, and invites to a new one.
func ResetPassword(ctx context.Context, tx *audit.Tx, person string) error {
	if err := ownStream(tx, person); err != nil {
		return err
	}
	if err := EndSessions(ctx, tx, person); err != nil {
		return err
	}
	a, _, err := readAccount(ctx, tx, accountByPerson, person)
	if err == nil && a.hash != "" {
		if _, err = untouched(ctx, tx, person); err == nil {
			_, err = tx.Exec(ctx, resetCredentials, pgx.NamedArgs{"person": person, "by": tx.Actor().Person, "now": tx.Now()})
		}
	}
	if err != nil {
		return err
	}
	return invite(ctx, tx, person)
}

// EndSessions ends all sessions of a person, at every station.
func EndSessions(ctx context.Context, tx *audit.Tx, person string) error {
	_, err := tx.Exec(ctx, endSessions, pgx.NamedArgs{"person": person, "now": tx.Now()})
	return err
}

const invitationColumns = `select e.id::text, e.person::text, e.issued_by::text, e.issued_in::text, e.issued_at, e.expires_at, coalesce(e.identity_check::text, ''),
	coalesce(c.checked_by::text, ''), coalesce(e.checked_in::text, ''), coalesce(c.checked_at, 'epoch')
	from ebr.enrolments e left join ebr.identity_checks c on c.id = e.identity_check
	where e.issued_by is not null and e.used_at is null and e.expires_at > clock_timestamp() and e.tries < 5 and `

const (
	invitationOfPerson = invitationColumns + `e.person = @key`
	invitationByID     = invitationColumns + `e.id = @key`
)

// OpenInvitation gives the invitation of a person that can still be used; found is false when there is none.
func OpenInvitation(ctx context.Context, q audit.Querier, person string) (i Invitation, found bool, err error) {
	return readInvitation(ctx, q, invitationOfPerson, person)
}

func readInvitation(ctx context.Context, q audit.Querier, sql, key string) (i Invitation, found bool, err error) {
	err = q.QueryRow(ctx, sql, pgx.NamedArgs{"key": key}).Scan(&i.ID, &i.Person, &i.IssuedBy, &i.IssuedIn, &i.IssuedAt, &i.ExpiresAt, &i.Check, &i.CheckedBy,
		&i.CheckedIn, &i.CheckedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return i, false, nil
	}
	return i, err == nil, err
}

const bindCheck = `update ebr.enrolments set identity_check = @check, checked_in = @session where person = @person and used_at is null and issued_by is not null`

// Checked binds an identity check to the open invitation of the person, which now has its code.
func Checked(ctx context.Context, tx *audit.Tx, person, check string) error {
	_, err := tx.Exec(ctx, bindCheck, pgx.NamedArgs{"person": person, "check": check, "session": tx.Session()})
	return err
}

const codeNeeded = `select not ebr.founding() or exists (select from ebr.credentials where id = @person)`

var (
	errLink = fault.New(fault.Unauthenticated, "This link is unknown, used or expired. Ask your administrator for a new one.")
	errCode = fault.New(fault.Unauthenticated, "The code is wrong. It stands on the screen of the person who checked your identity; after %d tries the link is void.", maxTries)
)

// Invited finds the open invitation of a link, with the owner's names and whether a code is asked for. A wrong link is an entry, in bursts.
func (g *Gate) Invited(ctx context.Context, key *keyring.File, link string) (i Invitation, owner Proof, needsCode bool, err error) {
	id, _, _ := strings.Cut(link, ".")
	found := false
	if uuid.Validate(id) == nil && subtle.ConstantTimeCompare([]byte(Invitation{ID: id}.Link(key)), []byte(link)) == 1 {
		err = g.trail.Read(ctx, func(r *audit.Reader) error {
			if i, found, err = readInvitation(ctx, r, invitationByID, id); err != nil || !found {
				return err
			}
			a, _, err := readAccount(ctx, r, accountByPerson, i.Person)
			owner, found = a.Proof, found && a.active
			if err == nil && i.Check == "" {
				err = r.QueryRow(ctx, codeNeeded, pgx.NamedArgs{"person": i.Person}).Scan(&needsCode)
			}
			return err
		})
	}
	if err == nil && !found {
		err = g.refuseBySystem(ctx, "password.change", nil, errLink)
	}
	return i, owner, needsCode || i.Check != "", err
}

// refuseBySystem enters, in bursts, what somebody without a session was refused.
func (g *Gate) refuseBySystem(ctx context.Context, act string, about []audit.Stream, why error) error {
	in := audit.Intent{Session: g.trail.System(), Act: act, Home: audit.Site, Also: about}
	return errors.Join(why, g.trail.Refuse(ctx, in, why))
}

const countTry = `update ebr.enrolments set tries = tries + 1 where id = @id and used_at is null and tries < @limit`

// Enrol sets the first or the new password of an account with both halves of its invitation. After it the person logs in.
func (g *Gate) Enrol(ctx context.Context, key *keyring.File, link, code, password string) error {
	i, owner, needsCode, err := g.Invited(ctx, key, link)
	if err != nil {
		return err
	}
	if needsCode && i.Check == "" {
		return fault.New(fault.NotReady, "Your identity has not been checked yet. Show your document to a supervisor or to QA, who then give you a code.")
	}
	if err := g.checkPassword(ctx, password, owner.UserName, owner.FullName); err != nil {
		return err
	}
	if needsCode {
		if err := g.compareCode(ctx, i, key, code); err != nil {
			return err
		}
	}
	hash, err := g.hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	in := audit.Intent{Session: g.trail.System(), Act: "password.change", Home: StreamOf(i.Person), Reason: "by the owner, with link and code"}
	_, err = g.trail.Change(ctx, in, func(tx *audit.Tx) error { return g.accept(ctx, tx, i, owner, hash) })
	return err
}

// compareCode counts the try before it looks, so that many guesses at once are not more than five.
func (g *Gate) compareCode(ctx context.Context, i Invitation, key *keyring.File, code string) error {
	var left int64
	err := g.trail.Operate(ctx, func(op *audit.Op) error {
		tag, err := op.Exec(ctx, countTry, pgx.NamedArgs{"id": i.ID, "limit": maxTries})
		left = tag.RowsAffected()
		return err
	})
	if err != nil {
		return err
	}
	bare := strings.NewReplacer("-", "", " ", "")
	if left == 1 && subtle.ConstantTimeCompare([]byte(strings.ToUpper(bare.Replace(code))), []byte(bare.Replace(i.Code(key)))) == 1 {
		return nil
	}
	in := audit.Intent{Session: g.trail.System(), Act: "password.change", Home: StreamOf(i.Person)}
	if left == 0 {
		return errors.Join(errLink, g.trail.Refuse(ctx, in, errLink))
	}
	return errors.Join(errCode, g.trail.RefuseSignature(ctx, in, audit.SystemStation, errCode)) // at most five: one entry each
}

const useInvitation = `update ebr.enrolments set used_at = @now where id = @id and coalesce(identity_check::text, '') = @check and used_at is null and expires_at > @now`

const insertCredentials = `insert into ebr.credentials (id, password_hash, seal, changed_at) values (@person, @hash, @seal, @now)`

const acceptCredentials = `update ebr.credentials set password_hash = @hash, seal = @seal, credential_version = credential_version + 1, changed_at = @now, must_change = false,
	locked_until = null, version = version + 1 where id = @person`

// accept uses the invitation up and stores the hash.
func (g *Gate) accept(ctx context.Context, tx *audit.Tx, i Invitation, owner Proof, hash string) error {
	args := pgx.NamedArgs{"id": i.ID, "check": i.Check, "person": i.Person, "hash": hash, "seal": g.seal(i.Person, 1, hash), "now": tx.Now(), "subject": subjectOf(owner.UserName, "")}
	tag, err := tx.Exec(ctx, useInvitation, args)
	if err == nil && tag.RowsAffected() != 1 {
		return fault.New(fault.Refused, "%s", errLink)
	}
	if err != nil {
		return err
	}
	if owner.CredentialVersion == 0 {
		_, err = tx.Exec(ctx, insertCredentials, args)
		return err
	}
	stored, err := untouched(ctx, tx, i.Person)
	if err != nil {
		return err
	}
	args["seal"] = g.seal(i.Person, stored.CredentialVersion+1, hash)
	if _, err := tx.Exec(ctx, acceptCredentials, args); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, clearTally, args)
	return err
}

const unlockCredentials = `update ebr.credentials set locked_until = null, version = version + 1 where id = @person and locked_until > @now`

// Unlock opens an account that too many wrong passwords have locked.
func Unlock(ctx context.Context, tx *audit.Tx, person string) error {
	if err := ownStream(tx, person); err != nil {
		return err
	}
	a, err := untouched(ctx, tx, person)
	if err != nil {
		return err
	}
	args := pgx.NamedArgs{"person": person, "now": tx.Now(), "subject": subjectOf(a.UserName, "")}
	tag, err := tx.Exec(ctx, unlockCredentials, args)
	if err == nil && tag.RowsAffected() == 0 {
		return fault.New(fault.Conflict, "This account is not locked.")
	}
	if err == nil {
		_, err = tx.Exec(ctx, clearTally, args)
	}
	return err
}
