package web_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/signatures/configuration/versions"
)

const openedLongAgo = `update ebr.sessions set opened_at = opened_at - interval '25 hours' where person = @person and ended_at is null`

// In a series of signatures (21 CFR 11.200(a)(1)(i)) a program may leave out the user name from the second signature on, where the configuration says so. A lock,
// an idle time and the end of the session end the series; the statement says each time whether there is one.
func TestSeriesByAPI(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	sven := s.people["Sven"]
	c := s.client(sven)
	send := func(user, password string) answer {
		t.Helper()
		asked := c.post("/reviews", map[string]any{})
		require.Equal(t, 428, asked.status, asked.raw)
		signature := map[string]any{"password": password, "statement": asked.body["digest"]}
		if user != "" {
			signature["user_name"] = user
		}
		return c.post("/reviews", map[string]any{"signature": signature})
	}
	series := func() any {
		t.Helper()
		asked := c.post("/reviews", map[string]any{})
		require.Equal(t, 428, asked.status, asked.raw)
		return asked.body["series"]
	}
	both := func() { t.Helper(); a := send(sven.UserName, sven.Password); require.Equal(t, 200, a.status, a.raw) }
	none := func(why string) {
		t.Helper()
		require.Nil(t, series(), why)
		refused := send("", sven.Password)
		require.Equal(t, 403, refused.status, "%s: %s", why, refused.raw)
		require.Contains(t, refused.raw, "signature-refused")
		require.Contains(t, refused.raw, "Sign with user name and password")
	}
	both()
	none("it is not configured")
	s.Configure(versions.Propose{SeriesSigning: "on"})
	c.token = s.LogIn(sven, s.Station)
	none("the first signature takes both")
	both()
	require.Equal(t, sven.FullName, series())
	wrong := send("", "wrong wrong wrong")
	require.Equal(t, 403, wrong.status, wrong.raw)
	alone := send("", sven.Password)
	require.Equal(t, 200, alone.status, alone.raw)
	entries := s.plant.entries(t, "access.review")
	require.Equal(t, "password alone, in series", entries[len(entries)-1].Details["components"])

	require.Equal(t, 200, c.post("/session/lock", "{}").status)
	require.Equal(t, 423, c.post("/reviews", "{}").status)
	require.Equal(t, 200, c.post("/session/unlock", map[string]any{"password": sven.Password}).status)
	none("a lock ends it")
	both()
	s.administer("ebr.sessions", grownOld, pgx.NamedArgs{"ago": "61 minutes", "person": sven.ID})
	require.Equal(t, 423, c.post("/reviews", "{}").status)
	require.Equal(t, 200, c.post("/session/unlock", map[string]any{"password": sven.Password}).status)
	none("an idle time ends it")
	both()
	s.administer("ebr.sessions", openedLongAgo, pgx.NamedArgs{"person": sven.ID})
	require.Equal(t, 401, c.post("/reviews", "{}").status, "the session has ended, and with it the series")
	c.token = s.LogIn(sven, s.Station)
	none("another session begins its own")
}
