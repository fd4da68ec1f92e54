package report

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"veribatch/internal/plaintext"
)

// face is one of the three fonts of the record.
type face int

const (
	regular face = iota
	bold
	mono
)

var families = [...]string{regular: "sans", bold: "sansbold", mono: "mono"}

// style is how a text is written.
type style struct {
	face   face
	size   float64 // points
	tone   int     // 0 black to 255 white
	strike bool    // struck through, still readable
}

// The styles of the record.
var (
	title    = style{face: bold, size: 20}
	heading  = style{face: bold, size: 13}
	subtitle = style{face: bold, size: 10.5}
	body     = style{size: 9}
	label    = style{face: bold, size: 9}
	small    = style{size: 8}
	strong   = style{face: bold, size: 8}
	note     = style{size: 7.2, tone: dark}
	code     = style{face: mono, size: 7}
	tiny     = style{face: mono, size: 5.8, tone: dark}
)

// leading is the height of a line in millimetres.
func (st style) leading() float64 { return st.size * 25.4 / 72 * 1.27 }

// clean gives a text as it can be printed: NFC and line breaks stay, every other character that no font of the record can show stands as its
// code in brackets, "[U+1F600]". New text holds none (internal/plaintext refuses it); old or foreign text may.
func clean(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if _, at := plaintext.First(text); at < 0 {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if plaintext.Printable(r) || r == '\n' {
			out.WriteRune(r)
		} else {
			fmt.Fprintf(&out, "[U+%04X]", r)
		}
	}
	return out.String()
}

// runeWidth is the width of a character in thousandths of the size.
func (s *sheet) runeWidth(r rune, f face) float64 {
	const table = 0x2800 // all printable characters but two ligatures
	if r >= table {
		s.use(style{face: f, size: 10})
		return float64(s.pdf.GetStringSymbolWidth(string(r)))
	}
	if s.widths[f] == nil {
		s.widths[f] = make([]float64, table)
	}
	w := s.widths[f][r]
	if w == 0 {
		s.use(style{face: f, size: 10})
		w = float64(s.pdf.GetStringSymbolWidth(string(r)))
		s.widths[f][r] = w
	}
	return w
}

// width is the width of a clean text in millimetres.
func (s *sheet) width(text string, st style) float64 {
	w := 0.0
	for _, r := range text {
		w += s.runeWidth(r, st.face)
	}
	return w * st.size / 1000 * 25.4 / 72
}

// wrap breaks a clean text into lines: at line breaks, at blanks, and inside a word only when the word is wider than a line. No character
// is added or lost but the blank at which a line was broken, so that what is printed can be compared with what was typed.
func (s *sheet) wrap(text string, st style, width float64) []string {
	limit := width / (st.size / 1000 * 25.4 / 72)
	var lines []string
	for _, paragraph := range strings.Split(text, "\n") {
		lines = append(lines, s.wrapLine(paragraph, st.face, limit)...)
	}
	return lines
}

func (s *sheet) wrapLine(text string, f face, limit float64) []string {
	var lines []string
	start, blank, used, sinceBlank := 0, -1, 0.0, 0.0
	for i, r := range text {
		w := s.runeWidth(r, f)
		if r == ' ' && used <= limit {
			blank, sinceBlank = i, 0
			used += w
			continue
		}
		if used+w > limit && blank > start { // the word goes to the next line
			lines = append(lines, text[start:blank])
			start, blank, used = blank+1, -1, sinceBlank
		}
		if used+w > limit && i > start { // the word alone is wider than a line
			lines = append(lines, text[start:i])
			start, blank, used, sinceBlank = i, -1, 0, 0
		}
		used += w
		sinceBlank += w
	}
	return append(lines, text[start:])
}

// fit shortens a text to one line of a header; the whole text stands on the first page.
func (s *sheet) fit(text string, st style, width float64) string {
	text = strings.ReplaceAll(clean(text), "\n", " ")
	if s.width(text, st) <= width {
		return text
	}
	for s.width(text+"…", st) > width && text != "" {
		_, n := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-n]
	}
	return text + "…"
}

// use makes fpdf write in a font.
func (s *sheet) use(st style) {
	if s.current.face != st.face || s.current.size != st.size {
		s.pdf.SetFont(families[st.face], "", st.size)
	}
	s.current = st
}

// text writes one line of clean text with its top at y.
func (s *sheet) text(x, y float64, text string, st style) {
	if text == "" {
		return
	}
	s.use(st)
	s.pdf.SetTextColor(st.tone, st.tone, st.tone)
	s.pdf.Text(x, y+st.leading()*0.77, text)
	if st.strike {
		s.rule(x-0.4, x+s.width(text, st)+0.4, y+st.leading()*0.54, 0.3, st.tone)
	}
}

// textRight writes one line of clean text that ends at x.
func (s *sheet) textRight(x, y float64, text string, st style) {
	s.text(x-s.width(text, st), y, text, st)
}

// clock writes a time with its distance from UTC, the form of all times in the record.
func clock(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.Format("2006-01-02 15:04:05 -07:00")
}

// person writes a name as people know it, with the user name that makes it unique.
func person(p Person) string { return who(Who{p.FullName, p.UserName}) }

func who(w Who) string {
	switch {
	case w.UserName == "":
		return orDash(w.FullName)
	case w.FullName == "":
		return w.UserName
	}
	return w.FullName + " (" + w.UserName + ")"
}

func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

// list joins what is there.
func list(separator string, parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, separator)
}

// labelled gives "name value", or nothing without a value.
func labelled(name, value string) string {
	if value == "" {
		return ""
	}
	return name + " " + value
}
