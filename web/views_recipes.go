package web

import (
	"cmp"
	"strconv"
	"time"
)

// RecipesView lists the recipes.
type RecipesView struct {
	Page
	Recipes []RecipeLine
	ByArea  bool   // the list holds recipes of more than one area
	Import  string // address of the import page; "" without the right
}

// RecipeLine is one version of a recipe in a list.
type RecipeLine struct {
	Href, Name, Product, Version string
	Area                         string
	State                        string // draft, in review, approved, effective, superseded, retired
	Changed                      time.Time
	By                           string
}

// RecipeView is one recipe version as a readable document.
type RecipeView struct {
	Page
	Name, Product, Version, State  string
	Language                       string // of the recipe's own words, e.g. "en"
	Digest                         string // hex SHA-256 of the canonical text
	Header                         []Line // strength, dosage form, batch size …
	Materials                      []MaterialLine
	Requirements                   []RecipeRequirements
	Parts                          []RecipePart
	Steps                          int
	NotYet                         []TextFault // what the program cannot execute yet, the first places
	NotYetMore                     int         // how many more places
	Signatures                     []Signed
	Chart                          string // address of the chart
	Compare                        string // address of the comparison with the version before; "" for the first
	Text                           string // the canonical text, folded away at the end
	Submit, Approve, MakeEffective *Form  // signed acts; nil when not allowed now
	SendBack, Withdraw             *Form  // signed acts that end the version; field: reason
	EndReason                      string // why it was sent back or withdrawn
	File                           string // address of the text as a file
	Notes                          []ReviewNote
	Open                           int      // how many of them are not resolved
	Comment                        *Form    // fields: element, words; nil when not allowed now
	Elements                       []Option // what can be commented on
}

// ReviewNote is what somebody said about a version or one element of it.
type ReviewNote struct {
	Element    string // name in the text; "" for the version as a whole
	About      string // name and title of the element
	Words      string
	By         string
	At         time.Time
	Resolution string // "" while it is open
	ResolvedBy string
	ResolvedAt time.Time
	Resolve    *Form // field: resolution; nil when not allowed now
}

// MaterialLine is one line of the bill of materials.
type MaterialLine struct {
	Code, Name, Quantity, Unit, Note string
	Lines                            []Line // amount per dosage unit, excess …
}

// RecipeRequirements are the packaging, equipment, process parameters or yields of a recipe.
type RecipeRequirements struct {
	Name  string
	Items []RecipeRequirement
}

// RecipeRequirement is one of them.
type RecipeRequirement struct {
	Code, Name string
	Lines      []Line
}

// RecipePart is a box of the procedure as ISA-88 cuts it: a unit procedure, operation or phase, a structure such as a parallel, or a step.
type RecipePart struct {
	Kind  string // unit procedure, operation, phase, parallel, selection, branch, repetition, building block; "" for a step
	Name  string
	Notes []Line // when a branch is taken, when a repetition ends
	Step  *RecipeStep
	Parts []RecipePart
}

// RecipeStep is one step as the recipe states it.
type RecipeStep struct {
	Number      int    // 1.. over the whole recipe
	ID          string // the name in the recipe text
	Title       string
	Instruction string
	Kind        string // in words: instruction, entry, weigh …
	Critical    bool   // a second person verifies
	Role        string // sign_off: who signs
	Meaning     string // sign_off: what the signature means
	Details     []Line
	Values      []RecipeValue
}

// Mark is what stands beside the title of the step.
func (s RecipeStep) Mark() string { return cmp.Or(s.ID, strconv.Itoa(s.Number)) }

// RecipeValue is one value that a step asks for.
type RecipeValue struct {
	Name, Kind, Unit string // kind: decimal, text, choice, yes_no, date_time, scan
	Decimals         int
	Expect           string // scan: the code that must be read
	Formula          string // of a value that is computed
	Limits           []Limit
	Choices          []string
}

// ImportView takes the text of a recipe, pasted (field text) or as a file (field file).
type ImportView struct {
	Page
	Import *Form
	Areas  []Option    // to which a new recipe can belong (field area); empty when there is only one
	Found  []TextFault // what the checker found; empty before the first try
}

// TextFault is one fault of a recipe text, with its place, the text there and what to do.
type TextFault struct {
	Line, Column int // from 1
	Message      string
	Snippet      string // the line of text
	Hint         string
}

func (*RecipesView) template() string { return "recipes/index" }
func (*RecipeView) template() string  { return "recipes/show" }
func (*ImportView) template() string  { return "recipes/import" }
