package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"veribatch/internal/fault"
)

// configuration is for a small server beside its application. Nothing in it trades safety for speed, and the log holds no value
// of a record: no statement texts, no parameters, no detail lines.
const configuration = `# Written by ebr at every start. Change settings in postgresql.conf, below the line that includes this file.
max_connections = 120
superuser_reserved_connections = 3
shared_buffers = 256MB
work_mem = 8MB
maintenance_work_mem = 64MB
jit = off

fsync = on
full_page_writes = on
synchronous_commit = on
wal_level = replica
wal_compression = on
max_wal_size = 1GB
min_wal_size = 128MB
max_slot_wal_keep_size = 4GB # a backup archive that stays away longer is begun anew: better than a full disk; there is an alarm long before
checkpoint_timeout = 10min
checkpoint_completion_target = 0.9

idle_in_transaction_session_timeout = 60s
password_encryption = 'scram-sha-256'
timezone = 'UTC'
lc_messages = 'C'

logging_collector = on
log_filename = 'postgresql-%a.log'
log_truncate_on_rotation = on
log_rotation_age = 1d
log_rotation_size = 0
log_file_mode = 0600
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
log_checkpoints = off
log_statement = 'none'
log_min_duration_statement = -1
log_min_error_statement = panic
log_error_verbosity = terse
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
`

// initialize makes the data directory when there is none. It is made under another name and renamed when whole, so that an
// interrupted first start begins again.
func initialize(ctx context.Context, p programs, at place, password string, o Options) error {
	_, err := os.Stat(filepath.Join(at.data, "PG_VERSION"))
	switch {
	case err == nil:
		return os.WriteFile(filepath.Join(at.data, "veribatch.conf"), []byte(configuration), 0o600)
	case !errors.Is(err, os.ErrNotExist):
		return fault.New(fault.NotReady, "The data directory %s cannot be read.", at.data).Because(err)
	}
	o.Progress(fmt.Sprintf("Making a PostgreSQL %d data directory in %s", p.major, at.data))
	fresh := at.data + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := runInitdb(ctx, p, at, fresh, password, o.Throwaway); err != nil {
		return err
	}
	main := filepath.Join(fresh, "postgresql.conf")
	if err := os.WriteFile(main, []byte("include = 'veribatch.conf'\n\n# Settings below are yours: they are stronger, and ebr leaves them alone.\n"), 0o600); err != nil {
		return err
	}
	mine := filepath.Join(fresh, "veribatch.conf")
	if err := os.WriteFile(mine, []byte(configuration), 0o600); err != nil {
		return err
	}
	if at.user.lent != nil {
		if err := os.Chown(mine, at.user.uid, at.user.gid); err != nil {
			return err
		}
	}
	return os.Rename(fresh, at.data)
}

// runInitdb makes a data directory with checksums, byte order collation and passwords on every connection.
func runInitdb(ctx context.Context, p programs, at place, fresh, password string, throwaway bool) error {
	secret := filepath.Join(at.run, "initdb.password")
	defer os.Remove(secret)
	if err := writeWhole(secret, password+"\n", 0o600); err != nil {
		return err
	}
	if at.user.lent != nil {
		if err := errors.Join(os.Chown(secret, at.user.uid, at.user.gid), at.user.own(fresh)); err != nil {
			return err
		}
	}
	args := []string{"--pgdata=" + fresh, "--username=" + string(Superuser), "--data-checksums", "--locale=C", "--encoding=UTF8",
		"--auth-local=scram-sha-256", "--auth-host=scram-sha-256", "--pwfile=" + secret}
	if throwaway {
		args = append(args, "--no-sync")
	}
	cmd := at.user.command(ctx, p.initdb, args...)
	cmd.Dir = at.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fault.New(fault.NotReady, "PostgreSQL could not make its data directory %s: %s", fresh, lastLines(string(out), 5)).Because(err)
	}
	return nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
