package access

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/language"
	"veribatch/signatures/configuration"
)

// Check is the authority check of every change (21 CFR 11.10(g)): it reads the actor's roles in the transaction of the act, so that a
// right taken away counts from the next act on, and refuses with the words that the person needs. A role that is held for an area counts for
// acts whose subjects belong to it. cmd sets it as audit.Trail.Check.
func Check(ctx context.Context, tx *audit.Tx) error {
	actor := tx.Actor()
	var grants Grants
	var mustChange bool
	var err error
	switch {
	case actor.Person == audit.SystemPerson:
		return decision(actor.FullName, Grants{{System, WholeSite}}, tx.Act(), WholeSite)
	case actor.Kind == "service":
		grants, err = grantsOfToken(ctx, tx)
	default:
		if _, err = tx.Exec(ctx, stillHere, pgx.NamedArgs{"person": actor.Person}); err == nil {
			grants, mustChange, err = standing(ctx, tx, actor.Person)
		}
	}
	if err != nil {
		return err
	}
	if grants == nil {
		return fault.New(fault.Forbidden, "The account of %s is not active. Ask your administrator.", actor.FullName)
	}
	if mustChange && !withoutNewPassword(tx.Act()) {
		return fault.New(fault.Forbidden, "%s has to set a new password first.", actor.FullName)
	}
	if grants.May(tx.Act(), WholeSite) || !grants.Anywhere(tx.Act()) {
		return decision(actor.FullName, grants, tx.Act(), WholeSite)
	}
	areas, err := AreasOf(ctx, tx, append([]audit.Stream{tx.Home()}, tx.Also()...)...)
	if err != nil {
		return err
	}
	subject := tx.Home()
	if also := tx.Also(); len(also) > 0 { // what the act makes is not there yet: it belongs where that belongs from which it is made
		if own, err := AreasOf(ctx, tx, subject); err != nil {
			return err
		} else if len(own) == 0 {
			subject = also[0]
		}
	}
	return judge(actor.FullName, grants, tx.Act(), areas, subject, tx.Ticket() == "")
}

// judge decides an act of somebody who holds the right in some area. What belongs only to areas in which the person may not even read is not
// there for this person (hide); the audit trail gets the reason. A signer looks at a statement that the session's person may read, so nothing is hidden then.
func judge(name string, g Grants, act string, areas []string, subject audit.Stream, hide bool) error {
	kind, _, _ := strings.Cut(string(subject), "/")
	if len(areas) == 0 && (kind == "batch" || kind == "recipe") {
		return nil // it does not exist, and the act itself says so
	}
	if len(areas) == 0 {
		areas = []string{WholeSite}
	}
	var why error
	for _, area := range areas {
		err := decision(name, g, act, area)
		if why == nil {
			why = err
		}
		hide = hide && err != nil && !g.May("batch.read", area) && !g.May("recipe.read", area) && area != WholeSite
	}
	if why != nil && hide {
		return Unknown(string(subject)).Because(why)
	}
	return why
}

// Unknown says that a batch or recipe is not there, in the same words for one that does not exist and one of an area that the person may not see:
// whoever tries numbers learns nothing.
func Unknown(subject string) *fault.Error {
	switch kind, _, _ := strings.Cut(subject, "/"); kind {
	case "recipe":
		return fault.New(fault.Missing, "There is no such version of a recipe. Open it from the list of recipes.")
	case "building block":
		return fault.New(fault.Missing, "There is no such building block. Open it from the list of building blocks.")
	case "area":
		return fault.New(fault.Missing, "There is no such area. Choose one of the list.")
	}
	return fault.New(fault.Missing, "There is no such batch. Open it from the list of batches.")
}

// Reads judges a look at one subject, as Check judges acts: nil, Forbidden, or Unknown when it is in an area that the person may not see.
func Reads(ctx context.Context, q audit.Querier, name string, g Grants, act string, subject audit.Stream) (area string, err error) {
	areas, err := AreasOf(ctx, q, subject)
	if err != nil || len(areas) == 0 {
		return "", err
	}
	if !g.Anywhere(act) {
		return areas[0], nil // the caller refuses, whether the subject exists or not
	}
	return areas[0], judge(name, g, act, areas, subject, true)
}

// May says whether there is any area in which the person may do the act, for screens that offer or show something. What changes data is
// asked again by Check.
func May(ctx context.Context, q audit.Querier, person, act string) (bool, error) {
	grants, mustChange, err := standing(ctx, q, person)
	return err == nil && grants != nil && grants.Anywhere(act) && (!mustChange || withoutNewPassword(act)), err
}

// withoutNewPassword lists the acts that remain to a person whose password has to be changed.
func withoutNewPassword(act string) bool {
	return act == "password.change" || strings.HasPrefix(act, "session.")
}

func decision(name string, g Grants, act, area string) error {
	if g.May(act, area) {
		return nil
	}
	var where language.Text
	switch {
	case area != WholeSite:
		where = language.Write(" in the area %s", area)
	case g.Anywhere(act) || Allowed(rolesOf(g), act):
		where = language.Write(" for the whole plant")
	}
	return fault.New(fault.Forbidden, "%s (%s) has no right to %s%s. Allowed: %s.", name, joined(g.Words(), "no role"), act, where, list(Who(act)))
}

// rolesOf lists the roles without their areas.
func rolesOf(g Grants) []Role {
	roles := make([]Role, len(g))
	for i, one := range g {
		roles[i] = one.Role
	}
	return roles
}

func list(roles []Role) language.Text {
	if len(roles) == 0 {
		return language.Write("nobody")
	}
	words := make([]language.Word, len(roles))
	for i, r := range roles {
		words[i] = language.Word(r.Title())
	}
	return language.Join(words, ", ")
}

func joined(words []string, none string) string {
	if len(words) == 0 {
		return none
	}
	return strings.Join(words, ", ")
}

const standingOfPerson = `select coalesce(array_agg(r.role || ' ' || r.area order by r.granted_at, r.role, r.area) filter (where r.role is not null), '{}'),
	coalesce(bool_or(c.must_change), false), count(p.id) > 0, coalesce(extract(epoch from clock_timestamp() - max(c.changed_at)), 0)::float8,
	coalesce((select number from ebr.configuration_in_force), 0), (select settings from ebr.configuration_in_force)
	from ebr.people p left join ebr.credentials c on c.id = p.id left join ebr.person_roles r on r.person = p.id and r.revoked_at is null
	where p.id = @person and p.active`

// stillHere holds the person until the act is done. Who takes a role away or closes an account locks the same row: either this act is committed
// before that, or it finds the right gone. It is a statement of its own, because one that waited would still read the roles from before.
const stillHere = `select from ebr.people where id = @person for share`

// standing reads roles and whether the password has to be changed, in one query. The roles are nil for a person who is not active, and
// empty but not nil for one who is and holds none.
func standing(ctx context.Context, q audit.Querier, person string) (grants Grants, mustChange bool, err error) {
	var held []string
	var active bool
	var used float64 // seconds since the password was set
	var number int
	var values map[string]string
	err = q.QueryRow(ctx, standingOfPerson, pgx.NamedArgs{"person": person}).Scan(&held, &mustChange, &active, &used, &number, &values)
	if err != nil || !active {
		return nil, mustChange, err
	}
	settings, err := configuration.Of(number, values)
	if err != nil {
		return nil, mustChange, err
	}
	mustChange = mustChange || settings.PasswordTooOld(used)
	grants = make(Grants, len(held))
	for i, h := range held {
		role, area, _ := strings.Cut(h, " ")
		grants[i] = Grant{Role(role), area}
	}
	return grants, mustChange, nil
}

const grantRole = `insert into ebr.person_roles (id, person, role, area, granted_at) values (@id, @person, @role, @area, @now)`

const revokeRole = `update ebr.person_roles set revoked_at = @now, version = version + 1
	where person = @person and role = @role and area = @area and revoked_at is null`

var (
	_ = audit.Explain("person_roles_compatible", fault.Conflict,
		"One person cannot hold these roles together (separation of duties). Give the roles to two persons.")
	_ = audit.Explain("person_roles_once", fault.Conflict, "Someone gave this role to the person just now. Reload to see it.")
	_ = audit.Explain("person_roles_known_area", fault.Invalid, "There is no such area. Choose one of the list.")
)

// SetRoles makes the given roles the ones that the person holds for the whole plant; see SetRolesIn.
func SetRoles(ctx context.Context, tx *audit.Tx, person string, roles []Role) error {
	return SetRolesIn(ctx, tx, person, WholeSite, roles)
}

// SetRolesIn makes the given roles the ones that the person holds for the area (WholeSite for the whole plant); roles held for other areas stay. It
// revokes what is not named, then grants what is new. Nothing is deleted: a role that was held stays readable with both dates. Roles that
// exclude each other do so across all areas.
func SetRolesIn(ctx context.Context, tx *audit.Tx, person, area string, roles []Role) error {
	if err := Compatible(roles); err != nil {
		return err
	}
	if err := tx.Lock(ctx, audit.Ref{Table: "ebr.people", ID: person}); err != nil {
		return err
	}
	grants, err := GrantsOf(ctx, tx, person)
	if err != nil {
		return err
	}
	var held []Role
	all := slices.Clone(roles)
	for _, g := range grants {
		if g.Area == area {
			held = append(held, g.Role)
		} else if !slices.Contains(all, g.Role) {
			all = append(all, g.Role)
		}
	}
	if err := Compatible(all); err != nil {
		return err
	}
	for _, change := range []struct {
		sql         string
		these, from []Role
	}{{revokeRole, held, roles}, {grantRole, roles, held}} {
		for _, r := range without(change.these, change.from) {
			_, err := tx.Exec(ctx, change.sql, pgx.NamedArgs{"id": audit.NewID(), "person": person, "role": r, "area": area, "now": tx.Now()})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Add gives the person one role more in an area.
func Add(ctx context.Context, tx *audit.Tx, person, area string, role Role) error {
	held, err := heldIn(ctx, tx, person, area)
	switch {
	case err != nil:
		return err
	case slices.Contains(held, role):
		return fault.At("roles", "This person holds the role %s there already.", language.Word(role.Title()))
	}
	return SetRolesIn(ctx, tx, person, area, append(held, role))
}

// Remove takes one role away in an area.
func Remove(ctx context.Context, tx *audit.Tx, person, area string, role Role) error {
	held, err := heldIn(ctx, tx, person, area)
	switch {
	case err != nil:
		return err
	case !slices.Contains(held, role):
		return fault.At("roles", "This person does not hold the role %q there.", string(role))
	}
	return SetRolesIn(ctx, tx, person, area, without(held, []Role{role}))
}

// RemoveAll takes all roles of all areas away.
func RemoveAll(ctx context.Context, tx *audit.Tx, person string) error {
	_, err := tx.Exec(ctx, revokeAll, pgx.NamedArgs{"person": person, "now": tx.Now()})
	return err
}

const revokeAll = `update ebr.person_roles set revoked_at = @now, version = version + 1 where person = @person and revoked_at is null`

// heldIn lists the roles held for exactly this area.
func heldIn(ctx context.Context, q audit.Querier, person, area string) (roles []Role, err error) {
	grants, err := GrantsOf(ctx, q, person)
	for _, g := range grants {
		if g.Area == area {
			roles = append(roles, g.Role)
		}
	}
	return roles, err
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
