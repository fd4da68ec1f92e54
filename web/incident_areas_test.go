package web_test

import (
	"net/http"
	"net/url"
	"path"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/quality"
	"veribatch/signatures/access"
)

// A11-13, P11-10d: an incident is read and judged in the area of the batch that it touched. Who holds the roles elsewhere neither sees that it touched this
// batch nor judges it; the incident of no batch is the whole plant's.
func TestIncidentsAreJudgedInTheAreaOfTheBatch(t *testing.T) {
	t.Parallel()
	s, south := twoAreas(t)
	batch := path.Base(s.batch)
	for _, in := range []quality.Incident{{Kind: quality.Clock, Summary: "jumped in main", Batches: []string{batch}}, {Kind: quality.Backup, Summary: "no backup"}} {
		require.NoError(t, quality.OpenIncident(s.Ctx, s.Trail, in))
	}
	near := s.Person("mara.main")
	s.place(near, own, access.Supervisor)
	mara := s.visitorAt("Desk of main", near)
	require.Contains(t, mara.open("/incidents").text, "jumped in main")
	require.NotContains(t, mara.at.text, "no backup", "which touched no batch")
	require.Contains(t, mara.at.text, "1 open incident")
	sven := s.visitorAt("Desk of Sven", s.people["Sven"])
	require.Contains(t, sven.open("/incidents").text, "2 open incidents")
	require.Contains(t, sven.at.text, "no backup")
	at := s.incidentOf(batch)
	judge := func(act string) (string, url.Values) {
		form := url.Values{"key": {audit.NewID()}, "disposition": {"no effect"}, "reason": {"Nothing was entered."}, "seen": {"1"}}
		if act == "reassess" {
			form.Set("changed_because", "read again")
		}
		return at + "/batches/" + batch + "/" + act, form
	}
	for _, role := range []access.Role{access.Supervisor, access.QA, access.QualifiedPerson, access.Auditor} {
		far := s.visitorAt("Far desk of "+string(role), south[role])
		require.NotContains(t, far.open("/incidents").text, "jumped in main", role)
		require.NotContains(t, far.at.text, "open incident", role)
		_, says := s.answerTo(south[role].Token, http.MethodGet, "/api/v1/incidents", "", false)
		require.NotContains(t, says, "jumped", role)
		for _, page := range []string{at, "/api/v1" + at} {
			status, says := s.answerTo(south[role].Token, http.MethodGet, page, "", false)
			require.Equal(t, http.StatusNotFound, status, "%s as %s: %s", page, role, says)
			require.Contains(t, says, "There is no such incident", "%s as %s", page, role)
		}
		for _, act := range []string{"assess", "reassess"} {
			far.post(judge(act))
			require.Contains(t, []int{http.StatusNotFound, http.StatusForbidden}, far.at.status, "%s as %s: %s", act, role, far.at.text)
			require.NotContains(t, far.at.text, "jumped", "%s as %s", act, role)
		}
		close := at + "/close"
		far.post(close, url.Values{"key": {audit.NewID()}, "root_cause": {"x"}, "action": {"y"}})
		require.Equal(t, http.StatusForbidden, far.at.status, "%s as %s: %s", close, role, far.at.text)
	}
	require.NotEmpty(t, s.refusals(south[access.Supervisor]))
	to, form := judge("assess")
	mara.post(to, form)
	require.Less(t, mara.at.status, 400, mara.at.text)
	require.Contains(t, mara.open(at).text, "Nothing was entered.")
	require.Contains(t, mara.at.text, "Mara Main")
}

// incidentOf gives the address of the incident that touched a batch.
func (s *script) incidentOf(batch string) string {
	s.t.Helper()
	var list []quality.Record
	require.NoError(s.t, s.Trail.Read(s.Ctx, func(r *audit.Reader) (err error) {
		list, err = quality.OfBatch(s.Ctx, r, batch)
		return err
	}))
	require.Len(s.t, list, 1)
	return "/incidents/" + list[0].ID
}
