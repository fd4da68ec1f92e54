package migrations

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"veribatch/internal/fault"
)

// Check says whether the database has exactly the schema of this program: every migration applied, none changed since, none
// unknown. The server calls it at each start and stops on an error, which names the file (the validated state, EU GMP Annex 11 (4), (10)).
// conn may be of any role that can read audit.migrations.
func Check(ctx context.Context, conn *pgx.Conn) error {
	list, err := files(embedded)
	if err != nil {
		return err
	}
	return check(ctx, list, conn)
}

func check(ctx context.Context, list []file, conn *pgx.Conn) error {
	rows, _ := conn.Query(ctx, appliedQuery) // CollectRows gives this error too
	applied, err := pgx.CollectRows(rows, pgx.RowToStructByPos[file])
	var missing *pgconn.PgError
	if errors.As(err, &missing) && (missing.Code == "42P01" || missing.Code == "3F000" || missing.Code == "42501") {
		return fault.New(fault.NotReady, "The database has no schema of Veribatch that the server may read. Run: ebr migrate").Because(err)
	}
	if err != nil {
		return err
	}
	pending, err := compare(list, applied)
	if err != nil {
		return err
	}
	if len(pending) > 0 {
		return fault.New(fault.NotReady, "The database lacks %d migration(s): %s. Run: ebr migrate", len(pending), names(pending))
	}
	return nil
}

// compare gives the files still to apply, in order, or the reason why files and database do not belong together.
func compare(list, applied []file) (pending []file, err error) {
	known := map[int64]file{}
	var newest int64
	for _, f := range list {
		known[f.Version] = f
	}
	done := map[int64]bool{}
	for _, a := range applied {
		done[a.Version], newest = true, max(newest, a.Version)
		f, ok := known[a.Version]
		switch {
		case !ok:
			return nil, fault.New(fault.NotReady, "The database has migration %s, which this program does not know. It was made by a newer version: "+
				"start that version. Nothing was changed.", a.Name)
		case f.Name != a.Name || f.SHA256 != a.SHA256:
			return nil, fault.New(fault.NotReady, "Migration %s is not the one that was applied to this database (%s): applied SHA-256 %s, in this program %s. "+
				"A released migration is never edited: use the released program. Nothing was changed.", f.Name, a.Name, short(a.SHA256), short(f.SHA256))
		}
	}
	for _, f := range list {
		if done[f.Version] {
			continue
		}
		if f.Version < newest {
			return nil, fault.New(fault.NotReady, "Migration %s was never applied although later ones were. The table audit.migrations or the program was "+
				"tampered with: restore a backup, or use the released program. Nothing was changed.", f.Name)
		}
		pending = append(pending, f)
	}
	return pending, nil
}

func names(list []file) string {
	var all []string
	for _, f := range list {
		all = append(all, f.Name)
	}
	return strings.Join(all, ", ")
}

func short(digest string) string { return fmt.Sprintf("%.16s…", digest) }
