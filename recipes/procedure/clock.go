package procedure

import (
	"time"

	"veribatch/internal/fault"
)

// ReadLocal reads a time that a clock on the wall of the site showed. Where the clocks were set forward or back, a time may not exist or
// may have come twice: both are faults at field that say what to type, because a guess would put a wrong time into the record (EU GMP
// Annex 11 (9), ALCOA: accurate). A text of another layout is a plain error, so that the caller can try the next one.
func ReadLocal(field, layout, text string, zone *time.Location) (time.Time, error) {
	wall, err := time.Parse(layout, text)
	if err != nil {
		return time.Time{}, err
	}
	at, err := time.ParseInLocation(layout, text, zone)
	if err != nil {
		return time.Time{}, err
	}
	if !sameWall(at, wall) {
		return time.Time{}, fault.At(field, "%s did not exist here: the clocks were set forward over it. Type the time that the clock showed.", wall.Format(minute))
	}
	if other, twice := again(at); twice {
		first, second := at, other
		if other.Before(at) {
			first, second = other, at
		}
		return time.Time{}, fault.At(field, "%s came twice, because the clocks were set back. Type which one you mean: %s before, or %s after the change.",
			wall.Format(minute), first.Format(clock), second.Format(clock))
	}
	return at, nil
}

const minute = "2006-01-02 15:04"

func sameWall(a, b time.Time) bool { return a.Format(time.DateTime) == b.Format(time.DateTime) }

// again gives the other moment at which the wall showed the same time, by the distances from UTC of the days around.
func again(at time.Time) (time.Time, bool) {
	_, here := at.Zone()
	for _, day := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, there := at.Add(day).Zone()
		if other := at.Add(time.Duration(here-there) * time.Second); there != here && sameWall(other, at) {
			return other, true
		}
	}
	return time.Time{}, false
}
