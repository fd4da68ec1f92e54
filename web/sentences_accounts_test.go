package web_test

import (
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/signtest"
)

const personByUserName = `select id::text, full_name from ebr.people where user_name = @name`

// newcomerPassword is the password that people of the scripts choose at their links.
const newcomerPassword = "seven grey herons"

const ageReviews = `update ebr.access_reviews set reviewed_at = reviewed_at - @ago::interval`

// accountActs are the acts on accounts.
var accountActs = []sentence{
	on(act, `SHE makes an account "([^"]+)" for "([^"]+)" as (\w+)`, func(s *script, a []string) {
		s.now.open("/people")
		s.now.send("person", map[string]string{"user_name": a[0], "full_name": a[1], "role": a[2], "reason": "new in the team"})
		if s.now.at.status < 400 {
			s.knows(strings.ToUpper(a[0][:1])+strings.Split(a[0], ".")[0][1:], a[0])
		}
	}),
	on(act, `SHE confirms the identity of (\w+) by (?:an? )?([a-z ]+?)( today| of a year ago)?`, func(s *script, a []string) {
		s.now.open("/people/" + s.people[a[0]].ID)
		day := time.Now().In(zone)
		if a[2] == " of a year ago" {
			day = day.AddDate(-1, 0, 0)
		}
		s.sign("confirm", map[string]string{"document": a[1], "checked_on": day.Format(time.DateOnly)}, s.people[s.who], nil)
	}),
	on(act, `SHE (gives|takes) the role (\w+) (?:to|from) (\w+)`, func(s *script, a []string) {
		s.now.open("/people/" + s.people[a[2]].ID)
		s.now.send(map[string]string{"gives": "grant", "takes": "revoke"}[a[0]], map[string]string{"role": a[1], "reason": "another job"})
	}),
	on(act, `SHE (closes the account|resets the password) of (\w+)`, func(s *script, a []string) {
		s.now.open("/people/" + s.people[a[1]].ID)
		s.now.send(map[string]string{"closes the account": "deactivate", "resets the password": "reset"}[a[0]], map[string]string{"reason": "as agreed"})
	}),
	on(act, `SHE closes the account of (\w+), and (\w+) answers for the machines`, func(s *script, a []string) {
		s.now.open("/people/" + s.people[a[0]].ID)
		s.now.send("deactivate", map[string]string{"successor": s.people[a[1]].ID, "reason": "as agreed"})
	}),
	on(act, `SHE unlocks the account of (\w+)`, func(s *script, a []string) {
		s.now.open("/people/" + s.people[a[0]].ID)
		s.now.send("unlock-account", map[string]string{"reason": "typing error, seen"})
	}),
	on(act, `SHE sends (\w+) of (\w+) past the screens`, func(s *script, a []string) {
		s.now.post("/people/"+s.people[a[1]].ID+"/"+a[0], map[string][]string{"key": {newKey()}, "reason": {"as agreed"}})
	}),
	on(act, `SHE sends (grant|revoke) of the role (\w+) for (\w+) past the screens`, func(s *script, a []string) {
		s.now.post("/people/"+s.people[a[2]].ID+"/"+a[0], map[string][]string{"key": {newKey()}, "role": {a[1]}, "reason": {"as agreed"}})
	}),
	on(act, `(\w+) sets the password with the link( and the code| and a wrong code)?`, func(s *script, a []string) {
		who := s.people[a[0]]
		i := s.Invitation(who.ID)
		link := i.Link(s.Desk.Key)
		if i.ID == "" {
			link = s.link
		}
		s.link = link
		s.now, s.who = newVisitor(s.t, s.server), ""
		s.now.open("/enrol")
		s.now.send("enrol-link", map[string]string{"link": link})
		require.Equal(s.t, "no-referrer", s.now.at.header.Get("Referrer-Policy"))
		require.NotContains(s.t, s.log.text(), link[:36])
		if s.now.at.forms["enrol"] == nil {
			return
		}
		fill := map[string]string{"new_password": newcomerPassword, "again": newcomerPassword}
		if s.now.at.forms["enrol"].known["code"] {
			fill["code"] = map[string]string{" and the code": i.Code(s.Desk.Key), " and a wrong code": "AAAA-AAAA"}[a[1]]
		}
		if s.now.send("enrol", fill); s.now.at.status < 400 {
			who.Password = newcomerPassword
			s.people[a[0]] = who
		}
	}),
	on(act, `SHE signs the accountability statement`, func(s *script, _ []string) {
		s.now.open("/accountability")
		s.sign("sign-accountability", nil, s.people[s.who], nil)
	}),
	on(act, `SHE publishes the accountability statement TEXT`, func(s *script, a []string) {
		s.now.open("/accountability")
		s.sign("publish", map[string]string{"text": a[0], "reason": "new wording of the firm"}, s.people[s.who], nil)
	}),
	on(act, `SHE signs the access review(?:; (\w+) has to change: "([^"]+)")?`, func(s *script, a []string) {
		s.now.open("/reviews")
		fill := map[string]string{}
		if a[0] != "" {
			for name := range s.now.at.forms["review"].known {
				if strings.HasPrefix(name, "change:"+s.people[a[0]].UserName+"/") {
					fill[name] = "yes"
				}
			}
			require.NotEmpty(s.t, fill)
			fill["note"] = a[1]
		}
		s.sign("review", fill, s.people[s.who], nil)
	}),
	on(setting, `(\w+) types a wrong password five times`, func(s *script, a []string) {
		for range 5 {
			_, err := s.Gate.LogIn(s.Ctx, s.people[a[0]].UserName, "not the password", s.Station)
			require.Error(s.t, err)
		}
	}),
	on(setting, `(\w+) is logged in at three more stations`, func(s *script, a []string) {
		for _, name := range []string{"Weighing 7", "Weighing 8", "Weighing 9"} {
			s.sessions = append(s.sessions, s.LogIn(s.people[a[0]], s.AddStation(name)))
		}
	}),
	on(fact, `every session of (\w+) has ended`, func(s *script, a []string) {
		require.Len(s.t, s.sessions, 3)
		for _, token := range append(s.sessions, s.people[a[0]].Token) {
			_, err := s.Gate.Find(s.Ctx, token)
			require.ErrorContains(s.t, err, "session has ended")
		}
	}),
	on(setting, `(\d+) months pass after the review`, func(s *script, a []string) {
		s.administer("ebr.access_reviews", ageReviews, pgx.NamedArgs{"ago": a[0] + " months"})
	}),
}

// knows remembers a person whom the script has made at the screens.
func (s *script) knows(name, userName string) {
	s.t.Helper()
	p := signtest.Person{UserName: userName}
	require.NoError(s.t, s.DB.Super(s.t).QueryRow(s.Ctx, personByUserName, pgx.NamedArgs{"name": userName}).Scan(&p.ID, &p.FullName))
	s.people[name] = p
}

func newKey() string { return audit.NewID() }
