package export

import (
	"fmt"
	"html"
	"strings"
	"time"

	"veribatch/ebr/report"
)

// pageHead begins index.html: one file without a script, a font or an address elsewhere, so that it reads the same on a machine without a network.
const pageHead = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>%s</title>
<style>
body{font:16px/1.45 system-ui,"Segoe UI",Arial,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#111;background:#fff}
table{border-collapse:collapse;width:100%%;margin:.5rem 0 1.5rem}
th,td{border:1px solid #bbb;padding:.3rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
th{background:#eee}
.state{border:3px solid #111;padding:.6rem .8rem;font-weight:bold}
.struck{text-decoration:line-through}
code{font-size:.85em}
h3{margin-bottom:.2rem}
</style></head><body>
`

// page writes HTML; what comes from the record is always text.
type page struct{ strings.Builder }

// line writes one element with a text in it.
func (p *page) line(element, text string) {
	name, _, _ := strings.Cut(element, " ")
	fmt.Fprintf(p, "<%s>%s</%s>\n", element, html.EscapeString(text), name)
}

// row writes one row of a table.
func (p *page) row(cell string, texts ...string) {
	p.WriteString("<tr>")
	for _, t := range texts {
		fmt.Fprintf(p, "<%s>%s</%s>", cell, html.EscapeString(t), cell)
	}
	p.WriteString("</tr>\n")
}

// table writes a table when it has rows.
func (p *page) table(heads []string, rows [][]string) {
	if len(rows) == 0 {
		p.line("p", "None.")
		return
	}
	p.WriteString("<table>")
	p.row("th", heads...)
	for _, r := range rows {
		p.row("td", r...)
	}
	p.WriteString("</table>\n")
}

// at writes a time with its distance from UTC.
func at(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02 15:04:05 -07:00")
}

func by(w report.Who) string { return w.FullName + " (" + w.UserName + ")" }

// finished are the states in which nothing more is entered about the execution.
var finished = map[string]bool{"complete": true, "aborted": true}

// index is the record to be read in a browser: what was asked, entered and signed. The audit trail stands in record.pdf and entries.jsonl.
func index(r report.Record, from position) []byte {
	var p page
	fmt.Fprintf(&p, pageHead, html.EscapeString("Batch "+r.Batch.Number))
	if r.Demo {
		p.line(`p class="state"`, "Demo plant: not for production use.")
	}
	p.line("h1", "Batch record "+r.Batch.Number)
	if !finished[r.State] {
		p.line(`p class="state"`, "This batch is not complete: "+r.State+". What was entered after this export was made is not on this page.")
	}
	p.table([]string{"What", "Value"}, [][]string{
		{"State", r.State}, {"Product", strings.Join([]string{r.Batch.Product, r.Batch.Strength, r.Batch.Form}, ", ")}, {"Batch size", r.Batch.Size},
		{"Order", r.Batch.OrderNumber}, {"Site", r.Site}, {"Area", r.Batch.Area},
		{"Recipe", r.Recipe.Code + ", " + r.Recipe.Title + ", version " + r.Recipe.Version}, {"SHA-256 of the recipe text", r.Recipe.Digest},
		{"Exported", at(r.GeneratedAt) + " by " + r.GeneratedBy.FullName + " (" + r.GeneratedBy.UserName + ")"}, {"Program", r.Program},
		{"Stream", "batch/" + r.Batch.ID}, {"Shows entries", fmt.Sprintf("1 to %d of this stream, and %d of other streams that name the batch", from.printed, from.others)},
		{"Review of the audit trail", r.Reviewed},
	})
	p.line("p", "This page and record.pdf are the same record; its audit trail is in record.pdf, and entry by entry in entries.jsonl. Reading proves nothing: check the bundle with "+
		"ebr verify-bundle, or with verify_bundle.py, and keys that you got from the plant by another way.")
	p.line("h2", "Course of the batch")
	p.acts(r.Batch.Moves)
	p.line("h2", "Execution")
	for _, u := range r.Units {
		for _, o := range u.Operations {
			p.line("h3", u.Title+" › "+o.Title)
			for i := range o.Steps {
				p.step(&o.Steps[i])
			}
		}
	}
	p.holds(r.Holds)
	p.line("h2", "Signatures")
	var rows [][]string
	for _, s := range r.Signatures {
		rows = append(rows, []string{fmt.Sprint(s.Number), s.About, s.Meaning, by(s.By), at(s.SignedAt), s.Statement})
	}
	p.table([]string{"No.", "What", "Meaning", "By", "At", "SHA-256 of the statement"}, rows)
	p.line("h2", "Comments on the batch")
	p.notes(r.Comments)
	p.WriteString("</body></html>\n")
	return []byte(p.String())
}

func (p *page) acts(acts []report.Act) {
	var rows [][]string
	for _, a := range acts {
		what := a.What
		if a.Void {
			what += " (void: a value was corrected afterwards)"
		}
		if a.Late {
			what += " (entered late)"
		}
		signed := ""
		if a.Signature > 0 {
			signed = fmt.Sprintf("signature %d", a.Signature)
		}
		rows = append(rows, []string{what, by(a.By), at(a.Done), at(a.Entered), signed, a.Reason})
	}
	p.table([]string{"Act", "By", "Done", "Entered", "Signed", "Reason"}, rows)
}

func (p *page) step(s *report.Step) {
	p.line("h4", fmt.Sprintf("%d. %s (%s)", s.Number, s.Title, s.Status))
	p.line("p", s.Text)
	var rows [][]string
	for _, v := range s.Values {
		if len(v.Readings) == 0 {
			rows = append(rows, []string{v.Title, "not recorded", "", "", "", "", ""})
		}
		for _, r := range v.Readings {
			how := r.How
			if r.Struck {
				how += "; replaced by a later one"
			}
			rows = append(rows, []string{v.Title, strings.TrimSpace(r.Text + " " + r.Unit), judged(r), how, by(r.By), at(r.Entered), r.Reason})
		}
		for _, c := range v.Comments {
			rows = append(rows, []string{v.Title, c.Text, "", "comment", by(c.By), at(c.Entered), ""})
		}
	}
	if len(rows) > 0 {
		p.table([]string{"Value", "Reading", "Limits", "How", "By", "Entered", "Reason"}, rows)
	}
	if len(s.Acts) > 0 {
		p.acts(s.Acts)
	}
	if len(s.Comments) > 0 {
		p.notes(s.Comments)
	}
}

func judged(r report.Reading) string {
	if r.Judgement == "" {
		return ""
	}
	return string(r.Judgement)
}

func (p *page) holds(holds []report.Hold) {
	p.line("h2", "Holds")
	if len(holds) == 0 {
		p.line("p", "None.")
	}
	for _, h := range holds {
		p.line("h3", fmt.Sprintf("%d. %s", h.Number, h.Cause))
		p.line("p", "Held by "+by(h.By)+" at "+at(h.At))
		acts := h.Assessments
		if h.Resumed != nil {
			acts = append(acts[:len(acts):len(acts)], *h.Resumed)
		} else {
			p.line("p", "Not resumed.")
		}
		p.acts(acts)
	}
}

func (p *page) notes(notes []report.Note) {
	var rows [][]string
	for _, n := range notes {
		rows = append(rows, []string{n.Text, by(n.By), at(n.Entered)})
	}
	p.table([]string{"Comment", "By", "Entered"}, rows)
}
