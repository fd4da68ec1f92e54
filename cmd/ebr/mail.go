package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"veribatch/audit"
	"veribatch/ebr/quality"
	"veribatch/internal/fault"
	"veribatch/internal/mail"
	"veribatch/signatures/configuration"
	"veribatch/web"
)

// mailFlags are what the configuration does not hold: how this machine logs in at the server for mail, whom it trusts, and how people reach the plant.
// Whether anything is mailed, through which server and to whom, QA approves.
type mailFlags struct {
	MailUser         string `placeholder:"NAME" help:"Name by which the server logs in where it hands in mail. Server, sender and recipients stand in the configuration."`
	MailPasswordFile string `placeholder:"FILE" help:"File whose first line is the password that goes with --mail-user, readable for the server only."`
	MailAuthority    string `placeholder:"FILE" help:"Certificates of the authorities (PEM) to trust for the server for mail, instead of those of this machine."`
	SiteURL          string `name:"site-url" placeholder:"URL" help:"Address by which browsers reach the plant, for links in mails, such as https://ebr.plant.example. Without it: the address where it is served."`
}

// post is what the job needs to hand in mail.
type post struct {
	access mail.Server // with the host and the encryption of the moment
	site   string
}

// post reads the flags before a database starts.
func (f mailFlags) post(served string) (*post, error) {
	p := &post{access: mail.Server{User: f.MailUser}, site: served}
	if f.SiteURL != "" {
		u, err := url.Parse(f.SiteURL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return nil, fault.New(fault.Invalid, "--site-url %s is not the address of a site, such as https://ebr.plant.example.", f.SiteURL)
		}
		p.site = strings.TrimSuffix(u.String(), "/")
	}
	if (f.MailUser == "") != (f.MailPasswordFile == "") {
		return nil, fault.New(fault.Invalid, "Name either both --mail-user and --mail-password-file, or neither.")
	}
	var err error
	if f.MailPasswordFile != "" {
		p.access.Password, err = secretLine(f.MailPasswordFile)
		if err == nil && p.access.Password == "" {
			err = errors.New("its first line is empty")
		}
		if err != nil {
			return nil, fault.New(fault.NotReady, "The file %s with the password for mail cannot be used.", f.MailPasswordFile).Because(err)
		}
	}
	if f.MailAuthority != "" {
		raw, err := os.ReadFile(f.MailAuthority)
		p.access.Roots = x509.NewCertPool()
		if err != nil || !p.access.Roots.AppendCertsFromPEM(raw) {
			return nil, fault.New(fault.NotReady, "The file %s of --mail-authority holds no certificate that can be read.", f.MailAuthority).Because(err)
		}
	}
	return p, nil
}

// settings are those in force now.
func (p *plant) settings(ctx context.Context) (s configuration.Settings, err error) {
	err = p.trail.Read(ctx, func(r *audit.Reader) error {
		s, err = configuration.Read(ctx, r)
		return err
	})
	return s, err
}

// mail is the job: it writes what is new, and hands in what is due. Without a server in the configuration it does nothing.
func (p *plant) mail(ctx context.Context) error {
	s, err := p.settings(ctx)
	if err != nil || s.MailServer == "" {
		return err
	}
	alarms, unread := p.standing(ctx) // incidents are mailed all the same
	if err := quality.WriteLetters(ctx, p.trail, s, p.post.site, alarms); err != nil {
		return err
	}
	due, err := quality.DueLetters(ctx, p.trail, s)
	if err == nil && len(due) > 0 {
		err = p.handIn(ctx, s, due)
	}
	return errors.Join(unread, err)
}

// standing gives the alarms of this moment; nil when they cannot be read.
func (p *plant) standing(ctx context.Context) ([]quality.Notice, error) {
	alarms := []quality.Notice{}
	err := p.trail.Read(ctx, func(r *audit.Reader) error {
		for _, source := range append(web.StandingAlarms(p.trail), p.sources...) {
			list, err := source(ctx, r)
			if err != nil {
				return err
			}
			for _, a := range list {
				alarms = append(alarms, quality.Notice{Words: a.Words.String(), Link: a.Href})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return alarms, nil
}

// handIn sends letters over one connection. What fails is tried again; a failure to mail is no failure of the job.
func (p *plant) handIn(ctx context.Context, s configuration.Settings, due []quality.Letter) error {
	server := p.post.access
	server.Host, server.Port = s.MailServer.Host()
	server.TLS, server.StartTLS = s.MailEncryption == configuration.TLS, s.MailEncryption == configuration.StartTLS
	line, err := server.Dial(ctx)
	if err == nil {
		defer line.Close()
	}
	if err != nil { // one line of the log for all of them, and one try of the first
		return p.handedIn(ctx, due[0], false, err)
	}
	for _, l := range due {
		if ctx.Err() != nil {
			return nil // the server stops
		}
		refused, failure := line.Send(mail.Letter{ID: l.ID, From: string(s.MailSender), To: l.Recipient, Subject: l.Subject, Body: l.Body, At: l.WrittenAt})
		if err := p.handedIn(context.WithoutCancel(ctx), l, refused, failure); err != nil {
			return err
		}
		if audit.Away(failure) { // it hung up: the others keep their tries
			return nil
		}
	}
	return nil
}

// patience is how often a letter fails before that is an incident: a server for mail may be restarted.
const patience = 3

// handedIn keeps what came of one letter.
func (p *plant) handedIn(ctx context.Context, l quality.Letter, refused bool, failure error) error {
	if failure == nil {
		return quality.LetterSent(ctx, p.trail, l)
	}
	dropped, err := quality.LetterFailed(ctx, p.trail, l, refused)
	p.log.WarnContext(ctx, "a mail was not sent", "letter", l.ID, "about", l.About, "tries", l.Tries+1, "given_up", dropped, "error", failure)
	switch {
	case dropped:
		p.incidents.Report(quality.MailFailed(fmt.Sprintf("A mail to %s was given up after %d tries; the log of the server says why.", l.Recipient, l.Tries+1), ""))
	case l.Tries+1 == patience:
		p.incidents.Report(quality.MailFailed("Mail does not go out; the log of the server says why. It is tried again.", ""))
	}
	return err
}

// mailPause is how often the job looks for something to mail.
const mailPause = 30 * time.Second
