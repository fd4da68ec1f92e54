package main

import (
	"context"

	"veribatch/audit"
)

const (
	pruneKeys     = `select audit.prune_keys()`
	pruneSessions = `select audit.prune_sessions()`
)

// pruneKeys removes request keys that are too old to be answered. They hold no record.
func (p *plant) pruneKeys(ctx context.Context) error { return p.prune(ctx, pruneKeys) }

// pruneSessions ends what was left open, and removes sessions and tickets that ended long ago.
func (p *plant) pruneSessions(ctx context.Context) error {
	if err := p.gate.CloseForgotten(ctx); err != nil {
		return err
	}
	return p.prune(ctx, pruneSessions)
}

func (p *plant) prune(ctx context.Context, sql string) error {
	return p.trail.Operate(ctx, func(op *audit.Op) error {
		_, err := op.Exec(ctx, sql)
		return err
	})
}
