package report

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"veribatch/recipes/formula"
)

// The signs of what is not normal. Each stands with its word, and is in every font of the record.
const (
	signAlert   = "▲ "
	signAction  = "■ "
	signStruck  = "► "
	signRepeat  = "○ "
	signLate    = "◊ "
	signVoid    = "□ "
	signRefused = "▼ "
)

func number(n int) string { return strconv.Itoa(n) }

// cover writes the first page: what this is, of which batch, by which recipe, in which state, and what a reviewer should look at.
func (p *paper) cover() {
	r := p.record
	p.draw(left, p.y, []printed{{text: "Batch record", style: title}})
	p.y += title.leading() + 1
	p.flow(left, para{text: list(", ", r.Batch.Product, r.Batch.Strength, r.Batch.Form), style: style{face: bold, size: 13}})
	p.y += 3
	p.facts([]fact{
		{"Batch", orDash(r.Batch.Number), label}, {"State", r.State, label},
		{"Order", r.Batch.OrderNumber, body}, {"Batch size", r.Batch.Size, body}, {"Site", r.Site, body}, {"Area", r.Batch.Area, body},
		{"Recipe", list(", ", r.Recipe.Code, labelled("version", r.Recipe.Version)), body}, {"Digest of the recipe", list(" ", "SHA-256", r.Recipe.Digest), code},
		{"Record in the system", "batch/" + r.Batch.ID, code},
		{"Printed", list(" by ", clock(r.GeneratedAt), person(r.GeneratedBy)), body},
		{"", list(" · ", r.GeneratedBy.ID, strings.Join(r.GeneratedBy.Roles, ", "), r.Program), note},
	})
	p.attention()
}

type fact struct {
	name, value string
	style       style
}

// facts writes names and values in two columns.
func (p *paper) facts(facts []fact) {
	const names = 42
	for _, f := range facts {
		if f.value == "" {
			continue
		}
		lines := p.lay(wide-names, para{text: f.value, style: f.style})
		p.need(heightOf(lines))
		st := body
		st.tone = dark
		p.text(left, p.y, f.name, st)
		p.draw(left+names, p.y, lines)
		p.y += heightOf(lines) + 0.5
	}
}

// point is something a reviewer should look at.
type point struct {
	what, where string
	to          *anchor
}

// attention lists everything in the record that did not go as planned, with the page where it stands.
func (p *paper) attention() {
	p.y += 4
	p.need(30)
	p.banded("Points of attention")
	points := append(p.stepPoints(), p.otherPoints()...)
	if len(points) == 0 {
		p.nothing("None: no alert or action limit, correction, repeated measurement, late entry, voided act, hold or refused act was recorded.")
		return
	}
	t := table{sheet: p.sheet, columns: []column{{"What", 57}, {"Where", 108}, {"Page", 12}}, context: "Points of attention (continued)"}
	for _, point := range points {
		t.add(row{cells: []cell{
			{column: 0, paras: []para{{text: point.what, style: strong}}},
			{column: 1, paras: []para{{text: point.where, style: small}}},
		}})
		p.pageOf(p.y-small.leading()-padding, point.to)
	}
	t.end()
}

// stepPoints gives the points of all steps, in order.
func (p *paper) stepPoints() []point {
	var points []point
	i := 0
	for _, u := range p.record.Units {
		for _, o := range u.Operations {
			for _, st := range o.Steps {
				points = append(points, pointsOf(st, &p.steps[i])...)
				i++
			}
		}
	}
	return points
}

func pointsOf(st Step, to *anchor) []point {
	var points []point
	where := fmt.Sprintf("Step %d, %s", st.Number, st.Title)
	for _, v := range st.Values {
		for _, r := range v.Readings {
			at := where + ": " + v.Title + " " + list(" ", r.Text, r.Unit)
			if what := words(marks(r)); what != "" {
				points = append(points, point{what, at, to})
			}
		}
	}
	for _, a := range st.Acts {
		if what := words(actMarks(a)); what != "" {
			points = append(points, point{what, where + ": " + a.What + " by " + who(a.By), to})
		}
	}
	return points
}

// otherPoints gives holds and refused acts.
func (p *paper) otherPoints() []point {
	var points []point
	for _, h := range p.record.Holds {
		points = append(points, point{signAction + "held", fmt.Sprintf("Hold %d, %s", h.Number, h.Cause), &p.holds})
	}
	for _, i := range p.record.Incidents {
		points = append(points, point{signAlert + "incident, " + i.State, fmt.Sprintf("%s, %s: %s", i.Number, i.Kind, i.Effect), &p.incidents})
	}
	for _, r := range p.record.Reviews {
		if r.Quick {
			points = append(points, point{signAlert + "short review", fmt.Sprintf("Entries %s by %s, open for %s", r.Entries, r.Reviewer, r.Took), &p.reviews})
		}
	}
	for _, e := range p.record.Trail {
		if e.Refused {
			points = append(points, point{signRefused + "refused", fmt.Sprintf("%s by %s: %s", e.Act, who(Who{e.By.Name, e.By.User}), cmp.Or(e.Details["refusal"], e.Reason)), &p.trail})
		}
	}
	return points
}

// mark is a word with a sign for something that is not normal.
type mark struct {
	sign, word string
	box        box
}

// marks gives what is not normal about a reading, the worst first.
func marks(r Reading) []mark {
	var m []mark
	switch r.Judgement {
	case formula.Action:
		m = append(m, mark{signAction, "action limit", filled})
	case formula.Alert:
		m = append(m, mark{signAlert, "alert limit", framed})
	}
	if r.Struck {
		m = append(m, mark{signStruck, "corrected", framed})
	}
	if r.How == howRepeated {
		m = append(m, mark{signRepeat, "repeated", framed})
	}
	if r.Late {
		m = append(m, mark{signLate, "late entry", framed})
	}
	return m
}

// actMarks gives what is not normal about an act.
func actMarks(a Act) []mark {
	var m []mark
	if a.Void {
		m = append(m, mark{signVoid, "void", framed})
	}
	if a.Late {
		m = append(m, mark{signLate, "late entry", framed})
	}
	return m
}

// words gives marks in one line.
func words(marks []mark) string {
	parts := make([]string, len(marks))
	for i, m := range marks {
		parts[i] = m.sign + m.word
	}
	return strings.Join(parts, "  ")
}

func markParas(marks []mark) []para {
	paras := make([]para, len(marks))
	for i, m := range marks {
		paras[i] = para{text: m.sign + m.word, style: strong, box: m.box}
	}
	return paras
}
