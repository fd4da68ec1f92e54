package access_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
	"veribatch/signatures/signtest"
)

const waitsForLock = `select exists (select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database())`

// A right that is taken away while an act is under way: the one that came first is committed first, and nothing is done under a right after
// the end of its revocation.
func TestRevocationAndActsInFlight(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	anna := w.Person("anna.keller", access.Supervisor)
	watch := w.DB.Super(t)
	blocked := func() bool {
		var is bool
		require.NoError(t, watch.QueryRow(w.Ctx, waitsForLock).Scan(&is))
		return is
	}
	act := func(inside func()) error {
		in := audit.Intent{Session: anna.Token, Act: "order.create", Home: "batch/" + audit.Stream(audit.NewID()), Reason: "test"}
		_, err := w.Trail.Change(w.Ctx, in, func(*audit.Tx) error { inside(); return nil })
		return err
	}
	revoke := func(inside func()) error {
		in := audit.Intent{Session: w.Admin.Token, Act: "person.roles", Home: identity.StreamOf(anna.ID), Reason: "another job"}
		_, err := w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error {
			defer inside()
			return access.SetRoles(w.Ctx, tx, anna.ID, []access.Role{access.Operator})
		})
		return err
	}

	first, second := make(chan error, 1), make(chan error, 1)
	inside, leave := make(chan bool), make(chan bool)
	go func() { first <- act(func() { inside <- true; <-leave }) }()
	<-inside
	go func() { second <- revoke(func() {}) }()
	require.Eventually(t, blocked, 8*time.Second, 10*time.Millisecond, "the revocation waits for the act")
	require.Empty(t, second)
	close(leave)
	require.NoError(t, <-first)
	require.NoError(t, <-second)

	require.NoError(t, w.SetRoles(anna.ID, access.Supervisor))
	leave = make(chan bool)
	go func() { first <- revoke(func() { inside <- true; <-leave }) }()
	<-inside
	go func() { second <- act(func() {}) }()
	require.Eventually(t, blocked, 8*time.Second, 10*time.Millisecond, "the act waits for the revocation")
	close(leave)
	require.NoError(t, <-first)
	require.Equal(t, fault.Forbidden, fault.KindOf(<-second))
}
