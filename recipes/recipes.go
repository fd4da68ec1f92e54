// Package recipes owns master batch records: what their text means, what makes one sound, their life from draft to effective and their store.
// It does not execute them (recipes/procedure judges, ebr/batch stores) and it changes records only inside an audit transaction.
// Start reading at Recipe and Check; the language stands in recipes/syntax, the meaning in decode.go, what a recipe needs to be sound in sound.go and flow.go.
package recipes

import (
	"crypto/sha256"

	"veribatch/recipes/formula"
	"veribatch/recipes/procedure"
	"veribatch/recipes/syntax"
)

// Fault and Faults are what is wrong in a text, with places.
type (
	Fault  = syntax.Fault
	Faults = syntax.Faults
)

// Recipe is a master production and control record (21 CFR 211.186). Its text is the truth; this is what the text says.
type Recipe struct {
	Code        string           // identifies the recipe; versions are counted by the store
	Title       string           // what the record is about
	Product     string           // 211.186(b)(1) name of the product
	Strength    string           // 211.186(b)(1)
	DosageForm  string           // 211.186(b)(1)
	UnitSize    formula.Quantity // 211.186(b)(2): what one dosage unit weighs or measures; empty in records from before this was asked
	BatchSize   formula.Quantity // 211.186(a): each batch size has a record of its own
	Smallest    formula.Quantity // the batch sizes to which it may be scaled; empty: BatchSize alone
	Largest     formula.Quantity
	Language    string // of every text in the recipe, a tag of Languages
	Description string // may be empty

	Materials  []Material  // 211.186(b)(3): the complete list of components
	Parameters []Parameter // process parameters and their ranges
	Yields     []Yield     // 211.186(b)(6) and (7)
	Body       []*Element  // the whole procedure
	Procedure  procedure.Procedure
	NotYet     Faults // what of the procedure the program cannot execute yet; Procedure is empty then

	Source *syntax.Node // the tree of the text

	values map[string]*place // everything a formula can name
}

// Material is one component with its quantity per batch (211.186(b)(3) and (4)).
type Material struct {
	Code, Title string
	Quantity    formula.Quantity
	PerUnit     formula.Quantity // in one dosage unit; empty when not stated
	Excess      formula.Quantity // calculated excess in per cent, within Quantity (211.186(b)(5)); empty for none
	Active      bool             // the strength of the product speaks of this substance (211.186(b)(2))
	Scale       string           // "fixed" for what stays the same in a batch of another size; "linear", or "", for what is proportional to it
	Division    formula.Quantity // the smallest step in which it is weighed
	Assay       *formula.Limits  // within which assay a lot can be used, in per cent; nil when no assay is stated
}

// Parameter is a process parameter that values refer to. Mark says whether it is critical: "CPP" or "CQA", "" for neither (ICH Q8).
type Parameter struct {
	ID, Title, Mark, Unit string
	Decimals              int
	Design, Alert, Action *formula.Limits
}

// Yield is what should come out after a step, and how far the actual yield may be from it (211.186(b)(6) and (7), 211.103).
type Yield struct {
	ID, Title, After string
	Actual           string // the formula of what came out; "" when it is recorded otherwise
	Theoretical      formula.Quantity
	Alert, Action    *formula.Limits // per cent of Theoretical
}

// Languages are the language tags (BCP 47) that a recipe can be written in: those whose letters the record can print.
var Languages = []string{
	"bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "hr", "hu", "it", "lt", "lv", "nb", "nl", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "tr", "uk",
}

// Roles are the roles that can be asked for a sign-off; administrators and auditors hold no GMP role.
var Roles = []string{"operator", "supervisor", "process_engineer", "qa", "qualified_person"}

// MaxSteps is the most steps that one recipe can have, inserted building blocks included.
const MaxSteps = 2000

// Digest is the SHA-256 of the exact text of a recipe, byte by byte: what approvers sign and a batch names.
func Digest(src []byte) [sha256.Size]byte { return sha256.Sum256(src) }

// Print writes a recipe in its canonical form.
func Print(r *Recipe) []byte { return syntax.Print(r.Source) }

// Check reads the text of a recipe and gives either the recipe, or nil and all its faults, ordered by place: whatever keeps it from being understood, and whatever keeps
// it from being a sound master record.
func Check(filename string, src []byte) (*Recipe, Faults) {
	c := read(filename, src)
	if c.recipe != nil {
		c.sound()
	}
	if faults := c.Faults(); len(faults) > 0 {
		return nil, faults
	}
	return c.recipe, nil
}

// Parse reads a text that was checked when it was imported: what makes a master record sound may have been asked less strictly then. It gives nil or Faults.
func Parse(filename string, src []byte) (*Recipe, error) {
	c := read(filename, src)
	if faults := c.Faults(); len(faults) > 0 {
		return nil, faults
	}
	return c.recipe, nil
}

// checker reads one text and collects its faults.
type checker struct {
	*syntax.Report
	recipe *Recipe
	blocks map[string]*syntax.Node // definitions of building blocks by code and version
	open   []string                // building blocks that are being inserted
	steps  int                     // decoded so far

	elements int // decoded so far, steps and all others
	tried    int // combinations of answers
	hints    int // values for which a nearest one was looked for

	equipment  map[string]*syntax.Node // by id, within the recipe or the building block that is read
	parameters map[string]*Parameter
	values     map[string]*place // everything a formula can name
	after      map[string]steps  // what has been done after the steps of yields
}

func read(filename string, src []byte) *checker {
	root, report := syntax.Read(filename, src)
	c := &checker{Report: report, values: map[string]*place{}}
	if root != nil {
		c.recipe = c.decode(root)
	}
	return c
}
