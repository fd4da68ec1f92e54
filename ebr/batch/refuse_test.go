package batch_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/internal/fault"
	"veribatch/recipes/procedure"
	"veribatch/signatures"
	"veribatch/signatures/configuration"
	"veribatch/signatures/configuration/versions"
	"veribatch/signatures/signtest"
)

// TestBadInput: whatever is wrong with an act is said at its field, and nothing is half saved.
func TestBadInput(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	p.upTo(id, "040")
	mega := strings.Repeat("x", 1<<20)
	form := "2006-01-02T15:04"
	started := p.load(id).StartedAt
	record := func(raw string) batch.Record {
		return batch.Record{Batch: id, Step: "040", Value: "net", Raw: raw}
	}
	late := func(at, reason string) batch.Record {
		c := record("13.85")
		c.PerformedAt, c.LateReason = at, reason
		return c
	}
	for _, c := range []struct {
		kind        fault.Kind
		field, says string
		command     signtest.Command
	}{
		{fault.Invalid, "reading", `The decimal separator of this field is ".", not ","`, record("13,85")},
		{fault.Invalid, "reading", "exponent", record("1.385e1")},
		{fault.Invalid, "reading", "does not belong into a number", record("NaN")},
		{fault.Invalid, "reading", "longer than 30 digits", record(mega)},
		{fault.Invalid, "reading", "at most 2 decimals", record("13.851")},
		{fault.Invalid, "reading", "Net weight is missing", record("")},
		{fault.TooLarge, "late_reason", "longer than 4000", late("", mega)},
		{fault.Invalid, "late_reason", "U+1F600", late("", "ok \U0001F600")},
		{fault.TooLarge, "comment", "longer than 4000", batch.Comment{Batch: id, Text: mega}},
		{fault.Invalid, "comment", "The comment is empty", batch.Comment{Batch: id, Text: " \n"}},
		{fault.Invalid, "performed_at", "lies in the future", late(time.Now().Add(time.Hour).Format(form), "")},
		{fault.Invalid, "performed_at", "before the start of the batch", late(started.Add(-time.Hour).Format(form), "Forgot it")},
		{fault.Invalid, "performed_at", "not a date with a time", late("yesterday", "")},
		{fault.Invalid, "performed_at", "not a date with a time", late("0001-01-01T00:00", "")},
		{fault.NotReady, "", "Step 050 is not open. Step 040", batch.Record{Batch: id, Step: "050", Value: "net", Raw: "56.73"}},
		{fault.NotReady, "", "Step 050 is not open", batch.Perform{Batch: id, Step: "050"}},
		{fault.Conflict, "", "Step 030 was already performed by Anna Keller at ", batch.Record{Batch: id, Step: "030", Value: "container", Raw: "NAH2PO4"}},
		{fault.Missing, "", `This recipe has no step "999"`, batch.Record{Batch: id, Step: "999", Value: "net", Raw: "1"}},
		{fault.Missing, "", `no value "xxxx`, batch.Record{Batch: id, Step: "040", Value: mega, Raw: "1"}},
		{fault.Missing, "", "There is no such batch", batch.Record{Batch: audit.NewID(), Step: "040", Value: "net", Raw: "13.85"}},
		{fault.Missing, "", "There is no such batch", batch.Record{Batch: "40; drop", Step: "040", Value: "net", Raw: "13.85"}},
		{fault.Missing, "", "There is no such batch", batch.Record{Batch: strings.ToUpper(id), Step: "040", Value: "net", Raw: "13.85"}},
		{fault.Invalid, "reason", "The reason is missing", batch.Hold{Batch: id}},
		{fault.NotReady, "", "Nothing is recorded there yet", batch.Correct{Batch: id, Step: "040", Value: "net", Raw: "13.85", Reason: "Wrong"}},
		{fault.Invalid, "reason", "The reason is missing", batch.Correct{Batch: id, Step: "030", Value: "container", Raw: "NAH2PO4", Seen: 1}},
		{fault.Conflict, "", "already started by Anna Keller at " + started.Format("2006-01-02 15:04:05 -07:00"), batch.Start{Batch: id}},
	} {
		before := p.fingerprint()
		_, err := p.Run(p.anna, "", c.command)
		f := fault.As(err)
		require.NotNil(t, f, "%+.200v passed", c.command)
		require.Equal(t, string(c.kind)+" "+c.field, string(f.Kind)+" "+f.Field, "%v", err)
		require.Contains(t, f.Message, c.says)
		require.Equal(t, before, p.fingerprint())
	}
	for _, c := range []struct {
		kind        fault.Kind
		field, says string
		command     batch.CreateOrder
	}{
		{fault.Invalid, "order_number", "The order number is missing", batch.CreateOrder{OrderNumber: " ", RecipeVersion: p.version}},
		{fault.TooLarge, "order_number", "longer than 60", batch.CreateOrder{OrderNumber: mega, RecipeVersion: p.version}},
		{fault.Invalid, "recipe_version", "Choose a recipe", batch.CreateOrder{OrderNumber: "PO-X", RecipeVersion: "latest"}},
		{fault.Missing, "", "There is no such version", batch.CreateOrder{OrderNumber: "PO-X", RecipeVersion: p.version + "9"}},
		{fault.Conflict, "order_number", "Order PO-0001 was already created by Sue Major at ", batch.CreateOrder{OrderNumber: "PO-0001", RecipeVersion: p.version}},
	} {
		_, err := p.Run(p.sue, "", c.command)
		f := fault.As(err)
		require.Equal(t, string(c.kind)+" "+c.field, string(f.Kind)+" "+f.Field, "%v", err)
		require.Contains(t, f.Message, c.says)
	}
	p.do(p.anna, record("13.85")) // and the step still takes its value
	p.clean()
}

// TestStaleRecord: what changed between reading and signing is a conflict; a signature for another batch, step or act is refused.
func TestStaleRecord(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id, other := p.running(), p.running()
	for _, b := range []string{id, other} {
		p.upTo(b, "040")
		p.do(p.anna, batch.Record{Batch: b, Step: "040", Value: "net", Raw: "13.85"})
	}
	perform := batch.Perform{Batch: id, Step: "040"}
	ticket, err := p.TicketFor(p.anna, p.anna, perform)
	require.NoError(t, err)
	p.do(p.bo, batch.Correct{Batch: id, Step: "040", Value: "net", Raw: "13.86", Reason: "Read again", Seen: 1})
	_, err = p.Run(p.anna, ticket, perform)
	require.Equal(t, fault.Conflict, fault.KindOf(err))
	require.Contains(t, err.Error(), "The record changed since you read it")

	ticket, err = p.TicketFor(p.anna, p.anna, perform)
	require.NoError(t, err)
	_, err = p.Run(p.anna, ticket, batch.Perform{Batch: other, Step: "040"})
	require.Equal(t, fault.Refused, fault.KindOf(err), "signed for another batch: %v", err)
	_, err = p.Run(p.anna, "", perform)
	require.Equal(t, fault.Refused, fault.KindOf(err), "not signed: %v", err)
	require.Contains(t, err.Error(), "needs a signature")
	p.sign(p.anna, p.anna, perform)
	_, err = p.SignAt(p.anna, p.anna, batch.Verify{Batch: id, Step: "040"})
	require.Equal(t, fault.Refused, fault.KindOf(err), "own work: %v", err)
	require.Contains(t, err.Error(), "You recorded or performed something in step 040 yourself")
	_, err = p.SignAt(p.bo, p.bo, batch.Verify{Batch: id, Step: "040"})
	require.Equal(t, fault.Refused, fault.KindOf(err), "corrected it: %v", err)
	p.sign(p.anna, p.cy, batch.Verify{Batch: id, Step: "040"})
	p.clean()
}

// TestLateEntry: an act entered later than five minutes after it was done keeps both times and says why. The clock of the history is moved
// back by the owner of the database, because five minutes are long for a test.
func TestLateEntry(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	p.upTo(id, "050")
	ago := time.Now().Add(-10 * time.Minute).Truncate(time.Minute)
	p.hourOld(id)
	c := batch.Record{Batch: id, Step: "050", Value: "net", Raw: "56.73", PerformedAt: ago.Format("2006-01-02T15:04")}
	p.refused(fault.Invalid, "more than 5 minutes after the act. Give the reason", p.anna, c)
	c.LateReason = "Hands were wet"
	p.do(p.anna, c)
	a := p.load(id).State.Step("050").Value("net").Current()
	require.True(t, a.Late())
	require.True(t, a.PerformedAt.Equal(ago))
	require.WithinDuration(t, time.Now(), a.EnteredAt, time.Minute)
	rows := p.Entries(audit.Stream("batch/"+id), "step.record")
	last := rows[len(rows)-1]
	require.Equal(t, ago.Local().Format("2006-01-02 15:04:05 -07:00")+" Hands were wet", last.Details["done at"]+" "+last.Reason)
}

// hourOld moves the clock of a batch back by an hour.
func (p *plant) hourOld(id string) {
	p.T.Helper()
	_, err := p.DB.Super(p.T).Exec(p.Ctx, `alter table ebr.batch_history disable trigger user; alter table ebr.batches disable trigger user;
		update ebr.batch_history set entered_at = entered_at - interval '1 hour' where batch = '`+id+`';
		update ebr.batches set started_at = started_at - interval '1 hour', issued_at = issued_at - interval '1 hour' where id = '`+id+`';
		alter table ebr.batch_history enable always trigger audit_capture, enable always trigger batch_history_guard;
		alter table ebr.batches enable always trigger audit_capture, enable always trigger batches_guard`)
	require.NoError(p.T, err)
}

// TestEntriesObeyTheConfiguration: what counts as late, as the future and as a reason is configured; an entry stays what it was when it was made.
func TestEntriesObeyTheConfiguration(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	p.upTo(id, "070")
	p.hourOld(id)
	at := func(shift time.Duration) string { return time.Now().Add(shift).Format("2006-01-02T15:04:05") }
	p.refused(fault.Invalid, "lies in the future", p.anna, batch.Record{Batch: id, Step: "070", Value: "ph1", Raw: "7.40", PerformedAt: at(4 * time.Minute)})
	p.Configure(versions.Propose{LateMinutes: "30", ClockSeconds: "300", ReasonCharacters: "10"})
	p.do(p.anna, batch.Record{Batch: id, Step: "070", Value: "ph1", Raw: "7.40", PerformedAt: at(-10 * time.Minute)})
	p.do(p.anna, batch.Record{Batch: id, Step: "070", Value: "ph2", Raw: "7.41", PerformedAt: at(4 * time.Minute)})
	p.refused(fault.Invalid, "at least 10 characters", p.anna, batch.Comment{Batch: id, Text: "too short"})
	p.refused(fault.Invalid, "at least 10 characters", p.anna, batch.Hold{Batch: id, Reason: "no"})
	p.do(p.anna, batch.Comment{Batch: id, Text: "long enough"})

	p.Configure(versions.Propose{LateMinutes: "2", ClockSeconds: "1"})
	step := p.load(id).State.Step("070")
	require.False(t, step.Value("ph1").Current().Late(), "it was not late when it was made")
	require.True(t, step.Value("ph2").Current().PerformedAt.After(step.Value("ph2").Current().EnteredAt))
	c := batch.Record{Batch: id, Step: "070", Value: "ph3", Raw: "7.40", PerformedAt: at(-3 * time.Minute)}
	p.refused(fault.Invalid, "more than 2 minutes after the act", p.anna, c)
	c.LateReason = "meter was being calibrated"
	p.do(p.anna, c)
	require.True(t, p.load(id).State.Step("070").Value("ph3").Current().Late())
	for _, l := range configuration.Table() {
		if l.Name == "clock_seconds" {
			require.Equal(t, procedure.MostAhead, time.Duration(l.Most)*time.Second, "histories are read with the most that was ever allowed")
		}
	}
}

// TestProductionPerformsItsSteps: QA may sign off what the recipe gives to QA, and perform no step of production (ICH Q7 2.2).
func TestProductionPerformsItsSteps(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	p.refused(fault.Forbidden, "Ask an operator.", p.quinn, batch.Perform{Batch: id, Step: "010"})
	p.do(p.anna, batch.Perform{Batch: id, Step: "010"})
	p.clean()
}

// TestAssessHold: a hold by a reading needs a supervisor and QA, two persons with reasons; a hold by a person needs none.
func TestAssessHold(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	p.upTo(id, "050")
	assess := func(reason string) batch.AssessHold { return batch.AssessHold{Batch: id, Reason: reason} }
	p.do(p.sue, batch.Hold{Batch: id, Reason: "Alarm"})
	_, err := p.Shown(assess("ok"))
	require.Contains(t, fault.As(err).Message, "there is nothing to assess")
	p.do(p.sue, batch.Resume{Batch: id, Reason: "False alarm"})
	require.True(t, p.do(p.anna, batch.Record{Batch: id, Step: "050", Value: "net", Raw: "60.00"}).Held)
	require.Equal(t, "assessment by a supervisor and QA", p.list(batch.Filter{})[0].WaitsFor)
	_, err = p.Shown(assess(""))
	require.Equal(t, "invalid reason", string(fault.KindOf(err))+" "+fault.As(err).Field)
	st, err := p.Shown(assess("Spoon slipped"))
	require.NoError(t, err)
	require.Contains(t, lines(st), "Hold 1: Net weight: 60.00 g is outside the action limits 56.16 to 57.30.")
	_, err = p.SignAt(p.anna, p.anna, assess("Fine"))
	require.Equal(t, fault.Forbidden, fault.KindOf(err), "an operator assesses nothing")
	p.sign(p.quinn, p.quinn, assess("No effect"))
	require.Equal(t, "assessment by a supervisor", p.list(batch.Filter{})[0].WaitsFor)
	_, err = p.SignAt(p.quirl, p.quirl, assess("No effect either"))
	require.Equal(t, fault.Conflict, fault.KindOf(err), "QA was there: %v", err)
	require.Contains(t, err.Error(), "already assessed by Quinn Adler at ")
	_, err = p.SignAt(p.quinn, p.quinn, assess("Once more"))
	require.Equal(t, fault.Refused, fault.KindOf(err), "%v", err)
	p.refused(fault.NotReady, "still missing: a supervisor.", p.sue, batch.Resume{Batch: id, Reason: "Go on"})
	p.do(p.anna, batch.Correct{Batch: id, Step: "050", Value: "net", Raw: "61.00", Reason: "Typed wrong", Seen: 1})
	p.sign(p.anna, p.sue, assess("Spoon slipped")) // covers the new hold too, at the operator's station
	p.refused(fault.NotReady, "still missing: QA.", p.sue, batch.Resume{Batch: id, Reason: "Go on"})
	p.sign(p.quirl, p.quirl, assess("No effect either"))
	p.do(p.sue, batch.Resume{Batch: id, Reason: "Weighed again"})
	var roles []string
	for _, h := range p.load(id).State.Holds {
		for _, a := range h.Assessments {
			roles = append(roles, a.PersonName+" "+a.Role)
		}
	}
	require.Equal(t, []string{"Quinn Adler qa", "Sue Major supervisor", "Sue Major supervisor", "Quirl Moss qa"}, roles)
	p.accounted(p.load(id))
	p.clean()
}

// TestSignedAsShown: the statement of a verification shows every reading with unit, limits, judgement, corrections and comments.
func TestSignedAsShown(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	p.upTo(id, "040")
	p.do(p.anna, batch.Record{Batch: id, Step: "040", Value: "net", Raw: "13.92"})
	p.do(p.anna, batch.Correct{Batch: id, Step: "040", Value: "net", Raw: "13.91", Reason: "Typed wrong", Seen: 1})
	p.do(p.anna, batch.Comment{Batch: id, Step: "040", Value: "net", Text: "Scale drifts", Seen: 2})
	p.do(p.anna, batch.Comment{Batch: id, Step: "040", Text: strings.Repeat("Long. ", 600)})
	p.sign(p.anna, p.anna, batch.Perform{Batch: id, Step: "040"})
	st, err := p.Shown(batch.Verify{Batch: id, Step: "040"})
	require.NoError(t, err)
	b := p.load(id)
	text := lines(st)
	for _, want := range []string{
		"Batch: " + b.Number, "SHA-256 of the recipe: " + b.Digest, "Step: 040 Weigh the acid phosphate", "Instruction: Tare the weighing boat",
		"Net weight: 13.91 g (alert limits 13.80 to 13.90, action limits 13.71 to 13.99), outside alert limits; Anna Keller, ", "because: Typed wrong",
		"\nCorrected: 13.92 g, outside alert limits; Anna Keller, ", "Scale drifts", "Performed by: Anna Keller, ", "Long. Long.",
	} {
		require.Contains(t, text, want)
	}
	require.Equal(t, "step.verify verified", st.Act+" "+st.Meaning)
	require.Equal(t, []signatures.RecordRef{{Stream: "batch/" + id, ID: id, Version: b.Version}}, st.Records)
	for range 40 { // however much was said in a step, it can be signed
		p.do(p.anna, batch.Comment{Batch: id, Step: "040", Text: strings.Repeat("Длинно. ", 499)})
	}
	st, err = p.Shown(batch.Verify{Batch: id, Step: "040"})
	require.NoError(t, err)
	require.Contains(t, lines(st), " characters, SHA-256 ")
	p.sign(p.bo, p.bo, batch.Verify{Batch: id, Step: "040"})
	require.Equal(t, procedure.StepComplete, p.load(id).State.Step("040").Status)
}

func lines(st signatures.Statement) string {
	var text strings.Builder
	for _, l := range st.Lines {
		text.WriteString(l.Label + ": " + l.Value + "\n")
	}
	return text.String()
}
