package continuity_test

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/audit/checkpoint"
	"veribatch/audit/checkpoint/keeper"
	"veribatch/audit/merkle"
	"veribatch/ebr/continuity"
	"veribatch/internal/fault"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
	"veribatch/signatures/keyring"
	"veribatch/signatures/signtest"
)

// signer opens the signer of a folder, as the server does.
func signer(t *testing.T, w *signtest.World, folder string) *checkpoint.Signer {
	t.Helper()
	site, err := keyring.Open(w.Keys)
	require.NoError(t, err)
	s, err := checkpoint.Open(folder, func(f string) (checkpoint.Key, error) { return keyring.OpenCheckpoint(f) }, time.Now)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	s.Continues = signatures.Continues(site.Public())
	return s
}

// under has the log brought up to date and signed; it gives the error of the last round.
func under(w *signtest.World, s *checkpoint.Signer) error {
	w.T.Helper()
	site, err := keyring.Open(w.Keys)
	require.NoError(w.T, err)
	public, err := s.Key(w.Ctx)
	require.NoError(w.T, err)
	require.NoError(w.T, signatures.FirstCheckpointKey(w.Ctx, w.Trail, site, public))
	require.NoError(w.T, (&merkle.Sequencer{Trail: w.Trail}).AppendHeads(w.Ctx))
	return (&keeper.Keeper{Trail: w.Trail, Signer: s, Evidence: signatures.EpochEvidence, Clock: time.Now}).Round(w.Ctx)
}

func state(w *signtest.World) (s keeper.State) {
	w.T.Helper()
	require.NoError(w.T, w.Trail.Read(w.Ctx, func(r *audit.Reader) (err error) { s, err = keeper.Read(w.Ctx, r); return err }))
	return s
}

// on gives the same people on another database.
func on(w *signtest.World, dsn string) *signtest.World {
	w.T.Helper()
	trail, err := audit.Open(w.Ctx, dsn)
	require.NoError(w.T, err)
	w.T.Cleanup(trail.Close)
	trail.Check = access.Check
	require.NoError(w.T, trail.Start(w.Ctx, map[string]string{"policy": access.Digest()}))
	other := *w
	key, err := keyring.Open(w.Keys)
	require.NoError(w.T, err)
	other.Trail = trail
	other.Gate, err = identity.New(trail, key, identity.Settings{Params: signtest.Cheap})
	require.NoError(w.T, err)
	other.Desk = signatures.Desk{Trail: trail, Gate: other.Gate, Key: key, Zone: time.FixedZone("", 3600)}
	return &other
}

// Yesterday's database under a signer that goes on running is refused, what is missing is named, and it stays so until quality assurance has the log
// continued by a signature; then the signer begins the new epoch, once.
func TestYesterdaysDatabaseIsRefusedUntilQAHasTheLogContinued(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	sam := w.Person("sam.berg", access.Supervisor)
	s := signer(t, w, filepath.Join(t.TempDir(), "signer"))
	require.NoError(t, under(w, s))
	known := state(w)
	require.Empty(t, known.Problem)
	require.Zero(t, known.Age)
	yesterday := w.DB.Copy(t)
	w = on(w, w.DB.AppDSN)
	w.AddStation("Drying 1")
	require.NoError(t, under(w, s))
	signed := state(w)
	require.Greater(t, signed.Size, known.Size)

	old := on(w, yesterday.AppDSN)
	var no *checkpoint.Refusal
	require.ErrorAs(t, under(old, s), &no)
	first := state(old)
	require.True(t, first.Refusal.Missing())
	require.Equal(t, known.Size, first.Refusal.Known)
	require.Equal(t, signed.Size, first.Refusal.Size)
	require.WithinDuration(t, known.At, first.Refusal.KnownAt, time.Millisecond)
	for range 5 { // it grows beyond what was signed, and is refused all the same for what is missing
		old.AddStation("Station " + audit.NewID())
	}
	require.ErrorAs(t, under(old, s), &no)
	require.Equal(t, first.Refusal, state(old).Refusal, "the first refusal names best what is missing")

	command := continuity.ContinueLog{Reason: "The database was put back to the copy of yesterday by mistake; one station is missing."}
	_, err := old.Run(old.Checker, "", command)
	require.Equal(t, fault.Refused, fault.KindOf(err), "without a signature: %v", err)
	require.Equal(t, fault.Forbidden, fault.KindOf(old.Sign(sam, command)))
	st, err := old.Shown(command)
	require.NoError(t, err)
	require.Contains(t, st.Lines, signatures.Line{Label: "Missing or replaced", Value: "leaves " + itoa(known.Size) + " to " + itoa(signed.Size-1) + ", signed between " +
		first.Refusal.KnownAt.UTC().Format("2006-01-02 15:04:05 -07:00") + " and " + first.Refusal.At.UTC().Format("2006-01-02 15:04:05 -07:00")})
	require.Equal(t, fault.Invalid, fault.KindOf(old.Sign(old.Checker, continuity.ContinueLog{Reason: " "})))
	old.MustSign(old.Checker, command)
	require.NoError(t, under(old, s))
	now := state(old)
	require.Empty(t, now.Problem)
	require.Nil(t, now.Refusal)
	require.Equal(t, 2, now.Epoch)
	require.NoError(t, old.Trail.Read(old.Ctx, func(r *audit.Reader) error {
		found := func(row string, why error) { t.Errorf("%s: %v", row, why) }
		n, err := continuity.VerifySignatures(old.Ctx, r, found)
		require.Equal(t, 1, n)
		return err
	}))
	require.Equal(t, fault.NotReady, fault.KindOf(old.Sign(old.Checker, command)), "there is nothing to continue now")
	require.ErrorAs(t, under(w, s), &no, "the first database cannot go on any more")
	require.Equal(t, checkpoint.Origin, no.Code)

	report, err := old.Trail.Verify(old.Ctx)
	require.NoError(t, err)
	require.Empty(t, report.Findings)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// A signer with another key signs nothing until quality assurance has signed for it; then the record has both keys.
func TestAnotherKeyOfTheSignerNeedsASignature(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	require.NoError(t, under(w, signer(t, w, filepath.Join(t.TempDir(), "first"))))
	second := signer(t, w, filepath.Join(t.TempDir(), "second"))
	require.ErrorContains(t, under(w, second), "another key")
	require.Equal(t, keeper.OtherKey, state(w).Refusal.Code)
	w.MustSign(w.Checker, continuity.ContinueLog{Reason: "The disk with the folder of the signer broke; nothing of the database is missing."})
	require.NoError(t, under(w, second))
	require.Empty(t, state(w).Problem)
	site, err := keyring.Open(w.Keys)
	require.NoError(t, err)
	var wrong []string
	verify := func() {
		wrong = nil
		require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) error {
			return signatures.VerifyCheckpointKeys(w.Ctx, r, site, func(row string, _ error) { wrong = append(wrong, row) })
		}))
	}
	verify()
	require.Empty(t, wrong)
	in := audit.Intent{Session: w.Trail.System(), Act: "key.register", Home: audit.Site, Reason: "first use of this key"}
	_, err = w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error {
		_, err := tx.Exec(w.Ctx, `insert into ebr.checkpoint_keys (id, public_key, recorded_at) values (left(encode(sha256($1), 'hex'), 32), $1, $2)`, make([]byte, 32), tx.Now())
		return err
	})
	require.NoError(t, err)
	verify()
	require.Len(t, wrong, 1, "a key for which nobody vouches is found")
}

// The log is continued by the signed act alone, and as a later epoch alone; and checkpoints are kept of the log that is there.
func TestLogIsContinuedBySignatureAlone(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	require.NoError(t, under(w, signer(t, w, filepath.Join(t.TempDir(), "signer"))))
	try := func(sql string, args ...any) string {
		return sqlState(w.Trail.Operate(w.Ctx, func(op *audit.Op) error { _, err := op.Exec(w.Ctx, sql, args...); return err }))
	}
	require.Equal(t, "VB106", try(`select audit.log_continue(2, 'x', $1)`, audit.NewID()))
	require.Equal(t, "VB106", try(`select audit.log_continue(1, 'x', null)`))
	note := string(state(w).Note)
	size := state(w).Size
	require.Equal(t, "", try(`select audit.keep_checkpoint(1, $1, now(), now(), $2)`, size, note))
	require.Equal(t, "VB105", try(`select audit.keep_checkpoint(1, $1, now(), now(), $2)`, size, "another"+note))
	require.Equal(t, "VB105", try(`select audit.keep_checkpoint(1, $1, now(), now(), $2)`, size+1, note))
	require.Equal(t, "VB105", try(`select audit.keep_checkpoint(2, $1, now(), now(), $2)`, size, note))
	for _, sql := range []string{`delete from audit.checkpoints`, `update audit.checkpoints set note = ''`, `insert into audit.checkpoints (epoch, size, at, note) values (1, 1, now(), 'x')`, `truncate audit.checkpoints`} {
		require.Equal(t, "42501", try(sql), sql)
	}
	_, err := w.DB.Super(t).Exec(context.Background(), `delete from audit.checkpoints`)
	require.Error(t, err, "not even by hand, while the triggers stand")
}
