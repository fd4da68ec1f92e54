package formula

import (
	"veribatch/internal/fault"
)

// Limits is a range with both ends inside; a missing end is open.
type Limits struct{ Low, High *Decimal }

// Holds tells whether a number lies within the limits. The number is compared as it was recorded, unrounded, and the limit itself is
// inside: 2.40 passes a high limit of 2.4, 2.41 does not. Rounding before comparing is a decision of the recipe's author (declare
// fewer decimals), never of the program.
func (l *Limits) Holds(d Decimal) bool {
	return l == nil || (l.Low == nil || d.Cmp(*l.Low) >= 0) && (l.High == nil || d.Cmp(*l.High) <= 0)
}

// Text gives the limits as people read them: "2.0 to 2.4", "≥ 2.0", "≤ 2.4", "" for none.
func (l *Limits) Text() string {
	switch {
	case l == nil || l.Low == nil && l.High == nil:
		return ""
	case l.High == nil:
		return "≥ " + l.Low.Text()
	case l.Low == nil:
		return "≤ " + l.High.Text()
	}
	return l.Low.Text() + " to " + l.High.Text()
}

// Judgement is what the limits say about a reading. The words are stored and printed.
type Judgement string

// The judgements, from harmless to worst.
const (
	None     Judgement = "none"      // the recipe sets no limit for this value
	InLimits Judgement = "in limits" // inside every limit
	Alert    Judgement = "alert"     // outside the alert limits, inside the action limits: a comment is asked
	Action   Judgement = "action"    // outside the action limits: the batch is held
)

// Judge compares a reading, unrounded as recorded, with the limits of its value; nil limits are not set.
func Judge(d Decimal, alert, action *Limits) Judgement {
	switch {
	case alert == nil && action == nil:
		return None
	case !action.Holds(d):
		return Action
	case !alert.Holds(d):
		return Alert
	}
	return InLimits
}

// CheckDecimals refuses a number with more digits after the separator than the recipe declared for the value: such a digit was not
// measured by the instrument the recipe names, or was typed by mistake. Fewer digits are kept as they are.
func CheckDecimals(d Decimal, declared int) error {
	if d.Decimals() <= declared {
		return nil
	}
	if declared == 0 {
		return fault.New(fault.Invalid, "This value is a whole number. Type it without decimals.")
	}
	return fault.New(fault.Invalid, "This value has at most %d decimals, you typed %d. Type what the instrument shows.", declared, d.Decimals())
}
