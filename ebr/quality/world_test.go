package quality_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/internal/fault"
	"veribatch/internal/pgtest"
	"veribatch/recipes"
	"veribatch/recipes/library"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/signtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// plant is a world with the people of a shift and the ten-step recipe effective.
type plant struct {
	*signtest.World
	anna, sue, quinn, quirl, pete signtest.Person
	version                       string
	orders                        int
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
	p.anna, p.sue, p.pete = p.Person("anna.keller", access.Operator), p.Person("sue.major", access.Supervisor), p.Person("pete.engel", access.ProcessEngineer)
	p.quinn, p.quirl = p.Person("quinn.adler", access.QA), p.Person("quirl.moss", access.QA)
	receipt, err := p.run(p.pete, "", recipes.Import{Text: string(library.Text(library.BufferTour))})
	require.NoError(t, err)
	var v recipes.Result
	require.NoError(t, json.Unmarshal(receipt.Result, &v))
	p.sign(p.pete, recipes.Submit(v))
	p.sign(p.sue, recipes.Approve(v))
	p.sign(p.quinn, recipes.MakeEffective(v))
	p.version = v.Version
	return p
}

// run runs a command in a person's session, as the web handlers do.
func (p *plant) run(who signtest.Person, ticket string, c command) (audit.Receipt, error) {
	in := audit.Intent{Session: who.Token, Ticket: ticket, Act: c.Act(), Home: c.Home(), Key: audit.NewID(), Command: c}
	if w, ok := c.(interface{ Why() string }); ok {
		in.Reason = w.Why()
	}
	if a, ok := c.(interface{ Also() []audit.Stream }); ok {
		in.Also = a.Also()
	}
	return p.Trail.Change(p.Ctx, in, func(tx *audit.Tx) error { return c.Do(p.Ctx, tx) })
}

// do runs a command that must pass.
func (p *plant) do(who signtest.Person, c command) {
	p.T.Helper()
	_, err := p.run(who, "", c)
	require.NoError(p.T, err, "%s %+v", c.Act(), c)
}

// shown gives the statement as the dialog shows it.
func (p *plant) shown(c signing) (st signatures.Statement, err error) {
	err = p.Trail.Read(p.Ctx, func(r *audit.Reader) (err error) {
		st, err = c.Statement(p.Ctx, r)
		return err
	})
	return st, err
}

func (p *plant) trySign(who signtest.Person, c signing) error {
	st, err := p.shown(c)
	if err == nil {
		_, err = p.run(who, p.Ticket(who, who, st), c)
	}
	return err
}

// sign runs a signed command that must pass.
func (p *plant) sign(who signtest.Person, c signing) {
	p.T.Helper()
	require.NoError(p.T, p.trySign(who, c), "%s %+v", c.Act(), c)
}

// refused asks for an error of the kind with the words.
func (p *plant) refused(kind fault.Kind, says string, err error) {
	p.T.Helper()
	require.Equal(p.T, kind, fault.KindOf(err), "%v", err)
	require.Contains(p.T, fault.As(err).Message, says)
}

// read asks something in a snapshot.
func read[V any](p *plant, ask func(q audit.Querier) (V, error)) (value V) {
	p.T.Helper()
	require.NoError(p.T, p.Trail.Read(p.Ctx, func(r *audit.Reader) (err error) {
		value, err = ask(r)
		return err
	}))
	return value
}

// order gives the id of an ordered batch; running one that is started.
func (p *plant) order() string {
	p.T.Helper()
	p.orders++
	receipt, err := p.run(p.sue, "", batch.CreateOrder{OrderNumber: fmt.Sprintf("PO-%d", p.orders), RecipeVersion: p.version})
	require.NoError(p.T, err)
	var r batch.Result
	require.NoError(p.T, json.Unmarshal(receipt.Result, &r))
	return r.Batch
}

func (p *plant) running() string {
	p.T.Helper()
	id := p.order()
	p.sign(p.quinn, batch.Issue{Batch: id})
	p.do(p.anna, batch.Start{Batch: id})
	return id
}

// clean asks that everything verifies.
func (p *plant) clean() {
	p.T.Helper()
	report, err := p.Trail.Verify(p.Ctx)
	require.NoError(p.T, err)
	require.Empty(p.T, report.Findings)
}
