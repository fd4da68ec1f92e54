package audit_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/audit/merkle"
)

// A database administrator with triggers off. Each row says what he does and what ebr verify must name.
// $1 is the stream of a station with five entries, $2 its id.
var tampering = []struct {
	name, sql, finds string
}{
	{"one byte of a body flipped", `update audit.entries set body = set_byte(body, 100, get_byte(body, 100) # 1) where stream = $1 and seq = 3 and $2 <> ''`, "#3: its bytes do not give its hash"},
	{"a value in a body changed", `update audit.entries set body = convert_to(replace(convert_from(body, 'UTF8'), 'Tamper 2', 'Tamper X'), 'UTF8') where stream = $1 and seq = 3 and $2 <> ''`, "#3: its bytes do not give its hash"},
	{"a hash replaced", `update audit.entries set hash = sha256('x') where stream = $1 and seq = 3 and $2 <> ''`, "#3: its bytes do not give its hash"},
	{"an entry removed", `delete from audit.entries where stream = $1 and seq = 3 and $2 <> ''`, "#4 entry 4 follows entry 2"},
	{"the first entry removed", `delete from audit.entries where stream = $1 and seq = 1 and $2 <> ''`, "#2 entry 2 follows entry 0"},
	{"an entry inserted", `insert into audit.entries select stream, 6, at, person, act, refused, body, hash from audit.entries where stream = $1 and seq = 5 and $2 <> ''`, "#6 does not carry the hash of the entry before it"},
	{"two entries swapped", `with three as (select * from audit.entries where stream = $1 and seq = 3), four as (select * from audit.entries where stream = $1 and seq = 4)
		update audit.entries e set body = case e.seq when 3 then (select body from four) else (select body from three) end, hash = case e.seq when 3 then (select hash from four) else (select hash from three) end
		where e.stream = $1 and e.seq in (3, 4) and $2 <> ''`, "#3 does not carry the hash of the entry before it"},
	{"tail cut, head left standing", `delete from audit.entries where stream = $1 and seq >= 4 and $2 <> ''`, "its head says 5 entries, 3 are there"},
	{"head moved", `update audit.heads set seq = 4 where stream = $1 and $2 <> ''`, "its head says 4 entries, 5 are there"},
	{"head set back in time", `update audit.heads set at = at - interval '1 day' where stream = $1 and $2 <> ''`, "its head does not carry the time of entry 5"},
	{"head removed", `delete from audit.heads where stream = $1 and $2 <> ''`, "entries without a head"},
	{"the search columns changed: who", `update audit.entries set person = gen_random_uuid() where stream = $1 and seq = 2 and $2 <> ''`, "#2: its columns"},
	{"the search columns changed: what", `update audit.entries set act = 'a.b' where stream = $1 and seq = 2 and $2 <> ''`, "#2: its columns"},
	{"the search columns changed: when", `update audit.entries set at = at - interval '1 day' where stream = $1 and seq = 2 and $2 <> ''`, "#2: its columns"},
	{"the search columns changed: refused", `update audit.entries set refused = true where stream = $1 and seq = 2 and $2 <> ''`, "#2: its columns"},
	{"a subject removed", `delete from audit.subjects where $1 <> $2 and subject like 'person/%'`, "audit.subjects lacks person/"},
	{"a subject invented", `insert into audit.subjects values ('batch/' || $2, now(), $1, 1)`, "no entry says so"},
	{"a row changed", `update ebr.stations set name = 'Tampered' where id = $2::uuid and $1 <> ''`, "column name: differs from its newest image"},
	{"a row changed with its version", `update ebr.stations set name = 'Tampered', version = version + 1 where id = $2::uuid and $1 <> ''`, "column name, version: differs"},
	{"a row set back to its former value", `update ebr.stations set name = 'Tamper 3', version = 4 where id = $2::uuid and $1 <> ''`, "column name, version: differs"},
	{"a row added", `insert into ebr.stations (id, name) values (gen_random_uuid(), left($1 || $2, 40))`, "the table has it, the trail does not"},
	{"a row removed", `delete from ebr.stations where id = $2::uuid and $1 <> ''`, "the trail has it (entry station/"},
	{"content changed", `update audit.contents set bytes = bytes || 'x' where $1 <> $2`, "its bytes do not give its digest"},
}

func TestTamperingByTheDatabaseAdministratorIsFound(t *testing.T) {
	t.Parallel()
	for _, tc := range tampering {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w, stream, id := stationWithFiveEntries(t)
			w.tamper(tc.sql, stream, id)
			require.Contains(t, text(w.verify()), tc.finds)
		})
	}
}

// A row changed past the trail and then touched by a legal act: its newest image is now the forged one. The line is broken.
func TestTamperingIsNotLaunderedByTheNextAct(t *testing.T) {
	t.Parallel()
	w, _, id := stationWithFiveEntries(t)
	w.tamper(`update ebr.stations set name = 'Forged' where id = $1`, id)
	_, err := w.Change(w.ctx, w.intent("station/"+id), func(tx *audit.Tx) error {
		_, err := tx.Exec(w.ctx, `update ebr.stations set version = version + 1 where id = $1`, id)
		return err
	})
	require.NoError(t, err)
	require.Contains(t, text(w.verify()), "column name: changed past the trail between entry station/"+id+" #5 and entry station/"+id+" #6")
}

// A superuser who recomputes hashes and head leaves a trail that agrees with itself. The log does not agree with it; and one who makes the log
// anew, too, stands against the checkpoints that were signed before (internal/tamper).
func TestRecomputedChainIsFoundByTheLog(t *testing.T) {
	t.Parallel()
	w, stream, id := stationWithFiveEntries(t)
	require.NoError(t, (&merkle.Sequencer{Trail: w.Trail}).AppendHeads(w.ctx))
	var body []byte
	super := w.db.Super(t)
	require.NoError(t, super.QueryRow(w.ctx, `select body from audit.entries where stream = $1 and seq = 5`, stream).Scan(&body))
	forged := []byte(strings.Replace(string(body), `{"id" : "`+id+`", "name" : "Tamper 4"`, `{"id" : "`+id+`", "name" : "Tamper 9"`, -1))
	require.NotEqual(t, body, forged)
	hash := sha256.Sum256(forged)
	w.tamper(`update audit.entries set body = $1, hash = $2 where stream = $3 and seq = 5`, forged, hash[:], stream)
	w.tamper(`update audit.heads set hash = $1 where stream = $2`, hash[:], stream)
	w.tamper(`update ebr.stations set name = 'Tamper 9' where id = $1`, id)
	require.Empty(t, w.verify().Findings, "the trail agrees with itself")
	var found []string
	require.NoError(t, w.Read(w.ctx, func(r *audit.Reader) error {
		_, err := merkle.Verify(w.ctx, r, nil, func(_ string, why error) { found = append(found, why.Error()) })
		return err
	}))
	require.Equal(t, []string{"entry " + stream + " #5 is not what was logged"}, found)
}

func stationWithFiveEntries(t *testing.T) (w *world, stream, id string) {
	w = setup(t)
	id = w.station("Tamper 0")
	for _, name := range []string{"Tamper 1", "Tamper 2", "Tamper 3", "Tamper 4"} {
		require.NoError(t, w.rename(id, name))
	}
	w.keep([]byte("a recipe text"))
	require.Empty(t, w.verify().Findings)
	return w, "station/" + id, id
}

// tamper runs SQL as superuser with the triggers of all tables switched off, and on again.
func (w *world) tamper(sql string, args ...any) {
	w.t.Helper()
	super := w.db.Super(w.t)
	tables := []string{"audit.entries", "audit.subjects", "audit.contents", "ebr.stations"}
	for _, table := range tables {
		_, err := super.Exec(w.ctx, "alter table "+table+" disable trigger user")
		require.NoError(w.t, err)
	}
	tag, err := super.Exec(w.ctx, sql, args...)
	require.NoError(w.t, err)
	require.Positive(w.t, tag.RowsAffected(), "the tampering changed nothing")
	for _, table := range tables {
		_, err := super.Exec(w.ctx, "alter table "+table+" enable always trigger user")
		if err != nil {
			_, err = super.Exec(w.ctx, `do $$ declare r record; begin for r in select tgname, tgrelid::regclass::text tbl from pg_trigger where not tgisinternal and tgrelid = '`+table+`'::regclass loop
				execute format('alter table %s enable always trigger %I', r.tbl, r.tgname); end loop; end $$`)
		}
		require.NoError(w.t, err)
	}
}
