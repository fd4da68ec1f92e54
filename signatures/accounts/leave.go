package accounts

import (
	"context"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
)

const closeAccount = `update ebr.people set active = false, version = version + 1 where id = @person`

// Do closes the account: roles, sessions at every station and open invitations end in this transaction, so the next request of the person
// is refused, and so is a signature that was under way.
func (c Deactivate) Do(ctx context.Context, tx *audit.Tx) error {
	if err := wanted(c.Reason); err != nil {
		return err
	}
	p, err := atWork(ctx, tx, c.Person)
	if err != nil {
		return err
	}
	if tx.Actor().Person == c.Person {
		return fault.New(fault.Refused, "Nobody closes the own account. Ask another administrator.")
	}
	if err := c.succeed(ctx, tx); err != nil {
		return err
	}
	if err := access.RemoveAll(ctx, tx, c.Person); err != nil {
		return err
	}
	if err := identity.EndSessions(ctx, tx, c.Person); err != nil {
		return err
	}
	if err := identity.CloseInvitations(ctx, tx, c.Person); err != nil {
		return err
	}
	tx.Note("person", p.FullName+" ("+p.UserName+")")
	tx.Result(Result{c.Person})
	_, err = tx.Exec(ctx, closeAccount, pgx.NamedArgs{"person": c.Person})
	return err
}

// Do resets the password.
func (c Reset) Do(ctx context.Context, tx *audit.Tx) error {
	if err := wanted(c.Reason); err != nil {
		return err
	}
	p, err := atWork(ctx, tx, c.Person)
	if err != nil {
		return err
	}
	if tx.Actor().Person == c.Person {
		return fault.New(fault.Refused, "Nobody resets the own password. Change it, or ask another administrator.")
	}
	tx.Note("person", p.FullName+" ("+p.UserName+")")
	tx.Result(Result{c.Person})
	return identity.ResetPassword(ctx, tx, c.Person)
}

// Do unlocks the account.
func (c Unlock) Do(ctx context.Context, tx *audit.Tx) error {
	if err := wanted(c.Reason); err != nil {
		return err
	}
	p, err := atWork(ctx, tx, c.Person)
	if err != nil {
		return err
	}
	if tx.Actor().Person == c.Person {
		return fault.New(fault.Refused, "Nobody unlocks the own account. Ask a colleague.")
	}
	tx.Note("person", p.FullName+" ("+p.UserName+")")
	tx.Result(Result{c.Person})
	return identity.Unlock(ctx, tx, c.Person)
}
