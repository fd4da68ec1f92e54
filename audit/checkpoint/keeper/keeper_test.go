package keeper_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/audit/checkpoint"
	"veribatch/audit/checkpoint/keeper"
	"veribatch/audit/merkle"
	"veribatch/internal/pgtest"
	"veribatch/signatures"
	"veribatch/signatures/keyring"
	"veribatch/signatures/signtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// between is the way to a signer that can break, or forget to bring the answer.
type between struct {
	*checkpoint.Signer
	away, forgets error
}

func (b *between) Key(ctx context.Context) (checkpoint.PublicKey, error) {
	if b.away != nil {
		return nil, b.away
	}
	return b.Signer.Key(ctx)
}

func (b *between) Sign(ctx context.Context, r checkpoint.Request) ([]byte, error) {
	signed, err := b.Signer.Sign(ctx, r)
	if b.forgets != nil && err == nil {
		return nil, b.forgets
	}
	return signed, err
}

type world struct {
	*signtest.World
	way    *between
	folder string
	keeper *keeper.Keeper
}

func setup(t *testing.T) *world {
	w := signtest.New(t)
	site, err := keyring.Open(w.Keys)
	require.NoError(t, err)
	folder := filepath.Join(t.TempDir(), "signer")
	s, err := checkpoint.Open(folder, func(f string) (checkpoint.Key, error) { return keyring.OpenCheckpoint(f) }, time.Now)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	public, err := s.Key(w.Ctx)
	require.NoError(t, err)
	require.NoError(t, signatures.FirstCheckpointKey(w.Ctx, w.Trail, site, public))
	way := &between{Signer: s}
	return &world{w, way, folder, &keeper.Keeper{Trail: w.Trail, Signer: way, Evidence: signatures.EpochEvidence, Clock: time.Now}}
}

func (w *world) log() {
	w.T.Helper()
	require.NoError(w.T, (&merkle.Sequencer{Trail: w.Trail}).AppendHeads(w.Ctx))
}

func (w *world) round() error { return w.keeper.Round(w.Ctx) }

func (w *world) state() (s keeper.State) {
	w.T.Helper()
	require.NoError(w.T, w.Trail.Read(w.Ctx, func(r *audit.Reader) (err error) { s, err = keeper.Read(w.Ctx, r); return err }))
	return s
}

func (w *world) kept() (n int) {
	w.T.Helper()
	require.NoError(w.T, w.Trail.Read(w.Ctx, func(r *audit.Reader) error {
		return r.QueryRow(w.Ctx, `select count(*) from audit.checkpoints`).Scan(&n)
	}))
	return n
}

// What the log holds comes under a checkpoint; entries that came since have an age; one checkpoint is kept for each leaf over all streams.
func TestLogIsKeptUnderCheckpoints(t *testing.T) {
	t.Parallel()
	w := setup(t)
	require.Error(t, w.round(), "the log has not begun")
	w.log()
	require.NoError(t, w.round())
	s := w.state()
	require.Zero(t, s.Age)
	require.Equal(t, 1, s.Epoch)
	require.Equal(t, 1, w.kept())
	w.AddStation("Drying 1")
	require.Positive(t, w.state().Age, "queued")
	require.NoError(t, w.round())
	require.Positive(t, w.state().Age, "a checkpoint of the same tree covers nothing more")
	w.log()
	require.Positive(t, w.state().Age, "in the log, and not signed")
	require.NoError(t, w.round())
	require.Zero(t, w.state().Age)
	require.Equal(t, 2, w.kept())
	require.Greater(t, w.state().Size, s.Size)
}

// A signer that is away is a problem that has a beginning and an end; nothing is lost with an answer that did not arrive.
func TestSignerAwayAndAnswersLost(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.log()
	w.way.away = errors.New("connection refused")
	require.ErrorContains(t, w.round(), "connection refused")
	s := w.state()
	require.Contains(t, s.Problem, "connection refused")
	require.Nil(t, s.Refusal)
	require.Positive(t, s.Age)
	w.way.away, w.way.forgets = nil, errors.New("broken pipe")
	for range 2 {
		w.AddStation("Station " + audit.NewID())
		w.log()
		require.ErrorContains(t, w.round(), "broken pipe")
	}
	w.way.forgets = nil
	require.NoError(t, w.round(), "the signer remembers more than it told, and the log agrees with it")
	require.Empty(t, w.state().Problem)
	require.Zero(t, w.state().Age)
	w.AddStation("Drying 1")
	w.log()
	w.way.forgets = errors.New("broken pipe")
	require.Error(t, w.round())
	w.way.forgets = nil
	w.AddStation("Drying 2")
	w.log()
	require.NoError(t, w.round(), "it remembers a tree between")
	require.Zero(t, w.state().Age)
}

// A signer that signs another tree than the one it was asked for is not believed.
func TestSignerThatSignsAnotherTree(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.log()
	w.keeper.Signer = liar{w.way}
	require.ErrorContains(t, w.round(), "another tree")
	require.Zero(t, w.state().Size)
}

type liar struct{ *between }

func (l liar) Sign(ctx context.Context, r checkpoint.Request) ([]byte, error) {
	c, err := checkpoint.ParseText(r.Text)
	if err != nil {
		return nil, err
	}
	c.Size++
	r.Text = c.Text()
	return l.between.Sign(ctx, r)
}

// What `ebr verify` says of checkpoints that somebody changed, of a log that is not what was signed, and of a signer that remembers more.
func TestCheckpointsAreComparedWithTheLog(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.log()
	require.NoError(t, w.round())
	yesterday := w.DB.Copy(t)
	before, err := audit.Open(w.Ctx, yesterday.AppDSN)
	require.NoError(t, err)
	t.Cleanup(before.Close)
	w.Trail, err = audit.Open(w.Ctx, w.DB.AppDSN)
	require.NoError(t, err)
	t.Cleanup(w.Trail.Close)
	require.NoError(t, w.Trail.Start(w.Ctx, nil))
	w.keeper.Trail = w.Trail
	w.log()
	require.NoError(t, w.round())
	remembered, err := checkpoint.Remembered(w.folder)
	require.NoError(t, err)
	require.Equal(t, w.state().Note, remembered)
	compare := func(trail *audit.Trail) (n int, said []string) {
		t.Helper()
		require.NoError(t, trail.Read(w.Ctx, func(r *audit.Reader) (err error) {
			n, err = keeper.Verify(w.Ctx, r, remembered, func(row string, why error) { said = append(said, row+": "+why.Error()) })
			return err
		}))
		return n, said
	}
	n, said := compare(w.Trail)
	require.Empty(t, said)
	require.Equal(t, 3, n, "two are kept, and the newest")
	_, said = compare(before)
	require.Len(t, said, 1)
	require.Contains(t, said[0], "the memory of the signer: ")
	require.Contains(t, said[0], "entries are missing")

	super := w.DB.Super(t)
	must := func(sql string) { t.Helper(); _, err := super.Exec(w.Ctx, sql); require.NoError(t, err) }
	must(`update audit.checkpoint_state set size = size - 1`)
	_, said = compare(w.Trail)
	require.Equal(t, []string{"table audit.checkpoint_state: its columns do not repeat the checkpoint"}, said)
	must(`update audit.checkpoint_state set size = size + 1, note = replace(note, E'\n\n', E'\n')`)
	_, said = compare(w.Trail)
	require.Len(t, said, 1)
	must(`update audit.checkpoint_state set note = (select replace(note, split_part(note, E'\n', 6), '— nobody' || substr(split_part(note, E'\n', 6), 9)) from audit.checkpoints order by size desc limit 1)`)
	_, said = compare(w.Trail)
	require.Len(t, said, 1, "a line that no known key signed proves nothing, and was not there")
	require.Contains(t, said[0], "table audit.checkpoint_state: the lines under it are not those that the signer writes")
	must(`update audit.checkpoint_state set note = (select note from audit.checkpoints order by size desc limit 1)`)
	must(`alter table audit.log_tiles disable trigger all; update audit.log_tiles set hashes = overlay(hashes placing '\x00'::bytea from 1 for 1) where level = 0`)
	_, said = compare(w.Trail)
	require.Len(t, said, 4, "%q", said)
	require.Contains(t, said[0], "not those that were signed")
}
