package batch

import (
	"context"

	"veribatch/audit"
)

// Concern says what stands open about a batch beside its steps, one sentence each. It forbids nothing: who completes the batch reads and signs it.
type Concern func(ctx context.Context, q audit.Querier, batch string) ([]string, error)

// concerns are asked when a batch is completed. Written by AddConcern in package init only.
var concerns []Concern

// AddConcern registers a concern of a package that follows a batch; this one does not know it.
func AddConcern(c Concern) struct{} {
	concerns = append(concerns, c)
	return struct{}{}
}

// guard asks what stands open, for the statement.
func (c Complete) guard(ctx context.Context, q audit.Querier, b *Batch) error {
	b.concerns = nil
	for _, open := range concerns {
		more, err := open(ctx, q, b.ID)
		if err != nil {
			return err
		}
		b.concerns = append(b.concerns, more...)
	}
	return nil
}
