package batch

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"

	"veribatch/recipes/formula"
	"veribatch/recipes/procedure"
	"veribatch/signatures"
)

// What a person signs in a batch, line by line: everything the signature is about stands in it, and nothing that is known only afterwards.

// sheet collects the lines of a statement.
type sheet struct{ lines []signatures.Line }

func (s *sheet) add(label, format string, args ...any) {
	s.lines = append(s.lines, signatures.Line{Label: label, Value: fmt.Sprintf(format, args...)})
}

// heading says which batch it is.
func (b *Batch) heading() *sheet {
	s := &sheet{}
	s.add("Batch", "%s", b.Number)
	s.add("Order", "%s", b.OrderNumber)
	s.add("Product", "%s", b.Master.Product)
	s.add("Recipe", "%s, version %d: %s", b.Master.Code, b.Master.Number, b.Master.Title)
	s.add("SHA-256 of the recipe", "%s", b.Digest)
	return s
}

// seal makes the statement about the batch as it stands now.
func (b *Batch) seal(act, meaning string, s *sheet) signatures.Statement {
	s.fit()
	return signatures.Statement{
		Version: signatures.StatementVersion, Act: act, Meaning: meaning, Language: "en", Lines: s.lines,
		Records: []signatures.RecordRef{{Stream: string(b.Stream()), ID: b.ID, Version: b.Version}},
	}
}

// Bounds of a sheet below those of a statement, so that no record grows too long to be signed.
const (
	mostLines    = 300
	longestLine  = 7800    // characters
	longestSheet = 110_000 // bytes
	shortestCut  = 50      // characters; 300 such lines are below the longest sheet
)

// fit shortens what is too long to be read before signing; what is cut is named by its SHA-256, so that it is signed all the same.
func (s *sheet) fit() {
	if len(s.lines) > mostLines {
		var rest strings.Builder
		for _, l := range s.lines[mostLines-1:] {
			fmt.Fprintf(&rest, "%s: %s\n", l.Label, l.Value)
		}
		s.lines = s.lines[:mostLines-1]
		s.add("More", "%s", strings.TrimSpace(rest.String()))
	}
	for limit := longestLine; ; limit /= 2 {
		bytes := 0
		lines := make([]signatures.Line, len(s.lines))
		for i, l := range s.lines {
			lines[i] = signatures.Line{Label: l.Label, Value: cut(l.Value, limit)}
			bytes += len(l.Label) + len(lines[i].Value)
		}
		if bytes <= longestSheet || limit < shortestCut {
			s.lines = lines
			return
		}
	}
}

func cut(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return fmt.Sprintf("%s … (%d characters, SHA-256 %x)", strings.TrimRight(string(runes[:limit]), " \n"), len(runes), sha256.Sum256([]byte(text)))
}

func (c Issue) words(b *Batch, _ procedure.Event) signatures.Statement {
	s := b.heading()
	s.add("Strength", "%s", b.Recipe.Strength)
	s.add("Dosage form", "%s", b.Recipe.DosageForm)
	s.add("Batch size", "%s", b.Recipe.BatchSize.Text())
	s.add("Steps", "%d", b.steps)
	s.add("Ordered by", "%s", who(b.History()[0]))
	s.add("Statement", "The record of this batch is an accurate copy of the effective master record named above.")
	st := b.seal(c.Act(), "issued", s)
	st.Records = append(st.Records, signatures.RecordRef{Stream: string(b.Master.Stream()), ID: b.Master.ID, Version: b.Master.Row})
	return st
}

func (c Perform) words(b *Batch, e procedure.Event) signatures.Statement {
	st := b.State.Step(e.Step)
	if !Signs(st.Step) {
		return signatures.Statement{}
	}
	s := b.heading()
	s.step(st)
	if st.Step.Kind == procedure.SignOff {
		s.add("Signed in the role", "%s", st.Step.Role)
	}
	if !e.PerformedAt.IsZero() {
		s.add("Done at", "%s", e.PerformedAt.Format(moment))
	}
	if e.Reason != "" {
		s.add("Reason", "%s", e.Reason)
	}
	return b.seal(c.Act(), performedMeaning(st.Step), s)
}

func (c Verify) words(b *Batch, e procedure.Event) signatures.Statement {
	st := b.State.Step(e.Step)
	s := b.heading()
	s.step(st)
	s.add("Performed by", "%s", who(*st.Performed))
	if st.Performed.Reason != "" {
		s.add("Reason of the late entry", "%s", st.Performed.Reason)
	}
	return b.seal(c.Act(), "verified", s)
}

func (c AssessHold) words(b *Batch, e procedure.Event) signatures.Statement {
	s := b.heading()
	for i, h := range b.State.OpenHolds() {
		n := strconv.Itoa(i + 1)
		s.add("Hold "+n, "%s", h.Event.Reason)
		s.add("Held by", "%s", who(h.Event))
		if h.Caused() {
			st := b.State.Step(h.Event.Step)
			s.add("Step", "%s %s", st.Step.ID, st.Step.Title)
			s.value(st.Value(h.Event.Value))
		}
		for _, a := range h.Assessments {
			s.add("Assessed as "+a.Role, "%s\n%s", who(a), a.Reason)
		}
	}
	s.add("Assessment", "%s", e.Reason)
	s.add("Statement", "For the reason given, the batch may go on.")
	return b.seal(c.Act(), "assessed", s)
}

func (c Abort) words(b *Batch, e procedure.Event) signatures.Statement {
	s := b.heading()
	done, all := b.State.Progress()
	s.add("State", "%s, becomes aborted", b.State.Batch)
	s.add("Steps complete", "%d of %d", done, all)
	s.add("Reason", "%s", e.Reason)
	return b.seal(c.Act(), "aborted", s)
}

func (c Complete) words(b *Batch, _ procedure.Event) signatures.Statement {
	s := b.heading()
	done, all := b.State.Progress()
	s.add("Started", "%s", b.StartedAt.Format(moment))
	s.add("Steps complete", "%d of %d", done, all)
	corrected, repeated, comments, out := 0, 0, 0, 0
	for _, e := range b.History() {
		switch {
		case e.Kind == procedure.EventCorrected:
			corrected++
		case e.Kind == procedure.EventRecorded && e.Attempt > 1:
			repeated++
		case e.Kind == procedure.EventCommented:
			comments++
		}
		if e.Judgement == formula.Alert || e.Judgement == formula.Action {
			out++
		}
	}
	s.add("Readings outside limits", "%d", out)
	s.add("Corrections", "%d", corrected)
	s.add("Repeated measurements", "%d", repeated)
	s.add("Comments", "%d", comments)
	s.add("Holds", "%d", len(b.State.Holds))
	var holds []string
	for _, h := range b.State.Holds {
		holds = append(holds, who(h.Event)+": "+h.Event.Reason)
	}
	if len(holds) > 0 {
		s.add("Held by", "%s", strings.Join(holds, "\n"))
	}
	s.add("Events in the record", "%d", len(b.History()))
	if len(b.concerns) > 0 {
		s.add("Still open", "%s", strings.Join(b.concerns, "\n"))
	}
	return b.seal(c.Act(), "completed", s)
}

// step writes what a step asked and what stands in it.
func (s *sheet) step(st *procedure.StepState) {
	s.add("Step", "%s %s", st.Step.ID, st.Step.Title)
	s.add("Instruction", "%s", st.Step.Text)
	for i := range st.Values {
		s.value(&st.Values[i])
	}
	var comments []string
	for _, c := range st.Comments {
		comments = append(comments, who(c)+": "+c.Reason)
	}
	if len(comments) > 0 {
		s.add("Comments on the step", "%s", strings.Join(comments, "\n"))
	}
}

// value writes the reading that counts with its limits and judgement, then every earlier one, then the comments.
func (s *sheet) value(v *procedure.ValueState) {
	if v.Current() == nil {
		s.add(v.Value.Title, "not recorded")
		return
	}
	var text strings.Builder
	for i := len(v.Attempts) - 1; i >= 0; i-- {
		reading(&text, v, i)
	}
	for _, c := range v.Comments {
		fmt.Fprintf(&text, "\nComment of %s: %s", who(c), c.Reason)
	}
	s.add(v.Value.Title, "%s", text.String())
}

// reading writes one attempt: the last one counts, the others say what became of them.
func reading(text *strings.Builder, v *procedure.ValueState, i int) {
	a := v.Attempts[i]
	switch {
	case a.CorrectedBy != nil:
		text.WriteString("\nCorrected: ")
	case i < len(v.Attempts)-1:
		text.WriteString("\nMeasured before: ")
	}
	text.WriteString(a.Display())
	if i == len(v.Attempts)-1 {
		text.WriteString(limits(v.Value))
	}
	if a.Judgement != formula.None {
		fmt.Fprintf(text, ", %s", judged[a.Judgement])
	}
	fmt.Fprintf(text, "; %s", who(a.Event))
	if a.Reason != "" {
		fmt.Fprintf(text, ", because: %s", a.Reason)
	}
}

var judged = map[formula.Judgement]string{
	formula.InLimits: "inside limits", formula.Alert: "outside alert limits", formula.Action: "outside action limits",
}

// limits writes what the recipe asks of a value, in brackets.
func limits(v *procedure.Value) string {
	var parts []string
	for _, l := range []struct {
		name string
		*formula.Limits
	}{{"alert limits", v.Alert}, {"action limits", v.Action}} {
		if text := l.Text(); text != "" {
			parts = append(parts, l.name+" "+text)
		}
	}
	if v.Expect != "" {
		parts = append(parts, "expected "+v.Expect)
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// who says by whom and when something was entered, and when it was done if that was claimed apart.
func who(e procedure.Event) string {
	text := e.PersonName + ", " + e.EnteredAt.Format(moment)
	if !e.PerformedAt.IsZero() {
		text += ", done at " + e.PerformedAt.Format(moment)
	}
	return text
}
