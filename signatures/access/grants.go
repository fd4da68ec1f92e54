package access

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"veribatch/audit"
)

// Grant is a role that a person holds, for the whole plant (WholeSite) or for one area.
type Grant struct {
	Role Role
	Area string
}

// Grants are all roles that a person holds, in the order in which they were granted.
type Grants []Grant

// In lists the roles that count in the area: those held for it and those held for the whole plant.
func (g Grants) In(area string) (roles []Role) {
	for _, one := range g {
		if (one.Area == area || one.Area == WholeSite) && !slices.Contains(roles, one.Role) {
			roles = append(roles, one.Role)
		}
	}
	return roles
}

// May says whether the person may do the act in the area; WholeSite asks about an act that concerns the plant as a whole.
func (g Grants) May(act, area string) bool {
	return Allowed(g.In(WholeSite), act) || area != WholeSite && slices.ContainsFunc(g, func(one Grant) bool { return one.Area == area && decided().own[one.Role][act] })
}

// Areas lists where the person may do the act: WholeSite alone for everywhere, else the areas, sorted; nothing for nowhere.
func (g Grants) Areas(act string) []string {
	if g.May(act, WholeSite) {
		return []string{WholeSite}
	}
	areas := []string{}
	for _, one := range g {
		if g.May(act, one.Area) {
			areas = append(areas, one.Area)
		}
	}
	slices.Sort(areas)
	return slices.Compact(areas)
}

// Anywhere says whether there is any place where the person may do the act. A list then shows what belongs to Areas.
func (g Grants) Anywhere(act string) bool { return len(g.Areas(act)) > 0 }

// Words lists the roles as people read them: "operator, supervisor (north)".
func (g Grants) Words() []string {
	words := make([]string, len(g))
	for i, one := range g {
		words[i] = one.Role.Title()
		if one.Area != WholeSite {
			words[i] += " (" + one.Area + ")"
		}
	}
	return words
}

const grantsOfPerson = `select role, area from ebr.person_roles where person = @person and revoked_at is null order by granted_at, role, area`

// GrantsOf reads the roles that the person holds now, with their areas.
func GrantsOf(ctx context.Context, q audit.Querier, person string) (Grants, error) {
	rows, err := q.Query(ctx, grantsOfPerson, pgx.NamedArgs{"person": person})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Grant])
}

const grantsOfPeople = `select person::text, role, area from ebr.person_roles where person = any(@people::uuid[]) and revoked_at is null order by granted_at, role, area`

// GrantsOfAll reads the roles that several people hold now, with their areas, by person.
func GrantsOfAll(ctx context.Context, q audit.Querier, people []string) (map[string]Grants, error) {
	rows, err := q.Query(ctx, grantsOfPeople, pgx.NamedArgs{"people": people})
	if err != nil {
		return nil, err
	}
	held := map[string]Grants{}
	var person string
	var one Grant
	_, err = pgx.ForEachRow(rows, []any{&person, &one.Role, &one.Area}, func() error { held[person] = append(held[person], one); return nil })
	return held, err
}

// RolesOf reads the roles that the person holds for the whole plant.
func RolesOf(ctx context.Context, q audit.Querier, person string) ([]Role, error) {
	return RolesIn(ctx, q, person, WholeSite)
}

// RolesIn reads the roles that count for the person in an area.
func RolesIn(ctx context.Context, q audit.Querier, person, area string) ([]Role, error) {
	g, err := GrantsOf(ctx, q, person)
	return g.In(area), err
}

const areasOfStreams = `select area from ebr.batches where id = any(@batches::uuid[]) union select area from ebr.recipes where id = any(@recipes::uuid[])`

// AreasOf gives the areas to which the subjects of an act belong, each once; subjects that belong to the plant as a whole, or that do not
// exist, add none. A subject "area/north" names the area itself.
func AreasOf(ctx context.Context, q audit.Querier, subjects ...audit.Stream) (areas []string, err error) {
	ids := map[string][]string{"batch": {}, "recipe": {}}
	for _, s := range subjects {
		kind, id, _ := strings.Cut(string(s), "/")
		if kind == "area" {
			areas = append(areas, id)
		} else if _, known := ids[kind]; known && uuid.Validate(id) == nil {
			ids[kind] = append(ids[kind], id)
		}
	}
	if len(ids["batch"])+len(ids["recipe"]) > 0 {
		rows, err := q.Query(ctx, areasOfStreams, pgx.NamedArgs{"batches": ids["batch"], "recipes": ids["recipe"]})
		if err != nil {
			return nil, err
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, err
		}
		areas = append(areas, found...)
	}
	slices.Sort(areas)
	return slices.Compact(areas), nil
}
