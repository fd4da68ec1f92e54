package web_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
)

// What the API answers does not tell names and ids that exist from those that do not or were deactivated: at the opening of a session, at a signature and
// at the file of a person, up to the lock of the name and beyond.
func TestAnswersOfAPIDoNotTellNamesApart(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	here, gone := s.Person("anna.exists.here", access.Operator), s.Person("otto.is.disabled", access.Operator)
	in := audit.Intent{Session: s.Admin.Token, Act: "person.deactivate", Home: identity.StreamOf(gone.ID), Reason: "left the firm"}
	_, err := s.Trail.Change(s.Ctx, in, func(tx *audit.Tx) error {
		_, err := tx.Exec(s.Ctx, deactivate, gone.ID)
		return err
	})
	require.NoError(t, err)
	c := s.client(s.people["Sven"])
	names := []string{here.UserName, "emil.is.nobodys", gone.UserName}
	ids := []string{here.ID, audit.NewID(), gone.ID}
	same := func(what string, of []string, send func(string) answer) (first string) {
		t.Helper()
		for _, one := range of {
			a := send(one)
			require.GreaterOrEqual(t, a.status, 400, a.raw)
			said := fmt.Sprintf("%d %v %s", a.status, keysInOrder(a.header), changing.ReplaceAllString(strings.ReplaceAll(a.raw, one, "NAME"), "…"))
			if first == "" {
				first = said
			}
			require.Equal(t, first, said, "%s of %s", what, one)
		}
		return first
	}
	olga := s.client(s.people["Olga"])
	for _, path := range []string{"", "/grant", "/confirm", "/deactivate"} {
		same("GET or POST /people/…"+path, ids, func(id string) answer {
			if path == "" {
				return olga.get("/people/" + id)
			}
			return olga.post("/people/"+id+path, "{}")
		})
	}
	digest := c.post(s.batch+"/abort", map[string]any{"reason": "a test"}).body["digest"]
	open := (&client{t: t, base: s.server.URL}).post("/session/open", map[string]any{"user_name": s.people["Omar"].UserName, "password": s.people["Omar"].Password, "station": "Names " + c.fresh()})
	require.Equal(t, 200, open.status, open.raw)
	var last string
	for try := 1; try <= 6; try++ {
		word := "opening of a session"
		ask := func(name string) answer {
			return (&client{t: t, base: s.server.URL}).post("/session/open", map[string]any{"user_name": name, "password": "not the password", "station_key": open.body["station_key"]})
		}
		if try%2 == 0 {
			word = "signature"
			ask = func(name string) answer {
				return c.post(s.batch+"/abort", map[string]any{"reason": "a test", "signature": map[string]any{"user_name": name, "password": "not the password", "statement": digest}})
			}
		}
		last = same(fmt.Sprintf("try %d, %s", try, word), names, ask)
	}
	require.Contains(t, last, "locked until", "the name locks, whoever it is")
}
