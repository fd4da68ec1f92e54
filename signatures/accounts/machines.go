package accounts

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/identity"
)

// HandOver names the person who answers for a machine from now on.
type HandOver struct {
	Account string `json:"account" form:"-"`
	Person  string `json:"person" form:"person" doc:"id of the person who answers for the machine from now on"`
	Reason  string `json:"reason" form:"reason"`
}

// CloseMachine closes the account of a machine that is taken out of use, as Deactivate does that of a leaver: all its tokens are revoked at once.
type CloseMachine struct {
	Account string `json:"account" form:"-"`
	Reason  string `json:"reason" form:"reason"`
}

// Act is the word of the act.
func (HandOver) Act() string { return "machine.hand_over" }

// Act is the word of the act: that of people.
func (CloseMachine) Act() string { return "person.deactivate" }

// Home is the stream of the machine.
func (c HandOver) Home() audit.Stream { return home(c.Account) }

// Home is the stream of the machine.
func (c CloseMachine) Home() audit.Stream { return home(c.Account) }

// Also is the stream of the person who answers from now on.
func (c HandOver) Also() []audit.Stream {
	if to := home(c.Person); to != audit.Site {
		return []audit.Stream{to}
	}
	return nil
}

// Why is the reason given.
func (c HandOver) Why() string { return reason(c.Reason) }

// Why is the reason given.
func (c CloseMachine) Why() string { return reason(c.Reason) }

var (
	_ = audit.Explain("handovers_of_machines", fault.Refused, "Only the account of a machine that is in use is handed over.")
	_ = audit.Explain("handovers_to_people", fault.Refused, "Only a person at work answers for a machine.")
	_ = audit.Explain("machines_answered_for", fault.Refused, "This person answers for machines. Say who does from now on; their tokens go on working.")
)

// Machine is the account of a machine with the person who answers for it.
type Machine struct {
	ID, UserName, FullName string
	CreatedAt              time.Time
	ClosedAt               *time.Time
	Responsible            string // id
	ResponsibleName        string
	Answered               bool // that person is at work
	Live                   int  // tokens that are neither revoked nor expired
}

const machineColumns = `select m.id::text, m.user_name, m.full_name, m.created_at, m.deactivated_at, coalesce(p.id::text, ''), coalesce(p.full_name, ''),
	coalesce(p.active, false), (select count(*) from ebr.tokens t where t.account = m.id and t.revoked_at is null and t.expires_at > clock_timestamp())::int
	from ebr.people m left join ebr.people p on p.id = ebr.responsible_for(m.id, 'infinity') where m.kind = 'service' and m.id <> @server `

const (
	machinesAll = machineColumns + `order by m.deactivated_at desc nulls first, m.user_name limit 500`
	machineByID = machineColumns + `and m.id = @account`
	machinesOf  = machineColumns + `and m.active and p.id = @person order by m.user_name`
)

// Machines lists the accounts of machines; the closed ones stand last.
func Machines(ctx context.Context, q audit.Querier) ([]Machine, error) {
	return collect[Machine](ctx, q, machinesAll, pgx.NamedArgs{"server": audit.SystemPerson})
}

// MachinesOf lists the machines in use for which a person answers.
func MachinesOf(ctx context.Context, q audit.Querier, person string) ([]Machine, error) {
	return collect[Machine](ctx, q, machinesOf, pgx.NamedArgs{"server": audit.SystemPerson, "person": person})
}

const machinesUnanswered = `select count(*)::int from ebr.people m where m.kind = 'service' and m.active and m.id <> @server
	and not exists (select from ebr.people p where p.id = ebr.responsible_for(m.id, 'infinity') and p.active)`

// Unanswered counts the machines in use for which nobody at work answers: of a plant that people left before machines were handed over.
func Unanswered(ctx context.Context, q audit.Querier) (n int, err error) {
	err = q.QueryRow(ctx, machinesUnanswered, pgx.NamedArgs{"server": audit.SystemPerson}).Scan(&n)
	return n, err
}

// machine locks a machine in use.
func machine(ctx context.Context, tx *audit.Tx, account string) (m Machine, err error) {
	missing := fault.New(fault.Missing, "There is no such machine. Choose one of the list.")
	if uuid.Validate(account) != nil || len(account) != 36 {
		return m, missing
	}
	if err := tx.Lock(ctx, audit.Ref{Table: "ebr.people", ID: account}); err != nil {
		return m, err
	}
	found, err := collect[Machine](ctx, tx, machineByID, pgx.NamedArgs{"server": audit.SystemPerson, "account": account})
	switch {
	case err != nil:
		return m, err
	case len(found) == 0:
		return m, missing
	case found[0].ClosedAt != nil:
		return m, fault.New(fault.Refused, "The account of %s is closed for ever.", found[0].FullName)
	}
	return found[0], nil
}

const insertHandover = `insert into ebr.handovers (id, account, person, handed_by, handed_at) values (@id, @account, @person, @by, @now)`

// Do hands the machine over.
func (c HandOver) Do(ctx context.Context, tx *audit.Tx) error {
	if err := wanted(c.Reason); err != nil {
		return err
	}
	m, err := machine(ctx, tx, c.Account)
	if err != nil {
		return err
	}
	if home(c.Person) == audit.Site {
		return fault.At("person", "Choose who answers for the machine from now on.")
	}
	p, err := Find(ctx, tx, c.Person)
	switch {
	case err != nil:
		return err
	case p.ID == m.Responsible:
		return fault.At("person", "%s answers for this machine already.", p.FullName)
	}
	tx.Note("machine", m.FullName+" ("+m.UserName+")")
	tx.Note("responsible", p.FullName+" ("+p.UserName+")")
	tx.Result(identity.TokenMade{Account: c.Account})
	return handOver(ctx, tx, m, c.Person)
}

func handOver(ctx context.Context, tx *audit.Tx, m Machine, person string) error {
	_, err := tx.Exec(ctx, insertHandover, pgx.NamedArgs{"id": audit.NewID(), "account": m.ID, "person": person, "by": tx.Actor().Person, "now": tx.Now()})
	return err
}

// AlsoNow are the machines for which the leaver answers, and the person who does from now on: the hand-over stands in their trails, too.
func (c Deactivate) AlsoNow(ctx context.Context, q audit.Querier) (subjects []audit.Stream, err error) {
	if home(c.Person) == audit.Site {
		return nil, nil
	}
	mine, err := MachinesOf(ctx, q, c.Person)
	if to := home(c.Successor); len(mine) > 0 && to != audit.Site {
		subjects = append(subjects, to)
	}
	for _, m := range mine {
		subjects = append(subjects, identity.StreamOf(m.ID))
	}
	return subjects, err
}

// succeed hands over the machines of somebody who leaves, so that none is left without a person who answers for it.
func (c Deactivate) succeed(ctx context.Context, tx *audit.Tx) error {
	mine, err := MachinesOf(ctx, tx, c.Person)
	if err != nil || len(mine) == 0 {
		return err
	}
	var names []string
	for _, m := range mine {
		names = append(names, m.UserName)
	}
	if home(c.Successor) == audit.Site || c.Successor == c.Person {
		return fault.At("successor", "Say who answers from now on for %s.", strings.Join(names, ", "))
	}
	p, err := Find(ctx, tx, c.Successor)
	if err != nil {
		return err
	}
	for _, m := range mine {
		if !slices.Contains(tx.Also(), identity.StreamOf(m.ID)) {
			return fault.New(fault.Conflict, "This person has been given %s a moment ago. Look at the account again.", m.UserName)
		}
		if err := handOver(ctx, tx, m, c.Successor); err != nil {
			return err
		}
	}
	tx.Note("machines", strings.Join(names, " "))
	tx.Note("responsible", p.FullName+" ("+p.UserName+")")
	return nil
}

const revokeTokens = `update ebr.tokens set revoked_by = @by, revoked_at = @now, version = version + 1 where account = @account and revoked_at is null`

// Do closes the account: its tokens and their sessions end in this transaction, and neither the account nor its name is ever used again.
func (c CloseMachine) Do(ctx context.Context, tx *audit.Tx) error {
	if err := wanted(c.Reason); err != nil {
		return err
	}
	m, err := machine(ctx, tx, c.Account)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, revokeTokens, pgx.NamedArgs{"account": c.Account, "by": tx.Actor().Person, "now": tx.Now()}); err != nil {
		return err
	}
	if err := identity.EndSessions(ctx, tx, c.Account); err != nil {
		return err
	}
	tx.Note("machine", m.FullName+" ("+m.UserName+")")
	tx.Result(identity.TokenMade{Account: c.Account})
	_, err = tx.Exec(ctx, closeAccount, pgx.NamedArgs{"person": c.Account})
	return err
}

// MachineRight is what a machine could do in a period: its account, who answered for it at the end, and each token that lived then.
type MachineRight struct {
	Account, UserName, FullName string
	Responsible                 string // printed name
	From                        time.Time
	To                          *time.Time // nil: not closed
	Tokens                      []TokenRight
}

// TokenRight is a token with what decided about it. What it allowed it allowed from Good to To.
type TokenRight struct {
	Token, Account, Purpose string
	Acts                    []string
	Area                    string
	IssuedBy                string
	IssuedAt                time.Time
	ApprovedBy              string
	ApprovedAt              *time.Time // nil: not until the end of the period
	Good                    *time.Time // nil: it waited for QA until the end of the period
	To                      time.Time  // expired, revoked, closed with its account, or ended by a restore, whichever came first
}

const machinesBetween = `select p.id::text, p.user_name, p.full_name, coalesce(r.full_name, ''), p.created_at, p.deactivated_at
	from ebr.people p left join ebr.people r on r.id = ebr.responsible_for(p.id, @to)
	where p.kind = 'service' and p.id <> @server and p.created_at < @to and coalesce(p.deactivated_at, 'infinity') > @from order by p.user_name`

// A restore ends every token that was there before it.
const tokensBetween = `select t.id::text, t.account::text, t.purpose, t.acts, t.area, i.full_name, t.issued_at, coalesce(q.full_name, ''), a.approved_at,
	case when exists (select from unnest(t.acts) act where act not like '%.read') then a.approved_at else t.issued_at end, e.at
	from ebr.tokens t join ebr.people p on p.id = t.account join ebr.people i on i.id = t.issued_by
	left join ebr.token_approvals a on a.token = t.id and a.approved_at < @to left join ebr.people q on q.id = a.approved_by
	cross join lateral (select least(t.expires_at, t.revoked_at, p.deactivated_at,
		(select min(b.ended_at) from ebr.backups b where b.kind = 'restore' and b.ended_at > t.issued_at)) as at) e
	where t.issued_at < @to and e.at > greatest(@from, t.issued_at) order by t.issued_at, t.id`

// MachineRights gives the machines of a period with their tokens; like Rights, the rows say what the trail, replayed, says.
func MachineRights(ctx context.Context, q audit.Querier, from, to time.Time) ([]MachineRight, error) {
	args := pgx.NamedArgs{"from": from, "to": to, "server": audit.SystemPerson}
	rows, err := q.Query(ctx, machinesBetween, args)
	if err != nil {
		return nil, err
	}
	machines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m MachineRight, err error) {
		return m, row.Scan(&m.Account, &m.UserName, &m.FullName, &m.Responsible, &m.From, &m.To)
	})
	if err != nil {
		return nil, err
	}
	tokens, err := collect[TokenRight](ctx, q, tokensBetween, args)
	for _, t := range tokens {
		if i := slices.IndexFunc(machines, func(m MachineRight) bool { return m.Account == t.Account }); i >= 0 {
			machines[i].Tokens = append(machines[i].Tokens, t)
		}
	}
	return machines, err
}
