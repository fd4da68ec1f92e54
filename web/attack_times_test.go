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

// apart says that the median is surely further from zero than names may be apart.
func (b band) apart() bool { return b.low > mostApart || b.high < -mostApart }

func (b band) String() string {
	return fmt.Sprintf("%+.2f ms (%+.2f to %+.2f)", b.median.Seconds()*1e3, b.low.Seconds()*1e3, b.high.Seconds()*1e3)
}

// The judge finds a difference that is there, in noise much larger than it, and none where there is none.
func TestTimesAreJudged(t *testing.T) {
	t.Parallel()
	noise := rand.New(rand.NewPCG(1, 2))
	take := func(more time.Duration) (d []time.Duration) {
		for range 1000 {
			d = append(d, more+time.Duration(noise.ExpFloat64()*float64(20*time.Millisecond))-time.Duration(noise.ExpFloat64()*float64(20*time.Millisecond)))
		}
		return d
	}
	require.False(t, bandOf(take(0)).apart())
	require.False(t, bandOf(take(2*time.Millisecond)).apart())
	require.True(t, bandOf(take(12*time.Millisecond)).apart())
	require.True(t, bandOf(take(-12*time.Millisecond)).apart())
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
