package ucum

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// Parse reads a case-sensitive UCUM code, such as "mg/mL", "kg.m-3" or "{tbl}/min". Annotations in braces count as 1. What is wrong is an *Error.
func Parse(code string) (Unit, error) {
	if len(code) > maxLength {
		return Unit{}, &Error{maxLength, fmt.Sprintf("the code of a unit is longer than %d characters", maxLength)}
	}
	p := &parser{text: code}
	u, err := p.main()
	if err == nil && p.at < len(code) {
		err = p.fault("this does not belong here")
	}
	if err != nil {
		return Unit{}, err
	}
	u.code = code
	return u, nil
}

type parser struct {
	text  string
	at    int
	depth int
}

func (p *parser) fault(format string, args ...any) error {
	return &Error{p.at, fmt.Sprintf(format, args...)}
}

func (p *parser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

// main is a term, or a slash and a term.
func (p *parser) main() (Unit, error) {
	if p.peek() == '/' {
		return p.term(one)
	}
	first, err := p.component()
	if err != nil {
		return Unit{}, err
	}
	return p.term(first)
}

// term goes on behind its first component, from the left to the right.
func (p *parser) term(u Unit) (Unit, error) {
	for p.peek() == '.' || p.peek() == '/' {
		sign, at := 1, p.at
		if p.peek() == '/' {
			sign = -1
		}
		p.at++
		next, err := p.component()
		if err != nil {
			return Unit{}, err
		}
		if u, err = combine(u, next, sign); err != nil {
			return Unit{}, &Error{at, err.Error()}
		}
	}
	return u, nil
}

// component is a unit with exponent and annotation, an annotation, a number, or a term in brackets.
func (p *parser) component() (u Unit, err error) {
	switch c := p.peek(); {
	case c == 0:
		return u, p.fault("a unit is missing")
	case c == '(':
		return p.bracket()
	case c == '{':
		return one, p.annotation()
	case c >= '0' && c <= '9' && !strings.HasPrefix(p.text[p.at:], "10*") && !strings.HasPrefix(p.text[p.at:], "10^"):
		u, err = p.number()
	default:
		if u, err = p.symbol(); err == nil {
			u, err = p.exponent(u)
		}
	}
	if err == nil && p.peek() == '{' {
		err = p.annotation()
	}
	return u, err
}

func (p *parser) bracket() (u Unit, err error) {
	if p.depth++; p.depth > maxDepth {
		return u, p.fault("brackets are nested deeper than %d", maxDepth)
	}
	p.at++
	if u, err = p.main(); err != nil {
		return u, err
	}
	if p.peek() != ')' {
		return u, p.fault("the bracket is not closed")
	}
	p.at++
	p.depth--
	return u, nil
}

func (p *parser) annotation() error {
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '}':
			p.at++
			return nil
		case c < '!' || c > '~' || c == '{':
			return p.fault("an annotation holds printable ASCII without blanks and braces")
		}
	}
	return p.fault("the annotation is not closed")
}

func (p *parser) digits() string {
	from := p.at
	for p.peek() >= '0' && p.peek() <= '9' {
		p.at++
	}
	return p.text[from:p.at]
}

func (p *parser) number() (Unit, error) {
	at, digits := p.at, p.digits()
	switch c := p.peek(); {
	case len(digits) > maxDigits:
		return Unit{}, &Error{at, fmt.Sprintf("the number is longer than %d digits", maxDigits)}
	case c != 0 && c != '.' && c != '/' && c != ')' && c != '{':
		return Unit{}, p.fault("between a number and a unit stands a point")
	}
	n, _ := strconv.ParseInt(digits, 10, 64) // at most maxDigits digits
	if n == 0 {
		return Unit{}, &Error{at, "zero is no unit"}
	}
	return Unit{code: digits, factor: new(big.Rat).SetInt64(n), dimension: dimension{}}, nil
}

// symbol is an atom, or a prefix and a metric atom.
func (p *parser) symbol() (Unit, error) {
	from := p.at
	if strings.HasPrefix(p.text[from:], "10*") || strings.HasPrefix(p.text[from:], "10^") {
		p.at += len("10*")
		return atoms["10*"].unit("10*"), nil
	}
	for inside := false; p.at < len(p.text); p.at++ {
		c := p.text[p.at]
		if c < '!' || c > '~' || inside && strings.IndexByte("[{}", c) >= 0 || !inside && c == ']' {
			return Unit{}, p.fault("this character stands in no unit")
		}
		if !inside && strings.IndexByte("+-./(){}=0123456789", c) >= 0 {
			break
		}
		inside = c == '[' || inside && c != ']'
	}
	text := p.text[from:p.at]
	if a, ok := atoms[text]; ok {
		return a.unit(text), nil
	}
	for _, length := range []int{2, 1} {
		if len(text) <= length {
			continue
		}
		power, prefixed := prefixes[text[:length]]
		if a, ok := atoms[text[length:]]; prefixed && ok && a.metric {
			u := a.unit(text)
			u.factor.Mul(u.factor, ten(power))
			return u, nil
		}
	}
	return Unit{}, &Error{from, fmt.Sprintf("%q is no unit that is known here", text)}
}

// exponent is a whole number behind a unit.
func (p *parser) exponent(u Unit) (Unit, error) {
	at, sign := p.at, 1
	switch p.peek() {
	case '-':
		sign = -1
		p.at++
	case '+':
		p.at++
	}
	digits := p.digits()
	switch {
	case digits == "" && p.at > at:
		return u, p.fault("an exponent needs a number")
	case digits == "":
		return u, nil
	case len(digits) > 2:
		return u, &Error{at, fmt.Sprintf("the exponent is beyond %d", maxExponent)}
	}
	n, _ := strconv.Atoi(digits) // at most two digits
	power, err := combine(one, u, sign*n)
	if err != nil {
		return u, &Error{at, err.Error()}
	}
	return power, nil
}

// ten is a power of ten.
func ten(power int) *big.Rat {
	n := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(power, -power))), nil)
	if power < 0 {
		return new(big.Rat).SetFrac(big.NewInt(1), n)
	}
	return new(big.Rat).SetInt(n)
}
