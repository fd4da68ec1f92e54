package export_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/audit/bundle"
	"veribatch/audit/checkpoint"
	"veribatch/audit/checkpoint/keeper"
	"veribatch/audit/merkle"
	"veribatch/ebr/batch"
	"veribatch/ebr/export"
	"veribatch/internal/pgtest"
	"veribatch/recipes"
	"veribatch/recipes/library"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/keyring"
	"veribatch/signatures/signtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// plant is a world with a signer of checkpoints and a running batch.
type plant struct {
	*signtest.World
	documents                  *keyring.Document
	anna, bo, sue, quinn, pete signtest.Person
	batch                      string
	keeper                     *keeper.Keeper
	site                       *keyring.File
	exporter                   *export.Exporter
}

func newPlant(t testing.TB) *plant {
	t.Helper()
	p := &plant{World: signtest.New(t)}
	p.anna, p.bo, p.pete = p.Person("anna.keller", access.Operator), p.Person("bo.lindt", access.Operator), p.Person("pete.engel", access.ProcessEngineer)
	p.sue, p.quinn = p.Person("sue.major", access.Supervisor), p.Person("quinn.adler", access.QA)
	p.signer()
	var v recipes.Result
	require.NoError(t, json.Unmarshal(p.Do(p.pete, recipes.Import{Text: string(library.Text(library.BufferTour))}).Result, &v))
	p.MustSign(p.pete, recipes.Submit(v))
	p.MustSign(p.sue, recipes.Approve(v))
	p.MustSign(p.quinn, recipes.MakeEffective(v))
	var r batch.Result
	require.NoError(t, json.Unmarshal(p.Do(p.sue, batch.CreateOrder{OrderNumber: "PO-4711/A", RecipeVersion: v.Version}).Result, &r))
	p.batch = r.Batch
	p.MustSign(p.quinn, batch.Issue{Batch: p.batch})
	p.Do(p.anna, batch.Start{Batch: p.batch})
	return p
}

// signer makes the key of the log; checkpoints are made by round.
func (p *plant) signer() {
	t := p.T
	var err error
	p.site, err = keyring.Open(p.Keys)
	require.NoError(t, err)
	p.documents, err = keyring.OpenDocument(p.Keys, time.Now)
	require.NoError(t, err)
	require.NoError(t, signatures.RegisterDocumentKey(p.Ctx, p.Trail, p.site, p.documents.Certificate))
	s, err := checkpoint.Open(filepath.Join(t.TempDir(), "signer"), func(f string) (checkpoint.Key, error) { return keyring.OpenCheckpoint(f) }, time.Now)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	public, err := s.Key(p.Ctx)
	require.NoError(t, err)
	require.NoError(t, signatures.FirstCheckpointKey(p.Ctx, p.Trail, p.site, public))
	p.keeper = &keeper.Keeper{Trail: p.Trail, Signer: s, Evidence: signatures.EpochEvidence, Clock: time.Now}
	log := &merkle.Sequencer{Trail: p.Trail}
	p.exporter = &export.Exporter{Trail: p.Trail, Key: p.site.ID(), Heads: func(ctx context.Context) error {
		if err := log.AppendHeads(ctx); err != nil {
			return err
		}
		return p.keeper.Round(ctx)
	}}
	require.NoError(t, log.AppendHeads(p.Ctx)) // as a server does when it starts
}

// finish executes the rest of the batch.
func (p *plant) finish() {
	p.T.Helper()
	record := func(step, value, raw string) {
		p.Do(p.anna, batch.Record{Batch: p.batch, Step: step, Value: value, Raw: raw})
	}
	perform := func(step string) {
		var b *batch.Batch
		require.NoError(p.T, p.Trail.Read(p.Ctx, func(q *audit.Reader) (err error) { b, err = batch.Load(p.Ctx, q, p.batch); return err }))
		p.Do(p.anna, batch.Perform{Batch: p.batch, Step: step, Seen: b.State.Readings(step, "")})
	}
	signed := func(step string) {
		p.MustSign(p.anna, batch.Perform{Batch: p.batch, Step: step})
		p.MustSign(p.bo, batch.Verify{Batch: p.batch, Step: step})
	}
	perform("010")
	record("020", "clear", "yes")
	perform("020")
	record("030", "container", "NAH2PO4")
	signed("030")
	record("040", "net", "13.85")
	signed("040")
	p.Do(p.anna, batch.Correct{Batch: p.batch, Step: "040", Value: "net", Raw: "13.86", Reason: "Read <again>, “6” not “5”", Seen: 1})
	signed("040")
	record("050", "net", "57.00")
	p.Do(p.anna, batch.Comment{Batch: p.batch, Step: "050", Value: "net", Text: "Scale drifts & so on", Seen: 1})
	perform("050")
	p.Do(p.sue, batch.Hold{Batch: p.batch, Reason: "Power cut"})
	p.Do(p.sue, batch.Resume{Batch: p.batch, Reason: "Power is back"})
	perform("060")
	record("070", "ph1", "7.40")
	record("070", "ph2", "7.42")
	record("070", "ph3", "7.41")
	perform("070")
	record("080", "appearance", "clear and colourless")
	perform("080")
	record("090", "filter", "F-0815")
	record("090", "filled", time.Now().Add(-time.Minute).Format("2006-01-02T15:04"))
	perform("090")
	p.MustSign(p.sue, batch.Perform{Batch: p.batch, Step: "100"})
	p.MustSign(p.sue, batch.Complete{Batch: p.batch})
}

// export makes an export.
func (p *plant) export(who signtest.Person) export.Entry {
	p.T.Helper()
	var r export.Result
	require.NoError(p.T, json.Unmarshal(p.Do(who, export.Export{Batch: p.batch, Plant: export.Plant{Site: "Test plant", Program: "Veribatch test", Documents: p.documents}}).Result, &r))
	return p.find(r.Export)
}

func (p *plant) find(id string) (e export.Entry) {
	p.T.Helper()
	require.NoError(p.T, p.Trail.Read(p.Ctx, func(q *audit.Reader) (err error) { e, err = export.Find(p.Ctx, q, p.batch, id); return err }))
	return e
}

func (p *plant) download(e export.Entry) []byte {
	p.T.Helper()
	var b bytes.Buffer
	require.NoError(p.T, p.exporter.Download(p.Ctx, e, &b))
	return b.Bytes()
}

// keys are what the plant gives to an auditor by another way.
func (p *plant) keys() (k bundle.Keys) {
	p.T.Helper()
	require.NoError(p.T, p.Trail.Read(p.Ctx, func(q *audit.Reader) (err error) {
		k, err = signatures.BundleKeys(p.Ctx, q, p.exporter.Key)
		return err
	}))
	return k
}
