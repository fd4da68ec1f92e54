package backup

import (
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
}

// logAfter lists the segments that lead from a backup to the time asked for, without a gap, and the time until which they are complete.
// Segments that hold only later acts are not needed, so damage there does not stand in the way of an earlier time.
func (l Line) logAfter(m Manifest, until time.Time) (list []logFile, complete time.Time, err error) {
	f, err := l.read()
	if err != nil {
		return nil, complete, damaged("line.json", err.Error())
	}
	if f.LogFrom == "" || f.LogFrom > m.LastSegment {
		return nil, complete, nil // the backup was made without an archive: it is whole by itself
	}
	last, end, err := l.lastSegment()
	if err != nil {
		return nil, complete, err
	}
	for s := m.LastSegment; s <= last; s = nextSegment(s) {
		one := logFile{path: filepath.Join(l.log(), s), segment: s}
		if one.known, err = l.digestOfSegment(s); err != nil {
			return nil, complete, err
		}
		info, err := os.Stat(one.path)
		open := errors.Is(err, fs.ErrNotExist) && s == last
		if open {
			one.path += ".partial"
			info, err = os.Stat(one.path)
		}
		if end != nil && end.Segment == s {
			one.tail, complete = end, end.At
		}
		if open && err == nil && info.Size() < segmentBytes && (one.tail == nil || one.tail.Bytes == 0) {
			return list, complete, nil // it could not even be laid out, on a full disk, and holds nothing
		}
		if err != nil || one.known == nil && s != last {
			return nil, complete, missing(s, err == nil, m.Ended, complete)
		}
		list = append(list, one)
		if one.known != nil && !one.known.Open.IsZero() {
			complete = one.known.Open
			if !until.IsZero() && !complete.Before(until) {
				return list, complete, nil
			}
		}
	}
	return list, complete, nil
}

func missing(segment string, there bool, ended, complete time.Time) error {
	what := "is missing in the archive"
	if there {
		what = "stands in the archive without its digest"
	}
	if complete.Before(ended) {
		complete = ended
	}
	return fault.New(fault.Refused, "The segment %s of the log %s: acts that came later cannot be restored. Nothing was restored. "+
		"What was done before can be: use --until %s", segment, what, complete.UTC().Format(time.RFC3339))
}

// lastSegment gives the newest segment of which anything is known, be it only that it was there.
func (l Line) lastSegment() (last string, end *tail, err error) {
	for _, dir := range []string{l.log(), l.digests()} {
		found, err := os.ReadDir(dir)
		if err != nil {
			return "", nil, damaged(filepath.Base(dir), err.Error())
		}
		for _, f := range found {
			if name, _, _ := strings.Cut(f.Name(), "."); isSegment(name) {
				last = max(last, name)
			}
		}
	}
	raw, err := os.ReadFile(l.tailFile())
	if errors.Is(err, fs.ErrNotExist) {
		return last, nil, nil
	}
	if err == nil {
		end = &tail{}
		err = json.Unmarshal(raw, end)
	}
	if err != nil || !isSegment(end.Segment) {
		return "", nil, damaged("tail.json", "it cannot be read")
	}
	return max(last, end.Segment), end, nil
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

// copyTo copies a segment under the name by which PostgreSQL asks for it. What is known of it must agree.
func (f logFile) copyTo(wal string) error {
	to := filepath.Join(wal, f.segment)
	if f.known != nil {
		return copyChecked(f.path, to, File{"log/" + f.segment, f.known.Bytes, f.known.SHA256})
	}
	if f.tail != nil {
		sum, n, err := digestOf(f.path, f.tail.Bytes)
		if err != nil {
			return err
		}
		if n != f.tail.Bytes || sum != f.tail.SHA256 {
			return damaged("log/"+filepath.Base(f.path), "its SHA-256 up to the place that was noted is not the one that was noted")
		}
	}
	raw, err := os.ReadFile(f.path)
	if err != nil {
		return err
	}
	if len(raw) != segmentBytes {
		return damaged("log/"+filepath.Base(f.path), fmt.Sprintf("it has %d bytes instead of %d", len(raw), segmentBytes))
	}
	return os.WriteFile(to, raw, 0o600)
}
