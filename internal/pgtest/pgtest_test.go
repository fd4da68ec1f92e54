package pgtest_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"veribatch/internal/pgtest"
	"veribatch/migrations"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func TestEachTestHasItsOwnMigratedDatabase(t *testing.T) {
	for _, name := range []string{"one", "two", "three", "four"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			db := pgtest.New(t)
			if err := migrations.Check(ctx, db.App(t)); err != nil {
				t.Fatal(err)
			}
			super := db.Super(t)
			if _, err := super.Exec(ctx, "create table ebr.only_here (a int)"); err != nil {
				t.Fatalf("another test's table is here: %v", err)
			}
		})
	}
}

func TestServerMayNotMakeTables(t *testing.T) {
	t.Parallel()
	app := pgtest.New(t).App(t)
	for _, sql := range []string{"create temporary table a (b int)", "create table ebr.a (b int)", "create schema a", "set role ebr_owner"} {
		_, err := app.Exec(context.Background(), sql)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "42501" {
			t.Errorf("%s: got %v, want insufficient privilege (42501)", sql, err)
		}
	}
}
