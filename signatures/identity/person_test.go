package identity_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
	"veribatch/signatures/signtest"
)

// create runs person.create as somebody.
func create(w *signtest.World, as signtest.Person, c identity.NewPerson) error {
	in := audit.Intent{Session: as.Token, Act: "person.create", Home: identity.StreamOf(c.ID), Reason: "new in the team"}
	_, err := w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error { return identity.CreatePerson(w.Ctx, tx, c) })
	return err
}

func newcomer(userName string, roles ...access.Role) identity.NewPerson {
	return identity.NewPerson{ID: audit.NewID(), UserName: userName, FullName: "Nina Newcomer", Roles: roles}
}

// P11-100a: a user name is given once and for ever, and nothing that looks like it either.
func TestUserNamesAreNeverGivenTwice(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	w.Person("anna.keller", access.Operator)
	in := audit.Intent{Session: w.Admin.Token, Act: "person.deactivate", Home: "site/main"}
	_, err := w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error { // she leaves
		_, err := tx.Exec(w.Ctx, `update ebr.people set active = false, version = version + 1 where user_name = 'anna.keller'`)
		return err
	})
	require.NoError(t, err)

	requireFault(t, create(w, w.Admin, newcomer("Anna.Keller")), fault.Invalid, "exists already")
	requireFault(t, create(w, w.Admin, newcomer("anna_keller")), fault.Invalid, "looks like")
	requireFault(t, create(w, w.Admin, newcomer("аппа.кеllег")), fault.Invalid, "mixes")
	requireFault(t, create(w, w.Admin, newcomer("änna.kellér")), fault.Invalid, "looks like")
	requireFault(t, create(w, w.Admin, newcomer("admin")), fault.Invalid, "one person")
	requireFault(t, create(w, w.Admin, newcomer("system")), fault.Invalid, "one person")
	unnamed := newcomer("nina.n")
	unnamed.FullName = "\u202enina"
	requireFault(t, create(w, w.Admin, unnamed), fault.Invalid, "right-to-left override")

	var people int
	require.NoError(t, w.DB.Super(t).QueryRow(w.Ctx, `select count(*) from ebr.people where kind = 'person'`).Scan(&people))
	require.Equal(t, 4, people, "nothing half saved")
}

// The two unique indexes hold when two administrators are faster than the check.
func TestTwoAdministratorsAtOnce(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	var made atomic.Int32
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			err := create(w, w.Admin, newcomer([]string{"nina.new", "nina_new"}[i%2]))
			if err == nil {
				made.Add(1)
			} else if k := fault.KindOf(err); k != fault.Conflict && k != fault.Invalid {
				t.Errorf("%v", err)
			}
		})
	}
	wait.Wait()
	require.EqualValues(t, 1, made.Load())
}

func TestOnlyAdministratorsCreatePeople(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	for i, role := range []access.Role{access.Operator, access.Supervisor, access.QA, access.Auditor} {
		p := w.Person(fmt.Sprintf("pat.%c", 'a'+i), role)
		requireFault(t, create(w, p, newcomer("nina.new")), fault.Forbidden, "no right to person.create. Allowed: administrator.")
	}
	require.NotEmpty(t, refusals(w.Entries(identity.StationStream(w.Station), "person.create")))
	requireFault(t, create(w, w.Admin, newcomer("nina.new", access.Administrator, access.QA)), fault.Invalid, "separation of duties")
	requireFault(t, create(w, w.Admin, newcomer("nina.new", "boss")), fault.Invalid, "no role")
	require.NoError(t, create(w, w.Admin, newcomer("nina.new")), "a person may wait for a role")

	elsewhere := newcomer("nina.other")
	in := audit.Intent{Session: w.Admin.Token, Act: "person.create", Home: "site/main"}
	_, err := w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error { return identity.CreatePerson(w.Ctx, tx, elsewhere) })
	requireFault(t, err, fault.Internal, "own stream")
}

// No default accounts: the first administrator comes by a one-time token, once.
func TestFirstAdministrator(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	token, err := w.Gate.FirstToken(w.Ctx)
	require.NoError(t, err)
	require.Empty(t, token, "there is an administrator: no token")
	_, err = w.Gate.CreateFirst(w.Ctx, identity.First{Token: audit.NewToken(), UserName: "eve.first", FullName: "Eve First", Password: "sieben blaue Kühe"})
	requireFault(t, err, fault.Unauthenticated, "unknown or used")

	person := newcomer("nina.new")
	require.NoError(t, create(w, w.Admin, person))
	for _, token := range []string{w.Invitation(person.ID).ID, w.Invitation(person.ID).Link(w.Desk.Key), ""} {
		_, err = w.Gate.CreateFirst(w.Ctx, identity.First{Token: token, UserName: "eve.first", FullName: "Eve First", Password: "sieben blaue Kühe"})
		requireFault(t, err, fault.Unauthenticated, "unknown or used") // the link of an account makes no administrator
	}
	require.NotEmpty(t, refusals(w.Entries(audit.Site, "person.create")), "a wrong token is an entry of its own act")
	require.Empty(t, w.Entries(audit.Site, "password.change"))

	created := w.Entries(identity.StreamOf(w.Admin.ID), "person.create")
	require.Len(t, created, 1)
	require.Equal(t, audit.SystemPerson, created[0].By.Person)
	require.Contains(t, created[0].Reason, "one-time token")
	require.Len(t, created[0].Changes, 3, "person, role, password")
}

func TestFirstTokenIsUsedOnceAndReplacedAtEachStart(t *testing.T) {
	t.Parallel()
	w := signtest.Empty(t)
	old, err := w.Gate.FirstToken(w.Ctx)
	require.NoError(t, err)
	token, err := w.Gate.FirstToken(w.Ctx)
	require.NoError(t, err)
	first := identity.First{Token: old, UserName: "eve.first", FullName: "Eve First", Password: "sieben blaue Kühe"}
	_, err = w.Gate.CreateFirst(w.Ctx, first)
	requireFault(t, err, fault.Unauthenticated, "unknown or used")
	first.Token = token
	first.Password = "short"
	_, err = w.Gate.CreateFirst(w.Ctx, first)
	requireFault(t, err, fault.Invalid, "at least 12")
	first.Password = "sieben blaue Kühe"

	var made atomic.Int32
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			f := first
			f.UserName = fmt.Sprintf("eve.%c", 'a'+i)
			if _, err := w.Gate.CreateFirst(w.Ctx, f); err == nil {
				made.Add(1)
			} else if k := fault.KindOf(err); k != fault.Refused && k != fault.Unauthenticated {
				t.Errorf("%v", err)
			}
		})
	}
	wait.Wait()
	require.EqualValues(t, 1, made.Load(), "one token, one administrator")
	again, err := w.Gate.FirstToken(w.Ctx)
	require.NoError(t, err)
	require.Empty(t, again)
}
