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
	"veribatch/signatures/access"
	"veribatch/signatures/configuration"
)

// Review says that the signer has looked at every right of every account, of people and of machines, and decided for each whether it stays or is
// taken away (EU GMP Annex 11 clause 12.3). The list, line by line, is what is signed; an administrator then takes away what was decided.
type Review struct {
	Change string `json:"change" form:"change"`
	Note   string `json:"note" form:"note" doc:"what has to change, and why"`
}

// Act is the word of the act.
func (Review) Act() string { return "access.review" }

// Home is the plant.
func (Review) Home() audit.Stream { return audit.Site }

// maxReviewed keeps the statement within what one person can read and a statement can hold.
const maxReviewed = 900

// ReviewLine is one right of one account: a role in an area, a token, or an account that has neither.
type ReviewLine struct {
	Key      string // user name / role / area, or user name / token; without either the user name and a stroke
	UserName string
	FullName string
	Holds    string  // the right in words
	Person   *Person // of a machine nil
}

const (
	rolesNow  = `select person::text, role, area from ebr.person_roles where revoked_at is null order by role, area`
	tokensNow = `select t.id::text, t.account::text, t.purpose, t.acts, t.area, t.expires_at, ebr.token_waits(t.id) from ebr.tokens t
	where t.revoked_at is null and t.expires_at > clock_timestamp() order by t.issued_at, t.id`
)

type roleNow struct {
	Person string
	Role   string
	Area   string
}

type tokenNow struct {
	ID, Account, Purpose string
	Acts                 []string
	Area                 string
	ExpiresAt            time.Time
	Waits                bool
}

// ReviewLines lists every right that is held now, for the review, with the number of accounts.
func ReviewLines(ctx context.Context, q audit.Querier) (lines []ReviewLine, holders int, err error) {
	people, err := List(ctx, q, Search{Limit: maxReviewed + 1})
	if err != nil {
		return nil, 0, err
	}
	roles, err := collect[roleNow](ctx, q, rolesNow, pgx.NamedArgs{})
	if err != nil {
		return nil, 0, err
	}
	for _, p := range people {
		n := len(lines)
		for _, r := range roles {
			if r.Person == p.ID {
				lines = append(lines, ReviewLine{p.UserName + "/" + r.Role + "/" + r.Area, p.UserName, p.FullName, roleWords([]string{r.Role}) + ", " + areaWords(r.Area), &p})
			}
		}
		if len(lines) == n {
			lines = append(lines, ReviewLine{p.UserName + "/", p.UserName, p.FullName, "no role", &p})
		}
	}
	machines, err := machineLines(ctx, q, &lines)
	if err == nil && len(lines) > maxReviewed {
		err = fault.New(fault.TooLarge, "More than %d rights do not fit into one review.", maxReviewed)
	}
	return lines, len(people) + machines, err
}

// machineLines adds the tokens of the machines in use.
func machineLines(ctx context.Context, q audit.Querier, lines *[]ReviewLine) (machines int, err error) {
	all, err := Machines(ctx, q)
	if err != nil {
		return 0, err
	}
	tokens, err := collect[tokenNow](ctx, q, tokensNow, pgx.NamedArgs{})
	for _, m := range all {
		if m.ClosedAt != nil {
			continue
		}
		machines++
		name, n := m.FullName+" (machine; "+m.ResponsibleName+" answers)", len(*lines)
		for _, t := range tokens {
			if t.Account != m.ID {
				continue
			}
			holds := t.Purpose + ": " + strings.Join(t.Acts, ", ") + "; " + areaWords(t.Area) + "; until " + t.ExpiresAt.UTC().Format(time.DateOnly)
			if t.Waits {
				holds += "; waits for QA"
			}
			*lines = append(*lines, ReviewLine{m.UserName + "/" + t.ID, m.UserName, name, holds, nil})
		}
		if len(*lines) == n {
			*lines = append(*lines, ReviewLine{m.UserName + "/", m.UserName, name, "no token", nil})
		}
	}
	return machines, err
}

func areaWords(area string) string {
	if area == access.WholeSite {
		return "the whole plant"
	}
	return area
}

// Statement is the whole list with the decision about each right.
func (c Review) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	st, _, _, err := c.prepare(ctx, q)
	return st, err
}

const nextReview = `select coalesce(max(number), 0) + 1 from ebr.access_reviews`

func (c Review) prepare(ctx context.Context, q audit.Querier) (st signatures.Statement, holders int, away []string, err error) {
	lines, holders, err := ReviewLines(ctx, q)
	if err != nil {
		return st, 0, nil, err
	}
	note, err := plaintext.CleanLines("note", c.Note, plaintext.MaxComment)
	if err != nil {
		return st, 0, nil, err
	}
	named := strings.Fields(c.Change)
	if len(named) > 0 && note == "" {
		return st, 0, nil, fault.At("note", "Say what has to change.")
	}
	for _, name := range named {
		if !slices.ContainsFunc(lines, func(l ReviewLine) bool { return l.Key == name || l.UserName == name }) {
			return st, 0, nil, fault.At("change", "There is no right or account %q in this list. Open the page again.", name)
		}
	}
	var number int
	if err := q.QueryRow(ctx, nextReview).Scan(&number); err != nil {
		return st, 0, nil, err
	}
	st = signatures.Statement{
		Version: signatures.StatementVersion, Act: c.Act(), Meaning: "reviewed", Language: "en",
		Records: []signatures.RecordRef{{Stream: string(audit.Site), ID: "access-review", Version: number}},
		Lines:   []signatures.Line{{Label: "Access review", Value: "number " + strconv.Itoa(number)}, {Label: "Accounts", Value: strconv.Itoa(holders)}},
	}
	for _, l := range lines {
		decision := "keep"
		if slices.Contains(named, l.Key) || slices.Contains(named, l.UserName) {
			decision = "TAKE AWAY"
			away = append(away, l.Key)
		}
		value := l.FullName + "; " + l.Holds
		if l.Person != nil {
			value += "; " + lastSeen(*l.Person)
		}
		st.Lines = append(st.Lines, signatures.Line{Label: l.UserName, Value: value + "; " + decision})
	}
	st.Lines = append(st.Lines, signatures.Line{Label: "Remarks", Value: note})
	return st, holders, away, nil
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
	st, holders, away, err := c.prepare(ctx, tx)
	if err != nil {
		return err
	}
	signature, err := signatures.Sign(ctx, tx, st)
	if err != nil {
		return err
	}
	tx.Note("accounts", strconv.Itoa(holders))
	tx.Note("to be taken away", strings.Join(away, " "))
	tx.Note("meaning", st.Meaning)
	_, err = tx.Exec(ctx, insertReview, pgx.NamedArgs{
		"id": audit.NewID(), "number": st.Records[0].Version, "people": holders, "changes": append([]string{}, away...), "note": st.Lines[len(st.Lines)-1].Value,
		"by": tx.Actor().Person, "now": tx.Now(), "signature": signature.ID,
	})
	return err
}

// Reviewed is one access review that was made.
type Reviewed struct {
	Number, People int
	Changes        []string // keys of the lines to be taken away; of earlier releases user names
	Note, By       string
	At             time.Time
	Signature      string
	Held           []string // of Changes of the newest review, what is held still; the next one decides anew
}

// What was decided is done when the role, the token or the account that the key names is there no more; one that was granted later is another.
const stillHeld = `(select coalesce(array_agg(c order by c), '{}') from unnest(r.changes) c where exists (select from ebr.person_roles h join ebr.people o on o.id = h.person
		where c = o.user_name || '/' || h.role || '/' || h.area and h.revoked_at is null and h.granted_at < r.reviewed_at)
	or exists (select from ebr.tokens t join ebr.people o on o.id = t.account where c = o.user_name || '/' || t.id and t.revoked_at is null and t.expires_at > clock_timestamp())
	or exists (select from ebr.people o where c = o.user_name || '/' and o.active))`

const (
	reviewsMade = `select r.number, r.people, r.changes, r.note, p.full_name, r.reviewed_at, r.signature::text,
	case when r.number = (select max(number) from ebr.access_reviews) then ` + stillHeld + ` else '{}' end
	from ebr.access_reviews r join ebr.people p on p.id = r.reviewed_by order by r.number desc limit 50`
	decisionsOpen = `select coalesce(sum(cardinality(` + stillHeld + `)), 0)::int from (select * from ebr.access_reviews order by number desc limit 1) r`
)

// Undone counts what the newest review decided to take away and is held still.
func Undone(ctx context.Context, q audit.Querier) (n int, err error) {
	err = q.QueryRow(ctx, decisionsOpen).Scan(&n)
	return n, err
}

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
