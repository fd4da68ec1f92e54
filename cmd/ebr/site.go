package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
	"veribatch/signatures/keyring"
	"veribatch/web"
)

// idle is how long a station may stand untouched before it locks.
const idle = 15 * time.Minute

// site starts the trail, the gate and the signing desk over it, and builds everything that answers requests.
func (s *serveCmd) site(ctx context.Context, trail *audit.Trail, o output) (http.Handler, error) {
	if err := web.AssetsMissing(); err != nil {
		return nil, err
	}
	version, revision := build()
	trail.Check = access.Check
	if err := trail.Start(ctx, map[string]string{"version": version, "revision": revision, "policy": access.Digest()}); err != nil {
		return nil, err
	}
	key, err := keyring.Open(filepath.Join(s.State, "keys"))
	if err != nil {
		return nil, err
	}
	if err := signatures.RegisterKey(ctx, trail, key); err != nil {
		return nil, err
	}
	gate, err := identity.New(trail, identity.Settings{Idle: idle})
	if err != nil {
		return nil, err
	}
	desk := signatures.Desk{Trail: trail, Gate: gate, Key: key}
	people, err := s.people(ctx, trail, gate, desk, o)
	if err != nil {
		return nil, err
	}
	pages, err := web.New(web.Config{
		Trail: trail, Gate: gate, Desk: desk, Keyring: key, Log: slog.New(slog.NewTextHandler(o.err, nil)), Site: "Veribatch", Version: version,
		Idle: idle, Demo: people,
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.Handle("/", pages)
	return mux, nil
}

// people makes sure that somebody can log in: the demo plant's people, or the first administrator by a one-time token printed here.
// A demo plant stays one, also when it is served without --demo.
func (s *serveCmd) people(ctx context.Context, trail *audit.Trail, gate *identity.Gate, desk signatures.Desk, o output) ([]web.DemoPerson, error) {
	demo, empty, err := isDemo(ctx, trail)
	switch {
	case err != nil:
		return nil, fault.New(fault.NotReady, "The people of this plant cannot be read.").Because(err)
	case s.Demo || demo: // one that was interrupted is completed
		return demoList(), seedDemo(ctx, trail, gate, desk, o.say)
	case empty:
		token, err := gate.FirstToken(ctx)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(o.out, "This plant has no people yet. Make the first administrator at /first with the one-time token %s\n", token)
	}
	return nil, nil
}
