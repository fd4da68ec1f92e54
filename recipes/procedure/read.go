package procedure

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"veribatch/internal/fault"
	"veribatch/internal/language"
	"veribatch/internal/plaintext"
	"veribatch/recipes/formula"
)

// Field names in faults, for the form that shows them.
const (
	FieldReading     = "reading"
	FieldReason      = "reason"
	FieldLateReason  = "late_reason"
	FieldComment     = "comment"
	FieldPerformedAt = "performed_at"
)

// Reading is what was typed, scanned or chosen for a value, in its one canonical form.
type Reading struct {
	Text   string           // "12.50", "yes", "2026-11-20 14:05 +01:00"
	Amount *formula.Decimal // decimal values only
	Unit   string           // decimal values only
}

// clock is the canonical form of a date_time reading: to the minute, with the distance from UTC, so that it can be read in any zone.
const clock = "2006-01-02 15:04 -07:00"

// ReadValue reads what a person typed (decimal separator "."), scanned or chose for a value and gives its canonical form, or a fault at
// FieldReading that says what to type. Now is the server's time in the zone of the site: a date_time is read in that zone and must not
// lie ahead by more than ahead. A scan that does not read what the recipe expects is fault.Refused.
func ReadValue(v *Value, raw string, now time.Time, ahead time.Duration) (Reading, error) {
	if raw == "" {
		return Reading{}, fault.At(FieldReading, "%s is missing. Record it, then go on.", v.Title)
	}
	switch v.Kind {
	case Decimal:
		return readDecimal(v, raw)
	case DateTime:
		return readDateTime(raw, now, ahead)
	case Scan:
		return readScan(v, raw)
	}
	text, err := plaintext.Clean(FieldReading, raw, plaintext.MaxComment)
	if err != nil {
		return Reading{}, err
	}
	switch {
	case text == "":
		return Reading{}, fault.At(FieldReading, "%s is only blanks. Type what you observed.", v.Title)
	case v.Kind == Choice && !slices.Contains(v.Options, text):
		return Reading{}, fault.At(FieldReading, "%q is not one of the answers. Choose one of: %s.", shorten(text), strings.Join(v.Options, ", "))
	case v.Kind == YesNo && text != Yes && text != No:
		return Reading{}, fault.At(FieldReading, "%q is not an answer here. Choose yes or no.", shorten(text))
	}
	return Reading{Text: text}, nil
}

// readScan compares a label with the code that the recipe states. What cannot be printed is named, on the label and in the recipe alike: the
// separator FNC1 of a GS1 code (GS1 General Specifications 7.8: sent as U+001D) is written [U+001D]. Any other label is refused and entered.
func readScan(v *Value, raw string) (Reading, error) {
	label := Label(raw)
	switch {
	case label == v.Expect:
		return Reading{Text: label}, nil
	case label == "":
		return Reading{}, fault.At(FieldReading, "%s is only blanks. Scan the label.", v.Title)
	}
	return Reading{}, fault.New(fault.Refused, "Wrong code: the label reads \"%s\", this step needs \"%s\". Nothing was recorded. Fetch the right item and scan it.", shorten(label), v.Expect).Of(FieldReading)
}

// Label gives the text of a scanned label as it can be printed: in Unicode NFC, without blanks around it, with the code of every character
// that has no visible sign in brackets, like [U+001D].
func Label(raw string) string {
	var b strings.Builder
	for _, r := range strings.Trim(norm.NFC.String(strings.ToValidUTF8(raw, "\uFFFD")), " \n") {
		if plaintext.Printable(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "[U+%04X]", r)
		}
	}
	return b.String()
}

func readDecimal(v *Value, raw string) (Reading, error) {
	d, err := formula.ParseNumber(raw, '.')
	if err == nil {
		err = formula.CheckDecimals(d, v.Decimals)
	}
	if err != nil {
		f := *fault.As(err)
		f.Field = FieldReading
		return Reading{}, &f
	}
	return Reading{Text: d.Text(), Amount: &d, Unit: v.Unit}, nil
}

// readDateTime reads "2026-11-20 14:05", also with the "T" that browsers send and with a zone ("2026-11-20 14:05 +01:00"), which an hour
// that the clocks showed twice asks for.
func readDateTime(raw string, now time.Time, ahead time.Duration) (Reading, error) {
	const hint = language.Word("Type date and time like 2026-11-20 14:05.")
	text := strings.Replace(raw, "T", " ", 1)
	at, err := time.Parse(clock, text)
	if err != nil {
		if at, err = ReadLocal(FieldReading, minute, text, now.Location()); fault.KindOf(err) == fault.Invalid {
			return Reading{}, err
		}
	}
	switch {
	case err != nil || len(raw) < len("2006-01-02 15:04"):
		return Reading{}, fault.At(FieldReading, "This is not a date with a time. %s", hint)
	case at.After(now.Add(ahead)):
		return Reading{}, fault.At(FieldReading, "This time lies in the future; the server's clock says %s. %s", now.Format(clock), hint)
	case at.Year() < 1900:
		return Reading{}, fault.At(FieldReading, "The year is wrong. %s", hint)
	}
	return Reading{Text: at.Format(clock)}, nil
}

// Judge says what the limits of the value, or its expected answer, say about a reading. An answer other than the expected one counts as
// outside action limits: the process is not where the recipe needs it.
func (v *Value) Judge(r Reading) formula.Judgement {
	switch {
	case v.Kind == Decimal && r.Amount != nil:
		return formula.Judge(*r.Amount, v.Alert, v.Action)
	case v.Expect == "":
		return formula.None
	case r.Text == v.Expect:
		return formula.InLimits
	}
	return formula.Action
}

// shorten keeps a message readable when somebody typed a page.
func shorten(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// cleanReason gives the reason or comment of an event as it is stored.
func cleanReason(e Event) (string, error) {
	return plaintext.Reason(reasonField(e.Kind), e.Reason, plaintext.MaxComment)
}

func reasonField(k EventKind) string {
	if k == EventCommented {
		return FieldComment
	}
	return FieldReason
}
