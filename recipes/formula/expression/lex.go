package expression

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"veribatch/internal/plaintext"
)

// kind is what a token is.
type kind byte

const (
	end       kind = iota
	number         // 12.50
	quoted         // 'kg' or 'yes'
	reference      // [040.net]
	word           // min, and, if
	sign           // + - * / ^ ( ) , < <= > >= = !=
	printed        // a part of a trace
)

type token struct {
	kind kind
	text string // without quotes and brackets
	at   int    // byte in the formula
}

// Fault is what is wrong with a formula, and where: At is a byte of its text.
type Fault struct {
	At   int
	Why  string
	Hint string
}

// Error says it in words.
func (f *Fault) Error() string {
	if f.Hint != "" {
		return fmt.Sprintf("at character %d: %s %s", f.At+1, f.Why, f.Hint)
	}
	return fmt.Sprintf("at character %d: %s", f.At+1, f.Why)
}

func fail(at int, hint, format string, args ...any) error {
	return &Fault{at, fmt.Sprintf(format, args...), hint}
}

// Limits of a formula.
const (
	maxText   = 2000 // bytes
	maxTokens = 400
	maxDepth  = 32
	maxDigits = 30 // of a number, as of every number that a person enters
)

// lex takes a formula apart.
func lex(text string) (list []token, err error) {
	if len(text) > maxText {
		return nil, fail(maxText, "Make steps of it.", "A formula is longer than %d characters.", maxText)
	}
	for at := 0; at < len(text); {
		c := text[at]
		if c == ' ' {
			at++
			continue
		}
		t, err := one(text, at)
		if err != nil {
			return nil, err
		}
		if list = append(list, t); len(list) > maxTokens {
			return nil, fail(at, "Make steps of it.", "A formula has more than %d parts.", maxTokens)
		}
		at += len(t.text)
		switch t.kind {
		case quoted, reference:
			at += 2
		}
	}
	return append(list, token{end, "", len(text)}), nil
}

func one(text string, at int) (token, error) {
	rest := text[at:]
	switch c := rest[0]; {
	case c >= '0' && c <= '9':
		return numeral(rest, at)
	case c == '\'':
		return enclosed(rest, at, quoted, '\'')
	case c == '[':
		return enclosed(rest, at, reference, ']')
	case letter(c):
		n := 1
		for n < len(rest) && (letter(rest[n]) || rest[n] >= '0' && rest[n] <= '9') {
			n++
		}
		return token{word, rest[:n], at}, nil
	}
	for _, s := range []string{"<=", ">=", "!=", "<", ">", "=", "+", "-", "*", "/", "^", "(", ")", ","} {
		if strings.HasPrefix(rest, s) {
			return token{sign, s, at}, nil
		}
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return token{}, fail(at, lookalike(r), "The character %s does not belong into a formula.", plaintext.Name(r))
}

// lookalike says what to type instead of a character that only looks like a sign.
func lookalike(r rune) string {
	switch r {
	case '−', '–', '—':
		return "Type the minus of the keyboard: -."
	case '×', '·', '∙':
		return "Multiply with *."
	case '÷', ':':
		return "Divide with /."
	case '≤':
		return "Type <=."
	case '≥':
		return "Type >=."
	case '≠':
		return "Type !=."
	case '%':
		return "Write the unit behind a number: 5 '%'."
	case '\t', '\n', '\r', '\u00a0':
		return "A formula is one line with blanks."
	}
	return ""
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c == '_' }

func numeral(rest string, at int) (token, error) {
	n := 0
	for n < len(rest) && (rest[n] >= '0' && rest[n] <= '9' || rest[n] == '.') {
		n++
	}
	text := rest[:n]
	whole, fraction, dotted := strings.Cut(text, ".")
	switch {
	case dotted && (fraction == "" || strings.Contains(fraction, ".")):
		return token{}, fail(at, "Write it like 12.50.", "%s is no number.", text)
	case len(whole) > 1 && whole[0] == '0':
		return token{}, fail(at, "Leave it out.", "%s begins with a zero that means nothing.", text)
	case len(whole)+len(fraction) > maxDigits:
		return token{}, fail(at, "", "A number is longer than %d digits.", maxDigits)
	}
	return token{number, text, at}, nil
}

func enclosed(rest string, at int, k kind, closing byte) (token, error) {
	n := strings.IndexByte(rest[1:], closing)
	if n < 0 {
		return token{}, fail(at, "", "What begins with %c is not closed.", rest[0])
	}
	inner := rest[1 : n+1]
	if inner == "" || len(inner) > 100 {
		return token{}, fail(at, "", "Between %c and %c stand 1 to 100 characters.", rest[0], closing)
	}
	if r, i := plaintext.First(inner); i >= 0 {
		return token{}, fail(at+1+i, "", "The character %s does not belong here.", plaintext.Name(r))
	}
	return token{k, inner, at}, nil
}
