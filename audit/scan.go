package audit

import (
	"bytes"
	"time"
)

// scanned is an entry as the fast reader sees it: slices of the body that it was read from.
type scanned struct {
	stream, prev, person, act []byte
	seq                       int64
	time                      time.Time
	refused                   bool
	also                      [][]byte
	changes                   []scannedChange
	from                      cursor
}

type scannedChange struct {
	table, id, op, before, after []byte
	version                      int64
}

// read tells whether the body is an entry as audit.seal writes it, and what it says. It is much faster than Decode and knows less: whatever is only a
// little out of the ordinary is left to Decode, which decides. What read accepts, Decode accepts and understands likewise.
func (s *scanned) read(body []byte) bool {
	*s = scanned{also: s.also[:0], changes: s.changes[:0], from: cursor{b: body}}
	c := &s.from
	seen, ok := c.object(entryMembers, func(member int) bool { return s.member(member) })
	c.space()
	return ok && c.i == len(c.b) && seen&required == required
}

// The members of an entry, of its by and of a change, in the order in which the readers below know them.
var (
	entryMembers  = [][]byte{[]byte("v"), []byte("stream"), []byte("seq"), []byte("prev"), []byte("time"), []byte("by"), []byte("act"), []byte("also"), []byte("changes"), []byte("station"), []byte("reason"), []byte("key"), []byte("refused"), []byte("details")}
	byMembers     = [][]byte{[]byte("person"), []byte("user"), []byte("name"), []byte("session"), []byte("ticket"), []byte("session_person")}
	changeMembers = [][]byte{[]byte("table"), []byte("id"), []byte("version"), []byte("op"), []byte("after"), []byte("before")}
)

const (
	required       = 1<<9 - 1 // the first nine of an entry
	requiredChange = 1<<5 - 1
)

func (s *scanned) member(n int) (ok bool) {
	c := &s.from
	switch n {
	case 0:
		var v int64
		v, ok = c.number()
		ok = ok && v == 1
	case 1:
		s.stream, ok = c.plain()
	case 2:
		s.seq, ok = c.number()
	case 3:
		s.prev, ok = c.plain()
	case 4:
		s.time, ok = c.time()
	case 5:
		_, ok = c.object(byMembers, func(n int) (ok bool) {
			if n == 0 {
				s.person, ok = c.plain()
				return ok
			}
			return c.text()
		})
	case 6:
		s.act, ok = c.plain()
	case 7:
		ok = c.list(func() bool {
			subject, ok := c.plain()
			s.also = append(s.also, subject)
			return ok
		})
	case 8:
		ok = c.list(s.change)
	case 12:
		s.refused, ok = true, c.literal("true")
	case 13:
		ok = c.texts()
	default:
		ok = c.text()
	}
	return ok
}

func (s *scanned) change() bool {
	var ch scannedChange
	c := &s.from
	seen, ok := c.object(changeMembers, func(n int) (ok bool) {
		switch n {
		case 0:
			ch.table, ok = c.plain()
		case 1:
			ch.id, ok = c.plain()
		case 2:
			ch.version, ok = c.number()
		case 3:
			ch.op, ok = c.plain()
		case 4:
			ch.after, ok = c.raw()
		case 5:
			ch.before, ok = c.raw()
		}
		return ok
	})
	s.changes = append(s.changes, ch)
	return ok && seen&requiredChange == requiredChange
}

// cursor reads JSON strictly, without building anything; every method says whether it found what it names.
type cursor struct {
	b []byte
	i int
}

func (c *cursor) space() {
	for c.i < len(c.b) && (c.b[c.i] == ' ' || c.b[c.i] == '\n' || c.b[c.i] == '\t' || c.b[c.i] == '\r') {
		c.i++
	}
}

// token takes one byte behind any space.
func (c *cursor) token(want byte) bool {
	c.space()
	if c.i < len(c.b) && c.b[c.i] == want {
		c.i++
		return true
	}
	return false
}

func (c *cursor) literal(want string) bool {
	c.space()
	if len(c.b)-c.i >= len(want) && string(c.b[c.i:c.i+len(want)]) == want {
		c.i += len(want)
		return true
	}
	return false
}

// object reads an object whose members are known, each at most once.
func (c *cursor) object(known [][]byte, member func(n int) bool) (seen uint, ok bool) {
	if !c.token('{') {
		return 0, false
	}
	if c.token('}') {
		return 0, true
	}
	for {
		name, ok := c.plain()
		if !ok || !c.token(':') {
			return 0, false
		}
		n := 0
		for n < len(known) && !bytes.Equal(known[n], name) {
			n++
		}
		if n == len(known) || seen&(1<<n) != 0 || !member(n) {
			return 0, false
		}
		seen |= 1 << n
		if c.token('}') {
			return seen, true
		}
		if !c.token(',') {
			return 0, false
		}
	}
}

func (c *cursor) list(item func() bool) bool {
	if !c.token('[') {
		return false
	}
	if c.token(']') {
		return true
	}
	for item() {
		if c.token(']') {
			return true
		}
		if !c.token(',') {
			return false
		}
	}
	return false
}

// texts is an object of texts by any name.
func (c *cursor) texts() bool {
	if !c.token('{') {
		return false
	}
	if c.token('}') {
		return true
	}
	for c.text() && c.token(':') && c.text() {
		if c.token('}') {
			return true
		}
		if !c.token(',') {
			return false
		}
	}
	return false
}

// plain is a string of printable ASCII without escapes, which says what its bytes say.
func (c *cursor) plain() ([]byte, bool) {
	if !c.token('"') {
		return nil, false
	}
	for start := c.i; c.i < len(c.b); c.i++ {
		switch ch := c.b[c.i]; {
		case ch == '"':
			c.i++
			return c.b[start : c.i-1 : c.i-1], true
		case ch < ' ' || ch >= 0x7f || ch == '\\':
			return nil, false
		}
	}
	return nil, false
}

// text is any string.
func (c *cursor) text() bool {
	if !c.token('"') {
		return false
	}
	for c.i < len(c.b) {
		switch ch := c.b[c.i]; {
		case ch == '"':
			c.i++
			return true
		case ch < ' ':
			return false
		case ch == '\\':
			if !c.escape() {
				return false
			}
		default:
			c.i++
		}
	}
	return false
}

func (c *cursor) escape() bool {
	rest := c.b[c.i+1:]
	if len(rest) == 0 {
		return false
	}
	if rest[0] != 'u' {
		c.i += 2
		return bytes.IndexByte([]byte(`"\/bfnrt`), rest[0]) >= 0
	}
	if len(rest) < 5 {
		return false
	}
	for _, h := range rest[1:5] {
		if (h < '0' || h > '9') && (h < 'a' || h > 'f') && (h < 'A' || h > 'F') {
			return false
		}
	}
	c.i += 6
	return true
}

// number is a whole number from 0 that needs no more than 18 digits.
func (c *cursor) number() (n int64, ok bool) {
	c.space()
	start := c.i
	for c.i < len(c.b) && c.b[c.i] >= '0' && c.b[c.i] <= '9' {
		n = n*10 + int64(c.b[c.i]-'0')
		c.i++
		if c.i-start > 18 {
			return 0, false
		}
	}
	digits := c.i - start
	return n, digits == 1 || digits > 1 && c.b[start] != '0'
}

// raw is any value of the kinds of which images are made: a flat object of texts, numbers, booleans and nulls, or one of those.
func (c *cursor) raw() ([]byte, bool) {
	c.space()
	start := c.i
	if c.i < len(c.b) && c.b[c.i] != '{' {
		return nil, false
	}
	c.i++
	if c.token('}') {
		return c.b[start:c.i:c.i], true
	}
	for c.text() && c.token(':') && c.scalar() {
		if c.token('}') {
			return c.b[start:c.i:c.i], true
		}
		if !c.token(',') {
			return nil, false
		}
	}
	return nil, false
}

func (c *cursor) scalar() bool {
	c.space()
	if c.i == len(c.b) {
		return false
	}
	switch c.b[c.i] {
	case '"':
		return c.text()
	case 't':
		return c.literal("true")
	case 'f':
		return c.literal("false")
	case 'n':
		return c.literal("null")
	case '-':
		c.i++
		if c.i == len(c.b) || c.b[c.i] < '0' || c.b[c.i] > '9' {
			return false
		}
	}
	_, ok := c.number()
	return ok
}

// time is a time as audit writes it: UTC with six digits.
func (c *cursor) time() (t time.Time, ok bool) {
	text, ok := c.plain()
	if !ok || len(text) != len("2006-01-02T15:04:05.000000Z") {
		return t, false
	}
	var part [7]int
	n := 0
	for i, ch := range text {
		mark := "....-..-..T..:..:.........Z"[i]
		if i == 19 {
			mark = '.'
		}
		switch {
		case i == 19 && ch == '.', mark != '.' && ch == mark:
			n++
		case i != 19 && mark == '.' && ch >= '0' && ch <= '9':
			part[n] = part[n]*10 + int(ch-'0')
		default:
			return t, false
		}
	}
	if part[3] > 23 || part[4] > 59 || part[5] > 59 {
		return t, false
	}
	t = time.Date(part[0], time.Month(part[1]), part[2], part[3], part[4], part[5], part[6]*1000, time.UTC)
	return t, t.Day() == part[2] && int(t.Month()) == part[1]
}
