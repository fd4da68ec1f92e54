// Package chart draws the procedure function chart of a recipe (ISA-88.02, 6): sequence downwards, parallel branches between double lines, selections between single lines with the conditions at
// their beginnings, repetitions with a line that leads back, and frames around unit procedures, operations and phases. It computes where everything stands and knows no screen and no
// paper: SVG writes a drawing for a page, ebr/report prints it.
// Start reading at Draw.
package chart

import (
	"fmt"
	"strings"

	"veribatch/recipes"
)

// Drawing is a chart in points, y downwards.
type Drawing struct {
	Width, Height float64
	Boxes         []Box
	Lines         []Line
	Texts         []Text
}

// Box is a rectangle. Kind is "step", "critical", "folded" or "frame"; ID is the element's, for links.
type Box struct {
	X, Y, Width, Height float64
	Kind, ID            string
}

// Line is a straight line; with an arrow at its end.
type Line struct {
	X1, Y1, X2, Y2 float64
	Arrow          bool
}

// Text is one line of words; Y is its base line, X its middle, or its left end when it is Left.
type Text struct {
	X, Y        float64
	Words, Kind string // "title", "id" or "condition"
	Left        bool
}

// Level says how much of the procedure is drawn: what stands deeper is folded into one box.
type Level int

// The levels of ISA-88.
const (
	UnitProcedures Level = iota
	Operations
	Phases
	Steps
)

// Measures of the chart, in points.
const (
	boxWidth, boxHeight = 190, 40
	gap                 = 16
	aside               = 28 // between branches
	frameEdge           = 12
	frameHead           = 20
	margin              = 10
	letters             = 30 // in one line of a box
)

// Draw gives the chart of a recipe down to a level. Elements that open names are not folded, whatever their level.
func Draw(r *recipes.Recipe, level Level, open map[string]bool) Drawing {
	d := &drawer{level: level, open: open}
	body := d.sequence(r.Body)
	all := d.ends(body)
	all.move(margin+all.left, margin)
	return Drawing{Width: all.left + all.right + 2*margin, Height: all.height + 2*margin, Boxes: all.boxes, Lines: all.lines, Texts: all.texts}
}

type drawer struct {
	level Level
	open  map[string]bool
}

// part is something drawn around an axis at x = 0, from y = 0 down to its height; the flow enters at the top of the axis and leaves at its bottom.
type part struct {
	left, right, height float64
	boxes               []Box
	lines               []Line
	texts               []Text
}

func (p *part) move(x, y float64) {
	for i := range p.boxes {
		p.boxes[i].X, p.boxes[i].Y = p.boxes[i].X+x, p.boxes[i].Y+y
	}
	for i := range p.lines {
		l := &p.lines[i]
		l.X1, l.X2, l.Y1, l.Y2 = l.X1+x, l.X2+x, l.Y1+y, l.Y2+y
	}
	for i := range p.texts {
		p.texts[i].X, p.texts[i].Y = p.texts[i].X+x, p.texts[i].Y+y
	}
}

func (p *part) line(x1, y1, x2, y2 float64, arrow bool) {
	p.lines = append(p.lines, Line{x1, y1, x2, y2, arrow})
}

// take puts another part at a place into this one.
func (p *part) take(o *part, x, y float64) {
	o.move(x, y)
	p.boxes, p.lines, p.texts = append(p.boxes, o.boxes...), append(p.lines, o.lines...), append(p.texts, o.texts...)
	p.left, p.right, p.height = max(p.left, o.left-x), max(p.right, o.right+x), max(p.height, y+o.height)
}

// ends puts a begin and an end around the whole.
func (d *drawer) ends(body *part) *part {
	all := &part{}
	const size = 16
	mark := func(y float64) {
		all.boxes = append(all.boxes, Box{X: -size / 2, Y: y, Width: size, Height: size, Kind: "end"})
	}
	mark(0)
	all.line(0, size, 0, size+gap, false)
	all.take(body, 0, size+gap)
	bottom := size + gap + body.height
	all.line(0, bottom, 0, bottom+gap, true)
	mark(bottom + gap)
	all.height = bottom + gap + size
	return all
}

// sequence draws one below the other.
func (d *drawer) sequence(body []*recipes.Element) *part {
	all := &part{}
	y := 0.0
	for i, e := range body {
		if i > 0 {
			all.line(0, y, 0, y+gap, e.Kind != "parallel" && e.Kind != "selection" && e.Kind != "repetition")
			y += gap
		}
		p := d.element(e)
		height := p.height
		all.take(p, 0, y)
		y += height
	}
	all.height = y
	return all
}

func (d *drawer) element(e *recipes.Element) *part {
	switch e.Kind {
	case "parallel", "selection":
		return d.branches(e)
	case "repetition":
		return d.repetition(e)
	case "unit_procedure":
		return d.frame(e, UnitProcedures)
	case "operation":
		return d.frame(e, Operations)
	case "phase", "insert":
		return d.frame(e, Phases)
	}
	kind := "step"
	if e.Step.Critical {
		kind = "critical"
	}
	return box(kind, e.ID, e.Title)
}

// box draws an element as one box with its name and title.
func box(kind, id, title string) *part {
	p := &part{left: boxWidth / 2, right: boxWidth / 2, height: boxHeight, boxes: []Box{{-boxWidth / 2, 0, boxWidth, boxHeight, kind, id}}}
	p.texts = append(p.texts, Text{X: 0, Y: 14, Words: id, Kind: "id"})
	lines := wrap(title, letters, 2)
	for i, line := range lines {
		y := 30.0
		if len(lines) == 2 {
			y = 24.5 + 11*float64(i)
		}
		p.texts = append(p.texts, Text{X: 0, Y: y, Words: line, Kind: "title"})
	}
	return p
}

// wrap breaks words into so many lines at most; what does not fit ends with "…".
func wrap(words string, width, most int) (lines []string) {
	line := ""
	for _, w := range strings.Fields(words) {
		switch {
		case line == "":
			line = w
		case len([]rune(line))+1+len([]rune(w)) <= width:
			line += " " + w
		default:
			lines, line = append(lines, line), w
		}
	}
	lines = append(lines, line)
	if len(lines) > most {
		lines = lines[:most]
		lines[most-1] += " …"
	}
	for i, l := range lines {
		if r := []rune(l); len(r) > width+2 {
			lines[i] = string(r[:width]) + "…"
		}
	}
	return lines
}

// frame draws what is in a unit procedure, operation or phase within a frame, or folds it into one box.
func (d *drawer) frame(e *recipes.Element, level Level) *part {
	if level >= d.level && !d.open[e.ID] {
		steps := 0
		e.Walk(func(s *recipes.Element) {
			if s.Step != nil {
				steps++
			}
		})
		return box("folded", e.ID, fmt.Sprintf("%s (%d)", e.Title, steps))
	}
	body := d.sequence(e.Body)
	top := float64(frameHead + gap)
	all := &part{}
	height := body.height
	all.take(body, 0, top)
	all.left, all.right = max(all.left, boxWidth/2)+frameEdge, max(all.right, boxWidth/2)+frameEdge
	all.height = top + height + gap
	all.boxes = append([]Box{{-all.left, 0, all.left + all.right, all.height, "frame", e.ID}}, all.boxes...)
	head := wrap(e.ID+"  "+e.Title, int((all.left+all.right)/6.2), 1)[0]
	all.texts = append(all.texts, Text{X: -all.left + 6, Y: 13, Words: head, Kind: "id", Left: true})
	all.line(0, 0, 0, top, true)
	all.line(0, all.height-gap, 0, all.height, false)
	return all
}

// branches draws the branches of a parallel or selection side by side.
func (d *drawer) branches(e *recipes.Element) *part {
	var parts []*part
	height := 0.0
	for _, b := range e.Body {
		p := d.branch(e, b)
		parts, height = append(parts, p), max(height, p.height)
	}
	if len(parts) == 0 {
		return box("step", e.ID, e.Title)
	}
	// The axes of the branches, then the axis of the whole in the middle between the first and the last.
	axes := make([]float64, len(parts))
	for i := 1; i < len(parts); i++ {
		axes[i] = axes[i-1] + parts[i-1].right + aside + parts[i].left
	}
	middle := (axes[0] + axes[len(axes)-1]) / 2
	const head = gap + 4
	all := &part{}
	bottom := head + height
	for i, p := range parts {
		x, own := axes[i]-middle, p.height
		all.take(p, x, head)
		all.line(x, head+own, x, bottom, false)
	}
	first, last := axes[0]-middle-10, axes[len(axes)-1]-middle+10
	bar := func(y float64) {
		all.line(first, y, last, y, false)
		if e.Kind == "parallel" {
			all.line(first, y-4, last, y-4, false)
		}
	}
	bar(head)
	all.line(0, 0, 0, gap, false)
	if e.Kind == "selection" {
		all.line(0, gap, 0, head, false)
		bar(bottom)
		all.height = bottom
	} else {
		bar(bottom + 4)
		all.height = bottom + 4
	}
	all.line(0, all.height, 0, all.height+4, false)
	all.height += 4
	return all
}

// branch draws one branch; of a selection its condition stands at a bar across the line.
func (d *drawer) branch(e, b *recipes.Element) *part {
	all := &part{}
	top := float64(gap)
	all.line(0, 0, 0, gap, false)
	if e.Kind == "selection" {
		condition := "otherwise"
		if b.When != nil {
			condition = b.When.String()
		}
		top += condition_(all, condition, gap)
	}
	body := d.sequence(b.Body)
	height := body.height
	all.take(body, 0, top)
	all.height = top + height
	if len(b.Body) > 0 {
		all.line(0, all.height, 0, all.height+gap, false)
		all.height += gap
	}
	return all
}

// condition_ writes a condition at a bar across the axis, and gives its height.
func condition_(p *part, words string, y float64) float64 {
	lines := wrap(words, letters, 3)
	height := float64(max(2, len(lines))) * 11
	p.line(-10, y+6, 10, y+6, false)
	p.line(0, y, 0, y+height, true)
	widest := 0
	for i, l := range lines {
		p.texts = append(p.texts, Text{X: 14, Y: y + 9 + 11*float64(i), Words: l, Kind: "condition", Left: true})
		widest = max(widest, len([]rune(l)))
	}
	p.right = max(p.right, 18+5.4*float64(widest))
	return height
}

// repetition draws its body with a line that leads back from behind its condition.
func (d *drawer) repetition(e *recipes.Element) *part {
	all := &part{}
	body := d.sequence(e.Body)
	height := body.height
	all.line(0, 0, 0, gap, true)
	all.take(body, 0, gap)
	y := gap + height
	condition := fmt.Sprintf("at most %d times", e.Most)
	if e.Until != nil {
		condition = fmt.Sprintf("until %s, at most %d times", e.Until, e.Most)
	}
	all.line(0, y, 0, y+gap, false)
	turn := y + gap/2
	after := condition_(all, condition, y+gap)
	all.left += aside / 2
	all.line(0, turn, -all.left, turn, false)
	all.line(-all.left, turn, -all.left, gap/2, false)
	all.line(-all.left, gap/2, 0, gap/2, true)
	all.left += 4
	all.height = y + gap + after
	return all
}
