package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	checkpoints "veribatch/audit/checkpoint/keeper"
	"veribatch/internal/certificate"
	"veribatch/internal/fault"
)

// serveCmd is the whole configuration of the server.
type serveCmd struct {
	place
	door
	backupFlags
	mailFlags
	signerFlags
	witnessFlags
	vaultFlags
	VaultStatementsKey string `default:"transit/veribatch-statements" placeholder:"MOUNT/NAME" help:"Key of Vault's transit engine with which signatures of people are sealed, of type ed25519 (${default}). The site key stays a file. Empty: the site key seals them."`
	VaultDocumentKey   string `placeholder:"MOUNT/NAME" help:"Key of Vault's transit engine with which printed records are signed, of type ecdsa-p256. Without it the key is a file in the state folder."`
	VaultDatabase      string `placeholder:"MOUNT/NAME" help:"Secret of Vault's KV engine, version 2, whose field password is that of role app on the database named; read for each new connection."`

	NTP        string        `name:"ntp" placeholder:"HOST[:PORT]" help:"Time server (NTP) with which the clock of this machine is compared every minute: nobody signs while they are more than 2 s apart."`
	Log        string        `default:"text" enum:"text,json" help:"Form of the log on standard error: text or json (${default})."`
	DrainWait  time.Duration `default:"0s" placeholder:"TIME" help:"How long /readyz says 503 before the server takes no more requests, for a load balancer to notice (${default})."`
	NewSiteKey bool          `help:"Take the site key of the state folder although the plant has had another one, of which no copy is left: passwords are sealed again. Needed once."`
	Demo       bool          `help:"Fill an empty database with the demo plant: people, recipes and batches, for trying out. Every page and PDF then says so."`
}

// drainTime is how long requests under way may take to finish when the server stops: longer than any request may take.
const drainTime = 25 * time.Second

// Run serves until it is interrupted. The order matters: an address that is taken or open to the network is refused before a database
// starts, a database that could lose records before the first page, and the database stops last.
func (s *serveCmd) Run(ctx context.Context, o output) (err error) {
	keeper, seers, err := s.asked()
	if err != nil {
		return err
	}
	in, err := s.door.open(ctx, s.State)
	if err != nil {
		return err
	}
	defer in.Close()
	post, err := s.mailFlags.post(in.url())
	if err != nil {
		return err
	}
	db, err := s.open(ctx, o.say)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	if err := db.ready(ctx, o.say); err != nil {
		return err
	}
	trail, err := openTrail(ctx, db)
	if err != nil {
		return err
	}
	defer trail.Close()
	dead, err := lastRuns(ctx, trail)
	if err != nil {
		return err
	}
	defer stopped(ctx, trail, db.exited)
	p, err := s.plant(ctx, trail, in, o)
	if err != nil {
		return err
	}
	p.post = post
	signer, release, err := s.openSigner(p.key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	seers.Trail = trail
	p.signer, p.witnesses = signer, seers
	defer p.keepIncidents(ctx, dead)()
	if err := p.settle(ctx, db, keeper, s.State); err != nil {
		return err
	}
	defer p.work(ctx)()
	h := &health{plant: p, database: db.app, password: db.password}
	if in.metrics != nil {
		defer p.backstage(ctx, in.metrics, h.backRoom())()
	}
	s.announce(in, o)
	return s.serveUntil(ctx, in, h, db.exited, o)
}

// asked gives who makes backups and who sees the log, when the folder is whole and the flags are right.
func (s *serveCmd) asked() (*keeper, *checkpoints.Witnesses, error) {
	k, err := s.keep()
	if err != nil {
		return nil, nil, err
	}
	if err := s.whole(); err != nil {
		return nil, nil, err
	}
	w, err := s.witnesses()
	return k, w, err
}

// announce says where the server is, and what a person compares before trusting its certificate.
func (s *serveCmd) announce(in *entrance, o output) {
	if in.metrics != nil {
		fmt.Fprintf(o.out, "Figures and health: http://%s/metrics and /readyz\n", in.metrics.Addr())
	}
	if in.certificate != nil {
		fmt.Fprintf(o.out, "Certificate: %s\n", in.certificate)
	}
	if s.TLSOwn {
		fmt.Fprintf(o.out, "Stations trust it, and those that follow, once they have imported %s\n", filepath.Join(s.State, "tls", certificate.AuthorityFile))
	}
	fmt.Fprintf(o.out, "Veribatch is ready: %s\n", in.url())
}

// folders are where the disk must not be full: the state folder and, when it stands elsewhere, the private database.
func (s *serveCmd) folders() []string {
	folders := []string{s.State}
	if root, err := os.ReadFile(filepath.Join(s.State, "place")); err == nil && s.Database == "" {
		if elsewhere := strings.TrimSpace(string(root)); filepath.IsAbs(elsewhere) {
			folders = append(folders, elsewhere)
		}
	}
	return folders
}

// httpServer bounds what a client may send and how long it may take: one that sends a byte a minute does not hold a connection.
func (p *plant) httpServer(site http.Handler) *http.Server {
	return &http.Server{
		Handler: site, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelInfo),
	}
}

// backstage serves figures and health until the end, also while the server drains.
func (p *plant) backstage(ctx context.Context, l net.Listener, room http.Handler) (stop func()) {
	server := p.httpServer(room)
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			p.log.ErrorContext(ctx, "figures and health are not served any more", "error", err)
		}
	}()
	return func() { _ = server.Close() }
}

// serveUntil answers requests until ctx ends or the database is gone, then lets the requests under way finish.
func (s *serveCmd) serveUntil(ctx context.Context, in *entrance, h *health, databaseGone <-chan struct{}, o output) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", alive)
	mux.HandleFunc("GET /readyz", h.readyz(false))
	mux.Handle("/", h.site)
	last := &lastOrders{Handler: mux}
	server := h.httpServer(last)
	failed := make(chan error, 1)
	go func() { failed <- in.serve(server) }()
	var err error
	select {
	case err = <-failed:
		return err
	case <-databaseGone:
		err = fault.New(fault.NotReady, "PostgreSQL has ended by itself; its log folder says why. The server stops. Everything that was confirmed is kept: start it again.")
	case <-ctx.Done():
		o.say("Stopping: requests under way may finish")
		h.draining.Store(true)
		time.Sleep(s.DrainWait)
	}
	drained, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	last.call(drained)
	if server.Shutdown(drained) != nil {
		_ = server.Close()
	}
	return err
}

// serve answers requests with TLS or, on a loopback address, without.
func (e *entrance) serve(server *http.Server) error {
	if e.certificate == nil {
		return server.Serve(e.Listener)
	}
	server.TLSConfig = e.certificate.Config()
	return server.ServeTLS(e.Listener, "", "")
}
