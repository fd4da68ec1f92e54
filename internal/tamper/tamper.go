// Package tamper makes what a dishonest administrator of the database can do to it: for each column of each record or evidence table, read from the
// database's own catalogue, one change of each kind that applies. It owns no check and no expectation of its wording; cmd/ebr runs what `ebr verify` runs
// after each. Nothing but tests may import it. Start reading at Plan, then Mutation.Apply.
package tamper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Kinds are what is done to a value or a row.
var Kinds = []string{"bit flip", "null", "swap", "copy", "delete", "insert"}

// Mutation is one change of one row of a table. Column is "" where it is about the row.
type Mutation struct {
	Table, Column, Kind string
	Row, Other          string   // places of the rows (ctid)
	Key                 []string // values of the primary key of the row
	OtherKey            []string
	sql                 string
	args                []any
}

// Pair names what a mutation is about.
func (m Mutation) Pair() string {
	return strings.TrimSuffix(m.Table+"."+m.Column, ".") + ": " + m.Kind
}

type column struct {
	Table, Class, Name, Type string
	Nullable                 bool
	Primary, Unique          bool
}

const columns = `select t.table_name, t.class, c.column_name::text, format_type(a.atttypid, null), c.is_nullable = 'YES',
	exists (select from pg_index i where i.indrelid = a.attrelid and i.indisprimary and a.attnum = any (i.indkey)),
	exists (select from pg_index i where i.indrelid = a.attrelid and i.indisunique and i.indnkeyatts = 1 and a.attnum = i.indkey[0])
	from audit.tables t join information_schema.columns c on t.table_name = c.table_schema || '.' || c.table_name
	join pg_attribute a on a.attrelid = t.table_name::regclass and a.attname = c.column_name
	where t.class in ('record', 'evidence') order by 1, c.ordinal_position`

// Plan gives up to n mutations of each table, column and kind, and why the others do not apply.
func Plan(ctx context.Context, tx pgx.Tx, n int) (list []Mutation, inapplicable map[string]string, err error) {
	rows, err := tx.Query(ctx, columns)
	if err != nil {
		return nil, nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
	if err != nil {
		return nil, nil, err
	}
	inapplicable = map[string]string{}
	for len(all) > 0 {
		same := slices.IndexFunc(all, func(c column) bool { return c.Table != all[0].Table })
		if same < 0 {
			same = len(all)
		}
		p := planner{columns: all[:same], n: n, inapplicable: inapplicable}
		if err := p.table(ctx, tx); err != nil {
			return nil, nil, err
		}
		list, all = append(list, p.list...), all[same:]
	}
	return list, inapplicable, nil
}

type place struct {
	Row string
	Key []string
}

type planner struct {
	columns      []column
	n            int
	places       []place
	list         []Mutation
	inapplicable map[string]string
}

func (p *planner) table(ctx context.Context, tx pgx.Tx) error {
	var key []string
	for _, c := range p.columns {
		if c.Primary {
			key = append(key, text(c))
		}
	}
	name := p.columns[0].Table
	rows, err := tx.Query(ctx, fmt.Sprintf(`select ctid::text, array[%s] from %s order by md5(array[%[1]s]::text) limit %[3]d`, strings.Join(key, ", "), name, max(p.n, 2)))
	if err != nil {
		return err
	}
	if p.places, err = pgx.CollectRows(rows, pgx.RowToStructByPos[place]); err != nil {
		return err
	}
	if len(p.places) == 0 {
		p.inapplicable[name+": every kind"] = "the plant has no row of it"
		return nil
	}
	for _, c := range p.columns {
		p.column(c)
	}
	p.rows(name)
	return nil
}

func text(c column) string {
	if c.Type == "bytea" {
		return fmt.Sprintf("encode(%s, 'hex')", c.Name)
	}
	return c.Name + "::text"
}

// add plans one kind for n rows; other says that it takes a second one.
func (p *planner) add(c column, kind string, other bool, sql func(n int) string) {
	for i := range p.n {
		m := Mutation{Table: c.Table, Column: c.Name, Kind: kind, Row: p.places[i%len(p.places)].Row, Key: p.places[i%len(p.places)].Key, sql: sql(i)}
		if m.args = []any{m.Row}; other {
			second := p.places[(i+1+i/len(p.places))%len(p.places)]
			if second.Row == m.Row {
				p.inapplicable[m.Pair()] = "the plant has one row of it"
				continue
			}
			m.Other, m.OtherKey = second.Row, second.Key
			m.args = append(m.args, m.Other)
		}
		p.list = append(p.list, m)
	}
}

func (p *planner) column(c column) {
	if flip(c, 0) == "" {
		p.inapplicable[c.Table+"."+c.Name+": bit flip"] = "no rule for type " + c.Type
	} else {
		p.add(c, "bit flip", false, func(n int) string {
			return fmt.Sprintf(`update %s set %s = %s where ctid = $1::tid and %[2]s is not null`, c.Table, c.Name, flip(c, n))
		})
	}
	if c.Nullable {
		p.add(c, "null", false, func(int) string {
			return fmt.Sprintf(`update %s set %s = null where ctid = $1::tid and %[2]s is not null`, c.Table, c.Name)
		})
	} else {
		p.inapplicable[c.Table+"."+c.Name+": null"] = "the column is not null"
	}
	p.add(c, "swap", true, func(int) string {
		return fmt.Sprintf(`update %s t set %s = o.%[2]s from %[1]s o where t.ctid in ($1::tid, $2::tid) and o.ctid in ($1::tid, $2::tid) and t.ctid <> o.ctid and t.%[2]s is distinct from o.%[2]s`, c.Table, c.Name)
	})
	p.add(c, "copy", true, func(int) string {
		return fmt.Sprintf(`update %s t set %s = o.%[2]s from %[1]s o where t.ctid = $1::tid and o.ctid = $2::tid and t.%[2]s is distinct from o.%[2]s`, c.Table, c.Name)
	})
}

// flip changes the n-th bit of a value, or the least that its type allows; "" where no rule is known.
func flip(c column, n int) string {
	v := c.Name
	switch c.Type {
	case "bytea":
		return fmt.Sprintf("case when octet_length(%s) = 0 then '\\x01' else set_bit(%[1]s, %d %% (8 * octet_length(%[1]s)), 1 - get_bit(%[1]s, %[2]d %% (8 * octet_length(%[1]s)))) end", v, 37*n)
	case "text":
		return fmt.Sprintf("case when %s = '' then 'x' else overlay(%[1]s placing chr(ascii(substr(%[1]s, 1 + %d %% char_length(%[1]s), 1)) # 1) from 1 + %[2]d %% char_length(%[1]s) for 1) end", v, 13*n)
	case "uuid":
		return fmt.Sprintf("overlay(%s::text placing translate(substr(%[1]s::text, %d, 1), '0123456789abcdef', '1032547698badcfe') from %[2]d for 1)::uuid", v, 25+n%12)
	case "integer", "bigint", "smallint":
		return fmt.Sprintf("%s # %d", v, 1<<(n%8))
	case "numeric":
		return fmt.Sprintf("%s + %d * 0.001", v, n+1)
	case "timestamp with time zone":
		return fmt.Sprintf("%s + interval '%d microseconds'", v, 1<<(n%20))
	case "date":
		return fmt.Sprintf("%s + %d", v, n+1)
	case "boolean":
		return "not " + v
	case "jsonb":
		return fmt.Sprintf(`%s || '{"tampered": %d}'`, v, n)
	case "text[]":
		return fmt.Sprintf("%s || 'tampered %d'", v, n)
	}
	return ""
}

func (p *planner) rows(name string) {
	row := column{Table: name}
	p.add(row, "delete", false, func(int) string { return `delete from ` + name + ` where ctid = $1::tid` })
	p.add(row, "insert", false, func(n int) string {
		var other []string
		for _, c := range p.columns {
			if value := another(c, n); value != "" && (c.Primary || c.Unique) {
				other = append(other, fmt.Sprintf("'%s', %s", c.Name, value))
			}
		}
		return fmt.Sprintf(`insert into %s select (r).* from (select jsonb_populate_record(null::%[1]s, to_jsonb(t) || jsonb_build_object(%s)) as r from %[1]s t where t.ctid = $1::tid) x`, name, strings.Join(other, ", "))
	})
}

// another gives a value that no row has.
func another(c column, n int) string {
	switch c.Type {
	case "uuid":
		return "gen_random_uuid()"
	case "text":
		return fmt.Sprintf("left(%s || 'x%d', 60)", c.Name, n)
	case "integer", "bigint":
		return fmt.Sprintf("%s + %d", c.Name, 1_000_000+n)
	case "bytea":
		return fmt.Sprintf("sha256(%s || '\\x%02x')", c.Name, n%256)
	}
	return ""
}

// ErrNothing says that the change would have changed nothing.
var ErrNothing = errors.New("the value is null already, or both rows have the same one")

// Apply makes the change as a superuser, with the triggers and foreign keys of the table off, and switches them on again as they were. A change that the
// database refuses although no trigger stands in its way is refused by the type of the table: the error says which.
func (m Mutation) Apply(ctx context.Context, tx pgx.Tx) error {
	return Hidden(ctx, tx, []string{m.Table}, func() error {
		tag, err := tx.Exec(ctx, m.sql, m.args...)
		if err == nil && tag.RowsAffected() == 0 {
			return ErrNothing
		}
		return err
	})
}

// Refused tells whether a constraint or a type refused a change, and which.
func Refused(err error) (why string, refused bool) {
	var no *pgconn.PgError
	if !errors.As(err, &no) || !strings.HasPrefix(no.Code, "23") && !strings.HasPrefix(no.Code, "22") {
		return "", false
	}
	return strings.TrimSpace("refused by the table itself: " + no.ConstraintName + " " + no.ColumnName), true
}

const always = `do $$ declare r record; begin
	for r in select tgname from pg_trigger where not tgisinternal and tgrelid = '%s'::regclass loop
		execute format('alter table %[1]s enable always trigger %%I', r.tgname);
	end loop; end $$`

// Hidden runs do with the triggers of tables off. All triggers of this schema are on always, so that is how they come back.
func Hidden(ctx context.Context, tx pgx.Tx, tables []string, do func() error) error {
	if _, err := tx.Exec(ctx, "set local session_replication_role = replica"); err != nil {
		return err
	}
	for _, table := range tables {
		if _, err := tx.Exec(ctx, "alter table "+table+" disable trigger user"); err != nil {
			return err
		}
	}
	if err := do(); err != nil {
		return err
	}
	for _, table := range tables {
		if _, err := tx.Exec(ctx, fmt.Sprintf(always, table)); err != nil {
			return err
		}
	}
	return nil
}
