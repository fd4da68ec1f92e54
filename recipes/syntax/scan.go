package syntax

import (
	"bytes"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// scan turns the text into tokens of HCL, after and with guards: nothing that follows recurses deeper or runs longer than these allow.
// With a fault, nothing follows.
func (c *Report) scan() hclsyntax.Tokens {
	switch {
	case len(c.src) > MaxBytes:
		c.Fault(0, "Check that this is the text of a recipe.", "The text has %d bytes, a recipe has at most %d.", len(c.src), MaxBytes)
		return nil
	case bytes.HasPrefix(c.src, []byte("\ufeff")):
		c.Fault(0, "Save the file as \"UTF-8\", not as \"UTF-8 with BOM\".", "The text begins with a byte order mark, which nobody can see.")
		return nil
	case !utf8.Valid(c.src):
		at := 0
		for r, n := utf8.DecodeRune(c.src); r != utf8.RuneError || n != 1; r, n = utf8.DecodeRune(c.src[at:]) {
			at += n
		}
		c.Fault(at, "Save the file as UTF-8.", "The byte %#02x is no character of UTF-8.", c.src[at])
		return nil
	}
	if n := signs(c.src); n > MaxTokens {
		c.Fault(0, "Split the recipe.", "The text has %d words and signs, a recipe has at most %d.", n, MaxTokens)
		return nil
	}
	// What the lexer finds wrong stays in the text as a token that parse refuses, in words for process people.
	tokens, _ := hclsyntax.LexConfig(c.src, c.file, hcl.InitialPos)
	depth := 0
	for _, t := range tokens {
		depth += nesting(t.Type)
		if depth > MaxDepth {
			c.Fault(t.Range.Start.Byte, "", "The text is nested deeper than %d levels.", MaxDepth)
			return nil
		}
	}
	return tokens
}

// signs counts words and single signs, which are never fewer than the tokens that the lexer will make: a token costs a hundred times the
// memory of its sign.
func signs(src []byte) int {
	n, inWord := 0, false
	for _, b := range src {
		word := b == '_' || b >= 0x80 || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
		if b != ' ' && b != '\t' && !(word && inWord) {
			n++
		}
		inWord = word
	}
	return n
}

// nesting is +1 for a token that opens something, -1 for one that closes it.
func nesting(t hclsyntax.TokenType) int {
	switch t {
	case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc,
		hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
		return 1
	case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc,
		hclsyntax.TokenTemplateSeqEnd:
		return -1
	}
	return 0
}
