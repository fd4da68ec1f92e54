package web_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/signatures/identity"
)

// mostApart is how far the times of two kinds of names may be apart.
const mostApart = 5 * time.Millisecond

// band is where the median of differences lies, with 99.9 % confidence, whatever their distribution: between two of the differences themselves (the sign test).
type band struct{ low, median, high time.Duration }

func bandOf(differences []time.Duration) band {
	d := slices.Sorted(slices.Values(differences))
	n := len(d)
	reach := int(math.Ceil(1.645 * math.Sqrt(float64(n)))) // 3.29 standard deviations of a fair coin thrown n times
	return band{d[max(0, n/2-reach)], d[n/2], d[min(n-1, n/2+reach)]}
}

// apart says that there surely is a difference, and that it is more than names may be apart: the median is beyond the bound, and its band leaves zero out. To ask
// that the whole band be beyond the bound would notice a leak of 6 ms only in a band narrower than 1 ms.
func (b band) apart() bool {
	return b.low > 0 && b.median > mostApart || b.high < 0 && b.median < -mostApart
}

func (b band) String() string {
	return fmt.Sprintf("%+.2f ms (%+.2f to %+.2f)", b.median.Seconds()*1e3, b.low.Seconds()*1e3, b.high.Seconds()*1e3)
}

// What the judge can do, in three measurements of 1,000 rounds as they are made below: in noise of 8 ms on both sides a leak of 6 ms is noticed, and one of 4 ms
// passes; in noise of 20 ms, on a busy machine, a leak of 8 ms is noticed still; where there is no leak none is found, also in 25 rounds.
func TestTimesAreJudged(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	noticed := func(leak, noise time.Duration, rounds int) (found int) {
		one := func() time.Duration { return time.Duration(random.ExpFloat64() * float64(noise)) }
		for range 100 {
			times := 0
			for range 3 {
				d := make([]time.Duration, rounds)
				for i := range d {
					d[i] = leak + one() - one()
				}
				if !bandOf(d).apart() {
					break
				}
				times++
			}
			found += times / 3
		}
		return found
	}
	const ms = time.Millisecond
	for _, leak := range []time.Duration{6 * ms, -6 * ms} {
		require.GreaterOrEqual(t, noticed(leak, 8*ms, 1000), 99, leak)
	}
	require.GreaterOrEqual(t, noticed(8*ms, 20*ms, 1000), 99)
	require.Zero(t, noticed(4*ms, 8*ms, 1000))
	require.Zero(t, noticed(0, 20*ms, 1000))
	require.Zero(t, noticed(0, 20*ms, 25))
}

// Times do not tell names apart, by form or by API: one that exists, nobody's, a deactivated one, one not yet enrolled, and locked ones of the first two kinds.
// Each round tries all of them in random order, and each time is compared with that of nobody's name in the same round, so that what else the machine does
// falls out. Cheap hashing shows what the database does in 2,000 tries of each kind; the hashing of a plant (a tenth of a second) shows that it is never left
// out. Who is busy with other things widens the band, which cannot fail the test; three measurements of which each shows a difference can.
func TestTimesDoNotTellNamesApart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what   string
		rounds int
		change func(*identity.Settings)
	}{
		{"cheap hashing", 1000, func(*identity.Settings) {}},
		{"hashing of a plant", 25, func(s *identity.Settings) { s.Params = identity.Pinned }},
	} {
		if !long { // too few tries for a judgement about time
			c.rounds, c.change = 2, func(*identity.Settings) {}
		}
		p, send, byKind := names(t, func(s *identity.Settings) { s.Zone, s.Failures, s.Locked = zone, 1<<20, 24*time.Hour; c.change(s) })
		kinds := append(slices.Clone(whose), "a locked one that exists", "a locked one of nobody")
		byKind[kinds[4]], byKind[kinds[5]] = p.Person("lars.is.locked", "operator").UserName, "lena.is.nobodys"
		for range 2 { // the first try makes the count, the second one reaches the limit
			for _, kind := range kinds[4:] {
				require.Equal(t, 401, send("form", byKind[kind]).Code)
			}
			_, err := p.DB.Super(t).Exec(p.Ctx, `update ebr.login_failures set failures = $1 where locked_until is null`, 1<<20-1)
			require.NoError(t, err)
		}
		require.Contains(t, send("form", byKind[kinds[4]]).Body.String(), "This account is locked until")
		require.Contains(t, send("API", byKind[kinds[5]]).Body.String(), "This account is locked until")
		require.NotContains(t, send("form", byKind[kinds[0]]).Body.String(), "This account is locked until")
		var found []string
		for range 3 {
			if found = timesApart(t, c.what, c.rounds, kinds, byKind, send); len(found) == 0 || !long {
				break
			}
		}
		if long {
			require.Empty(t, found)
		}
	}
}

// timesApart measures once, and names the kinds whose times are surely apart.
func timesApart(t *testing.T, what string, rounds int, kinds []string, byKind map[string]string, send guess) (found []string) {
	t.Helper()
	type try struct{ channel, kind string }
	var tries []try
	for _, channel := range channels {
		for _, kind := range kinds {
			tries = append(tries, try{channel, kind})
		}
	}
	took, differences := map[try][]time.Duration{}, map[try][]time.Duration{}
	for range rounds {
		for _, i := range rand.Perm(len(tries)) {
			began := time.Now()
			w := send(tries[i].channel, byKind[tries[i].kind])
			took[tries[i]] = append(took[tries[i]], time.Since(began))
			require.Equal(t, 401, w.Code)
		}
		for _, x := range tries {
			n := len(took[x]) - 1
			differences[x] = append(differences[x], took[x][n]-took[try{x.channel, whose[1]}][n])
		}
	}
	for _, x := range tries {
		b := bandOf(differences[x])
		t.Logf("%s, %d tries by %s: %s: median %.2f ms, from nobody's %s", what, rounds, x.channel, x.kind, bandOf(took[x]).median.Seconds()*1e3, b)
		if b.apart() {
			found = append(found, fmt.Sprintf("%s by %s: %s", x.kind, x.channel, b))
		}
	}
	return found
}
