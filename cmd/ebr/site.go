package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"veribatch/audit"
	"veribatch/ebr/quality"
	"veribatch/internal/fault"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
	"veribatch/signatures/keyring"
	"veribatch/web"
)

// lookForWork and retryWork are the pace of the server's own jobs.
const (
	lookForWork = time.Minute
	retryWork   = 15 * time.Minute
)

// plant is what the pages, the jobs and the watches of this server share.
type plant struct {
	trail *audit.Trail
	gate  *identity.Gate
	desk  signatures.Desk
	key   *keyring.File
	log   *slog.Logger
	site  http.Handler // answers requests

	incidents *quality.Book
}

// plant starts the trail, the gate and the signing desk over it, and builds everything that answers requests.
func (s *serveCmd) plant(ctx context.Context, trail *audit.Trail, o output) (*plant, error) {
	if err := web.AssetsMissing(); err != nil {
		return nil, err
	}
	version, revision := build()
	trail.Check = access.Check
	if err := trail.Start(ctx, map[string]string{"version": version, "revision": revision, "policy": access.Digest()}); err != nil {
		return nil, err
	}
	p := &plant{trail: trail, log: slog.New(slog.NewTextHandler(o.err, nil))}
	p.incidents = quality.NewBook(trail, s.incidents(), p.log)
	var err error
	if p.key, err = keyring.Open(filepath.Join(s.State, "keys")); err != nil {
		return nil, err
	}
	if err := signatures.RegisterKey(ctx, trail, p.key); err != nil {
		return nil, err
	}
	if p.gate, err = identity.New(trail, identity.Settings{}); err != nil {
		return nil, err
	}
	p.desk = signatures.Desk{Trail: trail, Gate: p.gate, Key: p.key}
	demo, err := s.people(ctx, p, o)
	if err != nil {
		return nil, err
	}
	pages, err := web.New(web.Config{
		Trail: trail, Gate: p.gate, Desk: p.desk, Keyring: p.key, Log: p.log, Site: "Veribatch", Version: version, Demo: demo,
		Incident: p.incidents.Report,
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.Handle("/", pages)
	p.site = mux
	return p, nil
}

// people makes sure that somebody can log in: the demo plant's people, or the first administrator by a one-time token printed here.
// A demo plant stays one, also when it is served without --demo.
func (s *serveCmd) people(ctx context.Context, p *plant, o output) ([]web.DemoPerson, error) {
	demo, empty, err := isDemo(ctx, p.trail)
	switch {
	case err != nil:
		return nil, fault.New(fault.NotReady, "The people of this plant cannot be read.").Because(err)
	case s.Demo || demo: // one that was interrupted is completed
		return demoList(), seedDemo(ctx, p.trail, p.gate, p.desk, o.say)
	case empty:
		token, err := p.gate.FirstToken(ctx)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(o.out, "This plant has no people yet. Make the first administrator at /first with the one-time token %s\n", token)
	}
	return nil, nil
}
