package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"veribatch/internal/fault"
)

// guards are the settings without which a crash can take away or silently change what was recorded, with the consequence and the cure.
var guards = []struct{ setting, consequence, cure string }{
	{"fsync", "a power cut can destroy the database",
		"Set fsync = on in postgresql.conf (or: alter system reset fsync) and restart PostgreSQL."},
	{"full_page_writes", "a power cut can leave half-written pages",
		"Set full_page_writes = on in postgresql.conf (or: alter system reset full_page_writes) and reload PostgreSQL."},
	{"data_checksums", "damage on the disk would go unnoticed",
		"Stop PostgreSQL and run: pg_checksums --enable --pgdata DATA_DIRECTORY"},
	{"synchronous_commit", "a signature that was confirmed to its signer can be lost in a power cut",
		"Set synchronous_commit = on in postgresql.conf, and for role app (alter role app reset synchronous_commit)."},
}

// CheckDurability refuses a database that may lose or silently change committed records (ALCOA+: enduring; 21 CFR 11.10(c)).
// conn is a connection of the server's own role, because settings can differ per role.
func CheckDurability(ctx context.Context, conn *pgx.Conn) error {
	for _, g := range guards {
		var value string
		if err := conn.QueryRow(ctx, "select pg_catalog.current_setting($1)", g.setting).Scan(&value); err != nil {
			return err
		}
		if value == "off" {
			return fault.New(fault.NotReady, "The database runs with %s = off: %s. Batch records must not be kept like this, so the server does not start. %s",
				g.setting, g.consequence, g.cure)
		}
	}
	return nil
}
