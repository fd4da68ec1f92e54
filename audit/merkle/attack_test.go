package merkle_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/audit/merkle"
)

func state(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// try runs one statement as the server's role.
func (w *world) try(sql string, args ...any) string {
	w.t.Helper()
	return state(w.Operate(w.ctx, func(op *audit.Op) error {
		_, err := op.Exec(w.ctx, sql, args...)
		return err
	}))
}

const appendRaw = `select audit.log_append($1, $2, $3, $4, $5, $6, $7, $8, $9)`

// Whoever has the server's password at the database reads the log, and appends to it what is true.
func TestServersRoleCannotChangeTheLog(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.act("station/a", 3)
	w.log()
	for _, table := range []string{"logs", "log_head", "log_leaves", "log_tiles", "log_streams"} {
		require.Equal(t, "42501", w.try(`delete from audit.`+table), table)
		require.Equal(t, "42501", w.try(`update audit.`+table+` set epoch = 2`), table)
		require.Equal(t, "42501", w.try(`truncate audit.`+table+` cascade`), table)
		require.Equal(t, "42501", w.try(`insert into audit.`+table+` select * from audit.`+table), table)
	}
	require.Equal(t, "42501", w.try(`delete from audit.log_queue`))
	require.Equal(t, "42501", w.try(`insert into audit.log_queue values ('station/a', 9, 'x', now())`))
	require.Equal(t, "42501", w.try(`select audit.log_entries(1, 0, '{}', '{}')`))
	require.Equal(t, "42501", w.try(`select audit.log_level(1, 0, 0, '')`))
	require.Equal(t, "VB104", w.try(`select audit.log_begin(gen_random_uuid(), 'again')`))
	w.sound()
}

// The owner of the tables is held to the same rules, as far as triggers go.
func TestOwnersRoleCannotRewriteTheLog(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.log()
	owner := w.db.Migrator(t)
	_, err := owner.Exec(w.ctx, `set role ebr_owner`)
	require.NoError(t, err)
	for sql, want := range map[string]string{
		`update audit.log_leaves set seq = seq + 1 where seq is not null`:                      "VB006",
		`delete from audit.log_tiles`:                                                          "VB006",
		`delete from audit.log_head`:                                                           "VB006",
		`delete from audit.log_streams`:                                                        "VB006",
		`update audit.logs set reason = ''`:                                                    "VB006",
		`truncate audit.log_leaves`:                                                            "VB006",
		`update audit.log_tiles set hashes = sha256('') || substr(hashes, 33)`:                 "VB103",
		`update audit.log_tiles set hashes = substr(hashes, 1, octet_length(hashes) - 32)`:     "VB103",
		`update audit.log_tiles set hashes = sha256('') || substr(hashes, 33) || sha256('')`:   "VB103",
		`update audit.log_tiles set number = 7, hashes = hashes || sha256('')`:                 "VB103",
		`update audit.log_head set size = size - 1`:                                            "VB100",
		`update audit.log_head set root = sha256('x')`:                                         "VB100",
		`update audit.log_head set size = size + 1, heads_at = heads_at - interval '1 minute'`: "VB100",
	} {
		_, err := owner.Exec(w.ctx, sql)
		require.Equal(t, want, state(err), sql)
	}
	w.sound()
}

func TestLogTakesOnlyWhatIsTrue(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.act("station/a", 2)
	w.act("station/b", 1)
	w.log()
	w.act("station/a", 3)
	size := w.head().Size
	hash := func(seq int64) (hash []byte) {
		w.read(func(r *audit.Reader) error {
			return r.QueryRow(w.ctx, `select hash from audit.entries where stream = 'station/a' and seq = $1`, seq).Scan(&hash)
		})
		return hash
	}
	ground := func(seqs ...int64) (b []byte) {
		for _, seq := range seqs {
			h := merkle.LeafHash(merkle.EntryLeaf("station/a", seq, hash(seq)))
			b = append(b, h[:]...)
		}
		return b
	}
	root := make([]byte, 32)
	try := func(size int64, streams []string, seqs []int64, levels ...[]byte) string {
		return w.try(appendRaw, 1, size, streams, seqs, nil, nil, nil, levels, root)
	}
	a := []string{"station/a"}
	aa := []string{"station/a", "station/a"}
	for name, c := range map[string]struct{ got, want string }{
		"another size":             {try(size-1, a, []int64{3}, ground(3)), "VB100"},
		"a size to come":           {try(size+1, a, []int64{3}, ground(3)), "VB100"},
		"another epoch":            {w.try(appendRaw, 2, size, a, []int64{3}, nil, nil, nil, [][]byte{ground(3)}, root), "VB100"},
		"a false hash":             {try(size, a, []int64{3}, ground(4)), "VB101"},
		"no hash":                  {try(size, a, []int64{3}), "VB101"},
		"nothing":                  {try(size, []string{}, []int64{}), "VB101"},
		"an entry that is not":     {try(size, a, []int64{6}, ground(3)), "VB102"},
		"a stream that is not":     {try(size, []string{"station/z"}, []int64{1}, ground(3)), "VB101"},
		"more streams than places": {try(size, aa, []int64{3}, ground(3, 4)), "VB102"},
		"a gap":                    {try(size, a, []int64{4}, ground(4)), "VB102"},
		"a gap within":             {try(size, aa, []int64{3, 5}, ground(3, 5)), "VB102"},
		"another order":            {try(size, aa, []int64{4, 3}, ground(4, 3)), "VB102"},
		"an entry once more":       {try(size, a, []int64{2}, ground(2)), "VB102"},
		"an entry twice":           {try(size, aa, []int64{3, 3}, ground(3, 3)), "VB102"},
		"hashes too many":          {try(size, a, []int64{3}, ground(3), ground(4)), "VB103"},
		"a level too many":         {try(size, a, []int64{3}, ground(3), nil, ground(4)), "VB103"},
	} {
		require.Equal(t, c.want, c.got, name)
	}
	none, no := []string{}, []int64{}
	leaf := func(sql string, streams int64) string {
		return w.try(`select audit.log_append(1, $1, $2, $3, `+sql+`, $4, sha256(''), array[audit.log_hash('')], sha256(''))`, size, none, no, streams)
	}
	require.Equal(t, "42501", leaf(`clock_timestamp()`, 3), "the hash of a leaf is the owner's business")
	heads := func(at string, streams int64, levels ...[]byte) string {
		return w.try(`select audit.log_append(1, $1, $2, $3, `+at+`, $4, sha256(''), $5, sha256(''))`, size, none, no, streams, levels)
	}
	require.Equal(t, "VB101", heads(`clock_timestamp()`, 3, ground(3)), "a heads leaf with another hash")
	require.Equal(t, "VB101", heads(`clock_timestamp()`, 9, ground(3)), "another number of streams")
	require.Equal(t, "VB100", heads(`clock_timestamp() + interval '1 minute'`, 3, ground(3)), "a time to come")
	require.Equal(t, "VB100", heads(`clock_timestamp() - interval '1 day'`, 3, ground(3)), "a time before the last one")
	require.Equal(t, "VB101", w.try(appendRaw, 1, size, a, []int64{3}, nil, int64(3), nil, [][]byte{ground(3)}, root), "half a heads leaf")
	w.log()
	w.sound()
}

// A tile that lacks hashes takes no more.
func TestTileThatWasCutTakesNoMore(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.log()
	super := w.db.Super(t)
	for _, sql := range []string{`alter table audit.log_tiles disable trigger all`, `update audit.log_tiles set hashes = substr(hashes, 1, octet_length(hashes) - 32)`, `alter table audit.log_tiles enable trigger all`} {
		_, err := super.Exec(w.ctx, sql)
		require.NoError(t, err)
	}
	w.act("station/a", 1)
	before := w.head()
	require.Equal(t, "VB103", state(merkle.Round(w.seq, w.ctx)), "as this sequencer knows the tiles")
	fresh := &merkle.Sequencer{Trail: w.Trail}
	require.ErrorContains(t, merkle.Round(fresh, w.ctx), "the log lacks hashes: tile 0/0")
	require.Equal(t, before, w.head())
}
