// Package mail owns the talk with a server for mail (SMTP): one connection, one letter after the other. It does not own what is written, to whom,
// nor when it is tried again (ebr/quality). Start reading at Dial and Send.
package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"
)

// Server is where mail is handed in.
type Server struct {
	Host           string
	Port           int
	StartTLS, TLS  bool           // neither: in the clear
	User, Password string         // "" when the server asks for none
	Roots          *x509.CertPool // authorities to trust; nil: those of this machine
}

// Letter is a mail to one person.
type Letter struct {
	ID       string // of its Message-ID; the same at each try, so that a letter that arrives twice is known as one
	From, To string // bare addresses
	Subject  string
	Body     string
	At       time.Time
}

// answerTime bounds each step of the talk.
const answerTime = 20 * time.Second

// Line is an open connection.
type Line struct{ client *gomail.Client }

// Dial opens a connection, and logs in where a user is named. A password never travels in the clear over a network: without TLS the server is asked for a way
// that does not show it.
func (s Server) Dial(ctx context.Context) (*Line, error) {
	policy := gomail.NoTLS
	if s.StartTLS {
		policy = gomail.TLSMandatory
	}
	options := []gomail.Option{
		gomail.WithPort(s.Port), gomail.WithTimeout(answerTime), gomail.WithTLSPolicy(policy),
		gomail.WithTLSConfig(&tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12, RootCAs: s.Roots}),
	}
	if s.TLS {
		options = append(options, gomail.WithSSL())
	}
	if s.User != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.User), gomail.WithPassword(s.Password))
	}
	client, err := gomail.NewClient(s.Host, options...)
	if err == nil {
		err = client.DialWithContext(ctx)
	}
	return &Line{client}, err
}

// Close ends the connection.
func (l *Line) Close() { _ = l.client.Close() }

// Send hands one letter in. Refused tells that the server will never take it.
func (l *Line) Send(letter Letter) (refused bool, err error) {
	m := gomail.NewMsg()
	if err := errors.Join(m.From(letter.From), m.To(letter.To)); err != nil {
		return true, err
	}
	_, domain, _ := strings.Cut(letter.From, "@")
	m.SetMessageIDWithValue(letter.ID + "@" + domain)
	m.SetDateWithValue(letter.At)
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody's absence answers it
	m.Subject(line(letter.Subject))
	m.SetBodyString(gomail.TypeTextPlain, letter.Body)
	err = l.client.Send(m)
	var told *gomail.SendError
	return err != nil && errors.As(err, &told) && !told.IsTemp() && told.ErrorCode() >= 500, err
}

// line makes one line of a text: what breaks a line would begin another header.
func line(text string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)), " ")
}
