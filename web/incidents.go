package web

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"veribatch/ebr/quality"
	"veribatch/internal/fault"
)

// incidentPage is how many incidents one page shows.
const incidentPage = 25

func (s *server) showIncidents(v *visit) (View, error) {
	after, err := incidentCursor(v.c.QueryParam("after"))
	if err != nil {
		return nil, err
	}
	list, err := quality.List(v.ctx, v, v.grants.Areas("incident.read"), after, incidentPage+1)
	if err != nil {
		return nil, err
	}
	view := &IncidentsView{Page: v.frame(v.words("Incidents"))}
	if len(list) > incidentPage {
		list = list[:incidentPage]
		view.Older = "/incidents?" + url.Values{"after": {cursorOf(list[incidentPage-1])}}.Encode()
	}
	for _, r := range list {
		view.Incidents = append(view.Incidents, v.incidentLine(r))
	}
	return view, nil
}

func incidentCursor(text string) (*quality.Record, error) {
	if text == "" {
		return nil, nil
	}
	state, rest, _ := strings.Cut(text, " ")
	at, id, _ := strings.Cut(rest, " ")
	when, err := time.Parse(time.RFC3339Nano, at)
	if err != nil || uuid.Validate(id) != nil {
		return nil, fault.New(fault.Missing, "There is no such page of incidents. Go back to the first page.")
	}
	last := &quality.Record{ID: id, OpenedAt: when}
	if state != "open" {
		last.ClosedAt = when
	}
	return last, nil
}

// incidentLine gives one incident for a list.
func (v *visit) incidentLine(r quality.Record) IncidentLine {
	return IncidentLine{
		Href: "/incidents/" + r.ID, Number: r.Number, Kind: v.words(r.Kind.Words()), Summary: r.Summary, State: r.State(), At: r.FirstAt, Last: r.LastAt,
		Times: r.Occurrences, Batches: r.Batches, Judged: r.Judged,
	}
}

func (s *server) showIncident(v *visit) (View, error) {
	r, err := quality.Find(v.ctx, v, v.grants.Areas("incident.read"), v.c.Param("incident"))
	if err != nil {
		return nil, err
	}
	view := &IncidentView{Page: v.frame(r.Number), Incident: v.incidentLine(r)}
	stamp := func(t time.Time) string { return t.In(s.Zone).Format("2006-01-02 15:04:05 -07:00") }
	view.Header = []Line{
		{v.words("Kind"), view.Incident.Kind}, {v.words("Occurrences"), strconv.FormatInt(r.Occurrences, 10)},
		{v.words("First"), stamp(r.FirstAt)}, {v.words("Last"), stamp(r.LastAt)}, {v.words("Written"), stamp(r.OpenedAt)},
	}
	for _, ref := range []Line{{v.words("First reference"), r.FirstReference}, {v.words("Last reference"), r.LastReference}} {
		if ref.Value != "" {
			view.Header = append(view.Header, ref)
		}
	}
	view.Header = append(view.Header, Line{v.words("What failed"), r.Summary})
	var touched []string
	for _, l := range r.Links {
		touched = append(touched, l.Batch)
	}
	own, err := quality.WorkedIn(v.ctx, v, v.who.Person, touched...)
	if err != nil {
		return nil, err
	}
	for _, l := range r.Links {
		view.Batches = append(view.Batches, v.incidentBatch(r, l, slices.Contains(own, l.Batch)))
	}
	if r.Open() {
		view.Close = v.offer(r.Judged == r.Batches, "incident.close", Form{ID: "close", Action: "/incidents/" + r.ID + "/close", Signed: true})
		if view.Close == nil {
			view.Waits = v.words("Quality assurance closes the incident when its effect on every batch is judged.")
		}
		return view, nil
	}
	view.Cause, view.Action = r.RootCause, r.Action
	view.Closed = &Signed{Meaning: "closed", Name: r.ClosedBy, At: r.ClosedAt}
	return view, nil
}

func (v *visit) incidentBatch(r quality.Record, l quality.Link, own bool) IncidentBatch {
	b := IncidentBatch{Href: "/batches/" + l.Batch, Number: l.Number, Linked: l.LinkedAt, JudgementLine: judgementLine(l.Judgement, ""), Former: v.formerJudgements(l)}
	judges := r.Open() && v.grants.May("incident.assess", l.Area)
	if judges && own {
		b.Waits = v.words("You worked in this batch, so another person judges it.")
	}
	at := "/incidents/" + r.ID + "/batches/" + l.Batch
	b.Assess = v.offer(judges && !own && l.Disposition == "", "incident.assess", Form{ID: "assess-" + l.Number, Action: at + "/assess", Seen: l.Version})
	b.Reassess = v.offer(judges && !own && l.Disposition != "", "incident.reassess", Form{ID: "reassess-" + l.Number, Action: at + "/reassess", Seen: l.Version, Signed: true})
	return b
}

func judgementLine(j quality.Judgement, ended string) JudgementLine {
	return JudgementLine{Disposition: string(j.Disposition), Reason: j.Reason, By: j.AssessedBy, At: j.AssessedAt, Because: j.ChangedBecause, Ended: ended}
}

// formerJudgements gives what was judged before, oldest first.
func (v *visit) formerJudgements(l quality.Link) (former []JudgementLine) {
	for _, f := range l.Former {
		ended := v.words("replaced")
		if f.Void {
			ended = v.words("void: the incident struck the batch again")
		}
		former = append(former, judgementLine(f.Judgement, ended+", "+f.EndedAt.In(v.s.Zone).Format("2006-01-02 15:04:05 -07:00")))
	}
	return former
}

// onIncident says where an incident is judged and closed. Who closes it reads what was judged in every area.
func (s *server) onIncident(read string) place {
	return place{page: s.showIncident, read: read, next: func(v *visit, _ json.RawMessage) string { return "/incidents/" + v.c.Param("incident") }}
}

// incidents gives the incidents that may have touched a batch, for its overview.
func (d *dossier) incidents() (list []BatchIncident, err error) {
	records, err := quality.OfBatch(d.v.ctx, d.v, d.ID)
	for _, r := range records {
		of := BatchIncident{IncidentLine: d.v.incidentLine(r), JudgementLine: judgementLine(r.Links[0].Judgement, ""), Former: d.v.formerJudgements(r.Links[0])}
		if !d.v.may("incident.read") {
			of.Href = ""
		}
		list = append(list, of)
	}
	return list, err
}

// ofIncident names an incident in the address.
type ofIncident struct {
	Incident string `path:"incident" doc:"id of the incident"`
}

// incidentList is one page of incidents, the open ones first.
type incidentList struct {
	Incidents []quality.Record `json:"incidents"`
	Next      string           `json:"next,omitempty" doc:"address of the next page; absent on the last one"`
}

func apiIncidents(v *visit, q pageOf) (list incidentList, err error) {
	limit, err := pageSize(q.Limit)
	if err != nil {
		return list, err
	}
	after, err := incidentCursor(q.After)
	if err != nil {
		return list, fault.At("after", "%s", fault.As(err))
	}
	list.Incidents, err = quality.List(v.ctx, v, v.grants.Areas("incident.read"), after, limit+1)
	if len(list.Incidents) > limit {
		list.Incidents = list.Incidents[:limit]
		list.Next = v.next(cursorOf(list.Incidents[limit-1]))
	}
	return list, err
}

func apiIncident(v *visit, q ofIncident) (quality.Record, error) {
	return quality.Find(v.ctx, v, v.grants.Areas("incident.read"), q.Incident)
}

func cursorOf(last quality.Record) string {
	return last.State() + " " + last.OpenedAt.UTC().Format(time.RFC3339Nano) + " " + last.ID
}
