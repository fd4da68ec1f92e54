package audit_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
)

// near are two values of each type of the records, as close to each other as the type allows: some are equal for PostgreSQL, and not for a reader.
var near = map[string][2]string{
	"bigint":                   {"1", "2"},
	"boolean":                  {"false", "true"},
	"bytea":                    {`\x00`, `\x0000`},
	"date":                     {"2026-01-01", "2026-01-02"},
	"integer":                  {"1", "2"},
	"jsonb":                    {`{"a": 1.0}`, `{"a": 1.00}`},
	"numeric":                  {"1.0", "1.00"},
	"text":                     {"a", "a "},
	"text[]":                   {"{a}", `{"a "}`},
	"timestamp with time zone": {"2026-01-01T00:00:00.000001Z", "2026-01-01T00:00:00.000002Z"},
	"uuid":                     {"018f0000-0000-7000-8000-00000000000a", "018f0000-0000-7000-8000-00000000000b"},
}

type recordColumn struct{ Table, Name, Type string }

const recordColumns = `select t.table_name, a.attname::text, format_type(a.atttypid, null) from audit.tables t
	join pg_attribute a on a.attrelid = t.table_name::regclass and a.attnum > 0 and not a.attisdropped where t.class = 'record' order by 1, 2`

// Rows of all kinds can be written in any order, with any value: only what the trail itself is made of stays.
const onlyTheTrail = `
	do $$ declare r record; begin
		for r in select conrelid::regclass as tbl, conname from pg_constraint where connamespace = 'ebr'::regnamespace and contype in ('c', 'f', 'u', 'p') order by contype <> 'f' loop
			execute format('alter table %s drop constraint %I cascade', r.tbl, r.conname);
		end loop;
		for r in select g.tgrelid::regclass as tbl, g.tgname from pg_trigger g join pg_class c on c.oid = g.tgrelid
			where c.relnamespace = 'ebr'::regnamespace and not g.tgisinternal and g.tgname not like 'audit\_%' loop
			execute format('drop trigger %I on %s', r.tgname, r.tbl);
		end loop;
	end $$;
	grant insert on all tables in schema ebr to app`

// Every column of every record table is compared by ebr verify, whatever stands in it: the catalogue names them, not this test.
func TestEveryColumnOfTheRecordsIsCompared(t *testing.T) {
	t.Parallel()
	w := setup(t)
	super := w.db.Super(t)
	_, err := super.Exec(w.ctx, onlyTheTrail)
	require.NoError(t, err)
	tables, all := w.recordColumns(super)
	require.Greater(t, all, 250, "the catalogue names the columns")
	_, err = w.Change(w.ctx, w.intent("site/main"), func(tx *audit.Tx) error {
		for _, of := range tables {
			if _, err := tx.Exec(w.ctx, of.insert()); err != nil {
				return fmt.Errorf("%s: %w", of[0].Table, err)
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Empty(t, w.verify().Findings, "before anything was changed")
	require.Empty(t, w.uncovered(super, tables))
	t.Logf("%d columns of %d record tables", all, len(tables))

	// This test can fail: a column of which the list of the trail knows, and not the function that makes images.
	_, err = super.Exec(w.ctx, `alter table ebr.stations add column unseen text; update audit.tables set columns = columns || '{unseen}' where table_name = 'ebr.stations'`)
	require.NoError(t, err)
	tables, _ = w.recordColumns(super)
	require.Equal(t, []string{"table ebr.stations column unseen: somebody can change it past the trail and ebr verify says nothing; its image must hold it"}, w.uncovered(super, tables))
}

// columnsOf are the columns of one table.
type columnsOf []recordColumn

func (w *world) recordColumns(q audit.Querier) (tables []columnsOf, all int) {
	w.t.Helper()
	rows, err := q.Query(w.ctx, recordColumns)
	require.NoError(w.t, err)
	columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[recordColumn])
	require.NoError(w.t, err)
	for _, c := range columns {
		require.Contains(w.t, near, c.Type, "%s.%s: this test needs two values of its type", c.Table, c.Name)
		if n := len(tables); n == 0 || tables[n-1][0].Table != c.Table {
			tables = append(tables, nil)
		}
		tables[len(tables)-1] = append(tables[len(tables)-1], c)
	}
	return tables, len(columns)
}

func (c recordColumn) value(n int) string { return "'" + near[c.Type][n] + "'" }

func (of columnsOf) insert() string {
	var names, values []string
	for _, c := range of {
		names, values = append(names, pgx.Identifier{c.Name}.Sanitize()), append(values, c.value(0))
	}
	return fmt.Sprintf("insert into %s (%s) values (%s)", of[0].Table, strings.Join(names, ", "), strings.Join(values, ", "))
}

// id is the column that names the row.
func (of columnsOf) id() recordColumn {
	return of[slices.IndexFunc(of, func(c recordColumn) bool { return c.Name == "id" })]
}

// change gives what a superuser does to the row that insert made, in the columns that are chosen.
func (of columnsOf) change(chosen func(recordColumn) bool) string {
	var set []string
	for _, c := range of {
		if chosen(c) {
			set = append(set, pgx.Identifier{c.Name}.Sanitize()+" = "+c.value(1))
		}
	}
	return fmt.Sprintf("alter table %[1]s disable trigger audit_capture; update %[1]s set %[2]s where id = %[3]s; alter table %[1]s enable always trigger audit_capture", of[0].Table, strings.Join(set, ", "), of.id().value(0))
}

// found is what a verification says after a superuser changed the chosen columns of the row of every table; then all is taken back.
func (w *world) found(super *pgx.Conn, tables []columnsOf, chosen func(recordColumn) bool) []string {
	w.t.Helper()
	tx, err := super.Begin(w.ctx)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, tx.Rollback(w.ctx)) }()
	for _, of := range tables {
		_, err := tx.Exec(w.ctx, of.change(chosen))
		require.NoError(w.t, err, of[0].Table)
	}
	report, err := audit.Verify(w.ctx, tx)
	require.NoError(w.t, err)
	return report.Findings
}

// uncovered gives a sentence for each column of a record that can be changed past the trail while ebr verify says nothing of it.
func (w *world) uncovered(super *pgx.Conn, tables []columnsOf) (sentences []string) {
	w.t.Helper()
	ids := w.found(super, tables, func(c recordColumn) bool { return c.Name == "id" })
	others := w.found(super, tables, func(c recordColumn) bool { return c.Name != "id" })
	for _, of := range tables {
		row := "table " + of[0].Table + " id "
		differs := regexp.MustCompile("^" + regexp.QuoteMeta(row+near[of.id().Type][0]) + " columns? (.*): differs from its newest image")
		var named []string
		for _, f := range others {
			if m := differs.FindStringSubmatch(f); m != nil {
				named = strings.Split(m[1], ", ")
			}
		}
		if slices.ContainsFunc(ids, func(f string) bool { return f == row+near[of.id().Type][1]+": the table has it, the trail does not" }) {
			named = append(named, "id")
		}
		for _, c := range of {
			if !slices.Contains(named, c.Name) {
				sentences = append(sentences, fmt.Sprintf("table %s column %s: somebody can change it past the trail and ebr verify says nothing; its image must hold it", c.Table, c.Name))
			}
		}
	}
	return sentences
}
