package quality

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

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

// ReadPage says that the reviewer has read one page of the review's entries: those of the list behind the page read last, up to and with one entry.
type ReadPage struct {
	Batch   string `json:"batch" form:"-"`
	Review  string `json:"review" form:"-"`
	List    string `json:"list" form:"list"`       // All or Critical
	To      string `json:"to" form:"to"`           // place of the last entry of the page, as Place writes it
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
	read  map[string]int // by list: how many of Marks, from the first one on, its pages have passed
}

// overlap is longer than any change takes: an entry of another stream that was written while the last review was signed is shown again.
const overlap = time.Minute

// Rights and configuration that changed between issue and end of the batch are shown with it: changes of the system, and of the rights of who had
// worked in it by then; so nothing is ever added in front of what was read.
const marksOfReview = `select at, stream, seq, act, refused, clock, details from (select l.at, l.stream, l.seq, l.act, l.refused,
		(l.content ->> 'clock')::timestamptz, coalesce(l.content -> 'details', '{}')
	from (select e.at, e.stream, e.seq, e.act, e.refused, convert_from(e.body, 'UTF8')::jsonb from audit.entries e
			where e.stream = @subject and e.seq >= @from and (@to = 0 or e.seq <= @to) and (e.refused or e.act <> 'trail.read_page')
		union all select e.at, e.stream, e.seq, e.act, e.refused, convert_from(e.body, 'UTF8')::jsonb from audit.subjects s join audit.entries e on e.stream = s.stream and e.seq = s.seq
			where s.subject = @subject and s.stream <> @subject and s.at >= @since and s.at < @until
		union all select e.at, e.stream, e.seq, e.act, e.refused, '{}' from ebr.batches b
			cross join lateral (select 'site/configuration' stream, b.issued_at since union all select 'person/' || h.person, min(h.entered_at) from ebr.batch_history h where h.batch = b.id group by h.person) w
			join audit.entries e on e.stream = w.stream and e.at >= greatest(@since, b.issued_at, w.since) and e.at < least(@until, coalesce(b.ended_at, @until))
			where b.id = @batch and not e.refused and e.act in ('configuration.approve', 'configuration.withdraw', 'person.roles', 'person.deactivate', 'person.reset',
				'person.unlock', 'token.create', 'token.approve', 'token.revoke')
			and not exists (select from audit.subjects s where s.subject = @subject and s.at = e.at and s.stream = e.stream and s.seq = e.seq)
	) l (at, stream, seq, act, refused, content)) m (at, stream, seq, act, refused, clock, details) order by at, stream, seq`

const pagesRead = `select list, to_at, to_stream, to_seq from (select distinct on (list) * from ebr.trail_review_pages where review = @review
	order by list, to_at desc, to_stream desc, to_seq desc) p`

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

// progress reads how far the pages of each list went.
func (n *Reading) progress(ctx context.Context, q audit.Querier, review string) error {
	rows, err := q.Query(ctx, pagesRead, pgx.NamedArgs{"review": review})
	if err != nil {
		return err
	}
	n.read = map[string]int{}
	var list string
	var last Mark
	_, err = pgx.ForEachRow(rows, []any{&list, (*zeronull.Timestamptz)(&last.Time), &last.Stream, &last.Seq}, func() error {
		n.read[list] = n.index(last.Place()) + 1
		return nil
	})
	n.read[Critical] = max(n.read[Critical], n.read[All])
	for i := range n.Marks {
		n.Marks[i].Opened = i < n.read[All] || i < n.read[Critical] && n.Marks[i].Why != ""
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

// Unread gives how many entries the page of a list adds to what was read, and whether everything before it was read.
func (n Reading) Unread(list string, p Page) (entries int, next bool) {
	if len(p.Marks) == 0 {
		return 0, false
	}
	for i, m := range n.Marks {
		if (list == All || m.Why != "") && i >= n.read[list] {
			entries++
		}
		if m.Cursor == p.Marks[len(p.Marks)-1].Cursor {
			break
		}
	}
	return entries, entries > 0 && entries <= len(p.Marks)
}

// LastRead gives the place up to which a list was read, "" at its beginning.
func (n Reading) LastRead(list string) string {
	if at := n.read[list]; at > 0 {
		return n.Marks[at-1].Place()
	}
	return ""
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

const insertPage = `insert into ebr.trail_review_pages (id, review, list, entries, to_at, to_stream, to_seq, read_at) values (@id, @review, @list, @entries, @at, @stream, @seq, @now)`

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
	last, entries, err := c.page(n)
	if err != nil {
		return err
	}
	tx.Note("batch", b.Number)
	tx.Note("entries read", fmt.Sprintf("%d of the list %q", entries, c.List))
	left, _ := n.Behind(c.List, c.To, 1)
	tx.Result(PageRead{c.Batch, c.Review, c.List, c.To, len(left.Marks) > 0})
	_, err = tx.Exec(ctx, insertPage, pgx.NamedArgs{
		"id": audit.NewID(), "review": r.ID, "list": c.List, "entries": entries, "at": last.Time, "stream": string(last.Stream), "seq": last.Seq, "now": tx.Now(),
	})
	return err
}

// page finds the page that was read: the next one of its list, whole, and as it was shown.
func (c ReadPage) page(n Reading) (last Mark, entries int, err error) {
	if c.List != All && c.List != Critical {
		return last, 0, fault.At("list", "There is the list all and the list critical.")
	}
	at := n.index(c.To)
	if at < 0 || c.List == Critical && n.Marks[at].Why == "" {
		return last, 0, fault.At("to", "This list has no such entry. Open the review again.")
	}
	last = n.Marks[at]
	entries, _ = n.Unread(c.List, Page{Marks: []Mark{last}})
	switch {
	case entries == 0 || at < n.read[c.List]:
		return last, 0, fault.New(fault.Conflict, "You have read this page already. Go on with the next one.")
	case entries > maxPage:
		return last, 0, fault.At("to", "A page has at most %d entries, and pages are read one behind the other.", maxPage)
	case entries != c.Entries:
		return last, 0, fault.New(fault.Conflict, "%d entries stand up to there behind what you have read, and the page showed %d. Open the page again.", entries, c.Entries)
	}
	return last, entries, nil
}
