// Package report owns the batch record as one value, and its printed form as PDF: everything that was asked, done, corrected, signed
// and logged for one batch, readable without the program (21 CFR 211.188, 11.10(b)).
// It judges nothing and stores nothing: rules are those of recipes/procedure, history those of ebr/batch, the trail that of audit.
// Start reading at Record, then Load for where it comes from and PDF for how it is printed.
package report

import (
	"time"

	"veribatch/audit"
	"veribatch/recipes/formula"
)

// Record is the record of one batch, as plain data. What stands in it is printed, field by field; a test takes away each field in turn.
// Times are printed with date, second and distance from UTC, in the zone that the value carries.
type Record struct {
	Site    string // name of the plant
	Program string // name and version of the program that printed it
	Demo    bool   // made by the demo plant: every page says that it is not for production use

	State       string    // "in execution", "held", "complete", "aborted" ... as of GeneratedAt; on every page
	GeneratedAt time.Time // server time of the reading; it also dates the file, so that one Record gives one file
	GeneratedBy Person    // who asked for it

	Batch      Batch
	Recipe     Recipe
	Materials  []Material
	Persons    []Person
	Stations   []Station
	Units      []Unit
	Signatures []Signature // in the order of signing, of the recipe too
	Holds      []Hold
	Comments   []Note // on the batch as a whole; those on steps and values stand there
	Trail      []audit.Row
}

// Batch says which batch it is and what became of it (21 CFR 211.188: product, batch or control number, dates).
type Batch struct {
	ID          string // names the stream of the trail
	Number      string // "" before the record is issued
	OrderNumber string
	Product     string
	Strength    string
	Form        string // dosage form
	Size        string // with unit
	Moves       []Act  // created, issued, started, held, resumed, completed, aborted
}

// Recipe names the exact text that was executed, and who answers for it.
type Recipe struct {
	Code        string
	Title       string
	Version     string
	Language    string
	Description string
	Digest      string // SHA-256 of the text, hex
	Moves       []Act  // imported, submitted, approved, made effective
}

// Material is one line of the bill of materials (21 CFR 211.186(b)(2) to (4)).
type Material struct {
	Code     string
	Name     string
	Quantity string // per batch, exact, with unit
	Active   bool   // the strength of the product speaks of it
}

// Person is someone who appears in the record. Roles are those held at any time from the order to the end of the batch, so that a finished
// record prints the same for ever; of who asked for the record, those held at that moment.
type Person struct {
	ID       string
	FullName string // printed name
	UserName string
	Roles    []string
}

// Station is a place from which something was entered.
type Station struct {
	ID   string
	Name string
}

// Who names a person beside something done.
type Who struct{ FullName, UserName string }

// Unit is a unit procedure of the recipe.
type Unit struct {
	ID, Title  string
	Operations []Operation
}

// Operation is a part of a unit procedure.
type Operation struct {
	ID, Title string
	Steps     []Step
}

// Step is one step: what was asked, and everything that happened in it, oldest first.
type Step struct {
	Number   int // 1.. in the order of execution
	ID       string
	Kind     string // "instruction", "entry", "sign-off"
	Title    string
	Text     string // the instruction
	Critical bool   // a second person verifies
	Role     string // sign-off: who signs
	Meaning  string // sign-off: what the signature means
	Status   string
	Values   []Value
	Acts     []Act // performed and verified, also those that a correction voided
	Comments []Note
}

// Value is one thing to record with all its readings: the last one counts.
type Value struct {
	ID, Title string
	Kind      string // "number", "text", "choice", "yes or no", "date and time", "scan"
	Unit      string
	Decimals  string // most digits after the separator; "" when it is not a number
	Alert     string // limits as people read them, "2.0 to 2.4"; "" for none
	Action    string
	Expect    string // the code or answer that the recipe expects; "" for none
	Options   []string
	Readings  []Reading
	Comments  []Note
}

// Reading is one entry of a value. It is never changed: a correction or a repeated measurement is another one.
type Reading struct {
	Attempt   int    // 1.. per value
	How       string // "recorded", "repeated measurement", "correction"
	Raw       string // as typed, scanned or chosen
	Text      string // canonical, without unit
	Unit      string
	Judgement formula.Judgement
	Struck    bool   // a correction replaced it
	Reason    string // of a repetition, a correction or a late entry
	Late      bool   // entered later after the act than the rules allow without a reason
	By        Who
	Done      time.Time // when it was done, as claimed
	Entered   time.Time // when it was entered, by the server's clock
}

// Act is something done to a step or to the batch as a whole.
type Act struct {
	What      string // "performed", "verified", "issued" ...
	Role      string // in which the person acted, where it matters
	Reason    string
	Late      bool
	Void      bool // a later correction took its effect away; it stays in the record
	By        Who
	Done      time.Time
	Entered   time.Time
	Signature int // Number in Record.Signatures; 0 for an act that is not signed
}

// Signature is one electronic signature with what 21 CFR 11.50 asks to be printed: name, date and time, meaning.
type Signature struct {
	Number    int // 1.. in this record
	ID        string
	About     string // what was signed, "step 4, Weigh the lactose"
	By        Who
	Meaning   string
	Act       string
	SignedAt  time.Time
	Statement string // SHA-256 of the signed statement, hex
	Key       string // which key sealed it
}

// Hold is one hold of the batch, what led to it and out of it.
type Hold struct {
	Number      int    // 1.. in this record
	Cause       string // the reading outside limits or the person's words
	Automatic   bool   // caused by a reading outside action limits
	Step        string // title of the step of that reading; "" when a person held the batch
	By          Who
	At          time.Time
	Assessments []Act // signed, by a supervisor and by QA
	Resumed     *Act  // nil while it lasts
}

// Note is a comment.
type Note struct {
	Text    string
	By      Who
	Entered time.Time
}
