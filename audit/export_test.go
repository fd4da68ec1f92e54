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
