package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"sync/atomic"
	"time"

	"veribatch/audit"
	checkpoints "veribatch/audit/checkpoint/keeper"
	"veribatch/audit/checkpoint/remote"
	"veribatch/audit/merkle"
	"veribatch/ebr/quality"
	"veribatch/internal/certificate"
	"veribatch/internal/fault"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/identity"
	"veribatch/signatures/keyring"
	"veribatch/web"
)

// lookForWork and retryWork are the pace of the server's own jobs.
const (
	lookForWork = time.Minute
	retryWork   = 15 * time.Minute
)

// triesPerMinute bounds the passwords of one client: far more than a busy station sends, far fewer than guessing needs.
const triesPerMinute = 120

// plant is what the pages, the jobs and the watches of this server share.
type plant struct {
	trail    *audit.Trail
	gate     *identity.Gate
	desk     signatures.Desk
	key      *keyring.File
	keys     string // its folder
	signerAt string // folder of a signer inside the server; it need not be there
	log      *slog.Logger
	site     http.Handler // answers requests

	incidents      *quality.Book
	metrics        *metrics
	certificate    *certificate.Keeper    // nil without TLS
	badCertificate atomic.Bool            // a newer one was refused
	sealerAway     atomic.Bool            // the key in Vault seals no signature
	keeper         *keeper                // makes backups; nil without a second place
	watch          watch                  // of the clock of this machine
	sources        []web.AlarmSource      // of the pages and the mails
	post           *post                  // hands in mail
	sequencer      *merkle.Sequencer      // takes entries into the log
	signer         remote.Signs           // signs checkpoints of it
	signerKnown    bool                   // its key is on the trail
	witnesses      *checkpoints.Witnesses // see it grow
	unseen         map[string]bool        // troubles with them that are told
	recent         merkle.Recent          // checks what came since its last look
	recentTold     string                 // what that found last
	room           *room                  // what is left on the disk
	timeServer     *timeServer            // a third clock; nil: none is asked
}

// plant starts the trail, the gate and the signing desk over it, and builds everything that answers requests.
func (s *serveCmd) plant(ctx context.Context, trail *audit.Trail, in *entrance, o output) (*plant, error) {
	if err := web.AssetsMissing(); err != nil {
		return nil, err
	}
	version, revision := build()
	p := &plant{trail: trail, keys: s.keys(), signerAt: s.signerFolder(), log: newLog(s.Log, o.err), metrics: newMetrics(), certificate: in.certificate}
	s.bound(p)
	trail.Done, p.sequencer = p.counted, p.newSequencer()
	notes := in.describe()
	notes["version"], notes["revision"], notes["policy"] = version, revision, access.Digest()
	maps.Copy(notes, settings(s))
	before, err := lastStart(ctx, trail)
	if err != nil {
		return nil, err
	}
	notes["changed"] = changed(before, notes)
	if err := trail.Start(ctx, notes); err != nil {
		return nil, err
	}
	p.incidents = quality.NewBook(trail, s.incidents(), p.log)
	if p.key, err = signatures.OpenKey(ctx, trail, s.keys(), s.NewSiteKey); err != nil {
		return nil, err
	}
	if err := accounts.RegisterPolicy(ctx, trail); err != nil {
		return nil, err
	}
	former, err := signatures.RegisterKey(ctx, trail, p.key, s.NewSiteKey)
	if err != nil {
		return nil, err
	}
	if p.gate, err = identity.New(trail, p.key, identity.Settings{Alarm: p.doubtful}); err != nil {
		return nil, err
	}
	if err := p.gate.SealPasswords(ctx, former); err != nil {
		return nil, err
	}
	p.desk = signatures.Desk{Trail: trail, Gate: p.gate, Key: p.key}
	if p.desk.Seals, err = s.seals(ctx, trail, p.key); err != nil {
		return nil, err
	}
	documents, err := s.documents(ctx, trail, p.key)
	if err != nil {
		return nil, err
	}
	demo, err := s.people(ctx, p, o)
	if err != nil {
		return nil, err
	}
	p.sources = p.alarms(len(demo) > 0)
	pages, err := web.New(web.Config{
		Trail: trail, Gate: p.gate, Desk: p.desk, Keyring: p.key, Log: p.log, Site: "Veribatch", Version: version, Demo: demo,
		Incident: p.incidents.Report, Proxies: in.proxies, Tries: triesPerMinute, Observe: p.observe, Alarms: p.sources, Heads: p.sequencer.AppendHeads, Documents: documents,
	})
	if err != nil {
		return nil, err
	}
	p.site = pages
	return p, nil
}

// bound lets rights, the disk and the time server say what nobody may do now.
func (s *serveCmd) bound(p *plant) {
	p.room = &room{folders: s.folders(), free: freeBytes, told: p.diskFull}
	p.trail.Check = p.room.guard(access.Check)
	if s.NTP != "" {
		p.timeServer = newTimeServer(s.NTP, p.trail.Now)
		p.trail.Outside = p.timeServer.apart
	}
}

// seals takes up the key in Vault with which signatures of people are sealed, and records it; nil: the site key seals them.
func (s *serveCmd) seals(ctx context.Context, trail *audit.Trail, site *keyring.File) (signatures.Sealer, error) {
	if s.VaultAddress == "" || s.VaultStatementsKey == "" {
		return nil, nil
	}
	key, err := keyring.OpenVaultStatements(s.keys(), s.settings(s.VaultStatementsKey), time.Now)
	if err != nil {
		return nil, err
	}
	return key, signatures.RegisterSealer(ctx, trail, site, key)
}

// documents takes up the key with which printed records are signed, and records its certificate.
func (s *serveCmd) documents(ctx context.Context, trail *audit.Trail, site *keyring.File) (key *keyring.Document, err error) {
	if s.VaultAddress != "" && s.VaultDocumentKey != "" {
		key, err = keyring.OpenVaultDocument(s.keys(), s.settings(s.VaultDocumentKey), time.Now)
	} else {
		key, err = keyring.OpenDocument(s.keys(), time.Now)
	}
	if err != nil {
		return nil, err
	}
	return key, signatures.RegisterDocumentKey(ctx, trail, site, key.Certificate)
}

// newLog makes the log of the server, which holds no value of a record and no secret.
func newLog(form string, to io.Writer) *slog.Logger {
	log := slog.New(slog.NewTextHandler(to, nil))
	if form == "json" {
		log = slog.New(slog.NewJSONHandler(to, nil))
	}
	slog.SetDefault(log) // for packages that are given none
	return log
}

// people makes sure that somebody can log in: the demo plant's people, or the first administrator by a one-time token printed here.
// A demo plant stays one, also when it is served without --demo.
func (s *serveCmd) people(ctx context.Context, p *plant, o output) ([]web.DemoPerson, error) {
	demo, empty, err := isDemo(ctx, p.trail)
	switch {
	case err != nil:
		return nil, fault.New(fault.NotReady, "The people of this plant cannot be read.").Because(err)
	case s.Demo || demo: // one that was interrupted is completed
		return demoList(), seedDemo(ctx, p.trail, p.gate, p.desk, o.say)
	case empty:
		token, err := p.gate.FirstToken(ctx)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(o.out, "This plant has no people yet. Make the first administrator at /first with the one-time token %s\n", token)
	}
	return nil, nil
}

// alarms are what the pages say about the server itself. A demo plant has nothing to lose: it says so on the page of the backups only.
func (p *plant) alarms(demo bool) []web.AlarmSource {
	if demo {
		return []web.AlarmSource{p.sealerAlarms, p.diskAlarms, p.timeAlarms, p.certificateAlarms}
	}
	return []web.AlarmSource{p.sealerAlarms, p.diskAlarms, p.timeAlarms, p.certificateAlarms, web.BackupAlarms}
}
