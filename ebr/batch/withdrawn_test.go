package batch_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/internal/fault"
	"veribatch/recipes"
	"veribatch/recipes/procedure"
)

// TestWithdrawnVersionStartsNothing: a batch that has begun keeps its version; one that was issued does not start, one that was ordered is not issued, and none is ordered.
func TestWithdrawnVersionStartsNothing(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	begun, issued, ordered := p.order(), p.order(), p.order()
	for _, b := range []string{begun, issued} {
		p.sign(p.quinn, p.quinn, batch.Issue{Batch: b})
	}
	p.do(p.anna, batch.Start{Batch: begun})
	p.sign(p.quinn, p.quinn, recipes.Withdraw{Version: p.version, Reason: "Wrong salt."})

	p.refused(fault.Refused, "was withdrawn by "+p.quinn.FullName+": Wrong salt.", p.anna, batch.Start{Batch: issued})
	_, err := p.SignAt(p.quinn, p.quinn, batch.Issue{Batch: ordered})
	require.ErrorContains(t, err, "is withdrawn")
	p.refused(fault.NotReady, "is withdrawn. Choose a version that is effective.", p.sue, batch.CreateOrder{OrderNumber: "PO-after", RecipeVersion: p.version})
	p.do(p.anna, batch.Comment{Batch: begun, Text: "goes on"})
	require.Equal(t, procedure.Running, p.load(begun).State.Batch)
}

// TestReadingsOfCountsEndedBatches: what the report on master data concludes from limits rests on batches that have ended, the last ones only.
func TestReadingsOfCountsEndedBatches(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	p.upTo(id, "040")
	counted := func(batches int) (all map[string]recipes.Readings) {
		require.NoError(t, p.Trail.Read(p.Ctx, func(r *audit.Reader) (err error) {
			all, err = batch.ReadingsOf(p.Ctx, r, p.version, batches)
			return err
		}))
		return all
	}
	require.Empty(t, counted(50), "the batch is at work")
	p.sign(p.sue, p.sue, batch.Abort{Batch: id, Reason: "Power failure in the room."})
	all := counted(50)
	require.NotEmpty(t, all)
	for key, n := range all {
		require.Equal(t, 1, n.All, key)
	}
	require.Empty(t, counted(0))
}
