package audit

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"veribatch/internal/fault"
)

// Refuse enters an act that was refused: who tried what and why it was not done (21 CFR 11.300(d); ALCOA "complete").
// Refusals of the process belong to the subject's own stream. Refusals of access (right, session, password) belong to the
// station, with the subject in also; bursts of them are counted and entered at 1, 2, 3, 10, 100 ... so that nobody can flood
// the trail. Refused signatures are always entered, one each: they pass through RefuseSignature.
func (t *Trail) Refuse(ctx context.Context, in Intent, why error) error {
	return t.RefuseAt(ctx, in, "", why)
}

// RefuseAt is Refuse for an act at another station than that of the session: a log-in, which the server's own session refuses. Bursts are
// counted by station, so that a flood at one hides nothing at another.
func (t *Trail) RefuseAt(ctx context.Context, in Intent, station string, why error) error {
	f := fault.As(why)
	access := f.Kind == fault.Forbidden || f.Kind == fault.Unauthenticated
	if access && in.Ticket != "" {
		station, _, err := t.countRefusal(ctx, in, station)
		if err != nil {
			return err
		}
		return t.RefuseSignature(ctx, in, station, why)
	}
	if access {
		station, count, err := t.countRefusal(ctx, in, station)
		if err != nil || !worthEntering(count) {
			return err
		}
		in = in.atStation(station)
		return t.refuse(ctx, in, f, count)
	}
	return t.refuse(ctx, in, f, 0)
}

// RefuseEnded enters, in bursts, what was tried with the secret of a session that has ended: at its station, and by the server, because nobody is
// logged in there any more.
func (t *Trail) RefuseEnded(ctx context.Context, in Intent, why error) error {
	station, count, err := t.countRefusal(ctx, in, "")
	if err != nil || !worthEntering(count) {
		return err
	}
	in.Session = t.system
	return t.refuse(ctx, in.atStation(station), fault.As(why), count)
}

// RefuseSignature enters a refused signature on the station's stream; each one, never counted together.
func (t *Trail) RefuseSignature(ctx context.Context, in Intent, station string, why error) error {
	return t.refuse(ctx, in.atStation(station), fault.As(why), 0)
}

// atStation moves the entry to the station and keeps the former home among the subjects.
func (in Intent) atStation(station string) Intent {
	home := Stream("station/" + station)
	if in.Home != home {
		in.Also = append([]Stream{in.Home}, in.Also...)
	}
	in.Home = home
	return in
}

func worthEntering(count int64) bool {
	if count <= 3 {
		return true
	}
	for count%10 == 0 {
		count /= 10
	}
	return count == 1
}

// A burst ends after ten quiet minutes.
const countRefusals = `insert into ebr.refusals as r (station, session, act, count, last_at)
	select coalesce($3, s.station), s.id, $2, 1, clock_timestamp() from ebr.sessions s where s.token_digest = sha256($1)
	on conflict (session, act, station) do update set last_at = clock_timestamp(),
		count = case when r.last_at < clock_timestamp() - interval '10 minutes' then 1 else r.count + 1 end
	returning station::text, count`

func (t *Trail) countRefusal(ctx context.Context, in Intent, at string) (station string, count int64, err error) {
	err = t.Operate(ctx, func(op *Op) error {
		return op.QueryRow(ctx, countRefusals, []byte(in.Session), in.Act, empty(at)).Scan(&station, &count)
	})
	return station, count, err
}

func (t *Trail) refuse(ctx context.Context, in Intent, f *fault.Error, count int64) error {
	in.Key, in.Opens = "", nil
	err := t.refuseOnce(ctx, in, f, count)
	if pg := (*pgconn.PgError)(nil); in.Ticket != "" && errors.As(err, &pg) && pg.Code == "VB005" {
		if in, err = t.withoutTicket(ctx, in); err == nil {
			err = t.refuseOnce(ctx, in, f, count)
		}
	}
	return translate(err)
}

const signerOfTicket = `select person::text from ebr.tickets where id = $1`

// withoutTicket names the signer among the subjects when the ticket itself can no longer say who wanted to sign.
func (t *Trail) withoutTicket(ctx context.Context, in Intent) (Intent, error) {
	var signer string
	err := t.Read(ctx, func(r *Reader) error { return r.QueryRow(ctx, signerOfTicket, in.Ticket).Scan(&signer) })
	if err == nil {
		in.Also = append([]Stream{Stream("person/" + signer)}, in.Also...)
	} else if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	in.Ticket = ""
	return in, err
}

// refuseOnce writes the entry. A ticket that is still good makes the signer the actor, and is used up: who was refused signs again.
func (t *Trail) refuseOnce(ctx context.Context, in Intent, f *fault.Error, count int64) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	conn, err := t.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	tx := &Tx{conn: conn.Conn(), in: in}
	defer rollback(tx.conn)
	if _, err := tx.enter(ctx, true); err != nil {
		return err
	}
	tx.Note("refusal", f.Message)
	tx.Note("kind", string(f.Kind))
	if count > 1 {
		tx.Note("times in a row", itoa(count))
	}
	return tx.commit(ctx)
}
