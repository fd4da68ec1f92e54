package batch_test

import (
	"testing"

	"github.com/stretchr/testify/require"

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
