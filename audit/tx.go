package audit

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Querier reads. *Tx, *Reader and *Op meet it, so a query can serve a screen and a command.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Reader is a read-only transaction.
type Reader struct{ tx pgx.Tx }

// Query reads rows.
func (r *Reader) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return r.tx.Query(ctx, sql, args...)
}

// QueryRow reads one row.
func (r *Reader) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return r.tx.QueryRow(ctx, sql, args...)
}

// Op is a transaction over operational tables, or statements that are one each.
type Op struct {
	tx interface {
		Querier
		Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	}
}

// Query reads rows.
func (o *Op) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return o.tx.Query(ctx, sql, args...)
}

// QueryRow reads one row.
func (o *Op) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return o.tx.QueryRow(ctx, sql, args...)
}

// Exec writes operational rows.
func (o *Op) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return o.tx.Exec(ctx, sql, args...)
}

// Actor is the person whose rights count: the session's person, or the signer when a ticket was given.
type Actor struct {
	Person, UserName, FullName, Kind, Station string
	SessionPerson                             string // whose session it is
}

// Tx is a transaction with one open entry. Having one is the proof that somebody is accountable; it has no Begin and no Commit.
type Tx struct {
	conn    *pgx.Conn
	in      Intent
	actor   Actor
	session string
	seq     int64
	now     time.Time
	notes   map[string]string
	result  any
}

// Query reads rows.
func (tx *Tx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return tx.conn.Query(ctx, sql, args...)
}

// QueryRow reads one row.
func (tx *Tx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return tx.conn.QueryRow(ctx, sql, args...)
}

// Exec changes rows; each changed record row is captured into the entry.
func (tx *Tx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return tx.conn.Exec(ctx, sql, args...)
}

// Now is the entry's time: server time taken after the stream was locked, never before the previous entry.
func (tx *Tx) Now() time.Time { return tx.now }

// Actor is the accountable person.
func (tx *Tx) Actor() Actor { return tx.actor }

// Session is the id (not the token) of the session.
func (tx *Tx) Session() string { return tx.session }

// Ticket is the id of the signing ticket, "" when the act is not signed.
func (tx *Tx) Ticket() string { return tx.in.Ticket }

// Act is the word of the act.
func (tx *Tx) Act() string { return tx.in.Act }

// Home is the stream of the entry.
func (tx *Tx) Home() Stream { return tx.in.Home }

// Also are the other subjects of the act.
func (tx *Tx) Also() []Stream { return tx.in.Also }

// Reason is why, in the person's words.
func (tx *Tx) Reason() string { return tx.in.Reason }

// Note adds a detail that is printed in the entry.
func (tx *Tx) Note(key, value string) {
	if tx.notes == nil {
		tx.notes = map[string]string{}
	}
	tx.notes[key] = value
}

// Result is kept with the request key and returned when the same request comes again: ids and a location, no page.
func (tx *Tx) Result(v any) { tx.result = v }

// Keep stores big content under its SHA-256 and returns the digest.
func (tx *Tx) Keep(ctx context.Context, content []byte) (digest []byte, err error) {
	err = tx.conn.QueryRow(ctx, `select audit.keep($1)`, content).Scan(&digest)
	return digest, err
}

// Ref names a record row.
type Ref struct{ Table, ID string }

var tableName = regexp.MustCompile(`^ebr\.[a-z_]+$`)

// Lock locks rows of other subjects on which a decision rests, in one fixed order, before they are read.
func (tx *Tx) Lock(ctx context.Context, refs ...Ref) error {
	slices.SortFunc(refs, func(a, b Ref) int { return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.ID, b.ID)) })
	for _, ref := range refs {
		if !tableName.MatchString(ref.Table) {
			return fmt.Errorf("audit: %q is not a record table", ref.Table)
		}
		if _, err := tx.conn.Exec(ctx, `select 1 from `+ref.Table+` where id = $1 for update`, ref.ID); err != nil {
			return err
		}
	}
	return nil
}
