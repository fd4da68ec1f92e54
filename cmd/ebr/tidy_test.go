package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/identity"
	"veribatch/signatures/signtest"
)

const (
	countKeys = `select count(*) from ebr.request_keys`
	ageKeys   = `update ebr.request_keys set at = at - interval '32 days' where key = $1`
)

// The server prunes old request keys when it starts and at every interval, keeps the others, and stops when it is told to.
func TestOldRequestKeysArePruned(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	register := func(name string) (key string) {
		c := identity.NewStation{ID: audit.NewID(), Name: name}
		in := audit.Intent{Session: w.Admin.Token, Act: "station.register", Home: identity.StationStream(c.ID), Key: audit.NewID(), Command: c}
		_, err := w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error { return identity.RegisterStation(w.Ctx, tx, c) })
		require.NoError(t, err)
		return in.Key
	}
	super := w.DB.Super(t)
	grown := func(key string) {
		_, err := super.Exec(w.Ctx, ageKeys, key)
		require.NoError(t, err)
	}
	left := func(want int) func() bool {
		return func() bool {
			var n int
			require.NoError(t, super.QueryRow(w.Ctx, countKeys).Scan(&n))
			return n == want
		}
	}
	grown(register("Drying 1"))
	register("Drying 2")
	require.True(t, left(2)())

	ctx, stop := context.WithCancel(w.Ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		keepTidy(ctx, w.Trail, 20*time.Millisecond, slog.New(slog.DiscardHandler))
	}()
	require.Eventually(t, left(1), 20*time.Second, 20*time.Millisecond, "at the start")
	grown(register("Drying 3"))
	require.Eventually(t, left(1), 20*time.Second, 20*time.Millisecond, "at the next interval")
	stop()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("it does not stop")
	}
	grown(register("Drying 4"))
	halt := tidying(w.Ctx, w.Trail, slog.New(slog.DiscardHandler))
	require.Eventually(t, left(1), 20*time.Second, 20*time.Millisecond, "the server's own")
	halt()
}
