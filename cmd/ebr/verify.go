package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"

	"veribatch/audit"
	"veribatch/audit/checkpoint"
	checkpoints "veribatch/audit/checkpoint/keeper"
	"veribatch/audit/merkle"
	"veribatch/ebr/batch"
	"veribatch/ebr/continuity"
	"veribatch/ebr/quality"
	"veribatch/internal/fault"
	"veribatch/migrations"
	"veribatch/recipes"
	"veribatch/signatures"
	"veribatch/signatures/accounts"
	"veribatch/signatures/configuration/versions"
	"veribatch/signatures/identity"
	"veribatch/signatures/keyring"
)

// keys is the folder of the site key.
func (p place) keys() string { return filepath.Join(p.State, "keys") }

// verifyCmd checks a database, also beside a running server.
type verifyCmd struct {
	place
	Progress bool `help:"Say every five seconds how far it is, also when the output goes to a file; at a terminal it does by itself."`
}

// Run prints what was checked and what was found.
func (v *verifyCmd) Run(ctx context.Context, o output) (err error) {
	db, err := v.attach(ctx, o.say)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	trail, err := openTrail(ctx, db)
	if err != nil {
		return err
	}
	defer trail.Close()
	p, stop := o.watch(ctx, trail, v.Progress)
	report, err := verifyAll(ctx, trail, v.keys(), v.signerFolder(), &p.rows)
	stop()
	return v.tell(ctx, o.out, trail, report, err)
}

// tell prints what a verification found, also one that somebody stopped; whatever it is becomes an incident.
func (p place) tell(ctx context.Context, w io.Writer, trail *audit.Trail, report audit.Report, err error) error {
	switch {
	case err == nil:
		report.Print(w)
	case ctx.Err() != nil:
		report.PrintFindings(w)
		fmt.Fprintln(w, "The verification was stopped before its end: what it had not read yet may hold more.")
	default:
		return err
	}
	if len(report.Findings) > 0 {
		return errors.Join(errFound, p.alarm(context.WithoutCancel(ctx), trail, report))
	}
	return err
}

// verifyAll checks the trail against the records and against the log, every signature against what was signed, every checkpoint and the signer's memory against the log, and
// every password and signing key against the site key in the folder keys, in one snapshot. A copy has no signer: the folder is "". The rows that are read
// are counted when somebody wants to know.
func verifyAll(ctx context.Context, trail *audit.Trail, keys, signer string, rows *atomic.Int64) (report audit.Report, err error) {
	remembered, lost := checkpoint.Remembered(signer) // before the snapshot: the log only grows
	err = trail.Read(ctx, func(r *audit.Reader) error {
		var q audit.Querier = r
		if rows != nil {
			q = countingReader{r, rows}
		}
		report, err = verifySnapshot(ctx, q, keys, remembered, lost)
		return err
	})
	if err != nil && ctx.Err() == nil && len(report.Findings) > 0 { // what was altered may also stop the check: what is known already is told
		report.Findings = append(report.Findings, fmt.Sprintf("the check could not go on: %v", err))
		err = nil
	}
	return report, err
}

// verifySnapshot is verifyAll of what one transaction sees. With an error it gives what it had found until then.
func verifySnapshot(ctx context.Context, q audit.Querier, keys string, remembered []byte, lost error) (report audit.Report, err error) {
	found := func(row string, why error) {
		report.Findings = append(report.Findings, fmt.Sprintf("%s: %v", row, why))
	}
	if err = migrations.Verify(ctx, q, found); err != nil {
		return report, err
	}
	schema := report.Findings
	report, err = audit.Verify(ctx, q)
	report.Findings = append(schema, report.Findings...)
	if err != nil {
		return report, err
	}
	if err = verifySignatures(ctx, q, &report); err != nil {
		return report, err
	}
	if report.Leaves, err = merkle.Verify(ctx, q, report.Sealed, found); err != nil {
		return report, err
	}
	if err = verifyCheckpoints(ctx, q, &report, remembered, lost); err != nil {
		return report, err
	}
	return report, verifySeals(ctx, q, &report, keys)
}

// verifyCheckpoints compares what was signed of the log with the log.
func verifyCheckpoints(ctx context.Context, r audit.Querier, report *audit.Report, remembered []byte, lost error) error {
	if lost != nil {
		report.Findings = append(report.Findings, fmt.Sprintf("the memory of the signer: %v", lost))
	}
	if remembered == nil && lost == nil {
		report.Notes = append(report.Notes, "NOT CHECKED: what the signer of checkpoints remembers, because its memory is not in the state folder. The server asks it every few seconds.")
	}
	var err error
	report.Checkpoints, err = checkpoints.Verify(ctx, r, remembered, func(row string, why error) {
		report.Findings = append(report.Findings, fmt.Sprintf("%s: %v", row, why))
	})
	if err != nil {
		return err
	}
	return checkpoints.VerifyCosignatures(ctx, r, func(row string, why error) {
		report.Findings = append(report.Findings, fmt.Sprintf("%s: %v", row, why))
	})
}

// verifySeals checks what only the site key can tell. A verification without that key says so.
func verifySeals(ctx context.Context, r audit.Querier, report *audit.Report, keys string) error {
	key, err := keyring.Existing(keys)
	if err != nil {
		report.Notes = append(report.Notes, fmt.Sprintf("NOT CHECKED: the seals of passwords and the origin of signing keys, because the site key cannot be read in %s. Name the state folder with --state.", keys))
		return nil
	}
	found := func(row string, why error) {
		report.Findings = append(report.Findings, fmt.Sprintf("%s: %v", row, why))
	}
	if err := signatures.VerifyKeys(ctx, r, key, found); err != nil {
		return err
	}
	if err := signatures.VerifyCheckpointKeys(ctx, r, key, found); err != nil {
		return err
	}
	if err := signatures.VerifyDocumentKeys(ctx, r, key, found); err != nil {
		return err
	}
	waiting, err := identity.VerifySeals(ctx, r, key, found)
	if waiting > 0 {
		report.Notes = append(report.Notes, fmt.Sprintf("%d passwords from before there were seals: the next start of the server seals them.", waiting))
	}
	return err
}

// verifyHour is when the server verifies everything by itself: when few people work.
const verifyHour = 3

// verify is the server's own daily verification. What it finds is an incident.
func (p *plant) verify(ctx context.Context) error {
	report, err := verifyAll(ctx, p.trail, p.keys, p.signerAt, nil)
	if err != nil {
		return err
	}
	p.metrics.findings.Set(float64(len(report.Findings)))
	if len(report.Findings) == 0 {
		return nil
	}
	p.incidents.Report(verifyAlarm(ctx, p.trail, report))
	return errFound
}

// verifyRecent checks every minute what came since the last look of this run, and the records that it changed. What it finds is an incident, told once.
func (p *plant) verifyRecent(ctx context.Context) error {
	var report audit.Report
	err := p.trail.Read(ctx, func(r *audit.Reader) (err error) {
		report, err = p.recent.Look(ctx, r)
		return err
	})
	if fault.KindOf(err) == fault.NotReady { // the log has not begun
		return nil
	}
	told := strings.Join(report.Findings, "\n")
	if len(report.Findings) > 0 && told != p.recentTold {
		p.metrics.findings.Add(float64(len(report.Findings)))
		p.incidents.Report(verifyAlarm(ctx, p.trail, report))
	}
	p.recentTold = told
	return err
}

// verifySignatures checks that every signature is whole, and that it stands in a recipe, a batch, a configuration or an account beside that for which it was given.
func verifySignatures(ctx context.Context, r audit.Querier, report *audit.Report) (err error) {
	found := func(row string, why error) {
		report.Findings = append(report.Findings, fmt.Sprintf("%s: %v", row, why))
	}
	report.Signatures, err = signatures.VerifyAll(ctx, r, func(id string, why error) { found("table ebr.signatures id "+id, why) })
	if err != nil {
		return err
	}
	inRecipes, err := recipes.VerifySignatures(ctx, r, found)
	if err != nil {
		return err
	}
	inBatches, err := batch.VerifySignatures(ctx, r, found)
	if err != nil {
		return err
	}
	inConfigurations, err := versions.VerifySignatures(ctx, r, found)
	if err != nil {
		return err
	}
	inAccounts, err := accounts.VerifySignatures(ctx, r, found)
	if err != nil {
		return err
	}
	inQuality, err := quality.VerifySignatures(ctx, r, found)
	if err != nil {
		return err
	}
	inLogs, err := continuity.VerifySignatures(ctx, r, found)
	if err != nil {
		return err
	}
	placed := inRecipes + inBatches + inConfigurations + inAccounts + inQuality + inLogs
	stored, err := signatures.Count(ctx, r)
	if err == nil && stored != placed {
		found("table ebr.signatures", fmt.Errorf("%d signatures are stored and %d stand beside a record", stored, placed))
	}
	return err
}
