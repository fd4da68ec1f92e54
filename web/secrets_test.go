package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/signatures/access"
	"veribatch/web"
)

// sentinels are what must never stand in a log, by what they are.
var sentinels = map[string]string{
	"password": "Sentinel-password-9317", "reading": "77.9317", "words": "sentinel words 9317", "query": "sentinel-query-9317", "segment": "sentinel-segment-9317",
	"token": "sentinel-token-9317", "header": "sentinel-header-9317",
}

// hostileRequest asks a route with sentinels in every place that a request has.
func hostileRequest(method, path string) *http.Request {
	for _, part := range strings.Split(path, "/") {
		if strings.HasPrefix(part, ":") {
			path = strings.Replace(path, part, sentinels["segment"], 1)
		}
	}
	fields := url.Values{"key": {"01900000-0000-7000-8000-000000000000"}}
	for _, name := range []string{"user_name", "password", "new_password", "again", "statement"} {
		fields.Set(name, sentinels["password"])
	}
	for _, name := range []string{"value", "reading", "amount", "order", "batch_size"} {
		fields.Set(name, sentinels["reading"])
	}
	for _, name := range []string{"text", "reason", "comment", "station", "next", "full_name"} {
		fields.Set(name, sentinels["words"])
	}
	fields.Set("token", sentinels["token"])
	body, kind := fields.Encode(), "application/x-www-form-urlencoded"
	if strings.HasPrefix(path, "/api/") {
		kind = "application/json"
		body = fmt.Sprintf(`{"password":%q,"reading":%q,"text":%q}`, sentinels["password"], sentinels["reading"], sentinels["words"])
	}
	request := httptest.NewRequest(method, path+"?q="+sentinels["query"], strings.NewReader(body))
	request.Header.Set("Content-Type", kind)
	request.Header.Set("User-Agent", sentinels["header"])
	request.Header.Set("Referer", "http://example.com/"+sentinels["header"])
	request.Header.Set("X-Request-Id", sentinels["header"])
	request.Header.Set("X-Forwarded-For", sentinels["header"])
	return request
}

// The log names routes, acts and persons, and holds neither secrets nor values: not of requests that are answered, not of refused ones, and
// not of failures inside.
func TestTheLogHoldsNoSecretsAndNoValues(t *testing.T) {
	p := newPlant(t, time.Minute)
	olga := p.person("olga.berg", access.Operator)
	observed := 0
	site := p.site(func(c *web.Config) {
		c.Log = p.logger()
		c.Observe = func(_ context.Context, o web.Observation) {
			observed++
			fmt.Fprintf(p.log, "%+v\n", o)
		}
	})
	w := arrival{peer: "192.168.7.9"}.send(site, url.Values{"user_name": {olga.UserName}, "password": {olga.Password}, "station": {"Weighing"}})
	require.Equal(t, 303, w.Code)
	cookies := w.Result().Cookies()
	sent := 1
	every := func(loggedIn bool) {
		for _, r := range web.Routes() {
			if r.Path == "/session/close" {
				continue
			}
			request := hostileRequest(r.Method, r.Path)
			for _, cookie := range cookies {
				if loggedIn {
					request.AddCookie(cookie)
				}
			}
			if strings.HasPrefix(r.Path, "/api/") && loggedIn {
				request.Header.Set("Authorization", "Bearer "+cookies[len(cookies)-1].Value)
			}
			site.ServeHTTP(httptest.NewRecorder(), request)
			sent++
		}
	}
	every(true)
	every(false)
	p.Trail.Close() // from here on everything fails inside
	every(true)
	require.Equal(t, sent, observed, "each request is observed once")
	text := p.log.text()
	require.Contains(t, text, "incident", "failures inside were logged")
	require.Contains(t, text, olga.ID)
	for what, secret := range sentinels {
		require.NotContains(t, text, secret, what)
	}
	for _, cookie := range cookies {
		require.NotContains(t, text, cookie.Value, cookie.Name)
	}
	require.NotContains(t, text, olga.Password)
	require.NotContains(t, text, "olga.berg", "persons are named by their id")
}
