package identity

import (
	"testing"
	"time"
)

func TestTally(t *testing.T) {
	const limit, window = 3, 10 * time.Minute
	start := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		minutes []int // of each wrong password
		locks   []int // which of them close the account, counted from 1
		count   int   // at the end
	}{
		"two wrong":                          {[]int{0, 1}, nil, 2},
		"three wrong":                        {[]int{0, 1, 2}, []int{3}, 3},
		"three at once":                      {[]int{0, 0, 0}, []int{3}, 3},
		"a slow one starts afresh":           {[]int{0, 1, 11}, nil, 1},
		"just inside the window":             {[]int{0, 1, 10}, []int{3}, 3},
		"nothing counts while it is closed":  {[]int{0, 0, 0, 1, 5, 9}, []int{3}, 3},
		"a fresh count when it opens":        {[]int{0, 0, 0, 10}, []int{3}, 1},
		"closes again after three more only": {[]int{0, 0, 0, 11, 12, 13}, []int{3, 6}, 3},
	} {
		var tally tally
		var locked []int
		for i, m := range c.minutes {
			var locks bool
			if tally, locks = tally.wrong(start.Add(time.Duration(m)*time.Minute), limit, window); locks {
				locked = append(locked, i+1)
				if want := start.Add(time.Duration(m)*time.Minute + window); !tally.lockedUntil.Equal(want) {
					t.Errorf("%s: locked until %v, want %v", name, tally.lockedUntil, want)
				}
			}
		}
		if len(locked) != len(c.locks) || len(locked) > 0 && locked[len(locked)-1] != c.locks[len(c.locks)-1] || tally.failures != c.count {
			t.Errorf("%s: locked at %v (want %v), count %d (want %d)", name, locked, c.locks, tally.failures, c.count)
		}
	}
}
