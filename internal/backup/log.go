package backup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"veribatch/internal/fault"
)

// logFile is one segment for a restore: finished, with its digest, or the last one, known up to a place.
type logFile struct {
	path, segment string
	known         *digest
	tail          *tail
	cut           bool      // only what the tail knows is wanted
	before        time.Time // what was committed until then stands in earlier segments, or in the backup itself
}

// logAfter lists the segments that lead from a backup to the time asked for, without a gap, and the time until which they are complete.
// Segments that hold only later acts are not needed, so damage there does not stand in the way of an earlier time.
func (l Line) logAfter(m Manifest, until time.Time, n notary) (list []logFile, complete time.Time, err error) {
	f, err := l.read()
	if err != nil {
		return nil, complete, damaged("line.json", err.Error())
	}
	if f.LogFrom == "" || f.LogFrom > m.LastSegment {
		return nil, complete, nil // the backup was made without an archive: it is whole by itself
	}
	last, noted, end, err := l.lastSegment()
	if err != nil {
		return nil, complete, err
	}
	if !l.genuine(end, n) {
		end = nil
		defer func() { list, err = withoutTail(list, complete, until, err) }()
	}
	complete = m.Ended
	loose := 0
	for s := m.LastSegment; s <= last; s = nextSegment(s) {
		one := logFile{path: filepath.Join(l.log(), s), segment: s, before: complete}
		if one.known, err = l.digestOfSegment(s); err != nil {
			return nil, complete, err
		}
		_, err := os.Stat(one.path)
		if errors.Is(err, fs.ErrNotExist) && s == last {
			one.path += ".partial"
			_, err = os.Stat(one.path)
		}
		if end != nil && end.Segment == s {
			one.tail, complete = end, later(m.Ended, end.At)
		}
		forged := one.known != nil && n.asks() && !n.signed(l, one, lastOf(list))
		if one.known == nil && one.tail == nil {
			loose++
		}
		switch enough := !until.IsZero() && !until.After(one.before); {
		case enough && (err != nil || forged || one.check() != nil):
			return list, one.before, nil
		case forged:
			return nil, complete, one.lost("carries a digest that this plant did not sign")
		case n.asks() && loose > unsignedEnd:
			return nil, complete, one.lost("carries no signature of this plant")
		case err != nil:
			return nil, complete, one.lost("is missing in the archive")
		case one.known == nil && s < noted: // the newest ones wait for theirs a few seconds
			return nil, complete, one.lost("stands in the archive without its digest")
		}
		list = append(list, one)
		if one.known != nil && !one.known.Open.IsZero() {
			complete = later(m.Ended, one.known.Open) // what was done before its end stands in the backup itself
			if !until.IsZero() && !complete.Before(until) {
				return list, complete, nil
			}
		}
	}
	return list, complete, nil
}

func (l Line) genuine(end *tail, n notary) bool {
	return end == nil || !n.asks() || end.Line == l.ID && n.agrees(ofTail, end.message(), end.Signature)
}

// withoutTail gives the log to a time for which no tail is needed. What follows a tail that is not genuine is not believed; it may be another key's,
// of the plant itself later.
func withoutTail(list []logFile, complete, until time.Time, err error) ([]logFile, error) {
	if err == nil && (until.IsZero() || complete.Before(until)) {
		return nil, damaged("tail.json", "it carries no signature of this plant")
	}
	return list, err
}

func lastOf(list []logFile) *logFile {
	if len(list) == 0 {
		return nil
	}
	return &list[len(list)-1]
}

// signedPart leaves out what follows the last signature.
func signedPart(list []logFile) []logFile {
	for i, f := range list {
		switch {
		case f.known != nil:
		case f.tail != nil:
			list[i].cut = true
			return list[:i+1]
		default:
			return list[:i]
		}
	}
	return list
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// lost says which time can be restored all the same.
func (f logFile) lost(how string) error {
	return fault.New(fault.Refused, "The segment %s of the log %s: acts that came later cannot be restored. Nothing was restored. "+
		"What was done before can be: use --until %s", f.segment, how, f.before.UTC().Format(time.RFC3339Nano))
}

// lastSegment gives the newest segment of which anything is known, be it only that it was there, and the newest that has its digest.
func (l Line) lastSegment() (last, noted string, end *tail, err error) {
	for _, dir := range []string{l.log(), l.digests()} {
		found, err := os.ReadDir(dir)
		if err != nil {
			return "", "", nil, damaged(filepath.Base(dir), err.Error())
		}
		for _, f := range found {
			name, ending, _ := strings.Cut(f.Name(), ".")
			if info, err := f.Info(); ending == "partial" && (err != nil || info.Size() < segmentBytes) {
				continue // a full disk did not even let it be laid out: it holds nothing, unless the tail says otherwise
			}
			if isSegment(name) {
				last = max(last, name)
				if ending == "json" {
					noted = max(noted, name)
				}
			}
		}
	}
	raw, err := os.ReadFile(l.tailFile())
	if errors.Is(err, fs.ErrNotExist) {
		return last, noted, nil, nil
	}
	if err == nil {
		end = &tail{}
		err = json.Unmarshal(raw, end)
	}
	if err != nil || !isSegment(end.Segment) {
		return "", "", nil, damaged("tail.json", "it cannot be read")
	}
	return max(last, end.Segment), noted, end, nil
}

func (l Line) digestOfSegment(s string) (*digest, error) {
	raw, err := os.ReadFile(l.digestFile(s))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var d digest
	if err == nil {
		err = json.Unmarshal(raw, &d)
	}
	if err != nil {
		return nil, damaged("digests/"+s+".json", "it cannot be read")
	}
	return &d, nil
}

// check compares what is known of a segment with what it is.
func (f logFile) check() error {
	want, limit := int64(segmentBytes), int64(-1)
	sum := ""
	switch {
	case f.known != nil:
		want, sum = f.known.Bytes, f.known.SHA256
	case f.tail != nil:
		want, limit, sum = f.tail.Bytes, f.tail.Bytes, f.tail.SHA256
	}
	found, n, err := digestOf(f.path, limit)
	if err != nil {
		return err
	}
	if n != want || sum != "" && found != sum {
		return f.lost("is damaged in the archive")
	}
	return nil
}

// text is what PostgreSQL gets of a segment. What is known of it must agree.
func (f logFile) text() ([]byte, error) {
	if _, err := os.Stat(f.path); errors.Is(err, fs.ErrNotExist) {
		f.path = strings.TrimSuffix(f.path, ".partial") // a drill reads beside the plant, which finished it meanwhile
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(f.path)
	if err != nil {
		return nil, err
	}
	if len(raw) != segmentBytes {
		return nil, f.lost(fmt.Sprintf("has %d bytes instead of %d in the archive", len(raw), segmentBytes))
	}
	if f.cut {
		clear(raw[f.tail.Bytes:])
	}
	return raw, nil
}

// copyTo copies a segment under the name by which PostgreSQL asks for it.
func (f logFile) copyTo(wal string) error {
	raw, err := f.text()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(wal, f.segment), raw, 0o600)
}

// beyond leaves out an unfinished end of the archive that does not hold all that the backup itself holds of this segment: PostgreSQL asks the
// archive first, and would miss the end of the backup there. Its own copy counts then, and nothing is known to be complete after it.
func (b Backup) beyond(list []logFile, complete time.Time) ([]logFile, time.Time, error) {
	if len(list) != 1 || list[0].known != nil || list[0].segment != b.Manifest.LastSegment {
		return list, complete, nil
	}
	own, err := os.ReadFile(filepath.Join(b.Line.base(), b.Manifest.ID, dataFolder, "pg_wal", list[0].segment))
	if errors.Is(err, fs.ErrNotExist) {
		return list, complete, nil // the backup ends with the segment before
	}
	if err != nil {
		return nil, complete, err
	}
	raw, err := list[0].text()
	if err != nil || bytes.HasPrefix(raw, bytes.TrimRight(own, "\x00")) {
		return list, complete, err
	}
	return nil, b.Manifest.Ended, nil
}
