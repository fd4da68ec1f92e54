package access

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
)

// Check is the authority check of every change (21 CFR 11.10(g)): it reads the actor's roles in the transaction of the act, so that a
// right taken away counts from the next act on, and refuses with the words that the person needs. cmd sets it as audit.Trail.Check.
func Check(ctx context.Context, tx *audit.Tx) error {
	actor := tx.Actor()
	if actor.Kind == "service" {
		return decision(actor.FullName, []Role{System}, tx.Act())
	}
	roles, mustChange, err := standing(ctx, tx, actor.Person)
	if err != nil {
		return err
	}
	if roles == nil {
		return fault.New(fault.Forbidden, "The account of %s is not active. Ask your administrator.", actor.FullName)
	}
	if mustChange && !withoutNewPassword(tx.Act()) {
		return fault.New(fault.Forbidden, "%s has to set a new password first.", actor.FullName)
	}
	return decision(actor.FullName, roles, tx.Act())
}

// May says whether the person may do the act, for screens that offer or show something. What changes data is asked again by Check.
func May(ctx context.Context, q audit.Querier, person, act string) (bool, error) {
	roles, mustChange, err := standing(ctx, q, person)
	return err == nil && roles != nil && Allowed(roles, act) && (!mustChange || withoutNewPassword(act)), err
}

// withoutNewPassword lists the acts that remain to a person whose password has to be changed.
func withoutNewPassword(act string) bool {
	return act == "password.change" || strings.HasPrefix(act, "session.")
}

func decision(name string, roles []Role, act string) error {
	if Allowed(roles, act) {
		return nil
	}
	return fault.New(fault.Forbidden, "%s (%s) has no right to %s. Allowed: %s.", name, list(roles, "no role"), act, list(Who(act), "nobody"))
}

func list(roles []Role, none string) string {
	if len(roles) == 0 {
		return none
	}
	words := make([]string, len(roles))
	for i, r := range roles {
		words[i] = r.Title()
	}
	return strings.Join(words, ", ")
}

const rolesOfPerson = `select role from ebr.person_roles where person = @person and area = @area and revoked_at is null order by granted_at, role`

// RolesOf reads the roles that the person holds now, on the whole site.
func RolesOf(ctx context.Context, q audit.Querier, person string) ([]Role, error) {
	rows, err := q.Query(ctx, rolesOfPerson, pgx.NamedArgs{"person": person, "area": WholeSite})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[Role])
}

const standingOfPerson = `select coalesce(array_agg(r.role order by r.granted_at, r.role) filter (where r.role is not null), '{}'), coalesce(bool_or(c.must_change), false), count(p.id) > 0
	from ebr.people p left join ebr.credentials c on c.id = p.id
	left join ebr.person_roles r on r.person = p.id and r.area = @area and r.revoked_at is null
	where p.id = @person and p.active`

// standing reads roles and whether the password has to be changed, in one query. The roles are nil for a person who is not active, and
// empty but not nil for one who is and holds none.
func standing(ctx context.Context, q audit.Querier, person string) (roles []Role, mustChange bool, err error) {
	var names []string
	var active bool
	err = q.QueryRow(ctx, standingOfPerson, pgx.NamedArgs{"person": person, "area": WholeSite}).Scan(&names, &mustChange, &active)
	if err != nil || !active {
		return nil, mustChange, err
	}
	roles = make([]Role, len(names))
	for i, n := range names {
		roles[i] = Role(n)
	}
	return roles, mustChange, nil
}

const grantRole = `insert into ebr.person_roles (id, person, role, area, granted_at) values (@id, @person, @role, @area, @now)`

const revokeRole = `update ebr.person_roles set revoked_at = @now, version = version + 1
	where person = @person and role = @role and area = @area and revoked_at is null`

var (
	_ = audit.Explain("person_roles_compatible", fault.Conflict,
		"One person cannot hold these roles together (separation of duties). Give the roles to two persons.")
	_ = audit.Explain("person_roles_once", fault.Conflict, "Someone gave this role to the person just now. Reload to see it.")
)

// SetRoles makes the given roles the ones that the person holds: it revokes what is not named, then grants what is new. Nothing is
// deleted: a role that was held stays readable with both dates.
func SetRoles(ctx context.Context, tx *audit.Tx, person string, roles []Role) error {
	if err := Compatible(roles); err != nil {
		return err
	}
	if err := tx.Lock(ctx, audit.Ref{Table: "ebr.people", ID: person}); err != nil {
		return err
	}
	held, err := RolesOf(ctx, tx, person)
	if err != nil {
		return err
	}
	for _, change := range []struct {
		sql         string
		these, from []Role
	}{{revokeRole, held, roles}, {grantRole, roles, held}} {
		for _, r := range without(change.these, change.from) {
			_, err := tx.Exec(ctx, change.sql, pgx.NamedArgs{"id": audit.NewID(), "person": person, "role": r, "area": WholeSite, "now": tx.Now()})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// without gives the roles that stand in these and not in others.
func without(these, others []Role) (left []Role) {
	for _, r := range these {
		if !slices.Contains(others, r) {
			left = append(left, r)
		}
	}
	return left
}
