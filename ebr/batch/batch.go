// Package batch owns orders and batches at work: it keeps the history of each batch, asks the interpreter before every act, and has acts
// signed. It judges nothing itself (recipes/procedure does), prints nothing (ebr/report) and knows no browser.
// Start reading at Batch, then act in act.go, then the commands: orders.go, steps.go, holds.go.
//
// The home stream of every act is batch/<id>, so PostgreSQL lets one act at a time touch a batch, and what is loaded inside the
// transaction is what stands. Times are in time.Local, which the program sets to the zone of the site.
package batch

import (
	"context"
	"time"

	"veribatch/audit"
	"veribatch/recipes"
	"veribatch/recipes/procedure"
	"veribatch/signatures"
)

// Batch is one order, the record issued for it, and everything that happened (21 CFR 211.188).
type Batch struct {
	ID          string
	Number      string // "B-2026-000001": the batch or control number, gap-free per year, given with the order
	OrderNumber string
	Version     int    // version of the record row: it advances with every act
	Area        string // to which it belongs for ever: that of its recipe
	Digest      string // hex SHA-256 of the recipe text: pinned when the record was issued, before that the ordered version's

	Master recipes.Version // the version of the recipe that was ordered; who did what in its life is read by recipes.Find
	Recipe *recipes.Recipe // what the text under Digest says; shared, never changed
	State  *procedure.State

	OrderedAt, IssuedAt, StartedAt, EndedAt time.Time // zero for what has not happened

	People     map[string]Person               // everybody in the history, by id
	Signatures map[string]signatures.Signature // by id, as events name them; only Load fills it

	steps    int
	concerns []string // what stands open beside the steps; only the completion asks
}

// Person is somebody who did something in a batch.
type Person struct{ ID, FullName, UserName string }

// Stream gives the stream of the trail in which the batch stands.
func (b *Batch) Stream() audit.Stream { return stream(b.ID) }

// History gives all events, oldest first.
func (b *Batch) History() []procedure.Event { return b.State.History }

// Signs tells whether performing the step is signed: critical steps and sign-offs are.
func Signs(step *procedure.Step) bool { return step.Critical || step.Kind == procedure.SignOff }

// Load gives a batch with its whole history and its signatures, for screens and reports.
func Load(ctx context.Context, q audit.Querier, id string) (*Batch, error) {
	b, err := load(ctx, q, id)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range b.History() {
		if e.Signature != "" {
			ids = append(ids, e.Signature)
		}
	}
	list, err := signatures.Read(ctx, q, ids...)
	b.Signatures = make(map[string]signatures.Signature, len(list))
	for _, s := range list {
		b.Signatures[s.ID] = s
	}
	return b, err
}

// Summary is one line in a list of batches.
type Summary struct {
	ID, Number, OrderNumber string
	RecipeVersion           string // id
	RecipeCode              string
	RecipeNumber            int
	Title, Product          string
	State                   procedure.BatchState
	Steps, Done             int
	OpenStep                string // id of the open step, "" when none
	OpenTitle               string // its title
	WaitsFor                string // for what or whom the batch waits: "second person", "assessment by QA"; "" when for the operator
	OrderedAt               time.Time
	IssuedAt, StartedAt     time.Time
	EndedAt                 time.Time
	ChangedAt               time.Time // of the last event
	ChangedBy               string    // printed name
	Area                    string

	digest string
}

// Filter selects batches for a list. Pages are fetched by key: After is the last line of the page before.
type Filter struct {
	Ended bool // complete and aborted batches, the last ended first; otherwise those at work, the newest order first
	After *Summary
	Limit int      // at most 500; 0 means 50
	Areas []string // of these areas only, as access.Grants.Areas gives them (WholeSite: all); none finds nothing
}

// waitsFor says for what or whom a batch waits, "" when for the operator at the open step.
func waitsFor(s *procedure.State) string {
	open := s.Open()
	switch {
	case s.Batch == procedure.Ordered:
		return "issuing of the record"
	case s.Batch == procedure.Idle:
		return "start"
	case s.Batch == procedure.Held:
		return waitsHeld(s)
	case s.Batch != procedure.Running:
		return ""
	case open == nil:
		return "completion"
	case open.Status == procedure.StepPerformed:
		return "second person"
	case open.Step.Kind == procedure.SignOff:
		return "signature by " + open.Step.Role
	}
	return ""
}

func waitsHeld(s *procedure.State) string {
	missing := map[string]bool{}
	for _, h := range s.OpenHolds() {
		for _, role := range h.Awaits() {
			missing[role] = true
		}
	}
	switch {
	case missing[procedure.Supervisor] && missing[procedure.QA]:
		return "assessment by a supervisor and QA"
	case missing[procedure.Supervisor]:
		return "assessment by a supervisor"
	case missing[procedure.QA]:
		return "assessment by QA"
	}
	return "resuming"
}
