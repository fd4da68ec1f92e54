package main

import (
	"context"
	"fmt"
	"time"

	"veribatch/audit"
	"veribatch/ebr/quality"
	"veribatch/signatures"
)

// watch is what the last look at the clock of this machine saw: its time, and the time that runs whatever is set.
type watch struct{ wall, steady time.Time }

// jumped says by how much the clock was set since the last look, forward or back.
func (w *watch) jumped(wall, steady time.Time) time.Duration {
	wall = wall.Round(0)
	var by time.Duration
	if !w.steady.IsZero() {
		by = wall.Sub(w.wall) - steady.Sub(w.steady)
	}
	w.wall, w.steady = wall, steady
	return by
}

// checkClock opens an incident when nobody signs because the clocks differ, and when the clock of this machine was set. Records have the database's time.
func (p *plant) checkClock(ctx context.Context) error {
	if by := p.watch.jumped(p.trail.Now(), time.Now()); by.Abs() > signatures.ClockBound {
		way := "forward"
		if by < 0 {
			way = "back"
		}
		p.incidents.Report(quality.Incident{Kind: quality.Clock, Cause: "server set", Summary: fmt.Sprintf("The clock of the server was set %s by %s while it ran. Records have the time of the database.",
			way, signatures.InWords(by))})
	}
	apart, err := p.apart(ctx)
	if err == nil && apart.Abs() > signatures.ClockBound {
		p.incidents.Report(quality.Incident{Kind: quality.Clock, Cause: "server and database", Summary: fmt.Sprintf(
			"The clocks differ: server and database are %s apart. Nobody signs until they agree. Records have the time of the database.", signatures.InWords(apart))})
	}
	return nil
}

func (p *plant) apart(ctx context.Context) (apart time.Duration, err error) {
	err = p.trail.Read(ctx, func(r *audit.Reader) error {
		apart, err = p.trail.Apart(ctx, r)
		return err
	})
	return apart, err
}
