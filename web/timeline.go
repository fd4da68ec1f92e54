package web

import (
	"net/url"
	"regexp"
	"strconv"
	"time"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/plaintext"
)

// TimelineView is what happened to one value, the oldest first.
type TimelineView struct {
	Page
	Of       []Line // what it is
	Moments  []ValueMoment
	Searched int64  // number of the entry up to which a page looked that goes on; 0 otherwise
	Later    string // address of the next page; "" at the end
	Trail    string // address of the entries of the record
}

func (*TimelineView) template() string { return "trail/value" }

// ValueMoment is one change of the value with the entry that made it.
type ValueMoment struct {
	TrailEntry
	Before, After string
	Created       bool   // it had no value before
	Href          string // the entry in the trail
}

// askValue names the value: a field of one record, or the value of a step of a batch, with all its readings.
type askValue struct {
	Stream string `query:"stream" doc:"stream of the record" example:"batch/01938f0e-5a52-7b6c-8d3e-4f5a6b7c8d9e"`
	Table  string `query:"table" doc:"table of the record, as its changes name it; with id and field, instead of step and value" example:"ebr.batches"`
	ID     string `query:"id" doc:"id of the record, as its changes name it"`
	Field  string `query:"field" doc:"name of the field" example:"state"`
	Step   string `query:"step" doc:"id of the step; with value, instead of table, id and field" example:"040"`
	Value  string `query:"value" doc:"name of the value in the recipe" example:"net_weight"`
	After  string `query:"after" doc:"continue behind this entry of the stream: it stands in next of the page before"`
}

// readings are the values of steps: each reading is a record of its own, and a correction names the one that it replaces.
const readings, replaced = "ebr.batch_history", "supersedes"

var recordName = regexp.MustCompile(`^[a-z_]{1,63}$`)

// valueAsked reads which value is meant; a stream that the person may not see is answered as one that is not there.
func (v *visit) valueAsked(q askValue) (of audit.Value, err error) {
	if of.Home, err = v.streamAsked(q.Stream); err != nil {
		return of, err
	}
	for _, f := range []struct {
		field string
		text  *string
	}{{"table", &q.Table}, {"id", &q.ID}, {"field", &q.Field}, {"step", &q.Step}, {"value", &q.Value}} {
		if *f.text, err = plaintext.Clean(f.field, *f.text, maxSearch); err != nil {
			return of, err
		}
	}
	if q.After != "" {
		if of.After, err = countAsked("after", q.After); err != nil {
			return of, err
		}
	}
	switch {
	case q.Step != "" && q.Value != "" && q.Table+q.ID+q.Field == "":
		of.Table, of.Field, of.Replaces, of.Same = readings, "reading", replaced, map[string]string{"step": q.Step, "value": q.Value}
	case q.Step+q.Value != "":
		err = fault.At("step", "Name a step and its value, or a table, an id and a field.")
	case tableNames[q.Table] == "" && !tableName.MatchString(q.Table):
		err = fault.At("table", "There is no such record. Take table, id and field from an entry of the audit trail.")
	case q.ID == "":
		err = fault.At("id", "Which record? Take table, id and field from an entry of the audit trail.")
	case !recordName.MatchString(q.Field):
		err = fault.At("field", "Which field? Take table, id and field from an entry of the audit trail.")
	default:
		of.Table, of.ID, of.Field = q.Table, q.ID, q.Field
	}
	return of, err
}

var tableName = regexp.MustCompile(`^[a-z]{1,20}\.[a-z_]{1,63}$`)

func (s *server) showTimeline(v *visit) (View, error) {
	var q askValue
	if err := v.readQuery(&q); err != nil {
		return nil, err
	}
	of, err := v.valueAsked(q)
	if err != nil {
		return nil, err
	}
	found, err := audit.Follow(v.ctx, v, of)
	if err != nil {
		return nil, err
	}
	view := &TimelineView{Page: v.frame(v.words("Timeline of a value")), Trail: "/trail?" + url.Values{"batch": {string(of.Home)}}.Encode()}
	rows := make([]audit.Row, len(found.Moments))
	for i, m := range found.Moments {
		rows[i] = m.Row
	}
	entries, err := v.entriesOf(rows)
	if err != nil {
		return nil, err
	}
	for i, m := range found.Moments {
		view.Moments = append(view.Moments, ValueMoment{entries[i], textOf(m.Before), textOf(m.Since), m.Created, entryAddress(m.Row)})
	}
	view.Of = v.valueWords(q, of)
	if found.More {
		view.Searched, view.Later = found.End, v.page("after", strconv.FormatInt(found.End, 10))
	}
	return view, nil
}

func (v *visit) valueWords(q askValue, of audit.Value) []Line {
	lines := []Line{{v.words("Stream"), string(of.Home)}}
	if of.ID == "" {
		return append(lines, Line{v.words("Step"), q.Step}, Line{v.words("Value"), q.Value})
	}
	name := of.Table
	if word := tableNames[of.Table]; word != "" {
		name = v.words(string(word))
	}
	return append(lines, Line{v.words("Which record"), name + " " + of.ID}, Line{v.words("Field"), of.Field})
}

// entryAddress is the page of the trail of a record that begins with an entry.
func entryAddress(r audit.Row) string {
	place := r.Cursor()
	place.Seq++
	return "/trail?" + url.Values{"batch": {string(r.Stream)}, "after": {cursorText(place)}}.Encode()
}

// timelineOf is the address of the timeline of a field, "" for a counter, which moves in the streams of many records.
func timelineOf(home audit.Stream, table, id, field string) string {
	if table == "ebr.counters" {
		return ""
	}
	return "/trail/value?" + url.Values{"stream": {string(home)}, "table": {table}, "id": {id}, "field": {field}}.Encode()
}

// timelineOfReading is the address of the timeline of a value of a step.
func timelineOfReading(home audit.Stream, step, value string) string {
	return "/trail/value?" + url.Values{"stream": {string(home)}, "step": {step}, "value": {value}}.Encode()
}

type valueAnswer struct {
	Moments []valueMoment `json:"moments" doc:"each change of the value, the oldest first"`
	Next    string        `json:"next,omitempty" doc:"address of the next page, with later entries; absent on the last one. A page may hold no moment when few entries touch the value"`
}

type valueMoment struct {
	Seq     int64     `json:"seq" doc:"number of the entry in the stream"`
	Time    time.Time `json:"time"`
	Person  string    `json:"person" doc:"printed name"`
	Act     string    `json:"act"`
	Reason  string    `json:"reason" doc:"empty where none was asked for"`
	Record  string    `json:"record" doc:"id of the record; each reading of a step is a record of its own"`
	Created bool      `json:"created" doc:"whether there was no value before"`
	Before  *string   `json:"before" doc:"null where there was none"`
	After   *string   `json:"after" doc:"null where there is none any more"`
	Hash    string    `json:"hash" doc:"SHA-256 of the entry, hex"`
}

func apiTimeline(v *visit, q askValue) (answer valueAnswer, err error) {
	of, err := v.valueAsked(q)
	if err != nil {
		return answer, err
	}
	found, err := audit.Follow(v.ctx, v, of)
	if err != nil {
		return answer, err
	}
	for _, m := range found.Moments {
		line := trailLineOf(m.Row)
		answer.Moments = append(answer.Moments, valueMoment{line.Seq, line.Time, line.Person, line.Act, m.Reason, m.Record, m.Created, m.Before, m.Since, line.Hash})
	}
	if found.More {
		answer.Next = v.page("after", strconv.FormatInt(found.End, 10))
	}
	return answer, nil
}
