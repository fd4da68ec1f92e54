package report

import (
	"errors"
	"io"
)

// PDF writes the record as an A4 document that can be read without this program: what was asked, what was done, by whom, when, with which
// signatures, then the trail with its hashes (21 CFR 211.188, 11.10(b), 11.50). One Record gives the same bytes every time.
// It fails on a Record without GeneratedAt, which dates the file, and when w fails.
func PDF(w io.Writer, r Record) error {
	if r.GeneratedAt.IsZero() {
		return errors.New("print the batch record: GeneratedAt is not set")
	}
	p := newPaper(&r)
	p.newPage()
	p.cover()
	p.contents()
	p.newPage()
	for _, c := range p.chapters {
		p.chapter(c)
	}
	return p.finish(w)
}

// paper is the document with the places that contents and points of attention lead to.
type paper struct {
	*sheet
	chapters   []*chapter
	units      []anchor // by unit
	operations []anchor // in order of execution, over all units
	steps      []anchor // likewise
	holds      anchor
	incidents  anchor
	reviews    anchor
	trail      anchor
}

// chapter is a numbered part of the record.
type chapter struct {
	title string
	to    *anchor
	write func()
	parts []part // what the contents list below it
}

type part struct {
	title  string
	indent float64
	to     *anchor
}

func newPaper(r *Record) *paper {
	p := &paper{sheet: newSheet(r)}
	p.units = make([]anchor, len(r.Units))
	operations, steps := 0, 0
	for _, u := range r.Units {
		operations += len(u.Operations)
		for _, o := range u.Operations {
			steps += len(o.Steps)
		}
	}
	p.operations, p.steps = make([]anchor, operations), make([]anchor, steps)
	p.chapters = []*chapter{
		{title: "Recipe", to: new(anchor), write: p.recipe},
		{title: "Bill of materials", to: new(anchor), write: p.materials},
		{title: "Persons and stations", to: new(anchor), write: p.persons},
		{title: "Course of the batch", to: new(anchor), write: p.course},
		{title: "Execution", to: new(anchor), write: p.execution, parts: p.executionParts()},
		{title: "Holds", to: &p.holds, write: p.holdsChapter},
		{title: "Incidents of the system", to: &p.incidents, write: p.incidentsChapter},
		{title: "Review of the audit trail", to: &p.reviews, write: p.reviewsChapter},
		{title: "Comments on the batch", to: new(anchor), write: p.comments},
		{title: "Signatures", to: new(anchor), write: p.signatures},
		{title: "Audit trail", to: &p.trail, write: p.trailChapter},
	}
	return p
}

// executionParts lists unit procedures and operations.
func (p *paper) executionParts() []part {
	var parts []part
	operation := 0
	for u := range p.record.Units {
		unit := &p.record.Units[u]
		parts = append(parts, part{unit.Title, 6, &p.units[u]})
		for o := range unit.Operations {
			parts = append(parts, part{unit.Operations[o].Title, 12, &p.operations[operation]})
			operation++
		}
	}
	return parts
}

// contents lists chapters and parts with their pages.
func (p *paper) contents() {
	p.need(30)
	p.y += 4
	p.banded("Contents")
	for i, c := range p.chapters {
		p.leader(0, number(i+1)+"  "+c.title, label, c.to)
		for _, part := range c.parts {
			p.leader(part.indent, part.title, small, part.to)
		}
	}
}

// leader writes one line with its page number at the right margin.
func (p *paper) leader(indent float64, text string, st style, to *anchor) {
	lines := p.lay(wide-indent-14, para{text: text, style: st})
	p.need(heightOf(lines))
	p.draw(left+indent, p.y, lines)
	last := p.y + heightOf(lines) - st.leading()
	if len(lines) > 0 {
		from := left + indent + p.width(lines[len(lines)-1].text, st) + 2
		p.dots(from, right-9, last+st.leading()*0.77)
	}
	p.pageOf(last, to)
	p.y += heightOf(lines) + 0.4
}

// dots leads the eye to the page number.
func (p *paper) dots(from, to, y float64) {
	p.pdf.SetDashPattern([]float64{0.3, 1.2}, 0)
	p.rule(from, to, y, 0.2, pale)
	p.pdf.SetDashPattern(nil, 0)
}

// chapter writes one chapter under its numbered heading.
func (p *paper) chapter(c *chapter) {
	p.need(45)
	if p.y > top {
		p.y += 5
	}
	p.here(c.to)
	p.pdf.Bookmark(clean(c.title), 0, p.y)
	p.draw(left, p.y, []printed{{text: number(p.place(c)) + "  " + c.title, style: heading}})
	p.y += heading.leading() + 0.8
	p.rule(left, right, p.y, 0.4, black)
	p.y += 2.5
	c.write()
}

func (p *paper) place(c *chapter) int {
	for i := range p.chapters {
		if p.chapters[i] == c {
			return i + 1
		}
	}
	return 0
}

// banded writes a small heading.
func (p *paper) banded(text string) {
	p.draw(left, p.y, []printed{{text: text, style: subtitle}})
	p.y += subtitle.leading() + 0.5
	p.rule(left, right, p.y, 0.2, black)
	p.y += 1.5
}

// nothing says that a chapter is empty on purpose.
func (p *paper) nothing(words string) {
	p.flow(left, para{text: words, style: body})
	p.y += 2
}
