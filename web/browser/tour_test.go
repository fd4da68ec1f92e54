package browser_test

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/export"
	"veribatch/ebr/quality"
	"veribatch/internal/rehearsal"
	"veribatch/recipes"
	"veribatch/signatures/access"
	"veribatch/signatures/configuration/versions"
	"veribatch/signatures/identity"
	"veribatch/signatures/signtest"
	"veribatch/web"
)

// tour is a plant in the middle of its work, through which the tests of all pages walk: batches in each state, people of each role, an
// incident, a review, a proposed configuration, a token and somebody new.
type tour struct {
	*shop
	plant      *rehearsal.Plant
	roles      map[access.Role]signtest.Person // "" has none
	batches    []string                        // ids, by the state in which prepareBatches left them
	steps      []string                        // addresses of the steps that are open in them
	invitation string                          // its secret
	records    map[string][]string             // what may stand for a part of an address
}

func newTour(t *testing.T) *tour {
	t.Helper()
	p := &tour{shop: emptyShop(t), roles: map[access.Role]signtest.Person{}}
	p.plant = rehearsal.Prepare(p.World)
	p.roles[""] = p.Person("pat.nobody")
	for _, role := range access.Roles() {
		if role != access.Machine { // which sees no screens
			p.roles[role] = p.Person(strings.ReplaceAll("pat."+string(role), "_", "."), role)
		}
	}
	complete := p.prepareBatches()
	require.NoError(t, quality.OpenIncident(p.Ctx, p.Trail, quality.Incident{Kind: "unclean_restart", Summary: "The server did not stop by itself.", Batches: []string{complete}}))
	p.do(p.roles[access.QA], quality.BeginReview{Batch: complete})
	p.do(p.Admin, access.CreateArea{Code: "south", Title: "South works", Reason: "a second site"})
	token := identity.CreateToken{UserName: "scale.d1", FullName: "Scale D1", Purpose: "weights of dispensing", Acts: []string{"batch.read"}, Area: access.WholeSite, Days: 90}
	token.Mint()
	p.do(p.Admin, token)
	require.NoError(t, p.Sign(p.plant.People["quinn"], versions.Propose{IdleMinutes: "12", Reason: "Stations stand open too long while people change gloves."}))
	newcomer := identity.NewPerson{ID: audit.NewID(), UserName: "nora.lange", FullName: "Nora Lange", Roles: []access.Role{access.Operator}}
	in := audit.Intent{Session: p.Admin.Token, Act: "person.create", Home: identity.StreamOf(newcomer.ID), Reason: "new in the team"}
	_, err := p.Trail.Change(p.Ctx, in, func(tx *audit.Tx) error { return identity.CreatePerson(p.Ctx, tx, newcomer) })
	require.NoError(t, err)
	p.records = map[string][]string{
		":batch":    {p.batches[0], p.batches[3], p.batches[4]}, // ordered, held, complete
		":version":  {p.plant.Version},
		":incident": {p.ask(`select id::text from ebr.incidents limit 1`)},
		":person":   {newcomer.ID, p.plant.People["olga"].ID},
	}
	for i, change := range []*strings.Replacer{strings.NewReplacer(), strings.NewReplacer("WHOLE-1", "WHOLE-2", `"3"`, `"4"`, `high = "30.0"`, `high = "25.0"`)} { // a building block in two versions
		text, err := os.ReadFile("../../recipes/testdata/whole.recipe")
		require.NoError(t, err)
		p.do(p.roles[access.ProcessEngineer], recipes.Import{Text: change.Replace(string(text)), Area: "main"})
		p.records[":block"] = append(p.records[":block"], p.ask(`select id::text from ebr.building_blocks where number = '`+[]string{"3", "4"}[i]+`'`))
	}
	p.do(p.roles[access.QA], export.Export{Batch: complete})
	p.records[":export"] = []string{p.ask(`select convert_from(body, 'UTF8')::json -> 'details' ->> 'export' from audit.entries where stream = 'site/exports' limit 1`)}
	p.signLog()
	p.invitation = p.Invitation(newcomer.ID).Link(p.Desk.Key)
	return p
}

// do carries out an act that needs no signature.
func (p *tour) do(who signtest.Person, c web.Command) {
	p.T.Helper()
	in := audit.Intent{Session: who.Token, Act: c.Act(), Home: c.Home(), Key: audit.NewID(), Command: c}
	if c, names := c.(interface{ Also() []audit.Stream }); names {
		in.Also = c.Also()
	}
	_, err := p.Trail.Change(p.Ctx, in, func(tx *audit.Tx) error { return c.Do(p.Ctx, tx) })
	require.NoError(p.T, err)
}

// prepareBatches brings batches to the moments at which their pages differ, and gives the id of the complete one.
func (p *tour) prepareBatches() (complete string) {
	acts := rehearsal.Paracetamol(p.T, p.plant.Recipe)
	first := func(word string) int {
		return slices.IndexFunc(acts, func(a rehearsal.Act) bool { return a.Word == word })
	}
	api := &rehearsal.API{T: p.T, Plant: p.plant, URL: p.server.URL}
	for i, end := range []int{1, first("step.record"), first("step.verify"), first("hold.assess"), len(acts)} {
		api.Batch = ""
		step := ""
		for n, a := range acts[:end] {
			if n == 0 {
				a.Text = fmt.Sprintf("PO-2026-%04d", 500+i)
			}
			api.Do(a)
			step = cmp.Or(a.Step, step)
		}
		if end < len(acts) {
			step = cmp.Or(acts[end].Step, step)
		}
		complete = api.Batch
		p.batches = append(p.batches, api.Batch)
		if step != "" {
			p.steps = append(p.steps, "/batches/"+api.Batch+"/steps/"+step)
		}
	}
	return complete
}

// addresses gives what a route looks like with the records of the plant in it.
func (p *tour) addresses(path string) (list []string) {
	p.T.Helper()
	switch {
	case path == "/batches/:batch/steps/:step":
		return p.steps
	case path == "/enrol": // without and with the secret, which no server is sent
		return []string{path, path + "#" + p.invitation}
	case strings.HasPrefix(path, "/blocks/:block/effect/"): // in a recipe that holds the block
		path = strings.Replace(path, ":version", p.ask(`select v.id from ebr.recipe_versions v join ebr.recipe_blocks b on b.recipe_version = v.id order by v.created_at limit 1`), 1)
	case path == "/batches/:batch/hold": // stands while the batch is held
		path = strings.Replace(path, ":batch", p.batches[3], 1)
	case path == "/trail/value":
		return []string{path + "?stream=batch/" + p.batches[4] + "&table=ebr.batches&field=state&id=" + p.batches[4]}
	case path == "/batches/:batch/review", path == "/batches/:batch/exports/:export":
		path = strings.Replace(path, ":batch", p.batches[4], 1)
	}
	list = []string{path}
	for part := range strings.SplitSeq(path, "/") {
		if !strings.HasPrefix(part, ":") {
			continue
		}
		with := p.records[part]
		if len(with) == 0 {
			p.T.Fatalf("the route %s has the part %s, for which the tour of all pages knows no record: prepare one in newTour", path, part)
		}
		var next []string
		for _, a := range list {
			for _, record := range with {
				next = append(next, strings.Replace(a, part, record, 1))
			}
		}
		list = next
	}
	return list
}
