package rehearsal

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/recipes"
	"veribatch/recipes/library"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/signtest"
)

// Plant is a plant in which the plan can be carried out: its people by first name, and the recipe, effective.
type Plant struct {
	*signtest.World
	People  map[string]signtest.Person
	Recipe  *recipes.Recipe
	Version string // id of the recipe version
}

// people are named in the order in which they are made.
var people = []struct {
	first, user string
	role        access.Role
}{
	{"petra", "petra.novak", access.ProcessEngineer}, {"quinn", "quinn.weiss", access.QA}, {"elena", "elena.rossi", access.QualifiedPerson},
	{"sven", "sven.lind", access.Supervisor}, {"olga", "olga.brandt", access.Operator}, {"omar", "omar.haddad", access.Operator},
	{"ines", "ines.costa", access.Operator},
}

// Prepare makes the people in a world and takes the recipe of paracetamol through its life.
func Prepare(w *signtest.World) *Plant {
	w.T.Helper()
	p := &Plant{World: w, People: map[string]signtest.Person{}}
	for _, x := range people {
		p.People[x.first] = w.Person(x.user, x.role)
	}
	text := library.Text(library.Paracetamol500)
	recipe, faults := recipes.Check(library.Paracetamol500, text)
	require.Empty(w.T, faults)
	p.Recipe = recipe
	var made recipes.Result
	require.NoError(w.T, json.Unmarshal(p.do("petra", "", recipes.Import{Text: string(text)}).Result, &made))
	p.Version = made.Version
	p.sign("petra", recipes.Submit{Version: p.Version})
	p.sign("quinn", recipes.Approve{Version: p.Version})
	p.sign("elena", recipes.MakeEffective{Version: p.Version})
	return p
}

type command interface {
	Act() string
	Home() audit.Stream
	Do(ctx context.Context, tx *audit.Tx) error
}

type signable interface {
	command
	Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error)
}

func (p *Plant) do(who, ticket string, c command) audit.Receipt {
	p.T.Helper()
	in := audit.Intent{Session: p.People[who].Token, Ticket: ticket, Act: c.Act(), Home: c.Home(), Key: audit.NewID(), Command: c}
	receipt, err := p.Trail.Change(p.Ctx, in, func(tx *audit.Tx) error { return c.Do(p.Ctx, tx) })
	require.NoError(p.T, err)
	return receipt
}

func (p *Plant) sign(who string, c signable) {
	p.T.Helper()
	var st signatures.Statement
	require.NoError(p.T, p.Trail.Read(p.Ctx, func(r *audit.Reader) (err error) {
		st, err = c.Statement(p.Ctx, r)
		return err
	}))
	p.do(who, p.Ticket(p.People[who], p.People[who], st), c)
}

// Findings are those of what `ebr verify` runs: the trail against all records, and every signature.
func (p *Plant) Findings(t testing.TB) []string {
	t.Helper()
	report, err := p.Trail.Verify(p.Ctx)
	require.NoError(t, err)
	found := report.Findings
	require.NoError(t, p.Trail.Read(p.Ctx, func(r *audit.Reader) error {
		_, err := signatures.VerifyAll(p.Ctx, r, func(id string, why error) { found = append(found, "signature "+id+": "+why.Error()) })
		return err
	}))
	return found
}
