package export_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit/bundle"
	"veribatch/audit/checkpoint"
	"veribatch/audit/checkpoint/keeper"
	"veribatch/audit/witness"
	"veribatch/internal/testwitness"
)

// witness is one of its own for the plant's log.
func (p *plant) witness() *testwitness.Witness {
	p.T.Helper()
	public, err := p.keeper.Signer.Key(p.Ctx)
	require.NoError(p.T, err)
	return testwitness.Start(p.T, "", checkpoint.VerifierKey(p.keys().Log[0].Name, public))
}

// judged asks both verifiers, with the keys that the plant gives away now.
func (p *plant) judged(file []byte) string {
	p.T.Helper()
	keys := p.keys()
	v := bundle.Verify(file, &keys)
	said := strings.TrimSpace(string(v.Word) + " " + string(v.Reason))
	require.Equal(p.T, said, p.python(file))
	return said
}

// A bundle carries what witnesses signed under its checkpoint, and who trusts the plant's keys asks for as many of them as the plant does. A witness that is
// away delays a download and prevents none; the bundle says then that too few have signed.
func TestWitnessesSignTheCheckpointOfABundle(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	a, b := p.witness(), p.witness()
	k := &keeper.Witnesses{Trail: p.Trail, Clients: []*witness.Client{a.Client, b.Client}, Quorum: 2}
	require.NoError(t, k.Enlist(p.Ctx, 0))
	p.exporter.Wait = 4 * time.Second

	b.Away.Store(true)
	e := p.export(p.quinn)
	require.NoError(t, k.Round(p.Ctx))
	file := p.download(e)
	require.Equal(t, "not-established witnesses", p.judged(file))
	require.NotContains(t, member(t, file, "checkpoint.txt"), p.keys().Witnesses[0].Name+" ")

	b.Away.Store(false)
	require.NoError(t, k.Round(p.Ctx))
	file = p.download(e)
	require.Equal(t, "intact", p.judged(file))
	require.Equal(t, 4, strings.Count(member(t, file, "checkpoint.txt"), "\n— "), "the log, its cosignature, two witnesses")
	require.Contains(t, member(t, file, "keys.txt"), "\nwitness "+a.Client.Key+"\n")
	require.Contains(t, member(t, file, "keys.txt"), "\nquorum 2\n")

	heads := p.exporter.Heads
	p.exporter.Heads, p.exporter.Wait = nil, time.Hour // nothing has to be waited for
	require.NoError(t, p.exporter.Download(p.Ctx, e, io.Discard))
	p.exporter.Heads = heads

	require.NoError(t, (&keeper.Witnesses{Trail: p.Trail}).Enlist(p.Ctx, 0))
	require.NotContains(t, string(p.keys().Format()), "witness", "a plant that was started without witnesses promises none")
	require.Equal(t, "intact", p.judged(p.download(e)))
}
