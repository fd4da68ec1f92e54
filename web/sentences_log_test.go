package web_test

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

// loggings is what scripts say about the log over all streams and its signer. The way to a signer in another process is tested with the program (cmd/ebr).
var loggings = []sentence{
	on(setting, `the signer signs the log`, func(s *script, _ []string) { require.NoError(s.t, s.signLog("signer")) }),
	on(setting, `another signer is asked`, func(s *script, _ []string) { require.Error(s.t, s.signLog("another")) }),
	on(setting, `another signer is asked again`, func(s *script, _ []string) { require.NoError(s.t, s.signLog("another")) }),
	on(setting, `the clock of the server is an hour ahead`, func(s *script, _ []string) {
		s.Trail.Clock = func() time.Time { return time.Now().Add(time.Hour) }
	}),
	on(setting, `the clock of the server is right`, func(s *script, _ []string) { s.Trail.Clock = nil }),
	on(act, `SHE opens the log`, func(s *script, _ []string) { s.now.open("/log") }),
	on(act, `(\w+) has the log continued because TEXT`, func(s *script, a []string) {
		s.sign("continue", map[string]string{"reason": a[1]}, s.people[a[0]], nil)
	}),
}

// signLog has the log brought up to date and a signer asked, whose folder has this name.
func (s *script) signLog(folder string) error {
	s.t.Helper()
	signer, err := checkpoint.Open(filepath.Join(s.Keys, folder), func(f string) (checkpoint.Key, error) { return keyring.OpenCheckpoint(f) }, time.Now)
	require.NoError(s.t, err)
	defer func() { _ = signer.Close() }()
	public, err := signer.Key(s.Ctx)
	require.NoError(s.t, err)
	require.NoError(s.t, signatures.FirstCheckpointKey(s.Ctx, s.Trail, s.Desk.Key, public))
	require.NoError(s.t, (&merkle.Sequencer{Trail: s.Trail}).AppendHeads(s.Ctx))
	return (&keeper.Keeper{Trail: s.Trail, Signer: signer, Evidence: signatures.EpochEvidence, Clock: time.Now}).Round(s.Ctx)
}
