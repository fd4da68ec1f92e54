package identity_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/internal/fault"
	"veribatch/signatures/access"
	"veribatch/signatures/configuration/versions"
	"veribatch/signatures/identity"
	"veribatch/signatures/signtest"
)

// age moves the times of a session back, as if they had passed.
func age(w *signtest.World, column, back string) {
	_, err := w.DB.Super(w.T).Exec(w.Ctx, `update ebr.sessions set `+column+` = `+column+` - $1::interval where ended_at is null`, back)
	require.NoError(w.T, err)
}

// What QA approves counts from the next act on, without a new start of the server and for every gate on the database.
func TestTheGateObeysTheConfigurationInForce(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	anna := w.Person("anna.keller", access.Operator)
	other, err := identity.New(w.Trail, identity.Settings{Params: signtest.Cheap}) // a second server of the plant
	require.NoError(t, err)

	age(w, "seen_at", "6 minutes")
	s, err := w.Gate.Find(w.Ctx, anna.Token)
	require.NoError(t, err)
	require.False(t, s.Locked)
	require.Equal(t, 15*time.Minute, s.Idle)
	w.Configure(versions.Propose{IdleMinutes: "5", LockoutAttempts: "3", LockoutMinutes: "45", PasswordCharacters: "40"})
	age(w, "seen_at", "6 minutes")
	s, err = other.Find(w.Ctx, anna.Token)
	require.NoError(t, err)
	require.True(t, s.Locked)
	require.Equal(t, 5*time.Minute, s.Idle)

	require.NoError(t, w.Gate.Unlock(w.Ctx, anna.Token, anna.Password))
	require.Less(t, len(anna.Password), 40, "a password that is shorter than the new rule stays in use")
	requireFault(t, w.Gate.ChangePassword(w.Ctx, anna.Token, anna.Password, "ocean kettle 93"), fault.Invalid, "needs at least 40")
	require.NoError(t, w.Gate.ChangePassword(w.Ctx, anna.Token, anna.Password, "ocean kettle 93 under glass and behind the door"))

	for i, words := range []string{"2 tries are left", "1 try is left", "locked until"} {
		_, err := []*identity.Gate{w.Gate, other}[i%2].LogIn(w.Ctx, anna.UserName, wrong, w.Station)
		requireFault(t, err, fault.Unauthenticated, words)
	}
	var minutes float64
	require.NoError(t, w.DB.Super(t).QueryRow(w.Ctx, `select extract(epoch from locked_until - clock_timestamp()) / 60 from ebr.credentials where id = $1`, anna.ID).Scan(&minutes))
	require.InDelta(t, 45, minutes, 1)
}

func TestASessionEndsAfterItsLongestTime(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	anna := w.Person("anna.keller", access.Operator)
	age(w, "opened_at", "9 hours")
	_, err := w.Gate.Find(w.Ctx, anna.Token)
	require.NoError(t, err)
	w.Configure(versions.Propose{SessionHours: "8"})
	require.NoError(t, w.Gate.Lock(w.Ctx, anna.Token, ""))
	requireFault(t, w.Gate.Unlock(w.Ctx, anna.Token, anna.Password), fault.Unauthenticated, "lasted 8 hours")
	_, err = w.Gate.Peek(w.Ctx, anna.Token)
	requireFault(t, err, fault.Unauthenticated, "lasted 8 hours")
	_, err = w.Gate.Find(w.Ctx, anna.Token)
	requireFault(t, err, fault.Unauthenticated, "lasted 8 hours")
	_, err = w.Gate.Find(w.Ctx, anna.Token)
	requireFault(t, err, fault.Unauthenticated, "not logged in")
	closed := w.Entries(identity.StationStream(w.Station), "session.close")
	require.Len(t, closed, 1)
	require.Equal(t, "open for more than 8 hours", closed[0].Reason)
}
