package chart

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// onScreen is how much larger than on paper a page shows the chart, for whoever stands before a tablet.
const onScreen = 1.35

// SVG writes a drawing for a page. Colours are those of the page's style sheet; label says to a reader of the screen what it is. Where link gives an address, the box leads
// there; nil links nothing.
func (d Drawing) SVG(label string, link func(Box) (address, words string)) string {
	var b strings.Builder
	role := "img"
	if link != nil {
		role = "group" // with links in it
	}
	fmt.Fprintf(&b, `<svg class="vb-chart" role="%s" aria-label="%s" viewBox="0 0 %s %s" width="%s" height="%s" xmlns="http://www.w3.org/2000/svg">`,
		role, escaped(label), points(d.Width), points(d.Height), points(d.Width*onScreen), points(d.Height*onScreen))
	for _, x := range d.Boxes {
		address, words := "", ""
		if link != nil {
			address, words = link(x)
		}
		if address != "" {
			fmt.Fprintf(&b, `<a href="%s" aria-label="%s">`, escaped(address), escaped(words))
		}
		fmt.Fprintf(&b, `<rect class="vb-chart-%s" x="%s" y="%s" width="%s" height="%s" rx="3"/>`, x.Kind, points(x.X), points(x.Y), points(x.Width), points(x.Height))
		if address != "" {
			b.WriteString("</a>")
		}
	}
	for _, l := range d.Lines {
		fmt.Fprintf(&b, `<path class="vb-chart-line" d="M%s %sL%s %s"/>`, points(l.X1), points(l.Y1), points(l.X2), points(l.Y2))
		if l.Arrow {
			fmt.Fprintf(&b, `<path class="vb-chart-arrow" d="%s"/>`, head(l))
		}
	}
	for _, t := range d.Texts {
		anchor := "middle"
		if t.Left {
			anchor = "start"
		}
		fmt.Fprintf(&b, `<text class="vb-chart-%s" x="%s" y="%s" text-anchor="%s">%s</text>`, "text-"+t.Kind, points(t.X), points(t.Y), anchor, escaped(t.Words))
	}
	b.WriteString("</svg>")
	return b.String()
}

// Head gives the three corners of the arrow at the end of a line.
func (l Line) Head() [3][2]float64 {
	const length, half = 6, 3.5
	dx, dy := 0.0, 0.0
	switch {
	case l.X2 > l.X1:
		dx = 1
	case l.X2 < l.X1:
		dx = -1
	case l.Y2 > l.Y1:
		dy = 1
	default:
		dy = -1
	}
	x, y := l.X2-length*dx, l.Y2-length*dy
	return [3][2]float64{{l.X2, l.Y2}, {x + half*dy, y + half*dx}, {x - half*dy, y - half*dx}}
}

func head(l Line) string {
	c := l.Head()
	return fmt.Sprintf("M%s %sL%s %sL%s %sZ", points(c[0][0]), points(c[0][1]), points(c[1][0]), points(c[1][1]), points(c[2][0]), points(c[2][1]))
}

// points writes a measure with one digit behind the point at most.
func points(x float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", x), ".0") }

func escaped(words string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(words)) // a builder takes everything
	return b.String()
}
