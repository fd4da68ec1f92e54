package batch_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/internal/fault"
)

// TestRefusedSignatureNamesItsSigner: who gives name and password in another person's session and is refused stands in the trail as the
// one who tried, beside the person whose session it is (21 CFR 11.300(d)).
func TestRefusedSignatureNamesItsSigner(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	p.upTo(id, "030")
	p.do(p.anna, batch.Record{Batch: id, Step: "030", Value: "container", Raw: "NAH2PO4"})
	p.sign(p.anna, p.anna, batch.Perform{Batch: id, Step: "030"})
	_, err := p.SignAt(p.bo, p.anna, batch.Verify{Batch: id, Step: "030"})
	require.Equal(t, fault.Refused, fault.KindOf(err), "%v", err)
	entry := p.refusals(audit.Stream("batch/"+id), "step.verify")
	require.Len(t, entry, 1)
	require.Equal(t, p.anna.ID, entry[0].By.Person)
	require.Equal(t, p.bo.ID, entry[0].By.SessionPerson)
	p.clean()
}

// TestEveryRefusedSignatureIsAnEntry: also of somebody without the right, who is not counted in bursts.
func TestEveryRefusedSignatureIsAnEntry(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.order()
	const tries = 6
	for range tries {
		_, err := p.SignAt(p.bo, p.cy, batch.Issue{Batch: id})
		require.Equal(t, fault.Forbidden, fault.KindOf(err), "%v", err)
	}
	entries := p.refusals(audit.Stream("batch/"+id), "batch.issue")
	require.Len(t, entries, tries)
	for _, e := range entries {
		require.Equal(t, p.cy.ID, e.By.Person)
	}
	p.clean()
}

// refusals are the refused acts of a kind that name the subject.
func (p *plant) refusals(subject audit.Stream, act string) (refused []audit.Row) {
	for _, row := range p.Entries(subject, act) {
		if row.Refused {
			refused = append(refused, row)
		}
	}
	return refused
}
