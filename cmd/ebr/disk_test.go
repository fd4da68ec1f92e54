package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/quality"
	"veribatch/internal/fault"
	"veribatch/signatures/access"
)

// A disk that gets full is an alarm for those who judge incidents, then an incident, once; at last nothing is entered, everybody is told, and people still log in,
// and the server keeps its own entries. With room everything goes on.
func TestADiskWithoutRoomRefusesActsInWords(t *testing.T) {
	t.Parallel()
	p, w := newPlant(t)
	quinn, office := w.Person("quinn.adler", access.QA), w.AddStation("QA office")
	free := uint64(64 << 30)
	p.room = &room{folders: []string{t.TempDir()}, free: func(string) (uint64, error) { return free, nil }, told: p.diskFull}
	w.Trail.Check = p.room.guard(access.Check)
	has := func(left uint64) { free, p.room.asked = left, time.Time{} }
	alarm := func() (words, act string) {
		alarms, err := p.diskAlarms(w.Ctx, nil)
		require.NoError(t, err)
		for _, a := range alarms {
			words, act = a.Words.String(), a.Act
		}
		return words, act
	}
	opened := func() (n int) {
		for _, e := range w.Entries(audit.Site, "incident.open") {
			if e.Reason != "" {
				n++
			}
		}
		return n
	}
	words, _ := alarm()
	require.Empty(t, words)
	has(lowDisk - 1)
	words, act := alarm()
	require.Equal(t, "The server's disk has 2047 MiB left. Below 64 MiB nothing can be entered.", words)
	require.Equal(t, "incident.read", act)
	require.NoError(t, w.SetRoles(quinn.ID, access.QA, access.Auditor))
	require.Zero(t, opened())

	for range 2 {
		has(noDisk - 1)
		words, act = alarm()
		require.Equal(t, "The server's disk is full: nothing can be entered, reading goes on. Call IT", words)
		require.Empty(t, act, "everybody sees it")
	}
	err := w.SetRoles(quinn.ID, access.QA)
	require.Equal(t, fault.Busy, fault.KindOf(err))
	require.ErrorContains(t, err, "The disk of the database is full. Nothing was saved.")
	token := w.LogIn(quinn, office)
	require.NotEmpty(t, token)
	require.NoError(t, quality.OpenIncident(w.Ctx, w.Trail, quality.Incident{Kind: quality.Backup, Summary: "no backup for 3 days"}), "the server keeps its own entries")
	require.Eventually(t, func() bool { return opened() >= 1 }, 20*time.Second, 20*time.Millisecond)

	has(lowDisk)
	words, _ = alarm()
	require.Empty(t, words)
	require.NoError(t, w.SetRoles(quinn.ID, access.QA))
}
