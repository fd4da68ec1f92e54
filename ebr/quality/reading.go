package quality

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/internal/fault"
)

// The lists in which the entries of a review are read, page by page.
const (
	All      = "all"
	Critical = "critical" // only what Matters
)

// maxPage is the most entries that count as one page.
const maxPage = 500

// ReadPage says that the reviewer has read one page of the review's entries: a stretch of a list, from one entry to another one.
type ReadPage struct {
	Batch   string `json:"batch" form:"-"`
	Review  string `json:"review" form:"-"`
	List    string `json:"list" form:"list"`       // All or Critical
	From    string `json:"from" form:"from"`       // place of the first entry of the page, as Place writes it
	To      string `json:"to" form:"to"`           // place of the last one
	Entries int    `json:"entries" form:"entries"` // how many the page showed
}

// Act is the word of the act.
func (ReadPage) Act() string { return "trail.read_page" }

// Home is the stream of the batch.
func (c ReadPage) Home() audit.Stream { return home(c.Batch) }

// PageRead is the answer to ReadPage.
type PageRead struct {
	Batch  string `json:"batch"`
	Review string `json:"review"`
	List   string `json:"list"`
	To     string `json:"to"`
	More   bool   `json:"more"` // entries of the list are left to be read
}

// Mark is an entry of a review at its place in the order of time.
type Mark struct {
	audit.Cursor
	Why    string // why it is critical; "" for what went as planned
	Opened bool   // its reviewer has read a page that showed it
}

// Place names the entry in addresses and forms.
func (m Mark) Place() string { return fmt.Sprintf("%s %d", m.Stream, m.Seq) }

// Reading is what a review covers, oldest first, and how far its reviewer has read it.
type Reading struct {
	Marks []Mark
	Pages string // hex SHA-256 over the pages that its reviewer read, each with the hashes of its entries; "" without a review
}

// overlap is longer than any change takes: an entry of another stream that was written while the last review was signed is shown again.
const overlap = time.Minute

// Rights and configuration that changed between issue and end of the batch are shown with it: changes of the system, and of the rights of everybody
// who worked in it.
const marksOfReview = `select at, stream, seq, act, refused, clock, details from (select l.at, l.stream, l.seq, l.act, l.refused,
		(l.content ->> 'clock')::timestamptz, coalesce(l.content -> 'details', '{}')
	from (select e.at, e.stream, e.seq, e.act, e.refused, convert_from(e.body, 'UTF8')::jsonb from audit.entries e
			where e.stream = @subject and e.seq >= @from and (@to = 0 or e.seq <= @to) and (e.refused or e.act <> 'trail.read_page')
		union all select e.at, e.stream, e.seq, e.act, e.refused, convert_from(e.body, 'UTF8')::jsonb from audit.subjects s join audit.entries e on e.stream = s.stream and e.seq = s.seq
			where s.subject = @subject and s.stream <> @subject and s.at >= @since and s.at < @until
		union all select e.at, e.stream, e.seq, e.act, e.refused, '{}' from ebr.batches b
			cross join lateral (select 'site/configuration' stream, b.issued_at since union all select distinct 'person/' || h.person, b.issued_at from ebr.batch_history h where h.batch = b.id) w
			join audit.entries e on e.stream = w.stream and e.at >= greatest(@since, b.issued_at, w.since) and e.at < least(@until, coalesce(b.ended_at, @until))
			where b.id = @batch and not e.refused and e.act in ('configuration.approve', 'configuration.withdraw', 'person.roles', 'person.deactivate', 'person.reset',
				'person.unlock', 'token.create', 'token.approve', 'token.revoke')
			and not exists (select from audit.subjects s where s.subject = @subject and s.at = e.at and s.stream = e.stream and s.seq = e.seq)
	) l (at, stream, seq, act, refused, content)) m (at, stream, seq, act, refused, clock, details) order by at, stream, seq`

const (
	placesRead = `select distinct s.place from ebr.trail_review_pages p cross join unnest(p.shown) s (place) where p.review = @review`
	pagesHash  = `select encode(ebr.pages_of(@review), 'hex')`
)

var (
	dawn = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	dusk = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
)

// ReadingOf gives what a review covers, or would when it were signed now: linear in the batch's own length, whatever the age of the plant.
func ReadingOf(ctx context.Context, q audit.Querier, batch string, r Review) (n Reading, err error) {
	args := pgx.NamedArgs{"batch": batch, "subject": "batch/" + batch, "from": r.From, "to": int64(0), "since": dawn, "until": dusk}
	if !r.since.IsZero() {
		args["since"] = r.since.Add(-overlap)
	}
	if !r.SignedAt.IsZero() {
		args["to"], args["until"] = r.To, r.SignedAt
	}
	rows, err := q.Query(ctx, marksOfReview, args)
	if err != nil {
		return n, err
	}
	var e audit.Entry
	_, err = pgx.ForEachRow(rows, []any{&e.Time, &e.Stream, &e.Seq, &e.Act, &e.Refused, &e.Clock, &e.Details}, func() error {
		n.Marks = append(n.Marks, Mark{Cursor: audit.Cursor{Time: e.Time, Stream: e.Stream, Seq: e.Seq}, Why: Matters(e)})
		e.Details = nil
		return nil
	})
	if err != nil || r.ID == "" {
		return n, err
	}
	return n, n.progress(ctx, q, r.ID)
}

// progress reads what its pages showed. An entry that comes late stands on none of them, wherever its time puts it.
func (n *Reading) progress(ctx context.Context, q audit.Querier, review string) error {
	args := pgx.NamedArgs{"review": review}
	if err := q.QueryRow(ctx, pagesHash, args).Scan(&n.Pages); err != nil {
		return err
	}
	rows, err := q.Query(ctx, placesRead, args)
	if err != nil {
		return err
	}
	read := map[string]bool{}
	var place string
	_, err = pgx.ForEachRow(rows, []any{&place}, func() error { read[place] = true; return nil })
	for i, m := range n.Marks {
		n.Marks[i].Opened = read[m.Place()]
	}
	return err
}

// index gives where an entry stands; -1 when the review does not cover it.
func (n Reading) index(place string) int {
	for i, m := range n.Marks {
		if m.Place() == place {
			return i
		}
	}
	return -1
}

// Page is a stretch of one of the lists.
type Page struct {
	First int // number of its first entry in the list, from 1 on
	Marks []Mark
	More  bool // the list goes on
}

// Behind gives the page of a list behind a place, "" for its beginning; false when the review does not cover that entry.
func (n Reading) Behind(list, place string, limit int) (p Page, ok bool) {
	from := 0
	if place != "" {
		if from = n.index(place) + 1; from == 0 {
			return p, false
		}
	}
	p.First = 1
	for i, m := range n.Marks {
		switch {
		case list == Critical && m.Why == "":
		case i < from:
			p.First++
		case len(p.Marks) == limit:
			p.More = true
			return p, true
		default:
			p.Marks = append(p.Marks, m)
		}
	}
	return p, true
}

// Unread tells whether the page shows an entry that its reviewer has not opened.
func (p Page) Unread() bool {
	return slices.ContainsFunc(p.Marks, func(m Mark) bool { return !m.Opened })
}

// LastRead gives the place behind which the first entry of a list stands that was not opened, "" for its beginning.
func (n Reading) LastRead(list string) (place string) {
	for _, m := range n.Marks {
		if list == Critical && m.Why == "" {
			continue
		}
		if !m.Opened {
			break
		}
		place = m.Place()
	}
	return place
}

// Count gives how many entries a list has; OpenedOf how many of them its reviewer opened.
func (n Reading) Count(list string) int { return n.count(list, false) }

// OpenedOf gives how many entries of a list its reviewer opened.
func (n Reading) OpenedOf(list string) int { return n.count(list, true) }

func (n Reading) count(list string, opened bool) (k int) {
	for _, m := range n.Marks {
		if (list == All || m.Why != "") && (m.Opened || !opened) {
			k++
		}
	}
	return k
}

// Words says how much of it was opened.
func (n Reading) Words() string {
	all, opened := n.Count(All), n.OpenedOf(All)
	text := fmt.Sprintf("%d of %d, critical ones %d of %d", opened, all, n.OpenedOf(Critical), n.Count(Critical))
	if opened < all {
		text += fmt.Sprintf("; %d entries were not opened", all-opened)
	}
	return text
}

// openReview gives a review of the batch that is not signed yet.
func openReview(ctx context.Context, q audit.Querier, batch, id string) (Review, error) {
	list, err := Reviews(ctx, q, batch)
	if err != nil {
		return Review{}, err
	}
	for _, r := range list {
		switch {
		case r.ID != id:
		case !r.SignedAt.IsZero():
			return r, fault.New(fault.NotReady, "This review was signed by %s at %s. What came later needs a new one.", r.Name, r.SignedAt.Format(moment))
		default:
			return r, nil
		}
	}
	return Review{}, fault.New(fault.Missing, "There is no such review of this batch. Open the review again.")
}

const insertPage = `insert into ebr.trail_review_pages (id, review, list, shown, read_at) values (@id, @review, @list, @shown, @now)`

var (
	_ = audit.Explain("trail_review_pages_read", fault.Invalid, "This page cannot be entered as read. Open the review again.")
	_ = audit.Explain("trail_reviews_reading", fault.Conflict, "What you read of this trail changed just now. Open the review again, then sign.")
)

// Do enters that the page was read.
func (c ReadPage) Do(ctx context.Context, tx *audit.Tx) error {
	b, err := batch.Load(ctx, tx, c.Batch)
	if err != nil {
		return err
	}
	if err := independent(ctx, tx, c.Batch); err != nil {
		return err
	}
	r, err := openReview(ctx, tx, c.Batch, c.Review)
	if f := fault.As(err); err != nil && f.Kind == fault.NotReady {
		return fault.New(fault.Invalid, "%s", f) // a button of an old page: no entry that would want another review
	}
	if err != nil {
		return err
	}
	if r.Reviewer != tx.Actor().Person {
		return fault.New(fault.Refused, "%s opened this review, and who opened it reads and signs it. Open one of your own.", r.Name)
	}
	n, err := ReadingOf(ctx, tx, c.Batch, r)
	if err != nil {
		return err
	}
	shown, err := c.page(n)
	if err != nil {
		return err
	}
	tx.Note("batch", b.Number)
	tx.Note("entries read", fmt.Sprintf("%d of the list %q", len(shown), c.List))
	left, _ := n.Behind(c.List, c.To, 1)
	tx.Result(PageRead{c.Batch, c.Review, c.List, c.To, len(left.Marks) > 0})
	_, err = tx.Exec(ctx, insertPage, pgx.NamedArgs{"id": audit.NewID(), "review": r.ID, "list": c.List, "shown": shown, "now": tx.Now()})
	return err
}

// page gives the places of the page that was read, as it was shown. What is wrong with it is no refused act: it changes nothing about the batch.
func (c ReadPage) page(n Reading) (shown []string, err error) {
	if c.List != All && c.List != Critical {
		return nil, fault.At("list", "There is the list all and the list critical.")
	}
	from, to, unread := n.index(c.From), n.index(c.To), false
	if from < 0 || to < from {
		return nil, fault.At("to", "This list has no such entry. Open the review again.")
	}
	for _, m := range n.Marks[from : to+1] {
		if c.List == All || m.Why != "" {
			shown, unread = append(shown, m.Place()), unread || !m.Opened
		}
	}
	switch {
	case len(shown) == 0 || shown[0] != c.From || shown[len(shown)-1] != c.To:
		return nil, fault.At("to", "This list has no such entry. Open the review again.")
	case len(shown) > maxPage:
		return nil, fault.At("to", "A page has at most %d entries.", maxPage)
	case len(shown) != c.Entries:
		return nil, fault.New(fault.Invalid, "%d entries stand on this page now, and it showed %d. Open the page again.", len(shown), c.Entries)
	case !unread:
		return nil, fault.New(fault.Invalid, "You have read this page already. Go on with the next one.")
	}
	return shown, nil
}
