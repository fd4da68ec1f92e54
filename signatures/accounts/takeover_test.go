package accounts_test

import (
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/signtest"
)

const blue = "sieben blaue Kühe"

// An administrator alone never gets into the account of somebody who signs: not by resetting, stripping or closing every checker.
func TestAnAdministratorAloneDoesNotBringBackTheFirstDay(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	quinn := w.Person("quinn.quality", access.QA)
	require.NoError(t, do(w, w.Admin, accounts.Reset{Person: quinn.ID, Reason: "forgotten"}))
	last := "the last person who can check identities"
	for _, c := range []command{
		accounts.Reset{Person: w.Checker.ID, Reason: "x"}, accounts.Revoke{Person: w.Checker.ID, Role: "qa", Reason: "x"}, accounts.Deactivate{Person: w.Checker.ID, Reason: "x"},
	} {
		require.ErrorContains(t, do(w, w.Admin, c), last, c.Act())
	}
	i, k := w.Invitation(quinn.ID), w.Desk.Key
	require.ErrorContains(t, w.Gate.Enrol(w.Ctx, k, i.Link(k), "", blue), "identity has not been checked")

	// One who checks in an area only, or has no password, is no checker of the plant.
	nora := w.Person("nora.north")
	require.NoError(t, do(w, w.Admin, accounts.Grant{Person: nora.ID, Role: "qa", Area: "main", Reason: "x"}))
	require.ErrorContains(t, do(w, w.Admin, accounts.Reset{Person: w.Checker.ID, Reason: "x"}), last)
	require.NoError(t, w.Sign(w.Checker, passport(quinn.ID)))
	require.ErrorContains(t, do(w, w.Admin, accounts.Reset{Person: w.Checker.ID, Reason: "x"}), last)
	i = w.Invitation(quinn.ID)
	require.NoError(t, w.Gate.Enrol(w.Ctx, k, i.Link(k), i.Code(k), blue))
	require.NoError(t, do(w, w.Admin, accounts.Reset{Person: w.Checker.ID, Reason: "now there is another one"}))
}

// After a reset somebody meets the person again: a check of an earlier day does not count.
func TestAResetTakesACheckAfterIt(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	olga := w.Person("olga.brandt", access.Operator)
	require.NoError(t, do(w, w.Admin, accounts.Reset{Person: olga.ID, Reason: "forgotten"}))
	c := passport(olga.ID)
	c.CheckedOn = time.Now().UTC().AddDate(0, 0, -3).Format(time.DateOnly)
	require.ErrorContains(t, w.Sign(w.Checker, c), "before the password was reset")
	require.NoError(t, w.Sign(w.Checker, passport(olga.ID)))
}

// Two administrators who reset each other at once: one of them remains.
func TestAdministratorsWhoResetEachOther(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	bob := w.Person("bob.second", access.Administrator)
	var wait sync.WaitGroup
	errs := make([]error, 2)
	for n, as := range []signtest.Person{w.Admin, bob} {
		c := accounts.Reset{Person: []string{bob.ID, w.Admin.ID}[n], Reason: "x"}
		wait.Go(func() { errs[n] = do(w, as, c) })
	}
	wait.Wait()
	require.True(t, (errs[0] == nil) != (errs[1] == nil), "%v", errs)
	works := 0
	for _, p := range []signtest.Person{w.Admin, bob} {
		if _, err := w.Gate.LogIn(w.Ctx, p.UserName, p.Password, w.Station); err == nil {
			works++
		}
	}
	require.Equal(t, 1, works)
}

// The database refuses invitations that no act has made, and used ones that wake up.
func TestInvitationsStandInTheirActs(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	olga := w.Person("olga.brandt", access.Operator)
	app, err := pgx.Connect(w.Ctx, w.DB.AppDSN)
	require.NoError(t, err)
	defer app.Close(w.Ctx)
	for _, sql := range []string{
		`insert into ebr.enrolments (id, person, issued_at, expires_at, issued_by, issued_in) select gen_random_uuid(), '` + olga.ID + `', clock_timestamp(), '2099-01-01', '` + w.Admin.ID + `', (select id from ebr.sessions limit 1)`,
		`insert into ebr.enrolments (id, token_digest, issued_at) values (gen_random_uuid(), sha256('evil'), clock_timestamp())`,
		`update ebr.enrolments set used_at = null where person = '` + olga.ID + `'`,
		`update ebr.enrolments set identity_check = null where person = '` + olga.ID + `'`,
	} {
		_, err := app.Exec(w.Ctx, sql)
		require.ErrorContains(t, err, "VB039", sql)
	}
	in := audit.Intent{Session: w.Admin.Token, Act: "person.reset", Home: audit.Site, Reason: "x"}
	_, err = w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error {
		_, err := tx.Exec(w.Ctx, `insert into ebr.enrolments (id, person, issued_at, expires_at, issued_by, issued_in) values (gen_random_uuid(), $1, $2, $2 + interval '1 hour', $3, $4)`,
			olga.ID, tx.Now(), w.Admin.ID, tx.Session())
		return err
	})
	require.Error(t, err, "in the stream of somebody else")
}
