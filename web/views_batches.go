package web

import (
	"cmp"
	"strconv"
	"time"
)

// HomeView is the first page after the log-in: what is running, what waits, and the form for a new order.
type HomeView struct {
	Page
	Batches []BatchLine // running and held first, then idle and ordered, then the newest finished
	Older   string      // address of the next page of finished batches; "" at the end
	Order   *Form       // new order; fields: order_number, recipe_version
	Recipes []Option    // effective recipes to order from
	Tasks   []Link      // what waits for this person beside the batches
}

// Option is one choice of a list.
type Option struct{ Value, Words string }

// BatchLine is one order or batch in a list.
type BatchLine struct {
	Href            string // overview
	Number, Order   string // Number is "" before the record is issued
	Product, Recipe string
	Area            string // code; "" when the list is of one area
	Version         string // recipe version
	Quantity        string // with unit, as ordered
	State           string // ordered, idle, running, held, complete, aborted
	Done, Steps     int
	OpenStep        string       // title of the open step; "" when none
	Waits           string       // for what or whom it waits: "second person", "assessment by QA"; "" when for the operator
	Next            *Link        // the one thing to do next: "Continue", "Issue the record", "Assess the hold"; nil when nothing
	Incidents       int          // open ones of the system that may have touched it
	Review          *ReviewState // of its audit trail; nil while it is at work
	Changed         time.Time
}

// BatchView is the overview of one batch: everything that happened, in the order of the recipe.
type BatchView struct {
	Page
	Header     []Line // order, quantity, recipe digest, issued by, started, ended …
	State      string
	Procedures []UnitProgress
	Holds      []Hold
	Signatures []Signed // of the batch itself: issued, completed, aborted
	Comments   []Comment
	Incidents  []BatchIncident // of the system, that may have touched the batch
	Trailed    *ReviewState    // how far its audit trail is reviewed; nil before the record is issued
	Waits      string          // what the batch waits for, one sentence; "" when nothing
	Next       *Link           // the open step, or the hold to assess

	// The acts. Issue, Abort and Complete are signed; Hold and Abort ask for "reason", Resume too; Comment asks for "text".
	Issue, Start, Hold, Resume, Abort, Complete, Comment *Form

	Report, Trail, Exports string // addresses of the PDF, of the batch's trail and of its exports; "" without the right
}

// UnitProgress is a unit procedure or operation with its steps as executed. Name is the path, "Granulation › Wet mixing".
type UnitProgress struct {
	Name  string
	Steps []StepProgress
}

// StepProgress is one step as executed.
type StepProgress struct {
	Number      int    // 1.. over the whole recipe
	ID          string // the name in the recipe text, "020"; printed beside the title, because messages and the PDF name steps by it
	Href        string // "" when the person may not open it
	Title       string
	Instruction string
	Kind        string // instruction, entry, sign_off
	Critical    bool
	Role        string // sign-off: the role that signs, and what its signature means
	Meaning     string
	State       string // waiting, open, performed (waits for the second person), complete
	Values      []Value
	Signatures  []Signed
	Acts        []Done // performed without a signature, or at another time than it was entered
	Comments    []Comment
}

// Mark is what stands beside the title of the step.
func (s StepProgress) Mark() string { return cmp.Or(s.ID, strconv.Itoa(s.Number)) }

// Done is something that somebody did, with both its times.
type Done struct {
	What, By  string
	At        time.Time // server time of the entry
	Performed time.Time // when it was done, as claimed; zero when not claimed apart
	Late      bool
	Reason    string
	Void      bool // a later correction took its effect away
}

// Value is one value of a step with every reading ever taken for it.
type Value struct {
	Name     string // label
	Kind     string // decimal, text, choice, yes_no, date_time, scan
	Unit     string
	Limits   []Limit
	Readings []Reading // oldest first; the last one counts
	Trail    string    // address of its timeline; "" without the right
	Correct  *Input    // a form to correct the counting reading; nil when not allowed
	Repeat   *Input    // a form to measure again before the step is performed; nil when not allowed
}

// Limit is a pair of limits as printed: {"alert", "12.40–12.60 kg"}.
type Limit struct {
	Name string // alert, action
	Text string
}

// Reading is one value as it was entered. It is never changed: a correction or a repeated measurement is a new reading.
type Reading struct {
	Text      string    // exactly as stored, decimal separator as shown to people, without unit
	Judgement string    // none, in limits, alert, action
	Struck    bool      // no longer counts: corrected or measured again
	How       string    // recorded, repeated, corrected
	Reason    string    // of a repeat, a correction or a late entry
	By        string    // printed name
	Entered   time.Time // server time of the entry
	Performed time.Time // when it was done, as claimed; zero when not claimed apart
	Late      bool      // performed more than five minutes before it was entered
	Comment   string    // the comment that an alert asks for; "" when none
}

// Hold is one hold of the batch with what led to it and out of it.
type Hold struct {
	Cause       string // "Action limit exceeded: step 4, gross weight 13.20 kg" or the person's reason
	By          string // who held it, or "the system"
	At          time.Time
	Assessments []Assessment
	ResumedBy   string
	ResumedAt   time.Time // zero while it lasts
}

// Assessment is the signed judgement of one person on a hold.
type Assessment struct {
	Role   string // supervisor, QA
	Reason string
	Signed *Signed // nil while it is missing
}

// StepView is the operator's screen: one instruction, one input, one big button. The big button belongs to the first of Resume link,
// Input, Explain, Perform, Verify, Next that is set: the handler sets exactly one of them.
type StepView struct {
	Page
	Step   StepProgress   // the step shown, with the values recorded so far and the remaining ones without readings
	Where  string         // "Granulation › Wet mixing"
	Before []StepProgress // earlier steps, folded above
	After  []StepProgress // later steps, greyed below (Number and Title suffice)

	Input   *Input   // the one value to record now
	Explain *Explain // a reading outside the alert limits waits for a comment
	Perform *Form    // all is recorded: the step is done (signed when the step is critical or a sign-off)
	Verify  *Form    // a second person looks and signs, on this station
	Next    *Link    // this step is complete: the next one, or the overview after the last
	Waits   string   // why there is nothing to do here for this person: "Held: …", "Step 3 comes first", "You recorded in this step: another person verifies"
	Wayout  *Link    // where to go then: the hold, the open step

	Hold    *Form // hold the batch; field: reason
	Comment *Form // add a comment to the step; field: text
	Late    bool  // values may be entered as done earlier (fields performed_at, late_reason in Input and Perform)
}

// Input is the form for one value. Fields: value, and when set so: reason (Reason), comment, performed_at and late_reason (Late).
// A decimal is sent as typed; yes_no as "yes"/"no"; a date_time and performed_at as "2006-01-02 15:04" in the zone of the plant.
type Input struct {
	Form
	Name      string // label: "Gross weight of container 1"
	Kind      string // decimal, text, choice, yes_no, date_time, scan
	Unit      string
	Limits    []Limit
	Choices   []string
	Separator string // decimal separator of this station: "." or ","
	Decimals  int    // decimals that the recipe asks for; 0 = none asked
	Expect    string // scan: the code that the label must carry
	Reason    string // why a reason is asked: "correction", "repeated measurement"; "" = no reason asked
	Old       string // the reading that will be struck through, with unit
}

// Explain asks for the comment on a reading outside its alert limits. Field: text.
type Explain struct {
	Form
	Value  string // "Gross weight: 12.65 kg"
	Limits []Limit
}

// HoldView is the page on which a held batch is assessed and resumed.
type HoldView struct {
	Page
	Hold   Hold
	Batch  []Line       // what a judge needs to know: product, step, value, limits, who, when
	Value  *Value       // the value that led here, with all its readings; nil when a person held the batch
	Assess []AssessForm // the signatures still open that this person may give
	Resume *Form        // both signed: go on; field: reason
	Abort  *Form        // signed; field: reason
	Waits  string       // whose turn it is
}

// AssessForm is the form by which a hold is assessed. Field: reason. Signed; another person may sign on this station. Role is that of the person who looks, or says who may.
type AssessForm struct {
	Form
	Role string // "supervisor", "qa", "supervisor or QA"
}

func (*HomeView) template() string  { return "home/index" }
func (*BatchView) template() string { return "batches/show" }
func (*StepView) template() string  { return "batches/step" }
func (*HoldView) template() string  { return "batches/hold" }
