// Package plaintext owns the answer to one question: may this text stand in a record, so that every screen and every page can show it?
// It owns no field and no length limit of its own; the caller names both, and numbers are read by recipes/formula.
// Start reading at Clean.
package plaintext

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"veribatch/internal/fault"
)

// MaxComment is the longest comment, reason or text reading, in characters.
const MaxComment = 4000

// Clean gives the text of a one-line field in the form that is stored: Unicode NFC without surrounding blanks.
// It refuses, naming field and character, whatever the record could not show for ever: control characters, invisible
// characters, characters outside the printed fonts, more than max characters, bytes that are not UTF-8.
// An empty text is clean: whether a field may be empty is the caller's rule.
// Rule: 21 CFR 11.10(b), copies must be complete and readable by a person.
func Clean(field, s string, max int) (string, error) {
	return clean(field, s, max, false)
}

// CleanLines is Clean for a field of several lines: it keeps line breaks, as "\n".
func CleanLines(field, s string, max int) (string, error) {
	return clean(field, strings.ReplaceAll(s, "\r\n", "\n"), max, true)
}

// Reason is CleanLines for a text that says why: one without a letter or a digit, like ".", says nothing and is refused.
func Reason(field, s string, max int) (string, error) {
	clean, err := CleanLines(field, s, max)
	if err == nil && clean != "" && !strings.ContainsFunc(clean, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
		return "", fault.At(field, "This has no letter and no digit, so it says nothing. Type it in words.")
	}
	return clean, err
}

func clean(field, s string, max int, lines bool) (string, error) {
	if len(s) > utf8.UTFMax*max {
		return "", tooLong(field, max)
	}
	if !utf8.ValidString(s) {
		return "", fault.At(field, "This text has bytes that are not characters (not UTF-8). Type it again instead of pasting it.")
	}
	s = strings.Trim(norm.NFC.String(s), " \n")
	if utf8.RuneCountInString(s) > max {
		return "", tooLong(field, max)
	}
	place := 0
	for _, r := range s {
		place++
		if !Printable(r) && !(lines && r == '\n') {
			return "", fault.At(field, "Character %d is %s, which the record cannot print. %s", place, name(r), remedy(r))
		}
	}
	return s, nil
}

func tooLong(field string, max int) error {
	f := fault.New(fault.TooLarge, "This text is longer than %d characters. Shorten it, or split it into several comments.", max)
	f.Field = field
	return f
}

// Printable tells whether every font of the record has a visible sign (or the ordinary space) for the character.
func Printable(r rune) bool { return unicode.Is(printable, r) }

// First gives the first character of a text that cannot be printed, and its byte offset; -1 when there is none.
func First(s string) (r rune, offset int) {
	for i, r := range s {
		if !Printable(r) {
			return r, i
		}
	}
	return 0, -1
}

// Name says which character it is in a form that can itself be printed: "U+1F600", with a word for the usual invisible ones.
func Name(r rune) string { return name(r) }

func name(r rune) string {
	code := fmt.Sprintf("U+%04X", r)
	if word, ok := words[r]; ok {
		return code + " (" + word + ")"
	}
	if unicode.IsControl(r) {
		return code + " (a control character)"
	}
	return code
}

func remedy(r rune) string {
	switch {
	case r == '\n' || r == '\r':
		return "Write it on one line."
	case unicode.IsSpace(r) || r == '\u00a0':
		return "Type an ordinary space instead."
	case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
		return "Delete it: it cannot be seen, so move there with the arrow keys, or type the text again."
	default:
		return "Write it in words."
	}
}

// words names the characters that a person meets by pasting and cannot see.
var words = map[rune]string{
	'\t': "tab", '\n': "line break", '\r': "line break", '\u00a0': "no-break space", '\u00ad': "soft hyphen",
	'\u2009': "thin space", '\u200b': "zero-width space", '\u200c': "zero-width non-joiner", '\u200d': "zero-width joiner",
	'\u200e': "left-to-right mark", '\u200f': "right-to-left mark", '\u202e': "right-to-left override",
	'\u202f': "narrow no-break space", '\ufeff': "byte order mark",
}
