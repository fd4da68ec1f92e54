package web_test

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/internal/pgtest"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
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
	p.World = signtest.New(t, func(s *identity.Settings) { s.Idle, s.Zone = idle, zone })
	site, err := web.New(web.Config{
		Trail: p.Trail, Gate: p.Gate, Desk: p.Desk, Keyring: p.Desk.Key, Log: log, Site: "Test plant", Version: "test", Zone: zone, Idle: idle,
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
