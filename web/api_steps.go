package web

import (
	"veribatch/ebr/batch"
	"veribatch/internal/fault"
	"veribatch/recipes/formula"
	"veribatch/recipes/procedure"
)

// execution is where a batch stands, for a program that works in it.
type execution struct {
	Batch    string               `json:"batch" doc:"id"`
	Number   string               `json:"number"`
	State    procedure.BatchState `json:"state"`
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
	Kind     string               `json:"kind"`
	Critical bool                 `json:"critical" doc:"a second person verifies"`
	Signed   bool                 `json:"signed" doc:"step.perform is signed"`
	Role     string               `json:"role,omitempty" doc:"of a sign-off: who signs"`
	Meaning  string               `json:"meaning,omitempty"`
	Status   procedure.StepStatus `json:"status"`
	Seen     int                  `json:"seen" doc:"readings of the step so far: send it with step.perform"`
	Acts     []string             `json:"acts" doc:"what you may do here now"`
	Values   []valueNow           `json:"values"`
}

// valueNow is one value as it stands.
type valueNow struct {
	Value     string            `json:"value" doc:"id"`
	Title     string            `json:"title"`
	Kind      string            `json:"kind"`
	Unit      string            `json:"unit"`
	Decimals  int               `json:"decimals" doc:"most digits after the separator"`
	Alert     string            `json:"alert"`
	Action    string            `json:"action"`
	Expect    string            `json:"expect"`
	Options   []string          `json:"options"`
	Seen      int               `json:"seen" doc:"readings so far: send it with step.record, step.correct and step.comment"`
	Reading   string            `json:"reading,omitempty" doc:"the last one, which counts"`
	Judgement formula.Judgement `json:"judgement,omitempty"`
	Comment   bool              `json:"needs_comment" doc:"the last reading has to be explained before anything else"`
}

func apiSteps(v *visit, _ ofBatch) (answer execution, err error) {
	d, err := v.batch()
	if err != nil {
		return answer, err
	}
	answer = execution{Batch: d.ID, Number: d.Number, State: d.State.Batch, Acts: d.acts("")}
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
