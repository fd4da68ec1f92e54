package continuity_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/continuity"
	"veribatch/internal/fault"
	"veribatch/internal/pgtest"
	"veribatch/signatures/signtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

const (
	forgeGood = `insert into ebr.backups (id, kind, state, began_at, ended_at, report) values (@id, 'backup', 'good', @now, @now, @id)`
	forgeKind = `insert into ebr.backups (id, kind, state, began_at, ended_at, report) values (@id, 'drill', 'good', @now, @now, @id)`
	answerOwn = `update ebr.backups set state = 'good', began_at = @now, ended_at = @now, report = @id where state = 'asked'`
	forOther  = `insert into ebr.backups (id, kind, state, asked_by, asked_at) values (@id, 'backup', 'asked', @person, @now)`
	whitewash = `update ebr.backups set result = 'good after all' where state = 'failed'`
	unfail    = `update ebr.backups set state = 'good' where state = 'failed'`
	throwAway = `delete from ebr.backups`
)

// The database itself refuses results that the server did not file, wishes in somebody else's name, and every change of what is filed.
func TestResultsAreFiledByTheServerAlone(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	failed := continuity.Report{ID: audit.NewID(), Kind: continuity.Backup, Began: time.Now(), Ended: time.Now(), Result: "no space left on device"}
	require.NoError(t, continuity.File(w.Ctx, w.Trail, failed))
	require.NoError(t, continuity.File(w.Ctx, w.Trail, failed), "twice is once")
	require.Len(t, w.Entries(audit.Site, "backup.make"), 1)
	require.NoError(t, continuity.KeepArchive(w.Ctx, w.Trail, continuity.Archive{Place: "/mnt/second"}))

	change := func(session string, act string, sql string) error {
		in := audit.Intent{Session: session, Act: act, Home: audit.Site, Key: audit.NewID()}
		_, err := w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error {
			tag, err := tx.Exec(w.Ctx, sql, pgx.NamedArgs{"id": audit.NewID(), "now": tx.Now(), "person": w.Checker.ID})
			if err == nil {
				require.NotZero(t, tag.RowsAffected(), sql)
			}
			return err
		})
		return err
	}
	for name, c := range map[string]struct{ session, sql, code string }{
		"a good result by an administrator": {w.Admin.Token, forgeGood, "VB045"},
		"a drill filed as a backup":         {w.Trail.System(), forgeKind, "VB045"},
		"a wish in somebody else's name":    {w.Admin.Token, forOther, "VB045"},
		"the words of a failed one":         {w.Trail.System(), whitewash, "VB045"},
		"a failed one becomes good":         {w.Trail.System(), unfail, "VB045"},
		"a result is taken away":            {w.Trail.System(), throwAway, "42501"},
	} {
		err := change(c.session, "backup.make", c.sql)
		var pg *pgconn.PgError
		require.True(t, errors.As(err, &pg), "%s: %v", name, err)
		require.Equal(t, c.code, pg.Code, "%s: %s", name, pg.Message)
	}

	ask := audit.Intent{Session: w.Admin.Token, Act: continuity.Ask{}.Act(), Home: audit.Site, Key: audit.NewID(), Command: continuity.Ask{}}
	do := func(tx *audit.Tx) error { return continuity.Ask{}.Do(w.Ctx, tx) }
	_, err := w.Trail.Change(w.Ctx, ask, do)
	require.NoError(t, err)
	ask.Key = audit.NewID()
	_, err = w.Trail.Change(w.Ctx, ask, do)
	require.Equal(t, fault.Conflict, fault.KindOf(err), "one wish at a time: %v", err)
	var pg *pgconn.PgError
	require.ErrorAs(t, change(w.Admin.Token, "backup.make", answerOwn), &pg, "who asked does not answer")
	require.Equal(t, "VB045", pg.Code)

	good := continuity.Report{ID: audit.NewID(), Kind: continuity.Backup, Good: true, Began: time.Now(), Ended: time.Now(), Result: "made"}
	require.NoError(t, continuity.File(w.Ctx, w.Trail, good))
	require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) error {
		now, err := continuity.Look(w.Ctx, r, 10)
		require.NoError(t, err)
		require.Len(t, now.Runs, 2, "the wish was answered, no second row")
		require.Equal(t, w.Admin.FullName, now.Backup.AskedBy)
		return nil
	}))
}
