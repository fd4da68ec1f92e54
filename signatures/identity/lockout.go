package identity

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
)

// tally counts the wrong passwords of one user name.
type tally struct {
	failures    int
	since       time.Time // the first of them
	lockedUntil time.Time
}

// wrong gives the tally after one more wrong password; locks is true when this one closes the account. While it is closed nothing counts,
// so that nobody can keep an account closed by trying on (fault F81), and after that the count starts afresh.
func (t tally) wrong(now time.Time, limit int, window time.Duration) (next tally, locks bool) {
	if t.lockedUntil.After(now) {
		return t, false
	}
	if t.failures == 0 || !t.lockedUntil.IsZero() || now.Sub(t.since) > window {
		t = tally{since: now}
	}
	t.failures++
	if t.failures >= limit {
		t.lockedUntil = now.Add(window)
		return t, true
	}
	return t, false
}

// subjectOf names the counter of a user name: the SHA-256 of its canonical form, or of what was typed when that can be nobody's name.
func subjectOf(canonical, typed string) []byte {
	if canonical == "" {
		canonical = "?" + typed
	}
	sum := sha256.Sum256([]byte(canonical))
	return sum[:]
}

const startTally = `insert into ebr.login_failures (subject, person, failures, since) values (@subject, @person, 0, clock_timestamp()) on conflict do nothing`

const readTally = `select failures, since, coalesce(locked_until, 'epoch'), clock_timestamp() from ebr.login_failures where subject = @subject for update`

const writeTally = `update ebr.login_failures set failures = @failures, since = @since, locked_until = @locked_until where subject = @subject`

const clearTally = `delete from ebr.login_failures where subject = @subject`

const pruneTallies = `delete from ebr.login_failures where subject in (
	select subject from ebr.login_failures where since < clock_timestamp() - interval '1 day' and coalesce(locked_until, 'epoch') < clock_timestamp() limit 100 for update skip locked)`

// settle counts the outcome of one verification and gives the error that the person sees. A right password given while the account closed
// under it (many guesses at once) is refused too: at most a few guesses beyond the limit ever count.
func (g *Gate) settle(ctx context.Context, subject []byte, p Proof, right bool) error {
	var t tally
	var locks bool
	var now time.Time
	var failures int
	var window time.Duration
	args := pgx.NamedArgs{"subject": subject, "person": nullable(p.Person)}
	err := g.trail.Operate(ctx, func(op *audit.Op) error {
		if !right {
			if _, err := op.Exec(ctx, startTally, args); err != nil {
				return err
			}
		}
		err := op.QueryRow(ctx, readTally, args).Scan(&t.failures, &t.since, &t.lockedUntil, &now)
		if right && errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if t.lockedUntil.Unix() == 0 {
			t.lockedUntil = time.Time{}
		}
		if failures, window, err = g.lockout(ctx, op); err != nil {
			return err
		}
		if right {
			if !t.lockedUntil.After(now) {
				_, err = op.Exec(ctx, clearTally, args)
			}
			return err
		}
		t, locks = t.wrong(now, failures, window)
		return saveTally(ctx, op, subject, t)
	})
	switch {
	case err != nil:
		return err
	case locks && p.Person != "":
		if err := g.lockPerson(ctx, p, t.lockedUntil, failures); err != nil {
			return err
		}
		return g.locked(t.lockedUntil, failures)
	case t.lockedUntil.After(now):
		return g.locked(t.lockedUntil, failures)
	case right:
		return nil
	}
	return wrongPassword(failures - t.failures)
}

func saveTally(ctx context.Context, op *audit.Op, subject []byte, t tally) error {
	args := pgx.NamedArgs{"subject": subject, "failures": t.failures, "since": t.since, "locked_until": nil}
	if !t.lockedUntil.IsZero() {
		args["locked_until"] = t.lockedUntil
	}
	if _, err := op.Exec(ctx, writeTally, args); err != nil {
		return err
	}
	_, err := op.Exec(ctx, pruneTallies)
	return err
}

func wrongPassword(left int) error {
	tries := "1 try is left"
	if left != 1 {
		tries = fmt.Sprintf("%d tries are left", left)
	}
	return fault.New(fault.Unauthenticated, "User name or password is wrong. %s before the account is locked for a while.", tries)
}

const lockCredentials = `update ebr.credentials set locked_until = @until, version = version + 1 where id = @person`

// lockPerson writes the lock into the record and the trail of the person, as an act of the server (21 CFR 11.300(d)). The row is locked and
// its password compared with the trail once more: an image of a hash that was swapped since the first look would make the swap good. Who has no
// password yet has no such row: the entry and the tally of the name are the lock.
func (g *Gate) lockPerson(ctx context.Context, p Proof, until time.Time, failures int) error {
	in := audit.Intent{Session: g.trail.System(), Act: "person.lock", Home: StreamOf(p.Person), Reason: fmt.Sprintf("%d wrong passwords in a row", failures)}
	_, err := g.trail.Change(ctx, in, func(tx *audit.Tx) error {
		if p.CredentialVersion == 0 {
			return nil
		}
		if _, err := untouched(ctx, tx, p.Person); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, lockCredentials, pgx.NamedArgs{"person": p.Person, "until": until})
		return err
	})
	if err != nil {
		return err
	}
	slog.WarnContext(ctx, "account locked after wrong passwords", "person", p.Person, "user", p.UserName, "until", until)
	return nil
}

func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
