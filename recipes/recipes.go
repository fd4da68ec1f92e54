// Package recipes owns master batch records: their text, what the text means, their life from draft to effective and their store.
// It does not execute them (recipes/procedure judges, ebr/batch stores) and it changes records only inside an audit transaction.
// Start reading at Recipe and Check; the language stands in grammar.go, its rules in rules.go.
package recipes

import (
	"crypto/sha256"

	"veribatch/recipes/formula"
	"veribatch/recipes/procedure"
)

// Recipe is a master production and control record (21 CFR 211.186). Its text is the truth; this is what the text says.
type Recipe struct {
	Code        string           // identifies the recipe; versions are counted by the store
	Title       string           // what the record is about
	Product     string           // 211.186(b)(1) name of the product
	Strength    string           // 211.186(b)(1)
	DosageForm  string           // 211.186(b)(1)
	BatchSize   formula.Quantity // 211.186(a): each batch size has a record of its own
	Language    string           // of every text in the recipe, a tag of Languages
	Description string           // may be empty
	Materials   []Material       // 211.186(b)(3): the complete list of components
	Procedure   procedure.Procedure

	// Comments are notes of the author in the text, without "#", by the path of the node that they stand before:
	// "recipe/formula/material API-1/quantity". A path that ends in "/end" is the end of a block, "end" the end of the text.
	Comments map[string][]string
}

// Material is one component with its quantity per batch (211.186(b)(3) and (4)).
type Material struct {
	Code, Title string
	Quantity    formula.Quantity
	Active      bool // the strength of the product speaks of this substance (211.186(b)(2))
}

// Digest is the SHA-256 of the exact text of a recipe, byte by byte: what approvers sign and a batch names.
func Digest(src []byte) [sha256.Size]byte { return sha256.Sum256(src) }

// Check reads the text of a recipe and gives either the recipe, or nil and all its faults, ordered by place.
func Check(filename string, src []byte) (*Recipe, Faults) {
	c := newChecker(filename, src)
	tokens := c.scan()
	if len(c.faults) > 0 {
		return nil, c.sorted()
	}
	root := c.parse(tokens)
	c.checkShape(root)
	r := c.decode(root)
	if len(c.faults) > 0 {
		return nil, c.sorted()
	}
	return r, nil
}

// Parse is Check for callers that want one error: nil or Faults.
func Parse(filename string, src []byte) (*Recipe, error) {
	r, faults := Check(filename, src)
	if len(faults) > 0 {
		return nil, faults
	}
	return r, nil
}
