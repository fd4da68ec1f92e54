package main

import (
	"context"
	"time"

	"veribatch/audit"
	"veribatch/ebr/quality"
	"veribatch/internal/language"
	"veribatch/web"
)

// sealerPause is the time from one look at the key in Vault that seals signatures to the next.
const sealerPause = 15 * time.Second

// sealerTried is the purpose of what the key seals to show that it does: it is no manifest, and never verifies as one.
const sealerTried = "watch"

// watchSealer has the key in Vault seal something again and again until ctx ends, so that people know that nobody can sign before they try. One look that
// fails may be a slow answer; the second one is an alarm and an incident, until the key seals again.
func (p *plant) watchSealer(ctx context.Context, every time.Duration) {
	for failed := 0; p.desk.Seals != nil && ctx.Err() == nil; pause(ctx, every) {
		_, err := p.desk.Seals.Seal(ctx, sealerTried, nil)
		switch {
		case ctx.Err() != nil:
		case err == nil:
			if failed = 0; p.sealerAway.Swap(false) {
				p.log.InfoContext(ctx, "the key in Vault seals signatures again")
			}
		default:
			if failed++; failed > 1 && !p.sealerAway.Swap(true) {
				p.log.ErrorContext(ctx, "the key in Vault seals no signature", "error", err)
				p.incidents.Report(quality.Incident{Kind: quality.FailedJob, Summary: "Vault sealed no signature, so nobody could sign. The log of the server has the reason.", Cause: "sealer"})
			}
		}
	}
}

// sealerAlarms stand on every page: who comes to a step that is signed should know before.
func (p *plant) sealerAlarms(context.Context, audit.Querier) ([]web.Alarm, error) {
	if !p.sealerAway.Load() {
		return nil, nil
	}
	return []web.Alarm{{Level: "action", Words: language.Write("Vault does not seal signatures: nothing can be signed, entries without a signature go on. Call IT"), Href: "/"}}, nil
}
