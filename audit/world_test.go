package audit_test

import (
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/pgtest"
)

// long turns on the full length of the race tests (make evidence).
var long = os.Getenv("VERIBATCH_LONG") != ""

// world is a started trail on a database of its own, with one person logged in.
type world struct {
	*audit.Trail
	t     *testing.T
	ctx   context.Context
	db    *pgtest.DB
	anna  string // person
	token string // anna's session
}

func setup(t *testing.T) *world {
	t.Helper()
	db := pgtest.New(t)
	ctx := context.Background()
	trail, err := audit.Open(ctx, db.AppDSN+"&pool_max_conns=32")
	require.NoError(t, err)
	t.Cleanup(trail.Close)
	require.NoError(t, trail.Start(ctx, map[string]string{"version": "test"}))
	w := &world{Trail: trail, t: t, ctx: ctx, db: db}
	w.anna = w.person("anna", "Anna Berg")
	w.token = w.logIn(w.anna)
	return w
}

const insertPerson = `insert into ebr.people (id, user_name, user_name_skeleton, full_name, kind, created_at) values ($1, $2, $2, $3, 'person', $4)`

func (w *world) person(user, name string) string {
	w.t.Helper()
	id := audit.NewID()
	_, err := w.Change(w.ctx, audit.Intent{Session: w.System(), Act: "person.create", Home: audit.Stream("person/" + id)}, func(tx *audit.Tx) error {
		_, err := tx.Exec(w.ctx, insertPerson, id, user, name, tx.Now())
		return err
	})
	require.NoError(w.t, err)
	return id
}

func (w *world) logIn(person string) string {
	w.t.Helper()
	open := &audit.Opening{ID: audit.NewID(), Token: audit.NewToken(), Person: person, Station: audit.SystemStation}
	in := audit.Intent{Session: open.Token, Act: "session.open", Home: "station/" + audit.SystemStation, Also: []audit.Stream{audit.Stream("person/" + person)}, Opens: open}
	_, err := w.Change(w.ctx, in, func(*audit.Tx) error { return nil })
	require.NoError(w.t, err)
	return open.Token
}

const insertStation = `insert into ebr.stations (id, name) values ($1, $2)`

// station adds a record row under a fresh stream and returns its id.
func (w *world) station(name string) string {
	w.t.Helper()
	id := audit.NewID()
	_, err := w.Change(w.ctx, w.intent("station/"+id), func(tx *audit.Tx) error {
		_, err := tx.Exec(w.ctx, insertStation, id, name)
		return err
	})
	require.NoError(w.t, err)
	return id
}

func (w *world) intent(home string) audit.Intent {
	return audit.Intent{Session: w.token, Act: "station.register", Home: audit.Stream(home), Reason: "test"}
}

// rename changes an existing station.
func (w *world) rename(id, name string) error {
	_, err := w.Change(w.ctx, w.intent("station/"+id), func(tx *audit.Tx) error {
		_, err := tx.Exec(w.ctx, `update ebr.stations set name = $2, version = version + 1 where id = $1`, id, name)
		return err
	})
	return err
}

func (w *world) verify() audit.Report {
	w.t.Helper()
	report, err := w.Verify(w.ctx)
	require.NoError(w.t, err)
	return report
}

func (w *world) history(f audit.Filter) (rows []audit.Row) {
	w.t.Helper()
	require.NoError(w.t, w.Read(w.ctx, func(r *audit.Reader) (err error) {
		rows, err = audit.History(w.ctx, r, f)
		return err
	}))
	return rows
}

func (w *world) count(sql string, args ...any) (n int64) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 10*time.Second)
	defer cancel()
	require.NoError(w.t, w.Read(ctx, func(r *audit.Reader) error { return r.QueryRow(ctx, sql, args...).Scan(&n) }))
	return n
}

// keep stores content under an entry of its own.
func (w *world) keep(content []byte) {
	w.t.Helper()
	_, err := w.Change(w.ctx, w.intent("site/main"), func(tx *audit.Tx) error {
		_, err := tx.Keep(w.ctx, content)
		return err
	})
	require.NoError(w.t, err)
}

func unmarshal(raw json.RawMessage, v any) error { return json.Unmarshal(raw, v) }
