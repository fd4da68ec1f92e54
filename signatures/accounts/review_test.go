package accounts_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/identity"
	"veribatch/signatures/signtest"
)

// What is signed is what is seen: each role with its area and each token stands in the statement with its decision, and a decision that nobody
// has carried out is remembered until somebody does.
func TestAccessReviewNamesEveryRight(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	olga := w.Person("olga.one", access.Operator)
	idle := w.Person("ida.idle")
	require.NoError(t, do(w, w.Admin, accounts.Grant{Person: olga.ID, Role: "supervisor", Area: "main", Reason: "x"}))
	reads, _, err := token(w, "", "reader.d1", "batch.read")
	require.NoError(t, err)
	writes, _, err := token(w, reads.Account, "", "step.record")
	require.NoError(t, err)
	dead, _, err := token(w, "", "scale.d2", "batch.read")
	require.NoError(t, err)
	require.NoError(t, do(w, w.Admin, accounts.CloseMachine{Account: dead.Account, Reason: "scrapped"}))

	away := "olga.one/supervisor/main reader.d1/" + writes.Token + " ida.idle"
	c := accounts.Review{Change: away, Note: "other work"}
	st, err := w.Shown(c)
	require.NoError(t, err)
	said := map[string][]string{}
	for _, l := range st.Lines {
		said[l.Label] = append(said[l.Label], l.Value)
	}
	require.Regexp(t, `^Olga One; operator, the whole plant; last log-in .*; keep$`, said["olga.one"][0])
	require.Regexp(t, `^Olga One; supervisor, main; last log-in .*; TAKE AWAY$`, said["olga.one"][1])
	require.Regexp(t, `^Ida Idle; no role; last log-in .*; TAKE AWAY$`, said["ida.idle"][0])
	require.Regexp(t, `^Scale of the walk \(machine; Ada First answers\); weights: batch.read; the whole plant; until [0-9-]+; keep$`, said["reader.d1"][0])
	require.Regexp(t, `weights: step.record; the whole plant; until [0-9-]+; waits for QA; TAKE AWAY$`, said["reader.d1"][1])
	require.Empty(t, said["scale.d2"])
	require.Equal(t, []string{"other work"}, said["Remarks"])

	for name, wrong := range map[string]accounts.Review{
		"Say what has to change": {Change: away}, `no right or account "olga.one/qa/*"`: {Change: "olga.one/qa/*", Note: "x"}, `no right or account "scale.d2"`: {Change: "scale.d2", Note: "x"},
	} {
		_, err = w.Shown(wrong)
		require.ErrorContains(t, err, name)
	}
	// Rights that change while somebody reads: what would be signed is no longer what was seen.
	ticket := w.Ticket(w.Checker, w.Checker, st)
	require.NoError(t, do(w, w.Admin, accounts.Grant{Person: idle.ID, Role: "auditor", Reason: "x"}))
	_, err = w.Run(w.Checker, ticket, c)
	require.Error(t, err)
	require.NoError(t, do(w, w.Admin, accounts.Revoke{Person: idle.ID, Role: "auditor", Reason: "x"}))
	require.NoError(t, w.Sign(w.Checker, c))

	undone := func() (n int) {
		require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) (err error) { n, err = accounts.Undone(w.Ctx, r); return err }))
		return n
	}
	require.Equal(t, 3, undone())
	require.NoError(t, do(w, w.Admin, accounts.Revoke{Person: olga.ID, Role: "supervisor", Area: "main", Reason: "reviewed"}))
	require.NoError(t, do(w, w.Admin, accounts.Grant{Person: olga.ID, Role: "supervisor", Area: "main", Reason: "needed again"}))
	require.Equal(t, 2, undone(), "what is given later is another decision")
	_, err = w.Run(w.Admin, "", identity.RevokeToken{Account: writes.Account, Token: writes.Token, Reason: "reviewed"})
	require.NoError(t, err)
	require.NoError(t, do(w, w.Admin, accounts.Deactivate{Person: idle.ID, Reason: "reviewed"}))
	require.Zero(t, undone())
}
