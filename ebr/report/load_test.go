package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/ebr/batch"
	"veribatch/internal/fault"
	"veribatch/signatures/access"
)

// TestPrintedBatchEqualsItsTables executes the ten-step recipe with everything that happens in a real batch, prints it half way and at the
// end, and asks for every value of the record tables in the PDF. What must stand there comes from SQL, not from report code.
func TestPrintedBatchEqualsItsTables(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	p.sign(p.quinn, batch.Issue{Batch: p.batch})
	p.do(p.anna, batch.Start{Batch: p.batch})
	time.Sleep(1100 * time.Millisecond) // a claimed time has seconds and lies after the start
	p.perform("010")
	p.record("020", "clear", "yes")
	p.perform("020")
	_, err := p.run(p.anna, "", batch.Record{Batch: p.batch, Step: "030", Value: "container", Raw: "NA2HPO4"})
	require.Equal(t, fault.Refused, fault.KindOf(err))
	p.record("030", "container", "NAH2PO4")
	p.performSigned("030")
	p.record("040", "net", "13.85")
	p.performSigned("040")
	p.do(p.anna, batch.Correct{Batch: p.batch, Step: "040", Value: "net", Raw: "13.86", Reason: "Read the display again, “6” not “5”"})
	p.do(p.anna, batch.Comment{Batch: p.batch, Step: "040", Text: "Display of the scale is worn"})

	half := p.print()
	p.compare(half)
	text := oneLine(layout(t, half))
	for _, want := range []string{"State: in execution", "– not recorded", "– not performed", "► corrected"} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "State: complete")

	p.performSigned("040")
	p.record("050", "net", "57.00")
	p.do(p.anna, batch.Comment{Batch: p.batch, Step: "050", Value: "net", Text: "Scale drifts,\nsee its log; Temp. 22 °C ± 0.5, ≤ 5 µg"})
	p.perform("050")
	p.do(p.sue, batch.Hold{Batch: p.batch, Reason: "Power cut"})
	p.do(p.sue, batch.Resume{Batch: p.batch, Reason: "Power is back"})
	p.perform("060")
	p.record("070", "ph1", "7.40")
	p.record("070", "ph2", "7.60")
	p.sign(p.sue, batch.AssessHold{Batch: p.batch, Reason: "Electrode was dry"})
	p.sign(p.quinn, batch.AssessHold{Batch: p.batch, Reason: "No effect on the product"})
	p.do(p.sue, batch.Resume{Batch: p.batch, Reason: "Electrode wetted"})
	p.do(p.anna, batch.Record{Batch: p.batch, Step: "070", Value: "ph2", Raw: "7.42", Reason: "Measured again with a wet electrode"})
	p.record("070", "ph3", "7.41")
	p.perform("070")
	p.record("080", "appearance", "clear and colourless")
	p.perform("080")
	p.record("090", "filter", "F-0815")
	p.record("090", "filled", time.Now().Add(-time.Minute).Format("2006-01-02T15:04"))
	p.perform("090")
	p.sign(p.sue, batch.Perform{Batch: p.batch, Step: "100"})
	p.do(p.anna, batch.Comment{Batch: p.batch, Text: "End of shift"})
	p.sign(p.sue, batch.Complete{Batch: p.batch})

	whole := p.print()
	p.compare(whole)
	text = oneLine(layout(t, whole))
	for _, want := range []string{"State: complete", "■ action limit", "▲ alert limit", "○ repeated", "► corrected", "□ void", "▼ refused", "as quality assurance"} {
		require.Contains(t, text, want)
	}
	for _, not := range []string{"not recorded", "– not performed", "– not verified", "– not resumed"} {
		require.NotContains(t, text, not)
	}
	run(t, "qpdf", "--check", whole)
}

// tables are the queries whose every cell must be readable in the PDF of a batch. Row versions, and the links between events that the report shows
// by place, are left out.
var tables = map[string]string{
	"batch": `select b.id::text, b.number, b.order_number, encode(b.recipe_digest, 'hex'), b.ordered_at, b.issued_at, b.started_at, b.ended_at from ebr.batches b where b.id = $1`,
	"history": `select h.step, h.value, h.attempt::text, h.raw, h.reading, h.unit, h.reason, h.entered_at, h.performed_at, h.signature::text,
		p.full_name, p.user_name from ebr.batch_history h join ebr.people p on p.id = h.person where h.batch = $1`,
	"signatures": `select s.id::text, s.full_name, s.meaning, s.act, encode(s.statement_digest, 'hex'), s.key_id, s.signed_at, p.user_name
		from ebr.signatures s join ebr.people p on p.id = s.person
		where s.id in (select signature from ebr.batch_history where batch = $1
			union select unnest(array[v.submit_signature, v.approve_signature, v.effective_signature]) from ebr.recipe_versions v join ebr.batches b on b.recipe_version = v.id where b.id = $1)`,
	"recipe": `select r.code, v.number::text, v.title, v.product, v.created_at, v.submitted_at, v.approved_at, v.effective_at
		from ebr.recipe_versions v join ebr.recipes r on r.id = v.recipe join ebr.batches b on b.recipe_version = v.id where b.id = $1`,
	"people": `select p.id::text, p.full_name, p.user_name from ebr.people p where p.id in (select person from ebr.batch_history where batch = $1)`,
	"trail":  `select e.seq::text, encode(e.hash, 'hex'), e.act, e.person::text from audit.entries e where e.stream = 'batch/' || $1::text`,
}

// compare asks for every cell of the tables in the text of the file, blanks apart: a line may break anywhere at a blank.
func (p *plant) compare(path string) {
	p.T.Helper()
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
	text := squeeze(strings.Join(pages(p.T, path), ""))
	conn := p.DB.Super(p.T)
	for table, sql := range tables {
		rows, err := conn.Query(p.Ctx, sql, p.batch)
		require.NoError(p.T, err)
		all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]any, error) { return row.Values() })
		require.NoError(p.T, err)
		require.NotEmpty(p.T, all, table)
		for _, row := range all {
			for i, cell := range row {
				want := fmt.Sprint(cell)
				if at, ok := cell.(time.Time); ok {
					want = at.In(time.Local).Format("2006-01-02 15:04:05 -07:00")
				}
				// The id of a signature in the history is printed as its number; its row asks for the id itself.
				if cell == nil || want == "" || want == "0" {
					continue
				}
				if !strings.Contains(text, squeeze(want)) {
					p.T.Errorf("%s, column %d: %q is not in the PDF", table, i+1, want)
				}
			}
		}
	}
}

// TestPersonWithoutRoles: who asked for the record is named even when nothing is known about the person.
func TestReader(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	found, err := people(p.Ctx, p.DB.App(t), []string{p.quinn.ID})
	require.NoError(t, err)
	require.Equal(t, []Person{{p.quinn.ID, "Quinn Adler", "quinn.adler", []string{access.QA.Title()}}}, found)
	unknown, err := Reader(p.Ctx, p.DB.App(t), "00000000-0000-0000-0000-000000000000")
	require.NoError(t, err)
	require.Equal(t, Person{ID: "00000000-0000-0000-0000-000000000000"}, unknown)
}
