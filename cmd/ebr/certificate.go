package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"veribatch/audit"
	"veribatch/ebr/quality"
	"veribatch/internal/language"
	"veribatch/signatures/configuration"
	"veribatch/web"
)

// watchCertificate takes a newer certificate into use: asked every minute, and at SIGHUP.
func (p *plant) watchCertificate(ctx context.Context) {
	hangUp := make(chan os.Signal, 1)
	signal.Notify(hangUp, syscall.SIGHUP)
	defer signal.Stop(hangUp)
	ticks := time.NewTicker(lookForWork)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangUp:
		case <-ticks.C:
		}
		p.refreshCertificate(ctx)
	}
}

func (p *plant) refreshCertificate(ctx context.Context) {
	if p.certificate == nil {
		return
	}
	changed, err := p.certificate.Refresh(time.Now())
	switch {
	case err != nil && !p.badCertificate.Swap(true):
		p.log.ErrorContext(ctx, "the new certificate is not used", "error", err)
		p.incidents.Report(quality.Incident{Kind: quality.Certificate, Summary: "A new certificate cannot be used. " + message(err), Cause: "renewal"})
	case err == nil:
		p.badCertificate.Store(false)
	}
	if changed {
		p.log.InfoContext(ctx, "a new certificate is in use", "certificate", p.certificate.String())
	}
}

// checkCertificate is the daily look at the end of the certificate.
func (p *plant) checkCertificate(ctx context.Context) error {
	var words language.Text
	err := p.trail.Read(ctx, func(r *audit.Reader) (err error) { words, err = p.endingCertificate(ctx, r); return err })
	if !words.Empty() {
		p.incidents.Report(quality.Incident{Kind: quality.Certificate, Summary: words.String(), Cause: "ending"})
	}
	return err
}

// endingCertificate says that the certificate ends soon; empty when it does not. How soon is soon, QA approved.
func (p *plant) endingCertificate(ctx context.Context, q audit.Querier) (none language.Text, err error) {
	if p.certificate == nil {
		return none, nil
	}
	end := p.certificate.Leaf().NotAfter
	if time.Until(end) > 90*24*time.Hour { // the most that may be configured: saves a query per page
		return none, nil
	}
	settings, err := configuration.Read(ctx, q)
	left := time.Until(end)
	switch {
	case err != nil || left > time.Duration(settings.CertificateDays)*24*time.Hour:
		return none, err
	case left < 0:
		return language.Write("The certificate of this server ended on %s: browsers refuse it. Renew it.", end.Format(time.DateOnly)), nil
	}
	return language.Write("The certificate of this server ends on %s. Renew it.", end.Format(time.DateOnly)), nil
}

// certificateAlarms stand on the pages of those who judge incidents.
func (p *plant) certificateAlarms(ctx context.Context, q audit.Querier) (list []web.Alarm, err error) {
	if p.badCertificate.Load() {
		list = append(list, web.Alarm{Act: "incident.read", Level: "alert", Words: language.Write("The new certificate cannot be used; the server goes on with the old one."), Href: "/incidents"})
	}
	words, err := p.endingCertificate(ctx, q)
	if !words.Empty() {
		list = append(list, web.Alarm{Act: "incident.read", Level: "alert", Words: words, Href: "/incidents"})
	}
	return list, err
}
