package web_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/access"
	"veribatch/web"
)

// Every address is named once, and its act is one that policy.csv knows.
func TestRoutesNameKnownActs(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range web.Routes() {
		require.True(t, access.Known(r.Act), "%s %s names the act %s, which policy.csv does not know", r.Method, r.Path, r.Act)
		require.False(t, seen[r.Method+r.Path], "%s %s stands twice", r.Method, r.Path)
		seen[r.Method+r.Path] = true
	}
	require.Greater(t, len(seen), 35)
}

// Every answer carries the security headers, whatever it is.
func TestEveryAnswerIsGuarded(t *testing.T) {
	p := newPlant(t, time.Minute)
	v := newVisitor(t, p.server)
	for _, path := range []string{"/login", "/", "/nothing", "/batches/17", "/static/icon.svg"} {
		h := v.open(path).header
		require.Equal(t, web.ContentSecurityPolicy, h.Get("Content-Security-Policy"), path)
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), path)
		require.Equal(t, "same-origin", h.Get("Referrer-Policy"), path)
		if !strings.HasPrefix(path, "/static") {
			require.Equal(t, "no-store", h.Get("Cache-Control"), path)
		}
	}
	require.Equal(t, 404, v.open("/nothing").status)
	require.Equal(t, 404, v.post("/login/", nil).status)
}

// A form that another site sends is refused before anybody looks at its session.
func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	p := newPlant(t, time.Minute)
	olga := p.person("olga.berg", access.Operator)
	v := p.visitorAt("Granulation 2", olga)
	for name, value := range map[string]string{"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"} {
		request, err := http.NewRequest(http.MethodPost, p.server.URL+"/session/close", nil)
		require.NoError(t, err)
		request.Header.Set(name, value)
		answer, err := v.client.Do(request)
		require.NoError(t, err)
		require.Equal(t, 403, v.read(answer).status)
		require.Contains(t, v.at.text, "came from another site")
	}
	require.Contains(t, v.open("/session/password").text, "Present password", "the session was closed all the same")
}

// A station's cookie is believed with the mark of the site key only: nobody sits down at another station by writing its id.
func TestStationsCannotBeForged(t *testing.T) {
	p := newPlant(t, time.Minute)
	v := newVisitor(t, p.server)
	address, err := url.Parse(p.server.URL)
	require.NoError(t, err)
	for _, forged := range []string{p.Station, p.Station + ".", p.Station + ".AAAA", "x.y"} {
		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		jar.SetCookies(address, []*http.Cookie{{Name: "station", Value: forged}})
		v.client.Jar = jar
		require.Contains(t, v.open("/login").text, "Name of this station", forged)
	}
}

// An unknown browser becomes a station with its first right password, under one entry, and keeps its name; a wrong one makes none.
func TestStationIsRegisteredAtFirstLogIn(t *testing.T) {
	p := newPlant(t, time.Minute)
	olga := p.person("olga.berg", access.Operator)
	v := newVisitor(t, p.server)
	v.open("/login?next=/session/password")
	v.send("login", map[string]string{"station": "Drying 1", "user_name": olga.UserName, "password": "wrong wrong wrong"})
	require.Equal(t, 401, v.at.status)
	require.Equal(t, "Drying 1", v.at.forms["login"].fields.Get("station"))
	require.Empty(t, v.at.forms["login"].fields.Get("password"))
	v.send("login", map[string]string{"station": "Granulation 1", "password": olga.Password})
	require.Equal(t, 409, v.at.status)
	require.Contains(t, v.at.wrong["login-station"]+v.at.text, "There is a station of this name already")
	v.send("login", map[string]string{"station": "Drying 1", "password": olga.Password})
	require.Contains(t, v.at.text, "Station Drying 1")
	entries := p.entries(t, "station.register")
	require.Equal(t, "Veribatch server", entries[len(entries)-1].By.Name)
	v.send("log-out", nil)
	require.False(t, v.at.forms["login"].known["station"], "a known station is not asked for its name")
}

// The first administrator comes in with the token of the start, once, and is asked to log in from then on.
func TestFirstAdministrator(t *testing.T) {
	p := emptyPlant(t)
	v := newVisitor(t, p.server)
	v.open("/login")
	require.Equal(t, "/first", v.at.path)
	fill := map[string]string{"token": "x", "user_name": "ada.first", "full_name": "Ada First", "station": "Office", "password": "maple river 17 tin", "again": "maple river 17 tin"}
	v.send("first", fill)
	require.Equal(t, 401, v.at.status)
	token, err := p.Gate.FirstToken(context.Background())
	require.NoError(t, err)
	fill["token"], fill["again"] = token, "something else"
	v.send("first", fill)
	require.Contains(t, v.at.wrong["first-again"], "differ")
	fill["again"], fill["user_name"] = fill["password"], "admin"
	v.send("first", fill)
	require.Contains(t, v.at.wrong["first-user_name"], "does not name one person")
	fill["user_name"] = "ada.first"
	v.send("first", fill)
	require.Equal(t, 200, v.at.status, v.at.text)
	require.Contains(t, v.at.text, "Logged in Ada First")
	require.Equal(t, "/login", newVisitor(t, p.server).open("/first").path)
}

// A password is changed by its owner, who gives the old one; faults of the new one stand at its field.
func TestPasswordChange(t *testing.T) {
	p := newPlant(t, time.Minute)
	olga := p.person("olga.berg", access.Operator)
	v := p.visitorAt("Granulation 2", olga)
	send := func(old, new, again string) *sheet {
		v.open("/session/password")
		return v.send("password", map[string]string{"password": old, "new_password": new, "again": again})
	}
	require.Contains(t, send(olga.Password, "short", "short").wrong["password-new_password"], "at least")
	require.Contains(t, send(olga.Password, "green window 12", "green window 13").wrong["password-again"], "differ")
	require.Contains(t, send("no such password", "green window 12", "green window 12").text, "password is wrong")
	require.Equal(t, "/", send(olga.Password, "green window 12", "green window 12").path)
	require.Contains(t, v.at.text, "The new password is set.")
	require.NotContains(t, v.open("/").text, "The new password is set.", "a notice is shown once")
}

// Leading somewhere else after the log-in stays on this site.
func TestReturnAddressStaysHere(t *testing.T) {
	p := newPlant(t, time.Minute)
	olga := p.person("olga.berg", access.Operator)
	for _, next := range []string{"//elsewhere.example/", "https://elsewhere.example/", "/\\elsewhere.example", "javascript:alert(1)", "\thttp://x"} {
		v := newVisitor(t, p.server)
		v.open("/login?next=" + url.QueryEscape(next))
		v.send("login", map[string]string{"station": "S" + audit.NewID()[24:], "user_name": olga.UserName, "password": olga.Password})
		require.Equal(t, "/", v.at.path, next)
	}
}

// Our own failures show a reference number; the log has it too, and neither shows what was entered.
func TestIncidentsHaveReferenceAndNoValues(t *testing.T) {
	p := newPlant(t, time.Minute)
	olga := p.person("olga.berg", access.Operator)
	v := p.visitorAt("Granulation 2", olga)
	_, err := p.DB.Super(t).Exec(p.Ctx, `alter table ebr.batches rename to batches_gone`)
	require.NoError(t, err)
	v.open("/?secret=13.85")
	require.Equal(t, 500, v.at.status)
	require.Contains(t, v.at.text, "Reference number")
	reference := strings.Fields(v.at.text[strings.Index(v.at.text, "Reference number:")+len("Reference number:"):])[0]
	log := p.log.text()
	require.Contains(t, log, "reference="+reference)
	require.Contains(t, log, "sqlstate=42P01")
	require.NotContains(t, log, "13.85")
	require.NotContains(t, v.at.text, "batches")
	require.NotContains(t, log, olga.Token)
}

// A body that is too long, of a wrong kind, or with one field twice is refused in words.
func TestFormsAreReadStrictly(t *testing.T) {
	p := newPlant(t, time.Minute)
	v := newVisitor(t, p.server)
	v.open("/login")
	for _, c := range []struct {
		kind, body, says string
		status           int
	}{
		{"application/json", `{"user_name":"olga"}`, "not a form of this site", 422},
		{"application/x-www-form-urlencoded", "user_name=a&user_name=b", "two values for one field", 422},
		{"application/x-www-form-urlencoded", "user_name=%zz", "cannot be read", 422},
		{"application/x-www-form-urlencoded", "user_name=%ff", "not UTF-8", 422},
		{"application/x-www-form-urlencoded", "user_name=" + strings.Repeat("a", 1<<20), "longer than the field may be", 413},
		{"application/x-www-form-urlencoded", "user_name=" + strings.Repeat("a", 20<<10), "longer than the field may be", 413},
		{"multipart/form-data; boundary=x", "--x--", "not a form of this site", 422},
	} {
		at := v.deliver("/login", c.kind, bytes.NewBufferString(c.body))
		require.Equal(t, c.status, at.status, c.body[:min(len(c.body), 40)])
		require.Contains(t, at.text, c.says)
	}
}
