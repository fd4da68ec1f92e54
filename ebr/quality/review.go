package quality

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/internal/fault"
	"veribatch/signatures"
)

// BeginReview opens the review of a batch's audit trail: from now on it is known how long the reviewer had it open.
type BeginReview struct {
	Batch string `json:"batch" form:"-"`
}

// SignReview ends a review that the signer opened: everything in the batch's trail behind the last review is reviewed.
type SignReview struct {
	Batch   string `json:"batch" form:"-"`
	Review  string `json:"review" form:"-"`
	Remarks string `json:"remarks" form:"remarks"` // what the review found
}

// Act is the word of the act.
func (BeginReview) Act() string { return "trail.begin_review" }

// Act is the word of the act.
func (SignReview) Act() string { return "trail.review" }

// Home is the stream of the batch.
func (c BeginReview) Home() audit.Stream { return home(c.Batch) }

// Home is the stream of the batch.
func (c SignReview) Home() audit.Stream { return home(c.Batch) }

// Why is the reason for the entry.
func (c SignReview) Why() string { return c.Remarks }

// home is the stream of a batch; the site's for what is no id of a batch, which Do then refuses.
func home(id string) audit.Stream {
	if uuid.Validate(id) != nil || len(id) != 36 {
		return audit.Site
	}
	return audit.Stream("batch/" + id)
}

// reviewed is what the signature on a review means.
const reviewed = "reviewed"

var _ = audit.Explain("trail_reviews_independent", fault.Refused, notOwnWork)

const notOwnWork = "Who worked in a batch (issued, entered, performed, verified, held, resumed or completed something) does not review its trail. Ask a colleague of quality assurance."

// Review is one review of a batch's trail.
type Review struct {
	ID, Reviewer, Name string // Name as printed
	OpenedAt           time.Time
	From, To           int64  // entries of the batch's stream; To is 0 while it is open
	FirstHash          string // hex SHA-256 of the entry From; "" of a review that is open or was signed before first entries were named
	LastHash           string // hex SHA-256 of the entry To
	Listed, Opened     int    // entries on its pages, and how many of them its reviewer opened; known when FirstHash is
	Others             int64  // entries of other streams that name the batch
	Remarks            string
	SignedAt           time.Time // zero while it is open
	Signature          string    // id

	since        time.Time // when the review before it was signed
	othersBefore int64     // Others of that review
}

// NextReview is what nobody reviewed yet in a trail without an open review of the reader.
func NextReview(s Status) Review { return Review{From: s.To + 1, since: s.At} }

// Took is how long the reviewer had it open.
func (r Review) Took() time.Duration { return r.SignedAt.Sub(r.OpenedAt).Truncate(time.Second) }

// Entries is how many entries of the batch's stream it covers.
func (r Review) Entries() int64 { return r.To - r.From + 1 }

// Quick tells that it was open for less than a second for each entry, or less than half a minute. That is shown and not forbidden.
func (r Review) Quick() bool {
	return r.Took() < max(30*time.Second, time.Duration(r.Entries())*time.Second)
}

const ownWork = `select ebr.worked_in(@batch, @person)`

// Worked tells whether a person did any act in a batch but its order, and so neither reviews its trail nor judges an incident in it.
func Worked(ctx context.Context, q audit.Querier, batch, person string) (worked bool, err error) {
	err = q.QueryRow(ctx, ownWork, pgx.NamedArgs{"batch": batch, "person": person}).Scan(&worked)
	return worked, err
}

const ownBatches = `select b::text from unnest(@batches::uuid[]) b where ebr.worked_in(b, @person)`

// WorkedIn gives those of the batches in which a person worked.
func WorkedIn(ctx context.Context, q audit.Querier, person string, batches ...string) ([]string, error) {
	rows, err := q.Query(ctx, ownBatches, pgx.NamedArgs{"batches": batches, "person": person})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func independent(ctx context.Context, tx *audit.Tx, batch string) error {
	worked, err := Worked(ctx, tx, batch, tx.Actor().Person)
	if err == nil && worked {
		return fault.New(fault.Refused, notOwnWork)
	}
	return err
}

// OpenReview names a review that somebody opened.
type OpenReview struct {
	Batch  string `json:"batch"`
	Review string `json:"review"`
}

const insertReview = `insert into ebr.trail_reviews (id, batch, reviewer, opened_at, from_seq) values (@id, @batch, @person, @now, @from)`

var _ = audit.Explain("trail_reviews_one_open", fault.Conflict, "You have opened this review already. Reload to see it.")

// Do opens the review.
func (c BeginReview) Do(ctx context.Context, tx *audit.Tx) error {
	b, err := batch.Load(ctx, tx, c.Batch)
	if err != nil {
		return err
	}
	if b.IssuedAt.IsZero() {
		return fault.New(fault.NotReady, "The record of this batch is not issued yet: there is no work to review.")
	}
	if err := independent(ctx, tx, c.Batch); err != nil {
		return err
	}
	all, err := StatusOf(ctx, tx, c.Batch)
	if err != nil {
		return err
	}
	if all[c.Batch].Done() {
		return fault.New(fault.NotReady, "Every entry is reviewed already, by %s at %s.", all[c.Batch].By, all[c.Batch].At.Format(moment))
	}
	id := audit.NewID()
	tx.Note("batch", b.Number)
	tx.Result(OpenReview{c.Batch, id})
	_, err = tx.Exec(ctx, insertReview, pgx.NamedArgs{"id": id, "batch": c.Batch, "person": tx.Actor().Person, "now": tx.Now(), "from": all[c.Batch].To + 1})
	return err
}

// scope is what a review covers now.
type scope struct {
	Review
	number, product string
	counts          []string // "step.record 45, 1 refused", by act
	refused         int64
	Reading
}

const (
	headOfStream = `select seq, encode(hash, 'hex'), (select encode(e.hash, 'hex') from audit.entries e where e.stream = h.stream and e.seq = @from), (select count(*) from audit.subjects s where s.subject = h.stream and s.stream <> h.stream) from audit.heads h where h.stream = @stream`
	countsByAct  = `select act, count(*), count(*) filter (where refused) from audit.entries where stream = @stream and seq between @from and @to group by act order by act`
)

// scope reads what the review covers: in a transaction on the batch's stream nothing can come in between.
func (c SignReview) scope(ctx context.Context, q audit.Querier) (s scope, err error) {
	b, err := batch.Load(ctx, q, c.Batch)
	if err != nil {
		return s, err
	}
	s.number, s.product = b.Number, b.Master.Product
	if s.Review, err = openReview(ctx, q, c.Batch, c.Review); err != nil {
		return s, err
	}
	if s.Remarks, err = needed("remarks", c.Remarks, "Write what the review found; when it found nothing to question, write that."); err != nil {
		return s, err
	}
	args := pgx.NamedArgs{"stream": "batch/" + c.Batch, "from": s.From}
	if err := q.QueryRow(ctx, headOfStream, args).Scan(&s.To, &s.LastHash, &s.FirstHash, &s.Others); err != nil {
		return s, err
	}
	if s.Reading, err = ReadingOf(ctx, q, c.Batch, s.Review); err != nil {
		return s, err
	}
	args["to"] = s.To
	rows, err := q.Query(ctx, countsByAct, args)
	if err != nil {
		return s, err
	}
	var act string
	var n, refused int64
	_, err = pgx.ForEachRow(rows, []any{&act, &n, &refused}, func() error {
		text := fmt.Sprintf("%s %d", act, n)
		if refused > 0 {
			text += fmt.Sprintf(" (%d refused)", refused)
		}
		s.counts, s.refused = append(s.counts, text), s.refused+refused
		return nil
	})
	return s, err
}

// Statement is what the reviewer reads and signs: which entries, named by the hashes of the first and the last one, how many of them the reviewer
// opened, and since when they were open.
func (c SignReview) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	s, err := c.scope(ctx, q)
	if err != nil {
		return signatures.Statement{}, err
	}
	return s.statement(c), nil
}

func (s scope) statement(c SignReview) signatures.Statement {
	st := signatures.Statement{
		Version: signatures.StatementVersion, Act: c.Act(), Meaning: reviewed, Language: "en",
		Records: []signatures.RecordRef{{Stream: string(c.Home()), ID: s.ID, Version: 1}},
	}
	for _, l := range [][2]string{
		{"Batch", s.number}, {"Product", s.product}, {"Audit trail", string(c.Home())}, {"Entries", fmt.Sprintf("%d to %d (%d)", s.From, s.To, s.Entries())},
		{"SHA-256 of the first entry", s.FirstHash}, {"SHA-256 of the last entry", s.LastHash}, {"Entries by act", strings.Join(s.counts, ", ")}, {"Refused acts", fmt.Sprint(s.refused)},
		{"Entries of other streams that name the batch", fmt.Sprintf("%d, %d of them since the last review", s.Others, s.Others-s.othersBefore)},
		{"Entries opened", s.Words()}, {"SHA-256 of the pages read", s.Pages},
		{"Reviewer", s.Name}, {"Open since", s.OpenedAt.Format(moment)}, {"What the review found", s.Remarks},
		{"Statement", "I have reviewed these entries. I did no work in this batch."},
	} {
		st.Lines = append(st.Lines, signatures.Line{Label: l[0], Value: l[1]})
	}
	return st
}

const signReview = `update ebr.trail_reviews set from_seq = @from, to_seq = @to, first_hash = decode(@first, 'hex'), pages_hash = decode(@pages, 'hex'), last_hash = decode(@hash, 'hex'), listed = @listed, opened = @opened, others = @others, remarks = @remarks, signed_at = @now,
	signature = @signature, version = version + 1 where id = @id and version = 1`

// Do signs the review.
func (c SignReview) Do(ctx context.Context, tx *audit.Tx) error {
	if err := independent(ctx, tx, c.Batch); err != nil {
		return err
	}
	s, err := c.scope(ctx, tx)
	if err != nil {
		return err
	}
	if s.Reviewer != tx.Actor().Person {
		return fault.New(fault.Refused, "%s opened this review, and who opened it signs it. Open one of your own.", s.Name)
	}
	signature, err := signatures.Sign(ctx, tx, s.statement(c))
	if err != nil {
		return err
	}
	if missing := s.Count(Critical) - s.OpenedOf(Critical); missing > 0 {
		return fault.New(fault.NotReady, "%d critical entries were not opened. Read them to the last page, then sign.", missing)
	}
	tx.Note("batch", s.number)
	tx.Note("entries", fmt.Sprintf("%d to %d", s.From, s.To))
	tx.Note("open for", tx.Now().Sub(s.OpenedAt).Truncate(time.Second).String())
	tx.Result(OpenReview{c.Batch, s.ID})
	_, err = tx.Exec(ctx, signReview, pgx.NamedArgs{
		"id": s.ID, "from": s.From, "to": s.To, "first": s.FirstHash, "pages": s.Pages, "hash": s.LastHash, "listed": s.Count(All), "opened": s.OpenedOf(All), "others": s.Others, "remarks": s.Remarks, "now": tx.Now(), "signature": signature.ID,
	})
	return err
}
