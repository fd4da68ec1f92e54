package web

import (
	"encoding/json"
	"time"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/ebr/quality"
	"veribatch/recipes/procedure"
)

// judged adds what the quality unit judges beside the work: incidents, and how far the trail is reviewed.
func (d *dossier) judged(view *BatchView) (err error) {
	if view.Incidents, err = d.incidents(); err != nil || d.IssuedAt.IsZero() {
		return err
	}
	all, err := quality.StatusOf(d.v.ctx, d.v, d.ID)
	view.Trailed = d.v.reviewState(d.ID, all[d.ID])
	return err
}

// reviewState says how far a trail is reviewed: colour only when a review was overtaken.
func (v *visit) reviewState(batch string, s quality.Status) *ReviewState {
	state := &ReviewState{Words: s.Text().In(v.language()), Level: "waiting"}
	switch {
	case s.Done():
		state.Level = "done"
	case s.To > 0:
		state.Level = "alert"
	}
	if v.may("trail.read") {
		state.Href = "/batches/" + batch + "/review"
	}
	return state
}

// judgeLines adds open incidents to all lines of a list, and to those of finished batches how far their trails are reviewed.
func (v *visit) judgeLines(lines []BatchLine, batches []batch.Summary) error {
	var all, ended []string
	for _, b := range batches {
		all = append(all, b.ID)
		if (b.State == procedure.Complete || b.State == procedure.Aborted) && !b.IssuedAt.IsZero() {
			ended = append(ended, b.ID)
		}
	}
	open, err := quality.OpenOf(v.ctx, v, all)
	if err != nil {
		return err
	}
	states, err := quality.StatusOf(v.ctx, v, ended...)
	for i, b := range batches {
		lines[i].Incidents = open[b.ID]
		s, known := states[b.ID]
		if !known {
			continue
		}
		lines[i].Review = v.reviewState(b.ID, s)
		if !s.Done() && v.grants.May("trail.review", b.Area) && lines[i].Next == nil {
			lines[i].Next = &Link{Href: "/batches/" + b.ID + "/review", Words: "Review the audit trail"}
		}
	}
	return err
}

func (s *server) showReview(v *visit) (View, error) {
	d, err := v.batch()
	if err != nil {
		return nil, err
	}
	reviews, err := quality.Reviews(v.ctx, v, d.ID)
	if err != nil {
		return nil, err
	}
	all, err := quality.StatusOf(v.ctx, v, d.ID)
	if err != nil {
		return nil, err
	}
	status := all[d.ID]
	view := &ReviewView{Page: v.frame(v.words("Review of %s", d.Number)), State: v.reviewState(d.ID, status), From: status.To + 1}
	view.State.Href = ""
	view.Context = d.context(0)
	var mine *quality.Review
	for _, r := range reviews {
		if r.SignedAt.IsZero() {
			if r.Reviewer == v.who.Person {
				mine = &r
			}
			continue
		}
		view.Reviews = append(view.Reviews, ReviewLine{From: r.From, To: r.To, Hash: r.LastHash, Others: r.Others, By: r.Name, At: r.SignedAt, Took: r.Took().String(), Quick: r.Quick(), Remarks: r.Remarks})
	}
	if err := v.reviewActs(view, d, status, mine); err != nil {
		return nil, err
	}
	return view, v.reviewEntries(view, d, status)
}

// reviewActs offers what this person may do: open a review, or sign the one that is open.
func (v *visit) reviewActs(view *ReviewView, d *dossier, status quality.Status, mine *quality.Review) error {
	at := "/batches/" + d.ID + "/review"
	worked, err := quality.Worked(v.ctx, v, d.ID, v.who.Person)
	switch {
	case err != nil:
		return err
	case mine != nil:
		view.Opened = mine.OpenedAt
		view.Sign = v.offer(!worked, "trail.review", Form{ID: "review", Action: at + "s/" + mine.ID, Signed: true})
	case !status.Done() && !d.IssuedAt.IsZero():
		view.Begin = v.offer(!worked, "trail.begin_review", Form{ID: "begin", Action: at + "/begin"})
	}
	if worked && v.may("trail.review") {
		view.Waits = v.words("You worked in this batch, so another person reviews its trail.")
	}
	return nil
}

// mostEntries bounds a page; a batch has a few hundred entries.
const mostEntries = 5000

// overlap is longer than any change takes: an entry of another stream that was written while the last review was signed is shown again.
const overlap = time.Minute

// reviewEntries reads what no review covers: the entries that matter first, then all others.
func (v *visit) reviewEntries(view *ReviewView, d *dossier, status quality.Status) error {
	f := audit.Filter{Subject: d.Stream(), Oldest: true, Limit: 500}
	if status.To > 0 {
		f.From = status.At.Add(-overlap)
	}
	for view.Entries < mostEntries {
		rows, err := audit.History(v.ctx, v, f)
		if err != nil {
			return err
		}
		entries, err := v.entriesOf(rows)
		if err != nil {
			return err
		}
		for i, r := range rows {
			f.After = r.Cursor()
			if r.Stream == d.Stream() && r.Seq <= status.To {
				continue
			}
			view.Entries++
			if why := quality.Matters(r.Entry); why != "" {
				view.Matters = append(view.Matters, Matter{Why: v.words(why), TrailEntry: entries[i]})
			} else {
				view.Others = append(view.Others, entries[i])
			}
		}
		if len(rows) < f.Limit {
			return nil
		}
	}
	view.More = true
	return nil
}

// onReview says where a trail is reviewed.
func (s *server) onReview() place {
	return place{page: s.showReview, read: "trail.read", next: func(v *visit, _ json.RawMessage) string { return "/batches/" + v.c.Param("batch") + "/review" }}
}
