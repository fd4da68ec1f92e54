// Package procedure owns what a recipe asks for, step by step, and the one interpreter that judges what has happened: which act may
// come next, by whom, and what it brings about. It is pure: no database, no clock, no text format; recipes writes procedures from
// text, ebr/batch stores the events, screens and reports show the State.
// Start reading at Procedure, then Event, then Fold; the rules stand in check.go, the moves of a batch in moves.go.
package procedure

import "veribatch/recipes/formula"

// Procedure is the work of one recipe in ISA-88 words: unit procedures of operations of steps, executed from top to bottom.
type Procedure struct{ Units []UnitProcedure }

// UnitProcedure is the work in one unit of the plant.
type UnitProcedure struct {
	ID, Title  string
	Operations []Operation
}

// Operation is a part of a unit procedure that changes the material, such as drying.
type Operation struct {
	ID, Title string
	Steps     []Step
}

// StepKind says what a step asks of a person.
type StepKind string

// The kinds of steps.
const (
	Instruction StepKind = "instruction" // do what the text says and confirm
	Entry       StepKind = "entry"       // record one or more values
	SignOff     StepKind = "sign_off"    // sign with a role and a meaning
)

// Step is the smallest thing that is performed. Its ID is unique in the whole recipe.
type Step struct {
	ID          string
	Kind        StepKind
	Title, Text string
	Critical    bool    // a second person must verify it (21 CFR 211.188(b)(11))
	Role        string  // sign_off: the role whose holder signs
	Meaning     string  // sign_off: what the signature means (21 CFR 11.50(a)(3))
	Values      []Value // entry: what is recorded, in this order
}

// ValueKind says what a reading looks like.
type ValueKind string

// The kinds of values.
const (
	Decimal  ValueKind = "decimal"   // exact number with unit
	Text     ValueKind = "text"      // one line of words
	Choice   ValueKind = "choice"    // one of Options
	YesNo    ValueKind = "yes_no"    // yes or no
	DateTime ValueKind = "date_time" // when something happened, to the minute
	Scan     ValueKind = "scan"      // a code read from a label; it must equal Expect
)

// The readings of a YesNo value.
const (
	Yes = "yes"
	No  = "no"
)

// Value is one thing to record. Its ID is unique within its step.
type Value struct {
	ID, Title string
	Kind      ValueKind
	Unit      string          // decimal: symbol of a formula.Unit
	Decimals  int             // decimal: most digits after the separator
	Alert     *formula.Limits // decimal: outside asks for a comment
	Action    *formula.Limits // decimal: outside holds the batch
	Options   []string        // choice: the answers to choose from
	Expect    string          // scan: the code that must be read; choice, yes_no: any other answer is outside action limits
}

// Path is a step together with where it stands.
type Path struct {
	Unit      *UnitProcedure
	Operation *Operation
	Step      *Step
}

// Steps gives all steps in the order of execution.
func (p *Procedure) Steps() []Path {
	var all []Path
	for u := range p.Units {
		for o := range p.Units[u].Operations {
			op := &p.Units[u].Operations[o]
			for s := range op.Steps {
				all = append(all, Path{&p.Units[u], op, &op.Steps[s]})
			}
		}
	}
	return all
}

// Step finds a step by its ID; nil when there is none.
func (p *Procedure) Step(id string) *Step {
	for _, path := range p.Steps() {
		if path.Step.ID == id {
			return path.Step
		}
	}
	return nil
}

// Value finds a value of the step by its ID; nil when there is none.
func (s *Step) Value(id string) *Value {
	for i := range s.Values {
		if s.Values[i].ID == id {
			return &s.Values[i]
		}
	}
	return nil
}
