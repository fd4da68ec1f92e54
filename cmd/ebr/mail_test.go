package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/quality"
	"veribatch/internal/certificate"
	"veribatch/internal/language"
	courier "veribatch/internal/mail"
	"veribatch/signatures/configuration/versions"
	"veribatch/web"
)

// mailbox is a server for mail that keeps what it gets.
type mailbox struct {
	*smtp.Server
	at string

	mu      sync.Mutex
	raw     []string
	logins  int
	refuses string // recipient that it does not know
	busy    bool   // it takes nothing now
	last    string // how the last letter came
}

// letter is one that arrived.
func (m *mailbox) letters(t *testing.T) (list []*mail.Message) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, raw := range m.raw {
		one, err := mail.ReadMessage(strings.NewReader(raw))
		require.NoError(t, err)
		list = append(list, one)
	}
	return list
}

type caller struct {
	*mailbox
	conn     *smtp.Conn
	from, to string
}

func (m *mailbox) NewSession(conn *smtp.Conn) (smtp.Session, error) {
	return &caller{mailbox: m, conn: conn}, nil
}

func (*caller) Reset()        {}
func (*caller) Logout() error { return nil }

func (c *caller) Mail(from string, _ *smtp.MailOptions) error { c.from = from; return nil }

func (c *caller) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if to == c.refuses {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"}
	}
	if c.busy {
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later"}
	}
	c.to = to
	return nil
}

func (c *caller) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw = append(c.raw, string(raw))
	how := "in the clear"
	if _, is := c.conn.TLSConnectionState(); is {
		how = "with TLS"
	}
	c.last = fmt.Sprintf("%s, from %s to %s", how, c.from, c.to)
	return err
}

const mailSecret = "a secret of the mail server"

func (*caller) AuthMechanisms() []string { return []string{sasl.Plain} }

func (c *caller) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, name, password string) error {
		if name != "veribatch" || password != mailSecret {
			return errors.New("no")
		}
		c.mu.Lock()
		c.logins++
		c.mu.Unlock()
		return nil
	}), nil
}

// open serves on the address, "127.0.0.1:0" for a free one, until the test ends or it is closed.
func (m *mailbox) open(t *testing.T, at string, own *certificate.Keeper, immediate bool) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", at)
	require.NoError(t, err)
	m.at = listener.Addr().String()
	m.Server = smtp.NewServer(m)
	m.Domain, m.ErrorLog = "mail.test", slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	if own != nil {
		m.TLSConfig = own.Config()
	}
	if immediate {
		listener = tls.NewListener(listener, own.Config())
	}
	served := make(chan struct{})
	server := m.Server
	go func() { defer close(served); _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-served })
}

// mailing is a plant with mail configured.
func mailing(t *testing.T, m *mailbox, encryption, recipients string) (p *plant, logged *bytes.Buffer, configure func(versions.Propose), round func()) {
	t.Helper()
	p, w := newPlant(t)
	logged = &bytes.Buffer{}
	p.log = slog.New(slog.NewTextHandler(logged, nil))
	p.post = &post{site: "https://ebr.test"}
	configure = func(c versions.Propose) { w.Configure(c) }
	configure(versions.Propose{MailServer: m.at, MailEncryption: encryption, MailSender: "veribatch@plant.test", MailRecipients: recipients})
	return p, logged, configure, func() { require.NoError(t, p.mail(t.Context())) }
}

// hurry makes letters that wait due.
func hurry(t *testing.T, p *plant) {
	t.Helper()
	require.NoError(t, p.trail.Operate(t.Context(), func(op *audit.Op) error {
		_, err := op.Exec(t.Context(), `update ebr.letters set next_at = clock_timestamp()`)
		return err
	}))
}

func open(t *testing.T, p *plant, in quality.Incident) {
	t.Helper()
	require.NoError(t, quality.OpenIncident(t.Context(), p.trail, in))
}

// A11-13: each incident is mailed once to each recipient, by number, kind and address; off until QA has approved a server.
func TestIncidentsAndAlarmsAreMailedOnce(t *testing.T) {
	t.Parallel()
	m := &mailbox{}
	m.open(t, "127.0.0.1:0", nil, false)
	p, logged, configure, round := mailing(t, m, "none", "qa@plant.test,it@plant.test")
	open(t, p, quality.Incident{Kind: quality.InternalError, Summary: "GET /batches: net 13.85 kg"})
	round()
	round()
	got := m.letters(t)
	require.Len(t, got, 2)
	require.Equal(t, "<it@plant.test><qa@plant.test>", min(got[0].Header.Get("To"), got[1].Header.Get("To"))+max(got[0].Header.Get("To"), got[1].Header.Get("To")))
	require.Regexp(t, `^Veribatch: incident I-\d{4}-000001, internal error$`, got[0].Header.Get("Subject"))
	body, err := io.ReadAll(got[0].Body)
	require.NoError(t, err)
	require.Contains(t, string(body), "https://ebr.test/incidents/")
	require.NotContains(t, strings.Join(m.raw, ""), "13.85", "no value of a record")
	require.Equal(t, "auto-generated", got[0].Header.Get("Auto-Submitted"))

	says := "The certificate ends in 3 days.\r\nBcc: thief@elsewhere.test"
	p.sources = []web.AlarmSource{func(context.Context, audit.Querier) ([]web.Alarm, error) {
		if says == "" {
			return nil, nil
		}
		return []web.Alarm{{Words: language.Write(says), Href: "/backups"}}, nil
	}}
	for _, says = range []string{says, strings.Replace(says, "3", "2", 1), "", says} { // an alarm that comes and goes is told once an hour
		round()
	}
	got = m.letters(t)[2:]
	require.Len(t, got, 2, "the same alarm, day after day")
	require.Empty(t, got[0].Header.Get("Bcc"), "a line break in a subject begins no header")
	require.Contains(t, got[0].Header.Get("Subject"), "Bcc: thief")

	configure(versions.Propose{MailServer: "none"})
	open(t, p, quality.Incident{Kind: quality.Clock, Summary: "jumped"})
	round()
	require.Len(t, m.letters(t), 4)
	require.Empty(t, logged.String())
}

// A server that is away, or busy, loses nothing: the letter keeps its Message-ID. That mail fails is one incident, which is not mailed itself.
func TestMailWaitsForItsServer(t *testing.T) {
	t.Parallel()
	m := &mailbox{}
	m.open(t, "127.0.0.1:0", nil, false)
	p, _, _, round := mailing(t, m, "none", "qa@plant.test")
	require.NoError(t, m.Close())
	open(t, p, quality.Incident{Kind: quality.Clock, Summary: "jumped"})
	round()
	round() // it is not due yet
	m.busy = true
	m.open(t, m.at, nil, false)
	for range 3 {
		hurry(t, p)
		round()
	}
	require.Empty(t, m.letters(t))
	failures := func() (list []quality.Record) {
		require.NoError(t, p.trail.Read(t.Context(), func(r *audit.Reader) error {
			all, err := quality.List(t.Context(), r, quality.Everywhere(), nil, 10)
			for _, one := range all {
				if one.Kind == quality.FailedJob {
					list = append(list, one)
				}
			}
			return err
		}))
		return list
	}
	require.Eventually(t, func() bool { return len(failures()) == 1 }, 20*time.Second, 20*time.Millisecond)
	require.Contains(t, failures()[0].Summary, "Mail does not go out")
	m.mu.Lock()
	m.busy = false
	m.mu.Unlock()
	hurry(t, p)
	round()
	hurry(t, p)
	round()
	require.Len(t, m.letters(t), 1, "once, and nothing about the failure")
	require.Len(t, failures(), 1)

	hurried := m.letters(t)[0].Header.Get("Message-Id")
	require.NoError(t, p.trail.Operate(t.Context(), func(op *audit.Op) error { // as when the server is killed before it could mark the letter
		_, err := op.Exec(t.Context(), `update ebr.letters set sent_at = null`)
		return err
	}))
	round()
	require.Equal(t, hurried, m.letters(t)[1].Header.Get("Message-Id"), "who gets it twice sees that it is one")
}

// A recipient whom the server does not know is given up at once, as an incident; the others get theirs.
func TestARefusedRecipientIsAnIncident(t *testing.T) {
	t.Parallel()
	m := &mailbox{refuses: "gone@plant.test"}
	m.open(t, "127.0.0.1:0", nil, false)
	p, logged, _, round := mailing(t, m, "none", "gone@plant.test,qa@plant.test")
	open(t, p, quality.Incident{Kind: quality.Clock, Summary: "jumped"})
	for range 3 {
		round()
		hurry(t, p)
	}
	require.Len(t, m.letters(t), 1)
	require.Equal(t, 1, strings.Count(logged.String(), "given_up=true"))
	require.Eventually(t, func() (found bool) {
		_ = p.trail.Read(t.Context(), func(r *audit.Reader) error {
			list, err := quality.List(t.Context(), r, quality.Everywhere(), nil, 10)
			for _, one := range list {
				found = found || strings.Contains(one.Summary, "A mail to gone@plant.test was given up after 1 tries")
			}
			return err
		})
		return found
	}, 20*time.Second, 20*time.Millisecond)
}

// Over TLS the password is given to the server that the trusted authority names, and to nobody else; it stands in no log.
func TestMailOverTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	own, err := certificate.Own(filepath.Join(dir, "tls"), certificate.Names("127.0.0.1"))
	require.NoError(t, err)
	authority := filepath.Join(dir, "tls", certificate.AuthorityFile)
	secret := filepath.Join(dir, "secret")
	require.NoError(t, os.WriteFile(secret, []byte(mailSecret+"\n"), 0o600))
	flags := mailFlags{MailUser: "veribatch", MailPasswordFile: secret, MailAuthority: authority, SiteURL: "https://ebr.test/"}
	for _, encryption := range []string{"starttls", "tls"} {
		m := &mailbox{}
		m.open(t, "127.0.0.1:0", own, encryption == "tls")
		p, logged, _, round := mailing(t, m, encryption, "qa@plant.test")
		open(t, p, quality.Incident{Kind: quality.Clock, Summary: "jumped"})
		p.post.access = courier.Server{User: "veribatch", Password: mailSecret, Roots: x509.NewCertPool()}
		round()
		require.Zero(t, m.logins, "a server that nobody trusted is not told the password")
		require.Contains(t, logged.String(), "certificate")
		p.post, err = flags.post("")
		require.NoError(t, err)
		hurry(t, p)
		round()
		require.Len(t, m.letters(t), 1, logged.String())
		require.Positive(t, m.logins)
		require.NotContains(t, logged.String(), mailSecret)
	}
	plain := &mailbox{}
	plain.open(t, "127.0.0.1:0", nil, false)
	p, logged, _, round := mailing(t, plain, "starttls", "qa@plant.test")
	open(t, p, quality.Incident{Kind: quality.Clock, Summary: "jumped"})
	p.post.access = courier.Server{User: "veribatch", Password: mailSecret}
	round()
	require.Empty(t, plain.letters(t), "a server without STARTTLS gets nothing")
	require.Zero(t, plain.logins)
	require.Contains(t, logged.String(), "a mail was not sent")

	require.NoError(t, os.Chmod(secret, 0o644))
	_, err = flags.post("")
	require.ErrorContains(t, err, "cannot be used")
	for _, wrong := range []mailFlags{{MailUser: "veribatch"}, {MailAuthority: secret}, {SiteURL: "ftp://ebr.test"}, {SiteURL: "https://a@ebr.test"}} {
		_, err = wrong.post("")
		require.Error(t, err, "%+v", wrong)
	}
}

// mailAt is an address of this process alone, which stands in proposals before anything listens there.
var mailAt = fmt.Sprintf("127.%d.%d.25:2525", os.Getpid()>>8&255, os.Getpid()&255)

// mailed gives how the mail about a new incident came, with a configuration that is put into force for it and switched off afterwards.
func (e *effects) mailed(on versions.Propose) string {
	if e.post == nil {
		host, _, _ := strings.Cut(mailAt, ":")
		dir := filepath.Join(e.t.TempDir(), "tls")
		own, err := certificate.Own(dir, certificate.Names(host))
		require.NoError(e.t, err)
		e.box.open(e.t, mailAt, own, false)
		e.post, err = mailFlags{MailAuthority: filepath.Join(dir, certificate.AuthorityFile)}.post("https://ebr.test")
		require.NoError(e.t, err)
	}
	if on != (versions.Propose{}) {
		e.Configure(on)
		defer e.Configure(versions.Propose{MailServer: "none"})
	}
	e.people++
	e.box.last = "nothing"
	open(e.t, e.plant, quality.Incident{Kind: quality.Clock, Summary: fmt.Sprint("jumped ", e.people)})
	require.NoError(e.t, e.mail(e.Ctx))
	return e.box.last
}

// Alarms that cannot be read hold up no incident, and who is a recipient no longer gets nothing that waited.
func TestMailGoesOnWithoutAlarms(t *testing.T) {
	t.Parallel()
	m := &mailbox{}
	m.open(t, "127.0.0.1:0", nil, false)
	p, _, configure, round := mailing(t, m, "none", "qa@plant.test")
	p.sources = []web.AlarmSource{func(context.Context, audit.Querier) ([]web.Alarm, error) { return nil, errors.New("no alarms today") }}
	open(t, p, quality.Incident{Kind: quality.Clock, Summary: "jumped"})
	require.ErrorContains(t, p.mail(t.Context()), "no alarms today")
	require.Len(t, m.letters(t), 1)

	p.sources = nil
	require.NoError(t, m.Close())
	open(t, p, quality.Incident{Kind: quality.InternalError, Summary: "another"})
	round()
	configure(versions.Propose{MailRecipients: "it@plant.test"})
	hurry(t, p)
	round()
	var dropped, waiting int
	require.NoError(t, p.trail.Read(t.Context(), func(r *audit.Reader) error {
		return r.QueryRow(t.Context(), `select count(*) filter (where dropped_at is not null), count(*) filter (where sent_at is null and dropped_at is null) from ebr.letters where recipient = 'qa@plant.test'`).Scan(&dropped, &waiting)
	}))
	require.Equal(t, []int{1, 0}, []int{dropped, waiting})
}
