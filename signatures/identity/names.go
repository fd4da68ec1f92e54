package identity

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
)

const personByName = `select id::text from ebr.people where user_name = @name`

// FindName gives the id of the person, or of the server's own account, with a user name.
func FindName(ctx context.Context, q audit.Querier, userName string) (person string, err error) {
	err = q.QueryRow(ctx, personByName, pgx.NamedArgs{"name": Lookup(userName)}).Scan(&person)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", fault.New(fault.Missing, "There is no person with this user name.")
	}
	return person, err
}

const stationByName = `select id::text from ebr.stations where name = @name`

// FindStation gives the id of the station with a name.
func FindStation(ctx context.Context, q audit.Querier, name string) (station string, err error) {
	err = q.QueryRow(ctx, stationByName, pgx.NamedArgs{"name": name}).Scan(&station)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", fault.New(fault.Missing, "There is no station with this name.")
	}
	return station, err
}

const namesByID = `select id::text, full_name from ebr.people where id = any(@ids::uuid[]) union all select id::text, name from ebr.stations where id = any(@ids::uuid[])`

// Names gives the printed names of people and stations by id, for screens that show the trail.
func Names(ctx context.Context, q audit.Querier, ids []string) (map[string]string, error) {
	rows, err := q.Query(ctx, namesByID, pgx.NamedArgs{"ids": ids})
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	var id, name string
	_, err = pgx.ForEachRow(rows, []any{&id, &name}, func() error { names[id] = name; return nil })
	return names, err
}
