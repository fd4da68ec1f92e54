package browser_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/signtest"
	"veribatch/web"
)

// shop is the whole site on a database of its own, with the people who execute a batch in it.
type shop struct {
	*signtest.World
	server *httptest.Server
	wire   *wire
	ledger *ledger

	petra, quinn, elena, sven, olga, omar signtest.Person
}

func newShop(t *testing.T) *shop {
	t.Helper()
	p := emptyShop(t)
	p.petra, p.quinn = p.Person("petra.novak", access.ProcessEngineer), p.Person("quinn.weiss", access.QA)
	p.elena, p.sven = p.Person("elena.rossi", access.QualifiedPerson), p.Person("sven.lind", access.Supervisor)
	p.olga, p.omar = p.Person("olga.brandt", access.Operator), p.Person("omar.haddad", access.Operator)
	return p
}

// emptyShop is the site before anybody but its first administrator is there.
func emptyShop(t *testing.T) *shop { t.Helper(); return shopIn(t, signtest.New(t)) }

// shopIn is the site on a world.
func shopIn(t *testing.T, w *signtest.World) *shop {
	t.Helper()
	if err := web.AssetsMissing(); err != nil {
		t.Fatal(err)
	}
	p := &shop{World: w, ledger: &ledger{}}
	p.Desk.Zone = time.Local
	log := &bytes.Buffer{}
	site, err := web.New(web.Config{
		Trail: p.Trail, Gate: p.Gate, Desk: p.Desk, Keyring: p.Desk.Key, Site: "Test plant", Version: "test", Zone: time.Local,
		Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	p.wire = &wire{site: site}
	p.server = httptest.NewServer(p.wire)
	t.Cleanup(func() {
		p.server.Close()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return p
}

// wire stands between browser and site. While it is cut the site does what a form asks, and the answer never arrives.
type wire struct {
	site http.Handler
	cut  atomic.Bool

	mu   sync.Mutex
	keys map[string][]string // request keys of all posted forms, by path
}

func (l *wire) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, "/batches/") {
		l.site.ServeHTTP(w, r)
		return
	}
	l.note(r)
	if !l.cut.Load() {
		l.site.ServeHTTP(w, r)
		return
	}
	l.site.ServeHTTP(httptest.NewRecorder(), r)
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_ = conn.Close() // nobody reads what becomes of it
	}
}

func (l *wire) note(r *http.Request) {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, err2 := url.ParseQuery(string(body))
	if err != nil || err2 != nil {
		return // the site answers what it thinks of it
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keys == nil {
		l.keys = map[string][]string{}
	}
	l.keys[r.URL.Path] = append(l.keys[r.URL.Path], form.Get("key"))
}

// sent gives the request keys of the forms that arrived at an address ending like this.
func (l *wire) sent(path string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for full, keys := range l.keys {
		if strings.HasSuffix(full, path) {
			return append([]string{}, keys...)
		}
	}
	return nil
}

// super runs a statement as superuser, who stands for what the test cannot wait for.
func (p *shop) super(sql string, args ...any) {
	p.T.Helper()
	if _, err := p.DB.Super(p.T).Exec(p.Ctx, sql, args...); err != nil {
		p.T.Fatal(err)
	}
}

func (p *shop) ask(sql string, args ...any) (found string) {
	p.T.Helper()
	if err := p.DB.Super(p.T).QueryRow(p.Ctx, sql, args...).Scan(&found); err != nil {
		p.T.Fatal(err)
	}
	return found
}

const moveStart = `do $$ declare name text; begin
	alter table ebr.batch_history disable trigger user;
	update ebr.batch_history set entered_at = entered_at + interval 'BY' where event in ('created', 'issued', 'started');
	for name in select tgname from pg_trigger where tgrelid = 'ebr.batch_history'::regclass and not tgisinternal loop
		execute format('alter table ebr.batch_history enable always trigger %I', name);
	end loop; end $$`

// startedEarlier moves the start of the batch back, as an administrator of the database could: a late entry lies more than five minutes after
// the act and after the start, and no test waits so long. What it gives moves the start to its place again.
func (p *shop) startedEarlier() (back func()) {
	p.super(strings.Replace(moveStart, "BY", "-20 minutes", 1))
	return func() { p.super(strings.Replace(moveStart, "BY", "20 minutes", 1)) }
}

const forgetSession = `update ebr.sessions set seen_at = seen_at - interval '1 hour' where person = $1`

// leave lets a person be away for an hour.
func (p *shop) leave(who signtest.Person) { p.super(forgetSession, who.ID) }

// findings runs what `ebr verify` runs: the trail against all records, and every signature.
func (p *shop) findings() []string {
	p.T.Helper()
	report, err := p.Trail.Verify(p.Ctx)
	if err != nil {
		p.T.Fatal(err)
	}
	found, signed := report.Findings, 0
	err = p.Trail.Read(p.Ctx, func(r *audit.Reader) (err error) {
		signed, err = signatures.VerifyAll(p.Ctx, r, func(id string, why error) { found = append(found, "signature "+id+": "+why.Error()) })
		return err
	})
	if err != nil || signed < len(p.ledger.signed) {
		p.T.Errorf("verify: %d signatures, %d were given: %v", signed, len(p.ledger.signed), err)
	}
	return found
}

// refused gives the messages of the refused entries of a person, oldest first.
func (p *shop) refused(who signtest.Person, act string) (messages []string) {
	p.T.Helper()
	err := p.Trail.Read(p.Ctx, func(r *audit.Reader) error {
		rows, err := audit.History(p.Ctx, r, audit.Filter{Person: who.ID, Act: act, Oldest: true, Limit: 500})
		for _, row := range rows {
			if row.Refused {
				messages = append(messages, row.Details["refusal"])
			}
		}
		return err
	})
	if err != nil {
		p.T.Fatal(err)
	}
	return messages
}

const readings = `select string_agg(reading, ' ' order by ord) from ebr.batch_history where step = @step and value = @value and event in ('recorded', 'corrected')`

// readings gives all readings of a value, oldest first, from the record table.
func (p *shop) readings(step, value string) string {
	p.T.Helper()
	return p.ask(readings, pgx.NamedArgs{"step": step, "value": value})
}
