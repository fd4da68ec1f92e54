package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"

	"veribatch/internal/fault"
)

// gooseTable is the list of versions that the migration library keeps; audit.migrations beside it is ours.
const gooseTable = "audit.goose_versions"

// The table of digests stands before the first migration, so that the first one has its row too.
const prepare = `
create schema if not exists audit;
create table if not exists audit.migrations (
	version    bigint primary key,
	name       text not null unique,
	sha256     text not null check (sha256 ~ '^[0-9a-f]{64}$'),
	applied_at timestamptz not null default pg_catalog.clock_timestamp()
);
grant usage on schema audit to app;
grant select on audit.migrations to app;`

// Up brings the database to the schema of this program, each file in a transaction of its own together with its digest. It logs in
// as ebr_migrator and works as ebr_owner. Several callers at once are safe: one works, the others wait up to five minutes.
func Up(ctx context.Context, migratorDSN string, progress func(string)) error {
	return up(ctx, embedded, migratorDSN, progress)
}

func up(ctx context.Context, folder fs.FS, dsn string, progress func(string)) error {
	list, err := files(folder)
	if err != nil {
		return err
	}
	db, err := openAsOwner(dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return fault.New(fault.NotReady, "The migrator cannot log in to the database or may not act as ebr_owner. Check its password and that roles.sql was run.").Because(err)
	}
	defer conn.Close()
	if err := locker.SessionLock(ctx, conn); err != nil {
		return err
	}
	defer func() { _ = locker.SessionUnlock(context.WithoutCancel(ctx), conn) }()
	return apply(ctx, db, conn, folder, list, progress)
}

// apply runs what is missing. The caller holds the lock on conn.
func apply(ctx context.Context, db *sql.DB, conn *sql.Conn, folder fs.FS, list []file, progress func(string)) error {
	if _, err := conn.ExecContext(ctx, prepare); err != nil {
		return fmt.Errorf("prepare the table of migrations: %w", err)
	}
	applied, err := appliedFiles(ctx, conn)
	if err != nil {
		return err
	}
	pending, err := compare(list, applied)
	if err != nil || len(pending) == 0 {
		return err
	}
	plain, err := database.NewStore(database.DialectPostgres, gooseTable)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(database.DialectCustom, db, folder, goose.WithStore(&store{plain, list}),
		goose.WithDisableGlobalRegistry(true), goose.WithExcludeNames([]string{"roles.sql"}), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	for _, f := range pending {
		progress("Migration " + f.Name)
		if _, err := provider.ApplyVersion(ctx, f.Version, true); err != nil {
			return fmt.Errorf("migration %s failed and was rolled back: %w", f.Name, err)
		}
	}
	return nil
}

// openAsOwner gives connections that act as ebr_owner and find nothing by a name without schema.
func openAsOwner(dsn string) (*sql.DB, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fault.New(fault.Invalid, "The migrator's connection string is not valid.").Because(err)
	}
	return stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, "set role ebr_owner; set search_path = pg_catalog, pg_temp; set timezone = 'UTC'")
		return err
	})), nil
}

const appliedQuery = `select version, name, sha256 from audit.migrations order by version`

func appliedFiles(ctx context.Context, conn *sql.Conn) (_ []file, err error) {
	rows, err := conn.QueryContext(ctx, appliedQuery)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var list []file
	for rows.Next() {
		var f file
		if err := rows.Scan(&f.Version, &f.Name, &f.SHA256); err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, rows.Err()
}

// store is the library's own list of versions, and writes the digest of the file in the same transaction.
type store struct {
	database.Store
	list []file
}

const keepDigest = `insert into audit.migrations (version, name, sha256) values ($1, $2, $3)`

// Insert notes a version as applied. Version 0 is the library's mark of an empty list.
func (s *store) Insert(ctx context.Context, db database.DBTxConn, req database.InsertRequest) error {
	if err := s.Store.Insert(ctx, db, req); err != nil {
		return err
	}
	for _, f := range s.list {
		if f.Version == req.Version {
			_, err := db.ExecContext(ctx, keepDigest, f.Version, f.Name, f.SHA256)
			return err
		}
	}
	if req.Version == 0 {
		return nil
	}
	return fmt.Errorf("version %d has no file", req.Version)
}

// TableExists spares the log an error at the first start.
func (s *store) TableExists(ctx context.Context, db database.DBTxConn) (bool, error) {
	if extended, ok := s.Store.(database.StoreExtender); ok {
		return extended.TableExists(ctx, db)
	}
	return false, errors.ErrUnsupported
}
