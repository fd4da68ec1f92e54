package identity

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/plaintext"
	"veribatch/signatures/access"
	"veribatch/signatures/configuration"
)

// TokenPrefix begins the secret of every machine, so that it is known for what it is when it turns up where it should not.
const TokenPrefix = "ebr_"

// CreateToken lets a machine act in a service account until the token expires or is revoked. The secret is shown once and kept nowhere: the
// session that it opens stores its SHA-256. A machine holds the role machine, within the acts of its token, and never signs.
type CreateToken struct {
	Account  string   `json:"account" form:"account"`
	UserName string   `json:"user_name" form:"user_name"`
	FullName string   `json:"full_name" form:"full_name"`
	Purpose  string   `json:"purpose" form:"purpose"`
	Acts     []string `json:"acts" form:"acts"`
	Area     string   `json:"area" form:"area"`
	Days     int      `json:"days" form:"days"`
	Secret   string   `json:"-" form:"-"`
}

// RevokeToken ends a token at once.
type RevokeToken struct {
	Account string `json:"account" form:"-"`
	Token   string `json:"token" form:"-" doc:"id of the token"`
	Reason  string `json:"reason" form:"reason"`
}

// TokenMade is the result of token.create.
type TokenMade struct {
	Token   string `json:"token" doc:"id of the token, no secret"`
	Account string `json:"account"`
}

// Act is the word of the act.
func (CreateToken) Act() string { return "token.create" }

// Act is the word of the act.
func (RevokeToken) Act() string { return "token.revoke" }

// Home is the stream of the service account, a new one when none is named: call it once per request.
func (c CreateToken) Home() audit.Stream {
	if uuid.Validate(c.Account) == nil {
		return StreamOf(c.Account)
	}
	return StreamOf(audit.NewID())
}

// Home is the stream of the service account.
func (c RevokeToken) Home() audit.Stream {
	if uuid.Validate(c.Account) == nil {
		return StreamOf(c.Account)
	}
	return audit.Site
}

// Why is the purpose.
func (c CreateToken) Why() string { return c.Purpose }

// Why is the reason for the entry.
func (c RevokeToken) Why() string { return c.Reason }

// Mint makes the secret that Reveal shows once.
func (c *CreateToken) Mint() { c.Secret = TokenPrefix + audit.NewToken() }

// Reveal gives the secret, for its owner.
func (c CreateToken) Reveal() string { return c.Secret }

var (
	_ = audit.Explain("tokens_fixed", fault.Conflict, "This token was revoked already.")
	_ = audit.Explain("tokens_wait", fault.Refused, "This token writes and waits for the approval of QA.")
	_ = audit.Explain("tokens_service_only", fault.Refused, "A token is made for an active service account only.")
)

const insertService = `insert into ebr.people (id, user_name, user_name_skeleton, full_name, kind, created_at)
	values (@account, @user_name, @skeleton, @full_name, 'service', @now)`

const stationOfService = `select t.station::text from ebr.tokens t where t.account = @account order by t.issued_at desc limit 1`

const insertToken = `insert into ebr.tokens (id, account, station, purpose, acts, area, issued_by, issued_at, expires_at)
	values (@id, @account, @station, @purpose, @acts, @area, @person, @now, @expires)`

const insertTokenSession = `insert into ebr.sessions (id, token_digest, person, station, opened_at, seen_at, expires_at)
	values (@id, sha256(@secret), @account, @station, @now, @now, @expires)`

// Do makes the account when there is none yet, the token and its session.
func (c CreateToken) Do(ctx context.Context, tx *audit.Tx) error {
	if len(c.Secret) < 40 {
		return fault.New(fault.Internal, "The token has no secret.")
	}
	purpose, err := plaintext.Clean("purpose", c.Purpose, 200)
	if err != nil {
		return err
	}
	if len(purpose) < 3 {
		return fault.At("purpose", "Say what the token is for: which machine, which work.")
	}
	acts, err := scope(c.Acts)
	if err != nil {
		return err
	}
	settings, err := configuration.Read(ctx, tx)
	if err != nil {
		return err
	}
	if c.Days < 1 || c.Days > settings.TokenDays {
		return fault.At("days", "A token lives 1 to %d days.", settings.TokenDays)
	}
	if c.Area, err = known(ctx, tx, c.Area); err != nil {
		return err
	}
	args := pgx.NamedArgs{
		"id": audit.NewID(), "account": strings.TrimPrefix(string(tx.Home()), "person/"), "purpose": purpose, "acts": acts, "area": c.Area, "person": tx.Actor().Person,
		"now": tx.Now(), "expires": tx.Now().AddDate(0, 0, c.Days), "secret": []byte(c.Secret),
	}
	if args["station"], err = c.place(ctx, tx, args); err != nil {
		return err
	}
	for _, sql := range []string{insertToken, insertTokenSession} {
		if _, err := tx.Exec(ctx, sql, args); err != nil {
			return err
		}
	}
	tx.Note("acts", strings.Join(acts, " "))
	tx.Note("expires", tx.Now().AddDate(0, 0, c.Days).Format(time.RFC3339))
	tx.Result(TokenMade{Token: args["id"].(string), Account: args["account"].(string)})
	return nil
}

// place gives the station of the service account; a new account gets its own, so that the trail tells machines apart.
func (c CreateToken) place(ctx context.Context, tx *audit.Tx, args pgx.NamedArgs) (station string, err error) {
	if c.Account != "" {
		if c.UserName != "" || c.FullName != "" {
			return "", fault.At("user_name", "Choose an account or name a new one, not both.")
		}
		err = tx.QueryRow(ctx, stationOfService, args).Scan(&station)
		if errors.Is(err, pgx.ErrNoRows) {
			err = fault.At("account", "There is no such service account. Choose one of the list.")
		}
		return station, err
	}
	name, err := ParseName(c.UserName)
	if err != nil {
		return "", err
	}
	full, err := plaintext.Clean("full_name", c.FullName, maxFullName)
	if err != nil {
		return "", err
	}
	if utf8.RuneCountInString(full) < 2 {
		return "", fault.At("full_name", "Name the machine as the audit trail is to print it.")
	}
	if err := free(ctx, tx, name); err != nil {
		return "", err
	}
	args["user_name"], args["skeleton"], args["full_name"] = name.Canonical, name.Skeleton, full
	if _, err := tx.Exec(ctx, insertService, args); err != nil {
		return "", err
	}
	station = audit.NewID()
	return station, RegisterStation(ctx, tx, NewStation{ID: station, Name: "API " + name.Canonical})
}

// scope judges the acts of a token.
func scope(acts []string) ([]string, error) {
	for _, act := range acts {
		if !access.Allowed([]access.Role{access.Machine}, act) {
			return nil, fault.At("acts", "A machine may never do %q. Choose from: %s.", act, strings.Join(access.ActsOf(access.Machine), ", "))
		}
	}
	acts = slices.Compact(slices.Sorted(slices.Values(acts)))
	if len(acts) == 0 {
		return nil, fault.At("acts", "Choose what the token may do.")
	}
	return acts, nil
}

// known judges the area of a token; nothing typed means the whole plant.
func known(ctx context.Context, tx *audit.Tx, area string) (string, error) {
	areas, err := access.AllAreas(ctx, tx)
	switch {
	case err != nil:
		return "", err
	case area == "" || area == access.WholeSite:
		return access.WholeSite, nil
	case !slices.ContainsFunc(areas, func(a access.Area) bool { return a.Code == area }):
		return "", fault.At("area", "There is no such area. Choose one of the list.")
	}
	return area, nil
}

const revokeToken = `update ebr.tokens set revoked_by = @person, revoked_at = @now, version = version + 1 where id = @id and account = @account and revoked_at is null`

// Do ends the token and its session.
func (c RevokeToken) Do(ctx context.Context, tx *audit.Tx) error {
	reason, err := plaintext.Reason("reason", c.Reason, 200)
	if err != nil {
		return err
	}
	if reason == "" {
		return fault.At("reason", "Say why the token is revoked.")
	}
	if uuid.Validate(c.Token) != nil || uuid.Validate(c.Account) != nil {
		return noToken()
	}
	args := pgx.NamedArgs{"id": c.Token, "account": c.Account, "person": tx.Actor().Person, "now": tx.Now(), "session": c.Token}
	tag, err := tx.Exec(ctx, revokeToken, args)
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return noToken()
	}
	tx.Result(TokenMade{Token: c.Token, Account: c.Account})
	_, err = tx.Exec(ctx, endSession, args)
	return err
}

func noToken() error {
	return fault.New(fault.Missing, "There is no such token, or it was revoked already.")
}

// TokenWaits is the state of a token whose acts write and for which QA has not signed.
const TokenWaits = "waits for QA"

// Token is one token as people read it; it holds no secret.
type Token struct {
	ID        string    `json:"token" doc:"id of the token, no secret"`
	Account   string    `json:"account" doc:"id of the account of the machine; who answers for it stands in the list of machines"`
	UserName  string    `json:"user_name" doc:"of the machine"`
	FullName  string    `json:"full_name" doc:"of the machine, as the audit trail prints it"`
	Purpose   string    `json:"purpose"`
	Acts      []string  `json:"acts" doc:"what it may do"`
	Area      string    `json:"area" doc:"code of the area in which it may do that; * for the whole plant"`
	IssuedBy  string    `json:"issued_by" doc:"printed name"`
	IssuedAt  time.Time `json:"issued_at"`
	ExpiresAt time.Time `json:"expires_at"`
	SeenAt    time.Time `json:"last_used_at,omitzero" doc:"exact to a minute; absent when it was never used"`
	RevokedBy string    `json:"revoked_by,omitempty" doc:"printed name"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	Approver  string    `json:"approved_by,omitempty" doc:"printed name, of QA"`
	Approved  time.Time `json:"approved_at,omitzero"`
	State     string    `json:"state" doc:"good, waits for QA, expired, ended (as by a restore) or revoked"`
}

const allTokens = `select t.id::text, t.account::text, p.user_name, p.full_name, t.purpose, t.acts, t.area, i.full_name, t.issued_at, t.expires_at,
	case when s.seen_at > s.opened_at then s.seen_at end, coalesce(r.full_name, ''), t.revoked_at,
	coalesce(q.full_name, ''), a.approved_at, case when t.revoked_at is not null then 'revoked' when t.expires_at <= clock_timestamp() then 'expired'
	when s.id is null or s.ended_at is not null then 'ended' when ebr.token_waits(t.id) then 'waits for QA' else 'good' end
	from ebr.tokens t join ebr.people p on p.id = t.account join ebr.people i on i.id = t.issued_by left join ebr.people r on r.id = t.revoked_by
	left join ebr.sessions s on s.id = t.id
	left join ebr.token_approvals a on a.token = t.id left join ebr.people q on q.id = a.approved_by order by t.issued_at desc, t.id limit 500`

// Tokens lists the tokens, the youngest first.
func Tokens(ctx context.Context, q audit.Querier) ([]Token, error) {
	rows, err := q.Query(ctx, allTokens)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (t Token, err error) {
		var seen, revoked, approved *time.Time
		err = row.Scan(&t.ID, &t.Account, &t.UserName, &t.FullName, &t.Purpose, &t.Acts, &t.Area, &t.IssuedBy, &t.IssuedAt, &t.ExpiresAt, &seen, &t.RevokedBy, &revoked,
			&t.Approver, &approved, &t.State)
		if seen != nil {
			t.SeenAt = *seen
		}
		if revoked != nil {
			t.RevokedAt = *revoked
		}
		if approved != nil {
			t.Approved = *approved
		}
		return t, err
	})
}

const sessionByMachine = `select s.id::text, s.person::text, p.user_name, p.full_name, s.station::text, st.name, s.opened_at, t.acts, t.area,
	t.revoked_at is not null or s.ended_at is not null, s.expires_at <= clock_timestamp(), p.active,
	ebr.token_waits(t.id), case when s.seen_at > s.opened_at then extract(epoch from clock_timestamp() - s.seen_at)::float8 else 'infinity' end
	from ebr.sessions s join ebr.tokens t on t.id = s.id join ebr.people p on p.id = s.person join ebr.stations st on st.id = s.station
	where s.token_digest = sha256(@token)`

// FindMachine looks up the session of a machine by the secret of its token, and refuses one that was revoked, has expired or waits for QA. Whoever
// asks enters that (see Past), so that a machine that goes on trying is seen.
func (g *Gate) FindMachine(ctx context.Context, token string) (s Session, err error) {
	var revoked, expired, active, waits bool
	var quiet float64
	err = g.trail.Read(ctx, func(r *audit.Reader) error {
		return r.QueryRow(ctx, sessionByMachine, pgx.NamedArgs{"token": []byte(token)}).Scan(&s.ID, &s.Person, &s.UserName, &s.FullName, &s.Station, &s.StationName,
			&s.OpenedAt, &s.Acts, &s.Area, &revoked, &expired, &active, &waits, &quiet)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return Session{}, fault.New(fault.Unauthenticated, "This token is not known here. Ask your administrator for one.")
	}
	if err != nil {
		return Session{}, err
	}
	s.Token, s.Machine = token, true
	why := map[bool]string{revoked: "was revoked", !revoked && expired: "has expired", !active: "belongs to an account that is not active"}[true]
	if why == "" && waits {
		why = "writes and waits for the approval of QA"
	}
	if why != "" {
		return Session{}, fault.New(fault.Unauthenticated, "This token %s. Ask your administrator.", why)
	}
	if quiet < 60 {
		return s, nil // used a moment ago: saves a write per request
	}
	return s, g.trail.Operate(ctx, func(op *audit.Op) error {
		_, err := op.Exec(ctx, sessionSeen, pgx.NamedArgs{"session": s.ID})
		return err
	})
}

const accountsOfMachines = `select id::text, user_name, full_name from ebr.people p where kind = 'service' and active and exists (select from ebr.tokens t where t.account = p.id) order by user_name limit 500`

// Machine is a service account for which tokens can be made.
type Machine struct{ ID, UserName, FullName string }

// Machines lists the service accounts.
func Machines(ctx context.Context, q audit.Querier) ([]Machine, error) {
	rows, err := q.Query(ctx, accountsOfMachines)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Machine])
}
