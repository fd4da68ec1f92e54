package accounts

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/signatures/access"
)

// Person is an account as the screens show it.
type Person struct {
	ID, UserName, FullName string
	Active                 bool
	CreatedAt              time.Time
	CreatedBy              string // printed name; "" for accounts of the first releases
	LeftAt                 *time.Time
	Roles                  []string // held now
	HasPassword            bool
	LockedUntil            *time.Time
	ResetOpen              bool // the password was reset and the owner has not set a new one
	Confirmed              bool // the identity is confirmed
	Accountable            bool // the accountability statement in force is signed
	LastLogIn              *time.Time
	Version                int
}

const personColumns = `select p.id::text, p.user_name, p.full_name, p.active, p.created_at, coalesce(m.full_name, ''), p.deactivated_at,
	array(select r.role from ebr.person_roles r where r.person = p.id and r.revoked_at is null order by r.granted_at, r.role),
	c.id is not null, case when c.locked_until > clock_timestamp() then c.locked_until end, coalesce(c.reset_at >= c.changed_at, false),
	ebr.identity_confirmed(p.id), exists (select from ebr.accountability_signatures s where s.person = p.id
		and s.accountability = (select v.id from ebr.accountability_versions v order by v.number desc limit 1)),
	(select max(s.opened_at) from ebr.sessions s where s.person = p.id), p.version
	from ebr.people p left join ebr.people m on m.id = p.created_by left join ebr.credentials c on c.id = p.id where p.kind = 'person' `

const (
	personByID   = personColumns + `and p.id = @person`
	peopleByName = personColumns + `and (@search = '' or position(lower(@search) in lower(p.user_name || ' ' || p.full_name)) > 0) and (@left or p.active)
		and (p.user_name, p.id::text) > (@after_name, @after) order by p.user_name, p.id::text limit @limit`
)

// Find gives one person.
func Find(ctx context.Context, q audit.Querier, person string) (Person, error) {
	if home(person) == audit.Site {
		return Person{}, missing()
	}
	rows, err := q.Query(ctx, personByID, pgx.NamedArgs{"person": person})
	if err != nil {
		return Person{}, err
	}
	p, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Person])
	if errors.Is(err, pgx.ErrNoRows) {
		return p, missing()
	}
	return p, err
}

// Search is a page of people in the order of their user names; After is the last one of the page before.
type Search struct {
	Words string // part of the user name or full name
	Left  bool   // also who has left
	After *Person
	Limit int
}

// List gives a page of people.
func List(ctx context.Context, q audit.Querier, s Search) ([]Person, error) {
	args := pgx.NamedArgs{"search": s.Words, "left": s.Left, "after_name": "", "after": "", "limit": s.Limit}
	if s.After != nil {
		args["after_name"], args["after"] = s.After.UserName, s.After.ID
	}
	rows, err := q.Query(ctx, peopleByName, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Person])
}

// Held is one role of a person with its period.
type Held struct {
	Role      access.Role
	Area      string
	GrantedAt time.Time
	RevokedAt *time.Time
}

const rolesEver = `select role, area, granted_at, revoked_at from ebr.person_roles where person = @person order by granted_at, role, area`

// Check is one identity check.
type Check struct {
	Document  string
	On        time.Time // the day
	Note      string
	By        string
	At        time.Time
	Founding  bool
	Signature string
}

const checksEver = `select c.document, c.checked_on, c.note, p.full_name, c.checked_at, c.founding, c.signature::text
	from ebr.identity_checks c join ebr.people p on p.id = c.checked_by where c.person = @person order by c.checked_at desc`

// Session is one open session of a person.
type Session struct {
	Station          string
	OpenedAt, SeenAt time.Time
	Locked           bool
}

const openSessions = `select t.name, s.opened_at, s.seen_at, s.locked_at is not null from ebr.sessions s join ebr.stations t on t.id = s.station
	where s.person = @person and s.ended_at is null order by s.opened_at desc limit 200`

// Token is a token of a machine that a person has made or approved and that still works.
type Token struct {
	Account, Purpose string
	ExpiresAt        time.Time
	Made             bool // else approved
}

const tokensMade = `select p.full_name, t.purpose, t.expires_at, t.issued_by = @person from ebr.tokens t join ebr.people p on p.id = t.account
	left join ebr.token_approvals a on a.token = t.id
	where @person in (t.issued_by, a.approved_by) and t.revoked_at is null and t.expires_at > clock_timestamp() order by t.expires_at`

// TokensOf lists the tokens that a person has made or approved. They outlive the account, so that no machine stands still when somebody leaves.
func TokensOf(ctx context.Context, q audit.Querier, person string) ([]Token, error) {
	return collect[Token](ctx, q, tokensMade, pgx.NamedArgs{"person": person})
}

// File is everything that is kept about one account.
type File struct {
	Person
	Held     []Held
	Checks   []Check
	Sessions []Session
}

// Open reads the file of one person.
func Open(ctx context.Context, q audit.Querier, person string) (f File, err error) {
	if f.Person, err = Find(ctx, q, person); err != nil {
		return f, err
	}
	args := pgx.NamedArgs{"person": person}
	if f.Held, err = collect[Held](ctx, q, rolesEver, args); err != nil {
		return f, err
	}
	if f.Checks, err = collect[Check](ctx, q, checksEver, args); err != nil {
		return f, err
	}
	f.Sessions, err = collect[Session](ctx, q, openSessions, args)
	return f, err
}

func collect[T any](ctx context.Context, q audit.Querier, sql string, args pgx.NamedArgs) ([]T, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[T])
}
