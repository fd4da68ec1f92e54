package main

import (
	"context"
	"errors"
	"fmt"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/ebr/quality"
	"veribatch/recipes"
	"veribatch/signatures"
	"veribatch/signatures/accounts"
	"veribatch/signatures/configuration/versions"
)

// verifyCmd checks a database, also beside a running server.
type verifyCmd struct {
	place
}

// Run prints what was checked and what was found.
func (v *verifyCmd) Run(ctx context.Context, o output) (err error) {
	db, err := v.attach(ctx, o.say)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	trail, err := audit.Open(ctx, db.app)
	if err != nil {
		return err
	}
	defer trail.Close()
	report, err := verifyAll(ctx, trail)
	if err != nil {
		return err
	}
	report.Print(o.out)
	if len(report.Findings) > 0 {
		return errors.Join(errFound, v.alarm(ctx, trail, report))
	}
	return nil
}

// verifyAll checks the trail against the records and every signature against what was signed, in one snapshot.
func verifyAll(ctx context.Context, trail *audit.Trail) (report audit.Report, err error) {
	err = trail.Read(ctx, func(r *audit.Reader) error {
		if report, err = audit.Verify(ctx, r); err != nil {
			return err
		}
		return verifySignatures(ctx, r, &report)
	})
	return report, err
}

// verifyHour is when the server verifies everything by itself: when few people work.
const verifyHour = 3

// verify is the server's own daily verification. What it finds is an incident.
func (p *plant) verify(ctx context.Context) error {
	report, err := verifyAll(ctx, p.trail)
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

// verifySignatures checks that every signature is whole, and that it stands in a recipe, a batch, a configuration or an account beside that for which it was given.
func verifySignatures(ctx context.Context, r *audit.Reader, report *audit.Report) (err error) {
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
	placed := inRecipes + inBatches + inConfigurations + inAccounts + inQuality
	stored, err := signatures.Count(ctx, r)
	if err == nil && stored != placed {
		found("table ebr.signatures", fmt.Errorf("%d signatures are stored and %d stand beside a record", stored, placed))
	}
	return err
}
