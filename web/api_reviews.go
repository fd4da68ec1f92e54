package web

import (
	"encoding/hex"
	"time"

	"veribatch/audit"
	"veribatch/ebr/quality"
	"veribatch/internal/fault"
)

// trailReviews says how far the audit trail of a batch is reviewed, by whom, and what no review covers yet.
type trailReviews struct {
	Batch   string        `json:"batch" doc:"id"`
	Number  string        `json:"number" doc:"number of the batch"`
	State   string        `json:"state" doc:"how far the trail is reviewed, in words"`
	To      int64         `json:"reviewed_to" doc:"last entry of the batch's stream that a review covers; 0 when there was none"`
	Since   int64         `json:"entries_since" doc:"entries of the batch's stream that no review covers"`
	Worked  bool          `json:"own_work" doc:"you worked in this batch, so another person reviews its trail"`
	Reviews []trailReview `json:"reviews" doc:"the oldest first, also those that are open"`
	Entries []reviewEntry `json:"entries" doc:"what no review covers, the oldest first"`
	Next    string        `json:"next,omitempty" doc:"address of the next page of entries; absent on the last one"`
}

// trailReview is one review of a batch's audit trail.
type trailReview struct {
	Review    string     `json:"review" doc:"id"`
	Reviewer  string     `json:"reviewer" doc:"id of the person"`
	Name      string     `json:"reviewer_name"`
	OpenedAt  time.Time  `json:"opened_at"`
	From      int64      `json:"from" doc:"first entry of the batch's stream that it covers"`
	To        int64      `json:"to,omitzero" doc:"last entry that it covers; absent while it is open"`
	LastHash  string     `json:"last_hash,omitempty" doc:"SHA-256 of the entry to, hex"`
	Others    int64      `json:"others,omitzero" doc:"entries of other streams that named the batch"`
	Remarks   string     `json:"remarks,omitempty"`
	SignedAt  *time.Time `json:"signed_at,omitempty"`
	Quick     bool       `json:"quick,omitempty" doc:"it was open for less than a second for each entry, or less than half a minute"`
	Signature string     `json:"signature,omitempty" doc:"id"`
}

// reviewEntry is an entry with the reason to look at it first.
type reviewEntry struct {
	Matters string `json:"matters,omitempty" doc:"why to look at this entry first; absent for what went as planned"`
	trailLine
}

func trailReviewOf(r quality.Review) trailReview {
	line := trailReview{Review: r.ID, Reviewer: r.Reviewer, Name: r.Name, OpenedAt: r.OpenedAt, From: r.From}
	if !r.SignedAt.IsZero() {
		line.To, line.LastHash, line.Others, line.Remarks, line.SignedAt, line.Quick, line.Signature = r.To, r.LastHash, r.Others, r.Remarks, &r.SignedAt, r.Quick(), r.Signature
	}
	return line
}

type askReviews struct {
	Batch string `path:"batch"`
	pageOf
}

func apiTrailReviews(v *visit, q askReviews) (answer trailReviews, err error) {
	d, err := v.batch()
	if err != nil {
		return answer, err
	}
	list, err := quality.Reviews(v.ctx, v, d.ID)
	if err != nil {
		return answer, err
	}
	all, err := quality.StatusOf(v.ctx, v, d.ID)
	if err != nil {
		return answer, err
	}
	s := all[d.ID]
	answer = trailReviews{Batch: d.ID, Number: d.Number, State: s.Words(), To: s.To, Since: s.Since}
	for _, r := range list {
		answer.Reviews = append(answer.Reviews, trailReviewOf(r))
	}
	if answer.Worked, err = quality.Worked(v.ctx, v, d.ID, v.who.Person); err != nil {
		return answer, err
	}
	answer.Entries, answer.Next, err = v.reviewPage(q.pageOf, d, quality.Review{From: s.To + 1}, s.At)
	return answer, err
}

type ofReview struct {
	Batch  string `path:"batch"`
	Review string `path:"review" doc:"id of the review, from the list of the batch's reviews"`
	pageOf
}

// oneReview is a review with the entries that it covers, or will cover when it is signed now.
type oneReview struct {
	trailReview
	Entries []reviewEntry `json:"entries" doc:"what it covers, or would when it were signed now; the oldest first"`
	Next    string        `json:"next,omitempty" doc:"address of the next page of entries; absent on the last one"`
}

func apiTrailReview(v *visit, q ofReview) (answer oneReview, err error) {
	d, err := v.batch()
	if err != nil {
		return answer, err
	}
	list, err := quality.Reviews(v.ctx, v, d.ID)
	if err != nil {
		return answer, err
	}
	var found *quality.Review
	for i := range list {
		if list[i].ID == q.Review {
			found = &list[i]
		}
	}
	if found == nil {
		return answer, fault.New(fault.Missing, "There is no such review of this batch. Open the review again.")
	}
	var before time.Time
	for _, r := range list {
		if !r.SignedAt.IsZero() && (found.SignedAt.IsZero() || r.To < found.From) && r.SignedAt.After(before) {
			before = r.SignedAt
			if found.SignedAt.IsZero() {
				found.From = r.To + 1
			}
		}
	}
	answer.trailReview = trailReviewOf(*found)
	answer.Entries, answer.Next, err = v.reviewPage(q.pageOf, d, *found, before)
	return answer, err
}

// reviewPage reads one page of the entries that a review covers; before is when the review before it was signed.
func (v *visit) reviewPage(p pageOf, d *dossier, r quality.Review, before time.Time) (entries []reviewEntry, next string, err error) {
	limit, err := pageSize(p.Limit)
	if err != nil {
		return nil, "", err
	}
	f := audit.Filter{Subject: d.Stream(), Oldest: true, Limit: limit, To: r.SignedAt}
	if !before.IsZero() {
		f.From = before.Add(-overlap)
	}
	if p.After != "" {
		if f.After, err = parseCursor(p.After); err != nil {
			return nil, "", fault.At("after", "%s", fault.As(err))
		}
	}
	rows, err := audit.History(v.ctx, v, f)
	for _, row := range rows {
		if row.Stream == d.Stream() && (row.Seq < r.From || r.To > 0 && row.Seq > r.To) {
			continue
		}
		entries = append(entries, reviewEntry{quality.Matters(row.Entry), trailLineOf(row)})
	}
	if len(rows) == limit {
		next = v.next(cursorText(rows[limit-1].Cursor()))
	}
	return entries, next, err
}

func trailLineOf(r audit.Row) trailLine {
	return trailLine{r.Stream, r.Seq, r.Time, r.By.Name, r.Act, hex.EncodeToString(r.Hash), string(r.Body)}
}
