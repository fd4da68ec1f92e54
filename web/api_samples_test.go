package web_test

import (
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/signatures/access"
)

var sample = regexp.MustCompile(`"\$BASE(/[^"]*)"[^\n]*? -d '([^\n]*)'</code>`)

// Requests of the reference page are copied and sent as they stand there: fields that exclude each other, or that have no meaning without a record of the
// reader's own, are not among them.
func TestSamplesOfTheReferenceCanBeSent(t *testing.T) {
	s := newScript(t)
	page := newVisitor(t, s.server).open("/api/v1/")
	samples := map[string]string{}
	for _, m := range sample.FindAllStringSubmatch(html.UnescapeString(page.raw), -1) {
		samples[m[1]] = m[2]
	}
	require.Greater(t, len(samples), 40)
	ada := s.client(s.people["Ada"])
	for _, path := range []string{"/areas", "/people", "/tokens"} {
		a := ada.post(path, samples[path])
		require.Less(t, a.status, 300, "%s %s: %s", path, samples[path], a.raw)
	}
	paul := ada.get("/people?q=anna.keller").body["people"].([]any)[0].(map[string]any)["person"].(string)
	for _, act := range []string{"grant", "revoke", "unlock", "reset", "deactivate"} {
		a := ada.post("/people/"+paul+"/"+act, samples["/people/{person}/"+act])
		require.NotEqual(t, 422, a.status, "%s %s: %s", act, samples["/people/{person}/"+act], a.raw)
		require.NotEqual(t, 400, a.status, "%s: %s", act, a.raw)
	}
	opened := (&client{t: t, base: s.server.URL}).post("/session/open", samples["/session/open"])
	require.Equal(t, 401, opened.status, "nothing but the person is unknown: %s", opened.raw)
	require.Equal(t, 428, s.client(s.people["Quinn"]).post("/accountability", samples["/accountability"]).status)
	require.NotContains(t, samples["/session/password"], `"password":"four yellow doors"`)
	for _, role := range access.Roles() {
		require.Contains(t, page.text, string(role), "the page names every role by the word that is sent")
	}
	require.Contains(t, page.text, "machines[].tokens[].acts", "fields within lists are named")
}

// The scheme of the header is read as HTTP says, whatever its case; the token itself is compared exactly.
func TestSchemeOfTheTokenHasNoCase(t *testing.T) {
	s := newScript(t)
	token := s.people["Olga"].Token
	for header, status := range map[string]int{
		"Bearer " + token: 200, "bearer " + token: 200, "BEARER " + token: 200, "Basic " + token: 401, token: 401, "Bearer": 401, "Bearer ": 401, "Bearer " + strings.ToLower(token): 401,
	} {
		a := (&client{t: t, base: s.server.URL}).send("GET", "/recipes", nil, map[string]string{"Authorization": header})
		require.Equal(t, status, a.status, "%s: %s", header, a.raw)
	}
}
