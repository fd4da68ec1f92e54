package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"veribatch/audit"
	"veribatch/audit/checkpoint"
	checkpoints "veribatch/audit/checkpoint/keeper"
	"veribatch/audit/checkpoint/remote"
	"veribatch/ebr/quality"
	"veribatch/internal/fault"
	"veribatch/signatures"
	"veribatch/signatures/keyring"
)

// signerFlags say who signs the checkpoints of the log.
type signerFlags struct {
	Signer          string `placeholder:"ADDRESS" help:"Signer of checkpoints in a process of its own (ebr signer): path of its Unix socket, or host:port. Without it the server holds one, with its key and memory in the state folder."`
	SignerTokenFile string `placeholder:"FILE" help:"File whose first line is the token that the signer asks for."`
}

// signerFolder is where a signer inside the server has its key and its memory. No backup takes it along: a database that comes back from one does not grow
// from what was signed since, and that has to show.
func (p place) signerFolder() string { return filepath.Join(p.State, "signer") }

// openSigner gives the signer, and what gives its folder free.
func (s *serveCmd) openSigner(key *keyring.File) (remote.Signs, func() error, error) {
	if s.Signer != "" {
		token, err := firstLine(s.SignerTokenFile)
		return remote.Dial(s.Signer, token), func() error { return nil }, err
	}
	own, err := checkpoint.Open(s.signerFolder(), signerKey, time.Now)
	if err != nil {
		return nil, nil, fault.New(fault.NotReady, "The signer of checkpoints in %s cannot be opened.", s.signerFolder()).Because(err)
	}
	own.Continues = signatures.Continues(key.Public())
	return own, own.Close, nil
}

func signerKey(folder string) (checkpoint.Key, error) { return keyring.OpenCheckpoint(folder) }

// firstLine gives the first line of a file; "" when no file is named.
func firstLine(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	raw, err := os.ReadFile(name)
	line, _, _ := strings.Cut(string(raw), "\n")
	return strings.TrimSpace(line), err
}

// checkpoints names the keeper where jobs are counted and their incidents named.
const checkpointJob = "checkpoints"

// keepCheckpoints has the log signed every few seconds until ctx ends, and tells when that does not work.
func (p *plant) keepCheckpoints(ctx context.Context) {
	k := &checkpoints.Keeper{Trail: p.trail, Signer: p.signer, Evidence: signatures.EpochEvidence, Clock: p.trail.Now}
	told := ""
	for ctx.Err() == nil {
		err := safely(ctx, func(ctx context.Context) error { return p.checkpointRound(ctx, k) })
		switch {
		case err == nil:
			told = ""
		case ctx.Err() == nil && !audit.Away(err) && fault.KindOf(err) != fault.NotReady && told != err.Error(): // the log may not have begun yet
			told = err.Error()
			p.log.ErrorContext(ctx, "no checkpoint of the log", "error", err)
			p.checkpointFailed(ctx)
		}
		pause(ctx, checkpoints.Pause)
	}
}

func (p *plant) checkpointRound(ctx context.Context, k *checkpoints.Keeper) error {
	if !p.signerKnown {
		public, err := p.signer.Key(ctx)
		if err == nil {
			err = signatures.FirstCheckpointKey(ctx, p.trail, p.key, public)
		}
		p.signerKnown = err == nil
	}
	return k.Round(ctx)
}

// checkpointFailed opens the incident of a signer that refuses; one that is away is an alarm on the pages by the age of what it has not signed.
func (p *plant) checkpointFailed(ctx context.Context) {
	p.metrics.failures.WithLabelValues(checkpointJob).Inc()
	var state checkpoints.State
	err := p.trail.Read(ctx, func(r *audit.Reader) (err error) { state, err = checkpoints.Read(ctx, r); return err })
	if err != nil || state.Refusal == nil {
		return
	}
	p.incidents.Report(quality.Incident{
		Kind: quality.VerifyAlarm, Summary: state.Refusal.Words(), Cause: fmt.Sprintf("checkpoint %s %s %d", state.Refusal.Code, state.Refusal.Origin, state.Refusal.Size),
	})
}

// heartbeatPause is the time between two entries that say how the log stands.
const heartbeatPause = time.Hour

// heartbeat enters how far the log is under checkpoints, once an hour: a gap between two of them shows when nobody watched.
func (p *plant) heartbeat(ctx context.Context) error {
	var s checkpoints.State
	err := p.trail.Read(ctx, func(r *audit.Reader) (err error) { s, err = checkpoints.Read(ctx, r); return err })
	if err != nil {
		return err
	}
	in := audit.Intent{Session: p.trail.System(), Act: "log.heartbeat", Home: audit.Site, Reason: "once an hour"}
	_, err = p.trail.Change(ctx, in, func(tx *audit.Tx) error {
		tx.Note("checkpoint", fmt.Sprintf("epoch %d, %d leaves, %s", s.Epoch, s.Size, s.At.UTC().Format(time.RFC3339)))
		tx.Note("not covered", s.Age.Round(time.Second).String())
		if s.Problem != "" {
			tx.Note("problem", s.Problem)
		}
		return nil
	})
	return err
}

// sendCheckpoints gives the figures of the checkpoints.
func sendCheckpoints(ctx context.Context, q audit.Querier, send func(*prometheus.Desc, float64)) error {
	s, err := checkpoints.Read(ctx, q)
	if err != nil {
		return err
	}
	send(coveredGauge, float64(s.Size))
	send(uncoveredGauge, s.Age.Seconds())
	refuses := 0.0
	if s.Refusal != nil {
		refuses = 1
	}
	send(refusesGauge, refuses)
	return nil
}
