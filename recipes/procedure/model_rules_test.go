package procedure

import "time"

// model is the contract written a second time, on its own and as simply as possible: numbers are integers of hundredths, a history is
// a few flags. It shares no code with the interpreter and predicts for every command whether it is allowed and what follows.
type model struct {
	state   string
	steps   []mstep
	causes  []mcause // open holds by a reading
	created bool
	started time.Time
}

type mcause struct {
	by      map[string]string // role → person
	workers map[string]bool   // of the step
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
	count    int // readings so far
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
		if !onStep || ago < -time.Minute || ago > 5*time.Minute && e.LateReason == "" || e.PerformedAt.Before(m.started) {
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
			if len(c.by) < 2 {
				return false
			}
		}
		if ok := reason && m.move("held", "running"); ok {
			m.causes = nil
			return true
		}
		return false
	case "aborted":
		return reason && (m.move("ordered", "aborted") || m.move("idle", "aborted") || m.move("running", "aborted") || m.move("held", "aborted"))
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
		if c.by["supervisor"] == e.Person || c.by["qa"] == e.Person || c.by[e.Role] != "" || c.workers[e.Person] {
			continue
		}
		c.by[e.Role] = e.Person
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
		if j >= 0 && e.Seen != m.steps[i].values[j].count {
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
		if j < 0 || i != m.open() || s.performed || s.values[j].last != "" && !reason || s.values[j].last == "alert" && !s.values[j].comment || s.values[j].count != e.Seen {
			return false
		}
		for _, v := range s.values[:j] {
			if v.last == "" {
				return false
			}
		}
		return m.read(s, j, e)
	case "corrected":
		if j < 0 || i > m.open() || s.values[j].last == "" || !reason || s.values[j].count != e.Seen || !m.read(s, j, e) {
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
		if !s.critical && s.role == "" && e.Seen != m.count(e.Step, e.Value) {
			return false
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

// count gives how many readings a value has, or a whole step.
func (m *model) count(step, value string) (n int) {
	i, j := m.find(step, value)
	for k := range m.steps {
		for l, v := range m.steps[k].values {
			if k == i && (j < 0 || l == j) {
				n += v.count
			}
		}
	}
	return n
}

func (m *model) read(s *mstep, j int, e Event) bool {
	v := &s.values[j]
	judgement, ok := v.readings[e.Raw]
	if !ok {
		return false
	}
	v.last, v.comment, s.workers[e.Person] = judgement, false, true
	v.count++
	if judgement == "action" {
		m.state = "held"
		m.causes = append(m.causes, mcause{map[string]string{}, s.workers})
	}
	return true
}
