package report

// box is the frame around an abnormal word.
type box int

const (
	noBox  box = iota
	framed     // outlined: wants to be read
	filled     // white on black: stopped the process
)

// para is a text in one style; it wraps.
type para struct {
	text  string
	style style
	box   box
}

// printed is one line ready to be drawn.
type printed struct {
	text  string
	style style
	box   box
}

func (l printed) height() float64 {
	if l.box != noBox {
		return l.style.leading() + 1.3
	}
	return l.style.leading()
}

// lay wraps paragraphs to a width; empty ones vanish.
func (s *sheet) lay(width float64, paras ...para) []printed {
	var lines []printed
	for _, p := range paras {
		if p.text == "" {
			continue
		}
		inner := width
		if p.box != noBox {
			inner -= 3
		}
		for _, text := range s.wrap(clean(p.text), p.style, inner) {
			lines = append(lines, printed{text, p.style, p.box})
		}
	}
	return lines
}

func heightOf(lines []printed) float64 {
	h := 0.0
	for _, l := range lines {
		h += l.height()
	}
	return h
}

// draw writes lines from y downwards.
func (s *sheet) draw(x, y float64, lines []printed) {
	for _, l := range lines {
		st := l.style
		switch l.box {
		case filled:
			s.fill(x, y+0.4, s.width(l.text, st)+3, st.leading()+0.5, black)
			st.tone = white
			s.text(x+1.5, y+0.6, l.text, st)
		case framed:
			s.frameBox(x+0.15, y+0.4, s.width(l.text, st)+3, st.leading()+0.5, 0.3)
			s.text(x+1.5, y+0.6, l.text, st)
		default:
			s.text(x, y, l.text, st)
		}
		y += l.height()
	}
}

// flow writes paragraphs over the whole width, over as many pages as they need.
func (s *sheet) flow(x float64, paras ...para) {
	for _, l := range s.lay(right-x, paras...) {
		s.need(l.height())
		s.draw(x, s.y, []printed{l})
		s.y += l.height()
	}
}

// table is a table whose column heads, and whatever a reader needs to know where he is, are repeated on every page.
type table struct {
	*sheet
	columns []column
	context string // above the heads on a following page: "Step 4, Weigh the lactose (continued)"
	group   string // in the first column on a following page, when the row has nothing there: which value goes on
	open    bool   // the heads stand on this page
}

type column struct {
	head  string
	width float64
}

// row is one row: cells side by side, notes below them from the second column to the right margin.
type row struct {
	cells []cell // the first one in the first column, with or without text
	notes []para
	again string // before the rest of a row that a page break cuts: "12.55 kg, struck through"
	sub   bool   // belongs to the row above: the rule leaves out the first column
}

type cell struct {
	column int
	span   int // columns; 0 means 1
	paras  []para
}

// Measures of rows.
const (
	gutter    = 2.0  // between columns
	padding   = 0.9  // above and below the text of a row
	keepWhole = 95.0 // a row up to this height is never cut
	headsHigh = 6.0
)

func (t *table) x(column int) float64 {
	x := left
	for _, c := range t.columns[:column] {
		x += c.width
	}
	return x
}

func (t *table) cellWidth(c cell) float64 {
	w := 0.0
	for i := range max(c.span, 1) {
		w += t.columns[c.column+i].width
	}
	return w - gutter
}

// heads draws the column heads.
func (t *table) heads() {
	if t.open && t.context != "" {
		t.draw(left, t.y, t.lay(wide, para{text: t.context, style: note}))
		t.y += note.leading() + 1
	}
	t.fill(left, t.y, wide, headsHigh-1, faint)
	for i, c := range t.columns {
		st := note
		st.face = bold
		t.text(t.x(i)+pad(i), t.y+0.9, c.head, st)
	}
	t.y += headsHigh - 1
	t.open = true
}

// pad keeps the text of the first column off the edge of its band.
func pad(column int) float64 {
	if column == 0 {
		return 1
	}
	return 0
}

func (t *table) turn() {
	t.newPage()
	t.heads()
}

// laid is a row broken into lines.
type laid struct {
	cells [][]printed
	notes []printed
}

// height is that of the first column, or of the others with the notes below them.
func (l laid) height() float64 {
	first, others := 0.0, 0.0
	for i, lines := range l.cells {
		if i == 0 {
			first = heightOf(lines)
		} else {
			others = max(others, heightOf(lines))
		}
	}
	return max(first, others+heightOf(l.notes)) + 2*padding
}

// add draws a row, on following pages too when it is higher than what is left and too high to be kept whole.
func (t *table) add(r row) {
	l := t.layRow(r)
	if !t.open {
		t.need(headsHigh + min(l.height(), keepWhole))
		t.heads()
	}
	if h := l.height(); t.y+h > bottom && (h <= keepWhole || bottom-t.y < 25) {
		t.turn()
		l = t.continued(r, l)
	}
	for {
		rest, more := t.drawPart(r, l)
		if !more {
			return
		}
		t.turn()
		rest.notes = append(t.lay(t.notesWidth(), para{text: list(", ", r.again, "continued"), style: note}), rest.notes...)
		l = t.continued(r, rest)
	}
}

func (t *table) notesWidth() float64 { return right - t.x(1) }

func (t *table) layRow(r row) laid {
	l := laid{notes: t.lay(t.notesWidth(), r.notes...)}
	for _, c := range r.cells {
		l.cells = append(l.cells, t.lay(t.cellWidth(c), c.paras...))
	}
	return l
}

// continued names the group again on a new page.
func (t *table) continued(r row, l laid) laid {
	if t.group == "" || !r.sub && len(l.cells) > 0 && len(l.cells[0]) > 0 {
		return l
	}
	again := t.lay(t.columns[0].width-gutter, para{text: t.group, style: strong}, para{text: "continued", style: note})
	for i, c := range r.cells {
		if c.column == 0 {
			l.cells[i] = append(again, l.cells[i]...)
			return l
		}
	}
	return l
}

// drawPart draws as much of a row as the page takes and gives the rest.
func (t *table) drawPart(r row, l laid) (rest laid, more bool) {
	from := left
	if r.sub {
		from = t.x(1)
	}
	t.rule(from, right, t.y, 0.15, pale)
	y := t.y + padding
	room := bottom - y - padding
	first, others, cut := 0.0, 0.0, false
	for i, c := range r.cells {
		fits := fitting(l.cells[i], room)
		t.draw(t.x(c.column)+pad(c.column), y, l.cells[i][:fits])
		rest.cells = append(rest.cells, l.cells[i][fits:])
		more = more || fits < len(l.cells[i])
		if h := heightOf(l.cells[i][:fits]); i == 0 {
			first = h
		} else {
			others = max(others, h)
			cut = cut || fits < len(l.cells[i])
		}
	}
	fits := 0
	if !cut { // notes come after the cells above them
		fits = fitting(l.notes, room-others)
		t.draw(t.x(1), y+others, l.notes[:fits])
	}
	rest.notes = l.notes[fits:]
	t.y = y + max(first, others+heightOf(l.notes[:fits])) + padding
	return rest, more || len(rest.notes) > 0
}

// fitting counts the lines that fit into a height.
func fitting(lines []printed, room float64) int {
	for i, l := range lines {
		room -= l.height()
		if room < -0.01 {
			return i
		}
	}
	return len(lines)
}

// end closes the table.
func (t *table) end() {
	if t.open {
		t.rule(left, right, t.y, 0.15, dark)
		t.y += 3
	}
}
