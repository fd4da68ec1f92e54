package web_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
)

// All times that count are those of the database. A jump of its clock while the server runs is made by moving what is stored the other way.
func TestTheDatabasesClockMayJump(t *testing.T) {
	for _, c := range []struct{ name, stored string }{{"an hour forward", "-1 hour"}, {"an hour back", "1 hour"}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPlant(t, time.Minute)
			olga, omar := p.person("olga.berg", access.Operator), p.person("omar.berg", access.Operator)
			super := p.DB.Super(t)
			move := func(sql string) {
				t.Helper()
				tag, err := super.Exec(p.Ctx, sql, c.stored)
				require.NoError(t, err)
				require.NotZero(t, tag.RowsAffected())
			}

			// A session: how long nobody was there is not known, so it locks, and goes on with the password.
			v := p.visitorAt("Granulation 2", olga)
			require.Equal(t, 200, v.open("/session/password").status)
			move(`update ebr.sessions set opened_at = opened_at + $1::interval, seen_at = seen_at + $1::interval where ended_at is null`)
			require.Equal(t, 423, v.open("/session/password").status)
			v.post("/session/unlock", url.Values{"password": {olga.Password}, "next": {"/session/password"}})
			require.Equal(t, 200, v.at.status, "nothing is lost: the same page comes back")
			require.Equal(t, 200, v.open("/session/password").status, "and stays")
			locks := p.entries(t, "session.lock")
			require.Len(t, locks, 1)
			require.Regexp(t, "no activity for 1h|the clock ran back by 59m|the clock ran back by 1h", locks[0].Reason)

			// A ticket: forward it is too old, back its signature lies in the future: either way nothing is done, and the person signs again.
			nora := p.Newcomer("nora.neu", access.Operator)
			sign := accounts.Sign{Number: 1}
			ticket, err := p.TicketFor(nora, nora, sign)
			require.NoError(t, err)
			move(`update ebr.tickets set issued_at = issued_at + $1::interval, expires_at = expires_at + $1::interval where used_at is null`)
			_, err = p.Run(nora, ticket, sign)
			require.Error(t, err)
			_, err = p.Run(nora, ticket, sign)
			require.Error(t, err)
			p.MustSign(nora, sign)

			// Wrong passwords: forward they are as old as that and count afresh; back they count on, and a lock is lifted by a supervisor.
			wrong := func() error { _, err := p.Gate.LogIn(p.Ctx, omar.UserName, "wrong", p.Station); return err }
			for range 4 {
				require.Error(t, wrong())
			}
			move(`update ebr.login_failures set since = since + $1::interval`)
			if c.stored == "-1 hour" {
				require.ErrorContains(t, wrong(), "4 tries are left")
			} else {
				require.ErrorContains(t, wrong(), "is locked until")
				p.Do(p.person("sven.holm", access.Supervisor), accounts.Unlock{Person: omar.ID, Reason: "the clock was set back"})
			}
			_, err = p.Gate.LogIn(p.Ctx, omar.UserName, omar.Password, p.Station)
			require.NoError(t, err)
			report, err := p.Trail.Verify(p.Ctx)
			require.NoError(t, err)
			require.Empty(t, report.Findings)
		})
	}
}
