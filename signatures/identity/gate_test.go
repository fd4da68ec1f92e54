package identity_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/pgtest"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
	"veribatch/signatures/signtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

const wrong = "wrong river 42 tin"

func requireFault(t *testing.T, err error, kind fault.Kind, says string) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, kind, fault.KindOf(err), "%v", err)
	require.Contains(t, fault.As(err).Message, says)
}

func refusals(rows []audit.Row) (refused []audit.Row) {
	for _, r := range rows {
		if r.Refused {
			refused = append(refused, r)
		}
	}
	return refused
}

// done leaves the refusals out.
func done(rows []audit.Row) (done []audit.Row) {
	for _, r := range rows {
		if !r.Refused {
			done = append(done, r)
		}
	}
	return done
}

func TestLogInOpensASessionWithItsEntry(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	anna := w.Person("anna.keller", access.Operator)

	s, err := w.Gate.LogIn(w.Ctx, " ANNA.Keller ", anna.Password, w.Station)
	require.NoError(t, err)
	require.Equal(t, anna.ID, s.Person)
	require.NotEqual(t, anna.Token, s.Token, "each log-in has a token of its own (fault F80)")
	require.GreaterOrEqual(t, len(s.Token), 43, "256 random bits")

	entries := w.Entries(identity.StationStream(w.Station), "session.open")
	last := entries[len(entries)-1]
	require.Equal(t, anna.ID, last.By.Person)
	require.Equal(t, s.ID, last.By.Session)
	require.Contains(t, last.Also, identity.StreamOf(anna.ID))

	var stored, hash string
	super := w.DB.Super(t)
	require.NoError(t, super.QueryRow(w.Ctx, `select encode(token_digest, 'escape') from ebr.sessions where id = $1`, s.ID).Scan(&stored))
	require.NotContains(t, stored, s.Token)
	require.NoError(t, super.QueryRow(w.Ctx, `select password_hash from ebr.credentials where id = $1`, anna.ID).Scan(&hash))
	for _, e := range w.Entries(identity.StreamOf(anna.ID), "") {
		require.NotContains(t, string(e.Body), hash, "the trail never shows a password hash")
		require.NotContains(t, string(e.Body), anna.Password)
		require.NotContains(t, string(e.Body), s.Token)
	}
}

func TestRefusedLogInsAreEntries(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	anna := w.Person("anna.keller", access.Operator)
	station := identity.StationStream(w.Station)

	_, known := w.Gate.LogIn(w.Ctx, anna.UserName, wrong, w.Station)
	requireFault(t, known, fault.Unauthenticated, "User name or password is wrong. 4 tries are left")
	_, unknown := w.Gate.LogIn(w.Ctx, "nora.nobody", wrong, w.Station)
	require.Equal(t, fault.As(known).Message, fault.As(unknown).Message, "the answer must not tell which names exist")
	_, hostile := w.Gate.LogIn(w.Ctx, "maple river 42 tin as name\x00", wrong, w.Station)
	require.Equal(t, fault.As(known).Message, fault.As(hostile).Message)

	refused := refusals(w.Entries(station, "session.open"))
	require.Len(t, refused, 3)
	require.Contains(t, refused[0].Also, identity.StreamOf(anna.ID))
	require.Equal(t, station, refused[0].Stream, "a known name: the entry stands in the station's own stream")
	require.Empty(t, refused[1].Also, "an unknown name: only the station is named")
	require.Equal(t, station, refused[1].Stream, "counted at its station, so that a flood at another hides nothing here")
	for _, e := range refused {
		require.NotContains(t, string(e.Body), "nora", "what was typed may be a password")
		require.NotContains(t, string(e.Body), "maple river")
	}

	_, err := w.Gate.LogIn(w.Ctx, anna.UserName, anna.Password, audit.NewID())
	requireFault(t, err, fault.Refused, "station is not registered")
}

// A log-in that falls after the right password (the account changed in between, the policy says no) opens no session and is an entry.
func TestLogInRefusedInTheLastMoment(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	anna := w.Person("anna.keller", access.Operator)
	w.Trail.Check = func(_ context.Context, tx *audit.Tx) error {
		if tx.Act() == "session.open" {
			return fault.New(fault.Forbidden, "Nobody may log in now.")
		}
		return nil
	}
	_, err := w.Gate.LogIn(w.Ctx, anna.UserName, anna.Password, w.Station)
	requireFault(t, err, fault.Forbidden, "Nobody may log in now.")
	refused := refusals(w.Entries(identity.StationStream(w.Station), "session.open"))
	require.Len(t, refused, 1)
	require.Contains(t, refused[0].Also, identity.StreamOf(anna.ID))
	var sessions int
	require.NoError(t, w.DB.Super(t).QueryRow(w.Ctx, `select count(*) from ebr.sessions where person = $1`, anna.ID).Scan(&sessions))
	require.Equal(t, 1, sessions, "the one from before")
}

func TestFiveWrongPasswordsLock(t *testing.T) {
	t.Parallel()
	w := signtest.New(t, func(s *identity.Settings) { s.Locked = 8 * time.Second })
	anna := w.Person("anna.keller", access.Operator)
	var answers [2][]string
	for i, name := range []string{anna.UserName, "nora.nobody"} {
		for range 6 {
			_, err := w.Gate.LogIn(w.Ctx, name, wrong, w.Station)
			answers[i] = append(answers[i], strings.Split(fault.As(err).Message, " until ")[0])
		}
	}
	require.Equal(t, answers[0], answers[1], "unknown names count and lock alike")
	require.Contains(t, answers[0][3], "1 try is left")
	require.Equal(t, "This account is locked", answers[0][4], "the fifth locks")

	_, err := w.Gate.LogIn(w.Ctx, anna.UserName, anna.Password, w.Station)
	requireFault(t, err, fault.Unauthenticated, "locked until")
	locks := w.Entries(identity.StreamOf(anna.ID), "person.lock")
	require.Len(t, locks, 1)
	require.Equal(t, "5 wrong passwords in a row", locks[0].Reason)
	require.Equal(t, audit.SystemPerson, locks[0].By.Person)
	_, after, err := locks[0].Changes[0].Columns()
	require.NoError(t, err)
	require.Regexp(t, "^20", *after["locked_until"], "the lock shows in the record and the trail")

	_, err = w.Gate.Find(w.Ctx, anna.Token)
	require.NoError(t, err, "a lock-out must not stop the line: the open session goes on (fault F81)")

	time.Sleep(8100 * time.Millisecond)
	_, err = w.Gate.LogIn(w.Ctx, anna.UserName, wrong, w.Station)
	requireFault(t, err, fault.Unauthenticated, "4 tries are left")
	_, err = w.Gate.LogIn(w.Ctx, anna.UserName, anna.Password, w.Station)
	require.NoError(t, err)
	_, err = w.Gate.LogIn(w.Ctx, anna.UserName, wrong, w.Station)
	requireFault(t, err, fault.Unauthenticated, "4 tries are left") // a right password clears the count
}

// Many guesses at once: the account locks once, and the right password among the late ones does not get in.
func TestGuessesAtOnceLockOnce(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	anna := w.Person("anna.keller", access.Operator)
	var wait sync.WaitGroup
	for range 40 {
		wait.Go(func() {
			if _, err := w.Gate.Prove(w.Ctx, anna.UserName, wrong); fault.KindOf(err) != fault.Unauthenticated {
				t.Errorf("wrong password: %v", err)
			}
		})
	}
	wait.Wait()
	_, err := w.Gate.Prove(w.Ctx, anna.UserName, anna.Password)
	requireFault(t, err, fault.Unauthenticated, "locked until")
	require.Len(t, w.Entries(identity.StreamOf(anna.ID), "person.lock"), 1)
}

// swap writes a password hash past the system, as a database administrator can who switches the triggers off.
func swap(t *testing.T, w *signtest.World, sql string, args ...any) {
	t.Helper()
	super := w.DB.Super(t)
	for _, s := range []string{"begin", "alter table ebr.credentials disable trigger all", sql, "alter table ebr.credentials enable always trigger audit_capture",
		"alter table ebr.credentials enable always trigger audit_no_truncate, enable always trigger credentials_guard", "commit"} {
		a := args
		if s != sql {
			a = nil
		}
		_, err := super.Exec(w.Ctx, s, a...)
		require.NoError(t, err, s)
	}
}

func TestSwappedHashLetsNobodyIn(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	anna, mallory := w.Person("anna.keller", access.Operator), w.Person("mallory.mann", access.Operator)
	station := identity.StationStream(w.Station)

	swap(t, w, `update ebr.credentials set password_hash = (select password_hash from ebr.credentials where id = $2) where id = $1`, anna.ID, mallory.ID)
	for _, password := range []string{mallory.Password, anna.Password} {
		_, err := w.Gate.LogIn(w.Ctx, anna.UserName, password, w.Station)
		require.ErrorIs(t, err, identity.ErrSwapped)
		requireFault(t, err, fault.Refused, "not set through the system")
	}
	require.NoError(t, w.Gate.Lock(w.Ctx, anna.Token, ""))
	require.ErrorIs(t, w.Gate.Unlock(w.Ctx, anna.Token, mallory.Password), identity.ErrSwapped)
	refused := refusals(w.Entries(station, "session.open"))
	require.Len(t, refused, 2)
	require.Contains(t, refused[0].Details["refusal"], "not set through the system")
	_, err := w.Gate.LogIn(w.Ctx, mallory.UserName, mallory.Password, w.Station)
	require.NoError(t, err, "others are not touched")
}

func TestIdleSessionLocksAndKeepsItsPlace(t *testing.T) {
	t.Parallel()
	w := signtest.New(t, func(s *identity.Settings) { s.Idle = 4 * time.Second })
	anna, ben := w.Person("anna.keller", access.Operator), w.Person("ben.okafor", access.Operator)
	token := w.LogIn(anna, w.Station)
	for range 5 { // activity keeps it open
		time.Sleep(900 * time.Millisecond)
		s, err := w.Gate.Find(w.Ctx, token)
		require.NoError(t, err)
		require.False(t, s.Locked)
	}
	for range 5 { // looking does not count as activity
		time.Sleep(900 * time.Millisecond)
		_, err := w.Gate.Peek(w.Ctx, token)
		require.NoError(t, err)
	}
	s, err := w.Gate.Find(w.Ctx, token)
	require.NoError(t, err)
	require.True(t, s.Locked)
	require.Equal(t, anna.ID, s.Person)
	again, err := w.Gate.Find(w.Ctx, token)
	require.NoError(t, err)
	require.True(t, again.Locked)
	locks := w.Entries(identity.StationStream(w.Station), "session.lock")
	require.Len(t, locks, 1)
	require.Contains(t, locks[0].Reason, "no activity for")

	_, err = w.Trail.Change(w.Ctx, audit.Intent{Session: token, Act: "step.record", Home: "batch/1"}, func(*audit.Tx) error { return nil })
	requireFault(t, err, fault.Unauthenticated, "ended or is locked")

	requireFault(t, w.Gate.Unlock(w.Ctx, token, ben.Password), fault.Unauthenticated, "wrong")
	require.Len(t, refusals(w.Entries(identity.StationStream(w.Station), "session.unlock")), 1)
	require.NoError(t, w.Gate.Unlock(w.Ctx, token, anna.Password))
	s, err = w.Gate.Find(w.Ctx, token)
	require.NoError(t, err)
	require.False(t, s.Locked)
	require.Equal(t, again.ID, s.ID, "the same session goes on")
}

func TestLogOutEndsTheToken(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	anna, ben := w.Person("anna.keller", access.Operator), w.Person("ben.okafor", access.Operator)
	require.NoError(t, w.Gate.LogOut(w.Ctx, anna.Token))
	for _, token := range []string{anna.Token, "", "x", anna.Token + "x"} {
		_, err := w.Gate.Find(w.Ctx, token)
		requireFault(t, err, fault.Unauthenticated, "not logged in")
		requireFault(t, w.Gate.Unlock(w.Ctx, token, anna.Password), fault.Unauthenticated, "not logged in")
	}
	_, err := w.Gate.Find(w.Ctx, ben.Token)
	require.NoError(t, err, "another person at the same station stays")
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	anna := w.Person("anna.keller", access.Operator)
	other := w.LogIn(anna, w.Station)
	const next = "sieben blaue Kühe"

	requireFault(t, w.Gate.ChangePassword(w.Ctx, anna.Token, wrong, next), fault.Unauthenticated, "wrong")
	requireFault(t, w.Gate.ChangePassword(w.Ctx, anna.Token, anna.Password, "short"), fault.Invalid, "at least 12")
	requireFault(t, w.Gate.ChangePassword(w.Ctx, anna.Token, anna.Password, "keller keller 77"), fault.Invalid, "name")
	requireFault(t, w.Gate.ChangePassword(w.Ctx, anna.Token, anna.Password, anna.Password), fault.Invalid, "old one")
	require.NoError(t, w.Gate.ChangePassword(w.Ctx, anna.Token, anna.Password, next))

	_, err := w.Gate.Prove(w.Ctx, anna.UserName, anna.Password)
	requireFault(t, err, fault.Unauthenticated, "wrong")
	p, err := w.Gate.Prove(w.Ctx, anna.UserName, next)
	require.NoError(t, err)
	require.Equal(t, 2, p.CredentialVersion)
	_, err = w.Gate.Find(w.Ctx, anna.Token)
	require.NoError(t, err)
	_, err = w.Gate.Find(w.Ctx, other)
	requireFault(t, err, fault.Unauthenticated, "not logged in") // the password may have been known: other sessions end

	all := w.Entries(identity.StreamOf(anna.ID), "password.change")
	require.Len(t, refusals(all), 1, "the wrong old password")
	entries := done(all)
	require.Len(t, entries, 2, "first password and the change")
	last := entries[1]
	require.Equal(t, anna.ID, last.By.Person)
	_, first, err := entries[0].Changes[0].Columns()
	require.NoError(t, err)
	require.Nil(t, first["locked_until"], "a time that is not set stands as null in the trail")
	before, after, err := last.Changes[0].Columns()
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(*after["password_hash"], "sha256:") && *before["password_hash"] != *after["password_hash"])
}

// A person who has to change the password can do that and nothing else.
func TestMustChangeForcesTheChange(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	anna := w.Person("anna.keller", access.Operator)
	in := audit.Intent{Session: w.Trail.System(), Act: "password.change", Home: identity.StreamOf(anna.ID), Reason: "policy"}
	_, err := w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error {
		_, err := tx.Exec(w.Ctx, `update ebr.credentials set must_change = true, version = version + 1 where id = $1`, anna.ID)
		return err
	})
	require.NoError(t, err)

	s, err := w.Gate.LogIn(w.Ctx, anna.UserName, anna.Password, w.Station)
	require.NoError(t, err)
	require.True(t, s.MustChange)
	record := audit.Intent{Session: s.Token, Act: "step.record", Home: "batch/1"}
	nothing := func(*audit.Tx) error { return nil }
	_, err = w.Trail.Change(w.Ctx, record, nothing)
	requireFault(t, err, fault.Forbidden, "new password first")
	require.NoError(t, w.Gate.ChangePassword(w.Ctx, s.Token, anna.Password, "sieben blaue Kühe"))
	_, err = w.Trail.Change(w.Ctx, record, nothing)
	require.NoError(t, err)
}

func TestUnreadableTokensAreSimplyUnknown(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	for _, token := range []string{strings.Repeat("x", 1<<20), "\x00", "\xff"} {
		_, err := w.Gate.Find(context.Background(), token)
		if fault.KindOf(err) != fault.Unauthenticated || errors.Is(err, identity.ErrSwapped) {
			t.Errorf("%.5q: %v", token, err)
		}
	}
}
