package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"veribatch/recipes/formula"
)

// How a reading came to be; the words are printed.
const (
	howRecorded  = "recorded"
	howRepeated  = "repeated measurement"
	howCorrected = "correction"
)

// stepColumns are the columns of everything that was done: values, acts, holds.
var stepColumns = []column{{"Value or act", 45}, {"Reading", 38}, {"Judgement", 26}, {"Done / entered", 39}, {"By", 29}}

// execution writes every step with what was asked, every reading, every act.
func (p *paper) execution() {
	if len(p.steps) == 0 {
		p.nothing("The recipe has no steps.")
	}
	operation, step := 0, 0
	for u, unit := range p.record.Units {
		head, under := titled(subtitle, unit.Title, "unit procedure "+unit.ID), 0.0
		if len(unit.Operations) > 0 {
			under = p.opening(unit.Operations[0])
		}
		p.need(p.highOf(head) + under)
		p.here(&p.units[u])
		p.pdf.Bookmark(clean(unit.Title), 1, p.y)
		p.heading(head)
		for _, o := range unit.Operations {
			p.need(p.opening(o))
			p.here(&p.operations[operation])
			p.heading(headOf(o))
			operation++
			for _, st := range o.Steps {
				p.step(st, &p.steps[step])
				step++
			}
		}
	}
}

// titled is a heading with a grey remark below it.
func titled(st style, text, remark string) []para {
	return []para{{text: text, style: st}, {text: remark, style: note}}
}

func headOf(o Operation) []para { return titled(label, o.Title, "operation "+o.ID) }

const belowHeading = 1.5

func (p *paper) heading(head []para) {
	p.flow(left, head...)
	p.y += belowHeading
}

func (p *paper) highOf(head []para) float64 { return heightOf(p.lay(wide, head...)) + belowHeading }

// opening is the height of what stands together at the beginning of an operation: its heading and the beginning of its first step.
func (p *paper) opening(o Operation) float64 {
	height := p.highOf(headOf(o))
	if len(o.Steps) > 0 {
		height += p.beginning(p.stepHead(o.Steps[0]))
	}
	return height
}

// stepHead lays out title and instruction of a step.
func (p *paper) stepHead(st Step) (heads, text []printed) {
	return p.lay(wide-14, para{text: st.Title, style: label}, para{text: stepRemark(st), style: note}), p.lay(wide-14, para{text: st.Text, style: body})
}

// beginning is the height of heading, instruction and first row, which stay together unless the instruction is very long.
func (p *paper) beginning(heads, text []printed) float64 {
	return min(heightOf(heads)+heightOf(text)+34, 150)
}

// step writes one step.
func (p *paper) step(st Step, to *anchor) {
	heads, text := p.stepHead(st)
	p.need(p.beginning(heads, text))
	p.here(to)
	p.rule(left, right, p.y, 0.35, black)
	p.y += 1.2
	p.draw(left+1, p.y, []printed{{text: number(st.Number), style: label}})
	p.draw(left+14, p.y, heads)
	p.y += heightOf(heads) + 0.5
	p.flow(left+14, para{text: st.Text, style: body})
	p.y += 1.5
	t := &table{sheet: p.sheet, columns: stepColumns, context: fmt.Sprintf("Step %d, %s (continued)", st.Number, st.Title)}
	for _, v := range st.Values {
		t.value(v)
	}
	t.stepActs(st)
	t.group = "Comments"
	for _, n := range st.Comments {
		t.note(n, false)
	}
	t.end()
	p.y += 1.5
}

// stepRemark says in one line what kind of step it is and how far it came.
func stepRemark(st Step) string {
	critical := ""
	if st.Critical {
		critical = "critical: verified by a second person"
	}
	signs := list(", ", labelled("signed by", st.Role), labelled("meaning", st.Meaning))
	return list(" · ", st.Kind, critical, signs, labelled("step", st.ID), labelled("status:", st.Status))
}

// stepActs writes who performed and verified the step, and what is still missing.
func (t *table) stepActs(st Step) {
	t.group = ""
	performed, verified := false, false
	for _, a := range st.Acts {
		t.act(a)
		performed = performed || a.What == actPerformed && !a.Void
		verified = verified || a.What == actVerified && !a.Void
	}
	if !performed {
		t.missing("Performed", "not performed")
	}
	if st.Critical && !verified {
		t.missing("Verified", "not verified")
	}
}

// missing writes a row for something that was not done.
func (t *table) missing(what, words string) {
	t.add(row{cells: []cell{{paras: []para{{text: what, style: strong}}}, {column: 1, span: 2, paras: []para{{text: "– " + words, style: small}}}}})
}

// value writes one value: what was asked, every reading, every comment.
func (t *table) value(v Value) {
	t.group = v.Title
	asked := []para{{text: v.Title, style: strong}, {text: valueKind(v), style: note},
		{text: labelled("action", list(" ", v.Action, unitOf(v.Action, v.Unit))), style: small},
		{text: labelled("alert", list(" ", v.Alert, unitOf(v.Alert, v.Unit))), style: small},
		{text: labelled("expected:", v.Expect), style: small},
		{text: labelled("one of:", strings.Join(v.Options, ", ")), style: note}}
	if len(v.Readings) == 0 {
		t.add(row{cells: []cell{{paras: asked}, {column: 1, span: 2, paras: []para{{text: "– not recorded", style: small}}}}})
	}
	for i, r := range v.Readings {
		if i > 0 {
			asked = nil
		}
		t.reading(r, asked)
	}
	for _, n := range v.Comments {
		t.note(n, true)
	}
}

func valueKind(v Value) string {
	return list(" · ", v.ID, v.Kind, labelled("in", v.Unit), labelled("decimals", v.Decimals))
}

func unitOf(limits, unit string) string {
	if limits == "" {
		return ""
	}
	return unit
}

// longReading is from how many characters a reading stands below its row, over the whole width.
const longReading = 60

// reading writes one reading; asked stands in the first column of the first one.
func (t *table) reading(r Reading, asked []para) {
	st := strong
	st.size, st.strike = 9, r.Struck
	text := para{text: list(" ", orDash(r.Text), r.Unit), style: st}
	var notes []para
	cellText := text
	if utf8.RuneCountInString(text.text) > longReading {
		cellText = para{text: "long text, see below", style: note}
		text.style.face, text.style.size = regular, 8
		notes = append(notes, text)
	}
	typed := para{style: note}
	if r.Raw != r.Text {
		typed.text = "typed: " + r.Raw
	}
	if r.Reason != "" {
		notes = append(notes, para{text: reasonName(r) + ": " + r.Reason, style: small})
	}
	struck := ""
	if r.Struck {
		struck = " (struck through: a correction follows)"
	}
	t.add(row{
		cells: []cell{
			{paras: asked},
			{column: 1, paras: []para{cellText, typed, {text: fmt.Sprintf("no. %d, %s", r.Attempt, r.How), style: note}}},
			{column: 2, paras: append(markParas(marks(r)), judgement(r.Judgement)...)},
			{column: 3, paras: []para{{text: clock(r.Done), style: small7}, {text: clock(r.Entered), style: note}}},
			{column: 4, paras: []para{{text: who(r.By), style: small}}},
		},
		notes: notes, sub: asked == nil,
		again: fmt.Sprintf("Reading no. %d, %s%s", r.Attempt, t.fit(list(" ", r.Text, r.Unit), note, 60), struck),
	})
}

// small7 is a time in the width of its column.
var small7 = style{size: 7.2}

// judgement gives the word for a reading that is as it should be; the others have marks.
func judgement(j formula.Judgement) []para {
	switch j {
	case formula.Alert, formula.Action:
		return nil
	case formula.None, "":
		return []para{{text: "no limits", style: note}}
	}
	return []para{{text: string(j), style: note}}
}

func reasonName(r Reading) string {
	switch {
	case r.How == howCorrected:
		return "Reason for the correction"
	case r.How == howRepeated:
		return "Reason for the repeated measurement"
	case r.Late:
		return "Reason for the late entry"
	}
	return "Reason"
}

// The acts on a step; the words are printed.
const (
	actPerformed = "performed"
	actVerified  = "verified"
)

// act writes one act: what, with which signature, when, by whom, why.
func (t *table) act(a Act) {
	what := strong
	what.strike = a.Void
	var notes []para
	if a.Reason != "" {
		notes = []para{{text: "Reason: " + a.Reason, style: small}}
	}
	t.add(row{
		cells: []cell{
			{paras: []para{{text: upper(a.What), style: what}, {text: labelled("as", a.Role), style: note}}},
			{column: 1, paras: t.signed(a.Signature)},
			{column: 2, paras: markParas(actMarks(a))},
			{column: 3, paras: []para{{text: clock(a.Done), style: small7}, {text: clock(a.Entered), style: note}}},
			{column: 4, paras: []para{{text: who(a.By), style: small}}},
		},
		notes: notes, again: upper(a.What) + " by " + who(a.By),
	})
}

// signed says what a signature means and where its digest stands.
func (t *table) signed(n int) []para {
	if n == 0 {
		return []para{{text: "not signed", style: small}}
	}
	paras := []para{{text: fmt.Sprintf("signature no. %d", n), style: note}}
	for _, s := range t.record.Signatures {
		if s.Number == n {
			return append([]para{{text: "signed: " + s.Meaning, style: small}}, paras...)
		}
	}
	return paras
}

// upper starts a word with a capital letter.
func upper(word string) string {
	r, n := utf8.DecodeRuneInString(word)
	return strings.ToUpper(string(r)) + word[n:]
}

// note writes a comment; sub puts it below the value that it is about.
func (t *table) note(n Note, sub bool) {
	t.add(row{
		cells: []cell{
			{paras: nil},
			{column: 1, span: 2, paras: []para{{text: "Comment", style: strong}}},
			{column: 3, paras: []para{{text: clock(n.Entered), style: small7}}},
			{column: 4, paras: []para{{text: who(n.By), style: small}}},
		},
		notes: []para{{text: n.Text, style: small}}, sub: sub, again: "Comment by " + who(n.By),
	})
}
