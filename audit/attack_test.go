package audit_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
)

const (
	enter   = `select audit.enter($1, null, 'station.register', 'station/attack', '{}', 'attack', null, sha256(''), false)`
	station = `insert into ebr.stations (id, name) values (gen_random_uuid(), 'Forged station')`
)

// attack is a sequence of statements in one session of the role app, each in the transaction that "begin" opened. The last
// one must fail with the given SQLSTATE.
type attack struct {
	name  string
	steps []string
	state string
}

// What a stranger with the server's database password, or a mistake in our own code, tries against the trail.
var attacks = []attack{
	{"write without an open entry", []string{station}, "VB001"},
	{"write in a transaction without an entry", []string{"begin", station}, "VB001"},
	{"write after the entry's transaction ended", []string{"begin", enter, "commit", "begin", station}, "VB001"},
	{"write after sealing early by SET CONSTRAINTS", []string{"begin", enter, "set constraints all immediate", station}, "VB002"},
	{"finish a sealed entry", []string{"begin", enter, "set constraints all immediate", "select audit.finish(null, null)"}, "VB002"},
	{"a second entry in one transaction", []string{"begin", enter, enter}, "VB007"},
	{"a second entry after sealing the first", []string{"begin", enter, "set constraints all immediate", enter}, "VB007"},
	{"update the trail", []string{"update audit.entries set act = 'x.y'"}, "42501"},
	{"delete from the trail", []string{"delete from audit.entries"}, "42501"},
	{"truncate the trail", []string{"truncate audit.entries"}, "42501"},
	{"insert into the trail", []string{`insert into audit.entries select stream, seq + 1000, at, person, act, refused, body, hash from audit.entries`}, "42501"},
	{"move a head", []string{"update audit.heads set seq = 0"}, "42501"},
	{"invent a subject", []string{"insert into audit.subjects values ('batch/x', now(), 'batch/y', 1)"}, "42501"},
	{"insert content past audit.keep", []string{"insert into audit.contents values (sha256('a'), 'b')"}, "42501"},
	{"keep content without an entry", []string{"select audit.keep('abc')"}, "VB001"},
	{"delete content", []string{"delete from audit.contents"}, "42501"},
	{"unregister a table", []string{"delete from audit.tables"}, "42501"},
	{"read another's open entry", []string{"select * from audit.desk"}, "42501"},
	{"write on the desk", []string{"update audit.desk set person = gen_random_uuid()"}, "42501"},
	{"delete a record", []string{"begin", enter, "delete from ebr.stations"}, "42501"},
	{"truncate a record table", []string{"begin", enter, "truncate ebr.stations cascade"}, "42501"},
	{"update without advancing the version", []string{"begin", enter, "update ebr.stations set name = name || '!'"}, "VB010"},
	{"update that jumps versions", []string{"begin", enter, "update ebr.stations set version = version + 2"}, "VB010"},
	{"update that changes the id", []string{"begin", enter, "update ebr.people set id = gen_random_uuid(), version = version + 1 where user_name = 'boris'"}, "VB010"},
	{"insert a row as a later version", []string{"begin", enter, "insert into ebr.stations (id, name, version) values (gen_random_uuid(), 'Later', 7)"}, "VB010"},
	{"disable a trigger", []string{"alter table ebr.stations disable trigger audit_capture"}, "42501"},
	{"drop a trigger", []string{"drop trigger audit_capture on ebr.stations"}, "42501"},
	{"session_replication_role", []string{"set session_replication_role = replica"}, "42501"},
	{"shadow our tables by a temporary table", []string{"create temp table desk (like audit.tables)"}, "42501"},
	{"shadow our tables by a schema of the same name", []string{"create schema pg_evil"}, "42501"},
	{"a table of its own", []string{"create table ebr.notes (id int)"}, "42501"},
	{"replace a function", []string{"create or replace function audit.keep(content bytea) returns bytea language sql as 'select content'"}, "42501"},
	{"call the seal", []string{"begin", enter, "select audit.seal()"}, "42501"},
	{"call the capture", []string{"select audit.capture_stations()"}, "42501"},
	{"open an entry by the inner function", []string{"begin", `select audit.open_entry('station/x', '{}', null, '{"person":"00000000-0000-7000-8000-000000000001"}', 's', 'a.b', '', null, null, null, false)`}, "42501"},
	{"open an entry as a migration", []string{"begin", "select audit.begin_migration('x', 'y')"}, "42501"},
	{"become the owner", []string{"set role ebr_owner"}, "42501"},
	{"write in a read transaction", []string{"begin read only", station}, "25006"},
	{"open an entry in a read transaction", []string{"begin read only", enter}, "25006"},
	{"name another person: an unknown session", []string{"begin", `select audit.enter('guess', null, 'a.b', 'station/x', '{}', '', null, sha256(''), false)`}, "VB003"},
	{"name another person: a ticket that does not exist", []string{"begin", `select audit.enter($1, gen_random_uuid(), 'a.b', 'station/x', '{}', '', null, sha256(''), false)`}, "VB005"},
	{"name another person: a forged ticket, without her signature", []string{"begin", forgedTicket, underForgedTicket, "commit"}, "VB012"},
	{"name another person: open a session for her without an entry", []string{"begin", otherSession, "commit"}, "VB008"},
	{"name another person: hide her session under an entry of one's own", []string{"begin", otherSession, enter, "commit"}, "VB008"},
	{"name another person: move a session", []string{"update ebr.sessions set person = (select id from ebr.people where user_name = 'boris')"}, "42501"},
	{"make a used ticket new", []string{"update ebr.tickets set used_at = null"}, "42501"},
	{"forget a request key", []string{"delete from ebr.request_keys"}, "42501"},
	{"a stream that is no stream", []string{"begin", `select audit.enter($1, null, 'a.b', 'nowhere', '{}', '', null, sha256(''), false)`}, "VB011"},
	{"change records under a refused act", []string{"begin", `select audit.enter($1, null, 'station.register', 'station/x', '{}', '', null, sha256(''), true)`, station}, "VB009"},
}

const otherSession = `insert into ebr.sessions (id, token_digest, person, station, opened_at, seen_at)
	select gen_random_uuid(), sha256('mine'), p.id, s.id, now(), now() from ebr.people p, ebr.stations s where p.user_name = 'boris' and s.name = 'server'`

const (
	forgedTicket = `insert into ebr.tickets (id, session, person, credential_version, act, meaning, statement_digest, statement, manifest, manifest_signature, key_id, issued_at, expires_at)
	select '00000000-0000-7000-8000-00000000f0f0', s.id, p.id, 1, 'station.register', 'performed', '', '', '', '', 'none', now(), now() + interval '60 seconds'
	from ebr.sessions s, ebr.people p where s.token_digest = sha256($1) and p.user_name = 'boris'`
	underForgedTicket = `select audit.enter($1, '00000000-0000-7000-8000-00000000f0f0', 'station.register', 'station/forged', '{}', '', null, sha256(''), false)`
)

func TestAttacksAsTheServersRole(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.person("boris", "Boris Ivanov")
	w.station("Attacked")
	entries := w.count(`select count(*) from audit.entries`)
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			conn := w.db.App(t)
			for i, sql := range a.steps {
				err := run(w, conn, sql)
				if i < len(a.steps)-1 {
					require.NoError(t, err, sql)
					continue
				}
				var pg *pgconn.PgError
				require.Truef(t, errors.As(err, &pg), "%s was not refused (%v)", sql, err)
				require.Equal(t, a.state, pg.Code, pg.Message)
			}
		})
	}
	require.Empty(t, w.verify().Findings)
	// Two attacks commit a well-formed entry of their own before they fail; no other leaves anything.
	require.LessOrEqual(t, w.count(`select count(*) from audit.entries`), entries+1)
	require.Zero(t, w.count(`select count(*) from ebr.stations where name = 'Forged station'`))
}

func run(w *world, conn *pgx.Conn, sql string) error {
	var args []any
	for i := 0; i+1 < len(sql); i++ {
		if sql[i] == '$' {
			args = []any{[]byte(w.token)}
		}
	}
	_, err := conn.Exec(w.ctx, sql, args...)
	return err
}

func TestEntryOfAnotherTransactionIsOutOfReach(t *testing.T) {
	t.Parallel()
	w := setup(t)
	first, second := w.db.App(t), w.db.App(t)
	for _, sql := range []string{"begin", enter} {
		require.NoError(t, run(w, first, sql))
	}
	err := run(w, second, station)
	var pg *pgconn.PgError
	require.ErrorAs(t, err, &pg)
	require.Equal(t, "VB001", pg.Code)
	require.NoError(t, run(w, first, station), "the first one's own entry still works")
	require.NoError(t, run(w, first, "commit"))
	require.Empty(t, w.verify().Findings)
}

func TestOwnerCannotDeleteEvidenceOrRecordsWithoutDisablingTriggers(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.station("Owned")
	conn := w.db.Migrator(t)
	_, err := conn.Exec(w.ctx, "set role ebr_owner")
	require.NoError(t, err)
	for _, sql := range []string{
		"delete from audit.entries", "update audit.entries set act = 'x.y'", "truncate audit.entries", "truncate audit.contents cascade",
		"delete from ebr.stations where name = 'Owned'", "truncate ebr.stations cascade", "set session_replication_role = replica; delete from ebr.stations where name = 'Owned'",
	} {
		_, err := conn.Exec(w.ctx, sql)
		var pg *pgconn.PgError
		require.ErrorAs(t, err, &pg, sql)
		require.Contains(t, []string{"VB006", "42501"}, pg.Code, sql)
	}
	super := w.db.Super(t)
	for _, sql := range []string{"delete from audit.entries", "delete from ebr.stations where name = 'Owned'", "insert into ebr.stations (id, name) values (gen_random_uuid(), 'S1')"} {
		_, err := super.Exec(w.ctx, "set session_replication_role = replica")
		require.NoError(t, err)
		_, err = super.Exec(w.ctx, sql)
		require.Error(t, err, "%s passed with session_replication_role = replica: the trigger is not ENABLE ALWAYS", sql)
	}
}

func TestTableWithoutClassIsFound(t *testing.T) {
	t.Parallel()
	w := setup(t)
	super := w.db.Super(t)
	for _, c := range []struct{ sql, want string }{
		{"create table ebr.notes (id uuid primary key)", "ebr.notes belongs to no class"},
		{"create table public.hidden (id int)", "public.hidden belongs to no class"},
		{"alter table ebr.people disable trigger audit_capture", "ebr.people is not under the trail"},
		{"alter table ebr.stations enable trigger audit_capture", "ebr.stations is not under the trail"},
		{"alter table ebr.credentials add column secret text", "ebr.credentials has columns that the trail does not know"},
		{"alter table audit.entries disable trigger frozen_rows", "audit.entries is not under the trail"},
		{"alter table audit.desk disable trigger audit_seal", "audit.desk is not under the trail"},
		{"drop table ebr.refusals", "ebr.refusals is registered but missing"},
	} {
		_, err := super.Exec(w.ctx, c.sql)
		require.NoError(t, err)
		require.Contains(t, text(w.verify()), c.want)
	}
}

func text(r audit.Report) (s string) {
	for _, f := range r.Findings {
		s += f + "\n"
	}
	return s
}
