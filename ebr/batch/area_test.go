package batch_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/access"
)

// A batch stands in the area of its recipe for ever, whoever writes to the table.
func TestAreaOfABatchIsFixed(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	p.order()
	c := access.CreateArea{Code: "south", Title: "South", Reason: "a second site"}
	_, err := p.Trail.Change(p.Ctx, audit.Intent{Session: p.Admin.Token, Act: c.Act(), Home: c.Home()}, func(tx *audit.Tx) error { return c.Do(p.Ctx, tx) })
	require.NoError(t, err)
	for name, sql := range map[string]string{
		"moved": `update ebr.batches set area = 'south', version = version + 1`,
		"born elsewhere": `insert into ebr.batches (id, number, order_number, recipe_version, state, steps, ordered_at, area)
			select gen_random_uuid(), 'B-2026-900000', 'PO-elsewhere', recipe_version, 'ordered', 1, ordered_at, 'south' from ebr.batches limit 1`,
		"its recipe moved": `update ebr.recipes set area = 'south', version = version + 1`,
	} {
		in := audit.Intent{Session: p.Trail.System(), Act: "person.create", Home: audit.Site}
		_, err := p.Trail.Change(p.Ctx, in, func(tx *audit.Tx) error {
			_, err := tx.Exec(p.Ctx, sql)
			return err
		})
		var pg *pgconn.PgError
		require.True(t, errors.As(err, &pg), "%s: %v", name, err)
		require.Contains(t, []string{"VB040", "42501"}, pg.Code, "%s: %s", name, pg.Message)
	}
}
