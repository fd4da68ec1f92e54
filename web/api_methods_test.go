package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/web"
)

// The API keeps to what HTTP says: HEAD reads without a body, OPTIONS and 405 say what an address takes, an answer that nobody takes is not made, what was
// made has its address, and who has to wait hears how long.
func TestMethodsAndHeadersOfAPI(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	olga, sven := s.client(s.people["Olga"]), s.client(s.people["Sven"])
	for _, o := range web.Operations() {
		path := strings.ReplaceAll(strings.TrimPrefix(o.Path, "/api/v1"), ":batch", strings.TrimPrefix(s.batch, "/batches/"))
		options := olga.send(http.MethodOptions, path, nil, nil)
		require.Equal(t, 204, options.status, path)
		require.Contains(t, options.header.Get("Allow"), o.Method, path)
		wrong := olga.send(http.MethodDelete, path, nil, nil)
		require.Equal(t, 405, wrong.status, path)
		require.Equal(t, "application/problem+json", wrong.header.Get("Content-Type"), path)
		require.Contains(t, wrong.header.Get("Allow"), o.Method, path)
		refused := olga.send(o.Method, path, "{}", map[string]string{"Accept": "text/html, application/json;q=0"})
		require.Equal(t, 406, refused.status, "%s: %s", path, refused.raw)
	}
	get, head := olga.get(s.batch+"/steps"), olga.send(http.MethodHead, s.batch+"/steps", nil, nil)
	require.Equal(t, 200, head.status)
	require.Empty(t, head.raw)
	require.Equal(t, get.header.Get("Content-Type"), head.header.Get("Content-Type"))
	require.Equal(t, 404, olga.send(http.MethodHead, "/batches/17", nil, nil).status)
	for _, accept := range []string{"*/*", "application/json", "application/*;q=0.5", "text/html, */*;q=0.1"} {
		require.Equal(t, 200, olga.send(http.MethodGet, s.batch+"/steps", nil, map[string]string{"Accept": accept}).status, accept)
	}
	order := map[string]any{"order_number": "PO-location", "recipe_version": strings.TrimPrefix(s.recipe, "/recipes/")}
	sven.key = audit.NewID()
	made := sven.post("/orders", order)
	require.Equal(t, 201, made.status, made.raw)
	at := made.header.Get("Location")
	require.Equal(t, 200, sven.get(strings.TrimPrefix(at, "/api/v1")).status, at)
	again := sven.post("/orders", order)
	require.Equal(t, 201, again.status, again.raw)
	require.Equal(t, at, again.header.Get("Location"), "a repeat gets the same answer")

	check := s.Trail.Check
	s.Trail.Check = func(context.Context, *audit.Tx) error { return fault.New(fault.Busy, "Busy for a test.") }
	busy := olga.post(s.batch+"/comment", map[string]any{"comment": "now"})
	s.Trail.Check = check
	require.Equal(t, 503, busy.status, busy.raw)
	require.Equal(t, "2", busy.header.Get("Retry-After"))
	site := s.site(func(c *web.Config) { c.Tries = 1 })
	for _, want := range []int{401, 429} {
		request := httptest.NewRequest(http.MethodPost, "/api/v1/session/open", strings.NewReader(`{"user_name":"nobody.here","password":"no no no no","station":"Somewhere"}`))
		request.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		site.ServeHTTP(w, request)
		require.Equal(t, want, w.Code, w.Body.String())
		require.Equal(t, map[int]string{401: "", 429: "60"}[want], w.Header().Get("Retry-After"))
	}
}
