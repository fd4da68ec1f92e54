package web_test

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
	"veribatch/signatures/signtest"
	"veribatch/web"
)

// whose are the names that somebody outside may try: answers and times must not tell them apart.
var whose = []string{"one that exists", "nobody's", "a deactivated one"}

// names gives a plant with two names of each kind at one station.
func names(t *testing.T, settings func(*identity.Settings)) (p *plant, send func(user string) *httptest.ResponseRecorder, byKind map[string]string) {
	t.Helper()
	p = &plant{World: signtest.New(t, settings)}
	site := p.site(func(*web.Config) {})
	olga, gone := p.Person("anna.exists.here", access.Operator), p.Person("otto.is.disabled", access.Operator)
	in := audit.Intent{Session: p.Admin.Token, Act: "person.deactivate", Home: identity.StreamOf(gone.ID), Reason: "left the firm"}
	_, err := p.Trail.Change(p.Ctx, in, func(tx *audit.Tx) error {
		_, err := tx.Exec(p.Ctx, deactivate, gone.ID)
		return err
	})
	require.NoError(t, err)
	known := arrival{peer: "192.168.7.9"}.send(site, url.Values{"user_name": {olga.UserName}, "password": {olga.Password}, "station": {"Weighing"}})
	require.Equal(t, 303, known.Code)
	cookies := known.Result().Cookies()
	send = func(user string) *httptest.ResponseRecorder {
		form := url.Values{"user_name": {user}, "password": {"not the password"}}
		request := httptest.NewRequest("POST", "/login", strings.NewReader(form.Encode()))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, c := range cookies {
			if c.Name == "station" {
				request.AddCookie(c)
			}
		}
		w := httptest.NewRecorder()
		site.ServeHTTP(w, request)
		return w
	}
	return p, send, map[string]string{whose[0]: olga.UserName, whose[1]: "emil.is.nobodys", whose[2]: gone.UserName}
}

var changing = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|\d\d:\d\d(:\d\d)?|data-now="\d+"`)

// Names that exist, that do not and that were deactivated get the same answers, byte for byte but for the name itself, request key and clock: at the first
// wrong password, at each next one, when the name locks, and while it is locked.
func TestAnswersDoNotTellNamesApart(t *testing.T) {
	t.Parallel()
	_, send, byKind := names(t, func(s *identity.Settings) { s.Zone = zone })
	for try := 1; try <= 7; try++ {
		var first string
		for _, kind := range whose {
			w := send(byKind[kind])
			page := fmt.Sprintf("%d %v %s", w.Code, keysInOrder(w.Header()), changing.ReplaceAllString(strings.ReplaceAll(w.Body.String(), byKind[kind], "NAME"), "…"))
			if first == "" {
				first = page
			}
			require.Equal(t, first, page, "try %d with %s", try, kind)
		}
		require.Equal(t, try >= 5, strings.Contains(first, "This account is locked until"), "try %d: %s", try, first)
	}
}

func keysInOrder(header map[string][]string) []string {
	names := keys(header)
	slices.Sort(names)
	return names
}

// TestTimesDoNotTellNamesApart takes 2,000 tries of each kind in turn while names are open, and 700 while they are locked, with passwords hashed cheaply:
// the cost of hashing, which is the same for all, would only hide a difference. The difference of the medians is held against 5 ms.
func TestTimesDoNotTellNamesApart(t *testing.T) {
	t.Parallel()
	for failures, tries := range map[int]int{1 << 20: 2000, 3: 700} { // open, and locked
		bound := 5 * time.Millisecond
		if !long { // too few tries for a judgement about time
			tries, bound = 10, time.Minute
		}
		_, send, byKind := names(t, func(s *identity.Settings) { s.Zone, s.Failures, s.Locked = zone, failures, 24*time.Hour })
		for range 5 {
			for _, kind := range whose {
				send(byKind[kind])
			}
		}
		took := map[string][]time.Duration{}
		for i := range tries {
			for j := range whose {
				kind := whose[(i+j)%len(whose)]
				began := time.Now()
				w := send(byKind[kind])
				took[kind] = append(took[kind], time.Since(began))
				require.Equal(t, 401, w.Code)
			}
		}
		var medians, fifths []time.Duration
		for _, kind := range whose {
			slices.Sort(took[kind])
			medians, fifths = append(medians, took[kind][tries/2]), append(fifths, took[kind][tries/5])
			t.Logf("locked after %d: %s: median %v, a fifth below %v", failures, kind, took[kind][tries/2].Round(time.Microsecond), took[kind][tries/5].Round(time.Microsecond))
		}
		apart := min(slices.Max(medians)-slices.Min(medians), slices.Max(fifths)-slices.Min(fifths)) // a machine that is busy with other things spreads the medians
		require.Less(t, apart, bound)
	}
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
			said := left.FindString(send(byKind[whose[0]]).Body.String())
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
