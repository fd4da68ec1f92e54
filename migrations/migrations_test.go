package migrations_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"veribatch/internal/fault"
	"veribatch/internal/pgtest"
	"veribatch/migrations"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// folder is a small schema for tests of the runner: each text is a migration, numbered from 1.
func folder(texts ...string) fstest.MapFS {
	f := fstest.MapFS{"roles.sql": {Data: []byte("not a migration")}}
	for i, text := range texts {
		f[fmt.Sprintf("%05d_step.sql", i+1)] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + text)}
	}
	return f
}

var two = []string{"create schema ebr; grant usage on schema ebr to app; create table ebr.a (x int); grant select on ebr.a to app;",
	"insert into ebr.a values (1);"}

func quiet(string) {}

func TestUpAppliesEachFileOnceWithItsDigest(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := pgtest.Empty(t)
	var said []string
	for range 2 {
		if err := migrations.UpFrom(ctx, folder(two...), db.MigratorDSN, func(line string) { said = append(said, line) }); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(said, "; "); got != "Migration 00001_step.sql; Migration 00002_step.sql" {
		t.Errorf("said %q", got)
	}
	app := db.App(t)
	list, err := migrations.Files(folder(two...))
	if err != nil {
		t.Fatal(err)
	}
	if err := migrations.CheckBy(ctx, list, app); err != nil {
		t.Error(err)
	}
	var rows int
	var owner string
	err = app.QueryRow(ctx, `select (select count(*) from ebr.a), tableowner from pg_tables where schemaname = 'ebr' and tablename = 'a'`).Scan(&rows, &owner)
	if err != nil || rows != 1 || owner != "ebr_owner" {
		t.Errorf("rows %d, owner %s, error %v", rows, owner, err)
	}
	if _, err := app.Exec(ctx, "update audit.migrations set sha256 = sha256"); code(err) != "42501" {
		t.Errorf("the server may change the list of migrations: %v", err)
	}
}

func code(err error) string {
	var p *pgconn.PgError
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}

func TestManyCallersMigrateOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.Empty(t)
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() {
			if err := migrations.UpFrom(context.Background(), folder(two...), db.MigratorDSN, quiet); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	var rows int
	if err := db.App(t).QueryRow(context.Background(), "select count(*) from ebr.a").Scan(&rows); err != nil || rows != 1 {
		t.Errorf("rows %d, error %v", rows, err)
	}
}

func TestFailedMigrationLeavesNothing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := pgtest.Empty(t)
	err := migrations.UpFrom(ctx, folder(two[0], "insert into ebr.a values (1); insert into ebr.nowhere values (1);"), db.MigratorDSN, quiet)
	if err == nil || !strings.Contains(err.Error(), "00002_step.sql failed and was rolled back") {
		t.Fatal(err)
	}
	if err := migrations.UpFrom(ctx, folder(two...), db.MigratorDSN, quiet); err != nil {
		t.Fatal(err)
	}
	var rows int
	if err := db.App(t).QueryRow(ctx, "select count(*) from ebr.a").Scan(&rows); err != nil || rows != 1 {
		t.Errorf("rows %d, error %v", rows, err)
	}
}

// Files and database that do not belong together stop both the migration and the start, and the message names the file.
func TestFilesAndDatabaseMustBelongTogether(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	renamed := folder(two...)
	renamed["00002_other.sql"] = renamed["00002_step.sql"]
	delete(renamed, "00002_step.sql")
	late := folder(two...)
	late["00000001_early.sql"] = late["00001_step.sql"]
	for _, c := range []struct {
		name    string
		program fstest.MapFS
		harm    string
		want    []string
	}{
		{"changed file", folder(two[0]+" ", two[1]), "", []string{"Migration 00001_step.sql is not the one that was applied"}},
		{"renamed file", renamed, "", []string{"00002_other.sql", "00002_step.sql"}},
		{"older program", folder(two[0]), "", []string{"00002_step.sql", "newer version"}},
		{"row removed", folder(two...), "delete from audit.migrations where version = 1", []string{"00001_step.sql was never applied"}},
		{"digest changed", folder(two...), "update audit.migrations set sha256 = repeat('0', 64) where version = 2", []string{"Migration 00002_step.sql is not"}},
		{"row added", folder(two...), "insert into audit.migrations values (9, '00009_x.sql', repeat('0', 64))", []string{"00009_x.sql", "does not know"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.Empty(t)
			if err := migrations.UpFrom(ctx, folder(two...), db.MigratorDSN, quiet); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Super(t).Exec(ctx, c.harm); err != nil {
				t.Fatal(err)
			}
			list, err := migrations.Files(c.program)
			if err != nil {
				t.Fatal(err)
			}
			for what, err := range map[string]error{"check": migrations.CheckBy(ctx, list, db.App(t)), "up": migrations.UpFrom(ctx, c.program, db.MigratorDSN, quiet)} {
				if err == nil {
					t.Errorf("%s: no error", what)
					continue
				}
				for _, part := range c.want {
					if !strings.Contains(fault.As(err).Message, part) {
						t.Errorf("%s: the message %q does not say %q", what, fault.As(err).Message, part)
					}
				}
			}
		})
	}
}

func TestCheckNamesWhatIsPending(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := pgtest.Empty(t)
	app := db.App(t)
	if err := migrations.Check(ctx, app); err == nil || !strings.Contains(err.Error(), "ebr migrate") {
		t.Errorf("empty database: %v", err)
	}
	if err := migrations.UpFrom(ctx, folder(two[0]), db.MigratorDSN, quiet); err != nil {
		t.Fatal(err)
	}
	list, err := migrations.Files(folder(two...))
	if err != nil {
		t.Fatal(err)
	}
	if err := migrations.CheckBy(ctx, list, app); err == nil || !strings.Contains(err.Error(), "lacks 1 migration(s): 00002_step.sql") {
		t.Errorf("one pending: %v", err)
	}
}

func TestMigrationOutsideATransactionIsRefused(t *testing.T) {
	_, err := migrations.Files(fstest.MapFS{"00001_a.sql": {Data: []byte("-- +goose NO TRANSACTION\n-- +goose Up\nselect 1;")}})
	if err == nil {
		t.Error("no error")
	}
	if _, err := migrations.Files(fstest.MapFS{"first.sql": {Data: []byte("-- +goose Up\nselect 1;")}}); err == nil {
		t.Error("a file without a number was taken")
	}
}

func TestShippedFilesApplyAndAreKnown(t *testing.T) {
	t.Parallel()
	if err := migrations.Check(context.Background(), pgtest.New(t).App(t)); err != nil {
		t.Error(err)
	}
	if len(migrations.Digest()) != 64 {
		t.Errorf("digest %q", migrations.Digest())
	}
}

func TestWrongMigratorPassword(t *testing.T) {
	t.Parallel()
	config, err := pgx.ParseConfig(pgtest.Empty(t).MigratorDSN)
	if err != nil {
		t.Fatal(err)
	}
	dsn := strings.Replace(config.ConnString(), config.Password, "wrong", 1)
	if err := migrations.Up(context.Background(), dsn, quiet); fault.KindOf(err) != fault.NotReady {
		t.Errorf("got %v", err)
	}
}
