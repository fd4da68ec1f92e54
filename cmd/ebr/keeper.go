package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"veribatch/audit"
	"veribatch/ebr/continuity"
	"veribatch/ebr/quality"
	"veribatch/internal/backup"
	"veribatch/internal/fault"
)

// backupFlags say where and how often the server makes copies of its private PostgreSQL.
type backupFlags struct {
	BackupTo             string        `placeholder:"FOLDER" help:"Second place for backups and the archive of the database's log, on another disk or machine. Without it nothing is backed up."`
	BackupEvery          time.Duration `default:"24h" placeholder:"TIME" help:"Time from one backup to the next (${default}); the archive is written all the time."`
	BackupKeep           int           `default:"14" placeholder:"N" help:"How many backups stay in the second place (${default})."`
	BackupPassphraseFile string        `placeholder:"FILE" help:"File whose first line is the passphrase of the keys in the backups. Without it: the environment variable EBR_BACKUP_PASSPHRASE."`
	DrillEvery           time.Duration `default:"720h" placeholder:"TIME" help:"Time from one drill of the restore to the next (${default}); 0 = never by itself."`
	DrillIn              string        `placeholder:"FOLDER" help:"Where drills restore to; it needs room for the whole database (the system's folder for temporary files)."`
}

// The keeper's lines on the list of jobs.
const (
	backupJob = "backup"
	drillJob  = "restore_drill"
)

// Pace of the keeper.
const (
	lookAtArchive = 10 * time.Second
	tryAgain      = 5 * time.Second
)

// keeper keeps copies of a running plant: the archive all the time, backups and drills when they are due or asked for.
type keeper struct {
	copier
	flags backupFlags
	log   *slog.Logger

	one sync.Mutex // one backup or drill at a time
}

// keep gives the keeper of this server; nil when no second place is named. What is wrong with its flags is said before a database starts.
func (s *serveCmd) keep() (*keeper, error) {
	if s.BackupTo == "" {
		return nil, nil
	}
	if s.Database != "" {
		return nil, theirs()
	}
	secret, err := givenPassphrase(s.BackupPassphraseFile)
	if err == nil && secret == "" {
		err = fault.New(fault.NotReady, "The passphrase of the backups is missing. Name a file with --backup-passphrase-file, or set %s.", passphraseVariable)
	}
	if err == nil && (s.BackupEvery < time.Minute || s.DrillEvery < 0 || s.BackupKeep < 1) {
		err = fault.New(fault.Invalid, "--backup-every is at least 1m, --drill-every is not negative, --backup-keep at least 1.")
	}
	return &keeper{copier: copier{state: s.State, to: s.BackupTo, secret: secret, keep: s.BackupKeep}, flags: s.backupFlags}, err
}

// jobs are the keeper's lines on the list of the server's jobs.
func (k *keeper) jobs() []job {
	if k == nil || k.to == "" {
		return nil
	}
	list := []job{{backupJob, every(k.flags.BackupEvery), k.backup}}
	if k.flags.DrillEvery > 0 {
		list = append(list, job{drillJob, k.drillDue, k.drill})
	}
	return list
}

// drillDue is some time after the last drill, and after the line was begun when there was none.
func (k *keeper) drillDue(last time.Time) time.Time {
	if last.IsZero() {
		line, err := backup.OpenLine(k.state, k.to)
		if err == nil {
			last, err = line.Begun()
		}
		if err != nil {
			return time.Now().Add(time.Hour) // the second place is away, and its alarm is another one
		}
	}
	return last.Add(k.flags.DrillEvery)
}

func (k *keeper) backup(ctx context.Context) error {
	k.one.Lock()
	defer k.one.Unlock()
	_, err := k.make(ctx)
	return errors.Join(err, fileReports(ctx, k.trail, k.state))
}

func (k *keeper) drill(ctx context.Context) error {
	k.one.Lock()
	defer k.one.Unlock()
	d := drill{trail: k.trail, state: k.state, from: k.to, secret: k.secret, in: k.flags.DrillIn, say: func(line string) { k.log.InfoContext(ctx, "drill", "step", line) }}
	_, err := d.run(ctx)
	return errors.Join(err, fileReports(ctx, k.trail, k.state))
}

// start runs the keeper beside the requests; what it gives waits for its end.
func (k *keeper) start(ctx context.Context) (wait func()) {
	if k == nil {
		return func() {}
	}
	var all sync.WaitGroup
	if k.to == "" {
		all.Go(func() { k.serveWishes(ctx) }) // what commands beside the server have made is filed all the same
	} else {
		all.Go(func() { k.run(ctx) })
	}
	return all.Wait
}

// run keeps the archive and serves wishes until ctx ends.
func (k *keeper) run(ctx context.Context) {
	var wishes sync.WaitGroup
	wishes.Go(func() { k.serveWishes(ctx) })
	defer wishes.Wait()
	var told string
	for ctx.Err() == nil {
		err := k.archive(ctx)
		if ctx.Err() != nil {
			return
		}
		if told != message(err) {
			told = message(err)
			k.log.ErrorContext(ctx, "the archive of the log stands still", "error", told)
		}
		k.tell(ctx, "", backup.Status{}, err)
		pause(ctx, tryAgain)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// tell stores how far the archive has come, for the screens. The database may be away: then nobody sees a screen.
func (k *keeper) tell(ctx context.Context, line string, s backup.Status, problem error) {
	a := continuity.Archive{Place: k.to, Line: line, Behind: s.Behind}
	if !s.CompleteAt.IsZero() {
		a.CompleteAt = &s.CompleteAt
	}
	if problem != nil {
		a.Problem = message(problem)
	}
	if err := continuity.KeepArchive(ctx, k.trail, a); err != nil {
		k.log.WarnContext(ctx, "the state of the archive could not be stored", "error", err)
	}
}

// archive receives the log until something fails. A line with a gap, or without a backup, gets a backup at once: the log alone restores nothing.
func (k *keeper) archive(ctx context.Context) error {
	line, err := backup.OpenLine(k.state, k.to)
	if err != nil {
		return err
	}
	if line, err = k.whole(ctx, line); err != nil {
		return err
	}
	a := &backup.Archive{Line: line, Access: k.access, Key: k.key}
	if err = a.Prepare(ctx); errors.Is(err, backup.ErrGap) {
		if a.Line, err = backup.NewLine(k.state, k.to); err == nil {
			err = errors.Join(a.Prepare(ctx), k.begun(ctx, line, a.Line, "The archive of the log has a gap: PostgreSQL had no room to wait longer for the second place."))
		}
	}
	if err != nil {
		return err
	}
	receiving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- a.Receive(receiving) }()
	var first sync.WaitGroup
	defer func() { stop(); first.Wait() }()
	first.Go(func() { k.firstOf(ctx, receiving, a.Line) })
	for {
		status, err := a.Look(ctx)
		if ctx.Err() == nil {
			k.tell(ctx, a.Line.ID, status, err)
		}
		if err == nil {
			var what string
			if what, err = a.Line.Missing(); what != "" {
				err = fmt.Errorf("the second place has not %s any more", what)
			}
		}
		if err != nil && ctx.Err() == nil {
			stop()
			return errors.Join(err, <-ended)
		}
		select {
		case err := <-ended:
			if err == nil {
				err = errors.New("pg_receivewal ended")
			}
			return err
		case <-ctx.Done():
			return k.finish(a, stop, ended)
		case <-time.After(lookAtArchive):
		}
	}
}

// whole begins a new line when the second place lost what this server had put there, be it the end of the log: the line cannot be relied on
// any more, and only the plant itself can tell.
func (k *keeper) whole(ctx context.Context, line backup.Line) (backup.Line, error) {
	what, err := line.Missing()
	if err != nil || what == "" {
		return line, err
	}
	pause(ctx, 2*time.Second) // what is being taken away because it is old is not lost
	again, err := line.Missing()
	if err != nil || again != what {
		return line, err
	}
	next, err := backup.NewLine(k.state, k.to)
	if err != nil {
		return line, err
	}
	return next, k.begun(ctx, line, next, "The second place has lost "+what+", which this server had put there. Find out who or what took it away.")
}

// begun tells that a new line was begun, and why: what was done between the two lines can be restored to the end of the one and from the
// first backup of the other only.
func (k *keeper) begun(ctx context.Context, old, next backup.Line, why string) error {
	k.log.WarnContext(ctx, "a new line is begun with a backup", "old", old.ID, "line", next.ID, "why", why)
	return quality.OpenIncident(ctx, k.trail, quality.Incident{
		Kind: quality.Backup, Cause: "gap " + next.ID, Reference: old.ID, At: time.Now(),
		Summary: fmt.Sprintf("%s Line %s of the backups can be restored as far as it is whole, line %s from its first backup on, and no moment between them.", why, old.ID, next.ID),
	})
}

// firstOf makes the first backup of a line that is signed by the key of today, unless the job that is due does it. Until there is one the log of the line restores nothing, so
// it tries as long as the line is being written.
func (k *keeper) firstOf(ctx, receiving context.Context, line backup.Line) {
	for wait := 2 * time.Second; ; wait = min(2*wait, retryWork) {
		pause(receiving, wait)
		k.one.Lock()
		made, err := line.Signed(k.key.Public)
		k.one.Unlock()
		if made || ctx.Err() != nil || receiving.Err() != nil {
			return
		}
		if err == nil {
			err = k.backup(ctx)
		}
		if err == nil {
			return // what becomes of it later the archive tells
		}
		if ctx.Err() == nil {
			k.log.ErrorContext(ctx, "the first backup of a line failed", "error", err)
		}
	}
}

// finish lets the archive come to the end of the log before the server stops: a plant that was stopped in order loses nothing with its disk.
func (k *keeper) finish(a *backup.Archive, stop func(), ended <-chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		status, err := a.Look(ctx)
		if err != nil || status.Behind == 0 {
			break
		}
		pause(ctx, 100*time.Millisecond)
	}
	stop()
	return <-ended
}

// serveWishes makes the backup that somebody asked for, and files what commands beside the server have made.
func (k *keeper) serveWishes(ctx context.Context) {
	for ctx.Err() == nil {
		var asked bool
		err := k.trail.Read(ctx, func(r *audit.Reader) (err error) {
			_, asked, err = continuity.Asked(ctx, r)
			return err
		})
		if err == nil && asked && k.to != "" {
			err = k.backup(ctx)
		} else if err == nil {
			err = fileReports(ctx, k.trail, k.state)
		}
		if err != nil && ctx.Err() == nil {
			k.log.ErrorContext(ctx, "a backup that was asked for failed", "error", err)
		}
		pause(ctx, lookAtArchive)
	}
}

// settle brings the plant in order before anybody works: the news that it came back from a backup is entered and everybody is logged out,
// waiting results are filed, and without a second place PostgreSQL need not keep its log for one.
func (p *plant) settle(ctx context.Context, db database, k *keeper, state string) error {
	trail := p.trail
	returned := 0
	err := backup.Returned(state).Each(func(raw []byte) error {
		var r continuity.Report
		if err := json.Unmarshal(raw, &r); err != nil {
			return err
		}
		returned++
		if err := errors.Join(continuity.File(ctx, trail, r), continuity.EndSessions(ctx, trail)); err != nil {
			return err
		}
		return quality.OpenIncident(ctx, trail, quality.Incident{Kind: quality.Backup, Cause: r.ID, Summary: r.Result, Reference: r.Name, At: r.Ended})
	})
	if err != nil {
		return fmt.Errorf("enter that this plant was restored: %w", err)
	}
	if err := fileReports(ctx, trail, state); err != nil {
		return err
	}
	if k != nil {
		k.trail, k.log, k.access, k.key = trail, p.log, *db.cluster, signer(p.key)
		p.keeper = k
		return nil
	}
	if db.cluster == nil {
		return nil
	}
	p.keeper = &keeper{copier: copier{trail: trail, state: state}, log: p.log}
	return errors.Join(backup.Forget(ctx, *db.cluster), continuity.KeepArchive(ctx, trail, continuity.Archive{}))
}
