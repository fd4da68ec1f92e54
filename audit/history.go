package audit

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Filter selects entries for a screen or a report. Empty fields do not filter. Newest come first unless Oldest is set.
type Filter struct {
	Subject  Stream // entries of this stream and those that name it in also
	Person   string // id of the actor
	Act      string
	From, To time.Time
	Refused  bool   // refused acts only
	After    Cursor // continue behind this entry
	Oldest   bool
	Limit    int // at most 500; 0 means 50
}

// Cursor is the place of an entry in the order of time; the zero Cursor is the beginning. Pages are fetched by key, so that
// page 1,000 costs what page 1 costs.
type Cursor struct {
	Time   time.Time
	Stream Stream
	Seq    int64
}

// Row is an entry as stored: the parsed body, its hash and the exact bytes.
type Row struct {
	Entry
	Body []byte
}

// Cursor is the row's place.
func (r Row) Cursor() Cursor { return Cursor{Time: r.Time, Stream: r.Stream, Seq: r.Seq} }

// All entries, in the order of time.
const historyOfAll = `select e.body, e.hash from audit.entries e where true`

// One subject: its own stream by primary key, and the entries of other streams that name it.
const historyOfSubject = `
	select e.body, e.hash from (
		(select e.* from audit.entries e where e.stream = @subject)
		union all
		(select e.* from audit.subjects s join audit.entries e on e.stream = s.stream and e.seq = s.seq where s.subject = @subject and s.stream <> @subject)
	) e where true`

// Fragments that History joins; each is constant and rests on an index of its own.
const (
	ofPerson    = ` and e.person = @person`
	ofAct       = ` and e.act = @act`
	ofRefused   = ` and e.refused`
	inPeriod    = ` and e.at >= @from and e.at < @to`
	olderThan   = ` and (e.at, e.stream, e.seq) < (@at, @stream, @seq) order by e.at desc, e.stream desc, e.seq desc limit @limit`
	youngerThan = ` and (e.at, e.stream, e.seq) > (@at, @stream, @seq) order by e.at, e.stream, e.seq limit @limit`
	pageLength  = 50
)

var (
	dawn = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	dusk = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
)

// History reads one page of entries.
func History(ctx context.Context, q Querier, f Filter) ([]Row, error) {
	f.complete()
	sql := historyOfAll
	if f.Subject != "" {
		sql = historyOfSubject
	}
	for _, part := range []struct {
		on  bool
		sql string
	}{{f.Person != "", ofPerson}, {f.Act != "", ofAct}, {f.Refused, ofRefused}, {true, inPeriod}, {!f.Oldest, olderThan}, {f.Oldest, youngerThan}} {
		if part.on {
			sql += part.sql
		}
	}
	rows, err := q.Query(ctx, sql, pgx.NamedArgs{
		"subject": string(f.Subject), "person": f.Person, "act": f.Act, "from": f.From, "to": f.To,
		"at": f.After.Time, "stream": string(f.After.Stream), "seq": f.After.Seq, "limit": f.Limit,
	})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanRow)
}

// complete fills in what an empty field means.
func (f *Filter) complete() {
	if f.Limit <= 0 {
		f.Limit = pageLength
	}
	f.Limit = min(f.Limit, 500)
	if f.From.IsZero() {
		f.From = dawn
	}
	if f.To.IsZero() {
		f.To = dusk
	}
	if f.After == (Cursor{}) {
		f.After.Time = dusk
		if f.Oldest {
			f.After.Time = dawn
		}
	}
}

func scanRow(row pgx.CollectableRow) (Row, error) {
	var body, hash []byte
	if err := row.Scan(&body, &hash); err != nil {
		return Row{}, err
	}
	e, err := Decode(body)
	e.Hash = hash
	return Row{Entry: e, Body: body}, err
}

const newestImage = `select audit.newest_image($1, $2, $3)`

// NewestImage is the last image that the trail holds of one record row, read from the row's home stream; nil when there is none.
func NewestImage(ctx context.Context, q Querier, home Stream, table, id string) (image Image, err error) {
	err = q.QueryRow(ctx, newestImage, string(home), table, id).Scan(&image)
	return image, err
}
