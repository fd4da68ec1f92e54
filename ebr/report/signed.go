package report

import (
	"fmt"
	"strings"
)

// materials writes the bill of materials (21 CFR 211.186(b)(2) to (4)).
func (p *paper) materials() {
	if len(p.record.Materials) == 0 {
		p.nothing("The recipe lists no materials.")
		return
	}
	t := table{sheet: p.sheet, columns: []column{{"Code", 38}, {"Material", 66}, {"Part", 39}, {"Quantity per batch", 34}}, context: "Bill of materials (continued)"}
	for _, m := range p.record.Materials {
		role := "component"
		if m.Active {
			role = "active substance"
		}
		t.add(row{cells: []cell{
			{column: 0, paras: []para{{text: m.Code, style: small}}}, {column: 1, paras: []para{{text: m.Name, style: small}}},
			{column: 2, paras: []para{{text: role, style: small}}}, {column: 3, paras: []para{{text: m.Quantity, style: strong}}},
		}})
	}
	t.end()
}

// persons writes who appears in the record, with the name that is printed beside signatures and the one that is unique.
func (p *paper) persons() {
	if len(p.record.Persons) == 0 {
		p.nothing("Nobody has acted on this batch.")
		return
	}
	t := table{sheet: p.sheet, columns: []column{{"Printed name", 48}, {"User name", 36}, {"Roles during the batch", 40}, {"Person in the system", 53}}, context: "Persons (continued)"}
	for _, who := range p.record.Persons {
		t.add(row{cells: []cell{
			{column: 0, paras: []para{{text: who.FullName, style: strong}}}, {column: 1, paras: []para{{text: who.UserName, style: small}}},
			{column: 2, paras: []para{{text: orDash(strings.Join(who.Roles, ", ")), style: small}}},
			{column: 3, paras: []para{{text: who.ID, style: tiny}}},
		}})
	}
	t.end()
	p.stations()
}

// stations writes from where things were entered.
func (p *paper) stations() {
	if len(p.record.Stations) == 0 {
		return
	}
	t := table{sheet: p.sheet, columns: []column{{"Station", 124}, {"Station in the system", 53}}, context: "Stations (continued)"}
	for _, s := range p.record.Stations {
		t.add(row{cells: []cell{{column: 0, paras: []para{{text: s.Name, style: strong}}}, {column: 1, paras: []para{{text: s.ID, style: tiny}}}}})
	}
	t.end()
}

// course writes what became of the batch as a whole.
func (p *paper) course() {
	if len(p.record.Batch.Moves) == 0 {
		p.nothing("Nothing has happened to this batch.")
		return
	}
	p.acts(p.record.Batch.Moves, "Course of the batch")
}

// recipe writes which text was executed and who answers for it (21 CFR 211.186(a)).
func (p *paper) recipe() {
	r := p.record.Recipe
	p.facts([]fact{
		{"Code", r.Code, label}, {"Title", r.Title, body}, {"Version", r.Version, body}, {"Language", r.Language, body},
		{"Digest of the text", list(" ", "SHA-256", r.Digest), code}, {"Description", r.Description, body},
	})
	p.y += 2
	if len(r.Moves) > 0 {
		p.acts(r.Moves, "Life of the recipe")
	}
}

// actColumns are the columns of acts that are no part of a step.
var actColumns = []column{{"Act", 45}, {"Signature", 38}, {"", 26}, {"Done / entered", 39}, {"By", 29}}

func (p *paper) acts(acts []Act, context string) {
	t := &table{sheet: p.sheet, columns: actColumns, context: context + " (continued)"}
	for _, a := range acts {
		t.act(a)
	}
	t.end()
}

// holdsChapter writes every hold with its cause, its assessments and its end.
func (p *paper) holdsChapter() {
	if len(p.record.Holds) == 0 {
		p.nothing("The batch was never held.")
	}
	for _, h := range p.record.Holds {
		t := &table{sheet: p.sheet, columns: actColumns, context: fmt.Sprintf("Hold %d (continued)", h.Number)}
		t.hold(h)
		t.end()
	}
}

func (t *table) hold(h Hold) {
	cause := []para{{text: "by a person", style: small}}
	if h.Automatic {
		cause = []para{{text: signAction + "action limit", style: strong, box: filled}}
	}
	t.add(row{
		cells: []cell{
			{paras: []para{{text: fmt.Sprintf("Hold %d", h.Number), style: label}}},
			{column: 1, span: 2, paras: append(cause, para{text: h.Step, style: small})},
			{column: 3, paras: []para{{text: clock(h.At), style: small7}}},
			{column: 4, paras: []para{{text: who(h.By), style: small}}},
		},
		notes: []para{{text: "Cause: " + h.Cause, style: small}}, again: "Cause of the hold",
	})
	for _, a := range h.Assessments {
		t.act(a)
	}
	if h.Resumed == nil {
		t.missing("Resumed", "not resumed")
		return
	}
	t.act(*h.Resumed)
}

// comments writes the comments on the batch as a whole.
func (p *paper) comments() {
	if len(p.record.Comments) == 0 {
		p.nothing("None. Comments on steps and values stand in the chapter Execution.")
		return
	}
	t := &table{sheet: p.sheet, columns: []column{{"", 12}, {"Comment", 58}, {"", 39}, {"Entered", 39}, {"By", 29}}, context: "Comments on the batch (continued)"}
	for i, n := range p.record.Comments {
		t.add(row{
			cells: []cell{
				{paras: []para{{text: number(i + 1), style: strong}}},
				{column: 3, paras: []para{{text: clock(n.Entered), style: small7}}}, {column: 4, paras: []para{{text: who(n.By), style: small}}},
			},
			notes: []para{{text: n.Text, style: small}}, again: "Comment " + number(i+1) + " by " + who(n.By),
		})
	}
	t.end()
}

// signatures writes every signature with printed name, time and meaning (21 CFR 11.50), and the digest of what was signed.
func (p *paper) signatures() {
	if len(p.record.Signatures) == 0 {
		p.nothing("Nothing has been signed.")
		return
	}
	p.flow(left, para{text: "Each was given with user name and password on a statement of what is signed. The statement is kept under its digest; " +
		"a manifest sealed with the key of the site binds it to the person, the meaning and the time.", style: note})
	p.y += 2
	t := &table{sheet: p.sheet, columns: []column{{"No.", 11}, {"Meaning", 38}, {"What was signed", 53}, {"Signed", 39}, {"Printed name", 36}}, context: "Signatures (continued)"}
	for _, s := range p.record.Signatures {
		t.add(row{
			cells: []cell{
				{paras: []para{{text: number(s.Number), style: strong}}},
				{column: 1, paras: []para{{text: s.Meaning, style: strong}}},
				{column: 2, paras: []para{{text: s.About, style: small}, {text: s.Act, style: note}}},
				{column: 3, paras: []para{{text: clock(s.SignedAt), style: small7}}},
				{column: 4, paras: []para{{text: who(s.By), style: strong}}},
			},
			notes: []para{
				{text: "statement SHA-256 " + s.Statement, style: tiny},
				{text: "sealed with key " + s.Key + ", signature " + s.ID, style: tiny},
			},
			again: "Signature " + number(s.Number),
		})
	}
	t.end()
}
