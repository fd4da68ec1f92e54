package report

import (
	"bytes"
	"fmt"
	"io"

	"github.com/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
)

// The page: A4 upright, wide enough on the left to be filed. All lengths are in millimetres, sizes of letters in points.
const (
	pageWidth  = 210.0
	pageHeight = 297.0
	left       = 20.0
	right      = pageWidth - 13
	wide       = right - left
	top        = 27.0
	bottom     = pageHeight - 22
)

// Grey is normal; black is for what was measured and for what is abnormal, which also carries a sign and a word. Nothing is said by colour,
// so a copy in black and white says the same.
const (
	black = 0
	dark  = 95  // labels
	pale  = 190 // rules
	faint = 238 // bands
	white = 255
)

// sheet is the document while it is written: fpdf for ink, and the place of the pen. Text is placed line by line with widths of our own
// reckoning, because fpdf's own cells fail for good on characters beyond U+FFFF.
type sheet struct {
	pdf     *fpdf.Fpdf
	record  *Record
	y       float64 // top of the next thing
	widths  [3][]float64
	current style // what fpdf writes in now
	pending []pending
}

// anchor is a place that page numbers lead to; page is 0 until it was reached.
type anchor struct {
	page int
	y    float64
	link int
}

// pending is a page number to be filled in when all pages are known.
type pending struct {
	page int
	y    float64
	to   *anchor
}

func newSheet(r *Record) *sheet {
	pdf := fpdf.New("P", "mm", "A4", "")
	pdf.SetCatalogSort(true)
	pdf.SetCreationDate(r.GeneratedAt)
	pdf.SetModificationDate(r.GeneratedAt)
	pdf.SetAutoPageBreak(false, 0)
	pdf.SetMargins(left, top, pageWidth-right)
	for f, ttf := range [][]byte{regular: goregular.TTF, bold: gobold.TTF, mono: gomono.TTF} {
		pdf.AddUTF8FontFromBytes(families[f], "", bytes.Clone(ttf)) // fpdf writes into the bytes it is given: two documents at once must not share them
	}
	pdf.SetFont(families[regular], "", 9)
	pdf.SetTitle(clean("Batch record "+r.Batch.Number+", "+r.Batch.Product), true)
	pdf.SetSubject(clean("State: "+r.State), true)
	pdf.SetCreator("Veribatch", true)
	pdf.SetLang("en")
	return &sheet{pdf: pdf, record: r}
}

// newPage turns the page. Header and footer are drawn at the end, when the number of pages is known: fpdf's own alias for it is replaced in
// every text of the document, also in one that a person typed.
func (s *sheet) newPage() {
	s.pdf.AddPage()
	s.current = style{}
	s.y = top
}

// need turns the page when less than height is left.
func (s *sheet) need(height float64) {
	if s.y+height > bottom {
		s.newPage()
	}
}

// here makes the place of the pen the target of a.
func (s *sheet) here(a *anchor) {
	a.page, a.y = s.pdf.PageNo(), s.y
	s.pdf.SetLink(s.anchorLink(a), a.y, a.page)
}

func (s *sheet) anchorLink(a *anchor) int {
	if a.link == 0 {
		a.link = s.pdf.AddLink()
	}
	return a.link
}

// pageOf leaves room for the number of the page on which a stands, at the right margin.
func (s *sheet) pageOf(y float64, a *anchor) {
	s.pending = append(s.pending, pending{s.pdf.PageNo(), y, a})
}

// finish fills in page numbers, header and footer and writes the file.
func (s *sheet) finish(w io.Writer) error {
	pages := s.pdf.PageCount()
	for _, p := range s.pending {
		s.backTo(p.page)
		s.textRight(right, p.y, fmt.Sprint(p.to.page), small)
		s.pdf.Link(left, p.y, wide, small.leading(), s.anchorLink(p.to))
	}
	for page := 1; page <= pages; page++ {
		s.backTo(page)
		s.frame(page, pages)
	}
	s.pdf.SetPage(pages) // fpdf counts pages by the current one
	return s.pdf.Output(w)
}

// backTo goes on writing a page that was left. What fpdf believes to be the page's ink is that of the last page written, so the ink is set
// again: else letters that are to be black come in the grey of the page's last band.
func (s *sheet) backTo(page int) {
	s.pdf.SetPage(page)
	s.pdf.SetFillColor(black, black, black)
	s.current = style{}
}

// frame draws header and footer: which batch, which product, what state, which page, on every sheet that may get separated.
func (s *sheet) frame(page, pages int) {
	r := s.record
	const batch, product = 48.0, 84.0 // widths; the rest is the state's
	s.text(left, 9.5, s.fit("Batch record · "+r.Site, note, wide/3), note)
	s.text(left, 14, s.fit("Batch "+orDash(r.Batch.Number), label, batch-3), label)
	s.text(left+batch, 14, s.fit(r.Batch.Product+" "+r.Batch.Strength, small, product-3), small)
	s.textRight(right, 14, s.fit("State: "+r.State, label, wide-batch-product), label)
	s.rule(left, right, 20.5, 0.4, black)
	if r.Demo {
		s.banner(demoBanner)
	}
	s.rule(left, right, pageHeight-17, 0.2, black)
	s.text(left, pageHeight-16, s.fit("Batch "+orDash(r.Batch.Number)+" · "+r.Batch.Product+" · "+r.State, note, wide*0.75), note)
	s.textRight(right, pageHeight-16, fmt.Sprintf("Page %d of %d", page, pages), label)
	s.text(left, pageHeight-12, s.fit("Printed "+clock(r.GeneratedAt)+" by "+person(r.GeneratedBy), note, wide), note)
}

const demoBanner = "DEMO – not for production use"

// banner draws the warning of the demo plant: a filled box, so that it stays when the page is copied.
func (s *sheet) banner(words string) {
	st := label
	w := s.width(words, st) + 6
	s.fill((pageWidth-w)/2, 7, w, 5.2, black)
	st.tone = white
	s.text((pageWidth-w)/2+3, 7.6, words, st)
}

// rule draws a horizontal line.
func (s *sheet) rule(from, to, y, weight float64, tone int) {
	s.pdf.SetDrawColor(tone, tone, tone)
	s.pdf.SetLineWidth(weight)
	s.pdf.Line(from, y, to, y)
}

// fill draws a filled box.
func (s *sheet) fill(x, y, w, h float64, tone int) {
	s.pdf.SetFillColor(tone, tone, tone)
	s.pdf.Rect(x, y, w, h, "F")
}

// frameBox draws the outline of a box.
func (s *sheet) frameBox(x, y, w, h, weight float64) {
	s.pdf.SetDrawColor(black, black, black)
	s.pdf.SetLineWidth(weight)
	s.pdf.Rect(x, y, w, h, "D")
}
