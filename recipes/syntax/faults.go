package syntax

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/agext/levenshtein"

	"veribatch/internal/plaintext"
)

// Fault is one thing wrong in the text of a recipe, with its place and what to do.
type Fault struct {
	File         string
	Line, Column int    // from 1, in characters
	Message      string // what is wrong
	Hint         string // what to write instead; may be empty
	Source       string // the line of the text, or the part of a long line around the place; printable
	Caret        int    // how many characters of Source stand before the place
}

// String prints the fault as people know it from compilers: place and message, the line with a caret under the place, the hint.
func (f Fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: %s\n", f.File, f.Line, f.Column, f.Message)
	if f.Source != "" {
		fmt.Fprintf(&b, "    %s\n    %s^\n", f.Source, strings.Repeat(" ", f.Caret))
	}
	if f.Hint != "" {
		fmt.Fprintf(&b, "    %s\n", f.Hint)
	}
	return b.String()
}

// window gives the part of a line around a place and how many characters stand before it. It hides what a terminal would obey and
// what cannot be shown.
func window(line []byte, at int) (string, int) {
	const before, after = 60, 60
	at = min(at, len(line))
	show := func(part []byte) []rune {
		runes := []rune(string(part)) // a byte that is no character becomes U+FFFD
		for i, r := range runes {
			switch {
			case r == '\t':
				runes[i] = ' '
			case !plaintext.Printable(r):
				runes[i] = '?'
			}
		}
		return runes
	}
	left := show(line[max(0, at-4*before):at])
	right := show(line[at:min(len(line), at+4*after)])
	left, right = left[max(0, len(left)-before):], right[:min(len(right), after)]
	return string(left) + strings.TrimRight(string(right), " "), len(left)
}

// Faults are all faults of a text, ordered by place.
type Faults []Fault

// Error prints them all, one after the other.
func (fs Faults) Error() string {
	var b strings.Builder
	for _, f := range fs {
		b.WriteString(f.String())
	}
	return b.String()
}

// Report is one text and what is wrong in it. Places are byte offsets until a fault is made of them.
type Report struct {
	file   string
	src    []byte
	faults Faults
}

// Fault notes what is wrong at a place. After maxFaults it says so once and notes no more.
func (c *Report) Fault(at int, hint, format string, args ...any) {
	if len(c.faults) > maxFaults {
		return
	}
	if len(c.faults) == maxFaults {
		hint, format, args = "", "There are more faults. Mend these first, then check again.", nil
		at = len(c.src)
	}
	at = min(at, len(c.src))
	start := bytes.LastIndexByte(c.src[:at], '\n') + 1
	end := len(c.src)
	if n := bytes.IndexByte(c.src[at:], '\n'); n >= 0 {
		end = at + n
	}
	source, caret := window(bytes.TrimSuffix(c.src[start:end], []byte{'\r'}), min(at, end)-start)
	c.faults = append(c.faults, Fault{
		File: c.file, Line: c.Line(at), Column: utf8.RuneCount(c.src[start:at]) + 1,
		Message: visible(fmt.Sprintf(format, args...)), Hint: visible(hint), Source: source, Caret: caret,
	})
}

// visible names the characters of a message that no font of ours shows: a fault may quote what was wrongly typed.
func visible(s string) string {
	if _, at := plaintext.First(s); at < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if plaintext.Printable(r) {
			b.WriteRune(r)
		} else {
			b.WriteString("[" + plaintext.Name(r) + "]")
		}
	}
	return b.String()
}

// Line gives the number of the line in which a place lies, from 1.
func (c *Report) Line(at int) int { return bytes.Count(c.src[:at], []byte{'\n'}) + 1 }

// Faults gives all of them, ordered by place; nil when there are none.
func (c *Report) Faults() Faults {
	slices.SortStableFunc(c.faults, func(a, b Fault) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return slices.Compact(c.faults) // a building block that is inserted twice has each fault once
}

// Aside gives a report about the same text for what is no fault of it.
func (c *Report) Aside() *Report { return &Report{file: c.file, src: c.src} }

// Nearest gives a hint with the known word that a wrong one was probably meant to be, else all known words.
func Nearest(word string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if d := levenshtein.Distance(strings.ToLower(word), k, nil); d < distance && d < len(k) {
			best, distance = k, d
		}
	}
	if best != "" {
		return fmt.Sprintf("Did you mean %s?", best)
	}
	if len(known) == 0 {
		return "Nothing can stand here."
	}
	return "Known here: " + strings.Join(known, ", ") + "."
}
