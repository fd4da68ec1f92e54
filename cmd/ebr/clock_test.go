package main

import (
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/signtest"
	"veribatch/web"
)

// TestJumpsOfTheClockAreSeen: a clock of the server that is set while it runs is an incident, an alarm on the pages and a figure; one that is right is none.
func TestJumpsOfTheClockAreSeen(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	var off atomic.Int64
	w.Trail.Clock = func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
	p := plantOf(t, w)
	p.key = w.Desk.Key
	h := &health{plant: p, database: w.DB.AppDSN}
	room := h.backRoom()
	alarms := func() (list []web.Alarm) {
		require.NoError(t, p.trail.Read(w.Ctx, func(r *audit.Reader) (err error) {
			list, err = web.StandingAlarms(p.trail)[0](w.Ctx, r)
			return err
		}))
		return list
	}
	incidents := func() int {
		return len(w.Entries(audit.Site, "incident.open")) + len(w.Entries(audit.Site, "incident.repeat"))
	}
	require.NoError(t, p.checkClock(w.Ctx))
	require.Empty(t, alarms())
	require.Zero(t, incidents())

	off.Store(int64(-time.Hour))
	require.NoError(t, p.checkClock(w.Ctx))
	require.Eventually(t, func() bool { return incidents() == 2 }, 3*time.Minute, 20*time.Millisecond, "that it was set, and that nobody signs")
	var said []string
	for _, e := range w.Entries(audit.Site, "incident.open") {
		said = append(said, e.Entry.Reason)
	}
	require.Contains(t, strings.Join(said, "\n"), "The clock of the server was set back by 1h0m0s while it ran.")
	require.Contains(t, strings.Join(said, "\n"), "server and database are 1h0m0s apart. Nobody signs until they agree.")
	require.Len(t, alarms(), 1)
	require.Equal(t, "action", alarms()[0].Level)
	answer := httptest.NewRecorder()
	room.ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	require.Contains(t, answer.Body.String(), "\nebr_clock_difference_seconds 3")
}

// TestWatchTellsRunningFromSetting: time that passes is no jump, and neither is the first look.
func TestWatchTellsRunningFromSetting(t *testing.T) {
	t.Parallel()
	var w watch
	now := time.Now()
	require.Zero(t, w.jumped(now, now))
	require.Zero(t, w.jumped(now.Add(time.Hour), now.Add(time.Hour)))
	require.Equal(t, -24*time.Hour, w.jumped(now.Add(2*time.Hour-24*time.Hour), now.Add(2*time.Hour)))
	require.Equal(t, 24*time.Hour, w.jumped(now.Add(3*time.Hour), now.Add(3*time.Hour)))
}
