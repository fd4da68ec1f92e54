package browser_test

import (
	"path/filepath"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit/checkpoint"
	"veribatch/audit/checkpoint/keeper"
	"veribatch/audit/merkle"
	"veribatch/signatures"
	"veribatch/signatures/keyring"
)

// signLog puts the log under a checkpoint: without one no sample is drawn.
func (p *tour) signLog() {
	p.T.Helper()
	signer, err := checkpoint.Open(filepath.Join(p.Keys, "signer"), func(f string) (checkpoint.Key, error) { return keyring.OpenCheckpoint(f) }, time.Now)
	require.NoError(p.T, err)
	defer func() { _ = signer.Close() }()
	public, err := signer.Key(p.Ctx)
	require.NoError(p.T, err)
	require.NoError(p.T, signatures.FirstCheckpointKey(p.Ctx, p.Trail, p.Desk.Key, public))
	require.NoError(p.T, (&merkle.Sequencer{Trail: p.Trail}).AppendHeads(p.Ctx))
	require.NoError(p.T, (&keeper.Keeper{Trail: p.Trail, Signer: signer, Evidence: signatures.EpochEvidence, Clock: time.Now}).Round(p.Ctx))
}
