// Package formula owns exact numbers with units: reading what an operator types, writing it back unchanged, judging it against limits.
// It owns no recipe and no event; which value has which limits is said by recipes/procedure, and nothing here knows a binary float.
// Start reading at ParseNumber, then Judge.
package formula

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/cockroachdb/apd/v3"

	"veribatch/internal/fault"
	"veribatch/internal/plaintext"
)

// MaxDigits is the most digits a number may have: more than any instrument shows, few enough to print on one line.
const MaxDigits = 30

// Decimal is an exact decimal number with its trailing zeros: 12.50 is not written 12.5, because the zero was measured.
// It never changes after it was made; the zero value is 0. Two decimals of equal value and different zeros are Cmp-equal.
type Decimal struct{ v apd.Decimal }

// Text gives the number in plain notation with "." ("12.50", "-0.003"): the form stored in numeric columns, entries and statements.
func (d Decimal) Text() string { return d.v.Text('f') }

// String is Text, so that a number prints as it is stored.
func (d Decimal) String() string { return d.Text() }

// Cmp compares by value: -1, 0 or +1 for d below, equal to or above x.
func (d Decimal) Cmp(x Decimal) int { return d.v.Cmp(&x.v) }

// Sign gives -1, 0 or +1.
func (d Decimal) Sign() int { return d.v.Sign() }

// Decimals counts the digits after the separator: 2 for 12.50.
func (d Decimal) Decimals() int { return max(0, -int(d.v.Exponent)) }

// MarshalText writes Text, so that JSON carries numbers as strings (RFC 8785 numbers are binary floats).
func (d Decimal) MarshalText() ([]byte, error) { return []byte(d.Text()), nil }

// UnmarshalText reads what MarshalText wrote and nothing else.
func (d *Decimal) UnmarshalText(text []byte) error {
	v, err := ParseNumber(string(text), '.')
	if err != nil {
		return err
	}
	*d = v
	return nil
}

// ParseNumber reads a number as an operator types it: an optional sign, digits, and at most once the decimal separator shown at the
// field ('.' or ',') between digits. There is no thousands separator, no exponent, no blank, so a number has one reading only.
// The fault says what to type instead; it is Invalid and carries no field name.
func ParseNumber(raw string, separator rune) (Decimal, error) {
	if problem := numberProblem(raw, separator); problem != "" {
		return Decimal{}, fault.New(fault.Invalid, "%s", problem)
	}
	var d Decimal
	// numberProblem leaves only sign, digits and one separator, which apd reads exactly and without rounding.
	if _, _, err := d.v.SetString(strings.Replace(raw, string(separator), ".", 1)); err != nil {
		return Decimal{}, fault.New(fault.Invalid, "This is not a number. Type it like 12%c50.", separator).Because(err)
	}
	if d.v.IsZero() {
		d.v.Negative = false // a measured "-0.00" is zero
	}
	return d, nil
}

// MustNumber is ParseNumber for numbers written in Go code; it panics on a wrong one.
func MustNumber(s string) Decimal {
	d, err := ParseNumber(s, '.')
	if err != nil {
		panic(err)
	}
	return d
}

// numberProblem says what is wrong with a typed number, in the words of the field; "" for a good one.
func numberProblem(raw string, separator rune) string {
	if raw == "" {
		return fmt.Sprintf("The number is missing. Type it like 12%c50.", separator)
	}
	if len(raw) > 4*MaxDigits {
		return fmt.Sprintf("The number is longer than %d digits. Check what you typed.", MaxDigits)
	}
	rest := strings.TrimLeft(raw, "+-")
	if len(raw)-len(rest) > 1 {
		return "The number has more than one sign. Type at most one."
	}
	whole, fraction, separated := strings.Cut(rest, string(separator))
	for _, r := range whole + fraction {
		if r < '0' || r > '9' {
			return strange(r, separator)
		}
	}
	switch {
	case whole == "" || separated && fraction == "":
		return fmt.Sprintf("The number needs a digit on both sides of the separator. Type it like 0%c5 or 12.", separator)
	case len(whole)+len(fraction) > MaxDigits:
		return fmt.Sprintf("The number is longer than %d digits. Check what you typed.", MaxDigits)
	case len(whole) > 1 && whole[0] == '0':
		return "The number starts with a zero that means nothing. Type it without that zero."
	}
	return ""
}

// strange says what to type instead of a character that does not belong into a number.
func strange(r, separator rune) string {
	switch {
	case r == separator:
		return fmt.Sprintf("The number has the separator \"%c\" twice. Type it once, without a thousands separator.", separator)
	case r == ',' || r == '.':
		return fmt.Sprintf("The decimal separator of this field is \"%c\", not \"%c\". Type it like 12%c50, without a thousands separator.", separator, r, separator)
	case r == ' ' || unicode.IsSpace(r) || r == '\'' || r == '_' || r == '\u2019':
		return fmt.Sprintf("The number has a blank or a thousands separator. Type digits only, like 1200%c50.", separator)
	case r == 'e' || r == 'E':
		return fmt.Sprintf("Numbers with an exponent are not read here. Type all digits, like 1500 or 0%c0015.", separator)
	case r == '-' || r == '+':
		return "A sign stands only before the first digit. Type it there or leave it out."
	case r == '\u2212' || r == '\u2013':
		return "The minus is another sign that only looks like it. Type the minus of the keyboard: -."
	case unicode.IsDigit(r):
		return fmt.Sprintf("The digit %s is not one of 0 to 9. Type the number with the keys 0 to 9.", plaintext.Name(r))
	case plaintext.Printable(r):
		return fmt.Sprintf("\"%c\" does not belong into a number. Type digits only, like 12%c50; the unit stands beside the field.", r, separator)
	default:
		return fmt.Sprintf("The number has the character %s. Type digits only, like 12%c50.", plaintext.Name(r), separator)
	}
}
