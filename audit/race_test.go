package audit_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
)

const callers = 64

// rounds is 1,000 in the long run (make evidence).
func rounds() int {
	if long {
		return 1000
	}
	return 20
}

// One request key, 64 callers released together: one row, one entry, 64 equal answers.
func TestOneRequestKeyActsOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for i := range rounds() {
		require.Empty(t, repeat(w, i))
	}
	require.Empty(t, w.verify().Findings)
}

// The test above must be able to fail: without the unique index the key acts more than once.
func TestOneRequestKeyNeedsItsIndex(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, err := w.db.Super(t).Exec(w.ctx, `alter table ebr.request_keys drop constraint request_keys_once`)
	require.NoError(t, err)
	broken := ""
	for i := 0; i < 20 && broken == ""; i++ {
		broken = repeat(w, i)
	}
	require.Contains(t, broken, "rows")
}

// repeat runs one round and says what was wrong with it, "" when nothing.
func repeat(w *world, round int) string {
	stream := audit.Stream("site/round-" + fmt.Sprint(round))
	in := audit.Intent{Session: w.token, Act: "station.register", Home: stream, Key: audit.NewID(), Command: round}
	answers := make([]string, callers)
	faults := make([]error, callers)
	gate := make(chan struct{})
	var done sync.WaitGroup
	for c := range callers {
		done.Go(func() {
			<-gate
			receipt, err := w.Change(w.ctx, in, func(tx *audit.Tx) error {
				id := audit.NewID()
				tx.Result(map[string]string{"id": id})
				_, err := tx.Exec(w.ctx, insertStation, id, fmt.Sprintf("Round %d by %s", round, id))
				return err
			})
			var result struct{ ID string }
			if faults[c] = err; err == nil {
				faults[c] = unmarshal(receipt.Result, &result)
			}
			answers[c] = result.ID
		})
	}
	close(gate)
	done.Wait()
	rows := w.count(`select count(*) from ebr.stations where name like 'Round ' || $1 || ' by %'`, fmt.Sprint(round))
	entries := w.count(`select count(*) from audit.entries where stream = $1`, string(stream))
	for c, answer := range answers {
		if faults[c] != nil || answer != answers[0] {
			return fmt.Sprintf("caller %d was answered %q (%v), caller 0 %q; %d rows, %d entries", c, answer, faults[c], answers[0], rows, entries)
		}
	}
	if rows != 1 || entries != 1 {
		return fmt.Sprintf("%d rows, %d entries", rows, entries)
	}
	return ""
}

// Many writers on few streams: every chain stays whole and no update is lost.
func TestManyWritersKeepTheChains(t *testing.T) {
	t.Parallel()
	w := setup(t)
	const streams, writers, each = 4, 16, 25
	ids := make([]string, streams)
	for i := range ids {
		ids[i] = w.station(fmt.Sprintf("Stream %d", i))
	}
	var done sync.WaitGroup
	errs := make(chan error, writers*each)
	for writer := range writers {
		done.Go(func() {
			for i := range each {
				errs <- w.rename(ids[(writer+i)%streams], fmt.Sprintf("S %d by %d at %d", (writer+i)%streams, writer, i))
			}
		})
	}
	done.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, int64(streams+writers*each), w.count(`select sum(version) from ebr.stations where name like 'S%' and name <> 'server'`))
	require.Empty(t, w.verify().Findings)
}
