package syntax

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"veribatch/internal/plaintext"
)

// identifier: it names things in addresses, labels and records: letters, digits, "-" and "_", so that they need no quoting anywhere.
var identifier = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$`)

// checkShape compares the text with the grammar: unknown, repeated and missing things, and what each attribute holds. A branch and a repetition hold what the level of
// ISA-88 may hold in which they stand.
func (c *Report) checkShape(n *Node) { c.checkIn(n, nil) }

// levels are the bodies that branches and repetitions within them take over.
var levels = map[string][]string{"recipe": inRecipe, "unit_procedure": inUnit, "operation": inOperation, "building_block": inOperation, "phase": inPhase}

func (c *Report) checkIn(n *Node, level []string) {
	s := grammar[n.Kind]
	c.checkLabel(n, s)
	c.checkAttributes(n, s)
	allowed := slices.Concat(s.groups...)
	if body, is := levels[n.Kind]; is {
		level = body
	}
	if n.Kind == "branch" || n.Kind == "repetition" {
		allowed = level
	}
	seen := map[string]bool{}
	for _, b := range n.Blocks {
		if !slices.Contains(allowed, b.Kind) {
			if b.Damaged {
				continue
			}
			c.Fault(b.At, Nearest(b.Kind, allowed), "A block %q cannot stand %s.", Quotable(b.Kind), within(n))
			continue
		}
		if seen[b.Kind] && grammar[b.Kind].label == "" {
			c.Fault(b.At, "Write one and put both together.", "There is a second block %q.", b.Kind)
		}
		seen[b.Kind] = true
		c.checkIn(b, level)
	}
}

func within(n *Node) string {
	if n.Kind == "" {
		return "here, outside of a recipe"
	}
	return "in " + n.Kind
}

func (c *Report) checkLabel(n *Node, s shape) {
	switch {
	case n.Kind == "" || n.Damaged && n.Label == "":
	case s.label == "" && n.Label != "":
		c.Fault(n.LabelAt, "Write it as: "+n.Kind+" {", "A block %s has no label.", n.Kind)
	case s.label != "" && n.Label == "":
		c.Fault(n.At, "Write it like: "+n.Kind+" \"010\" {", "The block %s has no %s.", n.Kind, s.label)
	case s.label != "" && !identifier.MatchString(n.Label):
		c.Fault(n.LabelAt, "Use up to 40 letters A to Z, digits, - and _, like GRAN-010.", "This %s cannot be used in addresses and labels.", s.label)
	}
}

func (c *Report) checkAttributes(n *Node, s shape) {
	var names []string
	for _, a := range s.attrs {
		names = append(names, a.name)
		if got := n.Attr(a.name); got != nil {
			c.checkAttribute(got, a)
		} else if a.need != "" && !n.Damaged {
			c.Fault(n.At, a.need, "%s has no %s.", n.Title(), a.name)
		}
	}
	seen := map[string]bool{}
	for _, a := range n.Attrs {
		if !slices.Contains(names, a.Name) {
			c.Fault(a.At, Nearest(a.Name, names), "%q is not known %s.", Quotable(a.Name), within(n))
		} else if seen[a.Name] {
			c.Fault(a.At, "Keep the right one and delete the other.", "%s stands here a second time.", a.Name)
		}
		seen[a.Name] = true
	}
}

func (c *Report) checkAttribute(a *Attribute, want attr) {
	v := a.Value
	k := want.kind
	switch {
	case v.Bad:
		return
	case k == v.Kind, v.Kind == Text && (k == Lines || k == Quantity || k == Formula):
	default:
		c.Fault(v.At, "", "%s is %s.", a.Name, k)
		return
	}
	if v.Kind == Truth && !v.Truth {
		c.Fault(a.At, "Delete the line.", "%s is written only when it is true.", a.Name)
	}
	if v.Kind == List {
		for _, t := range v.List {
			c.checkText(a.Name, t, Text, want.max)
		}
	}
	if v.Kind == Text {
		c.checkText(a.Name, v, k, want.max)
	}
}

// checkText: every text can be printed, is not too long, not blank, and written in one way only.
func (c *Report) checkText(name string, v Value, k Kind, max int) {
	s := v.Text
	if k == Lines {
		s = strings.ReplaceAll(s, "\n", " ")
	}
	switch {
	case strings.TrimSpace(s) == "":
		c.Fault(v.At, "Write the text, or delete the line if it may be missing.", "%s is empty.", name)
	case strings.TrimSpace(v.Text) != v.Text:
		c.Fault(v.At, "Delete them.", "%s has blanks at its beginning or end.", name)
	case utf8.RuneCountInString(s) > max:
		c.Fault(v.At, "Shorten it.", "%s has %d characters, at most %d fit into the record.", name, utf8.RuneCountInString(s), max)
	default:
		c.printable(v.At, s)
	}
}

// printable refuses what the record cannot print, and letters that are composed in two ways. The place is that of the text.
func (c *Report) printable(at int, s string) {
	if n := norm.NFC.String(s); n != s {
		c.Fault(at, "Type the accented letters again on the keyboard, or save the file in Unicode form NFC.", "This text has accented letters made of two characters, so it is not equal to the same text typed elsewhere.")
	} else if r, i := plaintext.First(s); i >= 0 {
		c.Fault(at, "Write it in words. A recipe is printed with Latin, Greek and Cyrillic letters and common signs like ° ± µ ≤ ≥.", "Character %d of this text is %s, which the record cannot print.", utf8.RuneCountInString(s[:i])+1, plaintext.Name(r))
	}
}

// Quotable makes a word of the text fit for a message.
func Quotable(s string) string {
	s = strings.Map(func(r rune) rune {
		if plaintext.Printable(r) {
			return r
		}
		return '?'
	}, s)
	if utf8.RuneCountInString(s) > 60 {
		return string([]rune(s)[:60]) + "…"
	}
	return s
}
