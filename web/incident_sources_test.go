package web_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/quality"
	"veribatch/web"
)

// A11-13: a failure of our own opens exactly one incident, linked to the batch that it may have touched; what is no failure opens none: a request that
// the client gave up, a refused act, input that is wrong, and a database that is away for the moment. (Jobs, verify alarms and unclean restarts are
// tried in cmd/ebr.)
func TestEachFailureOpensOneIncident(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	var mu sync.Mutex
	var opened []quality.Incident
	trouble := func(context.Context) error { return nil }
	site, err := web.New(web.Config{
		Trail: s.Trail, Gate: s.Gate, Desk: s.Desk, Keyring: s.Desk.Key, Log: quiet(), Site: "Test plant", Version: "test", Zone: zone,
		Incident: func(in quality.Incident) {
			mu.Lock()
			defer mu.Unlock()
			opened = append(opened, in)
			require.NoError(t, quality.OpenIncident(s.Ctx, s.Trail, in))
		},
		Alarms: []web.AlarmSource{func(ctx context.Context, _ audit.Querier) ([]web.Alarm, error) { return nil, trouble(ctx) }},
	})
	require.NoError(t, err)
	server := httptest.NewServer(site)
	t.Cleanup(server.Close)
	olga := newVisitor(t, server)
	olga.open("/login?next=/session/password")
	olga.send("login", map[string]string{"station": "Granulation 9", "user_name": s.people["Olga"].UserName, "password": s.people["Olga"].Password})
	require.Equal(t, 200, olga.at.status, olga.at.text)
	super := s.DB.Super(t)
	comment := func() {
		olga.post(s.batch+"/comment", url.Values{"key": {audit.NewID()}, "text": {"quiet"}})
	}
	alarmed := func(now func(context.Context) error, do func()) func() {
		return func() {
			trouble = now
			defer func() { trouble = func(context.Context) error { return nil } }()
			do()
		}
	}
	page := func() { olga.open(s.batch) }
	for _, c := range []struct {
		what   string
		do     func()
		status int
		cause  string // of the incident; "" when none opens
	}{
		{"a panic on a page", alarmed(func(context.Context) error { panic("13.85") }, page), 500, "panic (string) in "},
		{"an error of our own on a page", alarmed(func(context.Context) error { return errors.New("13.85") }, page), 500, "*errors.errorString"},
		{"a database error in an act", func() {
			_, err := super.Exec(s.Ctx, `create function ebr.breaks() returns trigger language plpgsql as 'begin raise exception ''13.85'' using errcode = ''XX001''; end';
				create trigger zz_breaks before insert on ebr.batch_history for each row execute function ebr.breaks()`)
			require.NoError(t, err)
			defer func() {
				_, err := super.Exec(s.Ctx, `drop trigger zz_breaks on ebr.batch_history; drop function ebr.breaks()`)
				require.NoError(t, err)
			}()
			comment()
		}, 500, "database error XX001"},
		{"a database that goes away", alarmed(func(context.Context) error { return &pgconn.PgError{Code: "57P01"} }, page), 503, ""},
		{"an act that comes too early", func() { olga.post(s.batch+"/complete", url.Values{"key": {audit.NewID()}}) }, 409, ""},
		{"a page without the right", func() { olga.open("/backups") }, 403, ""},
		{"wrong input", func() { olga.post(s.batch+"/comment", url.Values{"key": {audit.NewID()}, "text": {""}}) }, 422, ""},
		{"a page that is not there", func() { olga.open("/batches/" + audit.NewID()) }, 404, ""},
	} {
		opened = nil
		c.do()
		require.Equal(t, c.status, olga.at.status, "%s: %s", c.what, olga.at.text)
		if c.cause == "" {
			require.Empty(t, opened, c.what)
			continue
		}
		require.Len(t, opened, 1, c.what)
		require.Equal(t, quality.InternalError, opened[0].Kind, c.what)
		require.Equal(t, []string{path.Base(s.batch)}, opened[0].Batches, c.what)
		require.Contains(t, opened[0].Summary, c.cause, c.what)
		require.NotContains(t, opened[0].Summary, "13.85", c.what)
	}

	// who goes away while the page is made is no failure
	opened = nil
	ctx, goAway := context.WithCancel(s.Ctx)
	seen := make(chan struct{})
	trouble = func(ctx context.Context) error {
		goAway()
		select {
		case <-ctx.Done():
		case <-time.After(time.Minute):
		}
		close(seen)
		return ctx.Err()
	}
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+s.batch, nil)
	require.NoError(t, err)
	_, err = olga.client.Do(ask)
	require.ErrorIs(t, err, context.Canceled)
	<-seen
	server.Close() // when the handler is through
	require.Empty(t, opened, "a client that went away")

	records, err := incidentsOf(s, path.Base(s.batch))
	require.NoError(t, err)
	require.Len(t, records, 3, "each cause once")
}

func incidentsOf(s *script, batch string) (list []quality.Record, err error) {
	err = s.Trail.Read(s.Ctx, func(r *audit.Reader) (err error) {
		list, err = quality.OfBatch(s.Ctx, r, batch)
		return err
	})
	return list, err
}
