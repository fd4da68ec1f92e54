package identity_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/identity"
	"veribatch/signatures/keyring"
	"veribatch/signatures/signtest"
)

const evil = "acht graue Wölfe im Wald"

// Whoever has the database password of the server sets a password through the doors of the trail, so that trail and record agree. It lets
// nobody in: not by log-in, not by unlocking, not by a signature.
func TestPasswordSetPastTheServerLetsNobodyIn(t *testing.T) {
	t.Parallel()
	var alarms atomic.Int32
	w := signtest.New(t, func(s *identity.Settings) { s.Alarm = func(string, string) { alarms.Add(1) } })
	anna, mallory := w.Person("anna.keller", access.Operator), w.Person("mallory.mann", access.Operator)
	var borrowed []byte
	require.NoError(t, w.DB.Super(t).QueryRow(w.Ctx, `select seal from ebr.credentials where id = $1`, mallory.ID).Scan(&borrowed))
	require.ErrorContains(t, w.Seize(anna.ID, evil, nil), "VB065")
	require.NoError(t, w.Seize(anna.ID, evil, borrowed))

	for n, password := range []string{evil, anna.Password} {
		_, err := w.Gate.LogIn(w.Ctx, anna.UserName, password, w.Station)
		requireFault(t, err, fault.Unauthenticated, "User name or password is wrong")
		require.EqualValues(t, n+1, alarms.Load())
	}
	require.NoError(t, w.Gate.Lock(w.Ctx, anna.Token, ""))
	requireFault(t, w.Gate.Unlock(w.Ctx, anna.Token, evil), fault.Unauthenticated, "is wrong")
	thief := anna
	thief.Password = evil
	_, err := w.TicketFor(mallory, thief, accounts.Sign{Number: 1})
	requireFault(t, err, fault.Unauthenticated, "is wrong")
	entered := refusals(w.Entries(identity.StreamOf(anna.ID), "password.change"))
	require.Len(t, entered, 4)
	require.Contains(t, entered[0].Details["refusal"], "no seal of this site")

	found := verifySeals(t, w, w.Desk.Key)
	require.Equal(t, []string{"table ebr.credentials id " + anna.ID}, found)
	report, err := w.Trail.Verify(w.Ctx)
	require.NoError(t, err)
	require.Empty(t, report.Findings, "the trail alone cannot tell")

	// The next start seals nothing of that, and a new password of its owner is good again.
	require.NoError(t, w.Gate.SealPasswords(w.Ctx, nil))
	require.Len(t, verifySeals(t, w, w.Desk.Key), 1)
	in := audit.Intent{Session: w.Admin.Token, Act: "person.reset", Home: identity.StreamOf(anna.ID), Reason: "attacked"}
	_, err = w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error { return identity.ResetPassword(w.Ctx, tx, anna.ID) })
	require.NoError(t, err)
	require.NoError(t, w.Sign(w.Checker, accounts.ConfirmIdentity{Person: anna.ID, Document: accounts.Documents()[0], CheckedOn: time.Now().UTC().Format(time.DateOnly)}))
	i, k := w.Invitation(anna.ID), w.Desk.Key
	require.NoError(t, w.Gate.Enrol(w.Ctx, k, i.Link(k), i.Code(k), "neun rote Kraniche"))
	_, err = w.Gate.LogIn(w.Ctx, anna.UserName, "neun rote Kraniche", w.Station)
	require.NoError(t, err)
	require.Empty(t, verifySeals(t, w, w.Desk.Key))
}

func verifySeals(t *testing.T, w *signtest.World, key *keyring.File) (rows []string) {
	t.Helper()
	require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) error {
		found := func(row string, why error) { rows = append(rows, row) }
		if err := signatures.VerifyKeys(w.Ctx, r, key, found); err != nil {
			return err
		}
		waiting, err := identity.VerifySeals(w.Ctx, r, key, found)
		require.Zero(t, waiting)
		return err
	}))
	return rows
}

// A seal changes with its password alone; the server's own act touches nothing but seals, and none is taken away.
func TestSealsChangeWithTheirPasswords(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	for set, act := range map[string]string{
		`seal = decode(repeat('00', 64), 'hex')`:                     "password.change",
		`seal = null`:                                                "password.seal",
		`seal = seal, must_change = true`:                            "password.seal",
		`seal = seal, locked_until = clock_timestamp()`:              "password.seal",
		`seal = decode(repeat('01', 64), 'hex'), must_change = true`: "person.lock",
	} {
		in := audit.Intent{Session: w.Trail.System(), Act: act, Home: identity.StreamOf(w.Checker.ID), Reason: "attack"}
		_, err := w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error {
			_, err := tx.Exec(w.Ctx, `update ebr.credentials set `+set+`, version = version + 1 where id = $1`, w.Checker.ID)
			return err
		})
		require.ErrorContains(t, err, "VB065", set)
	}
}

// A plant whose site key is lost: nobody gets in with another key, until the server is told to take it; what the former key had not sealed
// stays outside, and a key that somebody recorded past the server is found.
func TestAnotherSiteKey(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	anna, ben := w.Person("anna.keller", access.Operator), w.Person("ben.okafor", access.Operator)
	require.NoError(t, w.Seize(ben.ID, evil, make([]byte, 64)))
	next, err := keyring.Open(t.TempDir())
	require.NoError(t, err)
	gate, err := identity.New(w.Trail, next, identity.Settings{Params: signtest.Cheap})
	require.NoError(t, err)
	require.NoError(t, gate.SealPasswords(w.Ctx, nil))
	_, err = gate.LogIn(w.Ctx, anna.UserName, anna.Password, w.Station)
	requireFault(t, err, fault.Unauthenticated, "is wrong")

	former, err := signatures.RegisterKey(w.Ctx, w.Trail, next, true)
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, gate.SealPasswords(w.Ctx, former))
	}
	require.Len(t, w.Entries(identity.StreamOf(anna.ID), "password.seal"), 1)
	_, err = gate.LogIn(w.Ctx, anna.UserName, anna.Password, w.Station)
	require.NoError(t, err)
	_, err = gate.LogIn(w.Ctx, ben.UserName, evil, w.Station)
	requireFault(t, err, fault.Unauthenticated, "is wrong")
	require.Equal(t, []string{"table ebr.credentials id " + ben.ID}, verifySeals(t, w, next))

	stranger, err := keyring.Open(t.TempDir())
	require.NoError(t, err)
	in := audit.Intent{Session: w.Trail.System(), Act: "key.register", Home: audit.Site, Reason: "attack"}
	_, err = w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error {
		_, err := tx.Exec(w.Ctx, `insert into ebr.signing_keys (id, public_key, recorded_at) values ($1, $2, $3)`, stranger.ID(), []byte(stranger.Public()), tx.Now())
		return err
	})
	require.NoError(t, err)
	require.Contains(t, verifySeals(t, w, next), "table ebr.signing_keys id "+stranger.ID())
}

// The lock of an account stands in its record: who empties the counters of wrong passwords opens nothing, and learns nothing.
func TestEmptiedCountersOpenNoAccount(t *testing.T) {
	t.Parallel()
	w := signtest.New(t, func(s *identity.Settings) { s.Failures, s.Locked = 2, time.Hour })
	anna := w.Person("anna.keller", access.Operator)
	for range 2 {
		_, err := w.Gate.Prove(w.Ctx, anna.UserName, wrong)
		require.Error(t, err)
	}
	_, before := w.Gate.Prove(w.Ctx, anna.UserName, wrong)
	_, err := w.DB.App(t).Exec(w.Ctx, `delete from ebr.login_failures`)
	require.NoError(t, err)
	for _, password := range []string{wrong, anna.Password} {
		_, err := w.Gate.Prove(w.Ctx, anna.UserName, password)
		requireFault(t, err, fault.Unauthenticated, "locked")
		require.Equal(t, fault.As(before).Message, fault.As(err).Message)
	}
}
