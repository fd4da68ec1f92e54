package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"veribatch/audit"
	"veribatch/audit/merkle"
)

// logJob names the sequencer where jobs are counted and their incidents named.
const logJob = "log"

func (p *plant) newSequencer() *merkle.Sequencer {
	return &merkle.Sequencer{Trail: p.trail, Failed: p.logFailed}
}

func (p *plant) logFailed(ctx context.Context, why error) {
	p.log.ErrorContext(ctx, "entries do not come into the log", "error", why)
	p.jobFailed(ctx, logJob, why)
}

// logEntries keeps the log over all streams up with the trail until ctx ends; a panic of it must not end that.
func (p *plant) logEntries(ctx context.Context) {
	for ctx.Err() == nil {
		if err := safely(ctx, func(ctx context.Context) error { p.sequencer.Run(ctx); return nil }); err != nil {
			p.logFailed(ctx, err)
			pause(ctx, time.Second)
		}
	}
}

// sendLog gives the figures of the log.
func sendLog(ctx context.Context, q audit.Querier, send func(*prometheus.Desc, int64)) error {
	f, err := merkle.Watch(ctx, q)
	if err != nil {
		return err
	}
	send(logGauge, f.Size)
	send(queueGauge, f.Queue)
	send(unloggedGauge, f.Oldest.Milliseconds())
	return nil
}
