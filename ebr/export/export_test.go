package export_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/audit/bundle"
	"veribatch/audit/merkle"
	"veribatch/ebr/batch"
	"veribatch/ebr/export"
	"veribatch/internal/fault"
	"veribatch/signatures"
	"veribatch/signatures/keyring"
)

// python asks the second verifier, written from docs/auditor.md alone.
func (p *plant) python(file []byte) string {
	p.T.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		p.T.Skip("no python3")
	}
	dir := p.T.TempDir()
	name, trust := filepath.Join(dir, "bundle.zip"), filepath.Join(dir, "keys.txt")
	require.NoError(p.T, os.WriteFile(name, file, 0o600))
	require.NoError(p.T, os.WriteFile(trust, p.keys().Format(), 0o600))
	out, _ := exec.Command("python3", "../../docs/verify/verify_bundle.py", "--trust", trust, name).Output()
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return string(line)
}

// intact asks both verifiers.
func (p *plant) intact(file []byte) bundle.Verdict {
	p.T.Helper()
	keys := p.keys()
	v := bundle.Verify(file, &keys)
	require.Equal(p.T, bundle.Intact, v.Word, "%s %s", v.Reason, v.Detail)
	require.Equal(p.T, "intact", p.python(file))
	return v
}

// checksum is that of a member in its headers.
func checksum(b []byte) []byte { return binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)) }

func member(t testing.TB, file []byte, name string) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	f, err := z.Open(name)
	require.NoError(t, err)
	b, err := io.ReadAll(f)
	require.NoError(t, err)
	return string(b)
}

// An export of a batch that was really executed verifies with both programs; without keys from elsewhere the signer is not established; a changed member
// is found; later entries come with a later download, and the print stays what it was.
func TestExportOfAnExecutedBatchVerifies(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	half := p.export(p.quinn)
	first := p.download(half)
	p.intact(first)
	require.Contains(t, member(t, first, "index.html"), "This batch is not complete: in execution.")
	p.finish()
	e := p.export(p.quinn)
	file := p.download(e)
	v := p.intact(file)
	require.EqualValues(t, e.Printed, v.Entries)
	require.EqualValues(t, 1, e.Others, "the export before names the batch too")
	require.Equal(t, "complete", e.State)
	text := member(t, file, "index.html")
	for _, want := range []string{"PO-4711/A", "Read &lt;again&gt;, “6” not “5”", "Scale drifts &amp; so on", "Anna Keller (anna.keller)", "replaced by a later one", "Power cut"} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "not complete")
	if dir := os.Getenv("VERIBATCH_PICTURES"); dir != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "export.zip"), file, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "index.html"), []byte(text), 0o600))
	}

	later := p.intact(p.download(half))
	require.Positive(t, later.Beyond)
	require.Equal(t, member(t, first, "record.pdf"), member(t, p.download(half), "record.pdf"))

	require.Equal(t, bundle.NotEstablished, bundle.Verify(file, nil).Word)
	keys := p.keys()
	at := bytes.Index(file, []byte("PO-4711/A"))
	changed := bytes.Clone(file)
	changed[at] ^= 1
	require.Equal(t, bundle.Altered, bundle.Verify(changed, &keys).Word)
	require.Equal(t, "altered container", p.python(changed), "its checksum is that of what stood there")
	was, is := []byte(member(t, file, "entries.jsonl")), bytes.Clone([]byte(member(t, file, "entries.jsonl")))
	is[bytes.Index(is, []byte("PO-4711/A"))] ^= 1
	changed = bytes.ReplaceAll(changed, checksum(was), checksum(is))
	found := bundle.Verify(changed, &keys)
	require.Equal(t, "altered entry-proof", string(found.Word)+" "+string(found.Reason))
	require.Equal(t, "altered entry-proof", p.python(changed))
	report, err := p.Trail.Verify(p.Ctx)
	require.NoError(t, err)
	require.Empty(t, report.Findings)
}

// The administrator and an operator export nothing, and nobody exports what is not there.
func TestExportIsRefused(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	_, err := p.Run(p.anna, "", export.Export{Batch: p.batch})
	require.Equal(t, fault.Forbidden, fault.KindOf(err))
	_, err = p.Run(p.Admin, "", export.Export{Batch: p.batch})
	require.NotNil(t, err)
	for _, id := range []string{"", "x", audit.NewID(), "../" + p.batch} {
		_, err = p.Run(p.quinn, "", export.Export{Batch: id})
		require.Equal(t, fault.Missing, fault.KindOf(err), "%q: %v", id, err)
	}
	require.Error(t, p.Trail.Read(p.Ctx, func(q *audit.Reader) error { _, err := export.Find(p.Ctx, q, p.batch, audit.NewID()); return err }))
}

// Without a checkpoint a download ends with what to do; the export stands, and is downloaded when the signer is back.
func TestDownloadWaitsForACheckpoint(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	require.NoError(t, p.keeper.Round(p.Ctx))
	e := p.export(p.quinn)
	heads := p.exporter.Heads
	p.exporter.Heads, p.exporter.Wait = func(context.Context) error { return nil }, 300*time.Millisecond
	err := p.exporter.Download(p.Ctx, e, io.Discard)
	require.Equal(t, fault.NotReady, fault.KindOf(err))
	require.Contains(t, fault.As(err).Message, "Look whether the signer runs")
	p.exporter.Heads, p.exporter.Wait = heads, 0
	p.intact(p.download(e))
}

// In a plant whose log nobody ever signed a download says so.
func TestDownloadWithoutASignedLog(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	e := p.export(p.quinn)
	p.exporter.Heads, p.exporter.Wait = (&merkle.Sequencer{Trail: p.Trail}).AppendHeads, 300*time.Millisecond
	err := p.exporter.Download(p.Ctx, e, io.Discard)
	require.Equal(t, fault.NotReady, fault.KindOf(err))
	require.Contains(t, fault.As(err).Message, "no checkpoint of this plant's log was ever signed")
}

// Exports and downloads are sound while people work in the batch.
func TestExportWhileEntriesGoOn(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	stop, wg := make(chan struct{}), sync.WaitGroup{}
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(30 * time.Millisecond):
				_, _ = p.Run(p.anna, "", batch.Comment{Batch: p.batch, Text: fmt.Sprint("comment ", i)})
			}
		}
	})
	made := 0
	for range 4 {
		receipt, err := p.Run(p.quinn, "", export.Export{Batch: p.batch})
		if fault.KindOf(err) == fault.NotReady {
			continue
		}
		require.NoError(t, err)
		var r export.Result
		require.NoError(t, json.Unmarshal(receipt.Result, &r))
		p.intact(p.download(p.find(r.Export)))
		made++
	}
	close(stop)
	wg.Wait()
	require.Positive(t, made)
}

// Signatures that a key of their own sealed verify beside those that the site key sealed before.
func TestSignaturesOfTwoKeys(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	own, err := keyring.Open(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, signatures.RegisterSealer(p.Ctx, p.Trail, p.site, own))
	p.Desk.Seals, p.exporter.Key = own, own.ID()
	p.finish()
	file := p.download(p.export(p.quinn))
	p.intact(file)
	keys := p.keys()
	require.Len(t, keys.Statements, 2)
	require.False(t, keys.Statements[0].Until.IsZero(), "the site key ends where the other one began")
	keys.Statements = keys.Statements[:1]
	require.NotEqual(t, bundle.Intact, bundle.Verify(file, &keys).Word)
}

// A plant that came back to a key after another one: what it signed before and since verifies, and so does what it will sign.
func TestKeyThatCameBack(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	p.finish()
	other, err := keyring.Open(t.TempDir())
	require.NoError(t, err)
	_, err = signatures.RegisterKey(p.Ctx, p.Trail, other, true)
	require.NoError(t, err)
	keys := p.keys()
	require.Len(t, keys.Statements, 2)
	require.True(t, keys.Statements[0].Until.IsZero(), "the key in force has no end")
	p.intact(p.download(p.export(p.quinn)))
}
