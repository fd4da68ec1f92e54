package identity_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures"
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
	other, err := identity.New(w.Trail, w.Desk.Key, identity.Settings{Params: signtest.Cheap}) // a second server of the plant
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

// A password that has been used for too long opens a session in which a new one is set, and nothing else: no other act, and no signature at
// somebody else's station (21 CFR 11.300(b)).
func TestAnAgedPasswordIsChangedFirst(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	anna, ben := w.Person("anna.keller", access.Operator), w.Person("ben.okafor", access.Operator)
	swap(t, w, `update ebr.credentials set changed_at = changed_at - interval '89 days' where id = $1`, ben.ID)
	w.Configure(versions.Propose{PasswordDays: "90"})
	sign := func() error {
		st := signatures.Statement{Version: signatures.StatementVersion, Act: "step.perform", Meaning: "performed", Language: "en",
			Records: []signatures.RecordRef{{Stream: string(identity.StationStream(w.Station)), ID: w.Station, Version: 1}},
			Lines:   []signatures.Line{{Label: "Name", Value: "Granulation 1"}}}
		_, err := w.Desk.Issue(w.Ctx, signatures.Request{Session: anna.Token, UserName: ben.UserName, Password: ben.Password, Statement: st})
		return err
	}
	may := func() (may bool) {
		require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) (err error) {
			may, err = access.May(w.Ctx, r, ben.ID, "batch.read")
			return err
		}))
		return may
	}
	require.NoError(t, sign())
	require.True(t, may())
	swap(t, w, `update ebr.credentials set changed_at = changed_at - interval '2 days' where id = $1`, ben.ID)
	requireFault(t, sign(), fault.Refused, "Ben Okafor has to set a new password before signing")
	require.False(t, may())
	refused := w.Entries(identity.StreamOf(ben.ID), "step.perform")
	require.Len(t, refused, 1)
	require.True(t, refused[0].Refused)
	_, err := w.Trail.Change(w.Ctx, audit.Intent{Session: ben.Token, Act: "step.comment", Home: identity.StationStream(w.Station)}, func(*audit.Tx) error { return nil })
	requireFault(t, err, fault.Forbidden, "Ben Okafor has to set a new password first")

	s, err := w.Gate.LogIn(w.Ctx, ben.UserName, ben.Password, w.Station)
	require.NoError(t, err)
	require.True(t, s.MustChange)
	old := ben.Password
	ben.Password = "ocean kettle 93 under glass"
	require.NoError(t, w.Gate.ChangePassword(w.Ctx, s.Token, old, ben.Password))
	require.NoError(t, sign())
	require.True(t, may())
}
