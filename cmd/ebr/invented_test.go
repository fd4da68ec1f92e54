package main_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/internal/postgres"
	"veribatch/migrations"
)

const inventedLog = `set role ebr_owner; insert into audit.logs (epoch, origin, began_at, reason) values (1, 'veribatch/00000000-0000-0000-0000-000000000000/1', clock_timestamp(), 'test')`

// A database of invented entries, as make explorer makes them, never passes for a plant.
func TestInventedEntriesAreRefused(t *testing.T) {
	t.Parallel()
	state := stateFolder(t)
	cluster, err := postgres.Start(t.Context(), postgres.Options{State: state, Progress: func(string) {}})
	require.NoError(t, err)
	require.NoError(t, migrations.Up(t.Context(), cluster.DSN(postgres.Migrator), func(string) {}))
	conn, err := pgx.Connect(t.Context(), cluster.DSN(postgres.Migrator))
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), inventedLog)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	require.NoError(t, cluster.Stop(t.Context()))
	for _, args := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"verify"}} {
		_, errs, code := ebr(append(args, "--state", state)...)
		if code != 1 || !strings.Contains(errs, "invented entries") {
			t.Errorf("%s: exit code %d: %s", args[0], code, errs)
		}
	}
}
