package web_test

import (
	"context"
	"net/url"
	"regexp"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/quality"
)

// judgements are what scripts say about incidents and about reviews of the trail.
var judgements = []sentence{
	on(setting, `the system fails on a page of the batch`, func(s *script, _ []string) {
		in := quality.Incident{Kind: quality.InternalError, Summary: "GET /batches/:batch: *errors.errorString", Reference: "ABCDEFGH", Batches: []string{s.batch[len("/batches/"):]}}
		require.NoError(s.t, quality.OpenIncident(s.Ctx, s.Trail, in))
	}),
	on(act, `SHE opens the incident`, func(s *script, _ []string) { s.now.open(s.incident()) }),
	on(act, `SHE judges the incident as (no effect|see deviation) because TEXT`, func(s *script, a []string) {
		s.now.open(s.incident())
		for id := range s.now.at.forms {
			if regexp.MustCompile(`^assess-B-`).MatchString(id) {
				s.now.send(id, map[string]string{"disposition": a[0], "reason": a[1]})
				return
			}
		}
		s.t.Fatal("the incident has no batch to judge: " + s.pageText())
	}),
	on(act, `(\w+) judges the incident anew as (no effect|see deviation) because TEXT and TEXT`, func(s *script, a []string) {
		s.now.open(s.incident())
		for id := range s.now.at.forms {
			if regexp.MustCompile(`^reassess-B-`).MatchString(id) {
				s.sign(id, map[string]string{"disposition": a[1], "reason": a[2], "changed_because": a[3]}, s.people[a[0]], nil)
				return
			}
		}
		s.t.Fatal("the incident has no judgement to replace: " + s.pageText())
	}),
	on(act, `(\w+) closes the incident`, func(s *script, a []string) {
		fill := map[string]string{"root_cause": "A slice read past its end.", "action": "Mended and tested in the next version."}
		s.now.open(s.incident())
		if s.now.at.forms["close"] == nil { // past the screens
			form := url.Values{"key": {audit.NewID()}}
			for name, value := range fill {
				form.Set(name, value)
			}
			s.now.post(s.incident()+"/close", form)
			return
		}
		s.sign("close", fill, s.people[a[0]], nil)
	}),
	on(act, `SHE opens the review`, func(s *script, _ []string) { s.now.open(s.batch + "/review") }),
	on(act, `SHE begins the review`, func(s *script, _ []string) {
		s.now.open(s.batch + "/review")
		s.now.send("begin", nil)
	}),
	on(act, `SHE reads the page`, func(s *script, _ []string) { s.now.send("read", nil) }),
	on(act, `SHE opens the review page by page with (\d+) entries each`, func(s *script, a []string) { s.now.open(s.batch + "/review?limit=" + a[0]) }),
	on(act, `(\w+) signs the review because TEXT`, func(s *script, a []string) {
		s.now.open(s.batch + "/review")
		for s.now.at.forms["review"] == nil && s.now.at.forms["read"] != nil { // the critical entries first
			s.now.send("read", nil)
		}
		s.sign("review", map[string]string{"remarks": a[1]}, s.people[a[0]], nil)
	}),
}

// incident gives the address of the first incident in the list.
func (s *script) incident() string {
	s.t.Helper()
	var list []quality.Record
	require.NoError(s.t, s.Trail.Read(context.Background(), func(r *audit.Reader) (err error) {
		list, err = quality.List(s.Ctx, r, quality.Everywhere(), nil, 1)
		return err
	}))
	require.NotEmpty(s.t, list)
	return "/incidents/" + list[0].ID
}
