package accounts_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/identity"
	"veribatch/signatures/signtest"
)

// token makes a token, of a new machine when no account is named, and gives account, token and secret.
func token(w *signtest.World, account, name string, acts ...string) (made identity.TokenMade, secret string, err error) {
	c := identity.CreateToken{Account: account, UserName: name, Purpose: "weights", Acts: acts, Days: 30}
	if account == "" {
		c.FullName = "Scale of the walk"
	}
	c.Mint()
	receipt, err := w.Run(w.Admin, "", c)
	if err == nil {
		err = json.Unmarshal(receipt.Result, &made)
	}
	return made, c.Secret, err
}

// machineTold is what the trail says about machines.
type machineTold struct {
	people, tokens, approvals, handovers map[string]map[string]*string
	restores                             []time.Time
}

func replayMachines(t *testing.T, w *signtest.World) machineTold {
	m := machineTold{people: map[string]map[string]*string{}, tokens: map[string]map[string]*string{}, approvals: map[string]map[string]*string{}, handovers: map[string]map[string]*string{}}
	images(t, w, func(table, id string, _ time.Time, is map[string]*string) {
		switch table {
		case "ebr.people":
			m.people[id] = is
		case "ebr.tokens":
			m.tokens[id] = is
		case "ebr.token_approvals":
			m.approvals[*is["token"]] = is
		case "ebr.handovers":
			m.handovers[id] = is
		case "ebr.backups":
			m.restores = append(m.restores, moment(t, is["ended_at"]))
		}
	})
	return m
}

// between gives the machines and tokens of a period in one order, each line as said below.
func (m machineTold) between(t *testing.T, from, to time.Time) (lines []string) {
	for id, p := range m.people {
		opened, closed := moment(t, p["created_at"]), moment(t, p["deactivated_at"])
		if *p["kind"] != "service" || id == audit.SystemPerson || !opened.Before(to) || !closed.After(from) {
			continue
		}
		who, since := *p["created_by"], time.Time{}
		for _, h := range m.handovers {
			if at := moment(t, h["handed_at"]); *h["account"] == id && at.Before(to) && at.After(since) {
				who, since = *h["person"], at
			}
		}
		lines = append(lines, machineLine(id, *p["user_name"], *m.people[who]["full_name"], opened, closed))
	}
	for id, k := range m.tokens {
		issued, end := moment(t, k["issued_at"]), moment(t, k["expires_at"])
		ends := []time.Time{moment(t, k["revoked_at"]), moment(t, m.people[*k["account"]]["deactivated_at"])}
		for _, at := range m.restores {
			if at.After(issued) {
				ends = append(ends, at)
			}
		}
		for _, at := range ends {
			if at.Before(end) {
				end = at
			}
		}
		if !issued.Before(to) || !end.After(from) || !end.After(issued) {
			continue
		}
		good, approver := issued, ""
		if a := m.approvals[id]; strings.Contains(*k["acts"], "step.") {
			if good = never; a != nil && moment(t, a["approved_at"]).Before(to) {
				good, approver = moment(t, a["approved_at"]), *m.people[*a["approved_by"]]["full_name"]
			}
		}
		lines = append(lines, tokenLine(id, *k["account"], *k["area"], *m.people[*k["issued_by"]]["full_name"], approver, issued, good, end))
	}
	slices.Sort(lines)
	return lines
}

func machineLine(id, name, responsible string, from, to time.Time) string {
	return fmt.Sprint("machine ", id, " ", name, " ", responsible, " ", from.UTC(), " ", to.UTC())
}

func tokenLine(id, account, area, maker, approver string, issued, good, to time.Time) string {
	return fmt.Sprint("token ", id, " ", account, " ", area, " ", maker, "/", approver, " ", issued.UTC(), " ", good.UTC(), " ", to.UTC())
}

func linesOf(machines []accounts.MachineRight) (lines []string) {
	end := func(at *time.Time) time.Time {
		if at == nil {
			return never
		}
		return *at
	}
	for _, m := range machines {
		lines = append(lines, machineLine(m.Account, m.UserName, m.Responsible, m.From, end(m.To)))
		for _, k := range m.Tokens {
			lines = append(lines, tokenLine(k.Token, k.Account, k.Area, k.IssuedBy, k.ApprovedBy, k.IssuedAt, end(k.Good), k.To))
		}
	}
	slices.Sort(lines)
	return lines
}

const fileRestore = `insert into ebr.backups (id, kind, state, name, began_at, ended_at, report) values (@id, 'restore', 'good', 'walk', @now, @now, @report)`

// A random walk of machines, tokens, approvals, handovers, leavers and restores: at every pair of moments the rows say what the trail says.
func TestWhatMachinesCouldDoEqualsAReplayOfTheTrail(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 14))
	people := []signtest.Person{w.Person("olga.one", access.Operator), w.Person("omar.two", access.Operator), w.Person("otto.three", access.Operator), w.Admin}
	moments := []time.Time{time.Now().Add(-time.Hour)}
	var made []identity.TokenMade
	done := map[string]int{}
	for i := range 70 {
		act, err := "token.create", error(nil)
		one := func() identity.TokenMade { return made[random.IntN(len(made))] }
		switch n := random.IntN(12); {
		case n < 3 || len(made) == 0:
			var m identity.TokenMade
			account := ""
			if len(made) > 3 && n > 0 {
				account = one().Account
			}
			name := map[bool]string{true: fmt.Sprintf("scale.d%d", i)}[account == ""]
			if m, _, err = token(w, account, name, [][]string{{"batch.read"}, {"batch.read", "step.record"}}[n%2]...); err == nil {
				made = append(made, m)
			}
		case n < 6:
			act = "token.approve"
			m := one()
			err = w.Sign(w.Checker, accounts.ApproveToken{Account: m.Account, Token: m.Token})
		case n < 8:
			act = "token.revoke"
			m := one()
			_, err = w.Run(w.Admin, "", identity.RevokeToken{Account: m.Account, Token: m.Token, Reason: "walk"})
		case n < 9:
			act = "machine.hand_over"
			err = do(w, w.Admin, accounts.HandOver{Account: one().Account, Person: people[random.IntN(4)].ID, Reason: "walk"})
		case n < 10 && i > 30:
			act = "machine closed"
			err = do(w, w.Admin, accounts.CloseMachine{Account: one().Account, Reason: "walk"})
		case n < 11 && i > 20:
			act = "person.deactivate"
			err = do(w, w.Admin, accounts.Deactivate{Person: people[random.IntN(2)].ID, Successor: people[2].ID, Reason: "walk"})
		case i > 60:
			act = "backup.restore"
			_, err = w.Trail.Change(w.Ctx, audit.Intent{Session: w.Trail.System(), Act: act, Home: audit.Site}, func(tx *audit.Tx) error {
				_, err := tx.Exec(w.Ctx, fileRestore, pgx.NamedArgs{"id": audit.NewID(), "report": audit.NewID(), "now": tx.Now()})
				return err
			})
		}
		if err != nil {
			require.NotEqual(t, fault.Internal, fault.KindOf(err), "%s: %v", act, err)
			continue
		}
		done[act]++
		moments = append(moments, time.Now())
	}
	require.Greater(t, len(done), 3, "%v", done)
	told := replayMachines(t, w)
	require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) error {
		for range 60 {
			from, to := moments[random.IntN(len(moments))], moments[random.IntN(len(moments))]
			if to.Before(from) {
				from, to = to, from
			}
			rights, err := accounts.MachineRights(w.Ctx, r, from, to)
			require.NoError(t, err)
			require.Equal(t, told.between(t, from, to), linesOf(rights), "seed %d", seed)
		}
		return nil
	}))
}

// A machine always has somebody at work who answers for it: who leaves hands over, and an account that is closed opens nothing any more.
func TestMachinesAreHandedOverAndClosed(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	bea, olga := w.Person("bea.second", access.Administrator), w.Person("olga.one", access.Operator)
	made, secret, err := token(w, "", "scale.d1", "batch.read")
	require.NoError(t, err)
	found := func(secret string) error { _, err := w.Gate.FindMachine(w.Ctx, secret); return err }
	require.NoError(t, found(secret))

	require.ErrorContains(t, do(w, bea, accounts.Deactivate{Person: w.Admin.ID, Reason: "leaves"}), "answers from now on for scale.d1")
	require.ErrorContains(t, do(w, bea, accounts.Deactivate{Person: w.Admin.ID, Successor: w.Admin.ID, Reason: "leaves"}), "answers from now on for scale.d1")
	gone := w.Person("gil.gone", access.Operator)
	require.NoError(t, do(w, bea, accounts.Deactivate{Person: gone.ID, Reason: "leaves"}))
	for _, to := range []string{gone.ID, made.Account, audit.SystemPerson} {
		require.Error(t, do(w, bea, accounts.Deactivate{Person: w.Admin.ID, Successor: to, Reason: "leaves"}))
		require.Error(t, do(w, bea, accounts.HandOver{Account: made.Account, Person: to, Reason: "other work"}))
	}
	require.ErrorContains(t, do(w, bea, accounts.HandOver{Account: made.Account, Person: w.Admin.ID, Reason: "x"}), "already")
	require.ErrorContains(t, do(w, bea, accounts.HandOver{Account: made.Account, Person: olga.ID}), "Say why")
	require.ErrorContains(t, do(w, bea, accounts.HandOver{Account: olga.ID, Person: bea.ID, Reason: "x"}), "no such machine")
	require.NoError(t, do(w, bea, accounts.Deactivate{Person: w.Admin.ID, Successor: olga.ID, Reason: "leaves"}))
	require.NoError(t, found(secret), "the machine goes on working")

	// Past the program: the database keeps the rule.
	_, err = w.Trail.Change(w.Ctx, audit.Intent{Session: bea.Token, Act: "person.deactivate", Home: identity.StreamOf(olga.ID), Reason: "x"}, func(tx *audit.Tx) error {
		_, err := tx.Exec(w.Ctx, `update ebr.people set active = false, version = version + 1 where id = $1`, olga.ID)
		return err
	})
	require.ErrorContains(t, err, "answers for machines")

	require.ErrorContains(t, do(w, bea, accounts.CloseMachine{Account: made.Account}), "Say why")
	require.NoError(t, do(w, bea, accounts.CloseMachine{Account: made.Account, Reason: "scale scrapped"}))
	require.ErrorContains(t, found(secret), "not active")
	require.ErrorContains(t, do(w, bea, accounts.CloseMachine{Account: made.Account, Reason: "x"}), "closed for ever")
	require.ErrorContains(t, do(w, bea, accounts.HandOver{Account: made.Account, Person: bea.ID, Reason: "x"}), "closed for ever")
	require.NoError(t, do(w, bea, accounts.Deactivate{Person: olga.ID, Reason: "leaves"}), "a closed machine needs nobody")
	w.Admin = bea
	for _, again := range []string{made.Account, ""} {
		_, _, err = token(w, again, map[bool]string{true: "scale.d1"}[again == ""], "batch.read")
		require.Error(t, err, "neither the account nor its name comes back")
		require.NotEqual(t, fault.Internal, fault.KindOf(err), "%v", err)
	}
}

// The hand-over of a machine stands in its own trail and in that of the person who answers from then on, also when it comes with the leaving of another;
// a machine that the leaver was given meanwhile makes the act be asked again.
func TestMachinesTellWhoLeftThem(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	bea, olga := w.Person("bea.second", access.Administrator), w.Person("olga.one", access.Operator)
	one, _, err := token(w, "", "scale.d1", "batch.read")
	require.NoError(t, err)
	c := accounts.Deactivate{Person: w.Admin.ID, Successor: olga.ID, Reason: "leaves"}
	subjects := func() (also []audit.Stream) {
		require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) (err error) {
			also, err = c.AlsoNow(w.Ctx, r)
			return err
		}))
		return also
	}
	before := subjects()
	require.Equal(t, []audit.Stream{identity.StreamOf(olga.ID), identity.StreamOf(one.Account)}, before)
	two, _, err := token(w, "", "scale.d2", "batch.read")
	require.NoError(t, err)
	in := audit.Intent{Session: bea.Token, Act: c.Act(), Home: c.Home(), Also: before, Reason: c.Why(), Key: audit.NewID(), Command: c}
	_, err = w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error { return c.Do(w.Ctx, tx) })
	require.Equal(t, fault.Conflict, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "scale.d2")

	require.NoError(t, do(w, bea, c))
	for _, id := range []string{w.Admin.ID, olga.ID, one.Account, two.Account} {
		list := w.Entries(identity.StreamOf(id), "person.deactivate")
		require.NotEmpty(t, list, id)
		last := list[len(list)-1]
		require.False(t, last.Refused)
		require.Equal(t, "Olga One (olga.one)", last.Details["responsible"])
	}
	w.Admin = bea
	_, _, err = token(w, "", "scale.d3", "batch.read")
	require.NoError(t, err)
	require.NoError(t, do(w, bea, accounts.Deactivate{Person: olga.ID, Successor: w.Checker.ID, Reason: "leaves"}))
	require.Len(t, w.Entries(identity.StreamOf(one.Account), "person.deactivate"), 3, "one refused, two done")
	c.Person = "nobody"
	require.Empty(t, subjects(), "nobody's machines are not looked for")
}
