package access

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
)

const scopeOfToken = `select acts, area from ebr.tokens where id = @token and account = @person and revoked_at is null and expires_at > clock_timestamp() for share`

// grantsOfToken gives what a machine holds: the role machine in the area of its token. An act that the token does not name is refused here. The
// token is read in the transaction of the act, so that one that was revoked opens nothing any more.
func grantsOfToken(ctx context.Context, tx *audit.Tx) (Grants, error) {
	var acts []string
	var area string
	actor := tx.Actor()
	err := tx.QueryRow(ctx, scopeOfToken, pgx.NamedArgs{"token": tx.Session(), "person": actor.Person}).Scan(&acts, &area)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fault.New(fault.Forbidden, "%s has no token that is good now.", actor.FullName)
	}
	if err == nil && !slices.Contains(acts, tx.Act()) {
		return nil, fault.New(fault.Forbidden, "The token of %s does not cover %s.", actor.FullName, tx.Act())
	}
	return Grants{{Machine, area}}, err
}
