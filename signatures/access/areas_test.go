package access_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
	"veribatch/signatures/signtest"
)

// Every act and role: a role held for the whole plant counts everywhere, one held for an area counts there or nowhere.
func TestAnAreaNeverGivesMoreThanTheWholePlant(t *testing.T) {
	t.Parallel()
	inAreas := 0
	for _, role := range access.Roles() {
		whole, north := access.Grants{{Role: role, Area: access.WholeSite}}, access.Grants{{Role: role, Area: "north"}}
		for _, act := range access.Acts() {
			everywhere := access.Allowed([]access.Role{role}, act)
			nobody := access.Allowed(nil, act) // everyone's, also without a role
			require.Equal(t, everywhere, whole.May(act, "north"), "%s %s", role, act)
			require.Equal(t, everywhere, whole.May(act, access.WholeSite), "%s %s", role, act)
			require.Equal(t, nobody, north.May(act, "south"), "%s of north: %s in south", role, act)
			require.Equal(t, nobody, north.May(act, access.WholeSite), "%s of north: %s for the whole plant", role, act)
			if north.May(act, "north") {
				require.True(t, everywhere, "%s %s", role, act)
				inAreas++
			}
		}
	}
	require.Greater(t, inAreas, 40)
	g := access.Grants{{Role: access.Operator, Area: "north"}, {Role: access.Auditor, Area: "south"}}
	require.Equal(t, []string{"north", "south"}, g.Areas("batch.read"))
	require.Equal(t, []string{"south"}, g.Areas("trail.read"))
	require.Empty(t, g.Areas("person.create"))
	require.Equal(t, []string{"operator (north)", "auditor (south)"}, g.Words())
}

func setRolesIn(w *signtest.World, person, area string, roles ...access.Role) error {
	in := audit.Intent{Session: w.Admin.Token, Act: "person.roles", Home: identity.StreamOf(person), Reason: "new duties"}
	_, err := w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error { return access.SetRolesIn(w.Ctx, tx, person, area, roles) })
	return err
}

func createArea(w *signtest.World, token, code, title string) error {
	c := access.CreateArea{Code: code, Title: title, Reason: "a second site"}
	_, err := w.Trail.Change(w.Ctx, audit.Intent{Session: token, Act: c.Act(), Home: c.Home(), Also: c.Also()}, func(tx *audit.Tx) error { return c.Do(w.Ctx, tx) })
	return err
}

// Roles that exclude each other do so across areas, by the rules and by the database; a role is held for an area that exists.
func TestDutiesStaySeparateAcrossAreas(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	anna := w.Person("anna.keller")
	require.Equal(t, fault.Forbidden, fault.KindOf(createArea(w, anna.Token, "north", "North")))
	for _, code := range []string{"", "*", "North", "a b", "-x", "n/1"} {
		require.Equal(t, fault.Invalid, fault.KindOf(createArea(w, w.Admin.Token, code, "North")), "%q", code)
	}
	require.NoError(t, createArea(w, w.Admin.Token, "north", "North"))
	require.Equal(t, fault.Conflict, fault.KindOf(createArea(w, w.Admin.Token, "south", "North")), "two areas of one title")

	require.NoError(t, setRolesIn(w, anna.ID, "north", access.QA))
	require.Equal(t, fault.Invalid, fault.KindOf(setRolesIn(w, anna.ID, "main", access.Operator)))
	require.Equal(t, fault.Invalid, fault.KindOf(setRolesIn(w, anna.ID, "nowhere", access.Auditor)))
	in := audit.Intent{Session: w.Trail.System(), Act: "person.create", Home: identity.StreamOf(anna.ID)}
	_, err := w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error {
		_, err := tx.Exec(w.Ctx, `insert into ebr.person_roles (id, person, role, area, granted_at) values ($1, $2, 'operator', 'main', $3)`, audit.NewID(), anna.ID, tx.Now())
		return err
	})
	require.Equal(t, fault.Conflict, fault.KindOf(err), "past the rules the database refuses: %v", err)
	require.NoError(t, setRolesIn(w, anna.ID, "main", access.QA, access.Auditor))
	require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) error {
		grants, err := access.GrantsOf(w.Ctx, r, anna.ID)
		require.ElementsMatch(t, access.Grants{{Role: access.QA, Area: "north"}, {Role: access.QA, Area: "main"}, {Role: access.Auditor, Area: "main"}}, grants)
		return err
	}))
	require.NoError(t, try(w, anna.Token, "step.comment"), "what does not exist has no area: the act itself says so")
	require.Equal(t, fault.Forbidden, fault.KindOf(tryAt(w, anna.Token, "step.comment", audit.Site)), "an act about the plant needs a role for the whole plant")
}

func tryAt(w *signtest.World, token, act string, home audit.Stream) error {
	_, err := w.Trail.Change(w.Ctx, audit.Intent{Session: token, Act: act, Home: home}, func(*audit.Tx) error { return nil })
	return err
}
