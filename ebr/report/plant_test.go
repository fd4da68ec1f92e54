package report

import (
	"context"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/internal/pgtest"
	"veribatch/recipes"
	"veribatch/recipes/library"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/signtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// plant is a world with people and the ten-step recipe effective.
type plant struct {
	*signtest.World
	anna, bo, sue, quinn, pete signtest.Person
	batch                      string // id
}

type command interface {
	Act() string
	Home() audit.Stream
	Do(context.Context, *audit.Tx) error
}

type signing interface {
	command
	Statement(context.Context, audit.Querier) (signatures.Statement, error)
}

func newPlant(t *testing.T) *plant {
	t.Helper()
	p := &plant{World: signtest.New(t)}
	p.anna, p.bo = p.Person("anna.keller", access.Operator), p.Person("bo.lindt", access.Operator)
	p.sue, p.quinn = p.Person("sue.major", access.Supervisor), p.Person("quinn.adler", access.QA)
	p.pete = p.Person("pete.engel", access.ProcessEngineer)
	var v recipes.Result
	require.NoError(t, json.Unmarshal(p.do(p.pete, recipes.Import{Text: string(library.Text(library.BufferTour))}).Result, &v))
	p.sign(p.pete, recipes.Submit(v))
	p.sign(p.sue, recipes.Approve(v))
	p.sign(p.quinn, recipes.MakeEffective(v))
	var r batch.Result
	require.NoError(t, json.Unmarshal(p.do(p.sue, batch.CreateOrder{OrderNumber: "PO-4711/A", RecipeVersion: v.Version}).Result, &r))
	p.batch = r.Batch
	return p
}

func (p *plant) run(who signtest.Person, ticket string, c command) (audit.Receipt, error) {
	in := audit.Intent{Session: who.Token, Ticket: ticket, Act: c.Act(), Home: c.Home(), Key: audit.NewID(), Command: c}
	if w, ok := c.(interface{ Why() string }); ok {
		in.Reason = w.Why()
	}
	return p.Trail.Change(p.Ctx, in, func(tx *audit.Tx) error { return c.Do(p.Ctx, tx) })
}

// do runs a command that must pass.
func (p *plant) do(who signtest.Person, c command) audit.Receipt {
	p.T.Helper()
	receipt, err := p.run(who, "", c)
	require.NoError(p.T, err, "%s %+v", c.Act(), c)
	return receipt
}

// sign runs a signed command that must pass.
func (p *plant) sign(who signtest.Person, c signing) {
	p.T.Helper()
	var st signatures.Statement
	require.NoError(p.T, p.Trail.Read(p.Ctx, func(r *audit.Reader) (err error) {
		st, err = c.Statement(p.Ctx, r)
		return err
	}))
	_, err := p.run(who, p.Ticket(who, who, st), c)
	require.NoError(p.T, err, "%s %+v", c.Act(), c)
}

func (p *plant) record(step, value, raw string) {
	p.T.Helper()
	p.do(p.anna, batch.Record{Batch: p.batch, Step: step, Value: value, Raw: raw})
}

func (p *plant) perform(steps ...string) {
	p.T.Helper()
	for _, step := range steps {
		var b *batch.Batch
		require.NoError(p.T, p.Trail.Read(p.Ctx, func(q *audit.Reader) (err error) { b, err = batch.Load(p.Ctx, q, p.batch); return err }))
		p.do(p.anna, batch.Perform{Batch: p.batch, Step: step, Seen: b.State.Readings(step, "")})
	}
}

// performSigned performs and verifies a critical step.
func (p *plant) performSigned(step string) {
	p.T.Helper()
	p.sign(p.anna, batch.Perform{Batch: p.batch, Step: step})
	p.sign(p.bo, batch.Verify{Batch: p.batch, Step: step})
}

// print loads the record and prints it, as the server does.
func (p *plant) print() string {
	p.T.Helper()
	var r Record
	require.NoError(p.T, p.Trail.Read(p.Ctx, func(q *audit.Reader) (err error) {
		if r, err = Load(p.Ctx, q, p.batch); err != nil {
			return err
		}
		r.GeneratedBy, err = Reader(p.Ctx, q, p.quinn.ID)
		return err
	}))
	r.Site, r.Program, r.GeneratedAt, r.Demo = "Test plant", "Veribatch test", day, true // the banner is one more fill on every page
	return file(p.T, r)
}
