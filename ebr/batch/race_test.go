package batch_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/internal/fault"
	"veribatch/recipes/procedure"
	"veribatch/signatures/signtest"
)

// TestNumbersWithoutGaps: 100 orders created at once, with others that fail in between, get the numbers 1 to 100, each once; then all
// records are issued at once, each by two persons, and each is issued once.
func TestNumbersWithoutGaps(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	const orders, doubles = 100, 20
	errs := make([]error, orders+doubles)
	together(orders+doubles, func(i int) {
		_, errs[i] = p.Run(p.sue, "", batch.CreateOrder{OrderNumber: fmt.Sprint("PO-", i%orders), RecipeVersion: p.version})
	})
	require.Equal(t, map[fault.Kind]int{"": orders, fault.Conflict: doubles}, kinds(errs))
	list := p.list(batch.Filter{Limit: 500})
	var numbers []string
	for _, s := range list {
		numbers = append(numbers, s.Number)
	}
	slices.Sort(numbers)
	require.Len(t, numbers, orders)
	for i, number := range numbers {
		require.Equal(t, fmt.Sprintf("B-%s-%06d", time.Now().Format("2006"), i+1), number)
	}
	errs = make([]error, 2*orders)
	together(2*orders, func(i int) {
		who := []signtest.Person{p.quinn, p.quirl}[i%2]
		_, errs[i] = p.SignAt(who, who, batch.Issue{Batch: list[i/2].ID})
	})
	require.Equal(t, map[fault.Kind]int{"": orders, fault.Conflict: orders}, kinds(errs))
	p.clean()
}

func kinds(errs []error) map[fault.Kind]int {
	n := map[fault.Kind]int{}
	for _, err := range errs {
		n[fault.KindOf(err)]++
	}
	return n
}

// together runs f n times at once.
func together(n int, f func(i int)) {
	var ready, done sync.WaitGroup
	gate := make(chan struct{})
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			<-gate
			f(i)
		})
	}
	ready.Wait()
	close(gate)
	done.Wait()
}

// TestTwoAtOnce lets two persons do every act of a whole batch at the same moment: one wins, the other gets a conflict that names the
// winner and the time, and the record holds every act once.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	batches := 2
	if long {
		batches = 40
	}
	rounds := 0
	for range batches {
		r := &race{plant: p, id: p.order()}
		r.both(p.quinn, p.quirl, batch.Issue{Batch: r.id}, true)
		r.both(p.anna, p.bo, batch.Start{Batch: r.id}, false)
		r.both(p.sue, p.sven, batch.Hold{Batch: r.id, Reason: "Power cut"}, false)
		r.both(p.sue, p.sven, batch.Resume{Batch: r.id, Reason: "Power is back"}, false)
		for open := p.load(r.id).State.Open(); open != nil; open = p.load(r.id).State.Open() {
			r.step(open)
		}
		r.both(p.sue, p.sven, batch.Complete{Batch: r.id}, true)
		rounds += r.rounds
		require.Len(t, p.load(r.id).History(), r.rounds+1, "created, and one event per round")
	}
	t.Logf("%d rounds", rounds)
	p.clean()
}

type race struct {
	*plant
	id     string
	rounds int
}

func (r *race) step(open *procedure.StepState) {
	step := open.Step
	for _, v := range step.Values {
		// A first recording, also one with the reason of a late entry; then a correction and, where a number can be measured twice, a repetition.
		c := batch.Record{Batch: r.id, Step: step.ID, Value: v.ID, Raw: typed[step.ID+"."+v.ID], LateReason: "Network was down"}
		r.both(r.anna, r.bo, c, false)
		r.both(r.anna, r.bo, batch.Correct{Batch: r.id, Step: step.ID, Value: v.ID, Raw: c.Raw, Reason: "Read again", Seen: 1}, false)
		c.Reason, c.Seen = "Measured again", 2
		r.both(r.anna, r.bo, c, false)
	}
	one, other := r.anna, r.bo
	if step.Kind == procedure.SignOff {
		one, other = r.sue, r.sven
	}
	r.both(one, other, batch.Perform{Batch: r.id, Step: step.ID, Seen: 3 * len(step.Values)}, batch.Signs(step))
	if step.Critical {
		r.both(r.cy, r.sven, batch.Verify{Batch: r.id, Step: step.ID}, true)
	}
}

// both runs one command by two persons at once.
func (r *race) both(one, other signtest.Person, c signtest.Command, signed bool) {
	r.T.Helper()
	r.rounds++
	people := []signtest.Person{one, other}
	tickets := make([]string, 2)
	for i, who := range people {
		if signed {
			ticket, err := r.TicketFor(who, who, c.(signtest.Signed))
			require.NoError(r.T, err)
			tickets[i] = ticket
		}
	}
	errs := make([]error, 2)
	together(2, func(i int) { _, errs[i] = r.Run(people[i], tickets[i], c) })
	winner := slices.Index(errs, nil)
	require.NotEqual(r.T, -1, winner, "%s: nobody won: %v", c.Act(), errs)
	lost := errs[1-winner]
	last := r.load(r.id).History()
	at := last[len(last)-1].EnteredAt.Format("2006-01-02 15:04:05 -07:00")
	require.Equal(r.T, fault.Conflict, fault.KindOf(lost), "%s: %v", c.Act(), lost)
	require.True(r.T, strings.Contains(lost.Error(), people[winner].FullName+" at "+at), "%s: the conflict does not say who and when: %v", c.Act(), lost)
}

// TestSameRequestAtOnce: one request, sent again and again because its answer was lost, is one reading and one entry, answered alike.
func TestSameRequestAtOnce(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	p.upTo(id, "050")
	c := batch.Record{Batch: id, Step: "050", Value: "net", Raw: "60.00"}
	in := audit.Intent{Session: p.anna.Token, Act: c.Act(), Home: c.Home(), Key: audit.NewID(), Command: c}
	answers := make([]batch.Result, 16)
	together(16, func(i int) {
		receipt, err := p.Trail.Change(p.Ctx, in, func(tx *audit.Tx) error { return c.Do(p.Ctx, tx) })
		if err != nil {
			t.Error(err)
			return
		}
		answers[i] = result(t, receipt)
	})
	b := p.load(id)
	for _, a := range answers {
		require.Equal(t, batch.Result{Batch: id, Number: b.Number, State: procedure.Held, Step: "050", Value: "net", Held: true}, a)
	}
	require.Len(t, b.State.Step("050").Value("net").Attempts, 1)
	require.Len(t, b.State.Holds, 1)
	p.accounted(b)
}
