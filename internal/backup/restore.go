package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"veribatch/internal/fault"
	"veribatch/internal/postgres"
)

// Backup is a whole backup that was found in a second place.
type Backup struct {
	Line     Line
	Manifest Manifest
	Digest   string // SHA-256 of the manifest
}

// Find chooses the backup for a restore: the one named by id, or the newest that was complete at until (zero: the newest). A damaged one
// is an error and never passed over in silence: whoever takes an older one shall know it.
func Find(place, id string, until time.Time) (Backup, error) {
	lines, err := os.ReadDir(filepath.Join(place, "veribatch"))
	if err != nil {
		return Backup{}, fault.New(fault.Missing, "%s holds no backups of Veribatch. Name the folder that was given to --to or --backup-to.", place).Because(err)
	}
	type where struct {
		line Line
		id   string
	}
	var all []where
	for _, d := range lines {
		l := Line{ID: d.Name(), Dir: filepath.Join(place, "veribatch", d.Name())}
		ids, err := l.Backups()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Backup{}, err
		}
		for _, one := range ids {
			all = append(all, where{l, one})
		}
	}
	slices.SortFunc(all, func(a, b where) int { return strings.Compare(b.id, a.id) })
	for _, w := range all {
		if id != "" && w.id != id {
			continue
		}
		b, err := w.line.backup(w.id)
		if err != nil {
			return b, err
		}
		if until.IsZero() || !b.Manifest.Ended.After(until) {
			return b, nil
		}
	}
	switch {
	case id != "":
		return Backup{}, fault.New(fault.Missing, "There is no backup %s in %s that was complete at the time asked for.", id, place)
	case len(all) == 0:
		return Backup{}, fault.New(fault.Missing, "There is no whole backup in %s.", place)
	}
	return Backup{}, fault.New(fault.Missing, "No backup in %s was complete at %s. The oldest is %s.", place, until.Format(time.RFC3339), all[len(all)-1].id)
}

func (l Line) backup(id string) (b Backup, err error) {
	b.Line = l
	dir := filepath.Join(l.base(), id)
	sum, err := os.ReadFile(filepath.Join(dir, digestFile))
	if err != nil {
		return b, damaged(id+"/"+digestFile, "it cannot be read")
	}
	if b.Digest, _, err = digestOf(filepath.Join(dir, manifestFile), -1); err != nil {
		return b, damaged(id+"/"+manifestFile, "it cannot be read")
	}
	if b.Digest != strings.TrimSpace(string(sum)) {
		return b, damaged(id+"/"+manifestFile, "its SHA-256 is not the one that was noted when it was made. An older backup can be named with --backup")
	}
	b.Manifest, err = readManifest(dir)
	return b, err
}

func readManifest(dir string) (m Manifest, err error) {
	raw, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err == nil {
		err = json.Unmarshal(raw, &m)
	}
	if err == nil && m.Format != Format {
		err = fault.New(fault.NotReady, "The backup %s was written in format %d, which this program does not know. Use version %s.", m.ID, m.Format, m.Version)
	}
	if err == nil && (m.Wrapped == nil || m.ID != filepath.Base(dir)) {
		err = damaged(manifestFile, "it is not of this backup")
	}
	return m, err
}

// Order says what is to be restored, and where.
type Order struct {
	Backup     Backup
	State      string // empty or new folder
	Passphrase string
	Until      time.Time // zero: to the end of the log
	Settings   []string  // of PostgreSQL, for a copy that is only looked at
	Progress   func(string)
	Verify     Verify
	Unsigned   bool // take a backup that carries no signature
	SignedOnly bool // leave out the end of the log that the plant had not signed yet
}

// Restored says what came back.
type Restored struct {
	LastCommit time.Time // of the log that was replayed; zero: nothing came after the backup itself
	LogUntil   time.Time // the log that was at hand is complete until then; zero: there was none, or it does not say
	Segments   int
	Signed     bool   // backup and log carry the plant's signature, the log until LogUntil
	Heads      []byte // newest entry of every stream when the backup was made
}

// Restore fills an empty folder. Passphrase and manifest are checked first, then every file while it is copied, and PostgreSQL starts
// only when all of them are what they were.
func Restore(ctx context.Context, o Order) (r Restored, err error) {
	b := o.Backup
	dir := filepath.Join(b.Line.base(), b.Manifest.ID)
	keys, err := b.keys(dir, o.Passphrase)
	if err != nil {
		return r, err
	}
	n, err := b.notary(o)
	if err != nil {
		return r, err
	}
	log, until, err := b.Line.logAfter(b.Manifest, o.Until, n)
	if err != nil {
		return r, err
	}
	if o.SignedOnly && n.asks() {
		log = signedPart(log)
	}
	if log, until, err = b.beyond(log, until); err != nil {
		return r, err
	}
	r.Signed = n.asks()
	r.LogUntil, r.Segments = until, len(log)
	o.Progress(fmt.Sprintf("Restoring the backup %s (%d files, %d MB) and %d segments of the log", b.Manifest.ID, len(b.Manifest.Files), b.Manifest.Bytes()>>20, len(log)))
	r.LastCommit, err = postgres.Recover(ctx, postgres.Recovery{
		Options: postgres.Options{State: o.State, Progress: o.Progress, Settings: o.Settings}, Until: o.Until,
		Fill: func(data, wal string) error {
			if r.Heads, err = copyBase(dir, data, b.Manifest.Files); err != nil {
				return err
			}
			for _, s := range log {
				if err := s.copyTo(wal); err != nil {
					return err
				}
			}
			o.Progress("Every file is what it was when it was written. PostgreSQL replays the log")
			return writeState(o.State, keys)
		},
	})
	return r, err
}

// keys opens the wrapped keys and compares the manifest among them with the one outside.
func (b Backup) keys(dir, passphrase string) (map[string][]byte, error) {
	path := filepath.Join(dir, wrappedFile)
	sum, n, err := digestOf(path, -1)
	if err != nil || n != b.Manifest.Wrapped.Bytes || sum != b.Manifest.Wrapped.SHA256 {
		return nil, damaged(wrappedFile, "its SHA-256 is not the one that was noted when it was made")
	}
	keys, err := unwrap(path, passphrase)
	if err != nil {
		return nil, err
	}
	outer := b.Manifest
	outer.Wrapped = nil
	inner, err := json.Marshal(outer)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(inner, keys[manifestFile]) {
		return nil, damaged(manifestFile, "it is not the one that stands among the wrapped keys: somebody wrote it anew")
	}
	delete(keys, manifestFile)
	return keys, nil
}

func copyBase(dir, data string, files []File) (heads []byte, err error) {
	for _, f := range files {
		if err := local(f.Path); err != nil {
			return nil, err
		}
		to, inData := strings.CutPrefix(f.Path, dataFolder+"/")
		if inData {
			err = copyChecked(filepath.Join(dir, f.Path), filepath.Join(data, to), f)
		} else if heads, err = os.ReadFile(filepath.Join(dir, f.Path)); err == nil {
			sum, n, _ := digestOf(filepath.Join(dir, f.Path), -1)
			if sum != f.SHA256 || n != f.Bytes {
				err = damaged(f.Path, "its SHA-256 is not the one that was noted when it was made")
			}
		}
		if err != nil {
			return nil, err
		}
	}
	// Folders of PostgreSQL that are empty have no file that would make them.
	return heads, filepath.WalkDir(filepath.Join(dir, dataFolder), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		name, err := filepath.Rel(filepath.Join(dir, dataFolder), path)
		if err != nil {
			return err
		}
		return os.MkdirAll(filepath.Join(data, name), 0o700)
	})
}

func writeState(state string, keys map[string][]byte) error {
	for name, text := range keys {
		to, ok := strings.CutPrefix(name, "state/")
		if !ok {
			return damaged(wrappedFile, "it holds "+name)
		}
		path := filepath.Join(state, filepath.FromSlash(to))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := writeWhole(path, text); err != nil {
			return err
		}
	}
	return nil
}
