package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"veribatch/internal/fault"
)

// Change is the one door: it opens a transaction and its entry, checks the right, runs fn and commits. The entry is sealed
// by PostgreSQL at COMMIT, so either the change and its entry exist or neither. fn must have no effect outside tx: it is run
// again after a serialization failure or deadlock, at most three times. A request key that was used before returns the
// stored receipt. An act that the process or the rights refuse leaves an entry of its own; see Refuse.
func (t *Trail) Change(ctx context.Context, in Intent, fn func(*Tx) error) (Receipt, error) {
	receipt, err := t.change(ctx, in, fn)
	if t.Done != nil {
		t.Done(in.Act, outcome(receipt, err))
	}
	why := err
	if hidden := fault.Hidden(err); hidden != nil {
		why = hidden
	}
	switch fault.KindOf(why) {
	case fault.Forbidden, fault.Refused, fault.NotReady, fault.Conflict:
		if rerr := t.Refuse(ctx, in, why); rerr != nil {
			return receipt, errors.Join(err, rerr)
		}
	}
	return receipt, err
}

func outcome(r Receipt, err error) string {
	switch {
	case err != nil:
		return string(fault.KindOf(err))
	case r.Replayed:
		return "repeated"
	}
	return "done"
}

const attempts = 3

func (t *Trail) change(ctx context.Context, in Intent, fn func(*Tx) error) (Receipt, error) {
	if err := checkKey(in.Key, t.Now()); err != nil {
		return Receipt{}, err
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	var lost error // a commit whose answer never came
	for attempt := 1; ; attempt++ {
		receipt, err := t.once(ctx, in, fn)
		if errors.As(err, &unanswered{}) {
			lost = err
		}
		if err == nil || attempt == attempts || !retryable(err, in.Key) {
			return receipt, settled(translate(err), lost)
		}
	}
}

// settled keeps "nothing was saved" from being said when an earlier try may have saved it, and the last one did not get as far as the request key.
func settled(err, lost error) error {
	if kind := fault.KindOf(err); err != nil && lost != nil && (kind == fault.Busy || kind == fault.Internal) {
		return translate(lost)
	}
	return err
}

// retryable tells whether doing it again can only do it once: the database undid it, or the request key will tell that it
// was done. A key whose first transaction is still at work makes the second one wait for it.
func retryable(err error, key string) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "40001" || pg.Code == "40P01" || pg.Code == "55P03"
	}
	return key != "" && errors.As(err, &unanswered{})
}

// errReplayed leaves once early: the request key was used before.
var errReplayed = errors.New("audit: replayed")

func (t *Trail) once(ctx context.Context, in Intent, fn func(*Tx) error) (Receipt, error) {
	conn, err := t.pool.Acquire(ctx)
	if err != nil {
		return Receipt{}, err
	}
	defer conn.Release()
	tx := &Tx{conn: conn.Conn(), in: in}
	defer rollback(tx.conn)
	failpoint("before begin")
	receipt, err := tx.enter(ctx, false)
	if errors.Is(err, errReplayed) {
		return receipt, nil
	}
	if err != nil {
		return Receipt{}, err
	}
	if t.Check != nil {
		if err := t.Check(ctx, tx); err != nil {
			return Receipt{}, err
		}
	}
	if err := fn(tx); err != nil {
		return Receipt{}, err
	}
	failpoint("after write")
	if err := tx.commit(ctx); err != nil {
		return Receipt{}, err
	}
	failpoint("after commit")
	receipt.Result, err = marshal(tx.result)
	return receipt, err
}

// rollback ends a transaction that did not commit; a broken connection is thrown away by the pool.
func rollback(conn *pgx.Conn) {
	if conn.IsClosed() || conn.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, _ = conn.Exec(ctx, "rollback")
}

const openSession = `insert into ebr.sessions (id, token_digest, person, station, opened_at, seen_at)
	values ($1, sha256($2), $3, $4, clock_timestamp(), clock_timestamp())`

const enterEntry = `select seq, at, session::text, person::text, user_name, full_name, kind, station::text, session_person::text, used_act, used_digest, used_result, used_stream
	from audit.enter($1, $2, $3, $4, $5, $6, $7, $8, $9)`

// enter begins the transaction and its entry in one round trip.
func (tx *Tx) enter(ctx context.Context, refused bool) (Receipt, error) {
	in := tx.in
	digest := commandDigest(in.Act, in.Command)
	also := make([]string, len(in.Also))
	for i, s := range in.Also {
		also[i] = string(s)
	}
	batch := &pgx.Batch{}
	batch.Queue("begin")
	if o := in.Opens; o != nil {
		batch.Queue(openSession, o.ID, []byte(o.Token), o.Person, o.Station)
	}
	var seq *int64
	var session, person, user, name, kind, station, sessionPerson, usedAct, usedStream *string
	var usedDigest []byte
	var usedResult json.RawMessage
	batch.Queue(enterEntry, []byte(in.Session), empty(in.Ticket), in.Act, string(in.Home), also, in.Reason, empty(in.Key), digest[:], refused).QueryRow(func(row pgx.Row) error {
		return row.Scan(&seq, &tx.now, &session, &person, &user, &name, &kind, &station, &sessionPerson, &usedAct, &usedDigest, &usedResult, &usedStream)
	})
	if err := tx.conn.SendBatch(ctx, batch).Close(); err != nil {
		return Receipt{}, err
	}
	if usedAct != nil {
		if string(usedDigest) != string(digest[:]) {
			return Receipt{}, fault.New(fault.Conflict, "This form was already sent with other content. Open the page again and enter it once more.")
		}
		return Receipt{Stream: Stream(*usedStream), Time: tx.now, Replayed: true, Result: usedResult}, errReplayed
	}
	tx.seq, tx.session = *seq, *session
	tx.actor = Actor{Person: *person, UserName: *user, FullName: *name, Kind: *kind, Station: *station, SessionPerson: *sessionPerson}
	return Receipt{Stream: in.Home, Seq: *seq, Time: tx.now}, nil
}

// commit writes notes and result and commits in one round trip.
func (tx *Tx) commit(ctx context.Context) error {
	if status := tx.conn.PgConn().TxStatus(); status != 'T' {
		return fmt.Errorf("audit: the transaction was ended inside a change (status %c)", status)
	}
	batch := &pgx.Batch{}
	if tx.notes != nil || tx.result != nil {
		notes, err := marshal(tx.notes)
		if err != nil {
			return err
		}
		result, err := marshal(tx.result)
		if err != nil {
			return err
		}
		batch.Queue(`select audit.finish($1, $2)`, notes, result)
	}
	failpoint("before commit")
	var tag pgconn.CommandTag
	batch.Queue("commit").Exec(func(ct pgconn.CommandTag) error { tag = ct; return nil })
	if err := tx.conn.SendBatch(ctx, batch).Close(); err != nil {
		if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) {
			return err // the database answered: nothing was saved
		}
		return unanswered{err}
	}
	if tag.String() != "COMMIT" {
		return fmt.Errorf("audit: commit answered %s", tag)
	}
	return nil
}

// unanswered is a commit whose answer was lost: it may have happened.
type unanswered struct{ cause error }

// Error tells the person what is known.
func (u unanswered) Error() string { return "the answer to the commit was lost: " + u.cause.Error() }

func marshal(v any) (json.RawMessage, error) {
	if v == nil {
		return nil, nil
	}
	if m, ok := v.(map[string]string); ok && m == nil {
		return nil, nil
	}
	return json.Marshal(v)
}

func empty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
