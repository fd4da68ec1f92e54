package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"veribatch/audit"
	"veribatch/ebr/continuity"
	"veribatch/ebr/quality"
	"veribatch/internal/backup"
	"veribatch/internal/fault"
	"veribatch/internal/postgres"
	"veribatch/migrations"
	"veribatch/signatures"
	"veribatch/signatures/keyring"
)

// backupCmd makes one backup of the private PostgreSQL, also beside a running server.
type backupCmd struct {
	place
	passphrase
	To   string `required:"" placeholder:"FOLDER" help:"Second place, on another disk or machine."`
	Keep int    `default:"14" placeholder:"N" help:"How many backups stay there (${default}). Only what this plant made is ever taken away, and the newest never."`
}

// theirs says what to do about an existing cluster.
func theirs() error {
	return fault.New(fault.NotReady, "The database that --database names belongs to its administrators, and their tools back it up (pg_basebackup with an archive of "+
		"the log, pgBackRest, Barman). docs/backup.md says what else has to be kept: the keys in the state folder.")
}

// Run makes the backup and prints what it is.
func (b *backupCmd) Run(ctx context.Context, o output) (err error) {
	if b.Database != "" {
		return theirs()
	}
	secret, err := b.read(o, true)
	if err != nil {
		return err
	}
	db, err := b.attach(ctx, o.say)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	trail, err := audit.Open(ctx, db.app)
	if err != nil {
		return err
	}
	defer trail.Close()
	c := copier{trail: trail, state: b.State, to: b.To, secret: secret, keep: b.Keep, access: *db.cluster}
	report, err := c.make(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.out, "%s\n%s in %s\nmanifest SHA-256 %s\n", report.Result, report.Name, b.To, report.Digest)
	return nil
}

// copier makes backups of a plant.
type copier struct {
	trail             *audit.Trail
	state, to, secret string
	keep              int
	access            postgres.Access
	key               backup.Key // that of the running server; without one, the file's
}

// signer lets the site key sign what goes into the second place.
func signer(key *keyring.File) backup.Key {
	return backup.Key{Public: hex.EncodeToString(key.Public()), Sign: key.Sign}
}

func verifySigned(public []byte, purpose string, message, signature []byte) bool {
	return keyring.Verify(public, purpose, message, signature)
}

// make makes a backup and takes old ones away. How it ended waits in the state folder until the server files it.
func (c copier) make(ctx context.Context) (continuity.Report, error) {
	r := continuity.Report{ID: audit.NewID(), Kind: continuity.Backup, Place: c.to, Began: time.Now().UTC()}
	m, digest, removed, err := c.copy(ctx)
	if fault.KindOf(err) == fault.Busy {
		return r, err
	}
	r.Ended = time.Now().UTC()
	if r.Good = err == nil; r.Good {
		r.Name, r.Digest, r.Bytes, r.Files, r.Entries = m.ID, digest, m.Bytes(), len(m.Files), m.Entries
		r.Result = fmt.Sprintf("Backup made and checked in %.1f s: %d files, %.1f MB, %d entries in %d streams.", r.Ended.Sub(r.Began).Seconds(), r.Files, float64(r.Bytes)/1e6, m.Entries, m.Streams)
		if len(removed) > 0 {
			r.Result += fmt.Sprintf(" Taken away: %d older ones, the last of them %s.", len(removed), removed[len(removed)-1])
		}
	} else {
		r.Result = "The backup failed: " + message(err)
	}
	return r, errors.Join(err, backup.Reports(c.state).Put(r.ID, r))
}

// withoutKey refuses a backup that would lack the site key: what is sealed and signed in it could never be checked.
func withoutKey(why error) error {
	return fault.New(fault.NotReady, "The site key of the plant cannot be read in its state folder, or is another one. A backup without it would be worth little: none was made, and no older one "+
		"was taken away. Bring keys/site.key back from the last backup first.").Because(why)
}

func (c copier) copy(ctx context.Context) (m backup.Manifest, digest string, removed []string, err error) {
	key, err := c.siteKey(ctx)
	if err != nil {
		return m, "", nil, err
	}
	line, err := backup.OpenLine(c.state, c.to)
	if err != nil {
		return m, "", nil, err
	}
	version, revision := build()
	m, digest, err = line.Make(ctx, backup.Source{
		State: c.state, Access: c.access, Passphrase: c.secret, Version: version, Revision: revision, Schema: migrations.Digest(), Key: key, Heads: c.heads,
	})
	if err != nil {
		return m, "", nil, err
	}
	if removed, err = line.Prune(c.keep); err != nil {
		err = fmt.Errorf("%s was made and is good, but older ones could not be taken away: %w", m.ID, err)
	}
	return m, digest, removed, err
}

// siteKey is the key in the state folder, when it is the one with which the server runs, or that the plant has recorded.
func (c copier) siteKey(ctx context.Context) (backup.Key, error) {
	key, err := keyring.Existing(filepath.Join(c.state, "keys"))
	if err != nil {
		return backup.Key{}, withoutKey(err)
	}
	known := c.key.Public == hex.EncodeToString(key.Public())
	if c.key.Public == "" {
		if known, err = signatures.Recorded(ctx, c.trail, key); err != nil {
			return backup.Key{}, err
		}
	}
	if !known {
		return backup.Key{}, withoutKey(nil)
	}
	return signer(key), nil
}

func (c copier) heads(ctx context.Context) (h backup.Heads, err error) {
	err = c.trail.Read(ctx, func(r *audit.Reader) error {
		found, err := continuity.ReadHeads(ctx, r)
		h = backup.Heads(found)
		return err
	})
	return h, err
}

// fileReports enters what waits in the state folder on the trail; what failed becomes an incident, also when no server ran at that time.
func fileReports(ctx context.Context, trail *audit.Trail, state string) error {
	return backup.Reports(state).Each(func(raw []byte) error {
		var r continuity.Report
		if err := json.Unmarshal(raw, &r); err != nil {
			return err
		}
		if err := continuity.File(ctx, trail, r); err != nil || r.Good {
			return err
		}
		return quality.OpenIncident(ctx, trail, quality.Incident{Kind: quality.Backup, Cause: strings.TrimSpace(string(r.Kind) + " " + r.Cause), Summary: r.Result, Reference: r.Name, At: r.Ended})
	})
}
