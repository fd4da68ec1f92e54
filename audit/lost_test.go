package audit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
)

// cutter stands between the trail and PostgreSQL. Armed, it lets the next message reach the database and swallows the answer.
type cutter struct {
	armed  atomic.Bool
	reach  bool        // false: the message does not reach the database either
	gone   atomic.Bool // the database takes no new connection
	target string
}

// listen gives a DSN that goes through the cutter.
func (c *cutter) listen(t *testing.T, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	q := u.Query()
	c.target = filepath.Join(q.Get("host"), ".s.PGSQL."+q.Get("port"))
	dir, err := os.MkdirTemp("/tmp", "cut")
	require.NoError(t, err)
	l, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close(); _ = os.RemoveAll(dir) })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go c.serve(conn)
		}
	}()
	q.Set("host", dir)
	q.Set("port", "5432")
	u.RawQuery = q.Encode()
	return u.String()
}

func (c *cutter) serve(client net.Conn) {
	defer client.Close()
	if c.gone.Load() {
		return
	}
	server, err := net.Dial("unix", c.target)
	if err != nil {
		return
	}
	defer server.Close()
	var cut atomic.Bool
	go func() {
		_, _ = io.Copy(answers{client, &cut}, server)
		_ = client.Close()
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		if c.armed.CompareAndSwap(true, false) {
			if !c.reach {
				return
			}
			cut.Store(true) // all of the message arrives, and nobody hears the answer
			time.AfterFunc(500*time.Millisecond, func() { _ = client.Close() })
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// answers passes on what the database says until the line is cut.
type answers struct {
	net.Conn
	cut *atomic.Bool
}

func (a answers) Write(p []byte) (int, error) {
	if a.cut.Load() {
		return len(p), nil
	}
	return a.Conn.Write(p)
}

func TestLostAnswerAfterCommit(t *testing.T) {
	t.Parallel()
	for name, reach := range map[string]bool{"the commit reached the database": true, "the commit was lost": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			cut := &cutter{reach: reach}
			far, err := audit.Open(w.ctx, cut.listen(t, w.db.AppDSN)+"&pool_max_conns=1")
			require.NoError(t, err)
			defer far.Close()
			_, err = far.Change(w.ctx, w.intent("site/warm"), cut.quiet(w.ctx, audit.NewID()))
			require.NoError(t, err, "the statements are now prepared: the next message after the rows is the commit")
			id := audit.NewID()
			in := w.intent("station/" + id)
			in.Key, in.Command = audit.NewID(), "far"
			receipt, err := far.Change(w.ctx, in, cut.once(w.ctx, id))
			require.NoError(t, err, "the request key tells whether it was saved, and it is done again if not")
			require.Equal(t, reach, receipt.Replayed)
			require.JSONEq(t, `{"id":"`+id+`"}`, string(receipt.Result))
			again, err := far.Change(w.ctx, in, cut.quiet(w.ctx, id))
			require.NoError(t, err)
			require.True(t, again.Replayed)
			require.Equal(t, int64(1), w.count(`select count(*) from ebr.stations where id = $1`, id))
			require.Empty(t, w.verify().Findings)

			// Without a key nobody can tell, and the answer says so.
			_, err = far.Change(w.ctx, w.intent("site/warm"), cut.quiet(w.ctx, audit.NewID()))
			require.NoError(t, err)
			id = audit.NewID()
			_, err = far.Change(w.ctx, w.intent("station/"+id), cut.once(w.ctx, id))
			require.Equal(t, fault.Busy, fault.KindOf(err))
			require.ErrorContains(t, err, "not known")
		})
	}
}

// TestLostAnswerAndNoDatabase: when the answer to the commit is lost and the database is then away, nobody is told that nothing was saved.
func TestLostAnswerAndNoDatabase(t *testing.T) {
	t.Parallel()
	w := setup(t)
	cut := &cutter{reach: true}
	far, err := audit.Open(w.ctx, cut.listen(t, w.db.AppDSN)+"&pool_max_conns=1")
	require.NoError(t, err)
	defer far.Close()
	_, err = far.Change(w.ctx, w.intent("site/warm"), cut.quiet(w.ctx, audit.NewID()))
	require.NoError(t, err, "the statements are now prepared")
	id := audit.NewID()
	in := w.intent("station/" + id)
	in.Key, in.Command = audit.NewID(), "far"
	_, err = far.Change(w.ctx, in, func(tx *audit.Tx) error {
		cut.gone.Store(true)
		return cut.once(w.ctx, id)(tx)
	})
	require.Equal(t, fault.Busy, fault.KindOf(err))
	require.ErrorContains(t, err, "It is not known whether this was saved")
	require.Equal(t, int64(1), w.count(`select count(*) from ebr.stations where id = $1`, id), "it was")
	cut.gone.Store(false)
	again, err := far.Change(w.ctx, in, cut.quiet(w.ctx, id))
	require.NoError(t, err)
	require.True(t, again.Replayed)
}

// once writes a row and, the first time, arms the cutter, so that the next message, the commit, is cut.
func (c *cutter) once(ctx context.Context, id string) func(*audit.Tx) error {
	first := true
	return func(tx *audit.Tx) error {
		err := c.quiet(ctx, id)(tx)
		c.armed.Store(first)
		first = false
		return err
	}
}

func (c *cutter) quiet(ctx context.Context, id string) func(*audit.Tx) error {
	return func(tx *audit.Tx) error {
		tx.Result(map[string]string{"id": id})
		_, err := tx.Exec(context.WithoutCancel(ctx), insertStation, id, "Far station "+id)
		return err
	}
}

// TestDatabaseGoesAway: a database that ends the connection in the middle of an act, or is not reached at all, is no failure inside the system. The
// person is told that nothing was saved, and sends it again.
func TestDatabaseGoesAway(t *testing.T) {
	t.Parallel()
	w := setup(t)
	id := audit.NewID()
	away := true
	send := func() error {
		_, err := w.Change(w.ctx, w.intent("station/"+id), func(tx *audit.Tx) error {
			if _, err := tx.Exec(w.ctx, insertStation, id, "Granulation 9"); err != nil || !away {
				return err
			}
			_, err := tx.Exec(w.ctx, `select pg_terminate_backend(pg_backend_pid())`)
			return err
		})
		return err
	}
	err := send()
	require.Equal(t, fault.Busy, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "Nothing was saved")
	require.True(t, audit.Away(err))
	require.Zero(t, w.count(`select count(*) from ebr.stations where id = $1`, id))
	away = false
	require.NoError(t, send())
	require.Empty(t, w.verify().Findings)

	nowhere, err := audit.Open(w.ctx, "postgres://app@/nothing?host=%2Fnowhere")
	if err == nil {
		defer nowhere.Close()
		err = nowhere.Read(w.ctx, func(*audit.Reader) error { return nil })
	}
	require.True(t, audit.Away(err), "%v", err)
	require.True(t, audit.Away(fmt.Errorf("second query: %w", pgconn.ErrConnClosed)), "the line was cut between two queries")
	require.False(t, audit.Away(errors.New("something else")))
}
