package main

import (
	"context"

	"veribatch/audit"
)

const pruneKeys = `select audit.prune_keys()`

// pruneKeys removes request keys that are too old to be answered. They hold no record.
func (p *plant) pruneKeys(ctx context.Context) error {
	return p.trail.Operate(ctx, func(op *audit.Op) error {
		_, err := op.Exec(ctx, pruneKeys)
		return err
	})
}
