package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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

	"veribatch/audit"
	"veribatch/audit/checkpoint"
	"veribatch/audit/merkle"
	"veribatch/internal/tamper"
	"veribatch/signatures/signtest"
)

// committed lets the superuser change tables for good, with their triggers off.
func (s *tampered) committed(tables []string, do func(tx pgx.Tx) error) {
	s.T.Helper()
	require.NoError(s.T, pgx.BeginFunc(s.Ctx, s.super, func(tx pgx.Tx) error {
		return tamper.Hidden(s.Ctx, tx, tables, func() error { return do(tx) })
	}))
}

// tried is what is found of changes that are taken back.
func (s *tampered) tried(tables []string, do func(tx pgx.Tx) error) []string {
	s.T.Helper()
	tx, err := s.super.Begin(s.Ctx)
	require.NoError(s.T, err)
	defer func() { require.NoError(s.T, tx.Rollback(s.Ctx)) }()
	require.NoError(s.T, tamper.Hidden(s.Ctx, tx, tables, func() error { return do(tx) }))
	return s.found(s.Ctx, tx)
}

const (
	entriesFrom  = `select seq, body from audit.entries where stream = $1 and seq >= $2 order by seq`
	rewriteEntry = `update audit.entries set body = $3, hash = $4 where stream = $1 and seq = $2`
	rewriteHead  = `update audit.heads set hash = $2 where stream = $1`
)

var prevOf = regexp.MustCompile(`"prev":"[0-9a-f]*"`)

// recompute changes the words of an entry and then its hash, those of all later entries of the stream, and the stream's head.
func (s *tampered) recompute(tx pgx.Tx, stream string, seq int64) error {
	rows, err := tx.Query(s.Ctx, entriesFrom, stream, seq)
	if err != nil {
		return err
	}
	type entry struct {
		Seq  int64
		Body []byte
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[entry])
	if err != nil {
		return err
	}
	var hash [32]byte
	for i, e := range list {
		body := prevOf.ReplaceAll(e.Body, []byte(`"prev":"`+hex.EncodeToString(hash[:])+`"`))
		if i == 0 {
			body = bytes.Replace(e.Body, []byte(`"reason":"`), []byte(`"reason":"As agreed. `), 1)
			require.NotEqual(s.T, e.Body, body)
		}
		hash = sha256.Sum256(body)
		if _, err := tx.Exec(s.Ctx, rewriteEntry, stream, e.Seq, body, hash[:]); err != nil {
			return err
		}
	}
	_, err = tx.Exec(s.Ctx, rewriteHead, stream, hash[:])
	return err
}

// forgetLog empties the log, so that a sequencer builds it of what the trail says now, under the same name.
const forgetLog = `delete from audit.log_leaves; delete from audit.log_tiles; delete from audit.log_streams; delete from audit.log_queue;
	update audit.log_head set size = 0, root = sha256(''), heads_at = null;
	insert into audit.log_queue (stream, seq, hash, at) select stream, seq, hash, at from audit.entries`

const forgetCheckpoints = `delete from audit.cosignatures; delete from audit.checkpoints; delete from audit.checkpoint_state; delete from audit.witness_state`

// only requires findings, each by one defence: without it, nothing would be found.
func (s *tampered) only(found []string, by string) {
	s.T.Helper()
	require.NotEmpty(s.T, found)
	for _, f := range found {
		require.Regexp(s.T, by, f)
	}
}

// Each attacker does what the one before did, and takes away what gave that one away. Each is found by one defence alone, so that without it nothing
// would be; the last, who holds the database, the signer's key and its memory, only by what is in other hands.
func TestEachAttackerIsFoundByTheNextDefence(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	s := underCheckpoint(t, w)
	kept := s.remembered // as an auditor took it away, or as it stands in an exported bundle
	var stream string
	require.NoError(t, s.super.QueryRow(s.Ctx, `select stream from audit.entries group by stream having count(*) >= 3 order by count(*) desc, stream limit 1`).Scan(&stream))

	s.committed([]string{"audit.entries"}, func(tx pgx.Tx) error {
		_, err := tx.Exec(s.Ctx, `update audit.entries set body = convert_to(replace(convert_from(body, 'UTF8'), '"reason":"', '"reason":"As agreed. '), 'UTF8') where stream = $1 and seq = 2`, stream)
		return err
	})
	s.only(s.clean(), `^entry `+stream+` #2\b`)
	s.committed([]string{"audit.entries"}, func(tx pgx.Tx) error {
		_, err := tx.Exec(s.Ctx, `update audit.entries set body = convert_to(replace(convert_from(body, 'UTF8'), 'As agreed. ', ''), 'UTF8') where stream = $1 and seq = 2`, stream)
		return err
	})
	require.Empty(t, s.clean())

	s.committed([]string{"audit.entries", "audit.heads"}, func(tx pgx.Tx) error { return s.recompute(tx, stream, 2) })
	s.only(s.clean(), `^table audit\.log.*entry `+stream+` #\d+ is not what was logged`)

	s.committed([]string{"audit.log_head", "audit.log_leaves", "audit.log_tiles", "audit.log_streams", "audit.log_queue"}, func(tx pgx.Tx) error {
		_, err := tx.Exec(s.Ctx, forgetLog)
		return err
	})
	require.NoError(t, (&merkle.Sequencer{Trail: w.Trail}).AppendHeads(s.Ctx))
	s.only(s.clean(), `^(table audit\.checkpoint|the memory of the signer: )`)
	var no *checkpoint.Refusal
	require.ErrorAs(t, s.keeper.Round(s.Ctx), &no, "and the signer says it within seconds")
	require.Equal(t, checkpoint.Forked, no.Code)

	s.committed([]string{"audit.cosignatures", "audit.checkpoints", "audit.checkpoint_state", "audit.witness_state"}, func(tx pgx.Tx) error {
		_, err := tx.Exec(s.Ctx, forgetCheckpoints)
		return err
	})
	s.only(s.clean(), `^the memory of the signer: `)
	require.ErrorAs(t, s.keeper.Round(s.Ctx), &no)

	s.remembered = s.steal(filepath.Join(t.TempDir(), "stolen"))
	require.Empty(t, s.clean(), "all that the plant itself has agrees")
	require.NoError(t, s.witnesses.Enlist(s.Ctx, 0))
	require.NoError(t, s.witnesses.Round(s.Ctx))
	require.NoError(t, w.Trail.Read(s.Ctx, func(r *audit.Reader) error {
		var refused int
		err := r.QueryRow(s.Ctx, `select count(*) from audit.witness_state where refused`).Scan(&refused)
		require.Equal(t, 2, refused, "other hands have seen another log")
		return err
	}))
	s.remembered = kept
	s.only(s.clean(), `^the memory of the signer: `)
}

// steal makes a signer of the stolen key that remembers nothing, has it sign the log, and gives what it remembers then.
func (s *tampered) steal(folder string) []byte {
	s.T.Helper()
	blank, err := checkpoint.Open(folder, signerKey, time.Now)
	require.NoError(s.T, err)
	require.NoError(s.T, blank.Close())
	keys, err := filepath.Glob(filepath.Join(s.signer, "*.key"))
	require.NoError(s.T, err)
	require.Len(s.T, keys, 1)
	key, err := os.ReadFile(keys[0])
	require.NoError(s.T, err)
	require.NoError(s.T, os.WriteFile(filepath.Join(folder, filepath.Base(keys[0])), key, 0o600))
	theirs, err := checkpoint.Open(folder, signerKey, time.Now)
	require.NoError(s.T, err)
	s.T.Cleanup(func() { _ = theirs.Close() })
	keeper := *s.keeper
	keeper.Signer = theirs
	require.NoError(s.T, keeper.Round(s.Ctx))
	remembered, err := checkpoint.Remembered(folder)
	require.NoError(s.T, err)
	return remembered
}

// attacks are what is done to a stream as a whole, from an entry on.
var attacks = map[string]func(s *tampered, tx pgx.Tx, stream string, seq int64) error{
	"recompute chain": (*tampered).recompute,
	"reorder": func(s *tampered, tx pgx.Tx, stream string, seq int64) error {
		_, err := tx.Exec(s.Ctx, `update audit.entries e set body = o.body, hash = o.hash, at = o.at, person = o.person, act = o.act, refused = o.refused from audit.entries o
			where e.stream = $1 and o.stream = $1 and e.seq in ($2::bigint, $2::bigint - 1) and o.seq = 2 * $2::bigint - 1 - e.seq`, stream, seq)
		return err
	},
	"cut tail": func(s *tampered, tx pgx.Tx, stream string, seq int64) error {
		_, err := tx.Exec(s.Ctx, `delete from audit.subjects where stream = $1 and seq >= $2`, stream, seq)
		if err == nil {
			_, err = tx.Exec(s.Ctx, `delete from audit.entries where stream = $1 and seq >= $2`, stream, seq)
		}
		if err == nil {
			_, err = tx.Exec(s.Ctx, `update audit.heads h set seq = e.seq, hash = e.hash, at = e.at from audit.entries e where h.stream = $1 and e.stream = $1 and e.seq = $2::bigint - 1`, stream, seq)
		}
		return err
	},
	"drop stream": func(s *tampered, tx pgx.Tx, stream string, _ int64) (err error) {
		for _, table := range []string{"audit.subjects", "audit.entries", "audit.heads"} {
			if _, err = tx.Exec(s.Ctx, fmt.Sprintf(`delete from %s where stream = $1`, table), stream); err != nil {
				return err
			}
		}
		return nil
	},
}

// What a superuser does to a whole stream is found and names the stream: entries in another order, a tail that is gone, a stream that is gone, a chain
// that was computed anew. make test does each of them five times, make tamper to every entry from the second on.
func TestTamperingWithStreamsIsFoundAndNamed(t *testing.T) {
	t.Parallel()
	w, most := signtest.New(t), 5
	if os.Getenv("VERIBATCH_TAMPER") != "" {
		most = 1 << 30
	}
	s := underCheckpoint(t, w)
	rows, err := s.super.Query(s.Ctx, `select stream, seq from audit.entries where seq > 1 order by sha256(stream::bytea || seq::text::bytea)`)
	require.NoError(t, err)
	places, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		Stream string
		Seq    int64
	}])
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(places), 5)
	done := 0
	for kind, do := range attacks {
		for _, at := range places[:min(most, len(places))] {
			found := s.tried([]string{"audit.entries", "audit.heads", "audit.subjects"}, func(tx pgx.Tx) error { return do(s, tx, at.Stream, at.Seq) })
			done++
			if !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, at.Stream) }) {
				t.Errorf("%s of %s #%d is not named: %.1000q", kind, at.Stream, at.Seq, found)
			}
		}
	}
	t.Logf("%d changes of streams", done)
	require.Empty(t, s.clean())
}

// Yesterday's database agrees with itself: only what was signed since, outside of it, tells.
func TestYesterdaysDatabaseIsFoundByTheSignersMemory(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	s := underCheckpoint(t, w)
	yesterday, err := w.DB.Super(t).BeginTx(s.Ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	require.NoError(t, err)
	defer func() { require.NoError(t, yesterday.Rollback(s.Ctx)) }()
	require.Empty(t, s.found(s.Ctx, yesterday))
	w.AddStation("Since then")
	require.NoError(t, (&merkle.Sequencer{Trail: w.Trail}).AppendHeads(s.Ctx))
	require.NoError(t, s.keeper.Round(s.Ctx))
	require.Empty(t, s.found(s.Ctx, yesterday), "without the newer memory nothing is wrong with it")
	s.remembered, err = checkpoint.Remembered(s.signer)
	require.NoError(t, err)
	s.only(s.found(s.Ctx, yesterday), `^the memory of the signer: `)
	require.Empty(t, s.clean())
}

// A plant that nobody tampered with is never accused: after each act, and after each look of sequencer and signer.
func TestNobodyIsAccused(t *testing.T) {
	t.Parallel()
	w, runs := signtest.New(t), 10
	if n, _ := strconv.Atoi(os.Getenv("VERIBATCH_TAMPER")); n > 0 {
		runs = 1000
	}
	s := underCheckpoint(t, w)
	seq := &merkle.Sequencer{Trail: w.Trail}
	for i := range runs {
		w.AddStation(fmt.Sprintf("Station %d", i))
		if i%3 > 0 {
			require.NoError(t, seq.AppendHeads(s.Ctx))
		}
		if i%3 > 1 {
			require.NoError(t, s.keeper.Round(s.Ctx))
			var err error
			s.remembered, err = checkpoint.Remembered(s.signer)
			require.NoError(t, err)
		}
		require.Empty(t, s.clean(), "run %d", i)
	}
}
