package procedure

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"veribatch/internal/fault"
)

// likely gives a command that brings the batch on, so that sequences reach the end and not only refusals.
func (m *model) likely(t *rapid.T, e Event) Event {
	e.Reason, e.LateReason, e.PerformedAt, e.Step, e.Value = "because", "", time.Time{}, "", ""
	switch m.state {
	case "ordered":
		e.Kind = "issued"
	case "idle":
		e.Kind = "started"
	case "held":
		e.Kind = rapid.SampledFrom([]EventKind{"hold_assessed", "resumed"}).Draw(t, "next")
		e.Role = rapid.SampledFrom([]string{"supervisor", "qa"}).Draw(t, "role")
	case "running":
		i := m.open()
		if i == len(m.steps) {
			e.Kind = "completed"
			break
		}
		s := &m.steps[i]
		e.Kind, e.Step, e.Role = "performed", s.id, s.role
		if s.performed {
			e.Kind = "verified"
		}
		for _, v := range s.values {
			if v.last == "" {
				e.Kind, e.Value = "recorded", v.id
				e.Raw = rapid.SampledFrom(append(keys(v.readings), keys(v.readings)[0])).Draw(t, "reading")
				break
			}
			if v.last == "alert" && !v.comment {
				e.Kind, e.Value = "commented", v.id
				break
			}
		}
	}
	return e
}

func keys(m map[string]string) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

var allKinds = []EventKind{EventCreated, EventIssued, EventStarted, EventRecorded, EventCorrected, EventCommented, EventPerformed, EventVerified,
	EventHeld, EventHoldAssessed, EventResumed, EventAborted, EventCompleted}

// draw gives any command, sensible or not.
func draw(t *rapid.T, m *model, now time.Time) Event {
	e := Event{EnteredAt: now, Person: rapid.SampledFrom([]string{"anna", "bo", "cy", "sue", "quinn"}).Draw(t, "person")}
	if rapid.IntRange(0, 9).Draw(t, "luck") < 5 {
		return m.likely(t, e)
	}
	e.Kind = rapid.SampledFrom(allKinds).Draw(t, "kind")
	if e.Kind == EventAborted && rapid.IntRange(0, 9).Draw(t, "mercy") > 0 { // else few sequences live long
		e.Kind = EventCorrected
	}
	e.Reason = rapid.SampledFrom([]string{"", "because", "because"}).Draw(t, "reason")
	e.LateReason = rapid.SampledFrom([]string{"", "too busy"}).Draw(t, "late reason")
	e.Role = rapid.SampledFrom([]string{"", "supervisor", "qa", "operator"}).Draw(t, "role")
	if ago := rapid.SampledFrom([]int{0, 0, 0, 0, -61, -60, -1, 300, 301, 3600}).Draw(t, "ago"); ago != 0 {
		e.PerformedAt = now.Add(-time.Duration(ago) * time.Second)
	}
	switch e.Kind {
	case EventRecorded, EventCorrected, EventPerformed, EventVerified, EventCommented:
		s := rapid.SampledFrom(m.steps).Draw(t, "step")
		e.Step = s.id
		if e.Kind == EventCommented && rapid.Bool().Draw(t, "whole batch") {
			e.Step = ""
		} else if len(s.values) > 0 && e.Kind != EventPerformed && e.Kind != EventVerified {
			v := rapid.SampledFrom(s.values).Draw(t, "value")
			e.Value, e.Raw = v.id, rapid.SampledFrom(append(keys(v.readings), "", "LOT-2", "99999,5")).Draw(t, "raw")
		}
	}
	return e
}

// TestModel plays sequences of 200 commands against interpreter and model: they agree on every single answer and state.
func TestModel(t *testing.T) {
	reached := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		s, m := Start(small()), newModel()
		now := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
		for n := 0; n < 200; n++ {
			now = now.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "minutes")) * time.Minute)
			e := draw(t, m, now)
			if e.Seen = m.count(e.Step, e.Value); rapid.IntRange(0, 9).Draw(t, "stale") == 0 {
				e.Seen += rapid.SampledFrom([]int{-1, 1}).Draw(t, "other screen")
			}
			events, err := s.Decide(e)
			if err != nil && fault.KindOf(err) == fault.Internal && e.PerformedAt.IsZero() {
				t.Fatalf("%d: %s %s.%s: %v", n, e.Kind, e.Step, e.Value, err)
			}
			if want := m.play(e); want != (err == nil) {
				t.Fatalf("%d: %s %s.%s %q by %s in %s: interpreter says %v, model says %v", n, e.Kind, e.Step, e.Value, e.Raw, e.Person, s.Batch, err, want)
			}
			for i := range events {
				events[i].Ord = len(s.History) + 1
				events[i].ID = fmt.Sprint(events[i].Ord)
				s.Apply(events[i])
			}
			compare(t, s, m)
		}
		noPersonChecksOwnWork(t, s.History)
		orderHolds(t, s.History)
		if folded, err := Fold(small(), s.History); err != nil || !reflect.DeepEqual(folded, s) {
			t.Fatalf("the history folds to another state: %v", err)
		}
		done, _ := s.Progress()
		reached[fmt.Sprintf("%s after %d steps", s.Batch, done)]++
	})
	if reached["complete after 5 steps"] == 0 {
		t.Errorf("no sequence brought a batch to its end, so the test says little: %v", reached)
	}
}

func compare(t *rapid.T, s *State, m *model) {
	if string(s.Batch) != m.state {
		t.Fatalf("the batch is %s, the model %s", s.Batch, m.state)
	}
	open := m.open()
	for i, st := range s.Steps {
		want := StepWaiting
		switch {
		case m.steps[i].complete():
			want = StepComplete
		case i == open && !m.started.IsZero() && m.steps[i].performed:
			want = StepPerformed
		case i == open && !m.started.IsZero():
			want = StepOpen
		}
		if st.Status != want {
			t.Fatalf("step %s is %s, the model says %s", st.Step.ID, st.Status, want)
		}
	}
}

// noPersonChecksOwnWork reads the history alone: nobody who worked in a step verified it, before or after.
func noPersonChecksOwnWork(t *rapid.T, history []Event) {
	worked, verified := map[string]bool{}, map[string]bool{}
	for _, e := range history {
		switch e.Kind {
		case EventRecorded, EventCorrected, EventPerformed:
			worked[e.Step+" "+e.Person] = true
		case EventVerified:
			verified[e.Step+" "+e.Person] = true
		}
	}
	for who := range verified {
		if worked[who] {
			t.Fatalf("step and person %s: worked and verified", who)
		}
	}
}

// orderHolds reads the history alone: a step is performed only when the one before was, and after a critical one only when it was
// verified after its last correction.
func orderHolds(t *rapid.T, history []Event) {
	steps := small().Steps()
	place := map[string]int{}
	for i, p := range steps {
		place[p.Step.ID] = i
	}
	stands := make([]EventKind, len(steps))
	for _, e := range history {
		i, ok := place[e.Step]
		switch e.Kind {
		case EventCorrected:
			stands[i] = ""
		case EventPerformed, EventRecorded, EventVerified:
			for j := 0; ok && j < i; j++ {
				if stands[j] == "" || steps[j].Step.Critical && stands[j] != EventVerified {
					t.Fatalf("event %d: %s %s before step %s was complete", e.Ord, e.Kind, e.Step, steps[j].Step.ID)
				}
			}
			if e.Kind != EventRecorded {
				stands[i] = e.Kind
			}
		}
	}
}
