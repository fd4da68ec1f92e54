package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/audit/merkle"
	"veribatch/signatures/access"
)

// A record that is changed past the system right after it was entered is an incident at the next look, told once.
func TestRecentVerificationOpensAnIncident(t *testing.T) {
	t.Parallel()
	p, w := newPlant(t)
	require.NoError(t, p.verifyRecent(w.Ctx), "the log has not begun")
	require.NoError(t, (&merkle.Sequencer{Trail: w.Trail}).AppendHeads(w.Ctx))
	require.NoError(t, p.verifyRecent(w.Ctx))
	w.Person("olga.berg", access.Operator)
	super := w.DB.Super(t)
	for _, sql := range []string{`alter table ebr.people disable trigger all`, forge, `alter table ebr.people enable trigger all`} {
		_, err := super.Exec(w.Ctx, sql)
		require.NoError(t, err)
	}
	eager(t, p, unexpected(t), job{"verify_recent", every(time.Nanosecond), p.verifyRecent})
	var opened []audit.Row
	require.Eventually(t, func() bool { opened = w.Entries(audit.Site, "incident.open"); return len(opened) > 0 }, 20*time.Second, 20*time.Millisecond)
	require.Contains(t, opened[0].Reason, "Records, trail and signatures do not agree")
	time.Sleep(200 * time.Millisecond) // some looks
	require.Len(t, w.Entries(audit.Site, "incident.open"), 1)
}
