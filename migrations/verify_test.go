package migrations_test

import (
	"context"
	"strings"
	"testing"

	"veribatch/internal/pgtest"
	"veribatch/migrations"
)

// An administrator of the database who takes a table out of the trail, or says that another migration was applied, is named.
func TestWhatMigrationsMadeIsCompared(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	super := pgtest.New(t).Super(t)
	for sql, finds := range map[string]string{
		`update audit.tables set class = 'operational' where table_name = 'ebr.people'`:                       "table audit.tables table_name ebr.people column class: differs",
		`update audit.tables set digested = '{}' where table_name = 'ebr.credentials'`:                        "table audit.tables table_name ebr.credentials column digested: differs",
		`delete from audit.tables where table_name = 'ebr.people'`:                                            "table audit.tables table_name ebr.people: the migrations of this program made it",
		`update audit.late_columns set value = 'x' where table_name = 'ebr.batches' and column_name = 'area'`: "table audit.late_columns table_name ebr.batches column_name area column value: differs",
		`insert into audit.late_columns values ('ebr.people', 'full_name', 'x')`:                              "table audit.late_columns table_name ebr.people column_name full_name: no migration",
		`update audit.migrations set sha256 = repeat('0', 64) where version = 3`:                              "table audit.migrations version 3 column sha256: differs",
		`delete from audit.migrations where version = 3`:                                                      "table audit.migrations version 3: the migrations of this program made it",
	} {
		tx, err := super.Begin(ctx)
		if err == nil {
			_, err = tx.Exec(ctx, sql)
		}
		if err != nil {
			t.Fatal(sql, err)
		}
		var said []string
		if err := migrations.Verify(ctx, tx, func(row string, why error) { said = append(said, row+": "+why.Error()) }); err != nil {
			t.Fatal(err)
		}
		if len(said) != 1 || !strings.Contains(said[0], finds) {
			t.Errorf("%s: %q", sql, said)
		}
		if err := tx.Rollback(ctx); err != nil {
			t.Fatal(err)
		}
	}
}
