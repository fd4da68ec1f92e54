package signtest

import (
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
)

const (
	plantSession = `insert into ebr.sessions (id, token_digest, person, station, opened_at, seen_at) values ($1, sha256($2), $3, $4, clock_timestamp(), clock_timestamp())`
	enterEntry   = `select at from audit.enter($1, null, $2, $3, '{}', '', null, null, false)`
	plantHash    = `update ebr.credentials set password_hash = $2, seal = $3, credential_version = credential_version + 1, changed_at = $4, version = version + 1 where id = $1`
)

// Seize sets the password of a person with nothing but the server's database password: a session in that person's name and the doors of the
// trail, by plain SQL. The seal is whatever the thief has.
func (w *World) Seize(person, password string, seal []byte) error {
	w.T.Helper()
	cheap := Cheap
	hash, err := argon2id.CreateHash(password, &cheap)
	require.NoError(w.T, err)
	app := w.DB.App(w.T)
	token := []byte(audit.NewToken())
	var at time.Time
	err = pgx.BeginFunc(w.Ctx, app, func(tx pgx.Tx) error {
		if _, err := tx.Exec(w.Ctx, plantSession, audit.NewID(), token, person, w.Station); err != nil {
			return err
		}
		return tx.QueryRow(w.Ctx, enterEntry, token, "session.open", "station/"+w.Station).Scan(&at)
	})
	if err != nil {
		return err
	}
	return pgx.BeginFunc(w.Ctx, app, func(tx pgx.Tx) error {
		if err := tx.QueryRow(w.Ctx, enterEntry, token, "password.change", "person/"+person).Scan(&at); err != nil {
			return err
		}
		_, err := tx.Exec(w.Ctx, plantHash, person, hash, seal, at)
		return err
	})
}
