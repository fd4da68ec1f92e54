package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/ebr/continuity"
	"veribatch/ebr/report"
	"veribatch/internal/backup"
	"veribatch/internal/fault"
	"veribatch/internal/postgres"
	"veribatch/signatures/access"
)

// drillCmd restores the newest backup beside the plant and checks the copy.
type drillCmd struct {
	place
	passphrase
	From     string `required:"" placeholder:"FOLDER" help:"Second place."`
	Unsigned bool   `help:"Take a backup that carries no signature of its plant."`
	In       string `placeholder:"FOLDER" help:"Where the copy is made and taken away again; it needs room for the whole database (the system's folder for temporary files)."`
}

// Run holds the drill and prints what was found. The server files it on the trail.
func (d *drillCmd) Run(ctx context.Context, o output) (err error) {
	if d.Database != "" {
		return theirs()
	}
	secret, err := d.read(o, false)
	if err != nil {
		return err
	}
	db, err := d.attach(ctx, o.say)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	trail, err := audit.Open(ctx, db.app)
	if err != nil {
		return err
	}
	defer trail.Close()
	r, err := drill{trail: trail, state: d.State, from: d.From, secret: secret, in: d.In, unsigned: d.Unsigned, say: o.say}.run(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(o.out, r.Result)
	return nil
}

// drill is one exercise: would the newest backup bring the plant back?
type drill struct {
	trail                   *audit.Trail // of the live plant
	state, from, secret, in string
	unsigned                bool
	say                     func(string)
}

// samples is how many batch records are printed from both and compared.
const samples = 20

// run holds the drill. How it ended waits in the state folder until the server files it; a failure is a result too.
func (d drill) run(ctx context.Context) (continuity.Report, error) {
	r := continuity.Report{ID: audit.NewID(), Kind: continuity.Drill, Place: d.from, Began: time.Now().UTC()}
	words, err := d.exercise(ctx, &r)
	r.Ended = time.Now().UTC()
	if r.Good = err == nil; r.Good {
		r.Result = fmt.Sprintf("Drill passed in %.1f s: %s", r.Ended.Sub(r.Began).Seconds(), words)
	} else {
		r.Result = "The drill failed: " + message(err)
		var f *fault.Error
		if errors.As(err, &f) {
			r.Cause = f.Message
		}
	}
	if ctx.Err() != nil { // it was not the backup that failed
		return r, ctx.Err()
	}
	return r, errors.Join(err, backup.Reports(d.state).Put(r.ID, r))
}

func (d drill) exercise(ctx context.Context, r *continuity.Report) (words string, err error) {
	found, err := backup.Find(d.from, "", time.Time{})
	if err != nil {
		return "", err
	}
	m := found.Manifest
	r.Name, r.Digest, r.Bytes, r.Files = m.ID, found.Digest, m.Bytes(), len(m.Files)
	scratch, err := os.MkdirTemp(d.in, "ebr-drill-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, postgres.Discard(scratch)) }()
	if err := os.Chmod(scratch, 0o711); err != nil { // the database user passes through; what is in it is closed
		return "", err
	}
	copyAt := filepath.Join(scratch, "copy")
	back, err := backup.Restore(ctx, backup.Order{Backup: found, State: copyAt, Passphrase: d.secret, Progress: d.say, Verify: verifySigned, Unsigned: d.unsigned})
	if err != nil {
		return "", err
	}
	at := place{State: copyAt}
	err = at.with(ctx, d.say, func(copied *audit.Trail) error {
		words, err = d.compare(ctx, copied, at.keys(), back, r)
		return err
	})
	return words, err
}

// compare verifies the copy and lays it beside the plant: every entry of the copy stands in the plant as it is, and records of batches in
// which nothing happened since are printed alike, byte for byte.
func (d drill) compare(ctx context.Context, copied *audit.Trail, keys string, back backup.Restored, r *continuity.Report) (string, error) {
	e, err := examineTrail(ctx, copied, keys, back.Heads)
	if err != nil {
		return "", err
	}
	err = d.trail.Read(ctx, func(live *audit.Reader) error {
		lacking, err := continuity.Lacking(ctx, live, e.heads.CSV)
		for _, l := range lacking {
			e.findings = append(e.findings, l+" of the copy does not stand in the plant as it is there")
		}
		return err
	})
	if err != nil {
		return "", err
	}
	printed, differ, err := d.print(ctx, copied)
	if err != nil {
		return "", err
	}
	for _, id := range differ {
		e.findings = append(e.findings, "the record of batch "+id+" is printed from the copy otherwise than from the plant")
	}
	if r.Entries = e.heads.Entries; len(e.findings) > 0 {
		for _, f := range e.findings {
			d.say("FOUND " + f) // may quote values, so it stands in no incident
		}
		return "", fault.New(fault.Refused, "%d disagreements in the copy of backup %s; the output of the drill names them", len(e.findings), r.Name)
	}
	return fmt.Sprintf("backup %s and %d segments of the log gave %d entries in %d streams, the newest of %s; all of them stand in the plant, the copy verifies, "+
		"and %d batch records are printed alike.", r.Name, back.Segments, e.heads.Entries, e.heads.Streams, e.heads.Newest.UTC().Format(time.RFC3339), printed), nil
}

// print prints batch records from the plant and from the copy.
func (d drill) print(ctx context.Context, copied *audit.Trail) (printed int, differ []string, err error) {
	var sample []batch.Summary
	everywhere := []string{access.WholeSite}
	err = copied.Read(ctx, func(q *audit.Reader) (err error) {
		if sample, err = batch.List(ctx, q, batch.Filter{Ended: true, Limit: samples, Areas: everywhere}); err == nil && len(sample) < samples {
			var open []batch.Summary
			open, err = batch.List(ctx, q, batch.Filter{Limit: samples - len(sample), Areas: everywhere})
			sample = append(sample, open...)
		}
		return err
	})
	for _, b := range sample {
		there, herr := sheet(ctx, copied, b.ID)
		here, lerr := sheet(ctx, d.trail, b.ID)
		if err := errors.Join(herr, lerr); err != nil {
			return printed, differ, err
		}
		switch {
		case there.entries != here.entries: // somebody works on it
		case there.sum != here.sum:
			differ = append(differ, b.Number)
		default:
			printed++
		}
	}
	return printed, differ, err
}

type printout struct {
	entries int
	sum     [32]byte
}

func sheet(ctx context.Context, trail *audit.Trail, id string) (p printout, err error) {
	var record report.Record
	err = trail.Read(ctx, func(q *audit.Reader) (err error) {
		record, err = report.Load(ctx, q, id)
		return err
	})
	if err != nil {
		return p, err
	}
	record.Site, record.Program, record.GeneratedAt = "Veribatch", "drill", time.Unix(0, 0)
	var b bytes.Buffer
	err = report.PDF(&b, record)
	return printout{len(record.Trail), sha256.Sum256(b.Bytes())}, err
}
