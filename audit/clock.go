package audit

import (
	"context"
	"time"
)

// Now is the time of this machine. It is for what is shown, and for questions about this machine: what is recorded has the time of the database,
// and nothing is put in order by either (seq does that).
func (t *Trail) Now() time.Time {
	if t.Clock != nil {
		return t.Clock()
	}
	return time.Now()
}

const databaseClock = `select clock_timestamp()`

// DatabaseTime is the time by which an act would be judged now.
func DatabaseTime(ctx context.Context, q Querier) (now time.Time, err error) {
	err = q.QueryRow(ctx, databaseClock).Scan(&now)
	return now, err
}

// Apart says by how much the clock of the database is ahead of this machine's, or behind when it is negative, less what the answer itself
// took: a slow answer is no wrong clock.
func (t *Trail) Apart(ctx context.Context, q Querier) (time.Duration, error) {
	here, began := t.Now(), time.Now()
	there, err := DatabaseTime(ctx, q)
	if err != nil {
		return 0, err
	}
	half := time.Since(began) / 2
	apart := there.Sub(here.Round(0).Add(half))
	switch {
	case apart > half:
		return apart - half, nil
	case apart < -half:
		return apart + half, nil
	}
	return 0, nil
}
