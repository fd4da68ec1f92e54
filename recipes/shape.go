package recipes

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

// checkShape compares the text with the grammar: unknown, repeated and missing things, and what each attribute holds.
func (c *checker) checkShape(n *node) {
	s := grammar[n.kind]
	c.checkLabel(n, s)
	c.checkAttributes(n, s)
	labels := map[string]bool{}
	for _, b := range n.blocks {
		if !slices.Contains(s.blocks, b.kind) {
			if b.damaged {
				continue
			}
			c.fault(b.at, nearest(b.kind, s.blocks), "A block %q cannot stand %s.", printableOnly(b.kind), within(n))
			continue
		}
		key := b.kind + " " + b.label
		if labels[key] && !inOrder[b.kind] {
			c.fault(b.at, "Write one and put both together.", "There is a second block %q.", b.kind)
		}
		labels[key] = true
		c.checkShape(b)
	}
}

func within(n *node) string {
	if n.kind == "" {
		return "here, outside of a recipe"
	}
	return "in " + n.kind
}

func (c *checker) checkLabel(n *node, s shape) {
	switch {
	case n.kind == "" || n.damaged && n.label == "":
	case s.label == "" && n.label != "":
		c.fault(n.labelAt, "Write it as: "+n.kind+" {", "A block %s has no label.", n.kind)
	case s.label != "" && n.label == "":
		c.fault(n.at, "Write it like: "+n.kind+" \"010\" {", "The block %s has no %s.", n.kind, s.label)
	case s.label != "" && !identifier.MatchString(n.label):
		c.fault(n.labelAt, "Use up to 40 letters A to Z, digits, - and _, like GRAN-010.", "This %s cannot be used in addresses and labels.", s.label)
	}
}

func (c *checker) checkAttributes(n *node, s shape) {
	var names []string
	for _, a := range s.attrs {
		names = append(names, a.name)
		if got := n.attr(a.name); got != nil {
			c.checkAttribute(got, a)
		} else if a.need != "" && !n.damaged {
			c.fault(n.at, a.need, "%s has no %s.", title(n), a.name)
		}
	}
	seen := map[string]bool{}
	for _, a := range n.attrs {
		if !slices.Contains(names, a.name) {
			c.fault(a.at, nearest(a.name, names), "%q is not known %s.", printableOnly(a.name), within(n))
		} else if seen[a.name] {
			c.fault(a.at, "Keep the right one and delete the other.", "%s stands here a second time.", a.name)
		}
		seen[a.name] = true
	}
}

// title names a block for messages.
func title(n *node) string {
	if n.label == "" {
		return "The " + n.kind
	}
	return n.kind + " \"" + printableOnly(n.label) + "\""
}

func (c *checker) checkAttribute(a *attribute, want attr) {
	v := a.value
	k := want.kind
	switch {
	case v.bad:
		return
	case k == lines && v.kind == text, k == v.kind:
	default:
		c.fault(v.at, "", "%s is %s.", a.name, k)
		return
	}
	if v.kind == truth && !v.truth {
		c.fault(a.at, "Delete the line.", "%s is written only when it is true.", a.name)
	}
	if v.kind == list {
		for _, t := range v.list {
			c.checkText(a.name, t, text, want.max)
		}
	}
	if v.kind == text {
		c.checkText(a.name, v, k, want.max)
	}
}

// checkText: every text can be printed, is not too long, not blank, and written in one way only.
func (c *checker) checkText(name string, v value, k kind, max int) {
	s := v.text
	if k == lines {
		s = strings.ReplaceAll(s, "\n", " ")
	}
	switch {
	case strings.TrimSpace(s) == "":
		c.fault(v.at, "Write the text, or delete the line if it may be missing.", "%s is empty.", name)
	case strings.TrimSpace(v.text) != v.text:
		c.fault(v.at, "Delete them.", "%s has blanks at its beginning or end.", name)
	case utf8.RuneCountInString(s) > max:
		c.fault(v.at, "Shorten it.", "%s has %d characters, at most %d fit into the record.", name, utf8.RuneCountInString(s), max)
	default:
		c.printable(v.at, s)
	}
}

// printable refuses what the record cannot print, and letters that are composed in two ways. The place is that of the text.
func (c *checker) printable(at int, s string) {
	if n := norm.NFC.String(s); n != s {
		c.fault(at, "Type the accented letters again on the keyboard, or save the file in Unicode form NFC.", "This text has accented letters made of two characters, so it is not equal to the same text typed elsewhere.")
	} else if r, i := plaintext.First(s); i >= 0 {
		c.fault(at, "Write it in words. A recipe is printed with Latin, Greek and Cyrillic letters and common signs like ° ± µ ≤ ≥.", "Character %d of this text is %s, which the record cannot print.", utf8.RuneCountInString(s[:i])+1, plaintext.Name(r))
	}
}

// printableOnly makes a word of the text fit for a message.
func printableOnly(s string) string {
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
