package identity_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/identity"
	"veribatch/signatures/signtest"
)

const blue = "sieben blaue Kühe"

// checked has the checker of the world see a person, and gives the invitation with its code.
func checked(w *signtest.World, person string) identity.Invitation {
	w.T.Helper()
	require.NoError(w.T, w.Sign(w.Checker, accounts.ConfirmIdentity{Person: person, Document: "passport", CheckedOn: time.Now().UTC().Format(time.DateOnly)}))
	return w.Invitation(person)
}

// 11.200(a)(3): it takes two to open an account. The link of the administrator, or the code of the checker, alone opens nothing.
func TestAnAccountOpensWithBothHalves(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	nina := newcomer("nina.new", access.Operator)
	require.NoError(t, create(w, w.Admin, nina))
	key := w.Desk.Key
	link := w.Invitation(nina.ID).Link(key)

	_, err := w.Gate.LogIn(w.Ctx, "nina.new", blue, w.Station)
	requireFault(t, err, fault.Unauthenticated, "wrong") // no password yet: like an unknown name
	requireFault(t, w.Gate.Enrol(w.Ctx, key, link, "", blue), fault.NotReady, "identity has not been checked")
	requireFault(t, w.Gate.Enrol(w.Ctx, key, link, "AAAA-AAAA", blue), fault.NotReady, "identity has not been checked")

	i := checked(w, nina.ID)
	require.Equal(t, link, i.Link(key))
	require.Len(t, i.Code(key), 9)
	for _, forged := range []string{"", i.ID, i.ID + ".", i.ID + "." + strings.Repeat("A", 26), audit.NewID() + link[36:], strings.ToLower(link)} {
		requireFault(t, w.Gate.Enrol(w.Ctx, key, forged, i.Code(key), blue), fault.Unauthenticated, "unknown, used or expired")
	}
	requireFault(t, w.Gate.Enrol(w.Ctx, key, link, "AAAA-AAAA", blue), fault.Unauthenticated, "code is wrong")
	requireFault(t, w.Gate.Enrol(w.Ctx, key, link, "AAAA-AAAA", "newcomer 12345"), fault.Invalid, "name")
	require.NoError(t, w.Gate.Enrol(w.Ctx, key, link, strings.ToLower(strings.ReplaceAll(i.Code(key), "-", " ")), blue))
	requireFault(t, w.Gate.Enrol(w.Ctx, key, link, i.Code(key), "acht graue Wölfe"), fault.Unauthenticated, "unknown, used or expired")

	s, err := w.Gate.LogIn(w.Ctx, "nina.new", blue, w.Station)
	require.NoError(t, err)
	require.Equal(t, nina.ID, s.Person)
	require.Empty(t, s.Reset.By)
	require.NotEmpty(t, refusals(w.Entries(audit.Site, "password.change")), "a wrong link is an entry")
	require.Len(t, refusals(w.Entries(identity.StreamOf(nina.ID), "password.change")), 1, "a wrong code is one too, with the person")
}

// Five tries, also at once; then the link is void, and the right code with it.
func TestCodesCannotBeGuessed(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	nina := newcomer("nina.new")
	require.NoError(t, create(w, w.Admin, nina))
	i := checked(w, nina.ID)
	var wait sync.WaitGroup
	for range 12 {
		wait.Go(func() {
			if err := w.Gate.Enrol(w.Ctx, w.Desk.Key, i.Link(w.Desk.Key), "AAAA-AAAA", blue); fault.KindOf(err) != fault.Unauthenticated {
				t.Errorf("%v", err)
			}
		})
	}
	wait.Wait()
	requireFault(t, w.Gate.Enrol(w.Ctx, w.Desk.Key, i.Link(w.Desk.Key), i.Code(w.Desk.Key), blue), fault.Unauthenticated, "unknown, used or expired")
	require.LessOrEqual(t, len(refusals(w.Entries(identity.StreamOf(nina.ID), "password.change"))), 5+3)
}

func TestInvitationsExpireAndReplaceEachOther(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	nina := newcomer("nina.new")
	require.NoError(t, create(w, w.Admin, nina))
	old := checked(w, nina.ID)
	now := time.Now()
	require.True(t, old.ShowsLink(old.IssuedIn, now) && old.ShowsCode(old.CheckedIn, now))
	require.False(t, old.ShowsLink(old.CheckedIn, now) || old.ShowsCode(old.IssuedIn, now), "each half at its own screen")
	require.False(t, old.ShowsLink(old.IssuedIn, now.Add(time.Hour)) || old.ShowsCode(old.CheckedIn, now.Add(time.Hour)))

	reset(w, nina.ID)
	requireFault(t, w.Gate.Enrol(w.Ctx, w.Desk.Key, old.Link(w.Desk.Key), old.Code(w.Desk.Key), blue), fault.Unauthenticated, "unknown, used or expired")
	fresh := checked(w, nina.ID)
	require.NotEqual(t, old.Code(w.Desk.Key), fresh.Code(w.Desk.Key))
	_, err := w.DB.Super(t).Exec(w.Ctx, `update ebr.enrolments set expires_at = clock_timestamp() where person = $1`, nina.ID)
	require.NoError(t, err)
	requireFault(t, w.Gate.Enrol(w.Ctx, w.Desk.Key, fresh.Link(w.Desk.Key), fresh.Code(w.Desk.Key), blue), fault.Unauthenticated, "unknown, used or expired")
}

func reset(w *signtest.World, person string) {
	w.T.Helper()
	in := audit.Intent{Session: w.Admin.Token, Act: "person.reset", Home: identity.StreamOf(person), Reason: "forgotten"}
	_, err := w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error { return identity.ResetPassword(w.Ctx, tx, person) })
	require.NoError(w.T, err)
}

// Pattern 13: an administrator who resets a password gets nothing: the old one is dead, the link alone opens nothing, and the owner is told.
func TestAResetGivesTheAdministratorNothing(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	anna := w.Person("anna.keller", access.Operator)
	reset(w, anna.ID)

	_, err := w.Gate.Find(w.Ctx, anna.Token)
	requireFault(t, err, fault.Unauthenticated, "session has ended")
	_, err = w.Gate.LogIn(w.Ctx, anna.UserName, anna.Password, w.Station)
	requireFault(t, err, fault.Refused, "was reset by Ada First at ")
	_, err = w.Gate.LogIn(w.Ctx, anna.UserName, wrong, w.Station)
	requireFault(t, err, fault.Unauthenticated, "wrong") // who does not know the password learns nothing
	link := w.Invitation(anna.ID).Link(w.Desk.Key)
	requireFault(t, w.Gate.Enrol(w.Ctx, w.Desk.Key, link, "", blue), fault.NotReady, "identity has not been checked")

	i := checked(w, anna.ID)
	require.NoError(t, w.Gate.Enrol(w.Ctx, w.Desk.Key, link, i.Code(w.Desk.Key), blue))
	s, err := w.Gate.LogIn(w.Ctx, anna.UserName, blue, w.Station)
	require.NoError(t, err)
	require.Equal(t, "Ada First", s.Reset.By)
	require.WithinDuration(t, time.Now(), s.Reset.At, time.Minute)
	report, err := w.Trail.Verify(w.Ctx)
	require.NoError(t, err)
	require.Empty(t, report.Findings)
}
