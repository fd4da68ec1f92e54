package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"veribatch/audit"
	checkpoints "veribatch/audit/checkpoint/keeper"
	"veribatch/audit/witness"
	"veribatch/ebr/quality"
	"veribatch/internal/fault"
)

// witnessFlags say who sees the log grow, in other hands.
type witnessFlags struct {
	Witness          []string `sep:"none" placeholder:"KEY-URL" help:"Witness of the log (ebr witness, or any other that speaks C2SP tlog-witness): its key and its address, with a space between. Again for each."`
	WitnessQuorum    int      `default:"0" placeholder:"K" help:"How many witnesses must have seen the log before people are alarmed; all of them when 0 (${default})."`
	WitnessAuthority string   `placeholder:"FILE" help:"Certificates of the authorities (PEM) to trust for witnesses, instead of those of this machine."`
}

// witnessPause is the time from one look at the kept checkpoints to the next. One is kept every five minutes, and at each export.
const witnessPause = 3 * time.Second

// witnesses reads the flags, before a database starts.
func (f witnessFlags) witnesses() (*checkpoints.Witnesses, error) {
	var roots *x509.CertPool
	if f.WitnessAuthority != "" {
		raw, err := os.ReadFile(f.WitnessAuthority)
		roots = x509.NewCertPool()
		if err != nil || !roots.AppendCertsFromPEM(raw) {
			return nil, fault.New(fault.NotReady, "The file %s of --witness-authority holds no certificate that can be read.", f.WitnessAuthority).Because(err)
		}
	}
	if len(f.Witness) > checkpoints.MostWitnesses {
		return nil, fault.New(fault.Invalid, "--witness is there %d times: a log has at most %d witnesses.", len(f.Witness), checkpoints.MostWitnesses)
	}
	w := &checkpoints.Witnesses{Quorum: f.WitnessQuorum}
	for _, text := range f.Witness {
		c, err := witness.NewClient(text, roots)
		if err != nil {
			return nil, err
		}
		w.Clients = append(w.Clients, c)
	}
	if w.Quorum == 0 {
		w.Quorum = len(w.Clients)
	}
	if w.Quorum < 0 || w.Quorum > len(w.Clients) {
		return nil, fault.New(fault.Invalid, "--witness-quorum %d: there are %d witnesses.", f.WitnessQuorum, len(w.Clients))
	}
	return w, nil
}

// witnessJob names the asking of witnesses where failures are counted.
const witnessJob = "witnesses"

// askWitnesses has the kept checkpoints cosigned until ctx ends, beside everything else: nothing waits for a witness.
func (p *plant) askWitnesses(ctx context.Context) {
	p.unseen = map[string]bool{}
	enlisted, told := -1, ""
	for ctx.Err() == nil {
		err := safely(ctx, func(ctx context.Context) error {
			settings, err := p.settings(ctx)
			if err == nil && settings.WitnessQuorum != enlisted {
				err = p.witnesses.Enlist(ctx, settings.WitnessQuorum)
			}
			if err != nil {
				return err
			}
			enlisted = settings.WitnessQuorum
			return p.witnesses.Round(ctx)
		})
		if err == nil {
			err = p.unwitnessed(ctx, enlisted)
		}
		switch {
		case err == nil:
			told = ""
		case ctx.Err() == nil && !audit.Away(err) && told != err.Error():
			told = err.Error()
			p.metrics.failures.WithLabelValues(witnessJob).Inc()
			p.log.ErrorContext(ctx, "witnesses cannot be asked", "error", err)
		}
		pause(ctx, witnessPause)
	}
}

// unwitnessed opens the incident of a witness that has seen another log, of too few that have seen this one, and of fewer that are asked than the
// configuration demands; each time it begins, once.
func (p *plant) unwitnessed(ctx context.Context, demanded int) error {
	var s checkpoints.Witnessed
	err := p.trail.Read(ctx, func(r *audit.Reader) (err error) { s, err = checkpoints.ReadWitnessed(ctx, r); return err })
	if err != nil {
		return err
	}
	for _, one := range s.List {
		p.witnessTrouble(one.Key, one.Refused, "A witness has cosigned another log than this one: "+one.Problem)
	}
	p.witnessTrouble("quorum", s.Behind > checkpoints.WitnessedAfter, fmt.Sprintf("Fewer than %d witnesses have seen the log for more than 5 minutes.", s.Quorum))
	p.witnessTrouble("configuration", len(s.List) < demanded, fmt.Sprintf("The configuration demands %d witnesses of the audit trail, and the server asks %d.", demanded, len(s.List)))
	return nil
}

func (p *plant) witnessTrouble(cause string, is bool, summary string) {
	if is && !p.unseen[cause] {
		p.incidents.Report(quality.Incident{Kind: quality.VerifyAlarm, Summary: summary, Cause: "witness " + cause})
	}
	p.unseen[cause] = is
}

// sendWitnessed gives the figures of the witnesses.
func sendWitnessed(ctx context.Context, q audit.Querier, send func(*prometheus.Desc, float64)) error {
	s, err := checkpoints.ReadWitnessed(ctx, q)
	if err != nil || len(s.List) == 0 {
		return err
	}
	refuses := 0.0
	if s.Refused() {
		refuses = 1
	}
	send(unwitnessedGauge, s.Behind.Seconds())
	send(witnessRefusesGauge, refuses)
	return nil
}
