package audit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
)

func TestEntrySaysWhoWhatWhenWhy(t *testing.T) {
	t.Parallel()
	w := setup(t)
	before := time.Now().Add(-time.Second)
	id := w.station("Granulation 1")
	require.NoError(t, w.rename(id, "Granulation 2"))

	rows := w.history(audit.Filter{Subject: audit.Stream("station/" + id), Oldest: true})
	require.Len(t, rows, 2)
	first, second := rows[0], rows[1]
	require.Equal(t, "anna", second.By.User)
	require.Equal(t, "Anna Berg", second.By.Name)
	require.Equal(t, audit.SystemStation, second.Station)
	require.Equal(t, "station.register", second.Act)
	require.Equal(t, "test", second.Reason)
	require.True(t, second.Time.After(before) && !second.Time.Before(first.Time))
	was, is, err := second.Changes[0].Columns()
	require.NoError(t, err)
	require.Equal(t, "Granulation 1", *was["name"])
	require.Equal(t, "Granulation 2", *is["name"])
	require.NotContains(t, was, "id", "an unchanged column is not repeated as old value")
	require.Empty(t, w.verify().Findings)
}

func TestNothingIsKeptOfAFailedChange(t *testing.T) {
	t.Parallel()
	w := setup(t)
	id := w.station("Sieve")
	entries := w.count(`select count(*) from audit.entries`)
	_, err := w.Change(w.ctx, w.intent("station/"+id), func(tx *audit.Tx) error {
		if _, err := tx.Exec(w.ctx, `update ebr.stations set name = 'x1', version = version + 1 where id = $1`, id); err != nil {
			return err
		}
		return fault.At("name", "no")
	})
	require.Equal(t, fault.Invalid, fault.KindOf(err))
	require.Equal(t, entries, w.count(`select count(*) from audit.entries`))
	require.Equal(t, int64(1), w.count(`select count(*) from ebr.stations where name = 'Sieve' and version = 1`))
}

func TestBrowserGoingAwayDoesNotCutAChange(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ctx, cancel := context.WithCancel(w.ctx)
	id := audit.NewID()
	_, err := w.Change(ctx, w.intent("station/"+id), func(tx *audit.Tx) error {
		cancel()
		_, err := tx.Exec(context.WithoutCancel(ctx), insertStation, id, "Dryer")
		return err
	})
	require.NoError(t, err)
	require.Equal(t, int64(1), w.count(`select count(*) from ebr.stations where id = $1`, id))
}

func TestRefusedActsAreEntries(t *testing.T) {
	t.Parallel()
	w := setup(t)
	id := w.station("Blender")
	refuse := func(kind fault.Kind) error {
		_, err := w.Change(w.ctx, w.intent("station/"+id), func(*audit.Tx) error { return fault.New(kind, "The blender is not clean.") })
		return err
	}
	require.Equal(t, fault.NotReady, fault.KindOf(refuse(fault.NotReady)))
	rows := w.history(audit.Filter{Subject: audit.Stream("station/" + id), Refused: true})
	require.Len(t, rows, 1)
	require.Equal(t, "The blender is not clean.", rows[0].Details["refusal"])
	require.Equal(t, "anna", rows[0].By.User)
	require.Empty(t, rows[0].Changes)

	// Refusals of access go to the station where they happened, name the subject, and are counted in bursts.
	for range 25 {
		require.Equal(t, fault.Forbidden, fault.KindOf(refuse(fault.Forbidden)))
	}
	rows = w.history(audit.Filter{Subject: audit.Stream("station/" + id), Refused: true, Oldest: true})
	require.Len(t, rows, 1+4, "entered at 1, 2, 3 and 10")
	require.Equal(t, audit.Stream("station/"+audit.SystemStation), rows[4].Stream)
	require.Equal(t, "10", rows[4].Details["times in a row"])
	require.Empty(t, w.verify().Findings)
}

func TestCheckRunsInsideTheTransaction(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.Check = func(_ context.Context, tx *audit.Tx) error {
		if tx.Actor().UserName == "anna" && tx.Act() == "station.register" {
			return fault.New(fault.Forbidden, "Anna may not register stations.")
		}
		return nil
	}
	id := audit.NewID()
	_, err := w.Change(w.ctx, w.intent("station/"+id), func(tx *audit.Tx) error {
		_, err := tx.Exec(w.ctx, insertStation, id, "Mill")
		return err
	})
	require.Equal(t, fault.Forbidden, fault.KindOf(err))
	require.Zero(t, w.count(`select count(*) from ebr.stations where id = $1`, id))
}

func TestChangeCannotEndItsTransaction(t *testing.T) {
	t.Parallel()
	w := setup(t)
	id := audit.NewID()
	_, err := w.Change(w.ctx, w.intent("station/"+id), func(tx *audit.Tx) error {
		_, err := tx.Exec(w.ctx, "rollback")
		return err
	})
	require.ErrorContains(t, err, "ended inside a change")
}

func TestSessionEndedOrLockedCannotAct(t *testing.T) {
	t.Parallel()
	w := setup(t)
	set := func(sql string) {
		require.NoError(t, w.Operate(w.ctx, func(op *audit.Op) error {
			_, err := op.Exec(w.ctx, sql, []byte(w.token))
			return err
		}))
	}
	set(`update ebr.sessions set locked_at = now() where token_digest = sha256($1)`)
	require.Equal(t, fault.Unauthenticated, fault.KindOf(w.rename(audit.NewID(), "n1")))
	set(`update ebr.sessions set locked_at = null, ended_at = now() where token_digest = sha256($1)`)
	require.Equal(t, fault.Unauthenticated, fault.KindOf(w.rename(audit.NewID(), "n2")))
	w.token = audit.NewToken()
	require.Equal(t, fault.Unauthenticated, fault.KindOf(w.rename(audit.NewID(), "n3")))
}

func TestClockSteppedBackKeepsTheOrder(t *testing.T) {
	t.Parallel()
	w := setup(t)
	id := w.station("Clock")
	super := w.db.Super(t)
	_, err := super.Exec(w.ctx, `update audit.heads set at = at + interval '1 hour' where stream = $1`, "station/"+id)
	require.NoError(t, err)
	require.NoError(t, w.rename(id, "Clock 2"))
	row := w.history(audit.Filter{Subject: audit.Stream("station/" + id)})[0]
	require.NotNil(t, row.Clock, "the raw clock is in the body when the time was lifted")
	require.InDelta(t, time.Hour, row.Time.Sub(*row.Clock), float64(time.Minute))
}

func TestRequestKeys(t *testing.T) {
	t.Parallel()
	w := setup(t)
	runs := 0
	id := w.station("Keyed")
	send := func(key string, command any) (audit.Receipt, error) {
		in := w.intent("station/" + id)
		in.Key, in.Command = key, command
		return w.Change(w.ctx, in, func(tx *audit.Tx) error {
			runs++
			tx.Result(map[string]string{"location": "/x"})
			_, err := tx.Exec(w.ctx, `update ebr.stations set version = version + 1 where id = $1`, id)
			return err
		})
	}
	key := audit.NewID()
	first, err := send(key, "a")
	require.NoError(t, err)
	require.False(t, first.Replayed)
	second, err := send(key, "a")
	require.NoError(t, err)
	require.True(t, second.Replayed)
	require.JSONEq(t, string(first.Result), string(second.Result))
	require.Equal(t, 1, runs)

	_, err = send(key, "b")
	require.Equal(t, fault.Conflict, fault.KindOf(err), "same key, other command")
	_, found, err := w.Replayed(w.ctx, audit.Intent{Session: w.token, Act: "station.register", Key: key, Command: "a"})
	require.NoError(t, err)
	require.True(t, found)

	for name, bad := range map[string]string{
		"not a UUID":  "x",
		"version 4":   uuid.NewString(),
		"31 days old": "019" + "00000-0000-7000-8000-000000000000",
	} {
		_, err := send(bad, "a")
		require.Equal(t, fault.Invalid, fault.KindOf(err), name)
	}
	// A key is used up only by a committed act.
	key = audit.NewID()
	in := w.intent("station/" + id)
	in.Key, in.Command = key, "c"
	_, err = w.Change(w.ctx, in, func(*audit.Tx) error { return errors.New("broken") })
	require.Error(t, err)
	third, err := send(key, "c")
	require.NoError(t, err)
	require.False(t, third.Replayed)
	// A key belongs to one person.
	w.token = w.logIn(w.person("boris", "Boris Ivanov"))
	fourth, err := send(key, "c")
	require.NoError(t, err)
	require.False(t, fourth.Replayed)
}

func TestHistoryPagesByKey(t *testing.T) {
	t.Parallel()
	w := setup(t)
	id := w.station("Paged 0")
	for i := range 7 {
		require.NoError(t, w.rename(id, "Paged "+string(rune('a'+i))))
	}
	for _, oldest := range []bool{false, true} {
		var seen []int64
		f := audit.Filter{Subject: audit.Stream("station/" + id), Limit: 3, Oldest: oldest}
		for {
			page := w.history(f)
			if len(page) == 0 {
				break
			}
			for _, r := range page {
				seen = append(seen, r.Seq)
			}
			f.After = page[len(page)-1].Cursor()
		}
		want := []int64{8, 7, 6, 5, 4, 3, 2, 1}
		if oldest {
			want = []int64{1, 2, 3, 4, 5, 6, 7, 8}
		}
		require.Equal(t, want, seen)
	}
	require.Len(t, w.history(audit.Filter{Person: w.anna, Act: "session.open"}), 1)
	require.Empty(t, w.history(audit.Filter{From: time.Now().Add(time.Hour)}))
}

func TestLockTakesRowsInOrderAndOnlyRecords(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a, b := w.station("Lock a"), w.station("Lock b")
	_, err := w.Change(w.ctx, w.intent("station/"+a), func(tx *audit.Tx) error {
		if err := tx.Lock(w.ctx, audit.Ref{Table: "ebr.stations", ID: b}, audit.Ref{Table: "ebr.stations", ID: a}); err != nil {
			return err
		}
		return tx.Lock(w.ctx, audit.Ref{Table: "pg_class; drop", ID: a})
	})
	require.ErrorContains(t, err, "not a record table")
}

// A second start would leave a session that never ends and a connection that Close waits for.
func TestATrailIsStartedOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	require.ErrorContains(t, w.Start(w.ctx, nil), "started before")
	require.EqualValues(t, 1, w.count(`select count(*) from audit.entries where act = 'server.start'`))
}
