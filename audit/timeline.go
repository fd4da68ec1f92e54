package audit

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"
)

// Value names one value that is followed through the trail: a field of the record ID or, without ID, of all records of the table that say Same. Where
// a record replaces another one, the column Replaces names that one, and its value is what stood before.
type Value struct {
	Home             Stream // stream in which the record has its entries
	Table, ID, Field string
	Same             map[string]string
	Replaces         string
	After            int64 // continue behind this entry
}

// Moment is one change of a value: the entry that made it, what stood before and what stands since. A record that an entry created had no value before.
type Moment struct {
	Row
	Record        string // id
	Created       bool
	Before, Since *string
}

// Timeline is one page of the moments of a value, the oldest first.
type Timeline struct {
	Moments []Moment
	End     int64 // the last entry that was looked at
	More    bool  // there are entries behind End
}

// A page of a timeline looks at so many entries of a stream at a time, and ends after so many of them or when it has so many moments.
const (
	timelineWindow  = 1000
	timelineEntries = 5000
	timelineMoments = 100
)

const (
	newestSeq  = `select coalesce((select h.seq from audit.heads h where h.stream = $1), 0)`
	entriesFor = `select e.body, e.hash, e.at, e.stream, e.seq from audit.entries e where e.stream = @stream and e.seq > @after and e.seq <= @until
	and not e.refused and position(convert_to(@table, 'UTF8') in e.body) > 0 order by e.seq`
)

// Follow gives what happened to a value. It looks at the entries of one stream, of which it reads those that touched the table.
func Follow(ctx context.Context, q Querier, of Value) (t Timeline, err error) {
	var newest int64
	if err := q.QueryRow(ctx, newestSeq, string(of.Home)).Scan(&newest); err != nil {
		return t, err
	}
	f := follower{Value: of, known: map[string]*string{}}
	for t.End = of.After; t.End < newest && t.End < of.After+timelineEntries && len(t.Moments) < timelineMoments; {
		until := min(t.End+timelineWindow, newest)
		rows, err := q.Query(ctx, entriesFor, pgx.NamedArgs{"stream": string(of.Home), "after": t.End, "until": until, "table": `"table" : "` + of.Table + `"`})
		if err != nil {
			return t, err
		}
		found, err := pgx.CollectRows(rows, scanRow)
		if err != nil {
			return t, err
		}
		for _, row := range found {
			moments, err := f.moments(ctx, q, row)
			if err != nil {
				return t, err
			}
			if t.Moments, t.End = append(t.Moments, moments...), row.Seq; len(t.Moments) >= timelineMoments {
				break
			}
		}
		if len(t.Moments) < timelineMoments {
			t.End = until
		}
	}
	t.More = t.End < newest
	return t, nil
}

type follower struct {
	Value
	known map[string]*string // the value in each record that was seen
}

// moments are the changes of the value in one entry.
func (f *follower) moments(ctx context.Context, q Querier, row Row) (list []Moment, err error) {
	for _, c := range row.Changes {
		if c.Table != f.Table || f.ID != "" && c.ID != f.ID {
			continue
		}
		var before, after Image
		if err := json.Unmarshal(c.After, &after); err != nil {
			return nil, err
		}
		if len(c.Before) > 0 {
			if err := json.Unmarshal(c.Before, &before); err != nil {
				return nil, err
			}
		}
		now, had := after[f.Field]
		if !had || !f.says(after) {
			continue
		}
		m := Moment{Row: row, Record: c.ID, Created: c.Op == "insert", Before: before[f.Field], Since: now}
		if replaced := after[f.Replaces]; m.Created && f.Replaces != "" && replaced != nil {
			if m.Before, err = f.value(ctx, q, *replaced); err != nil {
				return nil, err
			}
			m.Created = false
		}
		f.known[c.ID] = now
		if m.Created && (f.ID != "" || now != nil && *now != "") || !m.Created && !same(m.Before, m.Since) {
			list = append(list, m)
		}
	}
	return list, nil
}

func (f *follower) says(image Image) bool {
	for column, text := range f.Same {
		if v := image[column]; v == nil || *v != text {
			return false
		}
	}
	return true
}

// value is what a record held; one that stood on an earlier page is looked up.
func (f *follower) value(ctx context.Context, q Querier, record string) (*string, error) {
	if v, seen := f.known[record]; seen {
		return v, nil
	}
	image, err := NewestImage(ctx, q, f.Home, f.Table, record)
	return image[f.Field], err
}
