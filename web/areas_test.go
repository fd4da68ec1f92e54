package web_test

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/access"
	"veribatch/signatures/signtest"
	"veribatch/web"
)

// twoAreas is a plant with a running batch in main, an area south without any, and people who hold their roles for south alone.
func twoAreas(t *testing.T) (s *script, south map[access.Role]signtest.Person) {
	s = newScript(t)
	s.prepareBatch("running")
	s.change(s.people["Ada"].Token, access.CreateArea{Code: other, Title: "South", Reason: "a second site"})
	south = map[access.Role]signtest.Person{}
	for _, role := range access.Roles() {
		who := s.Person("sam." + strings.ReplaceAll(string(role), "_", "."))
		s.place(who, other, role)
		south[role] = who
	}
	return s, south
}

// Whoever tries addresses of another area learns nothing: whatever page, form, file or operation it is, the answer is that for a record which does not
// exist, word for word, and each try is an entry. Every address with a batch or a recipe in it is tried (in every role with VERIBATCH_LONG).
func TestOtherAreasAnswerLikeNothing(t *testing.T) {
	t.Parallel()
	s, south := twoAreas(t)
	batch, version := strings.TrimPrefix(s.batch, "/batches/"), strings.TrimPrefix(s.recipe, "/recipes/")
	without := strings.NewReplacer(batch, uuid.NewString(), version, "0198c5f2"+version[8:])
	fill := strings.NewReplacer(":batch", batch, ":version", version, ":step", "040", ":value", "net", ":review", audit.NewID(), ":export", audit.NewID())
	for role, who := range south {
		if os.Getenv("VERIBATCH_LONG") == "" && role != access.Supervisor && role != access.QA {
			continue
		}
		before, tries := len(s.refusals(who)), 0
		for _, r := range append(web.Routes(), web.Operations()...) {
			order := r.Act == "order.create" && r.Method == http.MethodPost
			if !strings.Contains(r.Path, ":batch") && !strings.Contains(r.Path, ":version") && !order {
				continue
			}
			path, version := fill.Replace(r.Path), version
			there, saysThere := s.answerTo(who.Token, r.Method, path, version, order)
			nowhere, saysNowhere := s.answerTo(who.Token, r.Method, without.Replace(path), without.Replace(version), order)
			require.Contains(t, []int{403, 404}, there, "%s %s as %s: %s", r.Method, r.Path, role, saysThere)
			require.Equal(t, nowhere, there, "%s %s as %s", r.Method, r.Path, role)
			require.Equal(t, saysNowhere, without.Replace(saysThere), "%s %s as %s", r.Method, r.Path, role)
			tries++
		}
		require.Greater(t, tries, 50)
		require.GreaterOrEqual(t, len(s.refusals(who))-before, 5, "%s tried %d times, in bursts", role, tries)
	}
}

// answerTo sends one request to a page, a form or the API, and gives the words of the answer.
func (s *script) answerTo(token, method, path, version string, order bool) (status int, words string) {
	s.t.Helper()
	api := strings.HasPrefix(path, "/api/")
	form, body := url.Values{"key": {audit.NewID()}}, "{}"
	if order {
		form.Set("order_number", "PO-1")
		form.Set("recipe_version", version)
		body = `{"order_number": "PO-1", "recipe_version": "` + version + `"}`
	}
	if !api {
		body = form.Encode()
	}
	request, err := http.NewRequest(method, s.server.URL+path, strings.NewReader(body))
	require.NoError(s.t, err)
	if api {
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", audit.NewID())
	} else {
		request.AddCookie(&http.Cookie{Name: "session", Value: token})
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(s.t, err)
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	if api {
		return answer.StatusCode, string(raw)
	}
	words = strings.Join(strings.Fields(markup.ReplaceAllString(string(raw), " ")), " ")
	words, _, _ = strings.Cut(words, ": print of a screen")
	require.NotEmpty(s.t, words)
	return answer.StatusCode, words
}

// refusals lists what was refused to a person.
func (s *script) refusals(who signtest.Person) []audit.Row {
	return s.trail(audit.Filter{Person: who.ID, Refused: true})
}

// Lists, searches and the trail of a person of another area hold nothing of this one.
func TestListsHoldTheOwnAreaOnly(t *testing.T) {
	t.Parallel()
	s, south := twoAreas(t)
	s.as("Quinn")
	s.now.open(s.batch)
	number := regexp.MustCompile(`B-\d{4}-\d{6}`).FindString(s.now.at.text)
	require.NotEmpty(t, number)
	for _, role := range []access.Role{access.Supervisor, access.QA, access.Auditor} {
		v := s.visitorAt("Desk of "+string(role), south[role])
		for _, path := range []string{"/", "/recipes", "/trail", "/trail?act=session.open", "/trail?batch=batch/" + strings.TrimPrefix(s.batch, "/batches/")} {
			v.open(path)
			require.Equal(t, 200, v.at.status, path)
			for _, word := range []string{number, "BUF-PBS-10", "Phosphate", "Olga Berg"} {
				require.NotContains(t, v.at.text, word, "%s as %s", path, role)
			}
		}
		v.open("/trail?batch=" + number)
		require.Contains(t, v.at.text, "There is no such batch", "a number is not found by trying")
	}
	s.as("Yves") // for the whole plant
	require.Contains(t, s.now.open("/trail?act=session.open").text, "Olga Berg")
	require.Contains(t, s.now.open("/").text, number)
}
