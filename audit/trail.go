// Package audit owns who did what, when and why: the only doors through which data changes, and the evidence they leave.
// It does not know what a batch or a recipe is; PostgreSQL enforces its rules a second time (migrations/00001_spine.sql).
// Start reading at Trail.Change, then Verify.
package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Stream names the subject whose chain an entry belongs to, as "kind/id". Kinds: batch, recipe, lot, equipment, person,
// station, capture, site.
type Stream string

// Site is the stream of acts that concern the plant as a whole.
const Site Stream = "site/main"

// The server's own account and station, made by the first migration.
const (
	SystemPerson  = "00000000-0000-7000-8000-000000000001"
	SystemStation = "00000000-0000-7000-8000-000000000002"
)

// Trail holds the only pool of database connections, so that nothing changes past it.
type Trail struct {
	// Check decides whether the actor may do the act; it runs first inside every Change, in the same transaction.
	// cmd sets it to access.Check, behind a look at the disk, and nothing else does. A nil Check refuses nothing and is meant for tests of the spine.
	Check func(ctx context.Context, tx *Tx) error

	// Done is told how each act ended: "done", "repeated", or the kind of fault that stood in its way. It is for figures only.
	Done func(act, outcome string)

	// Clock is the clock of this machine; nil is the real one. Tests set it.
	Clock func() time.Time
	// Outside says by how much a clock outside (NTP) is ahead of this machine's, where one is asked, and 0 while that does not matter. cmd sets it; nil: none is asked.
	Outside func() time.Duration

	pool   *pgxpool.Pool
	system string
	alive  *pgxpool.Conn // holds the lock that tells other servers of this database that this run lives
}

// Intent says who wants to do what and why, before anything may change (21 CFR 11.10(e), EU GMP Annex 11 clause 9).
type Intent struct {
	Session string   // secret token of the session; the person is looked up in SQL, never named by the caller
	Ticket  string   // id of the signing ticket, when the act is signed; its person becomes the actor
	Act     string   // "step.record": the same word as in routes, policy and requirements
	Home    Stream   // the one stream that gets the entry
	Also    []Stream // other subjects of the act
	Reason  string   // why, in the person's words
	Key     string   // request key, UUIDv7; "" for acts that nobody repeats
	Command any      // what was asked, without credentials; its digest guards the request key
	Opens   *Opening // the session that this act opens, for session.open and server.start
}

// Opening is a session about to exist. Token is the secret that only the browser keeps; SHA-256 of it is stored.
type Opening struct {
	ID, Token, Person, Station string
}

// Receipt says what was written. A replayed receipt tells what the same request wrote the first time.
type Receipt struct {
	Stream   Stream
	Seq      int64 // 0 when replayed
	Time     time.Time
	Replayed bool
	Result   json.RawMessage
}

// connections bounds the pool unless the DSN says pool_max_conns: enough for a plant, far below what a small PostgreSQL allows.
const connections = 32

// Open connects as the role that the DSN names, which must be app: the trail's grants rest on it.
func Open(ctx context.Context, dsn string) (*Trail, error) { return OpenWith(ctx, dsn, nil) }

// OpenWith is Open with a password that is asked for at each connection, because it may change while the trail is open; nil is that of the DSN.
func OpenWith(ctx context.Context, dsn string, password func(context.Context) (string, error)) (*Trail, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("audit: the database address is not well formed: %w", err)
	}
	if !strings.Contains(dsn, "pool_max_conns") {
		cfg.MaxConns = connections
	}
	params := cfg.ConnConfig.RuntimeParams
	params["application_name"] = "ebr"
	params["search_path"] = "" // a query that forgot its schema fails at once
	params["timezone"] = "UTC"
	params["idle_in_transaction_session_timeout"] = "60000"
	params["lock_timeout"] = "10000"
	if password != nil {
		cfg.BeforeConnect = func(ctx context.Context, c *pgx.ConnConfig) (err error) {
			c.Password, err = password(ctx)
			return err
		}
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return &Trail{pool: pool}, pool.Ping(ctx)
}

// Close ends all connections.
func (t *Trail) Close() {
	if t.alive != nil {
		t.alive.Release()
	}
	t.pool.Close()
}

// live locks the id of the server's session for as long as this run lasts, so that another server of the same database can tell a run that
// was killed from one that works.
const live = `select pg_advisory_lock(hashtextextended($1, 0))`

// Start opens the server's own session and enters server.start with the given notes (version, policy digest, settings).
// A trail is started once: a second session of its own would outlive Stop, and its connection Close.
func (t *Trail) Start(ctx context.Context, notes map[string]string) error {
	if t.alive != nil {
		return errors.New("audit: this trail was started before; open another one")
	}
	open := &Opening{ID: NewID(), Token: NewToken(), Person: SystemPerson, Station: SystemStation}
	in := Intent{Session: open.Token, Act: "server.start", Home: Site, Opens: open}
	_, err := t.change(ctx, in, func(tx *Tx) error {
		for k, v := range notes {
			tx.Note(k, v)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if t.alive, err = t.pool.Acquire(ctx); err != nil {
		return err
	}
	t.system = open.Token
	_, err = t.alive.Exec(ctx, live, open.ID)
	return err
}

const endSession = `update ebr.sessions set ended_at = @now where id = @id and ended_at is null`

// Stop enters server.stop and ends the server's own session, so that the next start knows that this run ended by itself. It does nothing
// before Start, and nothing a second time.
func (t *Trail) Stop(ctx context.Context) error {
	if t.system == "" {
		return nil
	}
	in := Intent{Session: t.system, Act: "server.stop", Home: Site}
	_, err := t.change(ctx, in, func(tx *Tx) error {
		_, err := tx.Exec(ctx, endSession, pgx.NamedArgs{"id": tx.session, "now": tx.now})
		return err
	})
	t.system = ""
	return err
}

// Pool tells how busy the connections are.
func (t *Trail) Pool() *pgxpool.Stat { return t.pool.Stat() }

// System is the token of the server's own session; "" before Start.
func (t *Trail) System() string { return t.system }

// Read runs fn in a read-only transaction that sees one snapshot.
func (t *Trail) Read(ctx context.Context, fn func(*Reader) error) error {
	return translate(pgx.BeginTxFunc(ctx, t.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly, IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		return fn(&Reader{tx})
	}))
}

// Operate runs fn in a transaction without an entry: enough for operational tables, refused by PostgreSQL for records.
func (t *Trail) Operate(ctx context.Context, fn func(*Op) error) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	return translate(pgx.BeginFunc(ctx, t.pool, func(tx pgx.Tx) error { return fn(&Op{tx}) }))
}

// OperateSingly is Operate with each statement a transaction of its own: one round trip for a look at operational tables that is taken all the time.
func (t *Trail) OperateSingly(ctx context.Context, fn func(*Op) error) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	return translate(t.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error { return fn(&Op{conn}) }))
}

// changeLimit bounds one change: long enough for a busy database, short enough that an operator is told.
const changeLimit = 15 * time.Second

// detached keeps a browser that goes away from cutting a transaction in half.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), changeLimit)
}
