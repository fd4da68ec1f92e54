package procedure

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"veribatch/internal/fault"
	"veribatch/internal/plaintext"
	"veribatch/recipes/formula"
)

// small is a procedure with every kind of step and value.
func small() *Procedure {
	limits := func(low, high string) *formula.Limits {
		l, h := formula.MustNumber(low), formula.MustNumber(high)
		return &formula.Limits{Low: &l, High: &h}
	}
	return &Procedure{Units: []UnitProcedure{
		{ID: "U1", Title: "Mixing", Operations: []Operation{
			{ID: "O1", Title: "Prepare", Steps: []Step{
				{ID: "010", Kind: Instruction, Title: "Read the instruction", Text: "Read it."},
				{ID: "020", Kind: Entry, Title: "Weigh", Values: []Value{
					{ID: "lod", Title: "Loss on drying", Kind: Decimal, Unit: "%", Decimals: 2, Alert: limits("2.0", "2.4"), Action: limits("1.8", "2.6")},
					{ID: "look", Title: "Appearance", Kind: Text},
				}},
			}},
			{ID: "O2", Title: "Charge", Steps: []Step{
				{ID: "030", Kind: Entry, Title: "Charge", Critical: true, Values: []Value{
					{ID: "lot", Title: "Container", Kind: Scan, Expect: "LOT-1"},
					{ID: "mass", Title: "Mass", Kind: Decimal, Unit: "kg", Decimals: 1, Action: limits("9.5", "10.5")},
					{ID: "clear", Title: "Is the line clear?", Kind: YesNo, Expect: Yes},
				}},
			}},
		}},
		{ID: "U2", Title: "End", Operations: []Operation{
			{ID: "O3", Title: "Close", Steps: []Step{
				{ID: "040", Kind: SignOff, Title: "Review", Role: Supervisor, Meaning: "reviewed"},
				{ID: "050", Kind: Entry, Title: "Discharge", Values: []Value{
					{ID: "end", Title: "End of mixing", Kind: DateTime},
					{ID: "colour", Title: "Colour", Kind: Choice, Options: []string{"white", "off-white"}},
				}},
			}},
		}},
	}}
}

// plant plays commands against the interpreter with a clock that goes on one minute per command.
type plant struct {
	t     *testing.T
	state *State
	now   time.Time
}

func newPlant(t *testing.T) *plant {
	return &plant{t, Start(small()), time.Date(2026, 11, 20, 8, 0, 0, 0, time.FixedZone("CET", 3600))}
}

// act is a command written as words: kind person step.value raw; more fields are set by with.
func act(kind EventKind, person, place, raw string, with ...func(*Event)) Event {
	step, value, _ := strings.Cut(place, ".")
	e := Event{Kind: kind, Person: person, PersonName: strings.ToUpper(person[:1]) + person[1:], Step: step, Value: value, Raw: raw}
	for _, w := range with {
		w(&e)
	}
	return e
}

func why(reason string) func(*Event) { return func(e *Event) { e.Reason = reason } }
func late(reason string) func(*Event) {
	return func(e *Event) { e.LateReason = reason }
}
func saw(n int) func(*Event)      { return func(e *Event) { e.Seen = n } }
func as(role string) func(*Event) { return func(e *Event) { e.Role = role } }
func claimed(ago time.Duration) func(*Event) {
	return func(e *Event) { e.PerformedAt = e.EnteredAt.Add(-ago) }
}

// try decides and applies a command.
func (p *plant) try(e Event, with ...func(*Event)) ([]Event, error) {
	p.now = p.now.Add(time.Minute)
	e.EnteredAt = p.now
	e.Seen = p.state.Readings(e.Step, e.Value)
	for _, w := range with {
		w(&e)
	}
	events, err := p.state.Decide(e)
	if err != nil {
		return nil, err
	}
	for i := range events {
		events[i].Ord = len(p.state.History) + 1
		events[i].ID = fmt.Sprintf("e%d", events[i].Ord)
		if f := p.state.Check(events[i]); f != nil {
			p.t.Fatalf("Decide gave %+v, Check says %v", events[i], f)
		}
		p.state.Apply(events[i])
	}
	return events, nil
}

// do plays commands that must be allowed.
func (p *plant) do(commands ...Event) *plant {
	p.t.Helper()
	for _, e := range commands {
		if _, err := p.try(e); err != nil {
			p.t.Fatalf("%s %s by %s: %v", e.Kind, e.Step+"."+e.Value, e.Person, err)
		}
	}
	return p
}

// refuse plays a command that must be refused, changing nothing.
func (p *plant) refuse(kind fault.Kind, says string, e Event, with ...func(*Event)) *plant {
	p.t.Helper()
	before := len(p.state.History)
	_, err := p.try(e, with...)
	if fault.KindOf(err) != kind || !strings.Contains(err.Error(), says) {
		p.t.Fatalf("%s %s by %s: got %q %v, want %q with %q", e.Kind, e.Step+"."+e.Value, e.Person, fault.KindOf(err), err, kind, says)
	}
	if _, at := plaintext.First(strings.ReplaceAll(fault.As(err).Message, "\n", " ")); at >= 0 || len(p.state.History) != before {
		p.t.Fatalf("the refusal %q changed the history or cannot be printed", err)
	}
	return p
}

// status checks the batch state and all step statuses in one line.
func (p *plant) status(want string) *plant {
	p.t.Helper()
	words := []string{string(p.state.Batch)}
	for _, st := range p.state.Steps {
		words = append(words, st.Step.ID+" "+string(st.Status))
	}
	if got := strings.Join(words, ", "); got != want {
		p.t.Fatalf("got  %s\nwant %s", got, want)
	}
	return p
}

// Histories up to well-known places.
var (
	issued  = []Event{act(EventCreated, "olga", "", ""), act(EventIssued, "quinn", "", "")}
	started = append(issued[:2:2], act(EventStarted, "anna", "", ""))
	at020   = append(started[:3:3], act(EventPerformed, "anna", "010", ""))
	full020 = append(at020[:4:4], act(EventRecorded, "anna", "020.lod", "2.20"), act(EventRecorded, "anna", "020.look", "white powder"))
	at030   = append(full020[:6:6], act(EventPerformed, "anna", "020", ""))
	full030 = append(at030[:7:7], act(EventRecorded, "anna", "030.lot", "LOT-1"), act(EventRecorded, "anna", "030.mass", "10.0"), act(EventRecorded, "anna", "030.clear", "yes"))
	done030 = append(full030[:10:10], act(EventPerformed, "anna", "030", ""))
	at040   = append(done030[:11:11], act(EventVerified, "bo", "030", ""))
	at050   = append(at040[:12:12], act(EventPerformed, "sue", "040", "", as(Supervisor)))
	full050 = append(at050[:13:13], act(EventRecorded, "anna", "050.end", "2026-11-20 08:05"), act(EventRecorded, "anna", "050.colour", "white"))
	allDone = append(full050[:15:15], act(EventPerformed, "anna", "050", ""))
	held    = append(full020[:6:6], act(EventHeld, "sue", "", "", why("Power cut")))
	outside = append(at020[:4:4], act(EventRecorded, "anna", "020.lod", "2.61"))
	closed  = append(allDone[:16:16], act(EventCompleted, "sue", "", ""))
	aborted = append(full020[:6:6], act(EventAborted, "sue", "", "", why("Vessel leaks")))
)
