package accounts

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/signatures/access"
)

// Right is a role that a person held in an area for some time.
type Right struct {
	Person, UserName, FullName string
	Role                       access.Role
	Area                       string
	From                       time.Time
	To                         *time.Time // nil: still held
}

// A role ends with its revocation, and with the account at the latest. A role that began and ended at one moment was never held.
const rightsBetween = `select p.id::text, p.user_name, p.full_name, r.role, r.area, r.granted_at, least(r.revoked_at, p.deactivated_at)
	from ebr.person_roles r join ebr.people p on p.id = r.person
	where r.granted_at < @to and coalesce(least(r.revoked_at, p.deactivated_at), 'infinity') > greatest(@from, r.granted_at)
	order by p.user_name, r.role, r.area, r.granted_at`

// Rights gives every role that somebody held at some time of a period: who could do what. The rows say it; the trail, replayed, says the same.
func Rights(ctx context.Context, q audit.Querier, from, to time.Time) ([]Right, error) {
	return collect[Right](ctx, q, rightsBetween, pgx.NamedArgs{"from": from, "to": to})
}

// Policy is what the roles could do, by the policy that was in force.
type Policy struct {
	Digest string
	Since  time.Time
	Matrix *access.Matrix // nil when the text is not kept: it was in force before this release kept policies
}

const policyByDigest = `select model, policy from ebr.policies where id = @id`

// PolicyAt gives the policy in force at a time: the one of the last start of the server before it. found is false when there was none.
func PolicyAt(ctx context.Context, q audit.Querier, at time.Time) (p Policy, found bool, err error) {
	starts, err := audit.History(ctx, q, audit.Filter{Act: "server.start", To: at, Limit: 1})
	if err != nil || len(starts) == 0 {
		return p, false, err
	}
	p.Digest, p.Since = starts[0].Details["policy"], starts[0].Time
	var model, text string
	err = q.QueryRow(ctx, policyByDigest, pgx.NamedArgs{"id": p.Digest}).Scan(&model, &text)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, true, nil
	}
	if err == nil {
		p.Matrix, err = access.Decide(model, text)
	}
	return p, true, err
}

const insertPolicy = `insert into ebr.policies (id, model, policy, recorded_at) values (@id, @model, @policy, @now)`

const policyKnown = `select exists (select from ebr.policies where id = @id)`

// RegisterPolicy keeps the policy of this program at its first start, so that what it allowed can still be told when another one is in force.
func RegisterPolicy(ctx context.Context, trail *audit.Trail) error {
	args := pgx.NamedArgs{"id": access.Digest(), "model": access.Model(), "policy": access.Text()}
	var known bool
	err := trail.Read(ctx, func(r *audit.Reader) error { return r.QueryRow(ctx, policyKnown, args).Scan(&known) })
	if err != nil || known {
		return err
	}
	in := audit.Intent{Session: trail.System(), Act: "policy.register", Home: audit.Site, Reason: "first start with this policy"}
	_, err = trail.Change(ctx, in, func(tx *audit.Tx) error {
		args["now"] = tx.Now()
		_, err := tx.Exec(ctx, insertPolicy, args)
		return err
	})
	return err
}
