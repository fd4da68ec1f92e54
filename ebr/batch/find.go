package batch

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
)

const batchByNumber = `select id::text from ebr.batches where number = @number and array['*', area] && @areas`

// FindNumber gives the id of the batch with a number, as people write it ("b-2026-000017" too), among the batches of the areas.
func FindNumber(ctx context.Context, q audit.Querier, areas []string, number string) (id string, err error) {
	err = q.QueryRow(ctx, batchByNumber, pgx.NamedArgs{"number": strings.ToUpper(strings.TrimSpace(number)), "areas": areas}).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", missing()
	}
	return id, err
}
