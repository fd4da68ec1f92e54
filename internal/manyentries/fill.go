package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	lines    = 16   // batches under way at a time
	perBatch = 2000 // entries of a batch
)

// site is refused by the program as the site of a plant.
const site = `insert into audit.logs (epoch, origin, began_at, reason) values (1, 'veribatch/00000000-0000-0000-0000-000000000000/1', clock_timestamp(), 'invented entries');`

const indexes = `select indexname, indexdef from pg_indexes where schemaname = 'audit' and tablename = 'entries' and indexname <> 'entries_pkey'`

// fill writes the entries into the tables by COPY, and makes the indexes when they stand there.
func fill(ctx context.Context, owner *pgx.Conn, i *inventor) error {
	if _, err := owner.Exec(ctx, `set role ebr_owner; set maintenance_work_mem = '1GB'; set max_parallel_maintenance_workers = 2; `+site); err != nil {
		return err
	}
	rows, err := owner.Query(ctx, indexes)
	if err != nil {
		return err
	}
	made, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Name, Definition string }])
	if err != nil {
		return err
	}
	for _, m := range made {
		if _, err := owner.Exec(ctx, `drop index audit.`+m.Name); err != nil {
			return err
		}
	}
	for _, t := range []struct {
		name    string
		columns []string
		source  pgx.CopyFromSource
	}{
		{"entries", []string{"stream", "seq", "at", "person", "act", "refused", "body", "hash"}, i},
		{"subjects", []string{"subject", "at", "stream", "seq"}, pgx.CopyFromFunc(i.nextSubject)},
		{"heads", []string{"stream", "seq", "hash", "at"}, pgx.CopyFromFunc(i.nextHead)},
	} {
		if _, err := owner.CopyFrom(ctx, pgx.Identifier{"audit", t.name}, t.columns, t.source); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	for _, m := range made {
		start := time.Now()
		if _, err := owner.Exec(ctx, m.Definition); err != nil {
			return err
		}
		fmt.Printf("%s: %.0f s\n", m.Name, time.Since(start).Seconds())
	}
	for _, sql := range []string{`vacuum (analyze) audit.entries`, `analyze audit.subjects`} {
		if _, err := owner.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// line is a chain under way.
type line struct {
	stream string
	seq    int64
	hash   []byte
	at     time.Time
}

// inventor makes entries in the order of time.
type inventor struct {
	plant
	random   *rand.Rand
	left     int
	at       time.Time
	lines    [lines]line
	done     []line
	subjects [][]any
	row      []any
}

func newInventor(p plant, entries int) *inventor {
	return &inventor{plant: p, random: rand.New(rand.NewPCG(4, 24)), left: entries, at: beginning}
}

var beginning = time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)

// every is the time between two entries.
const every = 9 * time.Second

func (i *inventor) id() string {
	var u uuid.UUID
	for n := range u {
		u[n] = byte(i.random.Uint32())
	}
	u[6], u[8] = u[6]&0x0f|0x70, u[8]&0x3f|0x80
	return u.String()
}

// Next implements pgx.CopyFromSource.
func (i *inventor) Next() bool {
	if i.left == 0 {
		return false
	}
	i.left--
	i.at = i.at.Add(every + time.Duration(i.random.IntN(1000))*time.Millisecond)
	n := i.random.IntN(lines)
	l := &i.lines[n]
	if l.stream == "" || l.seq == perBatch {
		if l.stream != "" {
			i.done = append(i.done, *l)
		}
		*l = line{stream: "batch/" + i.id()}
	}
	i.entry(l, n)
	return true
}

// entry composes the next entry of a chain as audit.seal does.
func (i *inventor) entry(l *line, n int) {
	e := i.draw(n)
	l.seq++
	l.at = i.at
	var b strings.Builder
	fmt.Fprintf(&b, `{"v":1,"stream":"%s","seq":%d,"prev":"%s","time":"%s","by":{"name": "%s", "user": "%s", "person": "%s", "session": "%s"`,
		l.stream, l.seq, hex.EncodeToString(l.hash), i.at.Format("2006-01-02T15:04:05.000000Z"), e.person[24:], e.person[24:], e.person, e.person)
	if e.signed {
		fmt.Fprintf(&b, `, "ticket": "%s"`, i.id())
	}
	fmt.Fprintf(&b, `},"station":"%s","act":"%s","reason":"%s","key":"%s","also":[%s]`, e.station, e.act, e.reason, i.id(), e.also)
	if e.refused {
		b.WriteString(`,"refused":true,"details":{"refusal": "This value is outside its limits."},"changes":[]}`)
	} else {
		fmt.Fprintf(&b, `,"details":{"batch": "B-2026-000001", "step": "%03d"},"changes":[{"table" : "ebr.batch_history", "id" : "%s", "version" : 1, "op" : "insert", "after" : {"reading" : "%d.50", "supersedes" : %s}}`,
			l.seq%150, i.id(), l.seq, e.supersedes)
		fmt.Fprintf(&b, `,{"table" : "ebr.batches", "id" : "%s", "version" : %d, "op" : "update", "before" : {"state" : "running"}, "after" : {"state" : "running"}}]}`, l.stream[6:], l.seq+1)
	}
	body := []byte(b.String())
	sum := sha256.Sum256(body)
	l.hash = sum[:]
	i.row = []any{l.stream, l.seq, i.at, uuid.MustParse(e.person), e.act, e.refused, body, l.hash}
	if e.also != "" {
		i.subjects = append(i.subjects, []any{strings.Trim(e.also, `"`), i.at, l.stream, l.seq})
	}
}

// drawn is what chance decides of an entry.
type drawn struct {
	person, station, act, reason, also, supersedes string
	signed, refused                                bool
}

func (i *inventor) draw(n int) drawn {
	d := drawn{
		person: i.people[(n*13+i.random.IntN(20)*i.random.IntN(11))%len(i.people)], station: i.stations[(n*2+i.random.IntN(3))%len(i.stations)],
		act: "step.record", supersedes: "null",
	}
	switch k := i.random.IntN(1000); {
	case k < 150:
		d.act, d.signed = "step.perform", true
	case k < 190:
		d.act, d.signed = "step.verify", true
	case k < 200:
		d.act, d.reason, d.supersedes = "step.correct", "misread the last digit", `"`+i.id()+`"`
	case k < 205:
		d.refused = true
	case k < 300:
		d.person = i.machines[i.random.IntN(len(i.machines))]
	case k < 320:
		d.act = "step.comment"
	}
	if i.random.IntN(40) == 0 {
		d.also = `"person/` + i.people[i.random.IntN(len(i.people))] + `"`
	}
	return d
}

// Values implements pgx.CopyFromSource.
func (i *inventor) Values() ([]any, error) { return i.row, nil }

// Err implements pgx.CopyFromSource.
func (i *inventor) Err() error { return nil }

func (i *inventor) nextSubject() (row []any, err error) {
	if len(i.subjects) > 0 {
		row, i.subjects = i.subjects[0], i.subjects[1:]
	}
	return row, nil
}

func (i *inventor) nextHead() ([]any, error) {
	for n := range i.lines {
		if l := i.lines[n]; l.stream != "" {
			i.done, i.lines[n] = append(i.done, l), line{}
		}
	}
	if len(i.done) == 0 {
		return nil, nil
	}
	l := i.done[0]
	i.done = i.done[1:]
	return []any{l.stream, l.seq, l.hash, l.at}, nil
}
