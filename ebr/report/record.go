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
	Site    string `json:"site"`    // name of the plant
	Program string `json:"program"` // name and version of the program that printed it
	Demo    bool   `json:"demo"`    // made by the demo plant: every page says that it is not for production use

	State       string    `json:"state" doc:"of the batch in words, as it is printed"` // "in execution", "held", "complete", "aborted" ... as of GeneratedAt; on every page
	GeneratedAt time.Time `json:"generated_at,omitzero"`                               // server time of the reading; it also dates the file, so that one Record gives one file
	GeneratedBy Person    `json:"generated_by"`                                        // who asked for it

	Batch      Batch       `json:"batch"`
	Recipe     Recipe      `json:"recipe"`
	Materials  []Material  `json:"materials"`
	Persons    []Person    `json:"persons"`
	Stations   []Station   `json:"stations"`
	Units      []Unit      `json:"units"`
	Signatures []Signature `json:"signatures"` // in the order of signing, of the recipe too
	Holds      []Hold      `json:"holds"`
	Incidents  []Incident  `json:"incidents"`
	Reviewed   string      `json:"reviewed"` // how far the audit trail is reviewed
	Reviews    []Review    `json:"reviews"`
	Comments   []Note      `json:"comments"` // on the batch as a whole; those on steps and values stand there
	Trail      []audit.Row `json:"-"`
}

// Batch says which batch it is and what became of it (21 CFR 211.188: product, batch or control number, dates).
type Batch struct {
	ID          string `json:"id"`     // names the stream of the trail
	Number      string `json:"number"` // "" before the record is issued
	OrderNumber string `json:"order_number"`
	Area        string `json:"area"` // code of the area of the plant to which the batch belongs
	Product     string `json:"product"`
	Strength    string `json:"strength"`
	Form        string `json:"form"`  // dosage form
	Size        string `json:"size"`  // with unit
	Moves       []Act  `json:"moves"` // created, issued, started, held, resumed, completed, aborted
}

// Recipe names the exact text that was executed, and who answers for it.
type Recipe struct {
	Code        string `json:"code"`
	Title       string `json:"title"`
	Version     string `json:"version"`
	Language    string `json:"language"`
	Description string `json:"description"`
	Digest      string `json:"digest"` // SHA-256 of the text, hex
	Moves       []Act  `json:"moves"`  // imported, submitted, approved, made effective
}

// Material is one line of the bill of materials (21 CFR 211.186(b)(2) to (4)).
type Material struct {
	Code     string `json:"code"`
	Name     string `json:"name"`
	Quantity string `json:"quantity"` // per batch, exact, with unit
	Active   bool   `json:"active"`   // the strength of the product speaks of it
}

// Person is someone who appears in the record. Roles are those held at any time from the order to the end of the batch, so that a finished
// record prints the same for ever; of who asked for the record, those held at that moment.
type Person struct {
	ID       string   `json:"id"`
	FullName string   `json:"full_name"` // printed name
	UserName string   `json:"user_name"`
	Roles    []string `json:"roles"`
}

// Station is a place from which something was entered.
type Station struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Who names a person beside something done.
type Who struct {
	FullName string `json:"full_name"`
	UserName string `json:"user_name"`
}

// Unit is a unit procedure of the recipe.
type Unit struct {
	ID         string      `json:"id"`
	Title      string      `json:"title"`
	Operations []Operation `json:"operations"`
}

// Operation is a part of a unit procedure.
type Operation struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Steps []Step `json:"steps"`
}

// Step is one step: what was asked, and everything that happened in it, oldest first.
type Step struct {
	Number   int     `json:"number"` // 1.. in the order of execution
	ID       string  `json:"id"`
	Kind     string  `json:"kind"` // "instruction", "entry", "sign-off"
	Title    string  `json:"title"`
	Text     string  `json:"text"`     // the instruction
	Critical bool    `json:"critical"` // a second person verifies
	Role     string  `json:"role"`     // sign-off: who signs
	Meaning  string  `json:"meaning"`  // sign-off: what the signature means
	Status   string  `json:"status"`
	Values   []Value `json:"values"`
	Acts     []Act   `json:"acts"` // performed and verified, also those that a correction voided
	Comments []Note  `json:"comments"`
}

// Value is one thing to record with all its readings: the last one counts.
type Value struct {
	ID       string    `json:"id"`
	Title    string    `json:"title"`
	Kind     string    `json:"kind"` // "number", "text", "choice", "yes or no", "date and time", "scan"
	Unit     string    `json:"unit"`
	Decimals string    `json:"decimals"` // most digits after the separator; "" when it is not a number
	Alert    string    `json:"alert"`    // limits as people read them, "2.0 to 2.4"; "" for none
	Action   string    `json:"action"`
	Expect   string    `json:"expect"` // the code or answer that the recipe expects; "" for none
	Options  []string  `json:"options"`
	Readings []Reading `json:"readings"`
	Comments []Note    `json:"comments"`
}

// Reading is one entry of a value. It is never changed: a correction or a repeated measurement is another one.
type Reading struct {
	Attempt   int               `json:"attempt"` // 1.. per value
	How       string            `json:"how"`     // "recorded", "repeated measurement", "correction"
	Raw       string            `json:"raw"`     // as typed, scanned or chosen
	Text      string            `json:"text"`    // canonical, without unit
	Unit      string            `json:"unit"`
	Judgement formula.Judgement `json:"judgement"`
	Struck    bool              `json:"struck"` // a correction replaced it
	Reason    string            `json:"reason"` // of a repetition, a correction or a late entry
	Late      bool              `json:"late"`   // entered later after the act than the rules allow without a reason
	By        Who               `json:"by"`
	Done      time.Time         `json:"done,omitzero"`    // when it was done, as claimed
	Entered   time.Time         `json:"entered,omitzero"` // when it was entered, by the server's clock
}

// Act is something done to a step or to the batch as a whole.
type Act struct {
	What      string    `json:"what"` // "performed", "verified", "issued" ...
	Role      string    `json:"role"` // in which the person acted, where it matters
	Reason    string    `json:"reason"`
	Late      bool      `json:"late"`
	Void      bool      `json:"void"` // a later correction took its effect away; it stays in the record
	By        Who       `json:"by"`
	Done      time.Time `json:"done,omitzero"`
	Entered   time.Time `json:"entered,omitzero"`
	Signature int       `json:"signature"` // Number in Record.Signatures; 0 for an act that is not signed
}

// Signature is one electronic signature with what 21 CFR 11.50 asks to be printed: name, date and time, meaning.
type Signature struct {
	Number    int       `json:"number"` // 1.. in this record
	ID        string    `json:"id"`
	About     string    `json:"about"` // what was signed, "step 4, Weigh the lactose"
	By        Who       `json:"by"`
	Meaning   string    `json:"meaning"`
	Act       string    `json:"act"`
	SignedAt  time.Time `json:"signed_at,omitzero"`
	Statement string    `json:"statement"` // SHA-256 of the signed statement, hex
	Key       string    `json:"key"`       // which key sealed it
}

// Hold is one hold of the batch, what led to it and out of it.
type Hold struct {
	Number      int       `json:"number"`    // 1.. in this record
	Cause       string    `json:"cause"`     // the reading outside limits or the person's words
	Automatic   bool      `json:"automatic"` // caused by a reading outside action limits
	Step        string    `json:"step"`      // title of the step of that reading; "" when a person held the batch
	By          Who       `json:"by"`
	At          time.Time `json:"at,omitzero"`
	Assessments []Act     `json:"assessments"`       // signed, by a supervisor and by QA
	Resumed     *Act      `json:"resumed,omitempty"` // nil while it lasts
}

// Note is a comment.
type Note struct {
	Text    string    `json:"text"`
	By      Who       `json:"by"`
	Entered time.Time `json:"entered,omitzero"`
}
