package main

import (
	"compress/gzip"
	"context"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/internal/pgtest"
	"veribatch/migrations"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/identity"
	"veribatch/signatures/keyring"
	"veribatch/signatures/signtest"
)

// A plant of First light, with its people, recipes and batches, as that release left it: after the upgrade everybody logs in as before, nobody
// signs before the identity is checked and the accountability statement signed, then running batches go on, and everything verifies.
func TestUpgradeOfFirstLight(t *testing.T) {
	w := firstLight(t)
	sound := func() {
		report, err := verifyAll(w.Ctx, w.Trail, w.Keys, "", nil)
		require.NoError(t, err)
		require.Empty(t, report.Findings)
		require.Greater(t, report.Entries, int64(50))
	}
	sound()
	person := func(user, password string) signtest.Person {
		p := signtest.Person{UserName: user, Password: password}
		require.NoError(t, w.DB.Super(t).QueryRow(w.Ctx, `select id::text, full_name from ebr.people where user_name = $1`, user).Scan(&p.ID, &p.FullName))
		p.Token = w.LogIn(p, w.Station)
		return p
	}
	sven, quinn := person("sven", "harbour lamp 23"), person("quinn", "granite stair 19")
	var running string
	require.NoError(t, w.DB.Super(t).QueryRow(w.Ctx, `select id::text from ebr.batches where state = 'running' and area = 'main' limit 1`).Scan(&running))
	abort := batch.Abort{Batch: running, Reason: "upgrade rehearsed"}
	require.ErrorContains(t, w.Sign(sven, abort), "identity")

	seen := func(who signtest.Person) accounts.ConfirmIdentity {
		return accounts.ConfirmIdentity{Person: who.ID, Document: "passport", CheckedOn: time.Now().UTC().Format(time.DateOnly)}
	}
	w.MustSign(quinn, seen(sven)) // the founding check
	require.ErrorContains(t, w.Sign(sven, abort), "accountability")
	w.MustSign(sven, accounts.Sign{Number: 1})
	w.MustSign(sven, seen(quinn))
	w.MustSign(quinn, accounts.Sign{Number: 1})
	w.MustSign(sven, abort)
	require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) error {
		rights, err := accounts.Rights(w.Ctx, r, time.Now().Add(-time.Minute), time.Now())
		require.NotEmpty(t, rights)
		for _, h := range rights {
			require.Equal(t, access.WholeSite, h.Area, "roles of the first release are held for the whole plant")
		}
		return err
	}))
	sound()
}

// firstLight is the database of the first release, brought to the schema of today and started.
func firstLight(t *testing.T) *signtest.World {
	w := &signtest.World{T: t, Ctx: context.Background(), DB: pgtest.Empty(t)}
	packed, err := os.Open("testdata/first-light.sql.gz")
	require.NoError(t, err)
	defer packed.Close()
	text, err := gzip.NewReader(packed)
	require.NoError(t, err)
	dump, err := io.ReadAll(text)
	require.NoError(t, err)
	_, err = w.DB.Super(t).Exec(w.Ctx, string(dump))
	require.NoError(t, err)
	require.NoError(t, migrations.Up(w.Ctx, w.DB.MigratorDSN, func(string) {}))
	w.Trail, err = audit.Open(w.Ctx, w.DB.AppDSN)
	require.NoError(t, err)
	t.Cleanup(w.Trail.Close)
	w.Trail.Check = access.Check
	require.NoError(t, w.Trail.Start(w.Ctx, map[string]string{"policy": access.Digest()}))
	w.Keys = t.TempDir()
	key, err := keyring.Open(w.Keys)
	require.NoError(t, err)
	former, err := signatures.RegisterKey(w.Ctx, w.Trail, key, true) // the key of the recorded plant is not part of the recording
	require.NoError(t, err)
	w.Gate, err = identity.New(w.Trail, key, identity.Settings{Params: signtest.Cheap})
	require.NoError(t, err)
	require.NoError(t, w.Gate.SealPasswords(w.Ctx, former))
	w.Desk = signatures.Desk{Trail: w.Trail, Gate: w.Gate, Key: key, Zone: time.UTC}
	w.Station = w.AddStation("Upgraded")
	return w
}
