// Package pgtest gives each test a fresh, migrated database of its own on a real PostgreSQL. It owns no fixtures: people, recipes
// and batches are made by the tests through the program's own doors. Start reading at New.
package pgtest

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/internal/postgres"
	"veribatch/migrations"
)

// Variable names the environment variable that carries the access to the cluster of a whole test run (`make test`). Without it a
// test process starts a cluster of its own.
const Variable = "VERIBATCH_TEST_CLUSTER"

// DB is the database of one test. It is dropped when the test ends. The connection strings hold for the roles of
// migrations/roles.sql and for the cluster's superuser, who stands for a dishonest database administrator in tests.
type DB struct {
	Name        string
	AppDSN      string
	MigratorDSN string
	SuperDSN    string
	access      postgres.Access
}

var made atomic.Int64

// New makes a database with the whole schema, cloned from a template in about 50 ms. Tests may run in parallel.
func New(t testing.TB) *DB {
	t.Helper()
	return clone(t, func(ctx context.Context, a postgres.Access) (string, error) { return template(ctx, a) })
}

// Empty makes a database with roles and rights but without a schema.
func Empty(t testing.TB) *DB {
	t.Helper()
	return clone(t, func(context.Context, postgres.Access) (string, error) { return "template0", nil })
}

// Copy makes a database that is what this one is at this moment, as an administrator has it who puts a copy aside. It ends all connections to this one;
// pools make new ones.
func (d *DB) Copy(t testing.TB) *DB {
	t.Helper()
	allow := func(a postgres.Access, may bool) {
		must(t, asSuper(context.Background(), a, func(c *pgx.Conn) error {
			_, err := c.Exec(context.Background(), fmt.Sprintf("alter database %s allow_connections %t", d.Name, may))
			return err
		}))
	}
	copied := clone(t, func(ctx context.Context, a postgres.Access) (string, error) {
		allow(a, false)
		return d.Name, asSuper(ctx, a, func(c *pgx.Conn) error {
			_, err := c.Exec(ctx, "select pg_terminate_backend(pid, 10000) from pg_catalog.pg_stat_activity where datname = $1", d.Name)
			return err
		})
	})
	allow(copied.access, true)
	return copied
}

func clone(t testing.TB, from func(context.Context, postgres.Access) (string, error)) *DB {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	a, err := cluster(ctx)
	must(t, err)
	source, err := from(ctx, a)
	must(t, err)
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), made.Add(1))
	must(t, asSuper(ctx, a, func(c *pgx.Conn) error { return create(ctx, c, a, name, source) }))
	t.Cleanup(func() { drop(t, a, name) })
	own := a.In(name)
	return &DB{name, own.DSN(postgres.App), own.DSN(postgres.Migrator), own.DSN(postgres.Superuser), own}
}

// App is a connection as the server's role, closed when the test ends.
func (d *DB) App(t testing.TB) *pgx.Conn { t.Helper(); return connect(t, d.AppDSN) }

// Super is a connection as superuser, closed when the test ends.
func (d *DB) Super(t testing.TB) *pgx.Conn { t.Helper(); return connect(t, d.SuperDSN) }

// Migrator is a connection as ebr_migrator that has not yet become ebr_owner, closed when the test ends.
func (d *DB) Migrator(t testing.TB) *pgx.Conn { t.Helper(); return connect(t, d.MigratorDSN) }

func connect(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), dsn)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("test database: %v", err)
	}
}

// create clones a database. Rights on the database itself do not travel with a template, so roles.sql runs again; it and the
// template's making touch shared catalogues, hence one at a time across all test processes.
// Files are copied: writing a whole schema page by page through the log of a cluster that is thrown away costs a third more processor time.
func create(ctx context.Context, root *pgx.Conn, a postgres.Access, name, source string) error {
	sql := fmt.Sprintf("create database %s template %s strategy file_copy encoding 'UTF8' locale 'C'", name, source)
	if _, err := root.Exec(ctx, sql); err != nil {
		return err
	}
	return locked(ctx, root, "roles", func() error { return runRoles(ctx, a.In(name)) })
}

func runRoles(ctx context.Context, a postgres.Access) error {
	return asSuper(ctx, a, func(c *pgx.Conn) error {
		_, err := c.Exec(ctx, migrations.Roles())
		return err
	})
}

func drop(t testing.TB, a postgres.Access, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := asSuper(ctx, a, func(c *pgx.Conn) error {
		_, err := c.Exec(ctx, "drop database "+name+" with (force)")
		return err
	})
	if err != nil {
		t.Errorf("drop test database: %v", err)
	}
}

const templateExists = `select exists (select from pg_catalog.pg_database where datname = $1)`

// known remembers that this process has seen the template.
var known sync.Map

// template gives the name of the database with this program's schema, and makes it when it is not there. It gets its name only
// when whole, and nobody can connect to it: a connection would stand in the way of cloning.
func template(ctx context.Context, a postgres.Access) (string, error) {
	name := "schema_" + migrations.Digest()[:16]
	if _, ok := known.Load(name); ok {
		return name, nil
	}
	err := asSuper(ctx, a, func(c *pgx.Conn) error {
		return locked(ctx, c, name, func() error {
			var exists bool
			if err := c.QueryRow(ctx, templateExists, name).Scan(&exists); err != nil || exists {
				return err
			}
			return makeTemplate(ctx, c, a, name)
		})
	})
	if err != nil {
		return "", fmt.Errorf("make the template database: %w", err)
	}
	known.Store(name, true)
	return name, nil
}

func makeTemplate(ctx context.Context, root *pgx.Conn, a postgres.Access, name string) error {
	draft := name + "_draft"
	if _, err := root.Exec(ctx, "drop database if exists "+draft+" with (force)"); err != nil {
		return err
	}
	if err := create(ctx, root, a, draft, "template0"); err != nil {
		return err
	}
	if err := migrations.Up(ctx, a.In(draft).DSN(postgres.Migrator), func(string) {}); err != nil {
		return err
	}
	for _, sql := range []string{"alter database %s allow_connections false", "alter database %s rename to " + name} {
		if _, err := root.Exec(ctx, strings.Replace(sql, "%s", draft, 1)); err != nil {
			return err
		}
	}
	return nil
}

// locked runs f while no other process of the test run holds the same lock.
func locked(ctx context.Context, c *pgx.Conn, name string, f func() error) error {
	h := fnv.New64a()
	h.Write([]byte(name))
	key := int64(h.Sum64())
	if _, err := c.Exec(ctx, "select pg_advisory_lock($1)", key); err != nil {
		return err
	}
	err := f()
	if _, unlock := c.Exec(ctx, "select pg_advisory_unlock($1)", key); err == nil {
		err = unlock
	}
	return err
}

func asSuper(ctx context.Context, a postgres.Access, f func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, a.DSN(postgres.Superuser))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return f(conn)
}

// shared reads the access to the cluster of the test run; nil when there is none.
func shared() (*postgres.Access, error) {
	raw := os.Getenv(Variable)
	if raw == "" {
		return nil, nil
	}
	var a postgres.Access
	if err := json.Unmarshal([]byte(raw), &a); err != nil {
		return nil, fmt.Errorf("%s: %w", Variable, err)
	}
	a.Database = "postgres"
	return &a, nil
}
