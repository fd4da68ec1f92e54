package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"veribatch/audit"
	"veribatch/ebr/continuity"
	"veribatch/internal/backup"
	"veribatch/internal/fault"
	"veribatch/internal/postgres"
)

// restoreCmd fills an empty state folder from a backup.
type restoreCmd struct {
	passphrase
	From       string `required:"" placeholder:"FOLDER" help:"Second place that was given to --to or --backup-to."`
	State      string `required:"" placeholder:"FOLDER" help:"State folder to fill: new, or empty."`
	Backup     string `placeholder:"NAME" help:"Name of one backup. Without it: the newest that was complete at the time asked for."`
	Unsigned   bool   `help:"Take a backup that carries no signature of its plant, made by an older version. The restored plant says so."`
	SignedOnly bool   `help:"Leave out the end of the log that the plant had not signed yet: the last seconds before it was lost."`
	Until      string `placeholder:"TIME" help:"Restore what was committed until this time and nothing later: 2026-11-22T21:30:00Z, or a time of this machine's zone without Z. Without it: all that the archive holds."`
}

// Run restores, verifies and says what came back.
func (r *restoreCmd) Run(ctx context.Context, o output) error {
	until, err := parseUntil(r.Until)
	if err != nil {
		return err
	}
	found, err := backup.Find(r.From, r.Backup, until)
	if err != nil {
		return err
	}
	secret, err := r.read(o, false)
	if err != nil {
		return err
	}
	began := time.Now().UTC()
	back, err := backup.Restore(ctx, backup.Order{Backup: found, State: r.State, Passphrase: secret, Until: until, Progress: o.say,
		Verify: verifySigned, Unsigned: r.Unsigned, SignedOnly: r.SignedOnly})
	if err != nil {
		return err
	}
	check, err := examine(ctx, place{State: r.State}, back.Heads, o.say)
	if err != nil {
		return fmt.Errorf("the copy stands in %s, but it could not be verified; do not work with it: %w", r.State, err)
	}
	report := continuity.Report{
		ID: audit.NewID(), Kind: continuity.Restore, Good: len(check.findings) == 0, Name: found.Manifest.ID, Place: r.From, Digest: found.Digest,
		Bytes: found.Manifest.Bytes(), Files: len(found.Manifest.Files), Entries: check.heads.Entries, Began: began, Ended: time.Now().UTC(),
		Result: outcome(found.Manifest, back, until, check),
	}
	if !until.IsZero() {
		report.Until = &until
	}
	for _, f := range check.findings {
		fmt.Fprintln(o.out, "FOUND", f)
	}
	fmt.Fprintln(o.out, report.Result)
	if err := errors.Join(backup.Returned(r.State).Put(report.ID, report), postgres.Complete(r.State)); err != nil {
		return err
	}
	if !report.Good {
		fmt.Fprintln(o.out, "Do not work with this copy: try an older backup, or an earlier time, in another folder.")
		return errFound
	}
	fmt.Fprintf(o.out, "Start it with: ebr serve --state %s\n", r.State)
	return nil
}

// outcome says in words what came back and what did not.
func outcome(m backup.Manifest, back backup.Restored, until time.Time, check examined) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Restored from backup %s of %s", m.ID, m.Ended.Format(time.RFC3339))
	if !until.IsZero() {
		fmt.Fprintf(&b, " until %s", until.Format(time.RFC3339Nano))
	}
	fmt.Fprintf(&b, ": %d entries in %d streams, the newest of %s.", check.heads.Entries, check.heads.Streams, check.heads.Newest.UTC().Format(time.RFC3339Nano))
	switch {
	case back.Segments == 0 && !back.LogUntil.IsZero():
		b.WriteString(" The archive of the log had not gone beyond the backup: acts after the backup are lost.")
	case back.Segments == 0:
		b.WriteString(" No archive of the log was at hand: acts after the backup are lost.")
	case until.IsZero() && !back.LogUntil.IsZero():
		fmt.Fprintf(&b, " The archive of the log is complete until %s at least; acts that came later may be lost.", back.LogUntil.UTC().Format(time.RFC3339))
	case !until.IsZero() && !back.LogUntil.IsZero() && back.LogUntil.Before(until):
		fmt.Fprintf(&b, " The archive of the log is certain until %s only: acts between that and the time asked for may be lost.", back.LogUntil.UTC().Format(time.RFC3339))
	}
	switch {
	case !back.Signed:
		b.WriteString(" The backup carries NO signature of its plant; it was taken because --unsigned was given.")
	case back.LastCommit.After(back.LogUntil) && back.Segments > 0:
		fmt.Fprintf(&b, " What is dated later than %s comes from the end of the log, which the plant had not signed yet: compare it with paper and people.", back.LogUntil.UTC().Format(time.RFC3339))
	}
	b.WriteString(" Accounts and roles are as they were then: repeat at once who left and what was taken away since. Machines need new tokens.")
	if len(check.findings) > 0 {
		fmt.Fprintf(&b, " The copy is NOT good: %d disagreements.", len(check.findings))
	} else {
		b.WriteString(" The records agree with the trail and the trail with itself.")
	}
	return b.String()
}

func parseUntil(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fault.New(fault.Invalid, "--until %s is not a time. Write it as 2026-11-22T21:30:00Z.", text)
}

// examined is what was found in a restored copy.
type examined struct {
	heads    continuity.Heads
	findings []string
}

// examine starts a restored copy, brings it to the schema of this program, verifies it and looks for the entries that it must hold.
func examine(ctx context.Context, at place, heads []byte, say func(string)) (e examined, err error) {
	err = at.with(ctx, say, func(trail *audit.Trail) error {
		e, err = examineTrail(ctx, trail, at.keys(), heads)
		return err
	})
	return e, err
}

func examineTrail(ctx context.Context, trail *audit.Trail, keys string, heads []byte) (e examined, err error) {
	report, err := verifyAll(ctx, trail, keys, "", nil)
	if err != nil {
		return e, err
	}
	e.findings = report.Findings
	return e, trail.Read(ctx, func(r *audit.Reader) error {
		lacking, err := continuity.Lacking(ctx, r, heads)
		if err != nil {
			return err
		}
		for _, l := range lacking {
			e.findings = append(e.findings, l+" stood in the plant when the backup was made, and is not in the copy as it was")
		}
		e.heads, err = continuity.ReadHeads(ctx, r)
		return err
	})
}

// with opens the private database of a state folder for a while.
func (p place) with(ctx context.Context, say func(string), do func(*audit.Trail) error) (err error) {
	db, err := p.open(ctx, say)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	if err := db.ready(ctx, say); err != nil {
		return err
	}
	trail, err := audit.Open(ctx, db.app)
	if err != nil {
		return err
	}
	defer trail.Close()
	return do(trail)
}
