package access_test

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/pgtest"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
	"veribatch/signatures/signtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// try runs an act that changes nothing.
func try(w *signtest.World, token, act string) error {
	_, err := w.Trail.Change(w.Ctx, audit.Intent{Session: token, Act: act, Home: "batch/b-1"}, func(*audit.Tx) error { return nil })
	return err
}

// grant writes a role row past the Go rules, under an entry as the server may.
func grant(w *signtest.World, person string, role access.Role) error {
	in := audit.Intent{Session: w.Trail.System(), Act: "person.create", Home: identity.StreamOf(person)}
	_, err := w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error {
		_, err := tx.Exec(w.Ctx, `insert into ebr.person_roles (id, person, role, granted_at) values ($1, $2, $3, $4)`, audit.NewID(), person, role, tx.Now())
		return err
	})
	return err
}

func setRoles(w *signtest.World, person string, roles ...access.Role) error {
	in := audit.Intent{Session: w.Admin.Token, Act: "person.roles", Home: identity.StreamOf(person), Reason: "new duties"}
	_, err := w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error { return access.SetRoles(w.Ctx, tx, person, roles) })
	return err
}

// P11-10g: rights are read at the time of the act. A right taken away in mid-session counts from the next act on.
func TestRightsCountAtTheTimeOfTheAct(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	anna := w.Person("anna.keller", access.Operator)
	require.NoError(t, try(w, anna.Token, "step.record"))
	require.NoError(t, setRoles(w, anna.ID, access.Auditor))

	err := try(w, anna.Token, "step.record")
	require.Equal(t, fault.Forbidden, fault.KindOf(err))
	require.Equal(t, "Anna Keller (auditor) has no right to step.record. Allowed: operator, supervisor.", fault.As(err).Message)
	require.Equal(t, fault.Forbidden, fault.KindOf(try(w, anna.Token, "no.such_act")))
	entries := w.Entries(identity.StationStream(w.Station), "step.record")
	require.Len(t, entries, 1, "the refusal is an entry of the station")
	require.True(t, entries[0].Refused)
	require.Contains(t, entries[0].Also, audit.Stream("batch/b-1"))

	require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) error {
		for act, want := range map[string]bool{"step.record": false, "trail.read": true, "session.close": true} {
			may, err := access.May(w.Ctx, r, anna.ID, act)
			require.NoError(t, err)
			require.Equal(t, want, may, act)
		}
		return nil
	}))
	var held, revoked int
	sql := `select count(*), count(revoked_at) from ebr.person_roles where person = $1`
	require.NoError(t, w.DB.Super(t).QueryRow(w.Ctx, sql, anna.ID).Scan(&held, &revoked))
	require.Equal(t, []int{2, 1}, []int{held, revoked}, "the old role stays readable")
}

// Every pair of roles: the database and policy.csv must say the same, in both orders.
func TestDatabaseRefusesWhatThePolicyRefuses(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	n, refused := 0, 0
	for _, a := range access.Roles() {
		for _, b := range access.Roles() {
			if a == b {
				continue
			}
			p := w.Person(fmt.Sprintf("pat.%c%c", 'a'+n/20, 'a'+n%20), a)
			n++
			err := grant(w, p.ID, b)
			if want := access.Compatible([]access.Role{a, b}); (want == nil) != (err == nil) {
				t.Errorf("%s then %s: policy %v, database %v", a, b, want, err)
			}
			if err != nil {
				refused++
				require.Equal(t, fault.Conflict, fault.KindOf(err), "%v", err)
			}
		}
	}
	require.Equal(t, 14, refused, "seven pairs in both orders")
}

// Two grants at once cannot slip past each other.
func TestTwoGrantsAtOnce(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	for i := range 5 {
		p := w.Person(fmt.Sprintf("pat.%c", 'a'+i), access.Auditor)
		var granted atomic.Int32
		var wait sync.WaitGroup
		for j, role := range []access.Role{access.QA, access.Administrator, access.Operator, access.QA} {
			wait.Go(func() {
				in := audit.Intent{Session: w.Trail.System(), Act: "person.create", Home: audit.Stream(fmt.Sprintf("person/other-%d-%d", i, j))} // no common head
				_, err := w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error {
					_, err := tx.Exec(w.Ctx, `insert into ebr.person_roles (id, person, role, granted_at) values ($1, $2, $3, $4)`, audit.NewID(), p.ID, role, tx.Now())
					return err
				})
				if err == nil {
					granted.Add(1)
				} else if fault.KindOf(err) != fault.Conflict {
					t.Errorf("%v", err)
				}
			})
		}
		wait.Wait()
		require.EqualValues(t, 1, granted.Load(), "QA, administrator and operator exclude each other")
	}
}

func TestRoleRowsAreOnlyEverRevoked(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	anna := w.Person("anna.keller", access.Operator)
	require.NoError(t, setRoles(w, anna.ID))
	for name, sql := range map[string]string{
		"another role":    `update ebr.person_roles set role = 'supervisor', version = version + 1 where person = $1`,
		"another person":  `update ebr.person_roles set person = '` + w.Admin.ID + `', version = version + 1 where person = $1`,
		"granted earlier": `update ebr.person_roles set granted_at = granted_at - interval '1 day', version = version + 1 where person = $1`,
		"given back":      `update ebr.person_roles set revoked_at = null, version = version + 1 where person = $1`,
		"unknown role":    `insert into ebr.person_roles (id, person, role, granted_at) values (gen_random_uuid(), $1, 'boss', now())`,
		"role of server":  `insert into ebr.person_roles (id, person, role, granted_at) select gen_random_uuid(), '` + audit.SystemPerson + `', 'operator', now() where $1 <> ''`,
		"deleted":         `delete from ebr.person_roles where person = $1`,
	} {
		in := audit.Intent{Session: w.Trail.System(), Act: "person.create", Home: identity.StreamOf(anna.ID)}
		_, err := w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error {
			_, err := tx.Exec(w.Ctx, sql, anna.ID)
			return err
		})
		require.Error(t, err, name)
	}
}

func TestSetRolesRefusesAndKeeps(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	anna := w.Person("anna.keller", access.Operator)
	require.Equal(t, fault.Invalid, fault.KindOf(setRoles(w, anna.ID, access.QA, access.Operator)))
	require.NoError(t, setRoles(w, anna.ID, access.Supervisor, access.Operator))
	require.NoError(t, setRoles(w, anna.ID, access.QA), "revoking comes before granting")
	require.NoError(t, setRoles(w, anna.ID, access.QA), "nothing to do")
	require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) error {
		roles, err := access.RolesOf(w.Ctx, r, anna.ID)
		require.True(t, slices.Equal([]access.Role{access.QA}, roles), "%v", roles)
		return err
	}))
}

// An inactive person has no right at all, in spite of roles and an open session.
func TestInactivePersonMayNothing(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	anna := w.Person("anna.keller", access.Operator)
	in := audit.Intent{Session: w.Admin.Token, Act: "person.deactivate", Home: identity.StreamOf(anna.ID), Reason: "left the firm"}
	_, err := w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error {
		_, err := tx.Exec(w.Ctx, `update ebr.people set active = false, version = version + 1 where id = $1`, anna.ID)
		return err
	})
	require.NoError(t, err)
	require.Error(t, try(w, anna.Token, "step.record"))
	require.Error(t, try(w, anna.Token, "session.lock"))
	_, err = w.Gate.Find(w.Ctx, anna.Token)
	require.Equal(t, fault.Unauthenticated, fault.KindOf(err))
	_, err = w.Gate.LogIn(w.Ctx, anna.UserName, anna.Password, w.Station)
	require.Equal(t, fault.Unauthenticated, fault.KindOf(err))
	require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) error {
		for _, person := range []string{anna.ID, audit.NewID()} {
			for _, act := range access.Acts() {
				may, err := access.May(w.Ctx, r, person, act)
				require.NoError(t, err)
				require.False(t, may, act)
			}
		}
		return nil
	}))
}
