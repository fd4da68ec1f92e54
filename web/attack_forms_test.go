package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
	"veribatch/signatures/signtest"
	"veribatch/web"
)

// Every form and every operation refuses what another site sends, with the person's own cookies, and does nothing; the same request from here
// is not refused for that reason. The API takes no cookie at all.
func TestEveryFormRefusesOtherSites(t *testing.T) {
	t.Parallel()
	p := newPlant(t, time.Minute)
	olga := p.person("olga.berg", access.Operator)
	send := func(r web.Route, headers map[string]string) *http.Response {
		path := strings.NewReplacer(":batch", audit.NewID(), ":version", audit.NewID()).Replace(r.Path)
		request, err := http.NewRequest(r.Method, p.server.URL+path, strings.NewReader(url.Values{"key": {audit.NewID()}}.Encode()))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if strings.HasPrefix(r.Path, "/api/") {
			request.Header.Set("Content-Type", "application/json")
		}
		request.AddCookie(&http.Cookie{Name: "session", Value: olga.Token})
		for name, value := range headers {
			request.Header.Set(name, value)
		}
		answer, err := http.DefaultTransport.RoundTrip(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer
	}
	var forms []web.Route
	for _, r := range append(web.Routes(), web.Operations()...) {
		if r.Method == http.MethodPost {
			forms = append(forms, r)
		}
	}
	entries := p.lastEntry()
	for _, r := range forms {
		for name, headers := range map[string]map[string]string{
			"another site": {"Origin": "https://elsewhere.example"}, "a sandboxed frame": {"Origin": "null"}, "the browser says so": {"Sec-Fetch-Site": "cross-site"},
			"a neighbour of the domain": {"Sec-Fetch-Site": "same-site", "Origin": p.server.URL}, "another port": {"Origin": p.server.URL + "0"},
		} {
			require.Equal(t, http.StatusForbidden, send(r, headers).StatusCode, "%s: %s", name, r.Path)
		}
	}
	require.Equal(t, entries, p.lastEntry(), "what another site sent left something")
	for _, r := range forms {
		if r.Path == "/session/lock" || r.Path == "/session/close" {
			continue // they need nothing but the session
		}
		for _, headers := range []map[string]string{nil, {"Sec-Fetch-Site": "same-origin", "Origin": p.server.URL}} {
			code := send(r, headers).StatusCode
			if strings.HasPrefix(r.Path, "/api/") && !strings.HasSuffix(r.Path, "/session/open") && !strings.HasSuffix(r.Path, "/first") {
				require.Equal(t, http.StatusUnauthorized, code, "%s takes a cookie", r.Path)
			}
			require.Less(t, code, 500, r.Path)
		}
	}
}

const newestEntry = `select count(*) from audit.entries`

func (p *plant) lastEntry() (n int) {
	p.T.Helper()
	require.NoError(p.T, p.DB.Super(p.T).QueryRow(p.Ctx, newestEntry).Scan(&n))
	return n
}

// A page that is read changes nothing, so a link from another site has nothing to set off.
func TestReadingChangesNothing(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	s.prepareBatch("running")
	for _, name := range []string{"Quinn", "Ada", "Sven"} {
		s.as(name)
		before := s.countEntries()
		for _, r := range web.Routes() {
			if r.Method == http.MethodGet {
				s.now.open(s.address(r.Path))
			}
		}
		require.Equal(t, before, s.countEntries(), name)
	}
}

// A session that somebody else put into the browser is never the one that a log-in continues: the token is new, what was there ends, and the station
// is the browser's own. A token alone, at another known station, opens nothing.
func TestSessionsAreNotFixed(t *testing.T) {
	t.Parallel()
	p := newPlant(t, time.Minute)
	olga, mallory := p.person("olga.berg", access.Operator), p.person("mallory.berg", access.Operator)
	at := func(station string, who signtest.Person) (*visitor, map[string]string) {
		v := p.visitorAt(station, who)
		return v, p.cookies(v)
	}
	_, planted := at("Mallory's corner", mallory)
	victim, own := at("Weighing", olga)
	victim.send("log-out", nil)

	for name, cookie := range map[string]string{"made up": audit.NewToken(), "of another session": planted["session"], "ended": own["session"]} {
		p.plantCookie(victim, cookie)
		victim.open("/login")
		require.Contains(t, victim.at.forms, "login", "%s: the browser is logged in: %s", name, victim.at.text)
		victim.send("login", map[string]string{"user_name": olga.UserName, "password": olga.Password})
		require.Equal(t, 200, victim.at.status, victim.at.text)
		require.Contains(t, victim.at.text, "Station Weighing", name)
		now := p.cookies(victim)["session"]
		require.NotEqual(t, cookie, now, name)
		session, err := p.Gate.Find(p.Ctx, now)
		require.NoError(t, err)
		require.Equal(t, olga.ID, session.Person)
	}
	mine := p.cookies(victim)["session"]
	thief := newVisitor(t, p.server)
	thief.client.Jar.SetCookies(p.root(), []*http.Cookie{{Name: "station", Value: planted["station"]}, {Name: "session", Value: mine}})
	require.Equal(t, "/login?next=%2Fsession%2Fpassword", thief.open("/session/password").path, "a token works at another station")
	refused := p.Entries(identity.StreamOf(olga.ID), "session.open")
	require.Contains(t, string(refused[len(refused)-1].Body), "another station", "the try is on the trail of the person")
	require.Equal(t, 200, victim.open("/session/password").status, "who was there stays")
}

func (p *plant) root() *url.URL {
	p.T.Helper()
	u, err := url.Parse(p.server.URL)
	require.NoError(p.T, err)
	return u
}

func (p *plant) cookies(v *visitor) map[string]string {
	all := map[string]string{}
	for _, c := range v.client.Jar.Cookies(p.root()) {
		all[c.Name] = c.Value
	}
	return all
}

func (p *plant) plantCookie(v *visitor, token string) {
	v.client.Jar.SetCookies(p.root(), []*http.Cookie{{Name: "session", Value: token}})
}
