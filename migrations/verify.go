package migrations

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed tables.csv
var madeTables []byte

// What the migrations say of the tables, in the order of tables.csv: whose line it is first, then what it says.
const tablesNow = `select 'audit.tables table_name ' || table_name, 'class ' || class, 'reason ' || reason, 'columns ' || array_to_string(columns, ' '), 'digested ' || array_to_string(digested, ' ') from audit.tables
	union all select 'audit.late_columns table_name ' || table_name || ' column_name ' || column_name, coalesce('value ' || value, ''), '', '', '' from audit.late_columns order by 1`

func tables(ctx context.Context, q querier) ([][]string, error) {
	rows, err := q.Query(ctx, tablesNow)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]string, error) {
		line := make([]string, 5)
		return line, row.Scan(&line[0], &line[1], &line[2], &line[3], &line[4])
	})
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Verify compares what the database says of its tables and of the migrations that made them with this program: a table that was taken out of the trail,
// or a value declared for a column that rows of the record must not have, is found although no row is.
func Verify(ctx context.Context, q querier, found func(row string, why error)) error {
	want, err := csv.NewReader(bytes.NewReader(madeTables)).ReadAll()
	if err != nil {
		return err
	}
	is, err := tables(ctx, q)
	if err != nil {
		return err
	}
	compareLines(is, want, found)
	list, err := files(embedded)
	if err != nil {
		return err
	}
	rows, err := q.Query(ctx, appliedQuery)
	if err != nil {
		return err
	}
	applied, err := pgx.CollectRows(rows, pgx.RowToStructByPos[file])
	if err != nil {
		return err
	}
	lines := func(list []file) (lines [][]string) {
		for _, f := range list {
			lines = append(lines, []string{fmt.Sprintf("audit.migrations version %d", f.Version), "name " + f.Name, "sha256 " + f.SHA256})
		}
		return lines
	}
	compareLines(lines(applied), lines(list), found)
	return nil
}

// compareLines names what is there, missing or different, by the first cell of each line.
func compareLines(is, want [][]string, found func(row string, why error)) {
	left := map[string][]string{}
	for _, line := range want {
		left[line[0]] = line
	}
	for _, line := range is {
		made, known := left[line[0]]
		delete(left, line[0])
		if !known {
			found("table "+line[0], fmt.Errorf("no migration of this program made it"))
			continue
		}
		for i := range line {
			if column, _, _ := strings.Cut(line[i]+made[i], " "); line[i] != made[i] {
				found("table "+line[0]+" column "+column, fmt.Errorf("differs from what the migrations of this program made"))
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(left)) {
		found("table "+key, fmt.Errorf("the migrations of this program made it, and it is missing"))
	}
}
