package signatures_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures"
)

// jumps are what happens to clocks: a wrong zone, a flat battery, a counter that ran over.
func jumps() map[string]time.Duration {
	until := func(year int) time.Duration { return time.Until(time.Date(year, 1, 19, 3, 14, 8, 0, time.UTC)) }
	return map[string]time.Duration{"an hour ahead": time.Hour, "an hour behind": -time.Hour, "a day behind": -24 * time.Hour, "1970": until(1970), "2038": until(2038),
		"just too far ahead": 2500 * time.Millisecond, "just too far behind": -2500 * time.Millisecond}
}

// TestNobodySignsByAWrongClock: however the clock of the server jumps, nobody signs, everybody is told why, and entries without a signature go on in
// their order with the time of the database. When the clock is right again people sign.
func TestNobodySignsByAWrongClock(t *testing.T) {
	t.Parallel()
	p := setup(t)
	var off atomic.Int64
	p.Trail.Clock = func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
	sign := func() error {
		_, err := p.Desk.Issue(p.Ctx, signatures.Request{Session: p.anna.Token, UserName: p.anna.UserName, Password: p.anna.Password, Statement: p.shown(p.one, "step.verify", "verified")})
		return err
	}
	require.NoError(t, sign())
	entered, before := int64(0), time.Now().Add(-time.Minute)
	for name, jump := range jumps() {
		off.Store(int64(jump))
		err := sign()
		require.Equal(t, fault.Refused, fault.KindOf(err), "%s: %v", name, err)
		require.ErrorContains(t, err, "The clocks of server and database are ", name)
		require.ErrorContains(t, err, "nothing can be signed now. Entries without a signature go on. Call IT", name)

		in := audit.Intent{Session: p.Admin.Token, Act: "station.register", Home: audit.Stream("station/" + p.one), Reason: "checked"}
		receipt, err := p.Trail.Change(p.Ctx, in, func(*audit.Tx) error { return nil })
		require.NoError(t, err, name)
		require.Greater(t, receipt.Seq, entered, "%s: the order is that of the stream", name)
		require.True(t, receipt.Time.After(before) && time.Since(receipt.Time).Abs() < time.Minute, "%s: an entry has the time of the database: %s", name, receipt.Time)
		entered, before = receipt.Seq, receipt.Time

		off.Store(int64(jump / 1e6)) // corrected but for some microseconds
		if jump.Abs() > 365*24*time.Hour {
			off.Store(0)
		}
		require.NoError(t, sign(), name)
	}
	require.Equal(t, len(jumps()), p.count(allRefusals), "each refused signature is an entry")
	report, err := p.Trail.Verify(p.Ctx)
	require.NoError(t, err)
	require.Empty(t, report.Findings)
}

// TestDatabaseSetBackSignsNothing: a database whose clock was set back behind its own trail, as on a machine whose server has the same clock, refuses the
// signature itself; entries without one keep their order by a lifted time that says so.
func TestDatabaseSetBackSignsNothing(t *testing.T) {
	t.Parallel()
	p := setup(t)
	ticket := p.Ticket(p.anna, p.anna, p.shown(p.one, "step.verify", "verified"))
	var manifest []byte
	require.NoError(t, p.super.QueryRow(p.Ctx, `select manifest from ebr.tickets where id = $1`, ticket).Scan(&manifest))
	manifest, signature, at, err := signatures.Older(p.Desk.Key, manifest, -10*time.Second) // the clock was set back under the ticket
	require.NoError(t, err)
	p.count(`with later as (update ebr.tickets set manifest = $2, manifest_signature = $3, issued_at = $4 where id = $1 returning 1) select count(*) from later`, ticket, manifest, signature, at)
	_, err = p.use(p.anna.Token, ticket, p.one, "step.verify", "verified")
	require.ErrorContains(t, err, "The clock of the database was set back, so nothing can be signed now.")
	ticket = p.Ticket(p.anna, p.anna, p.shown(p.one, "step.verify", "verified"))
	_, err = p.use(p.anna.Token, ticket, p.one, "step.verify", "verified")
	require.NoError(t, err)

	ticket = p.Ticket(p.anna, p.anna, p.shown(p.two, "step.verify", "verified"))
	// What the past left is as far ahead as a clock that is as far behind.
	p.count(`with later as (update audit.heads set at = at + interval '10 seconds' where stream = $1 returning 1) select count(*) from later`, "station/"+p.two)
	_, err = p.use(p.anna.Token, ticket, p.two, "step.verify", "verified")
	require.ErrorContains(t, err, "The clock of the database was set back, so nothing can be signed now.")
	require.Equal(t, fault.Refused, fault.KindOf(err))
	var pg *pgconn.PgError
	require.ErrorAs(t, err, &pg)
	require.Equal(t, "VB124", pg.Code)
	_, err = p.Trail.Change(p.Ctx, audit.Intent{Session: p.Admin.Token, Act: "station.register", Home: audit.Stream("station/" + p.two), Reason: "checked"}, func(*audit.Tx) error { return nil })
	require.NoError(t, err, "without a signature it goes on")
}
