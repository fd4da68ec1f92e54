package keeper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit"
	"veribatch/audit/merkle"
	"veribatch/audit/witness"
)

// WitnessedAfter is how long the log may be without enough witnesses before people are told. Execution never waits for witnesses.
const WitnessedAfter = 300 * time.Second

// Witnesses has the kept checkpoints cosigned in other hands, the newest one first.
type Witnesses struct {
	Trail   *audit.Trail
	Clients []*witness.Client
	Quorum  int // so many of them are enough
}

const (
	retireWitnesses = `update audit.witness_state w set active = false where w.active and not w.witness = any (@keys)`
	enlistWitness   = `insert into audit.witness_state as w (witness, url, active, quorum, added_at, since) values (@witness, @url, true, @quorum, clock_timestamp(), clock_timestamp())
	on conflict (witness) do update set url = excluded.url, quorum = excluded.quorum, active = true, added_at = case when w.active then w.added_at else excluded.added_at end`
	newestKept     = `select c.epoch, c.size, c.note from audit.checkpoints c where c.epoch = (select max(l.epoch) from audit.logs l) order by c.size desc limit 1`
	seenBy         = `select coalesce((select w.size from audit.witness_state w where w.witness = @witness and w.epoch = @epoch), 0), coalesce((select w.problem from audit.witness_state w where w.witness = @witness), '')`
	keepCosigned   = `select audit.keep_cosignature(@epoch, @size, @witness, @at, @line)`
	witnessSigned  = `update audit.witness_state w set epoch = @epoch, size = @size, at = @at, problem = '', refused = false, since = case when w.problem = '' then w.since else clock_timestamp() end where w.witness = @witness`
	witnessProblem = `update audit.witness_state w set problem = @problem, refused = @refused, since = case when w.problem = '' then clock_timestamp() else w.since end where w.witness = @witness`
)

// Enlist says which witnesses there are from now on. Quorum of them are wanted, and at least least as far as there are so many.
func (k *Witnesses) Enlist(ctx context.Context, least int) error {
	wanted := max(k.Quorum, min(least, len(k.Clients)))
	keys := []string{}
	for _, c := range k.Clients {
		keys = append(keys, c.Key)
	}
	return k.Trail.Operate(ctx, func(op *audit.Op) error {
		if _, err := op.Exec(ctx, retireWitnesses, pgx.NamedArgs{"keys": keys}); err != nil {
			return err
		}
		for _, c := range k.Clients {
			if _, err := op.Exec(ctx, enlistWitness, pgx.NamedArgs{"witness": c.Key, "url": c.URL, "quorum": wanted}); err != nil {
				return err
			}
		}
		return nil
	})
}

// kept is the newest checkpoint that is kept, and who has not cosigned it.
type kept struct {
	epoch   int
	size    int64
	note    string
	head    int64 // leaves of the log now
	missing []*witness.Client
	old     []int64 // what each of them cosigned last
}

// Round asks each witness that has not cosigned the newest kept checkpoint, and stores what came of it. One that is down is no error.
func (k *Witnesses) Round(ctx context.Context) error {
	if len(k.Clients) == 0 {
		return nil
	}
	s, err := k.look(ctx)
	if err != nil || len(s.missing) == 0 {
		return err
	}
	prove := func(ctx context.Context, old int64) (proof []tlog.Hash, err error) {
		err = k.Trail.Read(ctx, func(r *audit.Reader) error { proof, err = merkle.ProveConsistency(ctx, r, old, s.size); return err })
		return proof, err
	}
	answers := witness.All(ctx, s.missing, []byte(s.note), s.old, prove)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return k.Trail.Operate(ctx, func(op *audit.Op) error {
		for i, a := range answers {
			if err := s.store(ctx, op, s.missing[i], a); err != nil {
				return err
			}
		}
		return nil
	})
}

func (k *Witnesses) look(ctx context.Context) (s kept, err error) {
	err = k.Trail.Read(ctx, func(r *audit.Reader) error {
		err := r.QueryRow(ctx, newestKept).Scan(&s.epoch, &s.size, &s.note)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		tree, err := merkle.Head(ctx, r)
		if err != nil {
			return err
		}
		s.head = tree.Size
		for _, c := range k.Clients {
			var old int64
			var problem string
			if err := r.QueryRow(ctx, seenBy, pgx.NamedArgs{"witness": c.Key, "epoch": s.epoch}).Scan(&old, &problem); err != nil {
				return err
			}
			if old < s.size || problem != "" {
				s.missing, s.old = append(s.missing, c), append(s.old, old)
			}
		}
		return nil
	})
	return s, err
}

// store keeps what one witness answered. That it cosigned more than the log has is a log that was put back.
func (s kept) store(ctx context.Context, op *audit.Op, c *witness.Client, a witness.Answer) error {
	args := pgx.NamedArgs{"epoch": s.epoch, "size": s.size, "witness": c.Key, "at": a.At, "line": a.Line}
	if a.Err == nil {
		if _, err := op.Exec(ctx, keepCosigned, args); err != nil {
			return err
		}
		_, err := op.Exec(ctx, witnessSigned, args)
		return err
	}
	var no *witness.Refusal
	ahead := errors.As(a.Err, &no) && no.Size > s.size
	if ahead && no.Size <= s.head {
		return nil // another server was faster, with a newer checkpoint
	}
	says := a.Err.Error()
	args["problem"], args["refused"] = says[:min(len(says), 500)], ahead || errors.Is(a.Err, witness.ErrFork)
	_, err := op.Exec(ctx, witnessProblem, args)
	return err
}

// MostWitnesses is how many witnesses a plant may have: a checkpoint carries at most 16 signatures (docs/auditor.md), two of which are the log's own.
const MostWitnesses = 14

// Of the newest checkpoints, eight hours of them: older ones of an export that is downloaded again prove no more.
const cosignedNote = `with policy as (select max(w.quorum) as quorum from audit.witness_state w where w.active),
	newest as (select c.* from audit.checkpoints c where c.epoch = (select max(l.epoch) from audit.logs l) and c.size > @above order by c.size desc limit 100)
	select n.size, n.note || string_agg(g.line || E'\n', '' order by g.at, g.witness) from newest n join audit.cosignatures g on g.epoch = n.epoch and g.size = n.size
	join audit.witness_state w on w.witness = g.witness and w.active, policy p
	group by n.size, n.note, p.quorum having count(*) >= p.quorum order by n.size desc limit 1`

// Cosigned gives the newest kept checkpoint of more than so many leaves that as many witnesses as are wanted have cosigned, with their lines under it;
// size 0 when there is none.
func Cosigned(ctx context.Context, q audit.Querier, above int64) (note string, size int64, err error) {
	err = q.QueryRow(ctx, cosignedNote, pgx.NamedArgs{"above": above}).Scan(&size, &note)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return note, size, err
}

// Witnessed is how far other hands have seen the log.
type Witnessed struct {
	List   []WitnessState
	Quorum int
	Behind time.Duration // of the oldest kept checkpoint that fewer than Quorum have cosigned, itself or a later one; 0 when there is none
}

// Bar says why nothing may be released under this log: a witness has seen another one, or fewer of them than least, which the quality unit demands, have
// seen this one. "" when nothing stands against it; without a demand only another log does.
func (w Witnessed) Bar(least int) string {
	switch {
	case w.Refused():
		return "A witness has cosigned another log of the audit trail than this one."
	case len(w.List) < least:
		return fmt.Sprintf("Witnesses that must have seen the audit trail: %d. The server asks %d.", least, len(w.List))
	case least > 0 && w.Behind > WitnessedAfter:
		return fmt.Sprintf("Fewer than %d witnesses have seen the audit trail for %d min.", w.Quorum, int(w.Behind.Minutes()))
	}
	return ""
}

// WitnessState is what one witness did.
type WitnessState struct {
	Key, URL string
	Epoch    int
	Size     int64
	At       time.Time // of its newest cosignature; zero for none
	Problem  string    // what it, or the way to it, said last; "" when it cosigned
	Refused  bool      // it has cosigned another log than this one
	Since    time.Time
}

// Refused says whether a witness has cosigned another log than this one.
func (w Witnessed) Refused() bool {
	for _, one := range w.List {
		if one.Refused {
			return true
		}
	}
	return false
}

const (
	listWitnesses = `select w.witness, w.url, w.epoch, w.size, coalesce(w.at, 'epoch'), w.problem, w.refused, w.since from audit.witness_state w where w.active order by w.witness`
	howWitnessed  = `with log as (select max(l.epoch) as epoch from audit.logs l),
	policy as (select coalesce(max(w.quorum), 0) as quorum, max(w.added_at) as added_at from audit.witness_state w where w.active),
	covered as (select coalesce((select w.size from audit.witness_state w, log where w.active and w.epoch = log.epoch
		order by w.size desc offset greatest((select quorum from policy) - 1, 0) limit 1), 0) as size)
	select p.quorum, coalesce((extract(epoch from clock_timestamp() - (select greatest(c.at, p.added_at) from audit.checkpoints c, log, covered
		where p.quorum > 0 and c.epoch = log.epoch and c.size > covered.size order by c.size limit 1)) * 1000000)::bigint, 0) from policy p`
)

// ReadWitnessed gives it at this moment.
func ReadWitnessed(ctx context.Context, q audit.Querier) (w Witnessed, err error) {
	rows, err := q.Query(ctx, listWitnesses)
	if err != nil {
		return w, err
	}
	if w.List, err = pgx.CollectRows(rows, pgx.RowToStructByPos[WitnessState]); err != nil || len(w.List) == 0 {
		return w, err
	}
	var behind int64
	err = q.QueryRow(ctx, howWitnessed).Scan(&w.Quorum, &behind)
	w.Behind = max(0, time.Duration(behind)*time.Microsecond)
	return w, err
}
