package crash

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// blow is one way in which things go down under load.
type blow struct {
	name      string
	failpoint string // place at which the server kills itself
	strike    func(p *plant)
}

var blows = []blow{
	{"all processes of the database are killed", "", (*plant).killDatabase},
	{"answers are lost after COMMIT", "", func(p *plant) { p.proxy.drop.Store(4) }},
	{"the server is killed", "", (*plant).killServer},
	{"server and database are killed", "", func(p *plant) { p.killServer(); p.killDatabase() }},
	{"answers are lost and the server is killed", "", func(p *plant) { p.proxy.drop.Store(4); time.Sleep(20 * time.Millisecond); p.killServer() }},
	{"killed before BEGIN", "before begin", nil},
	{"killed after the rows were written", "after write", nil},
	{"killed before COMMIT", "before commit", nil},
	{"killed after COMMIT, before the answer", "after commit", nil},
}

// How many cycles make test runs, each blow once and one twice, and make evidence, each blow twice.
const (
	few   = 10
	slice = 18
)

// TestCrashes: after each crash under load nothing that was acknowledged is lost, nothing is there twice, each unknown outcome is resolved by its request
// key, and everything verifies. VERIBATCH_CRASH_CYCLES asks for more cycles (make crash).
func TestCrashes(t *testing.T) {
	cycles := few
	if asked := os.Getenv("VERIBATCH_CRASH_CYCLES"); asked != "" {
		n, err := strconv.Atoi(asked)
		require.NoError(t, err)
		cycles = n
	} else if os.Getenv("VERIBATCH_LONG") != "" {
		cycles = slice
	}
	began := time.Now()
	l := newLoad(newPlant(t, build(t)))
	random := rand.New(rand.NewPCG(1, uint64(cycles))) //nolint:gosec // it repeats
	sum := map[string]outcome{}
	var total outcome
	for n := range cycles {
		b := blows[n%len(blows)]
		o := l.cycle(b, random)
		s := sum[b.name]
		sum[b.name], total = s.and(o), total.and(o)
		if t.Failed() {
			t.Fatalf("cycle %d of %d: %s: %+v", n+1, cycles, b.name, o)
		}
		if (n+1)%20 == 0 {
			t.Logf("%d cycles in %s: %s", n+1, time.Since(began).Round(time.Second), total)
		}
	}
	for _, b := range blows {
		t.Logf("%-45s %s", b.name, sum[b.name])
	}
	t.Logf("%d cycles in %s: %s; 0 lost, 0 doubled, all verified", cycles, time.Since(began).Round(time.Second), total)
	require.Positive(t, total.heard)
	require.Positive(t, total.unknown, "no crash hit an act")
	require.Positive(t, total.dropped, "no answer was dropped")
}

// cycle lets people work, strikes, brings back what is down, and settles.
func (l *load) cycle(b blow, random *rand.Rand) outcome {
	if b.failpoint != "" {
		l.killServer()
		l.startServer(fmt.Sprintf("%s:%d", b.failpoint, 3+random.IntN(12)))
	}
	before := l.proxy.drops.Load()
	struck := make(chan struct{})
	answers := l.heard.Load() + int64(3+random.IntN(25))
	sentAll := make(chan struct{})
	go func() {
		defer close(struck)
		for b.strike != nil && l.heard.Load() < answers {
			select {
			case <-sentAll:
				return
			case <-time.After(time.Millisecond):
			}
		}
		if b.strike != nil {
			b.strike(l.plant)
		}
	}()
	all := l.run(6, 8)
	close(sentAll)
	<-struck
	l.proxy.drop.Store(0)
	select {
	case <-l.cluster.Exited():
		l.startDatabase()
	default:
	}
	if b.failpoint != "" {
		select {
		case <-l.ended:
		case <-time.After(3 * time.Minute):
			l.t.Fatalf("the failpoint %s was not reached", b.failpoint)
		}
	}
	if l.down() {
		l.startServer("")
	}
	o := l.settle(all)
	o.dropped = int(l.proxy.drops.Load() - before)
	l.verify()
	return o
}

func (o outcome) and(p outcome) outcome {
	return outcome{o.acts + p.acts, o.heard + p.heard, o.unknown + p.unknown, o.kept + p.kept, o.dropped + p.dropped}
}

// String says how many acts were sent, and what was heard of them.
func (o outcome) String() string {
	return fmt.Sprintf("%d acts, %d acknowledged, %d unknown (%d of them kept), %d answers dropped after COMMIT", o.acts, o.heard, o.unknown, o.kept, o.dropped)
}

// TestReleasesHaveNoFailpoints: what is built without the tag cannot be told to kill itself.
func TestReleasesHaveNoFailpoints(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-f", "{{.GoFiles}} {{.IgnoredGoFiles}}", "veribatch/audit").CombinedOutput()
	require.NoError(t, err, "%s", out)
	compiled, ignored, _ := strings.Cut(string(out), "] [")
	require.NotContains(t, compiled, "failpoint_crash.go")
	require.Contains(t, compiled, "failpoint.go")
	require.Contains(t, ignored, "failpoint_crash.go")
}
