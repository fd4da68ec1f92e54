package web_test

import (
	"context"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/ebr/quality"
	"veribatch/signatures/access"
	"veribatch/signatures/signtest"
)

// An alarm stands on every page of those who may act on it, and on no other.
func TestAlarmsAreShownToThoseWhoMayAct(t *testing.T) {
	p := newPlant(t, time.Minute)
	quinn, olga := p.visitorAt("QA office", p.person("quinn.weiss", access.QA)), p.visitorAt("Granulation 2", p.person("olga.berg", access.Operator))
	require.NotContains(t, quinn.open("/").text, "open incident")
	require.NoError(t, quality.OpenIncident(context.Background(), p.Trail, quality.Incident{Kind: quality.Backup, Summary: "no backup for 3 days"}))
	for _, page := range []string{"/", "/recipes", "/trail", "/session/password"} {
		require.Contains(t, quinn.open(page).text, "1 open incident", page)
		require.NotContains(t, olga.open(page).text, "open incident", page)
	}
}

// lookout is somebody of each role with a browser.
type lookout map[string]*visitor

// see tells who sees an alarm that matches, and that its link leads each of them to where it is mended.
func (l lookout) see(t *testing.T, alarm *regexp.Regexp) (names []string) {
	t.Helper()
	for _, name := range []string{"Ada", "Elena", "Olga", "Petra", "Quinn", "Sven", "Yves"} {
		for words, href := range l[name].open("/session/password").links {
			if alarm.MatchString(words) {
				require.Equal(t, 200, l[name].open(href).status, "%s: %s", name, href)
				names = append(names, name)
			}
		}
	}
	return names
}

const (
	verifiedYesterday = `insert into ebr.jobs (name, started_at, succeeded_at) select name, clock_timestamp(), clock_timestamp() - ago from (values ('verify', interval '25 hours'), ('self_test', interval '27 hours')) j (name, ago)`
	verifiedNow       = `update ebr.jobs set succeeded_at = clock_timestamp()`
)

const leavesPastTheProgram = `update ebr.people set active = false where id = @person`

// Every alarm of a plant is provoked, seen by those who can do something about it and by nobody else, and gone when it is over.
func TestEveryAlarmIsSeenByThoseWhoCanAct(t *testing.T) {
	s := newScript(t)
	var slow atomic.Int64
	s.Trail.Clock = func() time.Time { return time.Now().Add(-time.Duration(slow.Load())) }
	who := lookout{}
	for _, name := range []string{"Ada", "Elena", "Olga", "Petra", "Quinn", "Sven", "Yves"} {
		s.as(name)
		who[name] = s.now
	}
	ada := s.client(s.people["Ada"])
	source, err := os.ReadFile("alarms.go")
	require.NoError(t, err)
	unseen := map[string]bool{}
	for _, m := range regexp.MustCompile(`language\.Write\("([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
		unseen[m[1]] = true
	}
	require.GreaterOrEqual(t, len(unseen), 6)
	seen := func(text string, names ...string) {
		t.Helper()
		pattern := strings.NewReplacer("%d", "[2-9]", "%s apart", "(1h0m0s|59m5[0-9]s) apart", "%s", `\d{4}-\d\d-\d\d`, "(%d)", `\([0-9]\)`).Replace(text)
		require.Equal(t, names, who.see(t, regexp.MustCompile("^"+pattern+"$")), text)
		delete(unseen, text)
	}
	none := func(pattern string) {
		t.Helper()
		require.Empty(t, who.see(t, regexp.MustCompile(pattern)))
	}
	none("review|machine|incident|clock")

	slow.Store(int64(time.Hour))
	seen("The clocks of server and database are %s apart: nothing can be signed, entries without a signature go on. Call IT", "Ada", "Elena", "Olga", "Petra", "Quinn", "Sven", "Yves")
	slow.Store(0)
	none("clock")

	_, err = s.DB.App(t).Exec(s.Ctx, verifiedYesterday)
	require.NoError(t, err)
	seen("The nightly verification of the records did not succeed for more than 26 hours. Call IT and QA", "Ada", "Elena", "Quinn", "Sven", "Yves")
	_, err = s.DB.App(t).Exec(s.Ctx, verifiedNow)
	require.NoError(t, err)
	none("verification")

	incident := quality.Incident{Kind: quality.Backup, Summary: "no backup for 3 days"}
	require.NoError(t, quality.OpenIncident(s.Ctx, s.Trail, incident))
	seen("1 open incident", "Quinn", "Sven")
	require.NoError(t, quality.OpenIncident(s.Ctx, s.Trail, quality.Incident{Kind: quality.VerifyAlarm, Summary: "another one"}))
	seen("%d open incidents", "Quinn", "Sven")

	reviewed := s.client(s.people["Sven"]).sign("/reviews", map[string]any{"note": "other work", "change": s.people["Omar"].UserName}, s.people["Sven"])
	require.Equal(t, 200, reviewed.status, reviewed.raw)
	seen("The access review took rights away that are still held (%d)", "Ada")
	s.administer("ebr.access_reviews", ageReviews, pgx.NamedArgs{"ago": "13 months"})
	seen("The access review is due since %s", "Ada", "Quinn", "Sven")

	for i, leaver := range []signtest.Person{s.Person("lena.leaver", access.Operator), s.Person("lars.leaver", access.Operator)} {
		made := ada.post("/tokens", map[string]any{"user_name": leaver.UserName + ".d1", "full_name": "Scale", "purpose": "weights", "acts": []string{"batch.read"}, "days": 30})
		require.Equal(t, 200, made.status, made.raw)
		at := "/tokens/" + made.body["result"].(map[string]any)["account"].(string) + "/responsible"
		require.Equal(t, 200, ada.post(at, map[string]any{"person": leaver.ID, "reason": "looks after it"}).status)
		s.administer("ebr.people", leavesPastTheProgram, pgx.NamedArgs{"person": leaver.ID}) // the program itself asks for a successor
		seen([]string{"1 machine is without a person at work who answers for it", "%d machines are without a person at work who answers for them"}[i], "Ada")
	}
	require.Empty(t, unseen, "an alarm of web/alarms.go that no test provokes")
	for _, one := range ada.get("/machines").body["machines"].([]any) {
		m := one.(map[string]any)
		require.Equal(t, false, m["responsible_at_work"])
		require.Equal(t, 200, ada.post("/tokens/"+m["account"].(string)+"/responsible", map[string]any{"person": s.people["Olga"].ID, "reason": "found by the alarm"}).status)
	}
	none("machine")
}

// What somebody has to do before the own work stands on the own pages alone.
func TestOwnAlarmsAreSeenByTheirPerson(t *testing.T) {
	p := newPlant(t, time.Minute)
	statement, identified := "Read and sign the accountability statement", "Nobody has confirmed your identity yet"
	nora := p.Newcomer("nora.new", access.Operator)
	for name, c := range map[string]struct {
		who        signtest.Person
		says, lets string
	}{
		"Nora": {nora, statement, identified}, "Ada": {p.Admin, identified, statement},
	} {
		page := p.visitorAt("Station of "+name, c.who).open("/")
		require.Contains(t, page.text, c.says, name)
		require.NotContains(t, page.text, c.lets, name)
	}
	p.Ready(p.Admin)
	quinn := p.visitorAt("QA office", p.person("quinn.weiss", access.QA)).open("/")
	require.NotContains(t, quinn.text, statement)
	require.NotContains(t, p.visitorAt("Office", p.Admin).open("/").text, identified, "confirmed meanwhile")
}
