package identity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/keyring"
)

// A stored password carries a seal of the site key. The trail proves that a hash was written through its doors; the seal proves that this
// program wrote it. Whoever has the server's database password reaches the doors, and not the key.

const sealPurpose = "password"

func sealed(person string, version int, hash string) []byte {
	return fmt.Appendf(nil, "%s\n%d\n%s", person, version, hash)
}

// seal gives the seal of a hash that is about to be stored.
func (g *Gate) seal(person string, version int, hash string) []byte {
	return g.key.Sign(sealPurpose, sealed(person, version, hash))
}

func genuine(key keyring.Public, person string, a account) bool {
	return keyring.Verify(key, sealPurpose, sealed(person, a.CredentialVersion, a.hash), a.seal)
}

// ErrUnsealed stands in the trail; who typed the password hears that it is wrong.
var ErrUnsealed = fault.New(fault.Refused, "The stored password carries no seal of this site. It was not set through the system, or the site key is another one.")

// doubt says why the stored hash is not compared with what was typed: the trail does not show it, or its seal is not genuine.
func (g *Gate) doubt(ctx context.Context, q audit.Querier, a account) (why, err error) {
	switch err := matchesTrail(ctx, q, a); {
	case errors.Is(err, ErrSwapped):
		return ErrSwapped, nil
	case err != nil:
		return nil, err
	case !genuine(g.key.Public(), a.Person, a):
		return ErrUnsealed, nil
	}
	return nil, nil
}

// alarm makes a stored password that is not believed known: a line of the log, an entry of the person, and an incident. A hash that the trail
// does not show is refused in words; one without its seal is then treated as no password at all, so that who put it there learns nothing.
func (g *Gate) alarm(ctx context.Context, a account, why error) error {
	slog.ErrorContext(ctx, "ALARM: a stored password is not believed", "person", a.Person, "user", a.UserName, "why", why)
	if g.settings.Alarm != nil {
		g.settings.Alarm(a.Person, fmt.Sprintf("The stored password of %s (%s) is not believed. %v", a.FullName, a.UserName, why))
	}
	if errors.Is(why, ErrSwapped) {
		return why // the refused act enters it
	}
	in := audit.Intent{Session: g.trail.System(), Act: "password.change", Home: StreamOf(a.Person), Reason: "somebody tried to log in or to sign with it"}
	return g.trail.Refuse(ctx, in, why)
}

const (
	withoutSeal = `select id::text from ebr.credentials where seal is null order by id`
	everyHolder = `select id::text from ebr.credentials order by id`
	setSeal     = `update ebr.credentials set seal = @seal, version = version + 1 where id = @person`
)

// SealPasswords seals, at the start of the server, what was stored before there were seals. A row says of itself that it is older: its newest
// image does not know the column. So this happens once for each, and nobody gets a seal by taking one away. With former keys of the site, whose
// successor this key is, the passwords that they sealed are sealed again.
func (g *Gate) SealPasswords(ctx context.Context, former []keyring.Public) error {
	var people []string
	which := withoutSeal
	if len(former) > 0 {
		which = everyHolder
	}
	err := g.trail.Read(ctx, func(r *audit.Reader) error {
		rows, err := r.Query(ctx, which)
		if err == nil {
			people, err = pgx.CollectRows(rows, pgx.RowTo[string])
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, person := range people {
		err := g.sealAgain(ctx, person, former)
		if errors.Is(err, ErrSwapped) || errors.Is(err, ErrUnsealed) {
			slog.ErrorContext(ctx, "ALARM: a stored password is not sealed", "person", person, "why", err)
			continue // it lets nobody in, and each try of it is an alarm
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (g *Gate) sealAgain(ctx context.Context, person string, former []keyring.Public) error {
	in := audit.Intent{Session: g.trail.System(), Act: "password.seal", Home: StreamOf(person), Reason: "stored before passwords were sealed"}
	if len(former) > 0 {
		in.Reason = "the site has a new key"
	}
	_, err := g.trail.Change(ctx, in, func(tx *audit.Tx) error {
		a, err := untouched(ctx, tx, person)
		if err != nil {
			return err
		}
		if genuine(g.key.Public(), person, a) {
			return errAlready
		}
		knows, err := imageKnowsSeal(ctx, tx, person)
		if err == nil && knows && !slices.ContainsFunc(former, func(k keyring.Public) bool { return genuine(k, person, a) }) {
			err = ErrUnsealed
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, setSeal, pgx.NamedArgs{"person": person, "seal": g.seal(person, a.CredentialVersion, a.hash)})
		return err
	})
	if errors.Is(err, errAlready) {
		return nil
	}
	return err
}

func imageKnowsSeal(ctx context.Context, q audit.Querier, person string) (knows bool, err error) {
	image, err := audit.NewestImage(ctx, q, StreamOf(person), "ebr.credentials", person)
	_, knows = image["seal"]
	return knows, err
}

const everySeal = `select id::text, credential_version, password_hash, seal from ebr.credentials order by id`

// VerifySeals asks for every stored password, for `ebr verify`, whether its seal is genuine. waiting counts those from before there were seals.
func VerifySeals(ctx context.Context, q audit.Querier, key *keyring.File, found func(row string, why error)) (waiting int, err error) {
	rows, err := q.Query(ctx, everySeal)
	if err != nil {
		return 0, err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a account, err error) {
		err = row.Scan(&a.Person, &a.CredentialVersion, &a.hash, &a.seal)
		return a, err
	})
	if err != nil {
		return 0, err
	}
	for _, a := range list {
		if genuine(key.Public(), a.Person, a) {
			continue
		}
		knows, err := imageKnowsSeal(ctx, q, a.Person)
		switch {
		case err != nil:
			return waiting, err
		case a.seal == nil && !knows:
			waiting++
		default:
			found("table ebr.credentials id "+a.Person, ErrUnsealed)
		}
	}
	return waiting, nil
}
