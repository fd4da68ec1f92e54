package main

import (
	"context"
	"log/slog"
	"time"

	"veribatch/audit"
)

// daily is how often the server tidies up.
const daily = 24 * time.Hour

const pruneKeys = `select audit.prune_keys()`

// tidy prunes what no rule needs any more: request keys that are too old to be answered. They hold no record.
func tidy(ctx context.Context, trail *audit.Trail) (pruned int64, err error) {
	err = trail.Operate(ctx, func(op *audit.Op) error { return op.QueryRow(ctx, pruneKeys).Scan(&pruned) })
	return pruned, err
}

// keepTidy tidies up now and then again after each interval, until ctx ends. What fails is logged and tried again the next time.
func keepTidy(ctx context.Context, trail *audit.Trail, every time.Duration, log *slog.Logger) {
	next := time.NewTicker(every)
	defer next.Stop()
	for {
		if pruned, err := tidy(ctx, trail); err != nil {
			log.ErrorContext(ctx, "old request keys could not be pruned", "error", err)
		} else if pruned > 0 {
			log.InfoContext(ctx, "old request keys pruned", "keys", pruned)
		}
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
	}
}

// tidying runs keepTidy beside the server; what it gives ends it and waits for it.
func tidying(ctx context.Context, trail *audit.Trail, log *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		keepTidy(ctx, trail, daily, log)
	}()
	return func() { cancel(); <-ended }
}
