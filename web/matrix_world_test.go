package web_test

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path"
	"strings"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/quality"
	"veribatch/internal/fault"
	"veribatch/recipes/library"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/identity"
	"veribatch/signatures/signtest"
)

// The plant of the permission matrix: records of the first area in the states in which somebody signs something, and people of every role,
// held for the whole plant, for that area, and for another one.

// own and other are the areas of the matrix.
const (
	own   = "main"
	other = "south"
)

// errReached stands for everything behind the right: whoever gets it had the right to the act, and nothing was changed.
var errReached = fault.New(fault.Busy, "the right was there")

// matrixPlant is the plant with the addresses of its records.
type matrixPlant struct {
	*script
	batches  map[string]string // address by act; "" for all others
	versions map[string]string
	people   map[seat]signtest.Person
	incident string // ids
	block    string // a building block, and the version of the recipe that holds it
	whole    string
	review   string
	export   string
	token    identity.Token             // waits for QA
	without  map[string]signtest.Person // with sessions that open nothing, by condition
}

// seat is a role and where it is held.
type seat struct {
	role access.Role
	area string
}

func newMatrixPlant(s *script, areas []string) *matrixPlant {
	m := &matrixPlant{script: s, batches: map[string]string{}, versions: map[string]string{}, people: map[seat]signtest.Person{}}
	m.prepareRecords()
	m.prepareQuality()
	s.as("Sven")
	s.say(`she proposes idle_minutes 14 because "stations stand open too long"`, false)
	s.change(s.people["Ada"].Token, access.CreateArea{Code: other, Title: "South", Reason: "a second site"})
	s.change(s.people["Ada"].Token, identity.CreateToken{
		UserName: "scale.m1", FullName: "Scale of the matrix", Purpose: "weights", Acts: []string{"step.record"}, Days: 9, Secret: identity.TokenPrefix + audit.NewToken(),
	})
	require.NoError(s.T, s.Trail.Read(s.Ctx, func(r *audit.Reader) error {
		tokens, err := identity.Tokens(s.Ctx, r)
		m.token = tokens[0]
		return err
	}))
	for _, role := range append(access.Roles(), "") {
		for _, area := range areas {
			name := strings.NewReplacer("_", ".", "*", "everywhere").Replace("pat." + string(role) + "." + area)
			who := s.Person(strings.ReplaceAll(name, "..", "."))
			if role != "" {
				s.place(who, area, role)
			}
			m.people[seat{role, area}] = who
		}
	}
	require.NoError(s.T, s.signLog("signer"))
	require.Error(s.T, s.signLog("another"), "so the log waits to be continued")
	m.without = m.conditions()
	check := s.Trail.Check
	s.Trail.Check = func(ctx context.Context, tx *audit.Tx) error {
		if err := check(ctx, tx); err != nil {
			return err
		}
		return errReached
	}
	return m
}

// prepareRecords takes batches and versions of a recipe to the states in which they wait for a signature.
func (m *matrixPlant) prepareRecords() {
	s := m.script
	text := string(library.Text("buffer-tour.recipe"))
	for _, b := range []struct {
		act, state, done string
		last             func()
	}{
		{"batch.issue", "ordered", "", nil},
		{"step.perform", "running", "030", func() { s.record("040", "net", map[string]string{"value": "13.85"}) }},
		{"step.verify", "running", "030", func() {
			s.record("040", "net", map[string]string{"value": "13.85"})
			s.now.open(s.batch + "/steps/040")
			s.sign("perform", nil, s.people["Olga"], nil)
		}},
		{"hold.assess", "running", "030", func() { s.record("040", "net", map[string]string{"value": "99.00"}) }},
		{"batch.complete", "running", "090", func() {
			s.now.open(s.batch + "/steps/100")
			s.sign("perform", nil, s.people["Sven"], nil)
		}},
	} {
		s.line++
		s.prepareBatch(b.state)
		if b.done != "" {
			s.doSteps("010", b.done)
			s.as("Olga")
			b.last()
		}
		m.batches[b.act] = s.batch
	}
	m.batches[""], m.versions[""] = m.batches["step.perform"], s.recipe
	for _, v := range []struct{ act, state string }{{"recipe.submit", "draft"}, {"recipe.approve", "in review"}, {"recipe.make_effective", "approved"}} {
		s.life(strings.Replace(text, "Buffer for rinsing", "Buffer for rinsing, "+v.state, 1), v.state)
		m.versions[v.act] = s.recipe
	}
	m.versions["recipe.comment"], m.versions["recipe.resolve"], m.versions["recipe.send_back"] = m.versions["recipe.submit"], m.versions["recipe.submit"], m.versions["recipe.approve"]
	m.versions["recipe.withdraw"] = m.versions[""]
	whole, err := os.ReadFile("../recipes/testdata/whole.recipe")
	require.NoError(s.t, err)
	s.life(string(whole), "draft")
	m.whole = s.recipe
	require.NoError(s.t, m.DB.Super(m.t).QueryRow(m.Ctx, "select id::text from ebr.building_blocks").Scan(&m.block))
}

const newestIncident = `select id::text from ebr.incidents order by number desc limit 1`

// prepareQuality opens an incident that touches a batch and is judged, and a review of that batch, by somebody who did not work in it.
func (m *matrixPlant) prepareQuality() {
	require.NoError(m.t, quality.OpenIncident(m.Ctx, m.Trail, quality.Incident{Kind: "failed_job", Summary: "The verification did not run.", Reference: "verify", Batches: []string{path.Base(m.batches[""])}}))
	require.NoError(m.t, m.DB.Super(m.t).QueryRow(m.Ctx, newestIncident).Scan(&m.incident))
	v := m.visitorAt("Review", m.Person("quirin.holm", access.QA))
	form := url.Values{"key": {audit.NewID()}, "disposition": {"no effect"}, "reason": {"nothing entered"}, "seen": {"1"}}
	v.post("/incidents/"+m.incident+"/batches/"+path.Base(m.batches[""])+"/assess", form)
	require.Less(m.t, v.at.status, 400, v.at.text)
	v.open(m.batches[""] + "/review")
	v.send("begin", nil)
	require.NotNil(m.t, v.at.forms["read"], v.at.text)
	m.review = path.Base(path.Dir(v.at.forms["read"].action)) // …/reviews/ID/read
	made := m.client(m.script.people["Quinn"]).post(m.batches[""]+"/exports", map[string]any{})
	require.Equal(m.t, 201, made.status, made.raw)
	m.export = made.body["result"].(map[string]any)["export"].(string)
}

// place gives a person roles for an area.
func (p *plant) place(who signtest.Person, area string, roles ...access.Role) {
	p.T.Helper()
	require.NoError(p.T, p.placing(who, area, roles...))
}

func (p *plant) placing(who signtest.Person, area string, roles ...access.Role) error {
	in := audit.Intent{Session: p.Admin.Token, Act: "person.roles", Home: identity.StreamOf(who.ID), Reason: "works in " + area}
	_, err := p.Trail.Change(p.Ctx, in, func(tx *audit.Tx) error { return access.SetRolesIn(p.Ctx, tx, who.ID, area, roles) })
	return err
}

// change carries out a command in a session.
func (p *plant) change(token string, cmd interface {
	Act() string
	Home() audit.Stream
	Do(context.Context, *audit.Tx) error
}) {
	p.T.Helper()
	_, err := p.Trail.Change(p.Ctx, audit.Intent{Session: token, Act: cmd.Act(), Home: cmd.Home()}, func(tx *audit.Tx) error { return cmd.Do(p.Ctx, tx) })
	require.NoError(p.T, err)
}

const deactivate = `update ebr.people set active = false, version = version + 1 where id = $1`

// conditions gives people whose sessions open nothing, by the name of their column; the server's own session is one of them.
func (m *matrixPlant) conditions() map[string]signtest.Person {
	people := map[string]signtest.Person{"anonymous": {}, "server": {Token: m.Trail.System()}}
	for _, name := range []string{"locked", "expired", "disabled"} {
		who := m.Person("kim."+name, access.Supervisor)
		switch name {
		case "locked":
			require.NoError(m.t, m.Gate.Lock(m.Ctx, who.Token, ""))
		case "expired":
			require.NoError(m.t, m.Gate.LogOut(m.Ctx, who.Token))
		case "disabled":
			in := audit.Intent{Session: m.Admin.Token, Act: "person.deactivate", Home: identity.StreamOf(who.ID), Reason: "left the firm"}
			_, err := m.Trail.Change(m.Ctx, in, func(tx *audit.Tx) error {
				_, err := tx.Exec(m.Ctx, deactivate, who.ID)
				return err
			})
			require.NoError(m.t, err)
		}
		people[name] = who
	}
	for name, c := range map[string]struct {
		area           string
		approve, close bool
	}{"machine": {own, true, false}, "machine elsewhere": {other, true, false}, "machine waiting": {own, false, false}, "machine revoked": {own, true, true}} {
		people[name] = m.machine(strings.ReplaceAll(name, " ", "."), c.area, c.approve, c.close)
	}
	return people
}

// machine gives a machine whose token names everything that a machine may ever do.
func (m *matrixPlant) machine(name, area string, approve, revoke bool) signtest.Person {
	c := identity.CreateToken{UserName: name + ".m2", FullName: "A " + name, Purpose: "values", Acts: access.ActsOf(access.Machine), Area: area, Days: 9}
	c.Mint()
	var made identity.TokenMade
	require.NoError(m.t, json.Unmarshal(m.Do(m.Admin, c).Result, &made))
	if approve {
		m.MustSign(m.Checker, accounts.ApproveToken{Account: made.Account, Token: made.Token})
	}
	if revoke {
		m.Do(m.Admin, identity.RevokeToken{Account: made.Account, Token: made.Token, Reason: "lost"})
	}
	return signtest.Person{ID: made.Account, Token: c.Secret}
}
