package batch_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/internal/fault"
	"veribatch/recipes/formula"
	"veribatch/recipes/procedure"
)

func orderNumber(n int64) string { return fmt.Sprintf("PO-%04d", n) }

// TestWholeBatch walks one batch through the ten steps with everything that happens in a real one: an alert, an action limit, a wrong
// scan, a correction after the verification, a repeated measurement, a late entry, comments, a hold by hand.
func TestWholeBatch(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.order()
	p.sign(p.quinn, p.quinn, batch.Issue{Batch: id})
	p.do(p.anna, batch.Start{Batch: id})
	p.upTo(id, "030")
	p.refused(fault.Refused, `Step 030, Container: Wrong code: the label reads "NA2HPO4", this step needs "NAH2PO4".`, p.anna,
		batch.Record{Batch: id, Step: "030", Value: "container", Raw: "NA2HPO4"})
	p.upTo(id, "050")
	p.do(p.anna, batch.Correct{Batch: id, Step: "040", Value: "net", Raw: "13.86", Reason: "Read the display again", Seen: 1})
	require.Equal(t, "040", p.load(id).State.Open().Step.ID, "a correction takes the verification back")
	p.refused(fault.Refused, "You verified step 040 before", p.bo, batch.Record{Batch: id, Step: "040", Value: "net", Raw: "13.85", Reason: "Again"})
	p.upTo(id, "050")
	p.do(p.anna, batch.Record{Batch: id, Step: "050", Value: "net", Raw: "57.00"})
	p.refused(fault.NotReady, "the comment on Net weight is missing", p.anna, batch.Perform{Batch: id, Step: "050"})
	p.do(p.anna, batch.Comment{Batch: id, Step: "050", Value: "net", Text: "Scale drifts,\nsee its log", Seen: 1})
	p.upTo(id, "070")
	p.do(p.sue, batch.Hold{Batch: id, Reason: "Power cut"})
	p.refused(fault.NotReady, "The batch is held", p.anna, batch.Record{Batch: id, Step: "070", Value: "ph1", Raw: "7.40"})
	p.do(p.sue, batch.Resume{Batch: id, Reason: "Power is back"})
	p.do(p.anna, batch.Record{Batch: id, Step: "070", Value: "ph1", Raw: "7.40"})
	require.True(t, p.do(p.anna, batch.Record{Batch: id, Step: "070", Value: "ph2", Raw: "7.60"}).Held)
	p.refused(fault.NotReady, "still missing: a supervisor and QA", p.sue, batch.Resume{Batch: id, Reason: "Go on"})
	p.sign(p.sue, p.sue, batch.AssessHold{Batch: id, Reason: "Electrode was dry"})
	p.sign(p.quinn, p.quinn, batch.AssessHold{Batch: id, Reason: "No effect on the product"})
	p.do(p.sue, batch.Resume{Batch: id, Reason: "Electrode wetted"})
	p.do(p.anna, batch.Record{Batch: id, Step: "070", Value: "ph2", Raw: "7.42", Reason: "Measured again with a wet electrode", Seen: 1})
	p.upTo(id, "")
	p.do(p.anna, batch.Comment{Batch: id, Text: "End of shift"})
	p.sign(p.sue, p.sue, batch.Complete{Batch: id})

	b := p.load(id)
	require.Equal(t, procedure.Complete, b.State.Batch)
	require.False(t, b.EndedAt.IsZero())
	ph2 := b.State.Step("070").Value("ph2")
	require.Equal(t, []formula.Judgement{formula.Action, formula.InLimits}, []formula.Judgement{ph2.Attempts[0].Judgement, ph2.Attempts[1].Judgement})
	net := b.State.Step("040").Value("net")
	require.Equal(t, "13.85 13.86", net.Attempts[0].Reading+" "+net.Attempts[1].Reading, "the old value stays")
	require.Len(t, b.State.Step("040").Verifications, 2)
	p.refused(fault.NotReady, "The batch is complete", p.anna, batch.Comment{Batch: id, Text: "Too late"})
	p.accounted(b)
	p.clean()
}

// accounted: every event of a batch stands in exactly one entry of its stream, of the person, the act and the time, with the reason; every
// signature is the acting person's and has the printed name.
func (p *plant) accounted(b *batch.Batch) {
	p.T.Helper()
	acts := map[procedure.EventKind]string{
		procedure.EventCreated: "order.create", procedure.EventIssued: "batch.issue", procedure.EventStarted: "batch.start", procedure.EventRecorded: "step.record",
		procedure.EventCorrected: "step.correct", procedure.EventCommented: "step.comment", procedure.EventPerformed: "step.perform", procedure.EventVerified: "step.verify",
		procedure.EventHeld: "batch.hold", procedure.EventHoldAssessed: "hold.assess", procedure.EventResumed: "batch.resume", procedure.EventAborted: "batch.abort",
		procedure.EventCompleted: "batch.complete",
	}
	entries := map[string]audit.Row{} // by id of the history row
	done := 0
	for _, row := range p.Entries(b.Stream(), "") {
		if row.Refused {
			require.Empty(p.T, row.Changes)
			require.NotEmpty(p.T, row.Details["refusal"])
			continue
		}
		done++
		require.Equal(p.T, b.Number, row.Details["batch"])
		for _, c := range row.Changes {
			if c.Table == "ebr.batch_history" {
				entries[c.ID] = row
			}
		}
	}
	require.Len(p.T, entries, len(b.History()))
	automatic := 0
	for _, e := range b.History() {
		row := entries[e.ID]
		if e.Kind == procedure.EventHeld && e.Value != "" {
			automatic++
			require.Equal(p.T, e.Reason, row.Details["held"])
			continue
		}
		require.Equal(p.T, acts[e.Kind], row.Act)
		require.Equal(p.T, e.Person, row.By.Person)
		require.True(p.T, row.Time.Equal(e.EnteredAt))
		if e.Kind == procedure.EventCommented {
			require.Equal(p.T, e.Reason, row.Details["words"])
		} else {
			require.Equal(p.T, e.Reason, row.Reason)
		}
		if e.Signature != "" {
			s := b.Signatures[e.Signature]
			require.Equal(p.T, e.Person+" "+b.People[e.Person].FullName+" "+row.Act, s.Person+" "+s.FullName+" "+s.Act)
		}
	}
	require.Equal(p.T, len(b.History())-automatic, done, "one entry per act")
}

func TestEntriesReadWell(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	p.upTo(id, "050")
	p.do(p.anna, batch.Record{Batch: id, Step: "050", Value: "net", Raw: "57.40"})
	rows := p.Entries(audit.Stream("batch/"+id), "step.record")
	require.Equal(t, map[string]string{
		"batch": "B-" + time.Now().Format("2006") + "-000001", "state": "held", "step": "050 Weigh the basic phosphate", "value": "Net weight", "reading": "57.40 g",
		"judgement": "action", "held": "Net weight: 57.40 g is outside the action limits 56.16 to 57.30.",
	}, rows[len(rows)-1].Details)
	p.upTo(p.running(), "030")
}

// TestIssuePins: the record is the accurate copy of the version that is effective, by digest.
func TestIssuePins(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	first, second := p.order(), p.order()
	p.sign(p.quinn, p.quinn, batch.Issue{Batch: first})
	b := p.load(first)
	var pinned, version string
	p.read(`select encode(b.recipe_digest, 'hex'), encode(v.digest, 'hex') from ebr.batches b join ebr.recipe_versions v on v.id = b.recipe_version where b.number = '`+b.Number+`'`, &pinned, &version)
	require.Equal(t, version, pinned)
	require.Equal(t, version, b.Digest)

	issue := batch.Issue{Batch: second}
	ticket, err := p.TicketFor(p.quinn, p.quinn, issue)
	require.NoError(t, err)
	old := p.version
	p.version = p.makeEffective(bufferWith("13.90", "13.91"))
	_, err = p.Run(p.quinn, ticket, issue)
	require.Equal(t, fault.NotReady, fault.KindOf(err), "superseded between reading and signing: %v", err)
	require.Contains(t, err.Error(), "Version 1 of BUF-PBS-10 was superseded")
	_, err = p.Shown(issue)
	require.Equal(t, fault.NotReady, fault.KindOf(err))
	p.refused(fault.NotReady, "was superseded", p.sue, batch.CreateOrder{OrderNumber: "PO-9", RecipeVersion: old})
	p.do(p.anna, batch.Start{Batch: first}) // an issued record is executed as issued
	require.Equal(t, "13.90", p.load(first).Recipe.Procedure.Step("040").Values[0].Alert.High.Text())
	third := p.order()
	p.sign(p.quinn, p.quinn, batch.Issue{Batch: third})
	require.Equal(t, 2, p.load(third).Master.Number)

	p.sign(p.sue, p.sue, batch.Abort{Batch: second, Reason: "Version 1 was superseded; ordered anew"}) // an order that nobody can issue is ended
	b = p.load(second)
	require.Equal(t, procedure.Aborted, b.State.Batch)
	require.True(t, b.IssuedAt.IsZero() && b.StartedAt.IsZero() && !b.EndedAt.IsZero())
	require.Equal(t, second, p.list(batch.Filter{Ended: true})[0].ID)
	p.accounted(b)
	p.clean()
}

// TestIssueFindsAChangedText: a kept text that was changed behind the system's back is not issued.
func TestIssueFindsAChangedText(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.order()
	issue := batch.Issue{Batch: id}
	ticket, err := p.TicketFor(p.quinn, p.quinn, issue)
	require.NoError(t, err)
	root := p.DB.Super(t)
	_, err = root.Exec(p.Ctx, `set session_replication_role = replica; alter table audit.contents disable trigger user;
		update audit.contents c set bytes = c.bytes || '#'::bytea from ebr.recipe_versions v where v.digest = c.digest`)
	require.NoError(t, err)
	_, err = p.Run(p.quinn, ticket, issue)
	require.Equal(t, fault.Refused, fault.KindOf(err))
	require.Contains(t, err.Error(), "changed or taken away behind the system's back")
	require.Equal(t, procedure.Ordered, p.load(id).State.Batch)
}

func TestList(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	first, second, third := p.order(), p.running(), p.running()
	p.upTo(second, "030")
	p.sign(p.sue, p.sue, batch.Abort{Batch: third, Reason: "Vessel leaks"})
	list := p.list(batch.Filter{})
	require.Len(t, list, 2)
	require.Equal(t, second+" 030 Identify the acid phosphate 2/10", fmt.Sprintf("%s %s %s %d/%d", list[0].ID, list[0].OpenStep, list[0].OpenTitle, list[0].Done, list[0].Steps))
	require.Equal(t, first+" issuing of the record Sue Major", list[1].ID+" "+list[1].WaitsFor+" "+list[1].ChangedBy)
	require.Equal(t, first, p.list(batch.Filter{After: &list[0], Limit: 1})[0].ID)
	require.Empty(t, p.list(batch.Filter{After: &list[1]}))
	ended := p.list(batch.Filter{Ended: true})
	require.Equal(t, third+" aborted ", ended[0].ID+" "+string(ended[0].State)+" "+ended[0].OpenStep)
	require.Empty(t, p.list(batch.Filter{Ended: true, After: &ended[0]}))
}
