package web

import (
	"time"

	"veribatch/ebr/batch"
	"veribatch/internal/fault"
	"veribatch/recipes/formula"
	"veribatch/recipes/procedure"
)

// execution is where a batch stands, for a program that works in it.
type execution struct {
	Batch    string               `json:"batch" doc:"id"`
	Number   string               `json:"number"`
	Area     string               `json:"area" doc:"code of the area to which the batch belongs"`
	State    procedure.BatchState `json:"state" doc:"ordered, idle (issued, not begun), running, held, complete or aborted"`
	OpenStep string               `json:"open_step" doc:"the step that comes now; empty when none is open"`
	Acts     []string             `json:"acts" doc:"what you may do to the batch as a whole now"`
	Holds    []holdNow            `json:"open_holds"`
	Steps    []stepNow            `json:"steps"`
}

// holdNow is an open hold.
type holdNow struct {
	Reason string   `json:"reason"`
	Awaits []string `json:"awaits" doc:"roles whose assessment is missing"`
}

// stepNow is one step as it stands.
type stepNow struct {
	Step     string               `json:"step" doc:"id"`
	Number   int                  `json:"number"`
	Title    string               `json:"title"`
	Text     string               `json:"text" doc:"the instruction"`
	Kind     string               `json:"kind" doc:"instruction, entry or sign_off"`
	Critical bool                 `json:"critical" doc:"a second person verifies"`
	Signed   bool                 `json:"signed" doc:"step.perform is signed"`
	Role     string               `json:"role,omitempty" doc:"of a sign-off: who signs"`
	Meaning  string               `json:"meaning,omitempty"`
	Status   procedure.StepStatus `json:"status" doc:"waiting, open, awaiting verification or complete"`
	Seen     int                  `json:"seen" doc:"readings of the step so far: send it with step.perform"`
	Acts     []string             `json:"acts" doc:"what you may do here now"`
	Values   []valueNow           `json:"values"`
}

// valueNow is one value as it stands.
type valueNow struct {
	Value     string            `json:"value" doc:"id"`
	Title     string            `json:"title"`
	Kind      string            `json:"kind" doc:"decimal, text, choice, yes_no, date_time or scan"`
	Unit      string            `json:"unit"`
	Decimals  int               `json:"decimals" doc:"most digits after the separator"`
	Alert     string            `json:"alert" doc:"limits in words; outside them a comment is asked. Empty when there are none"`
	Action    string            `json:"action" doc:"limits in words; outside them the batch is held. Empty when there are none"`
	Expect    string            `json:"expect" doc:"the answer or code that is expected; another one holds the batch"`
	Options   []string          `json:"options" doc:"of a choice: one of them is the reading"`
	Seen      int               `json:"seen" doc:"readings so far: send it with step.record, step.correct and step.comment"`
	Reading   string            `json:"reading,omitempty" doc:"the last one, which counts"`
	Judgement formula.Judgement `json:"judgement,omitempty" doc:"of the last reading: none (no limits), in limits, alert or action"`
	Comment   bool              `json:"needs_comment" doc:"the last reading has to be explained before anything else"`
}

func apiSteps(v *visit, _ ofBatch) (answer execution, err error) {
	d, err := v.batch()
	if err != nil {
		return answer, err
	}
	answer = execution{Batch: d.ID, Number: d.Number, Area: d.Area, State: d.State.Batch, Acts: d.acts("")}
	if open := d.State.Open(); open != nil && d.running() {
		answer.OpenStep = open.Step.ID
	}
	for _, h := range d.State.OpenHolds() {
		answer.Holds = append(answer.Holds, holdNow{h.Event.Reason, h.Awaits()})
	}
	for i := range d.State.Steps {
		answer.Steps = append(answer.Steps, d.stepNow(&d.State.Steps[i]))
	}
	return answer, nil
}

type ofStep struct {
	Batch string `path:"batch" doc:"id of the batch"`
	Step  string `path:"step" doc:"id of the step, such as 040"`
}

func apiStep(v *visit, q ofStep) (stepNow, error) {
	d, err := v.batch()
	if err != nil {
		return stepNow{}, err
	}
	st := d.State.Step(q.Step)
	if st == nil {
		return stepNow{}, fault.New(fault.Missing, "This recipe has no such step. Open the step from the batch's page.")
	}
	return d.stepNow(st), nil
}

func (d *dossier) stepNow(st *procedure.StepState) stepNow {
	s := st.Step
	now := stepNow{
		Step: s.ID, Number: d.number(s.ID), Title: s.Title, Text: s.Text, Kind: string(s.Kind), Critical: s.Critical, Signed: batch.Signs(s), Role: s.Role, Meaning: s.Meaning,
		Status: st.Status, Seen: d.State.Readings(s.ID, ""), Acts: d.acts(s.ID),
	}
	for i := range st.Values {
		v := &st.Values[i]
		value := valueNow{
			Value: v.Value.ID, Title: v.Value.Title, Kind: string(v.Value.Kind), Unit: v.Value.Unit, Decimals: v.Value.Decimals, Alert: v.Value.Alert.Text(),
			Action: v.Value.Action.Text(), Expect: v.Value.Expect, Options: v.Value.Options, Seen: len(v.Attempts), Comment: v.NeedsComment(),
		}
		if last := v.Current(); last != nil {
			value.Reading, value.Judgement = last.Reading, last.Judgement
		}
		now.Values = append(now.Values, value)
	}
	return now
}

// holds are the causes for which a batch was held.
type holds struct {
	Batch  string               `json:"batch" doc:"id"`
	Number string               `json:"number"`
	State  procedure.BatchState `json:"state"`
	Acts   []string             `json:"acts" doc:"what you may do to the batch as a whole now"`
	Holds  []hold               `json:"holds" doc:"the oldest first, also those that have ended"`
}

type hold struct {
	Reason      string       `json:"reason"`
	Step        string       `json:"step,omitempty" doc:"id of the step whose reading caused it; absent when a person held the batch"`
	Value       string       `json:"value,omitempty" doc:"id of the value whose reading caused it"`
	By          string       `json:"by" doc:"printed name of who held the batch or made the entry that caused it"`
	At          time.Time    `json:"at"`
	Awaits      []string     `json:"awaits" doc:"roles whose assessment is missing"`
	Assessments []assessment `json:"assessments"`
	ResumedBy   string       `json:"resumed_by,omitempty"`
	ResumedAt   *time.Time   `json:"resumed_at,omitempty"`
}

type assessment struct {
	Role      string    `json:"role"`
	By        string    `json:"by" doc:"printed name"`
	At        time.Time `json:"at"`
	Reason    string    `json:"reason"`
	Signature string    `json:"signature" doc:"id"`
}

func apiHolds(v *visit, _ ofBatch) (answer holds, err error) {
	d, err := v.batch()
	if err != nil {
		return answer, err
	}
	answer = holds{Batch: d.ID, Number: d.Number, State: d.State.Batch, Acts: d.acts("")}
	for i := range d.State.Holds {
		h := &d.State.Holds[i]
		one := hold{Reason: h.Event.Reason, Step: h.Event.Step, Value: h.Event.Value, By: h.Event.PersonName, At: h.Event.EnteredAt, Awaits: h.Awaits()}
		for _, a := range h.Assessments {
			one.Assessments = append(one.Assessments, assessment{a.Role, a.PersonName, a.EnteredAt, a.Reason, a.Signature})
		}
		if h.Resumed != nil {
			one.ResumedBy, one.ResumedAt = h.Resumed.PersonName, &h.Resumed.EnteredAt
		}
		answer.Holds = append(answer.Holds, one)
	}
	return answer, nil
}
