package batch_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"veribatch/ebr/batch"
	"veribatch/internal/fault"
	"veribatch/recipes"
	"veribatch/recipes/library"
	"veribatch/recipes/procedure"
	"veribatch/signatures/access"
	"veribatch/signatures/signtest"
)

// TestRandomWalks sends random commands through the real database and the same ones to the interpreter alone: both allow the same, and
// the stored history folds to the same state. (P11-10f: no sequence of commands reaches a state that the recipe forbids.)
func TestRandomWalks(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	recipe, err := recipes.Parse("buffer", library.Text(library.BufferTour))
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		w := &walk{plant: p, id: p.order(), twin: procedure.Start(&recipe.Procedure)}
		w.apply(procedure.Event{Kind: procedure.EventCreated, Person: p.sue.ID, PersonName: p.sue.FullName, EnteredAt: time.Now()})
		for range 50 {
			w.step(t)
		}
		w.compare(t)
	})
	p.clean()
}

// walk is a batch in the database and its twin in memory.
type walk struct {
	*plant
	id   string
	twin *procedure.State
}

func (w *walk) apply(e procedure.Event) error {
	events, err := w.twin.Decide(e)
	for _, e := range events {
		e.ID = fmt.Sprintf("e%d", len(w.twin.History))
		w.twin.Apply(e)
	}
	return err
}

// step draws one command, does it in both worlds and compares the answers.
func (w *walk) step(t *rapid.T) {
	e := w.draw(t)
	who := rapid.SampledFrom([]signtest.Person{w.anna, w.bo, w.cy, w.sue, w.quinn}).Draw(t, "person")
	roles := map[string]access.Role{w.sue.ID: access.Supervisor, w.quinn.ID: access.QA}
	role := roles[who.ID]
	if role == "" {
		role = access.Operator
	}
	if e.Seen = w.twin.Readings(e.Step, e.Value); e.Seen > 0 && rapid.IntRange(0, 9).Draw(t, "stale") == 0 {
		e.Seen-- // a screen that was drawn before the last reading
	}
	c := w.command(e)
	e.Person, e.PersonName, e.EnteredAt = who.ID, who.FullName, time.Now()
	if st := w.twin.Step(e.Step); e.Kind == procedure.EventHoldAssessed || e.Kind == procedure.EventPerformed && st != nil && st.Step.Kind == procedure.SignOff && access.Holds([]access.Role{role}, access.Role(st.Step.Role)) {
		e.Role = string(role)
	}
	var want error = fault.New(fault.Forbidden, "no right")
	st := w.twin.Step(e.Step)
	work := e.Kind == procedure.EventPerformed && st != nil && st.Step.Kind != procedure.SignOff
	if held := []access.Role{role}; access.Allowed(held, c.Act()) && (!work || access.Allowed(held, "step.record")) {
		want = w.apply(e)
	}
	var got error
	if s, ok := c.(signtest.Signed); ok && w.signs(e) {
		_, got = w.SignAt(w.anna, who, s)
	} else {
		_, got = w.Run(who, "", c)
	}
	if (want == nil) != (got == nil) || fault.KindOf(got) == fault.Internal {
		t.Fatalf("%s %s.%s %q by %s: the interpreter says %v, the database %v", e.Kind, e.Step, e.Value, e.Raw, who.UserName, want, got)
	}
}

// signs tells whether the command is signed: everything with a statement but a plain step.
func (w *walk) signs(e procedure.Event) bool {
	st := w.twin.Step(e.Step)
	return e.Kind != procedure.EventPerformed || st != nil && batch.Signs(st.Step)
}

// draw prefers what leads on, so that walks come far, and takes anything else often enough to be refused.
func (w *walk) draw(t *rapid.T) procedure.Event {
	e := procedure.Event{Reason: rapid.SampledFrom([]string{"", "because it was so", "because it was so"}).Draw(t, "reason")}
	if rapid.IntRange(0, 9).Draw(t, "sensible") < 7 {
		return w.sensible(t, e)
	}
	e.Kind = rapid.SampledFrom([]procedure.EventKind{
		procedure.EventIssued, procedure.EventStarted, procedure.EventRecorded, procedure.EventCorrected, procedure.EventCorrected, procedure.EventCommented, procedure.EventPerformed,
		procedure.EventVerified, procedure.EventHeld, procedure.EventHoldAssessed, procedure.EventResumed, procedure.EventCompleted, procedure.EventAborted,
	}).Draw(t, "kind")
	if e.Kind == procedure.EventAborted && len(w.twin.History) < 40 {
		e.Kind = procedure.EventCommented
	}
	switch e.Kind {
	case procedure.EventRecorded, procedure.EventCorrected, procedure.EventCommented, procedure.EventPerformed, procedure.EventVerified:
		st := rapid.SampledFrom(w.twin.Steps).Draw(t, "step")
		e.Step = st.Step.ID
		if len(st.Values) > 0 && e.Kind != procedure.EventPerformed && e.Kind != procedure.EventVerified {
			e.Value = rapid.SampledFrom(st.Values).Draw(t, "value").Value.ID
		}
	}
	return w.reading(t, e)
}

// sensible gives the act for which the batch waits.
func (w *walk) sensible(t *rapid.T, e procedure.Event) procedure.Event {
	open := w.twin.Open()
	switch {
	case w.twin.Batch == procedure.Ordered:
		e.Kind = procedure.EventIssued
	case w.twin.Batch == procedure.Idle:
		e.Kind = procedure.EventStarted
	case w.twin.Batch == procedure.Held:
		e.Kind = rapid.SampledFrom([]procedure.EventKind{procedure.EventHoldAssessed, procedure.EventHoldAssessed, procedure.EventResumed}).Draw(t, "hold")
	case open == nil:
		e.Kind = procedure.EventCompleted
	case open.Performed != nil:
		e.Kind, e.Step = procedure.EventVerified, open.Step.ID
	case open.Next() != nil:
		e.Kind, e.Step, e.Value = procedure.EventRecorded, open.Step.ID, open.Next().Value.ID
	case len(open.Missing()) > 0:
		e.Kind, e.Step, e.Value = procedure.EventCommented, open.Step.ID, open.Values[0].Value.ID
	default:
		e.Kind, e.Step = procedure.EventPerformed, open.Step.ID
	}
	return w.reading(t, e)
}

// reading fills in what is typed: mostly inside limits, sometimes outside, sometimes nonsense.
func (w *walk) reading(t *rapid.T, e procedure.Event) procedure.Event {
	switch e.Kind {
	case procedure.EventIssued, procedure.EventStarted, procedure.EventVerified, procedure.EventCompleted:
		e.Reason = "" // these forms ask for none
	case procedure.EventPerformed:
		e.Reason, e.LateReason = "", e.Reason
	}
	if e.Kind != procedure.EventRecorded && e.Kind != procedure.EventCorrected {
		return e
	}
	good := typed[e.Step+"."+e.Value]
	e.Raw = rapid.SampledFrom([]string{good, good, good, good, "13.71", "56.20", "7.31", "99", "1,5", "no", "", "turbid or coloured"}).Draw(t, "raw")
	return e
}

// command is the event as the struct that a form or a script sends.
func (w *walk) command(e procedure.Event) signtest.Command {
	switch e.Kind {
	case procedure.EventIssued:
		return batch.Issue{Batch: w.id}
	case procedure.EventStarted:
		return batch.Start{Batch: w.id}
	case procedure.EventRecorded:
		return batch.Record{Batch: w.id, Step: e.Step, Value: e.Value, Raw: e.Raw, Reason: e.Reason, Seen: e.Seen}
	case procedure.EventCorrected:
		return batch.Correct{Batch: w.id, Step: e.Step, Value: e.Value, Raw: e.Raw, Reason: e.Reason, Seen: e.Seen}
	case procedure.EventCommented:
		return batch.Comment{Batch: w.id, Step: e.Step, Value: e.Value, Text: e.Reason, Seen: e.Seen}
	case procedure.EventPerformed:
		return batch.Perform{Batch: w.id, Step: e.Step, LateReason: e.LateReason, Seen: e.Seen}
	case procedure.EventVerified:
		return batch.Verify{Batch: w.id, Step: e.Step}
	case procedure.EventHeld:
		return batch.Hold{Batch: w.id, Reason: e.Reason}
	case procedure.EventHoldAssessed:
		return batch.AssessHold{Batch: w.id, Reason: e.Reason}
	case procedure.EventResumed:
		return batch.Resume{Batch: w.id, Reason: e.Reason}
	case procedure.EventAborted:
		return batch.Abort{Batch: w.id, Reason: e.Reason}
	}
	return batch.Complete{Batch: w.id}
}

// compare holds the stored history, and what the row of the batch repeats of it, against the twin.
func (w *walk) compare(t *rapid.T) {
	b := w.load(w.id)
	if got, want := outline(b.State), outline(w.twin); got != want {
		t.Fatalf("stored:\n%s\nin memory:\n%s", got, want)
	}
	for i := range b.State.Steps {
		st := &b.State.Steps[i]
		for _, v := range st.Verifications {
			if st.Worked(v.Person) {
				t.Fatalf("%s verified step %s and worked in it", v.PersonName, st.Step.ID)
			}
		}
	}
	var state, open string
	var done, version int
	w.read(`select state, open_step, steps_done, version from ebr.batches where id = '`+w.id+`'`, &state, &open, &done, &version)
	want := ""
	if st := b.State.Open(); st != nil && b.EndedAt.IsZero() {
		want = st.Step.ID
	}
	complete, _ := b.State.Progress()
	if state != string(b.State.Batch) || open != want || done != complete || version != b.Version {
		t.Fatalf("the row of the batch says %s, open %q, %d done, version %d", state, open, done, version)
	}
}

// outline writes what counts of a state: the events without their ids and times, and where every step stands.
func outline(s *procedure.State) string {
	var text strings.Builder
	for _, e := range s.History {
		fmt.Fprintf(&text, "%s %s.%s #%d %q=%q %s %s %q by %s as %q\n", e.Kind, e.Step, e.Value, e.Attempt, e.Raw, e.Reading, e.Unit, e.Judgement, e.Reason, e.PersonName, e.Role)
	}
	for _, st := range s.Steps {
		fmt.Fprintf(&text, "%s %s\n", st.Step.ID, st.Status)
	}
	fmt.Fprintf(&text, "%s, %d holds, %d open, %d comments", s.Batch, len(s.Holds), len(s.OpenHolds()), len(s.Comments))
	return text.String()
}
