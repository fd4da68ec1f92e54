package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"veribatch/internal/fault"
	"veribatch/migrations"
)

var errEndedEarly = errors.New("the postmaster ended before it took connections")

// waitReady returns when the server takes connections. Recovery after a crash may take minutes: only the caller's ctx limits it.
func (c *Cluster) waitReady(ctx context.Context) error {
	told := time.Now()
	for {
		conn, err := pgx.Connect(ctx, c.In("postgres").DSN(Superuser))
		if err == nil {
			return conn.Close(ctx)
		}
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code == "28P01" {
			return fault.New(fault.NotReady, "The database does not take the password in the state folder's secrets. "+
				"The secrets and the data directory %s belong together: restore them from the same backup.", c.place.data).Because(err)
		}
		select {
		case <-c.exited:
			return fault.New(fault.NotReady, "PostgreSQL does not start: %s", c.lastWords()).Because(errEndedEarly)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			c.progress("Waiting for PostgreSQL, which is recovering from an unclean stop")
		}
	}
}

// serverLog is today's log of the server.
func (c *Cluster) serverLog() string {
	raw, _ := os.ReadFile(filepath.Join(c.place.log, "postgresql-"+time.Now().UTC().Format("Mon")+".log"))
	return string(raw)
}

// lastWords are the last lines of what the server said, from before and after it opened its log.
func (c *Cluster) lastWords() string {
	early, _ := os.ReadFile(filepath.Join(c.place.log, "start.log"))
	words := lastLines(string(early), 5)
	if late := c.serverLog(); late != "" {
		words += "\n" + lastLines(late, 5)
	}
	return words + "\n(log folder: " + c.place.log + ")"
}

const databaseExists = `select exists (select from pg_catalog.pg_database where datname = $1)`

// setUp makes database, roles and passwords what they should be. It runs at every start: an interrupted first start is finished
// by the next, and the secret files are the truth about passwords.
func setUp(ctx context.Context, a Access) error {
	root, err := pgx.Connect(ctx, a.In("postgres").DSN(Superuser))
	if err != nil {
		return err
	}
	defer root.Close(ctx)
	var exists bool
	if err := root.QueryRow(ctx, databaseExists, a.Database).Scan(&exists); err != nil {
		return err
	}
	if !exists {
		if _, err := root.Exec(ctx, "create database "+pgx.Identifier{a.Database}.Sanitize()+" template template0 encoding 'UTF8' locale 'C'"); err != nil {
			return err
		}
	}
	if err := SetRoles(ctx, a); err != nil {
		return err
	}
	if err := setBackupRole(ctx, root, a.Secrets[Backup]); err != nil {
		return err
	}
	// The other databases of the cluster are nobody's business.
	_, err = root.Exec(ctx, "revoke all on database postgres, template1 from public")
	return err
}

// SetRoles runs migrations/roles.sql in the database that a names, as superuser, and sets the passwords of the roles. Passwords
// are random hexadecimal text, so they stand in the statement without quoting; a failing statement is not logged.
func SetRoles(ctx context.Context, a Access) error {
	conn, err := pgx.Connect(ctx, a.DSN(Superuser))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	statements := []string{"set log_min_error_statement = panic", migrations.Roles()}
	for _, role := range []Role{Migrator, App} {
		statements = append(statements, fmt.Sprintf("alter role %s password '%s'", role, a.Secrets[role]))
	}
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("set up database roles: %w", err)
		}
	}
	return nil
}

const backupRoleExists = `select exists (select from pg_catalog.pg_roles where rolname = 'ebr_backup')`

// setBackupRole makes the role that may copy the cluster, and sees how far a copy has come. It is a role of the private cluster alone:
// an existing one is backed up by its administrators.
func setBackupRole(ctx context.Context, root *pgx.Conn, secret string) error {
	var exists bool
	if err := root.QueryRow(ctx, backupRoleExists).Scan(&exists); err != nil {
		return err
	}
	statements := []string{"set log_min_error_statement = panic", "create role ebr_backup login replication",
		"grant pg_monitor to ebr_backup", "grant connect on database postgres to ebr_backup", "alter role ebr_backup password '" + secret + "'"}
	if exists {
		statements = slices.Delete(statements, 1, 2)
	}
	for _, sql := range statements {
		if _, err := root.Exec(ctx, sql); err != nil {
			return fmt.Errorf("set up the backup role: %w", err)
		}
	}
	return nil
}
