package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/internal/fault"
)

// Recovery says how an empty state folder is filled from a backup.
type Recovery struct {
	Options
	// Until is the moment up to which acts are wanted; zero: all that there are.
	Until time.Time
	// Fill puts a base backup into data and the segments of the write-ahead log into wal, both new and empty, and the secrets into
	// the state folder. When it fails, everything is taken away again.
	Fill func(data, wal string) error
}

// Recover fills an empty state folder and lets PostgreSQL replay the log. The cluster is stopped when it returns the time of the last
// commit that was replayed (zero: none after the base backup). What fails leaves the folder as empty as it was.
func Recover(ctx context.Context, r Recovery) (last time.Time, err error) {
	if r.Progress == nil {
		r.Progress = func(string) {}
	}
	c := &Cluster{progress: r.Progress, exited: make(chan struct{})}
	if err := c.claim(ctx, r.State); err != nil {
		if c.lock != nil {
			_ = c.lock.Close()
		}
		return last, err
	}
	last, err = c.recover(ctx, r)
	if err == nil {
		return last, c.Stop(ctx)
	}
	c.abandon()
	return last, errors.Join(err, c.empty(r.State))
}

// claim locks the state folder and refuses one in which anything stands.
func (c *Cluster) claim(ctx context.Context, state string) error {
	state, err := prepareState(state)
	if err != nil {
		return err
	}
	if c.lock, err = lockState(state); err != nil {
		return err
	}
	if Interrupted(state) {
		if err := c.sweep(ctx, state); err != nil {
			return err
		}
	}
	found, err := os.ReadDir(state)
	if err != nil {
		return err
	}
	for _, f := range found {
		if f.Name() != "lock" {
			return fault.New(fault.Conflict, "The folder %s is not empty (it holds %s). A backup is restored into an empty or new folder only: "+
				"nothing that is there is ever overwritten.", state, f.Name())
		}
	}
	return os.WriteFile(filepath.Join(state, restoring), nil, 0o600)
}

// restoring stands in a state folder from the first file that a restore puts there until it is found good and the news of it is kept.
const restoring = "restoring"

// Interrupted tells whether a restore into this folder did not come to its end.
func Interrupted(state string) bool {
	_, err := os.Stat(filepath.Join(state, restoring))
	return err == nil
}

// Complete says that a restore came to its end.
func Complete(state string) error { return os.Remove(filepath.Join(state, restoring)) }

// sweep takes away what an interrupted restore left; nothing else ever stands beside its mark.
func (c *Cluster) sweep(ctx context.Context, state string) error {
	c.progress("Taking away what an interrupted restore left in " + state)
	who, err := serverUser()
	if err == nil {
		c.place, err = findPlace(state, who, c.progress)
	}
	if err == nil {
		err = endOrphan(ctx, c.place, c.progress)
	}
	if err != nil {
		return err
	}
	if err := c.empty(state, restoring, "lock"); err != nil {
		return err
	}
	return Complete(state) // the mark goes last
}

// empty takes away what a failed recovery left: all of it, because the folder was empty before.
func (c *Cluster) empty(state string, but ...string) error {
	found, err := os.ReadDir(state)
	for _, f := range found {
		if slices.Contains(but, f.Name()) {
			continue
		}
		err = errors.Join(err, os.RemoveAll(filepath.Join(state, f.Name())))
	}
	if c.place.root != "" && strings.HasPrefix(c.place.root, elsewhere+"/") {
		err = errors.Join(err, os.RemoveAll(c.place.root))
	}
	return err
}

func (c *Cluster) recover(ctx context.Context, r Recovery) (last time.Time, err error) {
	state, err := prepareState(r.State)
	if err != nil {
		return last, err
	}
	who, err := serverUser()
	if err != nil {
		return last, err
	}
	if c.place, err = findPlace(state, who, r.Progress); err != nil {
		return last, err
	}
	fresh, wal := c.place.data+".new", filepath.Join(c.place.root, "wal.restored")
	defer os.RemoveAll(wal)
	if err := errors.Join(os.Mkdir(fresh, 0o700), os.Mkdir(wal, 0o700)); err != nil {
		return last, err
	}
	if err := r.Fill(fresh, wal); err != nil {
		return last, err
	}
	programs, err := findPrograms(fresh)
	if err != nil {
		return last, err
	}
	if c.Access, err = loadAccess(filepath.Join(state, "secrets")); err != nil {
		return last, err
	}
	c.Access.programs = programs.folder()
	if c.Access.Socket, err = c.place.socketDir(); err != nil {
		return last, err
	}
	for name, text := range map[string]string{"veribatch.conf": configuration, "recovery.signal": ""} {
		if err := os.WriteFile(filepath.Join(fresh, name), []byte(text), 0o600); err != nil {
			return last, err
		}
	}
	if err := errors.Join(who.ownAll(fresh), who.ownAll(wal), os.Rename(fresh, c.place.data)); err != nil {
		return last, err
	}
	if err := c.replay(ctx, programs, wal, r); err != nil {
		return last, err
	}
	return lastReplayed(ctx, c.Access)
}

// shellQuoted writes a path between the quotes of a shell, in a setting in which PostgreSQL replaces %f and %p.
var shellQuoted = strings.NewReplacer("'", `'\''`, "%", "%%")

// replay runs the recovery. A copy never writes into anybody's archive, so archiving is off until the regular start.
func (c *Cluster) replay(ctx context.Context, p programs, wal string, r Recovery) error {
	settings := append([]string{"archive_mode=off", "hot_standby=off", "recovery_target_timeline=current", "recovery_target_action=promote",
		"restore_command=cp '" + shellQuoted.Replace(wal) + "'/%f %p", "recovery_target=", "recovery_target_time="}, r.Settings...)
	run := settings
	if !r.Until.IsZero() {
		run = append(run, "recovery_target_time="+r.Until.UTC().Format("2006-01-02 15:04:05.999999")+"+00")
	}
	err := c.spawn(p, run)
	if err == nil {
		err = c.waitReady(ctx)
	}
	// The whole log is asked, which is this recovery's alone: behind the line stand as many refused connections as were tried meanwhile.
	if err != nil && strings.Contains(c.serverLog(), "recovery ended before configured recovery target") {
		// Nothing was committed after the moment that was asked for: all that there is, is what was wanted.
		c.exited = make(chan struct{})
		if err = c.spawn(p, settings); err == nil {
			err = c.waitReady(ctx)
		}
	}
	return err
}

const replayed = `select pg_catalog.pg_last_xact_replay_timestamp()`

func lastReplayed(ctx context.Context, a Access) (last time.Time, err error) {
	conn, err := pgx.Connect(ctx, a.In("postgres").DSN(Superuser))
	if err != nil {
		return last, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var at *time.Time
	if err = conn.QueryRow(ctx, replayed).Scan(&at); err == nil && at != nil {
		last = at.UTC()
	}
	return last, err
}

// ownAll gives a folder and everything in it to this account.
func (a account) ownAll(folder string) error {
	if a.lent == nil {
		return nil
	}
	return filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := os.Lchown(path, a.uid, a.gid); err != nil {
			return fmt.Errorf("give %s to %s: %w", path, a.name, err)
		}
		return nil
	})
}

// Discard takes away a copy that was restored for a look, or what a failed attempt left of it: the folder, and its database where that
// stands elsewhere.
func Discard(folder string) error {
	inside, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	for _, d := range inside {
		raw, _ := os.ReadFile(filepath.Join(folder, d.Name(), "place"))
		if root := strings.TrimSpace(string(raw)); strings.HasPrefix(root, elsewhere+"/") {
			err = errors.Join(err, os.RemoveAll(root))
		}
	}
	return errors.Join(err, os.RemoveAll(folder))
}
