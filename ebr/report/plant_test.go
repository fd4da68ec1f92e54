package report

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/internal/pgtest"
	"veribatch/recipes"
	"veribatch/recipes/library"
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

func newPlant(t *testing.T) *plant {
	t.Helper()
	p := &plant{World: signtest.New(t)}
	p.anna, p.bo = p.Person("anna.keller", access.Operator), p.Person("bo.lindt", access.Operator)
	p.sue, p.quinn = p.Person("sue.major", access.Supervisor), p.Person("quinn.adler", access.QA)
	p.pete = p.Person("pete.engel", access.ProcessEngineer)
	var v recipes.Result
	require.NoError(t, json.Unmarshal(p.Do(p.pete, recipes.Import{Text: string(library.Text(library.BufferTour))}).Result, &v))
	p.MustSign(p.pete, recipes.Submit(v))
	p.MustSign(p.sue, recipes.Approve(v))
	p.MustSign(p.quinn, recipes.MakeEffective(v))
	var r batch.Result
	require.NoError(t, json.Unmarshal(p.Do(p.sue, batch.CreateOrder{OrderNumber: "PO-4711/A", RecipeVersion: v.Version}).Result, &r))
	p.batch = r.Batch
	return p
}

func (p *plant) record(step, value, raw string) {
	p.T.Helper()
	p.Do(p.anna, batch.Record{Batch: p.batch, Step: step, Value: value, Raw: raw})
}

func (p *plant) perform(steps ...string) {
	p.T.Helper()
	for _, step := range steps {
		var b *batch.Batch
		require.NoError(p.T, p.Trail.Read(p.Ctx, func(q *audit.Reader) (err error) { b, err = batch.Load(p.Ctx, q, p.batch); return err }))
		p.Do(p.anna, batch.Perform{Batch: p.batch, Step: step, Seen: b.State.Readings(step, "")})
	}
}

// performSigned performs and verifies a critical step.
func (p *plant) performSigned(step string) {
	p.T.Helper()
	p.MustSign(p.anna, batch.Perform{Batch: p.batch, Step: step})
	p.MustSign(p.bo, batch.Verify{Batch: p.batch, Step: step})
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
