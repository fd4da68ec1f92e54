package crash

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/internal/postgres"
)

const whatIsOnDisk = `select current_setting('data_directory'), w.file_name, w.file_offset from pg_walfile_name_offset(pg_current_wal_flush_lsn()) w`

// answersFirst makes a database that answers before its log is on the disk.
var answersFirst = []string{`alter system set synchronous_commit = off`, `alter system set wal_writer_delay = '10s'`, `alter system set wal_writer_flush_after = '1GB'`, `select pg_reload_conf()`}

// TestPowerLoss: when the power fails a disk has of PostgreSQL's log what was flushed to it, and nothing behind. A database as the program sets it up has
// then every act that was acknowledged. One that answers before it flushes loses some: the proof that this test can fail.
func TestPowerLoss(t *testing.T) {
	if os.Getenv("VERIBATCH_LONG") == "" && os.Getenv("VERIBATCH_CRASH_CYCLES") == "" {
		return // half a minute, most of it starts of servers and databases
	}
	l := newLoad(newPlant(t, build(t)))
	for range 2 {
		require.Zero(t, l.powerFails())
		l.startServer("")
		l.verify()
	}
	conn := l.super()
	for _, sql := range answersFirst {
		_, err := conn.Exec(context.Background(), sql)
		require.NoError(t, err)
	}
	require.NoError(t, conn.Close(context.Background()))
	lost := l.powerFails()
	require.Positive(t, lost, "a database that answers before it flushes lost nothing: the log is not cut where this test believes")
	t.Logf("of 48 acknowledged acts 0 were lost, twice; by a database that answers before it flushes, %d", lost)
}

// powerFails lets people work, takes the power away, and counts what was acknowledged and is not there afterwards. The server stays down.
func (l *load) powerFails() (lost int) {
	l.t.Helper()
	all := l.run(6, 8)
	l.killServer()
	var folder, file string
	var offset int64
	conn := l.super()
	require.NoError(l.t, conn.QueryRow(context.Background(), whatIsOnDisk).Scan(&folder, &file, &offset))
	_ = conn.Close(context.Background())
	l.killDatabase()
	cut(l.t, filepath.Join(folder, "pg_wal"), file, offset)
	l.startDatabase()
	for _, s := range all {
		require.True(l.t, s.heard, "%s was not acknowledged", s.marked)
		var n int
		l.ask(&n, effects, s.marked)
		if n == 0 {
			lost++
		}
	}
	return lost
}

// cut takes away what stands in the log from a place on, also in later segments, which PostgreSQL makes ahead of time.
func cut(t *testing.T, folder, file string, offset int64) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(folder, "0*"))
	require.NoError(t, err)
	for _, path := range segments {
		switch name := filepath.Base(path); {
		case name == file:
			raw, err := os.ReadFile(path)
			require.NoError(t, err)
			clear(raw[offset:])
			require.NoError(t, os.WriteFile(path, raw, 0o600))
		case name > file:
			require.NoError(t, os.Remove(path))
		}
	}
}

func (p *plant) super() *pgx.Conn {
	p.t.Helper()
	conn, err := pgx.Connect(context.Background(), p.cluster.DSN(postgres.Superuser))
	require.NoError(p.t, err)
	return conn
}
