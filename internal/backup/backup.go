// Package backup owns copies of a plant in a second place: base backups of the private PostgreSQL, the archive of its write-ahead log,
// the state folder's keys under a passphrase, and the way back. It does not know what an entry or a batch is, and decides no schedule:
// ebr/continuity records what was done, cmd/ebr says when. Start reading at Line, then Make, Archive and Restore.
package backup

import (
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
)

// Format is the number of this layout of a second place; another one is refused, not guessed.
const Format = 1

// Manifest says what a backup is and what it is made of. Its own SHA-256 and signature stand beside it, and a copy of it inside the wrapped
// keys, so that one who has not the passphrase cannot rewrite it unseen.
type Manifest struct {
	Format       int       `json:"format"`
	ID           string    `json:"id"`
	Line         string    `json:"line"`
	Began        time.Time `json:"began"`
	Ended        time.Time `json:"ended"` // the copy is complete from here on: restores go to this time or later
	Version      string    `json:"version"`
	Revision     string    `json:"revision"`
	Schema       string    `json:"schema"`
	PostgreSQL   string    `json:"postgresql"` // major version that can restore it
	System       string    `json:"system"`     // PostgreSQL's identifier of the cluster
	FirstSegment string    `json:"first_segment"`
	LastSegment  string    `json:"last_segment"` // of the write-ahead log: later acts stand in this one and the following
	Entries      int64     `json:"entries"`      // of the trail, when the copy began; Heads has the newest of each stream
	Streams      int64     `json:"streams"`
	NewestEntry  time.Time `json:"newest_entry"`
	Files        []File    `json:"files"`
	Signer       string    `json:"signer,omitempty"`  // public half of the key that signs manifest and log; empty: made by a version that did not
	Wrapped      *File     `json:"wrapped,omitempty"` // the keys; nil in the copy that stands among them
}

// File is one file of a backup.
type File struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Bytes is the size of the backup.
func (m Manifest) Bytes() (sum int64) {
	for _, f := range m.Files {
		sum += f.Bytes
	}
	return sum
}

// Names inside a line and inside a backup.
const (
	manifestFile = "manifest.json"
	digestFile   = "manifest.sha256"
	wrappedFile  = "keys.age"
	headsFile    = "heads.csv"
	dataFolder   = "data"
	part         = ".part"
)

// Line is one unbroken history in a second place: the backups of one plant and the log between them. A restored copy, another place and
// a gap in the log each begin a new line, so two histories never mix in one archive.
type Line struct {
	ID  string
	Dir string // folder of the line

	state string // folder of the plant; "" for one who only reads
}

type lineFile struct {
	Format  int       `json:"format"`
	Line    string    `json:"line"`
	System  string    `json:"system"`
	Begun   time.Time `json:"begun"`
	LogFrom string    `json:"log_from,omitempty"` // first segment that the archive ought to have
}

func (l Line) base() string    { return filepath.Join(l.Dir, "base") }
func (l Line) log() string     { return filepath.Join(l.Dir, "log") }
func (l Line) digests() string { return filepath.Join(l.Dir, "digests") }

func (l Line) read() (f lineFile, err error) {
	raw, err := os.ReadFile(filepath.Join(l.Dir, "line.json"))
	if err == nil {
		err = json.Unmarshal(raw, &f)
	}
	if err == nil && f.Format != Format {
		err = fault.New(fault.NotReady, "%s was written in format %d, which this program does not know. Use the program that made it.", l.Dir, f.Format)
	}
	return f, err
}

// kept is what the state folder remembers of its line. It is not part of a backup: a restored copy begins a line of its own.
type kept struct{ Line, Place string }

func keptFile(state string) string { return filepath.Join(state, "backup", "line.json") }

// OpenLine gives the line of a plant in a second place. One that was begun and is not there now means that the place is away: nothing is
// written then, because an unmounted folder looks like an empty one.
func OpenLine(state, place string) (Line, error) {
	place, unlock, err := aloneAt(state, place)
	if err != nil {
		return Line{}, err
	}
	defer unlock()
	var k kept
	raw, err := os.ReadFile(keptFile(state))
	if err == nil {
		err = json.Unmarshal(raw, &k)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Line{}, fmt.Errorf("%s: %w", keptFile(state), err)
	}
	if k.Place != place {
		return beginLine(state, place)
	}
	l := Line{k.Line, filepath.Join(place, "veribatch", k.Line), state}
	if _, err := l.read(); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fault.New(fault.NotReady, "The second place %s is away: the backups of this plant do not stand there. Is it mounted? If they were moved or "+
				"lost on purpose, delete %s: backups then begin anew.", place, keptFile(state)).Because(err)
		}
		return Line{}, err
	}
	return l, nil
}

// NewLine begins a line anew, for a plant whose log has a gap.
func NewLine(state, place string) (Line, error) {
	place, unlock, err := aloneAt(state, place)
	if err != nil {
		return Line{}, err
	}
	defer unlock()
	return beginLine(state, place)
}

// aloneAt lets one line be begun at a time: the server asks for it from several sides, and a command may run beside it.
func aloneAt(state, place string) (abs string, unlock func(), err error) {
	if abs, err = filepath.Abs(place); err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(filepath.Dir(keptFile(state)), 0o700); err != nil {
		return "", nil, err
	}
	unlock, err = locked(filepath.Join(filepath.Dir(keptFile(state)), "lock"), 0)
	return abs, unlock, err
}

func beginLine(state, place string) (Line, error) {
	if info, err := os.Stat(place); err != nil || !info.IsDir() {
		return Line{}, fault.New(fault.Missing, "The second place %s is not there. Make the folder (on another disk or machine), then try again.", place).Because(err)
	}
	name := stamp(time.Now())
	l := Line{name, filepath.Join(place, "veribatch", name), state}
	for _, dir := range []string{l.base(), l.log(), l.digests()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return Line{}, fault.New(fault.NotReady, "The second place %s cannot be written.", place).Because(err)
		}
	}
	if err := writeJSON(filepath.Join(l.Dir, "line.json"), lineFile{Format: Format, Line: name, Begun: time.Now().UTC()}); err != nil {
		return Line{}, err
	}
	return l, writeJSON(keptFile(state), kept{name, place})
}

// Backups lists the whole backups of a line, oldest first. What is still being made, or was left half by a crash, is not among them.
func (l Line) Backups() (list []string, err error) {
	found, err := os.ReadDir(l.base())
	for _, f := range found {
		if f.IsDir() && !strings.HasSuffix(f.Name(), part) {
			list = append(list, f.Name())
		}
	}
	slices.Sort(list) // names begin with the time
	return list, err
}

// Signed tells whether the newest backup was signed by this key; one that cannot be read was not.
func (l Line) Signed(by string) (bool, error) {
	all, err := l.Backups()
	if err != nil || len(all) == 0 {
		return false, err
	}
	m, err := readManifest(filepath.Join(l.base(), all[len(all)-1]))
	return err == nil && m.Signer == by, nil
}

// Begun is when the line was begun.
func (l Line) Begun() (time.Time, error) {
	f, err := l.read()
	return f.Begun, err
}
