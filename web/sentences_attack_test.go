package web_test

import (
	"net/http"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/quality"
	"veribatch/web"
)

func init() { sentences = append(sentences, attackings...) }

const (
	changeText = `update audit.contents c set bytes = c.bytes || '#'::bytea from ebr.recipe_versions v where v.digest = c.digest`
	noTrail    = `create function public.no_space() returns trigger language plpgsql as $$ begin raise exception 'no space left' using errcode = '53100'; end $$;
		create trigger no_space before insert on audit.entries execute function public.no_space(); alter table audit.entries enable always trigger no_space`
	trailAgain = `drop function public.no_space() cascade`
)

// attackings are what regulators have found in plants, tried here.
var attackings = []sentence{
	on(setting, `the audit trail cannot be written`, func(s *script, _ []string) {
		_, err := s.DB.Super(s.t).Exec(s.Ctx, noTrail)
		require.NoError(s.t, err)
	}),
	on(setting, `the audit trail can be written again`, func(s *script, _ []string) {
		_, err := s.DB.Super(s.t).Exec(s.Ctx, trailAgain)
		require.NoError(s.t, err)
	}),
	on(setting, `a database administrator changes the text of the recipe`, func(s *script, _ []string) {
		s.administer("audit.contents", changeText, pgx.NamedArgs{})
	}),
	on(setting, `somebody with the database password of the server gives (\w+) the password TEXT`, func(s *script, a []string) {
		require.NoError(s.t, s.Seize(s.people[a[0]].ID, a[1], make([]byte, 64)))
	}),
	on(fact, `an incident says TEXT`, func(s *script, a []string) {
		require.NoError(s.t, s.Trail.Read(s.Ctx, func(r *audit.Reader) error {
			list, err := quality.List(s.Ctx, r, quality.Everywhere(), nil, 50)
			require.True(s.t, slices.ContainsFunc(list, func(i quality.Record) bool { return strings.Contains(i.Summary, a[0]) }), "%v", list)
			return err
		}))
	}),
	on(act, `SHE logs in at another station too`, func(s *script, _ []string) {
		first, who := s.now, s.people[s.who]
		s.now = newVisitor(s.t, s.server)
		s.logIn(who.UserName, who.Password)
		s.visitors[s.who+" elsewhere"], s.visitors[s.who] = s.now, first
	}),
	on(fact, `no address takes (\w+)`, func(s *script, a []string) {
		for _, r := range append(web.Routes(), web.Operations()...) {
			request, err := http.NewRequest(a[0], s.server.URL+s.address(r.Path), nil)
			require.NoError(s.t, err)
			answer, err := s.now.client.Do(request)
			require.NoError(s.t, err)
			require.NoError(s.t, answer.Body.Close())
			require.Contains(s.t, []int{http.StatusNotFound, http.StatusMethodNotAllowed}, answer.StatusCode, "%s %s", a[0], r.Path)
		}
	}),
	on(fact, `no setting of the configuration speaks of the trail`, func(s *script, _ []string) {
		for name := range s.now.open("/configuration").forms["propose"].known {
			for _, word := range []string{"trail", "audit", "trigger", "log_off"} {
				require.NotContains(s.t, name, word)
			}
		}
	}),
	on(fact, `the trail has exactly (\d+) ([\w.]+) at different times`, func(s *script, a []string) {
		times := map[string]bool{}
		for _, row := range s.plant.entries(s.t, a[1]) {
			if !row.Refused {
				times[row.Time.String()] = true
			}
		}
		require.Len(s.t, times, int(a[0][0]-'0'))
	}),
	on(fact, `the last log-in of (\w+) names "([^"]+)" as "([^"]+)"`, func(s *script, a []string) {
		s.has(false, "session.open", a[0], "")
		require.Contains(s.t, strings.Fields(s.found.Details[a[1]]), a[2], s.found.Details)
	}),
}
