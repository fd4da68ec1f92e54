package accounts_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/signtest"
)

func passport(person string) accounts.ConfirmIdentity {
	return accounts.ConfirmIdentity{Person: person, Document: "passport", CheckedOn: time.Now().UTC().Format(time.DateOnly)}
}

// 11.100(b): the identity is checked by somebody else, whose own identity is checked, in a session of the own.
func TestWhoChecksWhom(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	sue := w.Person("sue.major", access.Supervisor)
	olga := w.Person("olga.brandt", access.Operator)
	require.ErrorContains(t, w.Sign(sue, passport(sue.ID)), "Nobody confirms the own identity")
	require.ErrorContains(t, w.Sign(olga, passport(sue.ID)), "no right to person.confirm_identity")
	require.NoError(t, w.SetRoles(sue.ID, access.Auditor))
	require.ErrorContains(t, w.Sign(sue, passport(olga.ID)), "no right to person.confirm_identity")

	ticket := func() string {
		var st signatures.Statement
		require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) (err error) {
			st, err = passport(olga.ID).Statement(w.Ctx, r)
			return err
		}))
		return w.Ticket(olga, w.Checker, st)
	}()
	c := passport(olga.ID)
	_, err := w.Trail.Change(w.Ctx, audit.Intent{Session: olga.Token, Ticket: ticket, Act: c.Act(), Home: c.Home()}, func(tx *audit.Tx) error { return c.Do(w.Ctx, tx) })
	require.ErrorContains(t, err, "Sign this in your own session", "the code would stand on somebody else's screen")
}

// The database names the roles that check identities too: it and policy.csv say the same.
func TestCheckersAreThoseOfThePolicy(t *testing.T) {
	t.Parallel()
	require.Equal(t, []access.Role{access.Supervisor, access.QA}, access.Who("person.confirm_identity"))
}

// The guard of ebr.signatures refuses what the desk refuses, whatever the program forgets.
func TestTheDatabaseGuardsSignatures(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	nina := w.Newcomer("nina.moss", access.QA)
	st := func(person string) (st signatures.Statement) {
		require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) (err error) {
			st, err = passport(person).Statement(w.Ctx, r)
			return err
		}))
		return st
	}
	_, err := w.Desk.Issue(w.Ctx, signatures.Request{Session: nina.Token, UserName: nina.UserName, Password: nina.Password, Statement: st(w.Admin.ID)})
	require.ErrorIs(t, err, signatures.ErrUnaccountable)
	for person, code := range map[string]string{nina.ID: "VB036", w.Admin.ID: "VB035"} {
		in := audit.Intent{Session: w.Trail.System(), Act: "key.register", Home: audit.Site}
		_, err := w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error {
			_, err := tx.Exec(w.Ctx, `insert into ebr.signatures (id, ticket, person, full_name, meaning, act, statement_digest, manifest_digest, manifest_signature, key_id, signed_at)
				select gen_random_uuid(), gen_random_uuid(), $1, full_name, meaning, 'batch.issue', statement_digest, sha256('x'), manifest_signature, key_id, signed_at
				from ebr.signatures limit 1`, person)
			return err
		})
		require.ErrorContains(t, err, map[string]string{"VB036": "accountability statement", "VB035": "identity"}[code])
	}
}
