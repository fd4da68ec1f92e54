package migrations_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"veribatch/internal/pgtest"
	"veribatch/migrations"
)

var update = flag.Bool("update", false, "rewrite grants.csv from the migrated schema")

// Every right that the roles of the program and the public have, from the catalogue. Objects without an access list have
// PostgreSQL's defaults (functions: everybody may execute), which acldefault spells out. Memberships count: a role can inherit rights.
const grants = `
with subject as (
	select 'schema' as kind, pg_catalog.quote_ident(nspname) as object, '' as col, nspowner as owner, nspacl as acl, 'n'::"char" as class
	from pg_catalog.pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
	union all
	select case when c.relkind = 'S' then 'sequence' else 'table' end, pg_catalog.format('%I.%I', n.nspname, c.relname), '', c.relowner, c.relacl,
		case when c.relkind = 'S' then 's' else 'r' end::"char"
	from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
	where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
	union all
	select 'column', pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.quote_ident(a.attname), c.relowner, a.attacl, 'c'::"char"
	from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
	where a.attacl is not null and not a.attisdropped and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
	union all
	select 'function', pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)), '', p.proowner, p.proacl, 'f'::"char"
	from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
	where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
	union all
	select 'database', 'veribatch', '', datdba, datacl, 'd'::"char" from pg_catalog.pg_database where datname = pg_catalog.current_database()
)
select s.kind, s.object, s.col, case when g.grantee = 0 then 'PUBLIC' else pg_catalog.pg_get_userbyid(g.grantee)::text end as role,
	pg_catalog.lower(g.privilege_type) || case when g.is_grantable then ' with grant option' else '' end as privilege
from subject s, pg_catalog.aclexplode(coalesce(s.acl, pg_catalog.acldefault(s.class, s.owner))) g
where g.grantee = 0 or g.grantee in (select oid from pg_catalog.pg_roles where rolname in ('app', 'ebr_migrator'))
union all
select 'role', r.rolname, '', m.rolname, 'member' || case when a.admin_option then ' with admin option' else '' end
from pg_catalog.pg_auth_members a join pg_catalog.pg_roles r on r.oid = a.roleid join pg_catalog.pg_roles m on m.oid = a.member
where m.rolname in ('app', 'ebr_migrator', 'ebr_owner')`

// TestGrants compares the rights in the catalogue with grants.csv, the list that QA reads. A right that a migration gives or
// takes must be in that file too: go test ./migrations -run Grants -update rewrites it, and the change is then reviewed.
func TestGrants(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rows, err := pgtest.New(t).Super(t).Query(ctx, grants)
	if err != nil {
		t.Fatal(err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]string, error) {
		line := make([]string, 5)
		return line, row.Scan(&line[0], &line[1], &line[2], &line[3], &line[4])
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(found, slices.Compare[[]string])
	if *update {
		var text bytes.Buffer
		if err := csv.NewWriter(&text).WriteAll(append([][]string{{"object_kind", "object", "column", "role", "privilege"}}, found...)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("grants.csv", text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Logf("grants.csv rewritten with %d rights", len(found))
	}
	file, err := os.Open("grants.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	want, err := csv.NewReader(file).ReadAll()
	if err != nil || len(want) < 2 {
		t.Fatalf("grants.csv: %d lines, %v", len(want), err)
	}
	difference(t, found, want[1:])
}

func difference(t *testing.T, found, want [][]string) {
	t.Helper()
	in := func(list [][]string, line []string) bool {
		return slices.ContainsFunc(list, func(l []string) bool { return slices.Equal(l, line) })
	}
	for _, line := range found {
		if !in(want, line) {
			t.Errorf("the database gives a right that grants.csv does not list: %s", strings.Join(line, ","))
		}
	}
	for _, line := range want {
		if !in(found, line) {
			t.Errorf("grants.csv lists a right that the database does not give: %s", strings.Join(line, ","))
		}
	}
}

// What must hold whatever the file says (design, lock 2): the server cannot remove, truncate or own anything, evidence is
// insert-only at most, and nobody but the two log-in roles reaches the database.
func TestGrantsNobodyMayHave(t *testing.T) {
	t.Parallel()
	const forbidden = `
		select c.oid::pg_catalog.regclass::text || ': ' || p.privilege
		from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		cross join (values ('delete'), ('truncate'), ('references'), ('trigger')) p (privilege)
		left join audit.tables a on a.table_name = n.nspname || '.' || c.relname
		where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind in ('r', 'p')
			and pg_catalog.has_table_privilege('app', c.oid, p.privilege)
			and not (p.privilege = 'delete' and coalesce(a.class, '') = 'operational')
		union all
		select 'evidence ' || t.table_name || ': ' || p.privilege from audit.tables t cross join (values ('update'), ('insert')) p (privilege)
		where t.class = 'evidence' and pg_catalog.has_any_column_privilege('app', t.table_name, p.privilege)
		union all
		select 'app owns ' || relname from pg_catalog.pg_class where pg_catalog.pg_get_userbyid(relowner) = 'app'
		union all
		select 'role ' || rolname || ' has a power of its own' from pg_catalog.pg_roles
		where rolname in ('app', 'ebr_migrator', 'ebr_owner') and (rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls or rolinherit and rolname <> 'ebr_owner')
		union all
		select 'app may ' || p.privilege from (values ('create'), ('temporary')) p (privilege)
		where pg_catalog.has_database_privilege('app', pg_catalog.current_database(), p.privilege)
		union all
		select 'default privileges for ' || coalesce(defaclnamespace::pg_catalog.regnamespace::text, 'all') from pg_catalog.pg_default_acl`
	rows, err := pgtest.New(t).Super(t).Query(context.Background(), forbidden)
	if err != nil {
		t.Fatal(err)
	}
	broken, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range broken {
		t.Error(line)
	}
}

// What the migrations say of the tables stands in tables.csv, with which `ebr verify` compares a database; -update rewrites it as it does grants.csv.
func TestGrantsAndTables(t *testing.T) {
	t.Parallel()
	found, err := migrations.Tables(context.Background(), pgtest.New(t).App(t))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		var text bytes.Buffer
		if err := csv.NewWriter(&text).WriteAll(found); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("tables.csv", text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Logf("tables.csv rewritten with %d lines", len(found))
		return
	}
	if err := migrations.Verify(context.Background(), pgtest.New(t).App(t), func(row string, why error) {
		t.Errorf("%s: %v: go test ./migrations -run Grants -update, and read the change", row, why)
	}); err != nil {
		t.Fatal(err)
	}
}
