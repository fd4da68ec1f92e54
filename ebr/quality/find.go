package quality

import (
	"context"

	"veribatch/audit"
)

const countOpen = `select count(*) from ebr.incidents where closed_at is null`

// CountOpen gives how many incidents are open.
func CountOpen(ctx context.Context, q audit.Querier) (n int, err error) {
	err = q.QueryRow(ctx, countOpen).Scan(&n)
	return n, err
}
