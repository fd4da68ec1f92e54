package recipes

import (
	"bytes"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// node is a block of the text as it stands there, before anybody asks what it means.
type node struct {
	kind, label string
	at          int // where the kind stands
	labelAt     int
	attrs       []*attribute
	blocks      []*node
	comments    []string // before it
	tail        []string // at its end, before "}"
	damaged     bool     // something in it could not be read, so nothing in it can be called missing
}

// attribute is a name with its value as it stands in the text.
type attribute struct {
	name     string
	at       int
	value    value
	comments []string
}

// value is what stands behind "=".
type value struct {
	at    int
	kind  kind // text (never lines), truth or list
	text  string
	truth bool
	list  []value
	bad   bool // it could not be read, which has been said
}

// attr finds an attribute by name; nil when it is not there.
func (n *node) attr(name string) *attribute {
	for _, a := range n.attrs {
		if a.name == name {
			return a
		}
	}
	return nil
}

// parser reads tokens of HCL into nodes. It knows blocks, attributes, texts, true, false and lists, refuses everything else of HCL where it
// stands, and goes on after the faulty line, so that all faults come out at once. Its recursion is bounded by depth, because braces that
// are opened in one place and closed in a faulty one escape the count of scan.
type parser struct {
	*checker
	depth    int
	tokens   hclsyntax.Tokens
	i        int
	comments []string // read and not yet bound to a node
}

func (c *checker) parse(tokens hclsyntax.Tokens) *node {
	p := &parser{checker: c, tokens: tokens}
	root := &node{}
	p.body(root)
	return root
}

func (p *parser) peek() hclsyntax.TokenType { return p.tokens[p.i].Type }
func (p *parser) at() int                   { return p.tokens[p.i].Range.Start.Byte }
func (p *parser) word() string              { return string(p.tokens[p.i].Bytes) }

// body reads attributes and blocks until the brace that closes n, which it leaves standing, or the end of the text.
func (p *parser) body(n *node) {
	for {
		p.blanks()
		switch p.peek() {
		case hclsyntax.TokenEOF:
			n.tail = p.take()
			return
		case hclsyntax.TokenCBrace:
			if n.kind != "" {
				n.tail = p.take()
				return
			}
			p.fault(p.at(), "Delete it, or find the \"{\" that is missing before it.", "This \"}\" closes nothing.")
			p.i++
		case hclsyntax.TokenIdent:
			if !p.item(n) {
				n.damaged = true
				p.skip()
			}
		default:
			p.fault(p.at(), `A line begins with a name, like: title = "Weigh"`, "%s cannot stand at the beginning of a line.", p.describe())
			n.damaged = true
			p.skip()
		}
	}
}

// blanks passes line ends and collects comments.
func (p *parser) blanks() {
	for {
		switch p.peek() {
		case hclsyntax.TokenNewline:
		case hclsyntax.TokenComment:
			p.comment()
		default:
			return
		}
		p.i++
	}
}

func (p *parser) comment() {
	line := strings.TrimRight(p.word(), "\r\n")
	switch {
	case strings.HasPrefix(line, "#"):
		line = line[1:]
	case strings.HasPrefix(line, "//"):
		line = line[2:]
	default:
		p.fault(p.at(), "Begin each line of the comment with #.", "Comments between /* and */ are not used in recipes.")
		return
	}
	line = strings.TrimSpace(line)
	p.printable(p.at(), line)
	p.comments = append(p.comments, line)
}

// take gives the comments read since the last node.
func (p *parser) take() []string {
	taken := p.comments
	p.comments = nil
	return taken
}

// item reads one attribute or block, and the comment behind it on the same line, which belongs to it.
func (p *parser) item(n *node) bool {
	name, at, comments := p.word(), p.at(), p.take()
	p.i++
	switch p.peek() {
	case hclsyntax.TokenEqual:
		p.i++
		a := &attribute{name: name, at: at}
		n.attrs = append(n.attrs, a)
		a.value = p.value()
		ok := !a.value.bad && p.lineEnd(`the value of `+name)
		a.comments = append(comments, p.take()...)
		return ok
	case hclsyntax.TokenOQuote, hclsyntax.TokenOBrace:
		b := &node{kind: name, at: at, labelAt: at, comments: comments}
		n.blocks = append(n.blocks, b)
		return p.block(b)
	}
	p.fault(p.at(), `Write an attribute like: title = "Weigh"   or a block like: value "net" {`, "After %q comes \"=\", a label in quotes or \"{\", but here is %s.", name, p.describe())
	return false
}

// block reads what follows the kind of a block: label, brace, body, brace.
func (p *parser) block(b *node) bool {
	if p.peek() == hclsyntax.TokenOQuote {
		v := p.text()
		if v.bad {
			b.damaged = true
			return false
		}
		b.label, b.labelAt = v.text, v.at
	}
	if p.peek() != hclsyntax.TokenOBrace {
		p.fault(p.at(), `A block begins like: value "net" {`, "Here \"{\" is missing; there is %s.", p.describe())
		b.damaged = true
		return false
	}
	opened := p.at()
	if p.depth++; p.depth > MaxDepth {
		p.fault(opened, "", "The text is nested deeper than %d levels.", MaxDepth)
		p.i, b.damaged = len(p.tokens)-1, true // the end of the text: nothing more is read
		return true
	}
	p.i++
	if p.peek() == hclsyntax.TokenComment { // behind the brace: it speaks of the block
		p.comment()
		p.i++
		b.comments = append(b.comments, p.take()...)
	}
	p.body(b)
	if p.peek() == hclsyntax.TokenEOF {
		if !b.damaged {
			p.fault(opened, "Write the \"}\" that belongs to it.", "The block that begins here is never closed.")
		}
		return true
	}
	p.i++
	p.depth--
	ok := p.lineEnd("the block")
	b.comments = append(b.comments, p.take()...)
	return ok
}

// lineEnd asks for the end of the line, with or without a comment before it.
func (p *parser) lineEnd(what string) bool {
	switch p.peek() {
	case hclsyntax.TokenComment:
		p.comment()
		p.i++
		return true
	case hclsyntax.TokenNewline, hclsyntax.TokenEOF, hclsyntax.TokenCBrace:
		return true
	}
	p.fault(p.at(), "Begin a new line.", "After %s the line ends, but here is %s.", what, p.describe())
	return false
}

// value reads a text, true, false or a list of texts.
func (p *parser) value() value {
	at := p.at()
	switch p.peek() {
	case hclsyntax.TokenOQuote:
		return p.text()
	case hclsyntax.TokenOBrack:
		return p.list()
	case hclsyntax.TokenIdent:
		if w := p.word(); w == "true" || w == "false" {
			p.i++
			return value{at: at, kind: truth, truth: w == "true"}
		}
	}
	hint := "Write a text in quotes, true, false, or a list like [\"clear\", \"cloudy\"]."
	switch p.peek() {
	case hclsyntax.TokenNumberLit:
		hint = "Numbers stand in quotes, so that their zeros are kept: \"" + p.word() + "\""
	case hclsyntax.TokenIdent:
		hint = "Texts stand in quotes: \"" + p.word() + "\". A recipe computes nothing, so it has no names, functions or operators."
	}
	p.fault(at, hint, "%s cannot be the value here.", p.describe())
	return value{at: at, bad: true}
}

// text reads a quoted text. The only escapes are \" \\ and \n.
func (p *parser) text() value {
	v := value{at: p.at()}
	p.i++
	var raw []byte
	for {
		switch p.peek() {
		case hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit:
			raw = append(raw, p.tokens[p.i].Bytes...)
		case hclsyntax.TokenCQuote:
			p.i++
			v.text, v.bad = p.unescape(v.at+1, raw)
			return v
		case hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			p.fault(p.at(), "Write the words themselves: nothing in a recipe is computed when it runs. The signs \"${\" and \"%{\" cannot stand in a text.",
				"%q would be computed and not read.", p.word())
			v.bad = true
			return v
		default:
			p.fault(v.at, "Write the closing quote on the same line; a new line within a text is written \\n.", "The text that begins here is not closed on its line.")
			v.bad = true
			return v
		}
		p.i++
	}
}

// unescape gives the meaning of a quoted text, and whether it is bad.
func (p *parser) unescape(at int, raw []byte) (string, bool) {
	var out strings.Builder
	for i := 0; i < len(raw); i++ {
		if (raw[i] == '$' || raw[i] == '%') && bytes.HasPrefix(raw[i+1:], []byte{raw[i], '{'}) {
			p.fault(at+i, "Write it in other words.", "The signs %q cannot stand in a text.", raw[i:i+3])
			return "", true
		}
		if raw[i] != '\\' {
			out.WriteByte(raw[i])
			continue
		}
		i++
		switch {
		case i < len(raw) && (raw[i] == '"' || raw[i] == '\\'):
			out.WriteByte(raw[i])
		case i < len(raw) && raw[i] == 'n':
			out.WriteByte('\n')
		default:
			p.fault(at+i-1, `Write the character itself. Only \", \\ and \n begin with a backslash.`, "This backslash does not mean anything here.")
			return "", true
		}
	}
	return out.String(), false
}

// list reads ["…", "…"], on one line or several.
func (p *parser) list() value {
	v := value{at: p.at(), kind: list}
	p.i++
	for {
		p.blanks()
		switch p.peek() {
		case hclsyntax.TokenCBrack:
			p.i++
			return v
		case hclsyntax.TokenOQuote:
			t := p.text()
			if v.list = append(v.list, t); t.bad {
				v.bad = true
				return v
			}
		default:
			p.fault(p.at(), "Write it like [\"clear\", \"cloudy\"].", "A list holds texts in quotes, but here is %s.", p.describe())
			v.bad = true
			return v
		}
		p.blanks()
		if p.peek() == hclsyntax.TokenComma {
			p.i++
		} else if p.peek() != hclsyntax.TokenCBrack {
			p.fault(p.at(), "Write it like [\"clear\", \"cloudy\"].", "In a list \",\" or \"]\" follows a text, but here is %s.", p.describe())
			v.bad = true
			return v
		}
	}
}

// skip passes the rest of a faulty line, with whatever blocks, lists or texts it opens.
func (p *parser) skip() {
	for depth := 0; p.peek() != hclsyntax.TokenEOF; p.i++ {
		t := p.peek()
		if depth <= 0 && (t == hclsyntax.TokenNewline || t == hclsyntax.TokenCBrace || t == hclsyntax.TokenComment || t == hclsyntax.TokenQuotedNewline) {
			if t == hclsyntax.TokenQuotedNewline {
				p.i++
			}
			return
		}
		depth += nesting(t)
	}
}

// describe says what a token is, in words.
func (p *parser) describe() string {
	w := p.word()
	switch p.peek() {
	case hclsyntax.TokenEOF:
		return "the end of the text"
	case hclsyntax.TokenNewline, hclsyntax.TokenComment:
		return "the end of the line"
	case hclsyntax.TokenNumberLit:
		return "the number " + w
	case hclsyntax.TokenOHeredoc:
		return "a heredoc (<<)"
	case hclsyntax.TokenOBrace:
		return "\"{\""
	case hclsyntax.TokenOQuote:
		return "a text in quotes"
	case hclsyntax.TokenIdent:
		return "the word \"" + printableOnly(w) + "\""
	}
	return "\"" + printableOnly(w) + "\""
}
