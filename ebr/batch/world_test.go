package batch_test

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/internal/fault"
	"veribatch/internal/pgtest"
	"veribatch/recipes"
	"veribatch/recipes/library"
	"veribatch/recipes/procedure"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/signtest"
)

// long turns on the full length of races and random walks (make evidence).
var long = os.Getenv("VERIBATCH_LONG") != ""

func TestMain(m *testing.M) {
	checks := "12"
	if long {
		checks = "300"
	}
	for name, value := range map[string]string{"rapid.checks": checks, "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(pgtest.Main(m))
}

// plant is a world with the people of a shift and the ten-step recipe effective.
type plant struct {
	*signtest.World
	anna, bo, cy signtest.Person // operators
	sue, sven    signtest.Person // supervisors
	quinn, quirl signtest.Person // QA
	pete         signtest.Person // process engineer
	version      string          // id of the effective version
	orders       atomic.Int64
}

func newPlant(t testing.TB) *plant {
	t.Helper()
	p := &plant{World: signtest.New(t)}
	p.anna, p.bo, p.cy = p.Person("anna.keller", access.Operator), p.Person("bo.lindt", access.Operator), p.Person("cy.young", access.Operator)
	p.sue, p.sven = p.Person("sue.major", access.Supervisor), p.Person("sven.holm", access.Supervisor)
	p.quinn, p.quirl = p.Person("quinn.adler", access.QA), p.Person("quirl.moss", access.QA)
	p.pete = p.Person("pete.engel", access.ProcessEngineer)
	p.version = p.makeEffective(string(library.Text(library.BufferTour)))
	return p
}

// makeEffective brings a text through its whole life and gives the id of the version.
func (p *plant) makeEffective(text string) string {
	p.T.Helper()
	receipt, err := p.Run(p.pete, "", recipes.Import{Text: text})
	require.NoError(p.T, err)
	var r recipes.Result
	require.NoError(p.T, json.Unmarshal(receipt.Result, &r))
	p.sign(p.pete, p.pete, recipes.Submit(r))
	p.sign(p.sue, p.sue, recipes.Approve(r))
	p.sign(p.quinn, p.quinn, recipes.MakeEffective(r))
	return r.Version
}

// do runs a command that must pass.
func (p *plant) do(who signtest.Person, c signtest.Command) batch.Result {
	p.T.Helper()
	receipt, err := p.Run(who, "", c)
	require.NoError(p.T, err, "%s %+v", c.Act(), c)
	return result(p.T, receipt)
}

func result(t testing.TB, receipt audit.Receipt) (r batch.Result) {
	t.Helper()
	require.NoError(t, json.Unmarshal(receipt.Result, &r))
	return r
}

// sign runs a signed command that must pass.
func (p *plant) sign(at, signer signtest.Person, c signtest.Signed) {
	p.T.Helper()
	_, err := p.SignAt(at, signer, c)
	require.NoError(p.T, err, "%s %+v", c.Act(), c)
}

// refused runs a command that must be refused with a kind and words, and changes nothing.
func (p *plant) refused(kind fault.Kind, says string, who signtest.Person, c signtest.Command) {
	p.T.Helper()
	before := p.fingerprint()
	_, err := p.Run(who, "", c)
	require.Equal(p.T, kind, fault.KindOf(err), "%s: %v", c.Act(), err)
	require.Contains(p.T, fault.As(err).Message, says)
	require.Equal(p.T, before, p.fingerprint(), "a refused %s changed something", c.Act())
}

// fingerprint counts what an act could have changed.
func (p *plant) fingerprint() (rows [4]int64) {
	p.T.Helper()
	p.read(`select (select count(*) from ebr.batch_history), (select coalesce(sum(version), 0) from ebr.batches),
		(select coalesce(sum(value), 0) from ebr.counters), (select count(*) from ebr.signatures)`, &rows[0], &rows[1], &rows[2], &rows[3])
	return rows
}

func (p *plant) read(sql string, into ...any) {
	p.T.Helper()
	require.NoError(p.T, p.Trail.Read(p.Ctx, func(r *audit.Reader) error { return r.QueryRow(p.Ctx, sql).Scan(into...) }))
}

func (p *plant) load(id string) (b *batch.Batch) {
	p.T.Helper()
	require.NoError(p.T, p.Trail.Read(p.Ctx, func(r *audit.Reader) (err error) {
		b, err = batch.Load(p.Ctx, r, id)
		return err
	}))
	return b
}

func (p *plant) list(f batch.Filter) (list []batch.Summary) {
	p.T.Helper()
	f.Areas = []string{access.WholeSite}
	require.NoError(p.T, p.Trail.Read(p.Ctx, func(r *audit.Reader) (err error) {
		list, err = batch.List(p.Ctx, r, f)
		return err
	}))
	return list
}

// clean runs the whole verification of trail and signatures.
func (p *plant) clean() {
	p.T.Helper()
	report, err := p.Trail.Verify(p.Ctx)
	require.NoError(p.T, err)
	require.Empty(p.T, report.Findings)
	require.NoError(p.T, p.Trail.Read(p.Ctx, func(r *audit.Reader) error {
		_, err := signatures.VerifyAll(p.Ctx, r, func(id string, why error) { p.T.Errorf("signature %s: %v", id, why) })
		return err
	}))
}

// order makes an order with a number of its own and gives the batch's id.
func (p *plant) order() string {
	p.T.Helper()
	n := p.orders.Add(1)
	return p.do(p.sue, batch.CreateOrder{OrderNumber: orderNumber(n), RecipeVersion: p.version}).Batch
}

// running gives a batch that is started.
func (p *plant) running() string {
	p.T.Helper()
	id := p.order()
	p.sign(p.quinn, p.quinn, batch.Issue{Batch: id})
	p.do(p.anna, batch.Start{Batch: id})
	return id
}

// typed are readings of the ten-step recipe inside all limits.
var typed = map[string]string{
	"020.clear": "yes", "030.container": "NAH2PO4", "040.net": "13.85", "050.net": "56.73", "070.ph1": "7.40", "070.ph2": "7.41", "070.ph3": "7.40",
	"080.appearance": "clear and colourless", "090.filter": "F-0815", "090.filled": "2026-11-20 10:15",
}

// upTo works on a batch, by the book, until the step is open.
func (p *plant) upTo(id, step string) {
	p.T.Helper()
	for {
		open := p.load(id).State.Open()
		if open == nil || open.Step.ID == step {
			return
		}
		p.finish(id, open)
	}
}

// finish does what is left of an open step.
func (p *plant) finish(id string, open *procedure.StepState) {
	p.T.Helper()
	step := open.Step
	for v := range open.Values {
		if value := open.Values[v].Value.ID; open.Values[v].Current() == nil {
			p.do(p.anna, batch.Record{Batch: id, Step: step.ID, Value: value, Raw: typed[step.ID+"."+value]})
		}
	}
	perform := batch.Perform{Batch: id, Step: step.ID, Seen: p.load(id).State.Readings(step.ID, "")}
	switch {
	case open.Performed != nil:
	case step.Kind == procedure.SignOff:
		p.sign(p.sue, p.sue, perform)
	case batch.Signs(step):
		p.sign(p.anna, p.anna, perform)
	default:
		p.do(p.anna, perform)
	}
	if step.Critical {
		p.sign(p.anna, p.bo, batch.Verify{Batch: id, Step: step.ID}) // the second person signs at the first one's station
	}
}

// bufferWith gives the ten-step recipe with another upper alert limit of the acid's weight, as a text of its own.
func bufferWith(former, high string) string {
	return strings.Replace(string(library.Text(library.BufferTour)), `high = "`+former+`"`, `high = "`+high+`"`, 1)
}
