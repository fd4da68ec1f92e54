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
	p.MustSign(p.quinn, batch.Issue{Batch: p.batch})
	p.Do(p.anna, batch.Start{Batch: p.batch})
	time.Sleep(1100 * time.Millisecond) // a claimed time has seconds and lies after the start
	p.perform("010")
	p.record("020", "clear", "yes")
	p.perform("020")
	_, err := p.Run(p.anna, "", batch.Record{Batch: p.batch, Step: "030", Value: "container", Raw: "NA2HPO4"})
	require.Equal(t, fault.Refused, fault.KindOf(err))
	p.record("030", "container", "NAH2PO4")
	p.performSigned("030")
	p.record("040", "net", "13.85")
	p.performSigned("040")
	p.Do(p.anna, batch.Correct{Batch: p.batch, Step: "040", Value: "net", Raw: "13.86", Reason: "Read the display again, “6” not “5”", Seen: 1})
	p.Do(p.anna, batch.Comment{Batch: p.batch, Step: "040", Text: "Display of the scale is worn"})

	half := p.print()
	p.compare(half)
	text := oneLine(layout(t, half))
	for _, want := range []string{"State: in execution", "– not recorded", "– not performed", "► corrected"} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "State: complete")

	p.performSigned("040")
	p.record("050", "net", "57.00")
	p.Do(p.anna, batch.Comment{Batch: p.batch, Step: "050", Value: "net", Text: "Scale drifts,\nsee its log; Temp. 22 °C ± 0.5, ≤ 5 µg", Seen: 1})
	p.perform("050")
	p.Do(p.sue, batch.Hold{Batch: p.batch, Reason: "Power cut"})
	p.Do(p.sue, batch.Resume{Batch: p.batch, Reason: "Power is back"})
	p.perform("060")
	p.record("070", "ph1", "7.40")
	p.record("070", "ph2", "7.60")
	p.MustSign(p.sue, batch.AssessHold{Batch: p.batch, Reason: "Electrode was dry"})
	p.MustSign(p.quinn, batch.AssessHold{Batch: p.batch, Reason: "No effect on the product"})
	p.Do(p.sue, batch.Resume{Batch: p.batch, Reason: "Electrode wetted"})
	p.Do(p.anna, batch.Record{Batch: p.batch, Step: "070", Value: "ph2", Raw: "7.42", Reason: "Measured again with a wet electrode", Seen: 1})
	p.record("070", "ph3", "7.41")
	p.perform("070")
	p.record("080", "appearance", "clear and colourless")
	p.perform("080")
	p.record("090", "filter", "F-0815")
	p.record("090", "filled", time.Now().Add(-time.Minute).Format("2006-01-02T15:04"))
	p.perform("090")
	p.MustSign(p.sue, batch.Perform{Batch: p.batch, Step: "100"})
	p.Do(p.anna, batch.Comment{Batch: p.batch, Text: "End of shift"})
	p.MustSign(p.sue, batch.Complete{Batch: p.batch})

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
	readable(t, half)
	readable(t, whole)
}

// rows are the queries whose rows must be readable in the PDF, before the trail, as rows: every cell in this order, close together. Empty cells
// are left out.
var rows = map[string]string{
	"readings": `select h.reading || h.unit, nullif(h.raw, h.reading), 'no. ' || h.attempt, coalesce(h.performed_at, h.entered_at), h.entered_at,
		p.full_name || ' (' || p.user_name || ')', h.reason
		from ebr.batch_history h join ebr.people p on p.id = h.person where h.batch = $1 and h.event in ('recorded', 'corrected')`,
	"acts": `select initcap(replace(h.event, 'hold_', '')), coalesce('signed: ' || s.meaning, 'not signed'), coalesce(h.performed_at, h.entered_at), h.entered_at,
		p.full_name || ' (' || p.user_name || ')', h.reason
		from ebr.batch_history h join ebr.people p on p.id = h.person left join ebr.signatures s on s.id = h.signature
		where h.batch = $1 and h.event not in ('recorded', 'corrected', 'commented')`,
	"comments": `select h.entered_at, p.full_name || ' (' || p.user_name || ')', h.reason
		from ebr.batch_history h join ebr.people p on p.id = h.person where h.batch = $1 and h.event = 'commented'`,
	"signatures": `select s.meaning, s.act, s.signed_at, p.full_name || ' (' || p.user_name || ')', encode(s.statement_digest, 'hex'), s.key_id, s.id::text
		from ebr.signatures s join ebr.people p on p.id = s.person
		where s.id in (select signature from ebr.batch_history where batch = $1)`,
}

// squeeze takes out all blanks: a line may break at any of them.
func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }

// near tells whether the parts stand in the text in this order, each within reach of the one before.
func near(text string, parts []string) bool {
	const reach = 150
	for from := 0; ; {
		i := strings.Index(text[from:], parts[0])
		if i < 0 {
			return false
		}
		from += i + len(parts[0])
		at, found := from, true
		for _, part := range parts[1:] {
			j := strings.Index(text[at:min(len(text), at+reach+len(part))], part)
			if found = j >= 0; !found {
				break
			}
			at += j + len(part)
		}
		if found {
			return true
		}
	}
}

// compareRows asks for the rows before the chapter of the trail, which would repeat them.
func (p *plant) compareRows(path string) {
	p.T.Helper()
	text, _, found := strings.Cut(strings.SplitN(strings.Join(pages(p.T, path), ""), "Page 1 of", 2)[1], "Stream of the batch:")
	require.True(p.T, found)
	text = squeeze(text)
	for name, sql := range rows {
		p.each(sql, func(cells []any) {
			var parts []string
			for _, cell := range cells {
				if want := cellOf(cell); want != "" {
					parts = append(parts, squeeze(want))
				}
			}
			if !near(text, parts) {
				p.T.Errorf("%s: %q do not stand together in the PDF", name, parts)
			}
		})
	}
}

// each runs f on every row of a query about the batch; there is at least one.
func (p *plant) each(sql string, f func([]any)) {
	p.T.Helper()
	found, err := p.DB.Super(p.T).Query(p.Ctx, sql, p.batch)
	require.NoError(p.T, err)
	all, err := pgx.CollectRows(found, func(row pgx.CollectableRow) ([]any, error) { return row.Values() })
	require.NoError(p.T, err)
	require.NotEmpty(p.T, all, sql)
	for _, row := range all {
		f(row)
	}
}

// cellOf gives a cell of a table as it is printed.
func cellOf(cell any) string {
	switch cell := cell.(type) {
	case nil:
		return ""
	case time.Time:
		return cell.In(time.Local).Format("2006-01-02 15:04:05 -07:00")
	}
	return fmt.Sprint(cell)
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
	p.compareRows(path)
	text := squeeze(strings.Join(pages(p.T, path), ""))
	for table, sql := range tables {
		p.each(sql, func(row []any) {
			for i, cell := range row {
				if want := cellOf(cell); want != "0" && !strings.Contains(text, squeeze(want)) {
					p.T.Errorf("%s, column %d: %q is not in the PDF", table, i+1, want)
				}
			}
		})
	}
}

// TestReader: who asked for the record is named even when nothing is known about the person.
func TestReader(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	found, err := people(p.Ctx, p.DB.App(t), []string{p.quinn.ID}, period{})
	require.NoError(t, err)
	require.Equal(t, []Person{{p.quinn.ID, "Quinn Adler", "quinn.adler", []string{access.QA.Title()}}}, found)
	unknown, err := Reader(p.Ctx, p.DB.App(t), "00000000-0000-0000-0000-000000000000")
	require.NoError(t, err)
	require.Equal(t, Person{ID: "00000000-0000-0000-0000-000000000000"}, unknown)
}
