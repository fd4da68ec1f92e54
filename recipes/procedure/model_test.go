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

// model is the contract written a second time, on its own and as simply as possible: numbers are integers of hundredths, a history is
// a few flags. It shares no code with the interpreter and predicts for every command whether it is allowed and what follows.
type model struct {
	state   string
	steps   []mstep
	causes  []map[string]string // open holds by a reading: role → person
	created bool
	started time.Time
}

type mstep struct {
	id                  string
	critical            bool
	role                string
	values              []mvalue
	performed, verified bool
	workers, verifiers  map[string]bool
}

type mvalue struct {
	id       string
	readings map[string]string // typed → "ok", "alert" or "action"; anything else is refused
	last     string            // judgement of the last reading, "" for none
	comment  bool
}

// readings to choose from; the limits of the procedure in plant_test.go are restated here by example.
func newModel() *model {
	step := func(id string, critical bool, role string, values ...mvalue) mstep {
		return mstep{id: id, critical: critical, role: role, values: values, workers: map[string]bool{}, verifiers: map[string]bool{}}
	}
	return &model{state: "ordered", steps: []mstep{
		step("010", false, ""),
		step("020", false, "",
			mvalue{id: "lod", readings: map[string]string{"2.0": "ok", "2.40": "ok", "1.99": "alert", "2.41": "alert", "1.8": "alert", "1.79": "action", "2.61": "action"}},
			mvalue{id: "look", readings: map[string]string{"white": "ok", "LOT-2": "ok", "99999,5": "ok"}}),
		step("030", true, "",
			mvalue{id: "lot", readings: map[string]string{"LOT-1": "ok"}},
			mvalue{id: "mass", readings: map[string]string{"9.5": "ok", "10.5": "ok", "9.4": "action", "10.6": "action"}},
			mvalue{id: "clear", readings: map[string]string{"yes": "ok", "no": "action"}}),
		step("040", false, "supervisor"),
		step("050", false, "",
			mvalue{id: "end", readings: map[string]string{"2026-11-20 08:00": "ok"}},
			mvalue{id: "colour", readings: map[string]string{"white": "ok", "off-white": "ok"}}),
	}}
}

func (s *mstep) complete() bool { return s.performed && (!s.critical || s.verified) }

// open gives the place of the first step that is not complete; len(steps) when all are.
func (m *model) open() int {
	for i := range m.steps {
		if !m.steps[i].complete() {
			return i
		}
	}
	return len(m.steps)
}

func (m *model) find(step, value string) (int, int) {
	for i := range m.steps {
		if m.steps[i].id == step {
			for j := range m.steps[i].values {
				if m.steps[i].values[j].id == value {
					return i, j
				}
			}
			return i, -1
		}
	}
	return -1, -1
}

// play tells whether a command is allowed, and plays it when it is.
func (m *model) play(e Event) bool {
	reason := e.Reason != ""
	if !e.PerformedAt.IsZero() {
		ago := e.EnteredAt.Sub(e.PerformedAt)
		onStep := e.Kind == "recorded" || e.Kind == "corrected" || e.Kind == "performed"
		if !onStep || ago < -time.Minute || ago > 5*time.Minute && !reason || e.PerformedAt.Before(m.started) {
			return false
		}
	}
	switch e.Kind {
	case "created":
		ok := m.state == "ordered" && !m.created
		m.created = m.created || ok
		return ok
	case "issued":
		m.created = m.created || m.state == "ordered"
		return m.move("ordered", "idle")
	case "started":
		if m.state == "idle" {
			m.started = e.EnteredAt
		}
		return m.move("idle", "running")
	case "held":
		return reason && m.move("running", "held")
	case "hold_assessed":
		return reason && m.assess(e)
	case "resumed":
		for _, c := range m.causes {
			if len(c) < 2 {
				return false
			}
		}
		if ok := reason && m.move("held", "running"); ok {
			m.causes = nil
			return true
		}
		return false
	case "aborted":
		return reason && (m.move("idle", "aborted") || m.move("running", "aborted") || m.move("held", "aborted"))
	case "completed":
		return m.open() == len(m.steps) && m.move("running", "complete")
	}
	return m.playStep(e, reason)
}

func (m *model) move(from, to string) bool {
	if m.state != from {
		return false
	}
	m.state = to
	return true
}

func (m *model) assess(e Event) bool {
	if m.state != "held" || e.Role != "supervisor" && e.Role != "qa" {
		return false
	}
	used := false
	for _, c := range m.causes {
		if c["supervisor"] == e.Person || c["qa"] == e.Person || c[e.Role] != "" {
			continue
		}
		c[e.Role] = e.Person
		used = true
	}
	return used
}

func (m *model) playStep(e Event, reason bool) bool {
	i, j := m.find(e.Step, e.Value)
	if e.Kind == "commented" {
		if !reason || m.state == "complete" || m.state == "aborted" || i < 0 && e.Step+e.Value != "" || j < 0 && e.Value != "" {
			return false
		}
		m.created = true // some event has happened
		if j >= 0 {
			m.steps[i].values[j].comment = true
		}
		return true
	}
	if i < 0 || m.state != "running" && !(m.state == "held" && e.Kind == "corrected") {
		return false
	}
	s := &m.steps[i]
	if s.verifiers[e.Person] && e.Kind != "verified" {
		return false
	}
	switch e.Kind {
	case "recorded":
		if j < 0 || i != m.open() || s.performed || s.values[j].last != "" && !reason {
			return false
		}
		for _, v := range s.values[:j] {
			if v.last == "" {
				return false
			}
		}
		return m.read(s, j, e)
	case "corrected":
		if j < 0 || i > m.open() || s.values[j].last == "" || !reason || !m.read(s, j, e) {
			return false
		}
		s.performed, s.verified = false, false
		return true
	case "performed":
		for _, v := range s.values {
			if v.last == "" || v.last == "alert" && !v.comment {
				return false
			}
		}
		if i != m.open() || s.performed || e.Value != "" && j < 0 || s.role != "" && s.role != e.Role {
			return false
		}
		s.performed, s.workers[e.Person] = true, true
		return true
	case "verified":
		if !s.critical || !s.performed || s.verified || i != m.open() || s.workers[e.Person] || e.Value != "" && j < 0 {
			return false
		}
		s.verified, s.verifiers[e.Person] = true, true
		return true
	}
	return false
}

func (m *model) read(s *mstep, j int, e Event) bool {
	v := &s.values[j]
	judgement, ok := v.readings[e.Raw]
	if !ok {
		return false
	}
	v.last, v.comment, s.workers[e.Person] = judgement, false, true
	if judgement == "action" {
		m.state = "held"
		m.causes = append(m.causes, map[string]string{})
	}
	return true
}

// likely gives a command that brings the batch on, so that sequences reach the end and not only refusals.
func (m *model) likely(t *rapid.T, e Event) Event {
	e.Reason, e.PerformedAt, e.Step, e.Value = "because", time.Time{}, "", ""
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
