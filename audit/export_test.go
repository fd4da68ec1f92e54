package audit

// WindowOf is the query of a search with one filter, for the test that reads its plan.
func WindowOf(s Search) (string, any) {
	s.complete()
	_, ways := s.criteria()
	if len(ways) == 0 {
		ways = [][]way{{everything}}
	}
	e := explorer{s: &s, hit: "true"}
	return s.window(ways[0], e.hit), e.args(26)
}

// Scan reads a body by the fast reader and gives it as Decode would; ok tells whether the fast reader took it.
func Scan(body []byte) (e Entry, ok bool) {
	var s scanned
	if !s.read(body) {
		return e, false
	}
	e = Entry{Version: 1, Stream: Stream(s.stream), Seq: s.seq, Prev: string(s.prev), Time: s.time, By: By{Person: string(s.person)}, Act: string(s.act), Refused: s.refused}
	for _, also := range s.also {
		e.Also = append(e.Also, Stream(also))
	}
	for _, c := range s.changes {
		e.Changes = append(e.Changes, Change{string(c.table), string(c.id), c.version, string(c.op), c.before, c.after})
	}
	return e, true
}
