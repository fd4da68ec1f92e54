package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
)

// limit is what a page may take, 99 times of 100.
const limit = 300 * time.Millisecond

// searches are the kinds of page that are measured; each draws what it looks for.
func searches(p plant, some []string, r *rand.Rand) []search {
	one := func(list []string) string { return list[r.IntN(len(list))] }
	person := func(s *audit.Search) { s.Person = one(p.people) }
	act := func(s *audit.Search) {
		s.Act = one([]string{"step.record", "step.perform", "step.correct", "step.comment", "person.create"})
	}
	station := func(s *audit.Search) { s.Station = one(p.stations) }
	signed := func(s *audit.Search) { s.Signed = true }
	changed := func(s *audit.Search) { s.Changed = true }
	refused := func(s *audit.Search) { s.Refused = true }
	people := func(s *audit.Search) { s.By = audit.People }
	machines := func(s *audit.Search) { s.By = audit.Machines }
	record := func(s *audit.Search) { s.Subject = audit.Stream(one(some)) }
	about := func(s *audit.Search) { s.Subject = audit.Stream("person/" + one(p.people)) }
	all := func(list ...func(*audit.Search)) func(*audit.Search) {
		return func(s *audit.Search) {
			for _, set := range list {
				set(s)
			}
		}
	}
	return []search{
		{"period", all()}, {"record (batch)", record}, {"record (named by others)", about}, {"person", person}, {"act", act}, {"station", station}, {"signed", signed},
		{"changed after entry", changed}, {"refused", refused}, {"people", people}, {"machines", machines},
		{"person, signed", all(person, signed)}, {"person, act", all(person, act)}, {"station, changed", all(station, changed)}, {"person, station", all(person, station)},
		{"record, changed", all(record, changed)}, {"person, station, act, people", all(person, station, act, people)}, {"machines, signed (none)", all(machines, signed)},
		{"signed, refused (none)", all(signed, refused)},
	}
}

type search struct {
	name string
	set  func(*audit.Search)
}

const (
	someStreams = `select stream from audit.heads where stream like 'batch/%' order by md5(stream) limit 200`
	scans       = `select seq_scan from pg_stat_user_tables where schemaname = 'audit' and relname = 'entries'`
)

// measure reads first pages and pages from anywhere in the trail, in both directions, and fails when they are slow or read the table from end to end.
func measure(ctx context.Context, trail *audit.Trail, owner *pgx.Conn, p plant, entries, pages int) error {
	rows, err := owner.Query(ctx, someStreams)
	if err != nil {
		return err
	}
	some, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	var before, after int64
	if err := owner.QueryRow(ctx, scans).Scan(&before); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(9, 9))
	slow := 0
	fmt.Printf("%-30s %9s %9s %9s %9s %9s\n", "milliseconds", "first p50", "p99", "deep p50", "p99", "full")
	for _, one := range searches(p, some, r) {
		var took [2][]time.Duration
		full := 0
		for n := range 2 * pages {
			s := audit.Search{Filter: audit.Filter{Limit: 25}}
			one.set(&s)
			if deep := n%2 == 1; deep {
				s.After = audit.Cursor{Time: beginning.Add(time.Duration(r.Int64N(int64(entries) * int64(every)))), Stream: "batch/", Seq: 1}
				s.Oldest = n%4 == 1
			}
			start := time.Now()
			var found audit.Found
			if err := trail.Read(ctx, func(q *audit.Reader) (err error) { found, err = audit.Explore(ctx, q, s); return err }); err != nil {
				return fmt.Errorf("%s: %w", one.name, err)
			}
			took[n%2] = append(took[n%2], time.Since(start))
			if len(found.Rows) == s.Limit || !found.More {
				full++
			}
		}
		fmt.Printf("%-30s", one.name)
		for _, t := range took {
			slices.Sort(t)
			fmt.Printf(" %9.1f %9.1f", milliseconds(t[len(t)/2]), milliseconds(t[len(t)*99/100]))
			if t[len(t)*99/100] > limit {
				slow++
			}
		}
		fmt.Printf(" %8.0f%%\n", 100*float64(full)/float64(2*pages))
	}
	time.Sleep(2 * time.Second) // the statistics of other sessions come late
	if err := owner.QueryRow(ctx, scans).Scan(&after); err != nil {
		return err
	}
	if after > before || slow > 0 {
		return fmt.Errorf("%d figures are above %v, and %d times the table was read from end to end", slow, limit, after-before)
	}
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
