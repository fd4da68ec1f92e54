package audit

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Filter selects entries for a screen or a report. Empty fields do not filter. Newest come first unless Oldest is set.
type Filter struct {
	Subject  Stream // entries of this stream and those that name it in also
	Person   string // id of the actor
	Act      string
	From, To time.Time
	Refused  bool     // refused acts only
	Areas    []string // entries in the streams of these areas only; nil does not filter, an empty list finds nothing
	After    Cursor   // continue behind this entry
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

// The arms of a page: all entries; the entries of one stream; the entries of other streams that name it. Each walks an index of
// its own from the cursor on and stops at the limit, so that a page costs the same in the first year and in the tenth.
const (
	ofAll   = `select e.body, e.hash, e.at, e.stream, e.seq from audit.entries e where true`
	ofHome  = `select e.body, e.hash, e.at, e.stream, e.seq from audit.entries e where e.stream = @subject`
	naming  = `select e.body, e.hash, e.at, e.stream, e.seq from audit.subjects s join audit.entries e on e.stream = s.stream and e.seq = s.seq where s.subject = @subject and s.stream <> @subject`
	younger = ` order by at, stream, seq limit @limit`
	older   = ` order by at desc, stream desc, seq desc limit @limit`
)

// Conditions that History joins to an arm; {e} is the table whose index the arm walks.
const (
	ofPerson  = ` and e.person = @person`
	ofAct     = ` and e.act = @act`
	ofRefused = ` and e.refused`
	inAreas   = ` and e.stream in (select s.stream from ebr.area_streams s where s.area = any(@areas))`
	inPeriod  = ` and {e}.at >= @from and {e}.at < @to`
	after     = ` and ({e}.at, {e}.stream, {e}.seq) > (@at, @stream, @seq) order by {e}.at, {e}.stream, {e}.seq limit @limit`
	before    = ` and ({e}.at, {e}.stream, {e}.seq) < (@at, @stream, @seq) order by {e}.at desc, {e}.stream desc, {e}.seq desc limit @limit`
)

const pageLength = 50

var (
	dawn = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	dusk = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
)

// History reads one page of entries.
func History(ctx context.Context, q Querier, f Filter) ([]Row, error) {
	f.complete()
	sql := f.arm(ofAll, "e")
	if f.Subject != "" {
		sql = "select * from ((" + f.arm(ofHome, "e") + ") union all (" + f.arm(naming, "s") + ")) page" + map[bool]string{false: older, true: younger}[f.Oldest]
	}
	rows, err := q.Query(ctx, sql, pgx.NamedArgs{
		"subject": string(f.Subject), "person": f.Person, "act": f.Act, "areas": f.Areas, "from": f.From, "to": f.To,
		"at": f.After.Time, "stream": string(f.After.Stream), "seq": f.After.Seq, "limit": f.Limit,
	})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanRow)
}

// arm joins the conditions of the filter to one arm. Nothing that a person typed becomes part of the text.
func (f *Filter) arm(sql, walked string) string {
	for _, part := range []struct {
		on  bool
		sql string
	}{{f.Person != "", ofPerson}, {f.Act != "", ofAct}, {f.Refused, ofRefused}, {f.Areas != nil, inAreas}, {true, inPeriod}, {!f.Oldest, before}, {f.Oldest, after}} {
		if part.on {
			sql += strings.ReplaceAll(part.sql, "{e}", walked)
		}
	}
	return sql
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

const streamInAreas = `select exists (select from ebr.area_streams s where s.stream = @stream and s.area = any(@areas))`

// InAreas tells whether a stream belongs to one of the areas.
func InAreas(ctx context.Context, q Querier, stream Stream, areas []string) (within bool, err error) {
	err = q.QueryRow(ctx, streamInAreas, pgx.NamedArgs{"stream": string(stream), "areas": areas}).Scan(&within)
	return within, err
}

const entriesAt = `select e.body, e.hash, e.at, e.stream, e.seq from unnest(@streams::text[], @seqs::bigint[]) with ordinality k (stream, seq, n)
	join audit.entries e on e.stream = k.stream and e.seq = k.seq order by k.n`

// Entries reads the entries at the places, in their order.
func Entries(ctx context.Context, q Querier, places []Cursor) ([]Row, error) {
	streams, seqs := make([]string, len(places)), make([]int64, len(places))
	for i, p := range places {
		streams[i], seqs[i] = string(p.Stream), p.Seq
	}
	rows, err := q.Query(ctx, entriesAt, pgx.NamedArgs{"streams": streams, "seqs": seqs})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanRow)
}

func scanRow(row pgx.CollectableRow) (Row, error) {
	var body, hash []byte
	var place Cursor
	if err := row.Scan(&body, &hash, &place.Time, &place.Stream, &place.Seq); err != nil {
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
