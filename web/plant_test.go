package web_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/audit/merkle"
	"veribatch/recipes/library"
	"veribatch/signatures"
	"veribatch/signatures/identity"
)

// How scripts prepare a plant: over the screens, as its people would.

// prepareRecipe takes a shipped recipe through its life, by three persons.
func (s *script) prepareRecipe(name, state string) {
	s.t.Helper()
	s.life(string(library.Text(name+".recipe")), state)
}

// supersede makes another version of the recipe effective.
func (s *script) supersede() {
	s.t.Helper()
	text := string(library.Text("buffer-tour.recipe"))
	s.superseded = s.recipe
	s.life(strings.Replace(text, "Buffer for rinsing", "Buffer for rinsing (second version)", 1), "effective")
}

func (s *script) life(text, state string) {
	s.t.Helper()
	who := s.who
	s.as("Petra")
	s.importText(text)
	require.Equal(s.t, 200, s.now.at.status, s.pageText())
	for _, move := range []struct{ before, who, form string }{{"draft", "Petra", "submit"}, {"in review", "Quinn", "approve"}, {"approved", "Elena", "effective"}} {
		if strings.HasSuffix(state, move.before) {
			break
		}
		s.as(move.who)
		s.now.open(s.recipe)
		s.sign(move.form, nil, s.people[move.who], nil)
		require.Equal(s.t, 200, s.now.at.status, s.pageText())
	}
	s.back(who)
}

// back gives the turn back.
func (s *script) back(who string) {
	if who != "" {
		s.as(who)
	}
}

// prepareBatch orders a batch and takes it to a state.
func (s *script) prepareBatch(state string) {
	s.t.Helper()
	who := s.who
	if s.recipe == "" {
		s.prepareRecipe("buffer-tour", "effective")
	}
	s.as("Sven")
	s.orderBatch(fmt.Sprintf("PO-%d", s.line))
	require.Equal(s.t, 200, s.now.at.status, s.pageText())
	if state != "ordered" {
		s.as("Quinn")
		s.now.open(s.batch)
		s.sign("issue", nil, s.people["Quinn"], nil)
		require.Equal(s.t, "idle", s.now.at.state, s.pageText())
	}
	if state == "running" {
		s.as("Olga")
		s.now.open(s.batch)
		s.now.send("start", nil)
		require.Equal(s.t, "running", s.now.at.state, s.pageText())
	}
	s.back(who)
}

// good are readings within all limits, in the order in which the recipe asks for them.
var good = []struct {
	step     string
	values   []string // name, reading, name, reading ...
	critical bool
}{
	{step: "010"},
	{step: "020", values: []string{"clear", "yes"}},
	{step: "030", values: []string{"container", "NAH2PO4"}, critical: true},
	{step: "040", values: []string{"net", "13.85"}, critical: true},
	{step: "050", values: []string{"net", "56.73"}},
	{step: "060"},
	{step: "070", values: []string{"ph1", "7.39", "ph2", "7.40", "ph3", "7.41"}},
	{step: "080", values: []string{"appearance", "clear and colourless"}},
	{step: "090", values: []string{"filter", "F-22841", "filled", "{now}"}},
}

// doSteps executes steps as Olga, with Omar as second person at her station.
func (s *script) doSteps(from, to string) {
	s.t.Helper()
	who := s.who
	s.as("Olga")
	for _, g := range good {
		if g.step < from || g.step > to {
			continue
		}
		for i := 0; i < len(g.values); i += 2 {
			reading := strings.ReplaceAll(g.values[i+1], "{now}", time.Now().Format("2006-01-02 15:04"))
			s.record(g.step, g.values[i], map[string]string{"value": reading})
			require.Equal(s.t, 200, s.now.at.status, s.pageText())
		}
		s.now.open(s.batch + "/steps/" + g.step)
		s.sign("perform", nil, s.people["Olga"], nil)
		require.Equal(s.t, 200, s.now.at.status, s.pageText())
		if g.critical {
			s.sign("verify", nil, s.people["Omar"], nil)
			require.Equal(s.t, 200, s.now.at.status, s.pageText())
		}
	}
	s.back(who)
}

// has finds the newest entry of an act by a person, in which the words stand.
func (s *script) has(refused bool, act, name, words string) {
	s.t.Helper()
	person := audit.SystemPerson
	if name != "system" {
		who, ok := s.people[name]
		require.True(s.t, ok, "nobody is called %s", name)
		person = who.ID
	}
	rows := s.trail(audit.Filter{Act: act, Person: person})
	for i := len(rows) - 1; i >= 0; i-- {
		if rows[i].Refused == refused && strings.Contains(string(rows[i].Body), words) {
			s.found = rows[i]
			return
		}
	}
	require.Fail(s.t, "the trail has no such entry", "%d entries of %s by %s, none with %q", len(rows), act, name, words)
}

// entryShows asserts a column of a changed row, before and after.
func (s *script) entryShows(column, before, after string) {
	s.t.Helper()
	for _, c := range s.found.Changes {
		was, is, err := c.Columns()
		require.NoError(s.t, err)
		if value, ok := is[column]; ok && value != nil && *value == after {
			if old := was[column]; before == "" && old == nil || old != nil && *old == before {
				return
			}
		}
	}
	require.Fail(s.t, "the entry shows no such change", "%s: %s -> %s in %s", column, before, after, s.found.Body)
}

const databaseClock = `select clock_timestamp()`

func (s *script) clock() (at time.Time) {
	require.NoError(s.t, s.Trail.Read(s.Ctx, func(r *audit.Reader) error { return r.QueryRow(s.Ctx, databaseClock).Scan(&at) }))
	return at
}

// verify runs what `ebr verify` runs: the trail against all records, and every signature.
func (s *script) verify() []string {
	s.t.Helper()
	report, err := s.Trail.Verify(s.Ctx)
	require.NoError(s.t, err)
	findings := report.Findings
	require.NoError(s.t, s.Trail.Read(s.Ctx, func(r *audit.Reader) error {
		found := func(row string, why error) { findings = append(findings, row+": "+why.Error()) }
		if _, err := signatures.VerifyAll(s.Ctx, r, func(id string, why error) { found("ebr.signatures "+id, why) }); err != nil {
			return err
		}
		if _, err := merkle.Verify(s.Ctx, r, report.Sealed, found); err != nil {
			return err
		}
		_, err := identity.VerifySeals(s.Ctx, r, s.Desk.Key, found)
		return err
	}))
	return findings
}

const ownTriggers = `select format('alter table %s enable always trigger %I', @table::text, tgname) from pg_trigger where tgrelid = @table::text::regclass and not tgisinternal`

// administer runs SQL as a dishonest database administrator: superuser, with the triggers of the table switched off meanwhile.
func (s *script) administer(table, sql string, args pgx.NamedArgs) {
	s.t.Helper()
	conn := s.DB.Super(s.t)
	do := func(sql string, args ...any) pgconn.CommandTag {
		tag, err := conn.Exec(s.Ctx, sql, args...)
		require.NoError(s.t, err)
		return tag
	}
	rows, err := conn.Query(s.Ctx, ownTriggers, pgx.NamedArgs{"table": table})
	require.NoError(s.t, err)
	repair, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(s.t, err)
	do("alter table " + table + " disable trigger all")
	require.NotZero(s.t, do(sql, args).RowsAffected(), "the administrator changed nothing")
	do("alter table " + table + " enable trigger all")
	for _, sql := range repair {
		do(sql)
	}
}
