package syntax

import (
	"bytes"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// parser reads tokens of HCL into nodes. It knows blocks, attributes, texts, true, false and lists, refuses everything else of HCL where it
// stands, and goes on after the faulty line, so that all faults come out at once. Its recursion is bounded by depth, because braces that
// are opened in one place and closed in a faulty one escape the count of scan.
type parser struct {
	*Report
	depth    int
	tokens   hclsyntax.Tokens
	i        int
	comments []string // read and not yet bound to a Node
	within   bool     // in a block of one line, which its brace ends
}

func (c *Report) parse(tokens hclsyntax.Tokens) *Node {
	p := &parser{Report: c, tokens: tokens}
	root := &Node{}
	p.body(root)
	return root
}

func (p *parser) peek() hclsyntax.TokenType { return p.tokens[p.i].Type }
func (p *parser) at() int                   { return p.tokens[p.i].Range.Start.Byte }
func (p *parser) word() string              { return string(p.tokens[p.i].Bytes) }

// body reads attributes and blocks until the brace that closes n, which it leaves standing, or the end of the text.
func (p *parser) body(n *Node) {
	for {
		p.blanks()
		switch p.peek() {
		case hclsyntax.TokenEOF:
			n.Tail = p.take()
			return
		case hclsyntax.TokenCBrace:
			if n.Kind != "" {
				n.Tail = p.take()
				return
			}
			p.Fault(p.at(), "Delete it, or find the \"{\" that is missing before it.", "This \"}\" closes nothing.")
			p.i++
		case hclsyntax.TokenIdent:
			if !p.item(n) {
				n.Damaged = true
				p.skip()
			}
		default:
			p.Fault(p.at(), `A line begins with a name, like: title = "Weigh"`, "%s cannot stand at the beginning of a line.", p.describe())
			n.Damaged = true
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
		p.Fault(p.at(), "Begin each line of the comment with #.", "Comments between /* and */ are not used in recipes.")
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
func (p *parser) item(n *Node) bool {
	name, at, line, comments := p.word(), p.at(), p.tokens[p.i].Range.Start.Line, p.take()
	p.i++
	switch p.peek() {
	case hclsyntax.TokenEqual:
		p.i++
		a := &Attribute{Name: name, At: at}
		n.Attrs = append(n.Attrs, a)
		a.Value = p.value()
		ok := !a.Value.Bad && p.lineEnd(`the value of `+name)
		a.Comments = append(comments, p.take()...)
		return ok
	case hclsyntax.TokenOQuote, hclsyntax.TokenOBrace:
		b := &Node{Kind: name, At: at, LabelAt: at, Line: line, Comments: comments}
		n.Blocks = append(n.Blocks, b)
		return p.block(b)
	}
	p.Fault(p.at(), `Write an attribute like: title = "Weigh"   or a block like: value "net" {`, "After %q comes \"=\", a label in quotes or \"{\", but here is %s.", name, p.describe())
	return false
}

// block reads what follows the kind of a block: label, brace, body, brace.
func (p *parser) block(b *Node) bool {
	if p.peek() == hclsyntax.TokenOQuote {
		v := p.text()
		if v.Bad {
			b.Damaged = true
			return false
		}
		b.Label, b.LabelAt = v.Text, v.At
	}
	if p.peek() != hclsyntax.TokenOBrace {
		p.Fault(p.at(), `A block begins like: value "net" {`, "Here \"{\" is missing; there is %s.", p.describe())
		b.Damaged = true
		return false
	}
	opened := p.at()
	if p.depth++; p.depth > MaxDepth {
		p.Fault(opened, "", "The text is nested deeper than %d levels.", MaxDepth)
		p.i, b.Damaged = len(p.tokens)-1, true // the end of the text: nothing more is read
		return true
	}
	p.i++
	if p.peek() == hclsyntax.TokenComment { // behind the brace: it speaks of the block
		p.comment()
		p.i++
		b.Comments = append(b.Comments, p.take()...)
	} else if p.peek() == hclsyntax.TokenIdent {
		p.oneLine(b)
	}
	p.body(b)
	if p.peek() == hclsyntax.TokenEOF {
		if !b.Damaged {
			p.Fault(opened, "Write the \"}\" that belongs to it.", "The block that begins here is never closed.")
		}
		return true
	}
	p.i++
	p.depth--
	ok := p.lineEnd("the block")
	b.Comments = append(b.Comments, p.take()...)
	return ok
}

// oneLine reads what stands behind an opening brace on its line: HCL has one attribute there, and the closing brace.
func (p *parser) oneLine(b *Node) {
	at := p.at()
	p.within = true
	read := p.item(b)
	p.within = false
	switch {
	case !read:
		b.Damaged = true
		p.skip()
	case len(b.Blocks) > 0 || p.peek() != hclsyntax.TokenCBrace:
		p.Fault(at, "Begin a new line behind \"{\".", "Behind \"{\" on its line stands at most one attribute, and the \"}\" behind that.")
	}
}

// lineEnd asks for the end of the line, with or without a comment before it.
func (p *parser) lineEnd(what string) bool {
	if p.within {
		return true // oneLine asks for the brace
	}
	switch p.peek() {
	case hclsyntax.TokenComment:
		p.comment()
		p.i++
		return true
	case hclsyntax.TokenNewline, hclsyntax.TokenEOF:
		return true
	}
	p.Fault(p.at(), "Begin a new line.", "After %s the line ends, but here is %s.", what, p.describe())
	return false
}

// value reads a text, true, false or a list of texts.
func (p *parser) value() Value {
	at := p.at()
	switch p.peek() {
	case hclsyntax.TokenOQuote:
		return p.text()
	case hclsyntax.TokenOBrack:
		return p.list()
	case hclsyntax.TokenIdent:
		if w := p.word(); w == "true" || w == "false" {
			p.i++
			return Value{At: at, Kind: Truth, Truth: w == "true"}
		}
	}
	hint := "Write a text in quotes, true, false, or a list like [\"clear\", \"cloudy\"]."
	switch p.peek() {
	case hclsyntax.TokenNumberLit:
		hint = "Numbers stand in quotes, so that their zeros are kept: \"" + p.word() + "\""
	case hclsyntax.TokenIdent:
		hint = "Texts stand in quotes: \"" + p.word() + "\". A recipe computes nothing, so it has no names, functions or operators."
	}
	p.Fault(at, hint, "%s cannot be the value here.", p.describe())
	return Value{At: at, Bad: true}
}

// text reads a quoted text. The only escapes are \" \\ and \n.
func (p *parser) text() Value {
	v := Value{At: p.at()}
	p.i++
	var raw []byte
	for {
		switch p.peek() {
		case hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit:
			raw = append(raw, p.tokens[p.i].Bytes...)
		case hclsyntax.TokenCQuote:
			p.i++
			v.Text, v.Bad = p.unescape(v.At+1, raw)
			return v
		case hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			p.Fault(p.at(), "Write the words themselves: nothing in a recipe is computed when it runs. The signs \"${\" and \"%{\" cannot stand in a text.",
				"%q would be computed and not read.", p.word())
			v.Bad = true
			return v
		default:
			p.Fault(v.At, "Write the closing quote on the same line; a new line within a text is written \\n.", "The text that begins here is not closed on its line.")
			v.Bad = true
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
			p.Fault(at+i, "Write it in other words.", "The signs %q cannot stand in a text.", raw[i:i+3])
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
			p.Fault(at+i-1, `Write the character itself. Only \", \\ and \n begin with a backslash.`, "This backslash does not mean anything here.")
			return "", true
		}
	}
	return out.String(), false
}

// list reads ["…", "…"], on one line or several.
func (p *parser) list() Value {
	v := Value{At: p.at(), Kind: List}
	p.i++
	for {
		p.blanks()
		switch p.peek() {
		case hclsyntax.TokenCBrack:
			p.i++
			return v
		case hclsyntax.TokenOQuote:
			t := p.text()
			if v.List = append(v.List, t); t.Bad {
				v.Bad = true
				return v
			}
		default:
			p.Fault(p.at(), "Write it like [\"clear\", \"cloudy\"].", "A list holds texts in quotes, but here is %s.", p.describe())
			v.Bad = true
			return v
		}
		p.blanks()
		if p.peek() == hclsyntax.TokenComma {
			p.i++
		} else if p.peek() != hclsyntax.TokenCBrack {
			p.Fault(p.at(), "Write it like [\"clear\", \"cloudy\"].", "In a list \",\" or \"]\" follows a text, but here is %s.", p.describe())
			v.Bad = true
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
		return "the word \"" + Quotable(w) + "\""
	}
	return "\"" + Quotable(w) + "\""
}
