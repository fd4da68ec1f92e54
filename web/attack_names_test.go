package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
	"veribatch/signatures/signtest"
	"veribatch/web"
)

// whose are the names that somebody outside may try: answers and times must not tell them apart.
var whose = []string{"one that exists", "nobody's", "a deactivated one", "one not yet enrolled"}

// channels are the ways by which a password is tried.
var channels = []string{"form", "API"}

// guess sends a wrong password for a name.
type guess func(channel, user string) *httptest.ResponseRecorder

// names gives a plant with a name of each kind, and one station from which they are tried.
func names(t *testing.T, settings func(*identity.Settings)) (p *plant, send guess, byKind map[string]string) {
	t.Helper()
	p = &plant{World: signtest.New(t, settings)}
	site := p.site(func(*web.Config) {})
	anna, gone := p.Person("anna.exists.here", access.Operator), p.Person("otto.is.disabled", access.Operator)
	in := audit.Intent{Session: p.Admin.Token, Act: "person.deactivate", Home: identity.StreamOf(gone.ID), Reason: "left the firm"}
	_, err := p.Trail.Change(p.Ctx, in, func(tx *audit.Tx) error {
		_, err := tx.Exec(p.Ctx, deactivate, gone.ID)
		return err
	})
	require.NoError(t, err)
	newcomer := identity.NewPerson{ID: audit.NewID(), UserName: "nora.not.enrolled", FullName: "Nora Not Enrolled", Roles: []access.Role{access.Operator}}
	in = audit.Intent{Session: p.Admin.Token, Act: "person.create", Home: identity.StreamOf(newcomer.ID), Reason: "new in the team"}
	_, err = p.Trail.Change(p.Ctx, in, func(tx *audit.Tx) error { return identity.CreatePerson(p.Ctx, tx, newcomer) })
	require.NoError(t, err)
	known := arrival{peer: "192.168.7.9"}.send(site, url.Values{"user_name": {anna.UserName}, "password": {anna.Password}, "station": {"Weighing"}})
	require.Equal(t, 303, known.Code)
	station := slices.IndexFunc(known.Result().Cookies(), func(c *http.Cookie) bool { return c.Name == "station" })
	cookie := known.Result().Cookies()[station]
	send = func(channel, user string) *httptest.ResponseRecorder {
		form := url.Values{"user_name": {user}, "password": {"not the password"}}
		request := httptest.NewRequest("POST", "/login", strings.NewReader(form.Encode()))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.AddCookie(cookie)
		if channel == "API" {
			body := fmt.Sprintf(`{"user_name":%q,"password":"not the password","station_key":%q}`, user, cookie.Value)
			request = httptest.NewRequest("POST", "/api/v1/session/open", strings.NewReader(body))
			request.Header.Set("Content-Type", "application/json")
		}
		w := httptest.NewRecorder()
		site.ServeHTTP(w, request)
		return w
	}
	return p, send, map[string]string{whose[0]: anna.UserName, whose[1]: "emil.is.nobodys", whose[2]: gone.UserName, whose[3]: newcomer.UserName}
}

var changing = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|\d\d:\d\d(:\d\d)?|data-now="\d+"`)

// Names that exist, that do not, that were deactivated and that have no password yet get the same answers, byte for byte but for the name itself, request key
// and clock: at the first wrong password, at each next one, when the name locks, and while it is locked; by form and by API.
func TestAnswersDoNotTellNamesApart(t *testing.T) {
	t.Parallel()
	for _, channel := range channels {
		_, send, byKind := names(t, func(s *identity.Settings) { s.Zone = zone })
		for try := 1; try <= 7; try++ {
			var first string
			for _, kind := range whose {
				w := send(channel, byKind[kind])
				page := fmt.Sprintf("%d %v %s", w.Code, keysInOrder(w.Header()), changing.ReplaceAllString(strings.ReplaceAll(w.Body.String(), byKind[kind], "NAME"), "…"))
				if first == "" {
					first = page
				}
				require.Equal(t, first, page, "%s, try %d with %s", channel, try, kind)
			}
			require.Equal(t, try >= 5, strings.Contains(first, "This account is locked until"), "%s, try %d: %s", channel, try, first)
		}
	}
}

func keysInOrder(header map[string][]string) []string {
	names := keys(header)
	slices.Sort(names)
	return names
}

// Guesses that are sent at the same moment, from many clients, get no more tries than guesses one by one, the tries stand on the trail, and the right password
// among the later ones opens nothing.
func TestGuessesAtOnceGetNoMoreTries(t *testing.T) {
	t.Parallel()
	p, send, byKind := names(t, func(s *identity.Settings) { s.Zone = zone })
	var all sync.WaitGroup
	var mu sync.Mutex
	says := map[string]int{}
	left := regexp.MustCompile(`(\d) tr(?:y is|ies are) left|account is locked until`)
	for range 30 {
		all.Go(func() {
			said := left.FindString(send("form", byKind[whose[0]]).Body.String())
			mu.Lock()
			says[said]++
			mu.Unlock()
		})
	}
	all.Wait()
	require.Equal(t, map[string]int{"4 tries are left": 1, "3 tries are left": 1, "2 tries are left": 1, "1 try is left": 1, "account is locked until": 26}, says)
	require.Len(t, p.entries(t, "person.lock"), 1)
	refused := 0
	for _, e := range p.entries(t, "session.open") {
		if e.Refused {
			refused++
		}
	}
	require.GreaterOrEqual(t, refused, 5, "each wrong password, and the burst on the locked account")
}
