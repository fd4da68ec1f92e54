package merkle_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/audit/merkle"
)

func (w *world) look(recent *merkle.Recent) (report audit.Report) {
	w.t.Helper()
	w.read(func(r *audit.Reader) (err error) { report, err = recent.Look(w.ctx, r); return err })
	return report
}

// What somebody does to the newest of the records and of the trail, with the triggers off, after the last look.
var recentTampering = []struct{ name, sql, finds string }{
	{"a row", `update ebr.stations set name = 'Forged name' where id = (select id from ebr.stations order by id desc limit 1)`, "column name: differs from its newest image, in entry lot/recent"},
	{"a row removed", `delete from ebr.stations where id = (select id from ebr.stations order by id desc limit 1)`, "the table does not"},
	{"bytes of an entry", `update audit.entries set body = set_bit(body, 77, 1 - get_bit(body, 77)) where stream = 'lot/recent' and seq = 5`, "entry lot/recent #5: its bytes do not give its hash"},
	{"an entry with its hash", `update audit.entries set body = 'x', hash = sha256('x') where stream = 'lot/recent' and seq = 5`, "entry lot/recent #5 is not what was logged"},
	{"a column of an entry", `update audit.entries set act = 'x' where stream = 'lot/recent' and seq = 5`, "entry lot/recent #5: its columns"},
	{"an entry removed", `delete from audit.entries where stream = 'lot/recent' and seq = 5`, "names entry lot/recent #5, which the trail does not have"},
	{"a head set back", `update audit.heads set seq = seq - 1 where stream = 'lot/recent'`, "stream lot/recent: its head says"},
	{"a leaf", `update audit.log_leaves set hash = sha256('x') where stream = 'lot/recent' and seq = 5`, "table audit.log_head epoch 1: its root"},
	{"the tail of the log", `delete from audit.log_leaves where stream = 'lot/recent' and seq > 4`, "table audit.log_head epoch 1: it says"},
}

func TestRecentEntriesAreChecked(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.act("lot/recent", 3)
	w.log()
	super := w.db.Super(t)
	for _, tc := range recentTampering {
		t.Run(tc.name, func(t *testing.T) {
			var recent merkle.Recent
			require.Empty(t, w.look(&recent).Findings)
			w.act("lot/recent", 3)
			w.log()
			tx, err := super.Begin(w.ctx)
			require.NoError(t, err)
			defer func() { require.NoError(t, tx.Rollback(w.ctx)) }()
			for _, table := range []string{"ebr.stations", "audit.entries", "audit.log_leaves"} {
				_, err := tx.Exec(w.ctx, "alter table "+table+" disable trigger user")
				require.NoError(t, err)
			}
			sql := strings.ReplaceAll(tc.sql, "seq = 5", "seq = (select max(seq) - 1 from audit.entries where stream = 'lot/recent')")
			sql = strings.ReplaceAll(sql, "seq > 4", "seq > (select max(seq) - 1 from audit.entries where stream = 'lot/recent')")
			_, err = tx.Exec(w.ctx, sql)
			require.NoError(t, err)
			report, err := recent.Look(w.ctx, tx)
			require.NoError(t, err)
			finds := strings.ReplaceAll(tc.finds, "#5", "#")
			said := strings.Join(report.Findings, "\n")
			for _, part := range strings.Split(finds, "#") {
				require.Contains(t, said, part)
			}
		})
	}
}

// Entries that wait for the log are checked where they wait, each entry once, and nothing that writers and sequencer do meanwhile is taken for a finding.
func TestRecentEntriesAreCheckedOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.log()
	var recent merkle.Recent
	require.Zero(t, w.look(&recent).Entries)
	w.act("lot/a", 3)
	require.EqualValues(t, 3, w.look(&recent).Entries, "they wait for the log")
	w.log()
	require.Zero(t, w.look(&recent).Entries, "they came into the log, and were checked before")
	w.act("lot/b", 2)
	w.log()
	w.act("lot/b", 1)
	require.EqualValues(t, 3, w.look(&recent).Entries)
	id := audit.NewID()
	_, err := w.Change(w.ctx, audit.Intent{Session: w.System(), Act: "station.register", Home: "lot/a"}, func(tx *audit.Tx) error {
		_, err := tx.Exec(w.ctx, insertStation, id, "Station zero")
		return err
	})
	require.NoError(t, err)
	var writers sync.WaitGroup
	var done atomic.Int64
	for _, stream := range []audit.Stream{"lot/a", "lot/b", "lot/c"} {
		writers.Go(func() {
			for range 20 {
				_, err := w.Change(w.ctx, audit.Intent{Session: w.System(), Act: "station.rename", Home: stream}, func(tx *audit.Tx) error {
					_, err := tx.Exec(w.ctx, `update ebr.stations set name = 'Station ' || version, version = version + 1 where id = $1`, id)
					return err
				})
				if err == nil { // else another writer was faster, too often
					done.Add(1)
				}
			}
		})
	}
	var seen int64
	look := func() {
		report := w.look(&recent)
		require.Empty(t, report.Findings)
		seen += report.Entries
	}
	for range 20 {
		look()
		w.log()
	}
	writers.Wait()
	look()
	w.log()
	look()
	require.Equal(t, done.Load()+1, seen)
}
