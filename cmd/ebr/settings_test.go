package main

import (
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/access"
	"veribatch/signatures/signtest"
)

// Every flag of serve stands in the entry of the start under the name that it has on the command line, and no password does.
func TestSettingsNameEveryFlagAndNoSecret(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&cli{})
	require.NoError(t, err)
	command, err := parser.Parse([]string{"serve", "--database", "postgres://app:very-secret@db.plant:5433/ebr?sslmode=disable", "--log", "json", "--drain-wait", "3s"})
	require.NoError(t, err)
	found := settings(&parser.Model.Target.Addr().Interface().(*cli).Serve)
	flags := 0
	for _, f := range command.Selected().Flags {
		require.Contains(t, found, "--"+f.Name)
		flags++
	}
	require.Equal(t, flags, len(found))
	require.Equal(t, "ebr on db.plant port 5433 as app", found["--database"])
	require.Equal(t, "3s", found["--drain-wait"])
	require.Equal(t, "json", found["--log"])
	for name, value := range found {
		require.NotContains(t, value, "very-secret", name)
	}
	require.NotContains(t, settings(&serveCmd{place: place{Database: "nonsense very-secret"}})["--database"], "very-secret")
}

// The entry of a start shows what was changed since the one before, also a policy that is not the one of the last start.
func TestAStartShowsBeforeAndAfter(t *testing.T) {
	t.Parallel()
	w := signtest.Empty(t)
	before, err := lastStart(w.Ctx, w.Trail)
	require.NoError(t, err)
	require.Equal(t, access.Digest(), before["policy"])
	first := settings(&serveCmd{Log: "text", DrainWait: time.Second})
	first["policy"], first["address"] = "the former one", "http://127.0.0.1:1"
	again, err := audit.Open(w.Ctx, w.DB.AppDSN)
	require.NoError(t, err)
	defer again.Close()
	require.NoError(t, again.Start(w.Ctx, first))
	before, err = lastStart(w.Ctx, w.Trail)
	require.NoError(t, err)
	now := settings(&serveCmd{Log: "json", DrainWait: time.Second, Demo: true})
	now["policy"], now["address"] = access.Digest(), "http://127.0.0.1:2"
	require.Equal(t, "--demo: false → true; --log: text → json; policy: the former one → "+access.Digest(), changed(before, now))
	require.Equal(t, "nothing", changed(now, now))
	require.Equal(t, "first start", changed(nil, now))
}
