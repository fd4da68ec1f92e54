package audit

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Search is a Filter with what an inspector asks besides: any of it together.
type Search struct {
	Filter
	Station string // id
	Signed  bool   // acts that carry a signature
	Changed bool   // what was changed after it was first entered
	By      string // People or Machines; "" for both
}

// Who acted: somebody, or the server, a migration or a machine with a token.
const (
	People   = "people"
	Machines = "machines"
)

// Found is one page of a search. A page looks at a bounded number of entries: when few of many match, it may end before it is full, and the next one goes on.
type Found struct {
	Rows []Row // in the order of the search
	More bool  // there may be more behind End
	End  Cursor
}

// A way is an index that a search can walk in the order of time, with the condition that the index answers.
type way struct{ from, where string }

var everything = way{`audit.entries e`, `true`}

const (
	ofStation = `audit.station_of(e.body) = @station`
	ofSigned  = `not e.refused and audit.is_signed(e.body)`
	ofChanged = `not e.refused and audit.is_change(e.body)`
	machines  = `(select p.id from ebr.people p where p.kind = 'service')`
	ofAbout   = `(e.stream = @subject or exists (select from audit.subjects s where s.subject = @subject and s.at = e.at and s.stream = e.stream and s.seq = e.seq))`
)

// criteria are the conditions of a search, each with the ways on which only such entries stand; none when it is met on the way.
func (s *Search) criteria() (conditions []string, ways [][]way) {
	add := func(on bool, condition string, walked ...way) {
		if on {
			conditions = append(conditions, condition)
			if len(walked) > 0 {
				ways = append(ways, walked)
			}
		}
	}
	simple := func(on bool, condition string) { add(on, condition, way{everything.from, condition}) }
	add(s.Subject != "", ofAbout, way{everything.from, `e.stream = @subject`},
		way{`audit.subjects x join audit.entries e on e.stream = x.stream and e.seq = x.seq`, `x.subject = @subject and x.stream <> @subject`})
	simple(s.Person != "", `e.person = @person`)
	simple(s.Act != "", `e.act = @act`)
	simple(s.Refused, `e.refused`)
	add(s.By == Machines, `e.person in `+machines, way{machines + ` m cross join lateral ({of}) e`, `e.person = m.id`})
	add(s.By == People, `e.person not in `+machines)
	simple(s.Station != "", ofStation) // these read the bytes: the cheapest first
	simple(s.Signed, ofSigned)
	simple(s.Changed, ofChanged)
	add(s.Areas != nil, `e.stream in (select a.stream from ebr.area_streams a where a.area = any(@areas))`)
	return conditions, ways
}

// window is the query for the next places on a way, from the cursor on.
func (s *Search) window(ways []way, hit string) string {
	arms := make([]string, len(ways))
	for i, w := range ways {
		walked := "e"
		if strings.HasPrefix(w.from, "audit.subjects") {
			walked = "x"
		}
		behind := map[bool]string{false: before, true: after}[s.Oldest]
		tail := strings.ReplaceAll(inPeriod+behind, "{e}", walked)
		from, where := w.from, w.where
		if strings.Contains(from, "{of}") {
			from = strings.ReplaceAll(from, "{of}", `select e.at, e.stream, e.seq, e.person, e.act, e.refused, e.body from audit.entries e where `+where+tail)
			where = `true`
		}
		arms[i] = `(select e.at, e.stream, e.seq, ` + hit + ` as hit from ` + from + ` where ` + where + tail + `)`
	}
	if len(arms) == 1 {
		return arms[0]
	}
	return `(select at, stream, seq, hit from (` + strings.Join(arms, ` union all `) + `) w` + map[bool]string{false: older, true: younger}[s.Oldest] + `)`
}

// How far one page looks when conditions are combined: the windows that it asks for, one after the other.
var windows = []int{400, 1600}

// Explore finds one page of a search. Of several conditions it walks the index on which the cursor comes furthest with few entries, and looks at the others there.
func Explore(ctx context.Context, q Querier, s Search) (found Found, err error) {
	s.complete()
	conditions, ways := s.criteria()
	e := explorer{q: q, s: &s, hit: strings.Join(append(conditions, "true"), " and ")}
	sizes := windows
	if len(conditions) == len(ways) && len(ways) <= 1 {
		e.hit, sizes = "true", []int{s.Limit + 1}
	}
	if len(ways) > 1 {
		if ways[0], err = e.sparsest(ctx, ways); err != nil {
			return found, err
		}
	}
	if len(ways) == 0 {
		ways = [][]way{{everything}}
	}
	var places []Cursor
	found.End = s.After
	for _, size := range sizes {
		seen, matching, err := e.look(ctx, ways[0], size)
		if err != nil {
			return found, err
		}
		places = append(places, matching...)
		if found.More = len(seen) == size; len(seen) > 0 {
			found.End = seen[len(seen)-1]
			s.After = found.End
		}
		if len(places) >= s.Limit || !found.More {
			break
		}
	}
	if len(places) > s.Limit {
		places = places[:s.Limit]
		found.More, found.End = true, places[s.Limit-1]
	}
	found.Rows, err = Entries(ctx, q, places)
	return found, err
}

type explorer struct {
	q   Querier
	s   *Search
	hit string
}

func (e explorer) args(limit int) pgx.NamedArgs {
	return pgx.NamedArgs{
		"subject": string(e.s.Subject), "person": e.s.Person, "act": e.s.Act, "areas": e.s.Areas, "from": e.s.From, "to": e.s.To, "station": e.s.Station,
		"at": e.s.After.Time, "stream": string(e.s.After.Stream), "seq": e.s.After.Seq, "limit": limit,
	}
}

// look gives the next places on a way, and those of them that match.
func (e explorer) look(ctx context.Context, ways []way, size int) (seen, matching []Cursor, err error) {
	rows, err := e.q.Query(ctx, e.s.window(ways, e.hit), e.args(size))
	if err != nil {
		return nil, nil, err
	}
	var c Cursor
	var hit bool
	_, err = pgx.ForEachRow(rows, []any{&c.Time, &c.Stream, &c.Seq, &hit}, func() error {
		seen = append(seen, c)
		if hit {
			matching = append(matching, c)
		}
		return nil
	})
	return seen, matching, err
}

// sparsest is the way on which the first window reaches furthest.
func (e explorer) sparsest(ctx context.Context, ways [][]way) (best []way, err error) {
	var reached Cursor
	count := windows[0]
	for _, w := range ways {
		rows, err := e.q.Query(ctx, e.s.window(w, "true"), e.args(windows[0]))
		if err != nil {
			return nil, err
		}
		seen, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Cursor, err error) {
			var hit bool
			return c, row.Scan(&c.Time, &c.Stream, &c.Seq, &hit)
		})
		if err != nil {
			return nil, err
		}
		if len(seen) == 0 {
			return w, nil
		}
		last := seen[len(seen)-1]
		further := last.Time.Before(reached.Time)
		if e.s.Oldest {
			further = last.Time.After(reached.Time)
		}
		if best == nil || len(seen) < count || len(seen) == count && further {
			best, reached, count = w, last, len(seen)
		}
	}
	return best, nil
}
