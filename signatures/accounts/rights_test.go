package accounts_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/pgtest"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/signtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// command is an act with a reason.
type command interface {
	signtest.Command
	Why() string
}

// do carries out an act in somebody's session.
func do(w *signtest.World, as signtest.Person, c command) error {
	_, err := w.Run(as, "", c)
	return err
}

// held is one role of somebody while a trail is replayed.
type held struct {
	person, role, area string
	from, to           time.Time
}

var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// moment reads a time out of an image.
func moment(t *testing.T, text *string) time.Time {
	if text == nil {
		return never
	}
	at, err := time.Parse("2006-01-02T15:04:05.999999", *text)
	require.NoError(t, err)
	return at
}

// images gives every row that the entries of the trail show, as each of them left it, in their order.
func images(t *testing.T, w *signtest.World, see func(table, id string, at time.Time, is map[string]*string)) {
	for after := (audit.Cursor{}); ; {
		var rows []audit.Row
		require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) (err error) {
			rows, err = audit.History(w.Ctx, r, audit.Filter{Oldest: true, Limit: 500, After: after})
			return err
		}))
		for _, row := range rows {
			for _, c := range row.Changes {
				_, is, err := c.Columns()
				require.NoError(t, err)
				see(c.Table, c.ID, row.Time, is)
			}
		}
		if len(rows) < 500 {
			return
		}
		after = rows[len(rows)-1].Cursor()
	}
}

// replay reads who held which role when from the entries of the trail alone, and from nothing else.
func replay(t *testing.T, w *signtest.World) (list []held) {
	roles, left := map[string]held{}, map[string]time.Time{}
	images(t, w, func(table, id string, at time.Time, is map[string]*string) {
		switch {
		case table == "ebr.person_roles":
			roles[id] = held{*is["person"], *is["role"], *is["area"], moment(t, is["granted_at"]), moment(t, is["revoked_at"])}
		case table == "ebr.people" && *is["active"] == "false":
			if _, gone := left[id]; !gone {
				left[id] = at
			}
		}
	})
	for _, h := range roles {
		if at, gone := left[h.person]; gone && at.Before(h.to) {
			h.to = at
		}
		list = append(list, h)
	}
	return list
}

// between gives what the replay says about a period, in one order.
func between(list []held, from, to time.Time) (found []string) {
	for _, h := range list {
		if h.from.Before(to) && h.to.After(from) && h.to.After(h.from) {
			found = append(found, h.words())
		}
	}
	slices.Sort(found)
	return found
}

func (h held) words() string {
	return fmt.Sprintf("%s %s %s %s %s", h.person, h.role, h.area, h.from.UTC().Format(time.RFC3339Nano), h.to.UTC().Format(time.RFC3339Nano))
}

// A random walk of accounts, roles and leavers: at every pair of moments the rows and the replayed trail say the same.
func TestWhoCouldDoWhatEqualsAReplayOfTheTrail(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 6))
	moments := []time.Time{time.Now().Add(-time.Hour)}
	var people []string
	done, refused := 0, 0
	for i := 0; i < 70 || done <= 20 || refused <= 3; i++ {
		var c command = accounts.Create{UserName: fmt.Sprintf("pat.%c%c", 'a'+i/26, 'a'+i%26), FullName: "Pat Walker", Role: "operator", Reason: "walk"}
		if len(people) > 0 {
			who, role := people[random.IntN(len(people))], string(access.Roles()[random.IntN(len(access.Roles()))])
			switch n := random.IntN(10); {
			case n < 4:
				c = accounts.Grant{Person: who, Role: role, Reason: "walk"}
			case n < 7:
				c = accounts.Revoke{Person: who, Role: role, Reason: "walk"}
			case n < 8:
				c = accounts.Deactivate{Person: who, Reason: "walk"}
			}
		}
		home := c.Home()
		_, err := w.Trail.Change(w.Ctx, audit.Intent{Session: w.Admin.Token, Act: c.Act(), Home: home, Reason: c.Why()}, func(tx *audit.Tx) error { return c.Do(w.Ctx, tx) })
		if err != nil {
			require.NotEqual(t, fault.Internal, fault.KindOf(err), "%v", err)
			refused++
			continue
		}
		done++
		if c.Act() == "person.create" {
			people = append(people, string(home)[len("person/"):])
		}
		moments = append(moments, time.Now())
	}
	told := replay(t, w)
	require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) error {
		for range 60 {
			from, to := moments[random.IntN(len(moments))], moments[random.IntN(len(moments))]
			if to.Before(from) {
				from, to = to, from
			}
			rights, err := accounts.Rights(w.Ctx, r, from, to)
			require.NoError(t, err)
			found := []string{}
			for _, h := range rights {
				to := never
				if h.To != nil {
					to = *h.To
				}
				found = append(found, held{h.Person, string(h.Role), h.Area, h.From, to}.words())
			}
			slices.Sort(found)
			want := append([]string{}, between(told, from, to)...)
			require.Equal(t, want, found)
		}
		return nil
	}))
}

// The last administrator stays, also when two remove each other at once.
func TestTheLastAdministratorStays(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	bea := w.Newcomer("bea.second", access.Administrator)
	errs := make(chan error, 2)
	go func() { errs <- do(w, w.Admin, accounts.Deactivate{Person: bea.ID, Reason: "leaves"}) }()
	go func() {
		errs <- do(w, bea, accounts.Revoke{Person: w.Admin.ID, Role: "administrator", Reason: "other work"})
	}()
	first, second := <-errs, <-errs
	require.True(t, (first == nil) != (second == nil), "%v, %v", first, second)
	var left int
	require.NoError(t, w.DB.Super(t).QueryRow(w.Ctx, `select count(*) from ebr.person_roles r join ebr.people p on p.id = r.person
		where r.role = 'administrator' and r.revoked_at is null and p.active`).Scan(&left))
	require.Equal(t, 1, left)
}
