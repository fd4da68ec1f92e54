package web

import (
	"encoding/hex"
	"slices"
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
	reviewPart
}

// reviewPart is one page of what a review covers, with how far its reviewer has read it.
type reviewPart struct {
	Critical       []criticalKind `json:"critical_kinds" doc:"what makes an entry critical, and by which rule"`
	Listed         int            `json:"entries_listed" doc:"how many entries the list all has"`
	Opened         int            `json:"entries_opened" doc:"how many of them the reviewer has read, page by page (trail.read_page)"`
	Criticals      int            `json:"critical_listed" doc:"how many entries the list critical has"`
	CriticalOpened int            `json:"critical_opened" doc:"how many of them the reviewer has read; the review is signed when none is left"`
	First          int            `json:"first" doc:"number of the first entry of this page in its list"`
	Entries        []reviewEntry  `json:"entries" doc:"this page, the oldest entry first"`
	Next           string         `json:"next,omitempty" doc:"address of the next page of entries; absent on the last one"`
}

// criticalKind is a reason to look at an entry first.
type criticalKind struct {
	Words string `json:"matters" doc:"as it stands at the entries"`
	Rule  string `json:"rule" doc:"who asks for it"`
}

// trailReview is one review of a batch's audit trail.
type trailReview struct {
	Review    string     `json:"review" doc:"id"`
	Reviewer  string     `json:"reviewer" doc:"id of the person"`
	Name      string     `json:"reviewer_name"`
	OpenedAt  time.Time  `json:"opened_at"`
	From      int64      `json:"from" doc:"first entry of the batch's stream that it covers"`
	To        int64      `json:"to,omitzero" doc:"last entry that it covers; absent while it is open"`
	FirstHash string     `json:"first_hash,omitempty" doc:"SHA-256 of the entry from, hex; absent while it is open, and of reviews signed before it was named"`
	LastHash  string     `json:"last_hash,omitempty" doc:"SHA-256 of the entry to, hex"`
	Others    int64      `json:"others,omitzero" doc:"entries of other streams that named the batch"`
	Listed    int        `json:"listed,omitzero" doc:"entries on its pages"`
	Opened    int        `json:"opened,omitzero" doc:"how many of them the reviewer had read when it was signed"`
	Remarks   string     `json:"remarks,omitempty"`
	SignedAt  *time.Time `json:"signed_at,omitempty"`
	Quick     bool       `json:"quick,omitempty" doc:"it was open for less than a second for each entry, or less than half a minute"`
	Signature string     `json:"signature,omitempty" doc:"id"`
}

// reviewEntry is an entry with the reason to look at it first.
type reviewEntry struct {
	Place   string `json:"place" doc:"of the entry: the field to of trail.read_page, and after of the next page"`
	Matters string `json:"matters,omitempty" doc:"why this entry is critical; absent for what went as planned"`
	trailLine
}

func trailReviewOf(r quality.Review) trailReview {
	line := trailReview{Review: r.ID, Reviewer: r.Reviewer, Name: r.Name, OpenedAt: r.OpenedAt, From: r.From}
	if !r.SignedAt.IsZero() {
		line.FirstHash, line.Listed, line.Opened = r.FirstHash, r.Listed, r.Opened
		line.To, line.LastHash, line.Others, line.Remarks, line.SignedAt, line.Quick, line.Signature = r.To, r.LastHash, r.Others, r.Remarks, &r.SignedAt, r.Quick(), r.Signature
	}
	return line
}

type askReviews struct {
	Batch string `path:"batch"`
	askReviewPage
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
	answer.reviewPart, err = v.reviewPage(q.askReviewPage, d, quality.NextReview(s))
	return answer, err
}

type ofReview struct {
	Batch  string `path:"batch"`
	Review string `path:"review" doc:"id of the review, from the list of the batch's reviews"`
	askReviewPage
}

// oneReview is a review with the entries that it covers, or will cover when it is signed now.
type oneReview struct {
	trailReview
	reviewPart
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
	at := slices.IndexFunc(list, func(r quality.Review) bool { return r.ID == q.Review })
	if at < 0 {
		return answer, fault.New(fault.Missing, "There is no such review of this batch. Open the review again.")
	}
	answer.trailReview = trailReviewOf(list[at])
	answer.reviewPart, err = v.reviewPage(q.askReviewPage, d, list[at])
	return answer, err
}

// reviewPage reads one page of the entries that a review covers.
func (v *visit) reviewPage(asked askReviewPage, d *dossier, r quality.Review) (part reviewPart, err error) {
	n, err := quality.ReadingOf(v.ctx, v, d.ID, r)
	if err != nil {
		return part, err
	}
	page, err := asked.page(n, 100)
	if err != nil {
		return part, err
	}
	rows, _, err := v.marked(page)
	part = reviewPart{
		Listed: n.Count(quality.All), Opened: n.OpenedOf(quality.All), Criticals: n.Count(quality.Critical), CriticalOpened: n.OpenedOf(quality.Critical), First: page.First,
	}
	for _, k := range quality.CriticalKinds {
		part.Critical = append(part.Critical, criticalKind{k.Words, k.Rule})
	}
	for i, row := range rows {
		part.Entries = append(part.Entries, reviewEntry{page.Marks[i].Place(), page.Marks[i].Why, trailLineOf(row)})
	}
	if page.More {
		part.Next = v.next(page.Marks[len(page.Marks)-1].Place())
	}
	return part, err
}

func trailLineOf(r audit.Row) trailLine {
	return trailLine{r.Stream, r.Seq, r.Time, r.By.Name, r.Act, hex.EncodeToString(r.Hash), string(r.Body)}
}
