package web_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/quality"
	"veribatch/internal/pgtest"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
	"veribatch/signatures/keyring"
	"veribatch/signatures/signtest"
	"veribatch/web"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// zone is the zone of the test plant.
var zone = time.FixedZone("", 3600)

// plant is the whole site over a database of its own.
type plant struct {
	*signtest.World
	server *httptest.Server
	log    *logBook
	people map[string]signtest.Person // by first name, lower case
}

// logBook collects what the server logs, for tests of incidents.
type logBook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBook) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newPlant(t testing.TB, idle time.Duration) *plant {
	t.Helper()
	p := &plant{log: &logBook{}, people: map[string]signtest.Person{}}
	log := slog.New(slog.NewTextHandler(p.log, nil))
	p.World = signtest.New(t, func(s *identity.Settings) {
		s.Idle, s.Zone = idle, zone
		s.Alarm = func(person, what string) {
			require.NoError(t, quality.OpenIncident(context.Background(), p.Trail, quality.Incident{Kind: quality.VerifyAlarm, Summary: what, Cause: person}))
		}
	})
	site, err := web.New(web.Config{
		Trail: p.Trail, Gate: p.Gate, Desk: p.Desk, Keyring: p.Desk.Key, Log: log, Site: "Test plant", Version: "test", Zone: zone,
	})
	require.NoError(t, err)
	p.server = httptest.NewServer(site)
	t.Cleanup(p.server.Close)
	return p
}

// person makes somebody with one role; the first name finds them again.
func (p *plant) person(name string, roles ...access.Role) signtest.Person {
	p.T.Helper()
	who := p.Person(name, roles...)
	p.people[name] = who
	return who
}

// visitorAt gives a browser with somebody logged in at a new station.
func (p *plant) visitorAt(station string, who signtest.Person) *visitor {
	p.T.Helper()
	v := newVisitor(p.T, p.server)
	v.open("/login?next=/session/password")
	v.send("login", map[string]string{"station": station, "user_name": who.UserName, "password": who.Password})
	require.Equal(p.T, 200, v.at.status, v.at.text)
	return v
}

// quiet is a log that nobody reads.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// entries gives the entries of an act, oldest first.
func (p *plant) entries(t testing.TB, act string) (rows []audit.Row) {
	t.Helper()
	require.NoError(t, p.Trail.Read(p.Ctx, func(r *audit.Reader) (err error) {
		rows, err = audit.History(p.Ctx, r, audit.Filter{Act: act, Oldest: true, Limit: 500})
		return err
	}))
	return rows
}

// emptyPlant is the site over a database in which nobody has an account.
func emptyPlant(t testing.TB) *plant {
	t.Helper()
	w := &signtest.World{T: t, Ctx: context.Background(), DB: pgtest.New(t)}
	trail, err := audit.Open(w.Ctx, w.DB.AppDSN)
	require.NoError(t, err)
	t.Cleanup(trail.Close)
	trail.Check = access.Check
	require.NoError(t, trail.Start(w.Ctx, nil))
	w.Trail = trail
	key, err := keyring.Open(t.TempDir())
	require.NoError(t, err)
	w.Gate, err = identity.New(trail, key, identity.Settings{Params: signtest.Cheap})
	require.NoError(t, err)
	w.Desk = signatures.Desk{Trail: trail, Gate: w.Gate, Key: key}
	site, err := web.New(web.Config{Trail: trail, Gate: w.Gate, Desk: w.Desk, Keyring: key, Log: quiet(), Zone: zone})
	require.NoError(t, err)
	p := &plant{World: w, server: httptest.NewServer(site), log: &logBook{}}
	t.Cleanup(p.server.Close)
	return p
}

// logger writes into the log book of the plant.
func (p *plant) logger() *slog.Logger { return slog.New(slog.NewTextHandler(p.log, nil)) }
