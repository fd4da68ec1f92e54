package web

import (
	"encoding/json"
	"net/url"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/ebr/quality"
	"veribatch/internal/fault"
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

// reviewPage is how many entries one page of a review shows, unless the address says otherwise.
const reviewPage = 200

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
	view := &ReviewView{Page: v.frame(v.words("Review of %s", d.Number)), State: v.reviewState(d.ID, status), Kinds: quality.CriticalKinds}
	view.State.Href = ""
	view.Context = d.context(0)
	now := quality.NextReview(status)
	for _, r := range reviews {
		if r.SignedAt.IsZero() {
			if r.Reviewer == v.who.Person {
				now = r
			}
			continue
		}
		view.Reviews = append(view.Reviews, v.reviewLine(r))
	}
	view.From, view.Opened = now.From, now.OpenedAt
	n, err := quality.ReadingOf(v.ctx, v, d.ID, now)
	if err != nil {
		return nil, err
	}
	if err := v.reviewEntries(view, d, now, n); err != nil {
		return nil, err
	}
	return view, v.reviewActs(view, d, status, now, n)
}

func (v *visit) reviewLine(r quality.Review) ReviewLine {
	line := ReviewLine{From: r.From, To: r.To, First: r.FirstHash, Hash: r.LastHash, Others: r.Others, By: r.Name, At: r.SignedAt, Took: r.Took().String(), Quick: r.Quick(), Remarks: r.Remarks}
	if r.FirstHash != "" {
		line.Read = v.words("%d of %d entries opened", r.Opened, r.Listed)
	}
	return line
}

// reviewActs offers what this person may do: open a review, enter that a page was read, or sign the review that is open.
func (v *visit) reviewActs(view *ReviewView, d *dossier, status quality.Status, now quality.Review, n quality.Reading) error {
	at := "/batches/" + d.ID + "/review"
	worked, err := quality.Worked(v.ctx, v, d.ID, v.who.Person)
	switch {
	case err != nil:
		return err
	case now.ID != "":
		ready := n.OpenedOf(quality.Critical) == n.Count(quality.Critical)
		view.Sign = v.offer(!worked && ready, "trail.review", Form{ID: "review", Action: at + "s/" + now.ID, Signed: true})
		if !ready {
			view.Waits = v.words("Read the critical entries to the last page: then the review can be signed.")
		}
	case !status.Done() && !d.IssuedAt.IsZero():
		view.Begin = v.offer(!worked, "trail.begin_review", Form{ID: "begin", Action: at + "/begin"})
	}
	if worked && v.may("trail.review") {
		view.Waits, view.Read = v.words("You worked in this batch, so another person reviews its trail."), nil
	}
	return nil
}

// reviewEntries shows one page of what no review covers: of the critical entries while there are some that were not opened, else of all.
func (v *visit) reviewEntries(view *ReviewView, d *dossier, now quality.Review, n quality.Reading) error {
	view.Listed, view.OpenedOf = n.Count(quality.All), n.OpenedOf(quality.All)
	view.Criticals, view.CriticalsOpened = n.Count(quality.Critical), n.OpenedOf(quality.Critical)
	asked := askReviewPage{List: v.c.QueryParam("list"), pageOf: pageOf{After: v.c.QueryParam("after"), Limit: v.c.QueryParam("limit")}}
	if asked.List == "" && view.CriticalsOpened < view.Criticals {
		asked.List = quality.Critical
	}
	page, err := asked.page(n, reviewPage)
	if err != nil {
		return err
	}
	rows, entries, err := v.marked(page)
	if err != nil {
		return err
	}
	for i := range rows {
		view.Entries = append(view.Entries, Matter{Why: v.words(page.Marks[i].Why), TrailEntry: entries[i]})
	}
	at := "/batches/" + d.ID + "/review"
	address := func(list, after string) string { return at + "?" + asked.with(list, after).Encode() }
	view.List, view.First, view.Last, view.Count = asked.List, page.First, page.First+len(page.Marks)-1, n.Count(asked.List)
	view.All, view.Critical = address(quality.All, ""), address(quality.Critical, "")
	if page.More {
		view.Later = address(asked.List, page.Marks[len(page.Marks)-1].Place())
	}
	if now.ID == "" {
		return nil
	}
	if page.Unread() {
		view.Unread, view.Since, view.Until = len(page.Marks), page.Marks[0].Place(), page.Marks[len(page.Marks)-1].Place()
		view.Read = v.offer(true, "trail.read_page", Form{ID: "read", Action: at + "s/" + now.ID + "/read?" + asked.with(asked.List, asked.After).Encode()})
	} else if n.OpenedOf(asked.List) < view.Count {
		view.GoOn = address(asked.List, n.LastRead(asked.List))
	}
	return nil
}

// marked reads the entries of a page, as stored and readable.
func (v *visit) marked(page quality.Page) ([]audit.Row, []TrailEntry, error) {
	places := make([]audit.Cursor, len(page.Marks))
	for i, m := range page.Marks {
		places[i] = m.Cursor
	}
	rows, err := audit.Entries(v.ctx, v, places)
	if err != nil {
		return nil, nil, err
	}
	entries, err := v.entriesOf(rows)
	return rows, entries, err
}

// askReviewPage asks for one page of what a review covers.
type askReviewPage struct {
	List string `query:"list" doc:"all (the default) or critical: the critical entries alone"`
	pageOf
}

func (a *askReviewPage) page(n quality.Reading, usual int) (p quality.Page, err error) {
	if a.List == "" {
		a.List = quality.All
	}
	if a.List != quality.All && a.List != quality.Critical {
		return p, fault.At("list", "There is the list all and the list critical.")
	}
	if a.Limit != "" {
		if usual, err = pageSize(a.Limit); err != nil {
			return p, err
		}
	}
	p, ok := n.Behind(a.List, a.After, usual)
	if !ok {
		return p, fault.At("after", "This page of the trail cannot be found. Open the review again.")
	}
	return p, nil
}

// with gives the address of another page of the same length.
func (a askReviewPage) with(list, after string) url.Values {
	q := url.Values{"list": {list}}
	for name, value := range map[string]string{"after": after, "limit": a.Limit} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// onReview says where a trail is reviewed; who read a page comes to the next one, and from the last of the critical entries to all.
func (s *server) onReview() place {
	return place{page: s.showReview, read: "trail.read", next: func(v *visit, result json.RawMessage) string {
		at := "/batches/" + v.c.Param("batch") + "/review"
		var read quality.PageRead
		if err := json.Unmarshal(result, &read); err != nil || !read.More {
			return at
		}
		return at + "?" + askReviewPage{pageOf: pageOf{Limit: v.c.QueryParam("limit")}}.with(read.List, read.To).Encode()
	}}
}
