package identity

import (
	"context"
	"errors"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/plaintext"
)

// Length of a station's name in characters.
const (
	minStationName = 2
	maxStationName = 60
)

// NewStation is the command station.register: a place with a screen at which people work. Its home stream is StationStream(ID).
type NewStation struct {
	ID   string `json:"id"` // minted before the transaction
	Name string `json:"name"`
}

const insertStation = `insert into ebr.stations (id, name) values (@id, @name)`

var _ = audit.Explain("stations_name_key", fault.Conflict, "There is a station of this name already. Give this one another name.")

// RegisterStation makes a station; the name stands on its label and in the header of every page.
func RegisterStation(ctx context.Context, tx *audit.Tx, c NewStation) error {
	name, err := ParseStationName(c.Name)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, insertStation, pgx.NamedArgs{"id": c.ID, "name": name})
	return err
}

// ParseStationName judges the name of a new station. Errors stand at the field "station".
func ParseStationName(raw string) (string, error) {
	name, err := plaintext.Clean("station", raw, maxStationName)
	if err == nil && utf8.RuneCountInString(name) < minStationName {
		err = fault.At("station", "Give this station a name, as on its label.")
	}
	return name, err
}

// StationName reads the name of a station; "" when there is no such station.
func StationName(ctx context.Context, q audit.Querier, station string) (name string, err error) {
	err = q.QueryRow(ctx, stationName, pgx.NamedArgs{"station": station}).Scan(&name)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return name, err
}

// Anybody tells whether the plant has a person already; before that only the first administrator can be made.
func Anybody(ctx context.Context, q audit.Querier) (exists bool, err error) {
	err = q.QueryRow(ctx, anybody).Scan(&exists)
	return exists, err
}
