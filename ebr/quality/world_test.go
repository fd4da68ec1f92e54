package quality_test

import (
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

func newPlant(t *testing.T) *plant {
	t.Helper()
	p := &plant{World: signtest.New(t)}
	p.anna, p.sue, p.pete = p.Person("anna.keller", access.Operator), p.Person("sue.major", access.Supervisor), p.Person("pete.engel", access.ProcessEngineer)
	p.quinn, p.quirl = p.Person("quinn.adler", access.QA), p.Person("quirl.moss", access.QA)
	receipt, err := p.Run(p.pete, "", recipes.Import{Text: string(library.Text(library.BufferTour))})
	require.NoError(t, err)
	var v recipes.Result
	require.NoError(t, json.Unmarshal(receipt.Result, &v))
	p.MustSign(p.pete, recipes.Submit(v))
	p.MustSign(p.sue, recipes.Approve(v))
	p.MustSign(p.quinn, recipes.MakeEffective(v))
	p.version = v.Version
	return p
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
	receipt, err := p.Run(p.sue, "", batch.CreateOrder{OrderNumber: fmt.Sprintf("PO-%d", p.orders), RecipeVersion: p.version})
	require.NoError(p.T, err)
	var r batch.Result
	require.NoError(p.T, json.Unmarshal(receipt.Result, &r))
	return r.Batch
}

func (p *plant) running() string {
	p.T.Helper()
	id := p.order()
	p.MustSign(p.quinn, batch.Issue{Batch: id})
	p.Do(p.anna, batch.Start{Batch: id})
	return id
}

// clean asks that everything verifies.
func (p *plant) clean() {
	p.T.Helper()
	report, err := p.Trail.Verify(p.Ctx)
	require.NoError(p.T, err)
	require.Empty(p.T, report.Findings)
}
