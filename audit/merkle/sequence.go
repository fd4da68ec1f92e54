package merkle

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit"
)

// Sequencer takes committed entries that are not in the log, as a set, and appends them. Any number may run on one database: the database compares the size
// and swaps, so that two never fork the log, and the one that lost stands by.
type Sequencer struct {
	Trail  *audit.Trail
	Failed func(ctx context.Context, why error) // told, at most once a minute, when a round fails for another reason than that the database is away or another one was faster
	Pause  time.Duration                        // between two looks; 30 ms unless set
	Most   int                                  // leaves in one append; 4096 unless set
	Every  time.Duration                        // how often all heads are logged; 5 minutes unless set

	mu    sync.Mutex
	epoch int
	edge  *frontier // of the log as this one knows it; nil: read it again
	heads heads
	upTo  int64 // size of the log that heads follows
	swept time.Time
	by    bool                    // stands by: another one appends
	seen  int64                   // size of the log at the last look
	at    func(step string) error // for tests that end between two steps
}

// Run appends until ctx ends. A round under way is finished. One that stands by looks once a second, and goes on when something waits and nothing was
// appended since its last look.
func (s *Sequencer) Run(ctx context.Context) {
	pause := cmp.Or(s.Pause, 30*time.Millisecond)
	ticks := time.NewTicker(pause)
	defer ticks.Stop()
	var told time.Time
	for {
		err := s.work(ctx)
		if err != nil && ctx.Err() == nil && !audit.Away(err) && !raced(err) && s.Failed != nil && time.Since(told) > time.Minute {
			told = time.Now()
			s.Failed(ctx, err)
		}
		wait := pause
		if err != nil {
			wait = time.Second
		}
		ticks.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

// work empties the queue and logs all heads when that is due.
func (s *Sequencer) work(ctx context.Context) error {
	for {
		state, err := s.round(ctx, true)
		if err != nil {
			return err
		}
		if !state.more || ctx.Err() != nil {
			if state.headsDue {
				return s.appendHeads(ctx)
			}
			return nil
		}
	}
}

// AppendHeads appends what is queued now, then a heads leaf over all streams.
func (s *Sequencer) AppendHeads(ctx context.Context) error {
	for attempt := 0; ; attempt++ {
		err := s.drain(ctx)
		if err == nil {
			err = s.appendHeads(ctx)
		}
		if !raced(err) || attempt == 100 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// errTurn says that another sequencer is at work.
var errTurn = errors.New("merkle: another sequencer appends")

// raced tells whether another sequencer is at work or was faster: nothing is wrong, and nothing was appended.
func raced(err error) bool {
	pg := (*pgconn.PgError)(nil)
	return errors.Is(err, errTurn) || errors.As(err, &pg) && pg.Code == "VB100"
}

func (s *Sequencer) drain(ctx context.Context) error {
	for {
		state, err := s.round(ctx, false)
		if err != nil || !state.more {
			return err
		}
	}
}

// state is what one look at log and queue found.
type state struct {
	epoch                  *int
	size                   int64
	root                   []byte
	headsDue, queued, more bool
	streams                []string
	seqs                   []int64
	leaves                 []tlog.Hash
	held                   bool // entries that do not follow what is in the log
}

const beginLog = `select audit.log_begin(@site, @reason)`

// round appends one batch of queued entries. It is two statements, each a transaction of its own: whoever appended between them makes the swap fail.
// One that stands by and is patient leaves it to the other one.
func (s *Sequencer) round(ctx context.Context, patient bool) (now state, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.Trail.OperateSingly(ctx, func(op *audit.Op) error {
		if now, err = s.look(ctx, op); err != nil {
			return err
		}
		idle := now.size == s.seen && (now.queued || now.headsDue)
		if s.seen = now.size; patient && s.by && !idle {
			return errTurn
		}
		switch {
		case now.epoch == nil:
			now.more = true
			_, err = op.Exec(ctx, beginLog, pgx.NamedArgs{"site": audit.NewID(), "reason": "first start"})
		case len(now.leaves) > 0:
			tree := Tree{Epoch: *now.epoch, Size: now.size, Root: tlog.Hash(now.root)}
			err = s.append(ctx, op, tree, now.leaves, pgx.NamedArgs{"streams": now.streams, "seqs": now.seqs, "heads_at": nil, "heads_streams": nil, "heads_root": nil})
		}
		if err == nil && now.queued && (now.held || len(now.leaves) == 0) && time.Since(s.swept) > time.Minute {
			s.swept, now.more = time.Now(), true
			_, err = op.Exec(ctx, sweep)
		}
		return err
	})
	if s.by = raced(err); err != nil {
		s.edge = nil
	}
	return now, err
}

// The entries come as the trail holds them: one that was changed since it was queued is not logged, and holds its stream back.
// The limit of one makes PostgreSQL look each entry up: for a queue whose size it does not know it reads all entries there are. It plans each time, for a
// plan that was made when there were few entries reads them all too.
const look = `select h.epoch, coalesce(h.size, 0), h.root, coalesce(h.size > 0 and (h.heads_at is null or h.heads_at <= clock_timestamp() - @every::interval), false),
		exists (select from audit.log_queue), q.stream, q.seq, q.hash, coalesce(q.logged, 0)
	from (select) one left join lateral (select * from audit.log_head order by epoch desc limit 1) h on true
	left join lateral (select q.stream, q.seq, q.hash, (select s.seq from audit.log_streams s where s.epoch = h.epoch and s.stream = q.stream) as logged from audit.log_queue q
		join lateral (select e.hash from audit.entries e where e.stream = q.stream and e.seq = q.seq limit 1) e on e.hash = q.hash
		order by q.stream, q.seq limit @most) q on true`

// look reads the log's head and the queued entries that follow it, in one snapshot and one round trip. What does not follow is queued anew, at most once a minute.
func (s *Sequencer) look(ctx context.Context, op *audit.Op) (now state, err error) {
	most := cmp.Or(s.Most, 4096)
	rows, err := op.Query(ctx, look, pgx.QueryExecModeCacheDescribe, pgx.NamedArgs{"every": cmp.Or(s.Every, 5*time.Minute), "most": most})
	if err != nil {
		return now, err
	}
	var stream *string
	var seq, logged *int64
	var hash []byte
	_, err = pgx.ForEachRow(rows, []any{&now.epoch, &now.size, &now.root, &now.headsDue, &now.queued, &stream, &seq, &hash, &logged}, func() error {
		if stream == nil {
			return nil
		}
		if n := len(now.streams); n > 0 && now.streams[n-1] == *stream {
			*logged = now.seqs[n-1]
		}
		if *seq != *logged+1 {
			now.held = true
			return nil
		}
		now.streams, now.seqs = append(now.streams, *stream), append(now.seqs, *seq)
		now.leaves = append(now.leaves, tlog.RecordHash([]byte(EntryLeaf(audit.Stream(*stream), *seq, hash))))
		return nil
	})
	now.more = len(now.streams) == most
	return now, err
}

const sweep = `select audit.log_sweep()`

const appendLeaves = `select audit.log_append(@epoch, @size, @streams, @seqs, @heads_at, @heads_streams, @heads_root, @levels, @root)`

// append computes the new hashes and hands them to the database.
func (s *Sequencer) append(ctx context.Context, op *audit.Op, tree Tree, leaves []tlog.Hash, args pgx.NamedArgs) error {
	if s.edge == nil || s.epoch != tree.Epoch || s.edge.size != tree.Size {
		s.epoch, s.edge = tree.Epoch, &frontier{}
		if err := s.edge.load(tiles{ctx, op, s.epoch}, tree.Size); err != nil {
			return err
		}
		if root, err := s.edge.root(); err != nil || root != tree.Root {
			return errors.Join(errors.New("the tiles of the log do not give its root: nothing is appended to them"), err)
		}
	}
	var levels [][]byte
	for _, leaf := range leaves {
		s.edge.add(leaf, func(level int, hash tlog.Hash) {
			if level == len(levels) {
				levels = append(levels, nil)
			}
			levels[level] = append(levels[level], hash[:]...)
		})
	}
	root, err := s.edge.root()
	if err != nil {
		return err
	}
	if err := s.reached("computed"); err != nil {
		return err
	}
	args["epoch"], args["size"], args["levels"], args["root"] = s.epoch, tree.Size, levels, root[:]
	if _, err := op.Exec(ctx, appendLeaves, args); err != nil {
		return err
	}
	return s.reached("appended")
}

const logClock = `select greatest(clock_timestamp(), h.heads_at) from audit.log_head h where h.epoch = @epoch`

// appendHeads appends a heads leaf. Most of what it has to read is read before it holds anybody up.
func (s *Sequencer) appendHeads(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.Trail.Read(ctx, func(r *audit.Reader) error { _, err := s.follow(ctx, r); return err })
	if err == nil {
		err = s.Trail.Operate(ctx, func(op *audit.Op) error { return s.headsLeaf(ctx, op) })
	}
	if err != nil {
		s.edge = nil
	}
	if err != nil && !raced(err) {
		s.heads, s.upTo = heads{}, 0
	}
	return err
}

// follow brings the heads of this sequencer to the newest leaf.
func (s *Sequencer) follow(ctx context.Context, q audit.Querier) (Tree, error) {
	tree, err := Head(ctx, q)
	if err != nil {
		return tree, err
	}
	if tree.Epoch != s.epoch {
		s.epoch, s.edge, s.heads, s.upTo = tree.Epoch, nil, heads{}, 0
	}
	err = s.heads.follow(ctx, q, tree.Epoch, s.upTo, tree.Size)
	s.upTo = tree.Size
	return tree, err
}

func (s *Sequencer) headsLeaf(ctx context.Context, op *audit.Op) error {
	tree, err := s.follow(ctx, op)
	if err != nil {
		return err
	}
	root, count, err := s.heads.root()
	if err != nil {
		return err
	}
	var at time.Time
	if err := op.QueryRow(ctx, logClock, pgx.NamedArgs{"epoch": tree.Epoch}).Scan(&at); err != nil {
		return err
	}
	leaf := tlog.RecordHash([]byte(HeadsLeaf(at, count, root[:])))
	args := pgx.NamedArgs{"streams": []string{}, "seqs": []int64{}, "heads_at": at, "heads_streams": count, "heads_root": root[:]}
	return s.append(ctx, op, tree, []tlog.Hash{leaf}, args)
}

// reached lets a test end a round between two steps.
func (s *Sequencer) reached(step string) error {
	if s.at == nil {
		return nil
	}
	return s.at(step)
}
