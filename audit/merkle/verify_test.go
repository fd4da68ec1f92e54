package merkle_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/audit/merkle"
)

// found gives what the check of the log says.
func (w *world) found() (leaves int64, said []string) {
	w.t.Helper()
	w.read(func(r *audit.Reader) (err error) {
		leaves, err = merkle.Verify(w.ctx, r, nil, func(row string, why error) { said = append(said, row+": "+why.Error()) })
		return err
	})
	return leaves, said
}

// An administrator of the database, with the triggers off. Each row is what he does to a log of 700 entries and what the check must say.
var tampering = []struct{ name, sql, finds string }{
	{"a leaf says another entry", `update audit.log_leaves set hash = sha256('x') where index = 300`, "table audit.log_leaves index 300 epoch 1: entry lot/"},
	{"a leaf removed", `delete from audit.log_leaves where index = 300`, "table audit.log_leaves index 301 epoch 1: it stands where leaf 300 should"},
	{"the tail of the log cut", `delete from audit.log_leaves where index > 690`, "table audit.log_head epoch 1: it says"},
	{"two leaves change places", `update audit.log_leaves set index = case index when 20 then -1 else 20 end where index in (20, 500); update audit.log_leaves set index = 500 where index = -1`, "in the log"},
	{"a leaf over all streams says another root", `update audit.log_leaves set hash = sha256('x') where heads_at is not null`, "the root over all streams does not follow"},
	{"a leaf over all streams says another number", `update audit.log_leaves set heads_streams = heads_streams + 1 where heads_at is not null`, "the root over all streams does not follow"},
	{"a leaf over all streams says another time", `update audit.log_leaves set heads_at = heads_at - interval '1 hour' where heads_at is not null`, "table audit.log_tiles tile 0/2 epoch 1: its hashes"},
	{"a bit of a tile", `update audit.log_tiles set hashes = set_bit(hashes, 77, 1 - get_bit(hashes, 77)) where level = 0 and number = 1`, "table audit.log_tiles tile 0/1 epoch 1: its hashes"},
	{"a tile removed", `delete from audit.log_tiles where level = 1`, "table audit.log_tiles tile 1/0 epoch 1: it is missing"},
	{"a tile invented", `insert into audit.log_tiles values (1, 5, 0, sha256('x'))`, "table audit.log_tiles tile 5/0 epoch 1: its hashes"},
	{"another root", `update audit.log_head set root = sha256('x')`, "table audit.log_head epoch 1: its root"},
	{"another size", `update audit.log_head set size = size - 1`, "table audit.log_head epoch 1: it says"},
	{"another time of the heads", `update audit.log_head set heads_at = null`, "table audit.log_head epoch 1: heads_at"},
	{"the head removed", `delete from audit.log_head`, "table audit.log_head epoch 1: it is missing"},
	{"a newest entry set back", `update audit.log_streams set seq = seq - 1 where stream = 'lot/000007'`, "table audit.log_streams stream lot/000007 epoch 1: it is not"},
	{"a newest entry removed", `delete from audit.log_streams where stream = 'lot/000007'`, "table audit.log_streams stream lot/000007 epoch 1: it is missing"},
	{"an entry removed, and all hashes after it made anew", `delete from audit.entries where stream = 'lot/000007' and seq = 10`, "names entry lot/000007 #10, which the trail does not have"},
	{"an entry rewritten with its hash", `update audit.entries set body = 'x', hash = sha256('x') where stream = 'lot/000007' and seq = 3`, "entry lot/000007 #3 is not what was logged"},
	{"an entry that came past the log", `insert into audit.entries select 'lot/X', 1, at, person, act, refused, body, hash from audit.entries where stream = 'lot/000007' and seq = 1`, "entry lot/X #1: it is neither in the log nor waits for it"},
	{"something waits that is no entry", `insert into audit.log_queue values ('lot/X', 1, sha256('x'), clock_timestamp())`, "table audit.log_queue stream lot/X seq 1: what waits for the log is no entry"},
	{"the log removed", `set session_replication_role = replica; delete from audit.logs`, "epoch 1: audit.logs has no such log"},
}

func TestLogIsComputedAnew(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.many(70, 10)
	_, said := w.found()
	require.Empty(t, said, "all waits for a log that has not begun")
	w.log()
	w.act("site/main", 3)
	leaves, said := w.found()
	require.Empty(t, said)
	require.EqualValues(t, w.head().Size, leaves)
	require.Greater(t, leaves, int64(700))
	super := w.db.Super(t)
	for _, tc := range tampering {
		t.Run(tc.name, func(t *testing.T) {
			tx, err := super.Begin(w.ctx)
			require.NoError(t, err)
			defer func() { require.NoError(t, tx.Rollback(w.ctx)) }()
			for _, table := range []string{"entries", "logs", "log_head", "log_leaves", "log_tiles", "log_streams"} {
				_, err := tx.Exec(w.ctx, "alter table audit."+table+" disable trigger user")
				require.NoError(t, err)
			}
			_, err = tx.Exec(w.ctx, tc.sql)
			require.NoError(t, err)
			said = nil
			_, err = merkle.Verify(w.ctx, tx, nil, func(row string, why error) { said = append(said, row+": "+why.Error()) })
			require.NoError(t, err)
			require.Contains(t, strings.Join(said, "\n"), tc.finds)
		})
	}
	_, said = w.found()
	require.Empty(t, said)
}
