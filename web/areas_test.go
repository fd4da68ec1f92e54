package web_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/access"
	"veribatch/signatures/signtest"
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

// Whoever tries addresses of another area learns nothing: the answer is that for a record which does not exist, and each try is an entry.
func TestOtherAreasAnswerLikeNothing(t *testing.T) {
	t.Parallel()
	s, south := twoAreas(t)
	batch, version := strings.TrimPrefix(s.batch, "/batches/"), strings.TrimPrefix(s.recipe, "/recipes/")
	nobody := uuid.NewString()
	without := strings.NewReplacer(batch, nobody, version, "0198c5f2"+version[8:])
	for role, who := range south {
		v := s.visitorAt("Desk of "+string(role), who)
		before := len(s.refusals(who))
		tries := 0
		for _, r := range []string{
			"GET /batches/" + batch, "GET /batches/" + batch + "/hold", "GET /batches/" + batch + "/steps/040", "GET /batches/" + batch + "/report.pdf", "GET /recipes/" + version,
			"POST /batches/" + batch + "/comment", "POST /batches/" + batch + "/abort", "POST /batches/" + batch + "/steps/040/values/net/record", "POST /recipes/" + version + "/submit",
			"POST /orders",
		} {
			method, path, _ := strings.Cut(r, " ")
			ask := func(path, version string) *sheet {
				if method == "GET" {
					return v.open(path)
				}
				form := url.Values{"key": {audit.NewID()}}
				if path == "/orders" {
					form.Set("order_number", "PO-1")
					form.Set("recipe_version", version)
				}
				return v.post(path, form)
			}
			there, nowhere := ask(path, version), ask(without.Replace(path), without.Replace(version))
			require.Contains(t, []int{403, 404}, there.status, "%s as %s", r, role)
			require.Equal(t, nowhere.status, there.status, "%s as %s", r, role)
			require.Equal(t, without.Replace(clockless(there.text)), clockless(nowhere.text), "%s as %s", r, role)
			tries++
		}
		require.GreaterOrEqual(t, len(s.refusals(who))-before, 5, "%s tried %d times", role, tries)
	}
}

// clockless takes the clock of the header and the time of a print out of a page.
func clockless(text string) string {
	_, rest, _ := strings.Cut(text, "Log out")
	rest, _, _ = strings.Cut(rest, ": print of a screen")
	return rest
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
