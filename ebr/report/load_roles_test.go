package report

import (
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/signatures/access"
)

// A finished record names the roles that people held while the batch was made, whatever becomes of them afterwards.
func TestRolesAreThoseOfTheBatchsTime(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	roles := func(person string, now ...access.Role) { require.NoError(t, p.SetRoles(person, now...)) }
	printed := func() map[string][]string {
		var r Record
		require.NoError(t, p.Trail.Read(p.Ctx, func(q *audit.Reader) (err error) {
			r, err = Load(p.Ctx, q, p.batch)
			return err
		}))
		held := map[string][]string{}
		for _, who := range r.Persons {
			held[who.FullName] = who.Roles
		}
		return held
	}
	p.MustSign(p.quinn, batch.Issue{Batch: p.batch})
	p.Do(p.anna, batch.Start{Batch: p.batch})
	roles(p.anna.ID) // in the middle: she held the role for a part of the time
	p.MustSign(p.sue, batch.Abort{Batch: p.batch, Reason: "Vessel is leaking"})
	want := printed()
	require.Equal(t, []string{access.Operator.Title()}, want["Anna Keller"])
	require.Equal(t, []string{access.Supervisor.Title()}, want["Sue Major"])
	roles(p.sue.ID, access.Operator)
	roles(p.anna.ID, access.Supervisor)
	require.Equal(t, want, printed(), "the record of a finished batch changed with later roles")
}
