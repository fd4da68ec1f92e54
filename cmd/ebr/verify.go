package main

import (
	"context"
	"errors"

	"veribatch/audit"
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
	report, err := trail.Verify(ctx)
	if err != nil {
		return err
	}
	report.Print(o.out)
	if len(report.Findings) > 0 {
		return errFound
	}
	return nil
}
