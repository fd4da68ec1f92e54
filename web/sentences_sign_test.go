package web_test

import (
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/web"
)

// forms are the signed acts with the page and the id of their form.
var signedForms = map[string]struct{ page, form string }{
	"issues the batch": {"overview", "issue"}, "completes the batch": {"overview", "complete"}, "aborts the batch": {"overview", "abort"},
	"assesses the hold": {"hold", "assess"}, "submits the recipe": {"recipe", "submit"}, "approves the recipe": {"recipe", "approve"},
	"makes the recipe effective": {"recipe", "effective"}, "sends the recipe back": {"recipe", "send-back"}, "withdraws the recipe": {"recipe", "withdraw"},
}

// signedActs need the right of the signer and not of the person logged in: the statement is shown to whoever may read the record.
var signedActs = []string{
	"recipe.submit", "recipe.approve", "recipe.make_effective", "recipe.send_back", "recipe.withdraw", "batch.issue", "step.perform", "step.verify", "hold.assess", "batch.abort", "batch.complete", "trail.review", "incident.close", "incident.reassess",
	"configuration.propose", "configuration.approve", "configuration.withdraw", "token.approve", "log.continue",
	"person.confirm_identity", "accountability.sign", "accountability.publish", "access.review",
}

// unguarded are the addresses that need no session: they have secrets of their own.
var unguarded = []string{"/login", "/first", "/enrol"}

// signings are acts that end with a signature: by the person logged in, or by another one at the same station.
var signings = []sentence{
	on(act, `(SHE|[A-Z]\w+) ((?:issues|completes|aborts) the batch|assesses the hold|(?:submits|approves) the recipe|makes the recipe effective|sends the recipe back|withdraws the recipe)(?: because TEXT)?( here)?`,
		func(s *script, a []string) {
			at := signedForms[a[1]]
			s.now.open(s.pageAddress(at.page))
			fill := map[string]string{}
			if a[2] != "" {
				fill["reason"] = a[2]
			}
			s.sign(at.form, fill, s.people[s.signer(a[0])], nil)
		}),
	on(act, `(SHE|[A-Z]\w+) signs step (\S+) as performed( here)?`, func(s *script, a []string) {
		s.now.open(s.batch + "/steps/" + a[1])
		s.sign("perform", nil, s.people[s.signer(a[0])], nil)
	}),
	on(act, `(SHE|[A-Z]\w+) verifies step (\S+)( here)?`, func(s *script, a []string) {
		s.now.open(s.batch + "/steps/" + a[1])
		s.sign("verify", nil, s.people[s.signer(a[0])], nil)
	}),
	on(act, `SHE opens the signature of step (\S+) as performed`, func(s *script, a []string) {
		s.now.open(s.batch + "/steps/" + a[0])
		s.now.send("perform", nil)
		require.NotNil(s.t, s.now.at.forms["sign-form"], s.pageText())
	}),
	on(act, `SHE signs with the user name "([^"]*)" and the password "([^"]*)"`, func(s *script, a []string) {
		s.now.send("sign-form", map[string]string{"user_name": s.typed(a[0]), "password": s.typed(a[1])})
	}),
	on(act, `SHE changes the statement behind the dialog and signs`, func(s *script, _ []string) {
		who := s.people[s.who]
		s.now.send("sign-form", map[string]string{"user_name": who.UserName, "password": who.Password, "statement": strings.Repeat("0", 64)})
	}),
	on(act, `SHE tries (\d) wrong passwords for (\w+)`, func(s *script, a []string) {
		for range int(a[0][0] - '0') {
			s.logIn(s.people[a[1]].UserName, "not the password")
		}
	}),
	on(act, `Ada gives an account with the user name TEXT to TEXT`, func(s *script, a []string) {
		in := audit.Intent{Session: s.Admin.Token, Act: "person.create", Reason: "new in the team"}
		c := accounts.Create{UserName: a[0], FullName: a[1], Reason: in.Reason}
		in.Home = c.Home()
		_, s.outcome = s.Trail.Change(s.Ctx, in, func(tx *audit.Tx) error { return c.Do(s.Ctx, tx) })
		s.now = nil
	}),
	on(act, `Ada takes all roles from (\w+)`, func(s *script, a []string) {
		s.outcome = s.SetRoles(s.people[a[0]].ID)
		s.now = nil
	}),
}

// signer gives who signs: the person whose turn it is, or somebody else at her station.
func (s *script) signer(name string) string {
	if name == "she" || name == "he" || name == "they" {
		return s.who
	}
	return name
}

// typed replaces "Olga's user name" and "Olga's password".
func (s *script) typed(text string) string {
	for name, who := range s.people {
		text = strings.NewReplacer(name+"'s user name", who.UserName, name+"'s password", who.Password).Replace(text)
	}
	return text
}

const (
	grownOld     = `update ebr.sessions set seen_at = seen_at - @ago::interval where person = @person and ended_at is null`
	startedOld   = `update ebr.batch_history set entered_at = entered_at - @ago::interval where batch = @batch and event in ('created', 'issued', 'started')`
	changeRow    = `update ebr.batch_history set reading = @after::text, amount = @after::text::numeric where reading = @before`
	changeSigned = `update ebr.signatures set meaning = @meaning where id = (select id from ebr.signatures order by signed_at desc limit 1)`
	moveSigned   = `update ebr.signatures set person = @person, full_name = @name where id = (select id from ebr.signatures order by signed_at desc limit 1)`
	copySigned   = `update ebr.signatures a set statement_digest = b.statement_digest from ebr.signatures b
		where a.id = (select id from ebr.signatures order by signed_at desc limit 1) and b.id = (select id from ebr.signatures order by signed_at limit 1)`
	swapPassword = `update ebr.credentials a set password_hash = b.password_hash from ebr.credentials b where a.id = @victim and b.id = @thief`
)

// attacks go past the program, or ask it about all its pages.
var attacks = []sentence{
	on(setting, `(\d+) minutes pass without a touch`, func(s *script, a []string) {
		s.administer("ebr.sessions", grownOld, pgx.NamedArgs{"ago": a[0] + " minutes", "person": s.people[s.who].ID})
	}),
	on(setting, `the batch was started (\d+) minutes ago`, func(s *script, a []string) {
		s.administer("ebr.batch_history", startedOld, pgx.NamedArgs{"ago": a[0] + " minutes", "batch": strings.TrimPrefix(s.batch, "/batches/")})
	}),
	on(setting, `somebody else corrects step (\S+) (\w+) to (\S+) meanwhile`, func(s *script, a []string) {
		shown, who := s.now.at, s.who
		s.as("Omar")
		s.now.open(s.batch + "/steps/" + a[0])
		s.now.send("correct-"+a[1], map[string]string{"value": a[2], "reason": "seen on the printout"})
		require.Equal(s.t, 200, s.now.at.status, s.pageText())
		s.as(who)
		s.now.at = shown
	}),
	on(setting, `a database administrator changes the reading (\S+) to (\S+)`, func(s *script, a []string) {
		s.administer("ebr.batch_history", changeRow, pgx.NamedArgs{"before": a[0], "after": a[1]})
	}),
	on(setting, `a database administrator changes the meaning of the last signature to "([^"]*)"`, func(s *script, a []string) {
		s.administer("ebr.signatures", changeSigned, pgx.NamedArgs{"meaning": a[0]})
	}),
	on(setting, `a database administrator puts the last signature in the name of (\w+)`, func(s *script, a []string) {
		s.administer("ebr.signatures", moveSigned, pgx.NamedArgs{"person": s.people[a[0]].ID, "name": s.people[a[0]].FullName})
	}),
	on(setting, `a database administrator moves the last signature to another statement`, func(s *script, _ []string) { s.administer("ebr.signatures", copySigned, pgx.NamedArgs{}) }),
	on(setting, `a database administrator copies the password of (\w+) over that of (\w+)`, func(s *script, a []string) {
		s.administer("ebr.credentials", swapPassword, pgx.NamedArgs{"thief": s.people[a[0]].ID, "victim": s.people[a[1]].ID})
	}),
	on(fact, `the verification finds "([^"]+)"`, func(s *script, a []string) { require.Contains(s.t, strings.Join(s.verify(), "\n"), a[0]) }),
	on(fact, `the account of the server may not "([^"]+)"`, func(s *script, a []string) {
		_, err := s.DB.App(s.t).Exec(s.Ctx, a[0])
		var pg *pgconn.PgError
		require.True(s.t, errors.As(err, &pg), "it was allowed: %v", err)
		require.Contains(s.t, []string{"42501", "VB001", "VB006"}, pg.Code, pg.Message)
	}),
	on(fact, `every page asks to log in`, func(s *script, _ []string) {
		for _, r := range web.Routes() {
			if r.Method == "GET" && !slices.Contains(unguarded, r.Path) {
				at := s.now.open(s.address(r.Path))
				require.True(s.t, strings.HasPrefix(at.path, "/login"), "%s showed %s", r.Path, at.path)
			}
		}
	}),
	on(fact, `every page answers (\w+) as policy.csv says`, func(s *script, a []string) {
		s.as(a[0])
		role := crew[a[0]]
		for _, r := range web.Routes() {
			if r.Method != "GET" || slices.Contains(unguarded, r.Path) {
				continue
			}
			at := s.now.open(s.address(r.Path))
			require.Equal(s.t, access.Allowed([]access.Role{role}, r.Act), at.status != 403, "%s %s: %d", r.Path, r.Act, at.status)
		}
	}),
	on(fact, `every act answers (\w+) as policy.csv says`, func(s *script, a []string) {
		s.as(a[0])
		role := crew[a[0]]
		for _, r := range web.Routes() {
			if r.Method != "POST" || strings.HasPrefix(r.Path, "/session/") || slices.Contains(unguarded, r.Path) || slices.Contains(signedActs, r.Act) {
				continue
			}
			at := s.now.post(s.address(r.Path), map[string][]string{"key": {audit.NewID()}})
			require.Equal(s.t, access.Allowed([]access.Role{role}, r.Act), at.status != 403, "%s %s: %d %s", r.Path, r.Act, at.status, at.text)
		}
	}),
	on(fact, `the log holds no (\S+)`, func(s *script, a []string) { require.NotContains(s.t, s.log.text(), a[0]) }),
}

// address fills an address of the site with the batch, step, value and recipe of the script.
func (s *script) address(path string) string {
	return strings.NewReplacer("/batches/:batch", s.batch, ":step", "040", ":value", "net", "/recipes/:version", s.recipe, ":person", s.people["Omar"].ID).Replace(path)
}
