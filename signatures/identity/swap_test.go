package identity_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
	"veribatch/signatures/signtest"
)

// waiting says whether somebody waits for a lock in this database.
const waiting = `select exists (select from pg_locks where not granted and database = (select oid from pg_database where datname = current_database()))`

// TestHashSwappedWhileTheAccountLocks: a hash that is swapped after the look at the trail and before the lock of the account is not taken
// into the trail by that lock: it stays refused.
func TestHashSwappedWhileTheAccountLocks(t *testing.T) {
	t.Parallel()
	w := signtest.New(t, func(s *identity.Settings) { s.Failures, s.Locked = 1, 100*time.Millisecond })
	anna, mallory := w.Person("anna.keller", access.Operator), w.Person("mallory.mann", access.Operator)
	gate, watch := w.DB.Super(t), w.DB.Super(t)
	_, err := gate.Exec(w.Ctx, `begin; lock table ebr.login_failures in exclusive mode`) // between the password and the lock
	require.NoError(t, err)
	answer := make(chan error, 1)
	go func() {
		_, err := w.Gate.Prove(w.Ctx, anna.UserName, wrong)
		answer <- err
	}()
	require.Eventually(t, func() (is bool) {
		require.NoError(t, watch.QueryRow(w.Ctx, waiting).Scan(&is))
		return is
	}, 20*time.Second, 20*time.Millisecond)
	swap(t, w, `update ebr.credentials set password_hash = (select password_hash from ebr.credentials where id = $2) where id = $1`, anna.ID, mallory.ID)
	_, err = gate.Exec(w.Ctx, `commit`)
	require.NoError(t, err)
	require.ErrorIs(t, <-answer, identity.ErrSwapped)

	time.Sleep(200 * time.Millisecond) // the counter of wrong passwords is open again
	_, err = w.Gate.LogIn(w.Ctx, anna.UserName, mallory.Password, w.Station)
	require.ErrorIs(t, err, identity.ErrSwapped, "the thief's password")
	locks := w.Entries(identity.StreamOf(anna.ID), "person.lock")
	require.Len(t, locks, 1)
	require.True(t, locks[0].Refused, "the attempt is an entry")
}

// TestCredentialsGuard: the server's own role cannot change a hash without its version, nor anything beside a hash that was swapped.
func TestCredentialsGuard(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	anna, mallory := w.Person("anna.keller", access.Operator), w.Person("mallory.mann", access.Operator)
	attack := func(set string) string {
		t.Helper()
		in := audit.Intent{Session: w.Trail.System(), Act: "password.change", Home: identity.StreamOf(anna.ID), Reason: "attack"}
		_, err := w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error {
			_, err := tx.Exec(w.Ctx, fmt.Sprintf(`update ebr.credentials set %s, version = version + 1 where id = $1`, set), anna.ID)
			return err
		})
		var pg *pgconn.PgError
		require.True(t, errors.As(err, &pg), "%s: %v", set, err)
		return pg.Code + " " + pg.ConstraintName
	}
	other := `password_hash = (select password_hash from ebr.credentials where id = '` + mallory.ID + `')`
	for set, want := range map[string]string{
		other: "VB024 credentials_version",
		other + `, credential_version = credential_version + 2`: "VB024 credentials_version",
		`credential_version = credential_version + 1`:           "VB024 credentials_version",
	} {
		require.Equal(t, want, attack(set), set)
	}
	swap(t, w, `update ebr.credentials set `+other+` where id = $1`, anna.ID)
	for _, set := range []string{`must_change = true`, `password_hash = replace(password_hash, 'a', 'b'), credential_version = credential_version + 1`} {
		require.Equal(t, "VB024 credentials_swapped", attack(set), set)
	}
}
