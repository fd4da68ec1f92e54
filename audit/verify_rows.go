package audit

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Record tables must carry their two triggers, enabled for every session ("A"), with the function that the migration made.
const wrongTables = `
	with here as (
		select c.oid, n.nspname || '.' || c.relname as name,
			(select array_agg(a.attname::text order by a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg_temp%' and n.nspname not like 'pg_toast%'
	)
	select coalesce(h.name, t.table_name),
		case when t.table_name is null then 'belongs to no class: a table is record, evidence or operational'
		     when h.name is null then 'is registered but missing'
		     when t.class = 'record' and t.columns is distinct from h.columns then 'has columns that the trail does not know: ' || array_to_string(h.columns, ', ')
		     else 'is not under the trail: a trigger is missing or disabled' end
	from here h full join audit.tables t on t.table_name = h.name
	where t.table_name is null or h.name is null or (t.class = 'record' and t.columns is distinct from h.columns)
	   or (t.class = 'record' and 2 <> (select count(*) from pg_trigger g where g.tgrelid = h.oid and g.tgname in ('audit_capture', 'audit_no_truncate') and g.tgenabled = 'A'))
	   or (t.table_name in ('audit.entries', 'audit.subjects', 'audit.contents') and 2 <> (select count(*) from pg_trigger g where g.tgrelid = h.oid and g.tgname in ('frozen_rows', 'frozen_table') and g.tgenabled = 'A'))
	   or (t.table_name = 'audit.desk' and 1 <> (select count(*) from pg_trigger g where g.tgrelid = h.oid and g.tgname = 'audit_seal' and g.tgenabled = 'A'))
	order by 1`

func (v *verifier) schema(ctx context.Context) error {
	rows, err := v.q.Query(ctx, wrongTables)
	if err != nil {
		return err
	}
	var table, wrong string
	_, err = pgx.ForEachRow(rows, []any{&table, &wrong}, func() error {
		v.found("table %s %s", table, wrong)
		return nil
	})
	return err
}

const recordTables = `select table_name, coalesce((select jsonb_object_agg(column_name, value) from audit.late_columns l where l.table_name = t.table_name), '{}'),
	coalesce((select format_type(a.atttypid, null) from pg_attribute a where a.attrelid = to_regclass(t.table_name) and a.attname = 'id'), '')
	from audit.tables t where class = 'record' and to_regclass(table_name) is not null order by 1`

type recordTable struct {
	Name string
	Late map[string]*string
	ID   string // type of the column id
}

func (v *verifier) recordTables(ctx context.Context) ([]recordTable, error) {
	rows, err := v.q.Query(ctx, recordTables)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[recordTable])
}

func (v *verifier) rowsMatch(ctx context.Context) error {
	tables, err := v.recordTables(ctx)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if err := v.tableMatches(ctx, t); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(v.rows)) {
		v.found("%s: the trail has it (%s), the table does not", rowName(key), v.rows[key].where())
	}
	return nil
}

var recordTableName = regexp.MustCompile(`^ebr\.[a-z_0-9]+$`)

func (v *verifier) tableMatches(ctx context.Context, t recordTable) error {
	if !recordTableName.MatchString(t.Name) {
		v.found("audit.tables names %q, which is no table", t.Name)
		return nil
	}
	rows, err := v.q.Query(ctx, `select r.id::text, audit.image_`+strings.TrimPrefix(t.Name, "ebr.")+`(r)::text from `+t.Name+` r`)
	if err != nil {
		return err
	}
	var id, image string
	type misfit struct {
		image string
		line  *lineage
	}
	wrong := map[string]misfit{}
	var broken []string
	_, err = pgx.ForEachRow(rows, []any{&id, &image}, func() error {
		v.Rows++
		key := t.Name + " " + id
		line := v.rows[key]
		delete(v.rows, key)
		switch {
		case line == nil:
			v.found("%s: the table has it, the trail does not", rowName(key))
		case line.versions != line.newest:
			v.found("%s: the trail has %d images up to version %d", rowName(key), line.versions, line.newest)
		case sha256.Sum256([]byte(image)) != line.digest:
			wrong[id] = misfit{image, line}
		case !v.unbroken(line, []byte(image)):
			broken = append(broken, id)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := v.nameBreaks(ctx, t, broken); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(wrong)) {
		if err := v.nameColumns(ctx, t, id, wrong[id].image, wrong[id].line); err != nil {
			return err
		}
	}
	return nil
}

const oneBody = `select body from audit.entries where stream = $1 and seq = $2`

// nameColumns finds out in which columns a row left its newest image, by reading that entry again.
func (v *verifier) nameColumns(ctx context.Context, t recordTable, id, row string, line *lineage) error {
	var body []byte
	if err := v.q.QueryRow(ctx, oneBody, line.stream, line.seq).Scan(&body); err != nil {
		return err
	}
	e, err := Decode(body)
	if err != nil {
		return nil // the entry itself was already reported
	}
	for _, c := range e.Changes {
		if c.Table != t.Name || c.ID != id || c.Version != line.newest {
			continue
		}
		if columns := difference(parseImage([]byte(row)), parseImage(c.After), t.Late); len(columns) > 0 {
			v.found("table %s id %s column %s: differs from its newest image, in %s", t.Name, id, strings.Join(columns, ", "), line.where())
		}
	}
	return nil
}

const bodiesOfTable = `select body from audit.entries where position(convert_to($1, 'UTF8') in body) > 0`

// nameBreaks finds the changes that did not begin where the one before them ended: between the two, somebody changed the row past
// the trail, and the later entry took that over. It reads the trail again, which is slow and rare.
func (v *verifier) nameBreaks(ctx context.Context, t recordTable, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	rows, err := v.q.Query(ctx, bodiesOfTable, `"`+t.Name+`"`)
	if err != nil {
		return err
	}
	type change struct {
		Change
		where string
	}
	history := map[string]map[int64]change{}
	var body []byte
	_, err = pgx.ForEachRow(rows, []any{&body}, func() error {
		e, err := Decode(body)
		if err != nil {
			return nil // the entry itself was already reported
		}
		for _, c := range e.Changes {
			if c.Table == t.Name && slices.Contains(ids, c.ID) {
				if history[c.ID] == nil {
					history[c.ID] = map[int64]change{}
				}
				c.Before, c.After = slices.Clone(c.Before), slices.Clone(c.After)
				history[c.ID][c.Version] = change{c, fmt.Sprintf("entry %s #%d", e.Stream, e.Seq)}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		for _, version := range slices.Sorted(maps.Keys(history[id])) {
			c, before := history[id][version], history[id][version-1]
			switch {
			case (version == 1) != (c.Op == "insert"):
				v.found("table %s id %s version %d is an %s, in %s", t.Name, id, version, c.Op, c.where)
			case version > 1:
				if columns := difference(parseImage(c.Before), parseImage(before.After), t.Late); len(columns) > 0 {
					v.found("table %s id %s column %s: changed past the trail between %s and %s", t.Name, id, strings.Join(columns, ", "), before.where, c.where)
				}
			}
		}
	}
	return nil
}
