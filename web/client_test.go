package web_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/signatures/access"
	"veribatch/signatures/identity"
	"veribatch/web"
)

// site is the site of a plant with a configuration of its own.
func (p *plant) site(change func(*web.Config)) http.Handler {
	p.T.Helper()
	cfg := web.Config{Trail: p.Trail, Gate: p.Gate, Desk: p.Desk, Keyring: p.Desk.Key, Log: quiet(), Zone: zone}
	change(&cfg)
	site, err := web.New(cfg)
	require.NoError(p.T, err)
	return site
}

// arrival is one way by which a log-in may reach the server.
type arrival struct {
	peer, forwardedFor, forwardedProto string
	tls                                bool
}

func (a arrival) send(site http.Handler, form url.Values) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(form.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.RemoteAddr = a.peer + ":50000"
	if a.tls {
		request.TLS = &tls.ConnectionState{}
	}
	for name, value := range map[string]string{"X-Forwarded-For": a.forwardedFor, "X-Forwarded-Proto": a.forwardedProto} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	w := httptest.NewRecorder()
	site.ServeHTTP(w, request)
	return w
}

// Cookies are out of reach of scripts and other sites. With TLS they are marked Secure, carry the browser's own guard, and the browser is told to
// come back with TLS only. What a proxy says about client and protocol counts only when the proxy was named; the address stands in the entry.
func TestWhoIsBelievedAboutClientAndProtocol(t *testing.T) {
	p := newPlant(t, time.Minute)
	olga := p.person("olga.berg", access.Operator)
	site := p.site(func(c *web.Config) {
		c.Proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("127.0.0.1/32")}
	})
	for name, c := range map[string]struct {
		arrival
		address string
		secure  bool
	}{
		"plain":                     {arrival{peer: "192.168.7.9"}, "192.168.7.9", false},
		"TLS":                       {arrival{peer: "192.168.7.9", tls: true}, "192.168.7.9", true},
		"proxy with TLS":            {arrival{"10.0.0.2", "192.168.7.30", "https", false}, "192.168.7.30", true},
		"proxy on this machine":     {arrival{"127.0.0.1", "192.168.7.31", "https", false}, "192.168.7.31", true},
		"proxy without TLS":         {arrival{"10.0.0.2", "192.168.7.32", "http", false}, "192.168.7.32", false},
		"two proxies, forged start": {arrival{"10.0.0.2", "6.6.6.6, 192.168.7.33, 10.0.0.3", "https", false}, "192.168.7.33", true},
		"forged by a station":       {arrival{"192.168.7.66", "10.0.0.9", "https", false}, "192.168.7.66", false},
		"forged beside a proxy":     {arrival{"10.0.1.2", "6.6.6.6", "https", false}, "10.0.1.2", false},
		"no address at all":         {arrival{"10.0.0.2", "<script>", "https", false}, "10.0.0.2", true},
	} {
		w := c.send(site, url.Values{"user_name": {olga.UserName}, "password": {olga.Password}, "station": {"Weighing " + name}})
		require.Equal(t, 303, w.Code, name)
		cookies := w.Result().Cookies()
		require.Len(t, cookies, 2, name)
		for _, cookie := range cookies {
			require.True(t, cookie.HttpOnly)
			require.Equal(t, http.SameSiteStrictMode, cookie.SameSite)
			require.Equal(t, c.secure, cookie.Secure, name)
			require.Equal(t, c.secure, strings.HasPrefix(cookie.Name, "__Host-"), name)
			require.NotContains(t, cookie.Value, olga.ID)
		}
		require.Equal(t, c.secure, w.Header().Get("Strict-Transport-Security") != "", name)
		opened := p.Entries(identity.StreamOf(olga.ID), "session.open")
		require.Equal(t, c.address, opened[len(opened)-1].Details["address"], name)
	}
	forged := arrival{"192.168.7.66", "10.0.0.9", "https", false}.send(p.site(func(*web.Config) {}), nil)
	require.Empty(t, forged.Header().Get("Strict-Transport-Security"), "without named proxies nobody is believed")
}

var requestKey = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)

// One client that tries many passwords is slowed down, whether the names exist or not, with the same words; others are not. The first refusal
// is an entry that names the address.
func TestPasswordsOfOneClientAreBounded(t *testing.T) {
	p := newPlant(t, time.Minute)
	olga := p.person("olga.berg", access.Operator)
	site := p.site(func(c *web.Config) { c.Tries = 6 })
	pages := map[string]bool{}
	refused := 0
	for i := range 12 {
		name := []string{olga.UserName, "nobody.here"}[i%2]
		w := arrival{peer: "192.168.7.66"}.send(site, url.Values{"user_name": {name}, "password": {"wrong"}, "station": {"Weighing"}})
		if w.Code == http.StatusTooManyRequests {
			refused++
			_, main, _ := strings.Cut(w.Body.String(), "<main") // the head shows the time
			main = strings.ReplaceAll(main, name, "…")
			pages[requestKey.ReplaceAllString(main, "…")] = true
		}
	}
	require.GreaterOrEqual(t, refused, 5)
	require.Len(t, pages, 1, "the same page for names that exist and those that do not")
	other := arrival{peer: "192.168.7.67"}.send(site, url.Values{"user_name": {olga.UserName}, "password": {olga.Password}, "station": {"Weighing"}})
	require.Equal(t, 303, other.Code, "another station is not concerned")
	entered := 0
	for _, e := range p.entries(t, "session.open") {
		if e.Refused && strings.Contains(string(e.Body), "Too many passwords from 192.168.7.66") {
			entered++
		}
	}
	require.Equal(t, 1, entered)
}

// A server in front of this one that was not named is told to the log, once.
func TestUnnamedProxiesAreTold(t *testing.T) {
	p := newPlant(t, time.Minute)
	site := p.site(func(c *web.Config) {
		c.Log = p.logger()
		c.Proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.2/32")}
	})
	for range 3 {
		arrival{peer: "10.0.0.2", forwardedFor: "192.168.7.30"}.send(site, nil)
		arrival{peer: "192.168.7.9"}.send(site, nil)
	}
	require.NotContains(t, p.log.text(), "--proxy")
	for range 3 {
		arrival{peer: "10.0.0.3", forwardedFor: "192.168.7.30"}.send(site, nil)
	}
	require.Equal(t, 1, strings.Count(p.log.text(), "not named with --proxy"))
	require.Contains(t, p.log.text(), "address=10.0.0.3")
	for i := range 300 {
		arrival{peer: fmt.Sprintf("10.0.%d.%d", 1+i/200, i%200), forwardedFor: "192.168.7.30"}.send(site, nil)
	}
	require.Equal(t, 100, strings.Count(p.log.text(), "not named with --proxy"), "nobody fills the log with it")
}
