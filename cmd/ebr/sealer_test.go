package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/keyring"
)

// moody is a key that is away at times.
type moody struct {
	*keyring.File
	away  atomic.Bool
	asked atomic.Int64
}

func (m *moody) Seal(ctx context.Context, purpose string, message []byte) ([]byte, error) {
	m.asked.Add(1)
	if m.away.Load() {
		return nil, errors.New("away")
	}
	return m.File.Seal(ctx, purpose, message)
}

// A key that seals nothing is an alarm for everybody and one incident, from the second look that fails until it seals again.
func TestSealerThatIsAwayIsAnAlarm(t *testing.T) {
	t.Parallel()
	p, w := newPlant(t)
	file, err := keyring.Open(t.TempDir())
	require.NoError(t, err)
	key := &moody{File: file}
	p.desk.Seals = key
	words := func() (said string) {
		for _, source := range p.alarms(true) {
			alarms, err := source(w.Ctx, nil)
			require.NoError(t, err)
			for _, one := range alarms {
				require.Empty(t, one.Act, "everybody sees it")
				said += one.Words.String()
			}
		}
		return said
	}
	opened := func() (n int) {
		require.NoError(t, p.trail.Read(w.Ctx, func(r *audit.Reader) error {
			return r.QueryRow(w.Ctx, `select count(*) from ebr.incidents where summary like 'Vault sealed no signature%'`).Scan(&n)
		}))
		return n
	}
	ctx, cancel := context.WithCancel(w.Ctx)
	stopped := make(chan struct{})
	t.Cleanup(func() { cancel(); <-stopped })
	go func() { defer close(stopped); p.watchSealer(ctx, 5*time.Millisecond) }()
	require.Eventually(t, func() bool { return key.asked.Load() > 3 }, time.Minute, time.Millisecond)
	require.Empty(t, words())
	for n := 1; n <= 2; n++ {
		key.away.Store(true)
		require.Eventually(t, func() bool { return words() != "" }, time.Minute, time.Millisecond)
		require.Contains(t, words(), "nothing can be signed")
		key.away.Store(false)
		require.Eventually(t, func() bool { return words() == "" }, time.Minute, time.Millisecond)
	}
	require.Eventually(t, func() bool { return opened() == 1 }, time.Minute, 20*time.Millisecond, "the same cause is one incident")
}
