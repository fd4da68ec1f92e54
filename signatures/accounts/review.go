package accounts

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/plaintext"
	"veribatch/signatures"
	"veribatch/signatures/configuration"
)

// Review says that the signer has looked at all accounts and their roles and decided for each whether it stays as it is (EU GMP Annex 11
// clause 12.3). The list, line by line, is what is signed; what has to change is then changed by an administrator.
type Review struct {
	Change string `json:"change" form:"change"` // user names whose access has to change, separated by blanks; all others stay
	Note   string `json:"note" form:"note"`     // what has to change, and why
}

// Act is the word of the act.
func (Review) Act() string { return "access.review" }

// Home is the plant.
func (Review) Home() audit.Stream { return audit.Site }

// maxReviewed keeps the statement within what one person can read and a statement can hold.
const maxReviewed = 900

// Accounts lists who is at work, for the review.
func Accounts(ctx context.Context, q audit.Querier) ([]Person, error) {
	people, err := List(ctx, q, Search{Limit: maxReviewed + 1})
	if err == nil && len(people) > maxReviewed {
		err = fault.New(fault.TooLarge, "More than %d accounts do not fit into one review.", maxReviewed)
	}
	return people, err
}

// Statement is the whole list with the decision about each account.
func (c Review) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	st, _, _, err := c.prepare(ctx, q)
	return st, err
}

const nextReview = `select coalesce(max(number), 0) + 1 from ebr.access_reviews`

func (c Review) prepare(ctx context.Context, q audit.Querier) (st signatures.Statement, people []Person, change []string, err error) {
	if people, err = Accounts(ctx, q); err != nil {
		return st, nil, nil, err
	}
	note, err := plaintext.CleanLines("note", c.Note, plaintext.MaxComment)
	if err != nil {
		return st, nil, nil, err
	}
	change = strings.Fields(c.Change)
	slices.Sort(change)
	change = slices.Compact(change)
	if len(change) > 0 && note == "" {
		return st, nil, nil, fault.At("note", "Say what has to change.")
	}
	var number int
	if err := q.QueryRow(ctx, nextReview).Scan(&number); err != nil {
		return st, nil, nil, err
	}
	st = signatures.Statement{
		Version: signatures.StatementVersion, Act: c.Act(), Meaning: "reviewed", Language: "en",
		Records: []signatures.RecordRef{{Stream: string(audit.Site), ID: "access-review", Version: number}},
		Lines:   []signatures.Line{{Label: "Access review", Value: "number " + strconv.Itoa(number)}, {Label: "Accounts", Value: strconv.Itoa(len(people))}},
	}
	for _, p := range people {
		decision := "keep"
		if slices.Contains(change, p.UserName) {
			decision = "CHANGE"
		}
		st.Lines = append(st.Lines, signatures.Line{Label: p.UserName, Value: p.FullName + "; " + roleWords(p.Roles) + "; " + lastSeen(p) + "; " + decision})
	}
	for _, name := range change {
		if !slices.ContainsFunc(people, func(p Person) bool { return p.UserName == name }) {
			return st, nil, nil, fault.At("change", "There is no account %q in this list. Open the page again.", name)
		}
	}
	st.Lines = append(st.Lines, signatures.Line{Label: "To be changed", Value: note})
	return st, people, change, nil
}

// lastSeen gives the day of the last log-in: a finer time would change under the reader's eyes.
func lastSeen(p Person) string {
	if p.LastLogIn == nil {
		return "never logged in"
	}
	return "last log-in " + p.LastLogIn.UTC().Format(time.DateOnly)
}

const insertReview = `insert into ebr.access_reviews (id, number, people, changes, note, reviewed_by, reviewed_at, signature)
	values (@id, @number, @people, @changes, @note, @by, @now, @signature)`

// Do keeps the review.
func (c Review) Do(ctx context.Context, tx *audit.Tx) error {
	st, people, change, err := c.prepare(ctx, tx)
	if err != nil {
		return err
	}
	signature, err := signatures.Sign(ctx, tx, st)
	if err != nil {
		return err
	}
	tx.Note("accounts", strconv.Itoa(len(people)))
	tx.Note("to be changed", strings.Join(change, " "))
	tx.Note("meaning", st.Meaning)
	_, err = tx.Exec(ctx, insertReview, pgx.NamedArgs{
		"id": audit.NewID(), "number": st.Records[0].Version, "people": len(people), "changes": append([]string{}, change...), "note": st.Lines[len(st.Lines)-1].Value,
		"by": tx.Actor().Person, "now": tx.Now(), "signature": signature.ID,
	})
	return err
}

// Reviewed is one access review that was made.
type Reviewed struct {
	Number, People int
	Changes        []string
	Note, By       string
	At             time.Time
	Signature      string
}

const reviewsMade = `select r.number, r.people, r.changes, r.note, p.full_name, r.reviewed_at, r.signature::text
	from ebr.access_reviews r join ebr.people p on p.id = r.reviewed_by order by r.number desc limit 50`

// Reviews gives the reviews made, the newest first.
func Reviews(ctx context.Context, q audit.Querier) ([]Reviewed, error) {
	return collect[Reviewed](ctx, q, reviewsMade, pgx.NamedArgs{})
}

const reviewBase = `select coalesce((select max(reviewed_at) from ebr.access_reviews), (select min(created_at) from ebr.people where kind = 'person')), clock_timestamp()`

// ReviewDue tells when the next access review is due, and whether that time has come. A plant without people has none.
func ReviewDue(ctx context.Context, q audit.Querier) (due time.Time, is bool, err error) {
	var base *time.Time
	var now time.Time
	if err := q.QueryRow(ctx, reviewBase).Scan(&base, &now); err != nil || base == nil {
		return due, false, err
	}
	s, err := configuration.Read(ctx, q)
	if err != nil {
		return due, false, err
	}
	if s.ReviewMonths < 1 {
		return due, false, errors.New("accounts: no interval of the access review")
	}
	due = base.AddDate(0, s.ReviewMonths, 0)
	return due, !due.After(now), nil
}
