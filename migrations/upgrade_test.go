package migrations_test

import (
	"context"
	"io/fs"
	"os"
	"testing"
	"testing/fstest"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/pgtest"
	"veribatch/migrations"
	"veribatch/signatures/identity"
	"veribatch/signatures/keyring"
	"veribatch/signatures/signtest"
)

// until gives the migrations up to a number, as an older release had them.
func until(t *testing.T, last string) fs.FS {
	t.Helper()
	old := fstest.MapFS{}
	names, err := fs.Glob(os.DirFS("."), "0*.sql")
	require.NoError(t, err)
	for _, name := range names {
		if name <= last+"_~" {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			old[name] = &fstest.MapFile{Data: text}
		}
	}
	return old
}

const (
	oldPerson   = `insert into ebr.people (id, user_name, user_name_skeleton, full_name, kind, created_at) values ($1, $2, $2, $3, 'person', $4)`
	oldPassword = `insert into ebr.credentials (id, password_hash, changed_at) values ($1, $2, $3)`
)

// People of a plant from before passwords were sealed log in after the update, with the passwords that they have. Nobody becomes one of them
// afterwards: not before the first start, and not by a seal that is lost.
func TestPasswordsOfAnOlderPlantAreSealedOnce(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := pgtest.Empty(t)
	require.NoError(t, migrations.UpFrom(ctx, until(t, "00012"), db.MigratorDSN, quiet))
	start := func() *audit.Trail {
		trail, err := audit.Open(ctx, db.AppDSN)
		require.NoError(t, err)
		t.Cleanup(trail.Close)
		require.NoError(t, trail.Start(ctx, nil))
		return trail
	}
	trail := start()
	cheap := signtest.Cheap
	people := map[string]string{}
	for _, name := range []string{"anna.keller", "ben.okafor", "cleo.mann"} {
		id := audit.NewID()
		people[name] = id
		hash, err := argon2id.CreateHash("maple river "+name[:3]+" tin", &cheap)
		require.NoError(t, err)
		in := audit.Intent{Session: trail.System(), Act: "person.create", Home: identity.StreamOf(id), Reason: "older release"}
		_, err = trail.Change(ctx, in, func(tx *audit.Tx) error {
			if _, err := tx.Exec(ctx, oldPerson, id, name, "Somebody", tx.Now()); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, oldPassword, id, hash, tx.Now())
			return err
		})
		require.NoError(t, err)
	}
	require.NoError(t, migrations.UpFrom(ctx, os.DirFS("."), db.MigratorDSN, quiet))

	// Between the migration and the first start nothing becomes old: a row without its seal stands still.
	touch := func(id, act, set string) error {
		in := audit.Intent{Session: trail.System(), Act: act, Home: identity.StreamOf(id), Reason: "attack"}
		_, err := trail.Change(ctx, in, func(tx *audit.Tx) error {
			_, err := tx.Exec(ctx, `update ebr.credentials set `+set+`, version = version + 1 where id = $1`, id)
			return err
		})
		return err
	}
	require.ErrorContains(t, touch(people["cleo.mann"], "person.lock", "must_change = true"), "VB065")
	require.ErrorContains(t, touch(people["cleo.mann"], "password.seal", "seal = null"), "VB065")

	trail = start()
	key, err := keyring.Open(t.TempDir())
	require.NoError(t, err)
	gate, err := identity.New(trail, key, identity.Settings{Params: signtest.Cheap})
	require.NoError(t, err)
	waiting := func() (n int) {
		require.NoError(t, trail.Read(ctx, func(r *audit.Reader) (err error) {
			n, err = identity.VerifySeals(ctx, r, key, func(row string, why error) { t.Errorf("%s: %v", row, why) })
			return err
		}))
		return n
	}
	require.Equal(t, 3, waiting())
	for range 2 {
		require.NoError(t, gate.SealPasswords(ctx, nil))
	}
	require.Zero(t, waiting())
	for name, id := range people {
		_, err := gate.LogIn(ctx, name, "maple river "+name[:3]+" tin", audit.SystemStation)
		require.NoError(t, err, name)
		var entries []audit.Row
		require.NoError(t, trail.Read(ctx, func(r *audit.Reader) (err error) {
			entries, err = audit.History(ctx, r, audit.Filter{Subject: identity.StreamOf(id), Act: "password.seal"})
			return err
		}))
		require.Len(t, entries, 1)
	}

	// A seal that is taken away with the rights of the database's owner is not given back.
	super := db.Super(t)
	for _, sql := range []string{`alter table ebr.credentials disable trigger all`, `update ebr.credentials set seal = null`, `alter table ebr.credentials enable trigger all`} {
		_, err := super.Exec(ctx, sql)
		require.NoError(t, err)
	}
	require.NoError(t, gate.SealPasswords(ctx, nil))
	_, err = gate.LogIn(ctx, "anna.keller", "maple river ann tin", audit.SystemStation)
	require.Equal(t, fault.Unauthenticated, fault.KindOf(err))
}
