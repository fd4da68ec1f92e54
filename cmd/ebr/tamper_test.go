package main

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/audit/checkpoint"
	checkpoints "veribatch/audit/checkpoint/keeper"
	"veribatch/audit/merkle"
	"veribatch/internal/tamper"
	"veribatch/internal/testwitness"
	"veribatch/signatures"
	"veribatch/signatures/keyring"
	"veribatch/signatures/signtest"
)

// tampered is a plant whose log is under a signed checkpoint, and what its signer remembers.
type tampered struct {
	*signtest.World
	remembered []byte
	signer     string
	super      *pgx.Conn
	keeper     *checkpoints.Keeper
	witnesses  *checkpoints.Witnesses
}

// underCheckpoint makes the scene of a plant.
func underCheckpoint(t *testing.T, w *signtest.World) *tampered {
	s := &tampered{World: w, signer: filepath.Join(t.TempDir(), "signer"), super: w.DB.Super(t)}
	site, err := keyring.Open(w.Keys)
	require.NoError(t, err)
	own, err := checkpoint.Open(s.signer, signerKey, time.Now)
	require.NoError(t, err)
	t.Cleanup(func() { _ = own.Close() })
	public, err := own.Key(w.Ctx)
	require.NoError(t, err)
	require.NoError(t, signatures.FirstCheckpointKey(w.Ctx, w.Trail, site, public))
	require.NoError(t, (&merkle.Sequencer{Trail: w.Trail}).AppendHeads(w.Ctx))
	s.keeper = &checkpoints.Keeper{Trail: w.Trail, Signer: own, Evidence: signatures.EpochEvidence, Clock: time.Now}
	require.NoError(t, s.keeper.Round(w.Ctx))
	s.underWitnesses(t, public)
	s.remembered, err = checkpoint.Remembered(s.signer)
	require.NoError(t, err)
	require.NotEmpty(t, s.remembered)
	return s
}

// underWitnesses has two witnesses cosign the checkpoint.
func (s *tampered) underWitnesses(t *testing.T, public checkpoint.PublicKey) {
	var origin string
	require.NoError(t, s.super.QueryRow(s.Ctx, `select origin from audit.logs`).Scan(&origin))
	name, _, err := checkpoint.SplitOrigin(origin)
	require.NoError(t, err)
	seen := &checkpoints.Witnesses{Trail: s.Trail, Quorum: 2}
	s.witnesses = seen
	for _, named := range []string{"a.example/w", "b.example/w"} {
		seen.Clients = append(seen.Clients, testwitness.Start(t, named, checkpoint.VerifierKey(name, public)).Client)
	}
	require.NoError(t, seen.Enlist(s.Ctx, 0))
	require.NoError(t, seen.Round(s.Ctx))
	var cosigned int
	require.NoError(t, s.super.QueryRow(s.Ctx, `select count(*) from audit.cosignatures`).Scan(&cosigned))
	require.Equal(t, 2, cosigned)
}

// found is what `ebr verify` says of what stands in a transaction.
func (s *tampered) found(ctx context.Context, tx pgx.Tx) []string {
	s.T.Helper()
	report, err := verifySnapshot(ctx, tx, s.Keys, s.remembered, nil)
	if err != nil {
		return append(report.Findings, "the check could not go on: "+err.Error())
	}
	return report.Findings
}

// attempt makes changes, verifies once and takes all back. skipped says why a change does not apply.
func (s *tampered) attempt(changes []tamper.Mutation) (found []string, skipped map[int]string) {
	s.T.Helper()
	tx, err := s.super.Begin(s.Ctx)
	require.NoError(s.T, err)
	defer func() { require.NoError(s.T, tx.Rollback(s.Ctx)) }()
	skipped = map[int]string{}
	for i, m := range changes {
		why := ""
		err := pgx.BeginFunc(s.Ctx, tx, func(tx pgx.Tx) error { return m.Apply(s.Ctx, tx) })
		if err != nil {
			var refused bool
			if why, refused = tamper.Refused(err); !refused {
				require.ErrorIs(s.T, err, tamper.ErrNothing, m.Pair())
				why = err.Error()
			}
			skipped[i] = why
		}
	}
	if len(skipped) == len(changes) {
		return nil, skipped
	}
	return s.found(s.Ctx, tx), skipped
}

// unproven is what nothing in the database proves, and why that is so: docs/security.md says it to people.
var unproven = map[string]string{
	"audit.checkpoints.at":        "when the server stored it; the signer's own time is in the note",
	"audit.checkpoints.heads_at":  "a copy for searching; the leaf itself is proven",
	"audit.checkpoints: delete":   "one copy more or less; the newest stands in the memory of the signer",
	"audit.cosignatures: delete":  "one proof less; the witness remembers the newest",
	"audit.log_head.at":           "when the last leaf came, for the page",
	"audit.logs.began_at":         "when the log began, for the page",
	"audit.logs.reason":           "words for the page; those of a later epoch are in the signed act",
	"audit.migrations.applied_at": "when a migration ran, for people",
}

// proves says whether anything proves what a mutation changes.
func proves(m tamper.Mutation) bool {
	return unproven[m.Table+"."+m.Column] == "" && unproven[m.Pair()] == ""
}

// tellsOf says whether a finding names what was changed: table and key of the row and the column, or the entry, the stream or the leaf.
func tellsOf(m tamper.Mutation, found []string) bool {
	key := m.Key[len(m.Key)-1]
	want := [][]string{{"table " + m.Table + " ", " " + key}}
	switch {
	case m.Table == "audit.entries" || m.Table == "audit.heads" || m.Table == "audit.subjects":
		want = [][]string{{m.Key[0]}}
	case m.Table == "audit.contents" && m.Kind == "delete":
		want = [][]string{{key}, {"has lost its statement or its manifest"}}
	case m.Table == "audit.contents":
		want = [][]string{{"audit.contents "}}
	case m.Table == "audit.tables":
		want = [][]string{{key}}
	case m.Table == "audit.cosignatures":
		want = [][]string{{"table audit.cosignatures epoch ", " size ", " witness "}}
	case m.Table == "audit.checkpoints":
		want = [][]string{{"table audit.checkpoints epoch ", " size "}}
	case m.Pair() == "audit.logs.origin: bit flip":
		want = [][]string{{"note has no verifiable signatures"}, {"there is no such log"}}
	case strings.HasPrefix(m.Table, "audit.log"):
		want = [][]string{{"table audit.log", "epoch "}}
	case m.Kind == "insert" && strings.HasPrefix(m.Table, "audit."):
		want = [][]string{{"table " + m.Table + " ", "no migration of this program made it"}, {"table " + m.Table + " ", "columns do not repeat"}}
	case m.Kind == "insert":
		want = [][]string{{"table " + m.Table + " ", "the trail does not"}}
	case strings.HasPrefix(m.Table, "ebr.") && m.Column != "" && m.Column != "id":
		want = [][]string{{"table " + m.Table + " id " + key, m.Column}}
	}
	return slices.ContainsFunc(want, func(all []string) bool {
		return slices.ContainsFunc(found, func(f string) bool {
			return !slices.ContainsFunc(all, func(part string) bool { return !strings.Contains(f, part) })
		})
	})
}

// defences are what `ebr verify` compares, by the beginning of what each says. Without one of them something must be missed.
var defences = map[string]*regexp.Regexp{
	"records against the trail":      regexp.MustCompile(`^table ebr\.`),
	"the trail against itself":       regexp.MustCompile(`^(entry|stream|audit\.subjects) `),
	"contents against their digests": regexp.MustCompile(`^audit\.contents `),
	"the log against its leaves":     regexp.MustCompile(`^table audit\.log`),
	"cosignatures of witnesses":      regexp.MustCompile(`^table audit\.cosignatures `),
	"checkpoints against the log":    regexp.MustCompile(`^table audit\.checkpoint`),
	"the schema against the program": regexp.MustCompile(`^table audit\.(tables|late_columns|migrations) `),
}

// countMisses counts, for each defence, the changes that would not be named without it.
func countMisses(missed map[string]int, m tamper.Mutation, found []string) {
	for name, says := range defences {
		if !tellsOf(m, slices.DeleteFunc(slices.Clone(found), says.MatchString)) {
			missed[name]++
		}
	}
}

// inAttempts puts changes of different rows of the record into one attempt, at most most of them; those of the evidence stand alone.
func inAttempts(list []tamper.Mutation, most int) (attempts [][]tamper.Mutation) {
	touches := func(a, b tamper.Mutation) bool {
		return a.Table == b.Table && (a.Kind == "insert" || b.Kind == "insert" || a.Row == b.Row || a.Other == b.Row || a.Row == b.Other || a.Other == b.Other && a.Other != "")
	}
	for _, m := range list {
		i := slices.IndexFunc(attempts, func(a []tamper.Mutation) bool {
			return strings.HasPrefix(m.Table, "ebr.") && strings.HasPrefix(a[0].Table, "ebr.") && len(a) < most && !slices.ContainsFunc(a, func(o tamper.Mutation) bool { return touches(m, o) })
		})
		if i < 0 {
			attempts, i = append(attempts, nil), len(attempts)
		}
		attempts[i] = append(attempts[i], m)
	}
	return attempts
}

// What a superuser changes in a record or in the trail is found and named: each column of each table, by each kind of change that applies. make test
// tries what it can in some seconds, with changes of several tables at once; `make tamper` makes each change alone, in the demo plant.
func TestTamperingIsFoundAndNamed(t *testing.T) {
	t.Parallel()
	each, most := 5, 24
	var w *signtest.World
	if n, _ := strconv.Atoi(os.Getenv("VERIBATCH_TAMPER")); n > 0 {
		each, most, w = n, 1, signtest.Empty(t)
		require.NoError(t, fill(w, 0))
	} else {
		w = signtest.New(t)
	}
	s := underCheckpoint(t, w)
	tx, err := s.super.Begin(s.Ctx)
	require.NoError(t, err)
	require.Empty(t, s.found(s.Ctx, tx), "before anything was changed")
	list, not, err := tamper.Plan(s.Ctx, tx, each)
	require.NoError(t, err)
	require.NoError(t, tx.Rollback(s.Ctx))
	for i := range list {
		if !proves(list[i]) {
			not[list[i].Pair()] = unproven[list[i].Table+"."+list[i].Column] + unproven[list[i].Pair()]
		}
	}
	if most > 1 {
		seen := map[string]int{}
		list = slices.DeleteFunc(list, func(m tamper.Mutation) bool {
			seen[m.Table]++
			return strings.HasPrefix(m.Table, "audit.") && seen[m.Table]%17 != 1
		})
	}
	list = slices.DeleteFunc(list, func(m tamper.Mutation) bool { return !proves(m) })
	done, attempts, missed := 0, inAttempts(list, most), map[string]int{}
	for n, changes := range attempts {
		found, skipped := s.attempt(changes)
		for i, m := range changes {
			if why := skipped[i]; why != "" {
				not[m.Pair()] = why
				continue
			}
			done++
			countMisses(missed, m, found)
			if !tellsOf(m, found) {
				t.Errorf("%s of %v is not named: %.1000q", m.Pair(), m.Key, found)
			}
			if done%1000 == 0 {
				t.Logf("%d changes, %d of %d attempts", done, n+1, len(attempts))
			}
		}
	}
	require.Empty(t, s.clean(), "after all was taken back")
	for name := range defences {
		require.Positive(t, missed[name], "without %s nothing would be missed: this test cannot fail by it", name)
	}
	t.Logf("without each defence these would be missed: %v", missed)
	t.Logf("%d changes in %d attempts; each must be found and named", done, len(attempts))
	if most == 1 {
		for _, pair := range slices.Sorted(maps.Keys(not)) {
			t.Logf("does not apply: %s: %s", pair, not[pair])
		}
	}
	require.Greater(t, done, 100*each)
}

// clean verifies what nobody changed.
func (s *tampered) clean() []string {
	tx, err := s.super.Begin(s.Ctx)
	require.NoError(s.T, err)
	defer func() { require.NoError(s.T, tx.Rollback(s.Ctx)) }()
	return s.found(s.Ctx, tx)
}
