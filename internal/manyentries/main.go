// Command manyentries fills a database that it made itself with millions of invented entries, in chains that verify, and measures how long the pages of
// the trail take there (make explorer). The log of that database bears the site of zeros, so that ebr serve and ebr verify refuse it. Nothing here is
// part of the program ebr. Start reading at run.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/postgres"
	"veribatch/migrations"
)

func main() {
	entries := flag.Int("entries", 2_000_000, "how many entries to invent")
	pages := flag.Int("pages", 100, "how many pages of each kind to measure")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *entries, *pages); err != nil {
		fmt.Fprintln(os.Stderr, "manyentries:", err)
		os.Exit(1)
	}
}

// fast settings make a database quickly; reading is not faster for them.
var fast = []string{"fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0", "checkpoint_timeout=1h",
	"max_wal_size=8GB", "shared_buffers=1GB", "maintenance_work_mem=1GB"}

func run(ctx context.Context, entries, pages int) (err error) {
	state, err := os.MkdirTemp("/tmp", "vbmany-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(state)
	if err := os.Chmod(state, 0o711); err != nil {
		return err
	}
	cluster, err := postgres.Start(ctx, postgres.Options{State: state, Settings: fast, Throwaway: true, Progress: func(string) {}})
	if err != nil {
		return err
	}
	defer func() { _ = cluster.Stop(context.WithoutCancel(ctx)) }()
	if err := migrations.Up(ctx, cluster.DSN(postgres.Migrator), func(string) {}); err != nil {
		return err
	}
	trail, err := audit.Open(ctx, cluster.DSN(postgres.App))
	if err != nil {
		return err
	}
	defer trail.Close()
	if err := trail.Start(ctx, nil); err != nil {
		return err
	}
	p, err := people(ctx, trail)
	if err != nil {
		return err
	}
	owner, err := pgx.Connect(ctx, cluster.DSN(postgres.Migrator))
	if err != nil {
		return err
	}
	defer owner.Close(context.WithoutCancel(ctx))
	start := time.Now()
	if err := fill(ctx, owner, newInventor(p, entries)); err != nil {
		return err
	}
	fmt.Printf("%d entries made in %.0f s\n", entries, time.Since(start).Seconds())
	return measure(ctx, trail, owner, p, entries, pages)
}
