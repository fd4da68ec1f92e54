package audit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
)

// places names entries for comparison.
func places(rows []audit.Row) (list []string) {
	for _, r := range rows {
		list = append(list, fmt.Sprintf("%s %d", r.Stream, r.Seq))
	}
	return list
}

func (w *world) explore(s audit.Search) (found audit.Found) {
	w.t.Helper()
	require.NoError(w.t, w.Read(w.ctx, func(r *audit.Reader) (err error) {
		found, err = audit.Explore(w.ctx, r, s)
		return err
	}))
	return found
}

// walk reads all pages of a search.
func (w *world) walk(s audit.Search) (all []audit.Row) {
	w.t.Helper()
	for {
		found := w.explore(s)
		all = append(all, found.Rows...)
		if !found.More {
			return all
		}
		s.After = found.End
	}
}

// Every combination of filters finds what a look at each entry finds, in both directions and page by page.
func TestSearchFindsWhatTheEntriesSay(t *testing.T) {
	t.Parallel()
	w := setup(t)
	machine := w.token
	desk := w.station("desk")
	for i := range 60 {
		w.token = map[bool]string{true: w.System(), false: machine}[i%7 == 0]
		switch {
		case i%3 == 0:
			require.NoError(t, w.rename(desk, fmt.Sprint("desk ", i)))
		default:
			w.station(fmt.Sprint("s ", i))
		}
	}
	all := w.history(audit.Filter{Limit: 500, Oldest: true})
	updates := func(r audit.Row) bool {
		return slices.ContainsFunc(r.Changes, func(c audit.Change) bool {
			return c.Op == "update" && c.Table != "ebr.batches" && c.Table != "ebr.counters"
		})
	}
	home := audit.Stream("station/" + desk)
	middle := all[len(all)/2].Time
	is := map[string]func(audit.Row) bool{
		"subject": func(r audit.Row) bool { return r.Stream == home || slices.Contains(r.Also, home) },
		"person":  func(r audit.Row) bool { return r.By.Person == w.anna }, "act": func(r audit.Row) bool { return r.Act == "station.register" },
		"station": func(r audit.Row) bool { return r.Station == audit.SystemStation || r.Station == "server" }, "changed": updates,
		"machines": func(r audit.Row) bool { return r.By.Person == audit.SystemPerson }, "people": func(r audit.Row) bool { return r.By.Person != audit.SystemPerson },
		"from": func(r audit.Row) bool { return !r.Time.Before(middle) }, "signed": func(r audit.Row) bool { return r.By.Ticket != "" },
	}
	set := map[string]func(*audit.Search){
		"subject": func(s *audit.Search) { s.Subject = home }, "person": func(s *audit.Search) { s.Person = w.anna }, "act": func(s *audit.Search) { s.Act = "station.register" },
		"station": func(s *audit.Search) { s.Station = audit.SystemStation }, "changed": func(s *audit.Search) { s.Changed = true },
		"machines": func(s *audit.Search) { s.By = audit.Machines }, "people": func(s *audit.Search) { s.By = audit.People },
		"from": func(s *audit.Search) { s.From = middle }, "signed": func(s *audit.Search) { s.Signed = true },
	}
	names := []string{"subject", "person", "act", "station", "changed", "machines", "people", "from", "signed"}
	matched := 0
	for mask := range 1 << len(names) {
		if mask&(1<<5) > 0 && mask&(1<<6) > 0 {
			continue
		}
		s := audit.Search{Filter: audit.Filter{Limit: 9}}
		var want []audit.Row
		for _, r := range all {
			fits := true
			for i, name := range names {
				fits = fits && (mask&(1<<i) == 0 || is[name](r))
			}
			if fits {
				want = append(want, r)
			}
		}
		var asked []string
		for i, name := range names {
			if mask&(1<<i) > 0 {
				set[name](&s)
				asked = append(asked, name)
			}
		}
		matched += len(want)
		s.Oldest = true
		require.Equal(t, places(want), places(w.walk(s)), strings.Join(asked, "+"))
		s.Oldest = false
		slices.Reverse(want)
		require.Equal(t, places(want), places(w.walk(s)), strings.Join(asked, "+"))
	}
	require.Greater(t, matched, 500)
}

// A value is followed through its record: each change with what stood before, page by page, and nothing of other records or fields.
func TestValueIsFollowed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	desk := w.station("desk 0")
	for i := 1; i < 4; i++ {
		require.NoError(t, w.rename(desk, fmt.Sprint("desk ", i)))
	}
	w.station("other")
	value := audit.Value{Home: audit.Stream("station/" + desk), Table: "ebr.stations", ID: desk, Field: "name"}
	follow := func(of audit.Value) (said []string) {
		require.NoError(t, w.Read(w.ctx, func(r *audit.Reader) error {
			found, err := audit.Follow(w.ctx, r, of)
			require.False(t, found.More)
			for _, m := range found.Moments {
				before := "none"
				if m.Before != nil {
					before = *m.Before
				}
				said = append(said, fmt.Sprintf("%d %s -> %s %v", m.Seq, before, *m.Since, m.Created))
			}
			return err
		}))
		return said
	}
	require.Equal(t, []string{"1 none -> desk 0 true", "2 desk 0 -> desk 1 false", "3 desk 1 -> desk 2 false", "4 desk 2 -> desk 3 false"}, follow(value))
	value.After = 2
	require.Equal(t, []string{"3 desk 1 -> desk 2 false", "4 desk 2 -> desk 3 false"}, follow(value))
	value.After, value.ID = 0, w.anna
	require.Empty(t, follow(value))
	value.ID, value.Same = "", map[string]string{"name": "desk 2"}
	require.Equal(t, []string{"3 desk 1 -> desk 2 false"}, follow(value))
}

var indexOf = map[string]string{
	"period": "entries_by_time", "subject": "entries_of_stream", "person": "entries_by_person", "act": "entries_by_act", "station": "entries_by_station",
	"refused": "entries_refused", "signed": "entries_signed", "changed": "entries_changed", "machines": "entries_by_person",
}

// Each filter alone walks its index in the order of time, however many entries there are; nothing reads the table from end to end.
func TestEveryFilterWalksAnIndex(t *testing.T) {
	t.Parallel()
	w := setup(t)
	conn := w.db.Super(t)
	_, err := conn.Exec(w.ctx, `alter table audit.entries disable trigger frozen_rows;
		insert into audit.entries (stream, seq, at, person, act, refused, body, hash)
		select 'batch/' || n % 40, n, timestamptz '2026-01-01' + n * interval '1 minute', md5((n % 23)::text)::uuid, 'act.x' || n % 29, n % 50 = 0,
			convert_to('{"by":{"x": 1' || case when n % 31 = 0 then ', "ticket": "t"' else '' end || '},"station":"' || md5((n % 17)::text)::uuid || '","changes":[' ||
			case when n % 37 = 0 then '{"table" : "ebr.areas", "id" : "main", "version" : 2, "op" : "update"}' else '' end || ']}', 'UTF8'), '' from generate_series(1, 20000) n;
		insert into audit.subjects select 'lot/1', e.at, e.stream, e.seq from audit.entries e where e.seq % 40 = 7;
		analyze audit.entries; analyze audit.subjects`)
	require.NoError(t, err)
	for name, s := range map[string]audit.Search{
		"period": {}, "subject": {Filter: audit.Filter{Subject: "batch/7"}}, "person": {Filter: audit.Filter{Person: "c4ca4238-a0b9-2382-0dcc-509a6f75849b"}},
		"act": {Filter: audit.Filter{Act: "act.x3"}}, "station": {Station: "c4ca4238-a0b9-2382-0dcc-509a6f75849b"}, "refused": {Filter: audit.Filter{Refused: true}},
		"signed": {Signed: true}, "changed": {Changed: true}, "machines": {By: audit.Machines},
	} {
		for _, oldest := range []bool{false, true} {
			s.Oldest = oldest
			sql, args := audit.WindowOf(s)
			rows, err := conn.Query(w.ctx, "explain "+sql, args)
			require.NoError(t, err, name)
			plan := ""
			for rows.Next() {
				var line string
				require.NoError(t, rows.Scan(&line))
				plan += line + "\n"
			}
			require.NoError(t, rows.Err())
			require.Contains(t, plan, indexOf[name], "%s, oldest first %v", name, oldest)
			require.NotContains(t, plan, "Seq Scan on entries", "%s, oldest first %v", name, oldest)
		}
	}
}
