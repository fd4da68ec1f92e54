package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"veribatch/audit"
	"veribatch/internal/fault"
)

// serveCmd is the whole configuration of the server.
type serveCmd struct {
	place
	Listen string `default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Where to serve plain HTTP (${default}): a loopback address, with port 0 for a free one."`
	Demo   bool   `help:"Fill an empty database with the demo plant: people, recipes and batches, for trying out. Every page and PDF then says so."`
}

// drainTime is how long requests under way may take to finish when the server stops.
const drainTime = 10 * time.Second

// Run serves until it is interrupted. The order matters: an address that is taken or open to the network is refused before a database
// starts, a database that could lose records before the first page, and the database stops last.
func (s *serveCmd) Run(ctx context.Context, o output) (err error) {
	listener, err := listen(ctx, s.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	db, err := s.open(ctx, o.say)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	if err := db.ready(ctx, o.say); err != nil {
		return err
	}
	trail, err := audit.Open(ctx, db.app)
	if err != nil {
		return err
	}
	defer trail.Close()
	dead, err := lastRun(ctx, trail)
	if err != nil {
		return err
	}
	defer stopped(ctx, trail)
	p, err := s.plant(ctx, trail, o)
	if err != nil {
		return err
	}
	defer p.keepIncidents(ctx, dead)()
	defer p.work(ctx)()
	fmt.Fprintf(o.out, "Veribatch is ready: http://%s\n", listener.Addr())
	return serveUntil(ctx, listener, p.site, db.exited, o)
}

// listen opens the address, which must be a loopback one: passwords and signatures do not travel in the clear over a network.
func listen(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fault.New(fault.Invalid, "--listen %s is not an address of the form HOST:PORT, such as 127.0.0.1:8080.", address)
	}
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil && host != "" {
		return nil, fault.New(fault.Invalid, "--listen %s: the host %s is not known here.", address, host).Because(err)
	}
	open := host == ""
	for _, ip := range ips {
		open = open || !ip.IP.IsLoopback()
	}
	if open {
		return nil, fault.New(fault.Invalid, "--listen %s would serve plain HTTP to the network. Use a loopback address (127.0.0.1 or [::1]) and put "+
			"a server with TLS in front of it.", address)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fault.New(fault.NotReady, "The address %s cannot be used. Is another server running there? Choose another with --listen.", address).Because(err)
	}
	return listener, nil
}

// serveUntil answers requests until ctx ends or the database is gone, then lets the requests under way finish.
func serveUntil(ctx context.Context, l net.Listener, site http.Handler, databaseGone <-chan struct{}, o output) error {
	server := &http.Server{Handler: site, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	var err error
	select {
	case err = <-failed:
		return err
	case <-databaseGone:
		err = fault.New(fault.NotReady, "PostgreSQL has ended by itself; its log folder says why. The server stops. Everything that was confirmed is kept: start it again.")
	case <-ctx.Done():
		o.say("Stopping: requests under way may finish")
	}
	drained, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if server.Shutdown(drained) != nil {
		_ = server.Close()
	}
	return err
}
