package main

import (
	"context"
	"errors"
	"fmt"

	"veribatch/audit"
	"veribatch/signatures"
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
		return errFound
	}
	return nil
}

// verifyAll checks the trail against the records and every signature against what was signed, in one snapshot.
func verifyAll(ctx context.Context, trail *audit.Trail) (report audit.Report, err error) {
	err = trail.Read(ctx, func(r *audit.Reader) error {
		if report, err = audit.Verify(ctx, r); err != nil {
			return err
		}
		report.Signatures, err = signatures.VerifyAll(ctx, r, func(id string, why error) {
			report.Findings = append(report.Findings, fmt.Sprintf("table ebr.signatures id %s: %v", id, why))
		})
		return err
	})
	return report, err
}
