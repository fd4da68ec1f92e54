package main_test

import (
	"slices"
	"testing"
	"time"
)

// BenchmarkStart gives the time from the command to the first page: of an empty state folder, of the demo plant in an empty folder, and of
// later starts (the median of five).
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		state := stateFolder(b)
		s := serve(b, state)
		b.ReportMetric(s.ready.Seconds(), "first-s")
		s.interrupt(b, state)
		var later []time.Duration
		for range 5 {
			s = serve(b, state)
			later = append(later, s.ready)
			s.interrupt(b, state)
		}
		slices.Sort(later)
		b.ReportMetric(later[2].Seconds(), "later-s")
		state = stateFolder(b)
		s = serve(b, state, "--demo")
		b.ReportMetric(s.ready.Seconds(), "first-demo-s")
		s.interrupt(b, state)
	}
}
