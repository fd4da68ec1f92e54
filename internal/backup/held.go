package backup

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The state folder remembers what it put into the second place: what was taken away there, from the end too, is missed, and a segment is
// never signed twice, so nobody gets a signature for another text by taking the first one away.

// archived is the newest segment that was signed.
type archived struct{ Line, Segment, Digest string }

// made are the backups that ought to stand there.
type made struct {
	Line    string
	Backups []madeBackup
}

type madeBackup struct{ ID, First string } // First: segment of the log with which it begins

func (l Line) archivedFile() string { return filepath.Join(l.state, "backup", "archived.json") }
func (l Line) madeFile() string     { return filepath.Join(l.state, "backup", "made.json") }

// recall reads what is remembered; of another line nothing is.
func recall[T any](path string, line func(T) string, is string) (memory T, err error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return memory, nil
	}
	var found T
	if err == nil {
		err = json.Unmarshal(raw, &found)
	}
	if err != nil || line(found) != is {
		return memory, err
	}
	return found, nil
}

func (l Line) archived() (archived, error) {
	return recall(l.archivedFile(), func(a archived) string { return a.Line }, l.ID)
}

func (l Line) made() (made, error) {
	return recall(l.madeFile(), func(m made) string { return m.Line }, l.ID)
}

// remember changes the list of backups; commands beside the server do so too.
func (l Line) remember(change func([]madeBackup) []madeBackup) error {
	_, unlock, err := aloneAt(l.state, l.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	m, err := l.made()
	if err != nil {
		return err
	}
	return writeJSON(l.madeFile(), made{l.ID, change(m.Backups)})
}

// Missing names the first thing that this plant put into its line and that does not stand there any more; "": all is there. What is being
// taken away at this moment because it is old looks missing for a moment: ask twice.
func (l Line) Missing() (what string, err error) {
	there := map[string]bool{}
	for _, dir := range []string{l.base(), l.log(), l.digests()} {
		found, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		for _, f := range found {
			there[filepath.Base(dir)+"/"+f.Name()] = true
		}
	}
	f, err := l.read() // after the lists: a place that goes away meanwhile has lost nothing
	if err != nil {
		return "", err
	}
	last, err := l.archived()
	if err != nil {
		return "", err
	}
	m, err := l.made()
	if err != nil {
		return "", err
	}
	from := last.Segment
	for _, b := range m.Backups {
		if !there["base/"+b.ID] {
			return "the backup " + b.ID, nil
		}
		from = min(from, b.First)
	}
	if last.Segment == "" {
		return "", nil
	}
	for s := max(from, f.LogFrom); s <= last.Segment; s = nextSegment(s) {
		if !there["log/"+s] || !there["digests/"+s+".json"] {
			return "the segment " + s + " of the log or its digest", nil
		}
	}
	if sum, _, err := digestOf(l.digestFile(last.Segment), -1); err == nil && sum != last.Digest {
		return "the digest of the segment " + last.Segment + ", which was written anew,", nil
	}
	return "", nil
}

// note signs the digests of finished segments that have none yet, each with the digest of the one before.
func (a *Archive) note(open string) error {
	found, err := os.ReadDir(a.Line.log())
	if err != nil {
		return err
	}
	last, err := a.Line.archived()
	if err != nil {
		return err
	}
	if last.Segment == "" { // the first run that remembers: what stands there is as it is
		if last, err = a.Line.firstMemory(); err != nil {
			return err
		}
	}
	for _, f := range found {
		if !isSegment(f.Name()) || f.Name() <= last.Segment {
			continue
		}
		sum, n, err := digestOf(filepath.Join(a.Line.log(), f.Name()), -1)
		if err != nil {
			return err
		}
		d := digest{Line: a.Line.ID, Segment: f.Name(), Bytes: n, SHA256: sum, At: time.Now().UTC(), Open: a.seen[f.Name()]}
		if last.Segment != "" && nextSegment(last.Segment) == f.Name() {
			d.Previous = last.Digest
		}
		d.Signature = a.Key.sign(ofSegment, d.message())
		if err := writeJSON(a.Line.digestFile(f.Name()), d); err != nil {
			return err
		}
		last = archived{Line: a.Line.ID, Segment: f.Name()}
		if last.Digest, _, err = digestOf(a.Line.digestFile(f.Name()), -1); err != nil {
			return err
		}
		if err := writeJSON(a.Line.archivedFile(), last); err != nil {
			return err
		}
	}
	for name := range a.seen {
		if name < open && name <= last.Segment {
			delete(a.seen, name)
		}
	}
	return nil
}

// firstMemory adopts the digests of a version that did not remember.
func (l Line) firstMemory() (last archived, err error) {
	found := endingIn(l.digests(), ".json")
	if len(found) == 0 {
		return last, nil
	}
	newest := slices.Max(found)
	last = archived{Line: l.ID, Segment: strings.TrimSuffix(filepath.Base(newest), ".json")}
	if last.Digest, _, err = digestOf(newest, -1); err != nil {
		return last, err
	}
	return last, writeJSON(l.archivedFile(), last)
}
