package audit

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// link is the last entry of a stream that was read.
type link struct {
	seq  int64
	hash []byte
	at   time.Time
}

// lineage is what the trail says of one record row: how many versions it saw, the digest of the newest image, and whether each
// change began at the image with which the one before it ended. links is the XOR over all images after and before a change, each
// hashed with its version: in an unbroken line only the newest image remains.
type lineage struct {
	versions, newest int64
	links            [32]byte
	digest           [32]byte
	stream           string // the entry of the newest image
	seq              int64
}

func (l *lineage) where() string { return fmt.Sprintf("entry %s #%d", l.stream, l.seq) }

type verifier struct {
	Report
	q       Querier
	state   bool // the records are compared too: what the entries say of them is remembered
	heads   map[string]*link
	rows    map[string]*lineage
	also    *Sum // the subjects that the entries name
	entry   scanned
	current string // the stream of the newest entry read, and its link
	last    *link
	buffer  []byte
}

func newVerifier(q Querier) *verifier {
	v := &verifier{q: q, heads: map[string]*link{}, rows: map[string]*lineage{}}
	v.Sealed = NewSum()
	v.also = v.Sealed.Empty()
	return v
}

func (v *verifier) found(format string, args ...any) {
	v.Findings = append(v.Findings, fmt.Sprintf(format, args...))
}

// stored is one row of audit.entries.
type stored struct {
	stream  []byte
	seq     int64
	at      time.Time
	person  uuid.UUID
	act     []byte
	refused bool
	body    []byte
	hash    []byte
}

func readStored(row [][]byte) stored {
	return stored{row[0], number(row[1]), TimeOf(row[2]), uuid.UUID(row[3]), row[4], row[5][0] != 0, row[6], row[7]}
}

func number(value []byte) int64 { return int64(binary.BigEndian.Uint64(value)) }

// TimeOf reads a timestamptz of PostgreSQL: microseconds since 2000.
func TimeOf(value []byte) time.Time { return time.UnixMicro(number(value) + 946684800_000000).UTC() }

const everyEntry = `select stream, seq, at, person, act, refused, body, hash from audit.entries order by stream, seq`

func (v *verifier) chains(ctx context.Context) error {
	rows, err := v.q.Query(ctx, everyEntry, Binary)
	if err != nil {
		return err
	}
	err = Pour(rows, func(row [][]byte) error {
		v.Entries++
		v.chain(readStored(row))
		return nil
	})
	v.Streams = int64(len(v.heads))
	return err
}

// chain checks one entry behind the one before it.
func (v *verifier) chain(s stored) {
	if v.last == nil || v.current != string(s.stream) {
		v.current = string(s.stream)
		if v.last = v.heads[v.current]; v.last == nil {
			v.last = &link{}
			v.heads[v.current] = v.last
		}
	}
	v.Sealed.Add(s.stream, s.seq, s.hash)
	switch {
	case !v.sound(s):
		v.explain(s)
	case v.state:
		v.remember(s.seq, s.at)
	}
	v.last.seq, v.last.at, v.last.hash = s.seq, s.at, append(v.last.hash[:0], s.hash...)
}

// sound tells whether nothing is wrong with an entry that is as audit.seal writes it; what it says is then in v.entry.
func (v *verifier) sound(s stored) bool {
	e := &v.entry
	sum := sha256.Sum256(s.body)
	if string(sum[:]) != string(s.hash) || !e.read(s.body) {
		return false
	}
	var before, person [64]byte
	if len(v.last.hash) > 0 && len(v.last.hash) != len(sum) {
		return false
	}
	prev := before[:hex.Encode(before[:], v.last.hash)]
	u := s.person
	hex.Encode(person[:8], u[:4])
	hex.Encode(person[9:13], u[4:6])
	hex.Encode(person[14:18], u[6:8])
	hex.Encode(person[19:23], u[8:10])
	hex.Encode(person[24:36], u[10:])
	person[8], person[13], person[18], person[23] = '-', '-', '-', '-'
	return s.seq == v.last.seq+1 && string(e.prev) == string(prev) && !e.time.Before(v.last.at) && e.seq == s.seq && e.time.Equal(s.at) && e.refused == s.refused &&
		string(e.stream) == string(s.stream) && string(e.act) == string(s.act) && string(e.person) == string(person[:36])
}

// explain says what is wrong with an entry, if anything is: it may only be written in an unusual way.
func (v *verifier) explain(s stored) {
	name := fmt.Sprintf("entry %s #%d", s.stream, s.seq)
	sum := sha256.Sum256(s.body)
	if string(sum[:]) != string(s.hash) {
		v.found("%s: its bytes do not give its hash", name)
	}
	e, err := Decode(s.body)
	if err != nil {
		v.found("%s: %v", name, err)
		return
	}
	if wrong := (Entry{Seq: s.seq, Prev: e.Prev, Time: e.Time}).follows(v.last.seq, v.last.hash, v.last.at); wrong != "" {
		v.found("%s %s", name, wrong)
	}
	if string(e.Stream) != string(s.stream) || e.Seq != s.seq || !e.Time.Equal(s.at) || e.By.Person != s.person.String() || e.Act != string(s.act) || e.Refused != s.refused {
		v.found("%s: its columns (stream, seq, at, person, act, refused) do not repeat its body", name)
	}
	if !v.state {
		return
	}
	v.entry = scanned{stream: []byte(e.Stream)}
	for _, also := range e.Also {
		v.entry.also = append(v.entry.also, []byte(also))
	}
	for _, c := range e.Changes {
		v.entry.changes = append(v.entry.changes, scannedChange{[]byte(c.Table), []byte(c.ID), []byte(c.Op), c.Before, c.After, c.Version})
	}
	v.remember(e.Seq, e.Time)
}

// remember folds the changes and subjects of v.entry.
func (v *verifier) remember(seq int64, at time.Time) {
	e := &v.entry
	for _, c := range e.changes {
		v.buffer = append(append(append(v.buffer[:0], c.table...), ' '), c.id...)
		row := v.rows[string(v.buffer)]
		if row == nil {
			row = &lineage{}
			v.rows[string(v.buffer)] = row
		}
		row.versions++
		v.link(row, c.version, c.after)
		if string(c.op) == "update" {
			v.link(row, c.version-1, c.before)
		}
		if c.version > row.newest {
			row.newest, row.digest, row.stream, row.seq = c.version, sha256.Sum256(c.after), v.current, seq
		}
	}
	for i, subject := range e.also {
		if !slices.ContainsFunc(e.also[:i], func(s []byte) bool { return string(s) == string(subject) }) {
			v.also.Add(subject, seq, e.stream, binary.BigEndian.AppendUint64(nil, uint64(at.UnixMicro())))
		}
	}
}

func (v *verifier) image(version int64, image []byte) [32]byte {
	v.buffer = append(append(strconv.AppendInt(v.buffer[:0], version, 10), ' '), image...)
	return sha256.Sum256(v.buffer)
}

func (v *verifier) link(l *lineage, version int64, image []byte) {
	sum := v.image(version, image)
	subtle.XORBytes(l.links[:], l.links[:], sum[:])
}

// unbroken tells whether every change began where the one before it ended: what happened to the row between two entries shows.
func (v *verifier) unbroken(l *lineage, newest []byte) bool {
	return l.links == v.image(l.newest, newest)
}

const everyHead = `select stream, seq, hash, at from audit.heads order by stream`

func (v *verifier) headsMatch(ctx context.Context) error {
	rows, err := v.q.Query(ctx, everyHead)
	if err != nil {
		return err
	}
	return v.compareHeads(rows)
}

func (v *verifier) compareHeads(rows pgx.Rows) error {
	var stream string
	var head, none link
	seen := map[string]bool{}
	_, err := pgx.ForEachRow(rows, []any{&stream, &head.seq, &head.hash, &head.at}, func() error {
		seen[stream] = true
		last := v.heads[stream]
		if last == nil {
			last = &none
		}
		if last.seq != head.seq {
			v.found("stream %s: its head says %d entries, %d are there", stream, head.seq, last.seq)
		} else if string(last.hash) != string(head.hash) {
			v.found("stream %s: its head does not carry the hash of entry %d", stream, head.seq)
		} else if !last.at.Equal(head.at) {
			v.found("stream %s: its head does not carry the time of entry %d", stream, head.seq)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, s := range slices.Sorted(maps.Keys(v.heads)) {
		if !seen[s] {
			v.found("stream %s: entries without a head", s)
		}
	}
	return nil
}

const (
	everySubject = `select subject, stream, seq, at from audit.subjects`
	withSubjects = `select body from audit.entries where position(convert_to('"also":[]', 'UTF8') in body) = 0`
)

// subjectsMatch compares the subjects in the entries with those in the table as sets; only when they differ is each looked for.
func (v *verifier) subjectsMatch(ctx context.Context) error {
	rows, err := v.q.Query(ctx, everySubject, Binary)
	if err != nil {
		return err
	}
	there := v.also.Empty()
	var buffer []byte
	err = Pour(rows, func(row [][]byte) error {
		buffer = binary.BigEndian.AppendUint64(buffer[:0], uint64(TimeOf(row[3]).UnixMicro()))
		there.Add(row[0], number(row[2]), row[1], buffer)
		return nil
	})
	if err != nil || there.Equal(v.also) {
		return err
	}
	return v.nameSubjects(ctx)
}

func subjectKey(subject, stream string, seq int64, at time.Time) string {
	return fmt.Sprintf("%s in %s #%d at %s", subject, stream, seq, at.UTC().Format(time.RFC3339Nano))
}

// nameSubjects finds the subjects that only the entries or only the table know.
func (v *verifier) nameSubjects(ctx context.Context) error {
	rows, err := v.q.Query(ctx, withSubjects)
	if err != nil {
		return err
	}
	said := map[string]bool{}
	var body []byte
	_, err = pgx.ForEachRow(rows, []any{&body}, func() error {
		if e, err := Decode(body); err == nil { // else the entry itself was already reported
			for _, s := range e.Also {
				said[subjectKey(string(s), string(e.Stream), e.Seq, e.Time)] = true
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if rows, err = v.q.Query(ctx, everySubject); err != nil {
		return err
	}
	var subject, stream string
	var seq int64
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&subject, &stream, &seq, &at}, func() error {
		key := subjectKey(subject, stream, seq, at)
		if !said[key] {
			v.found("audit.subjects %s: no entry says so", key)
		}
		delete(said, key)
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(said)) {
		v.found("audit.subjects lacks %s", key)
	}
	return nil
}

const wrongContents = `select encode(digest, 'hex'), sha256(bytes) = digest from audit.contents`

func (v *verifier) contentsMatch(ctx context.Context) error {
	rows, err := v.q.Query(ctx, wrongContents)
	if err != nil {
		return err
	}
	var digest string
	var whole bool
	_, err = pgx.ForEachRow(rows, []any{&digest, &whole}, func() error {
		v.Contents++
		if !whole {
			v.found("audit.contents %s: its bytes do not give its digest", digest)
		}
		return nil
	})
	return err
}
