package quality_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/ebr/quality"
	"veribatch/internal/fault"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/signtest"
)

// A11-13: an incident is closed by quality assurance when its effect on every batch is judged; one that strikes a batch again is judged again.
func TestIncidentIsJudgedBatchByBatch(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	first, second := p.order(), p.order()
	failure := quality.Incident{Kind: quality.InternalError, Summary: "GET /: panic", Reference: "AAAA", Batches: []string{first, second}}
	require.NoError(t, quality.OpenIncident(p.Ctx, p.Trail, failure))
	find := func() quality.Record {
		list := read(p, func(q audit.Querier) ([]quality.Record, error) {
			return quality.List(p.Ctx, q, quality.Everywhere(), nil, 10)
		})
		return read(p, func(q audit.Querier) (quality.Record, error) {
			return quality.Find(p.Ctx, q, quality.Everywhere(), list[0].ID)
		})
	}
	r := find()
	require.Equal(t, []int{2, 0}, []int{r.Batches, r.Judged})
	end := quality.CloseIncident{Incident: r.ID, RootCause: "A nil pointer.", Action: "Mended in 1.2; tested."}
	p.refused(fault.NotReady, "effect on 2 batches is not judged yet", p.Sign(p.quinn, end))

	assess := quality.AssessIncident{Incident: r.ID, Batch: first, Disposition: quality.NoEffect, Reason: "A page that was read; nothing was entered.", Seen: 1}
	_, err := p.Run(p.anna, "", assess)
	require.Equal(t, fault.Forbidden, fault.KindOf(err))
	for says, wrong := range map[string]quality.AssessIncident{
		"Choose whether":   {Incident: r.ID, Batch: first, Reason: "x", Seen: 1},
		"Write why":        {Incident: r.ID, Batch: first, Disposition: quality.NoEffect, Reason: " ", Seen: 1},
		"struck batch":     {Incident: r.ID, Batch: first, Disposition: quality.NoEffect, Reason: "x", Seen: 7},
		"did not touch":    {Incident: r.ID, Batch: p.order(), Disposition: quality.NoEffect, Reason: "x", Seen: 1},
		"no such incident": {Incident: audit.NewID(), Batch: first, Disposition: quality.NoEffect, Reason: "x", Seen: 1},
	} {
		_, err := p.Run(p.sue, "", wrong)
		require.ErrorContains(t, err, says)
	}
	p.Do(p.sue, assess)
	assess.Batch, assess.Disposition, assess.Reason = second, quality.SeeDeviation, "D-2026-000017"
	p.Do(p.quinn, assess)
	require.NoError(t, quality.OpenIncident(p.Ctx, p.Trail, quality.Incident{Kind: failure.Kind, Summary: failure.Summary, Batches: []string{first}}))
	require.Equal(t, 1, find().Judged, "the first batch was struck again")
	p.refused(fault.NotReady, "effect on 1 batches", p.Sign(p.quinn, end))
	assess.Batch, assess.Disposition, assess.Seen = first, quality.NoEffect, find().Links[0].Version
	p.Do(p.sue, assess)
	require.Equal(t, fault.Forbidden, fault.KindOf(p.Sign(p.sue, end)), "a supervisor judges and does not close")
	p.MustSign(p.quinn, end)
	r = find()
	require.Equal(t, []any{"closed", "Quinn Adler", int64(2)}, []any{r.State(), r.ClosedBy, r.Occurrences})
	p.refused(fault.NotReady, "was closed by Quinn Adler", p.Sign(p.quinn, end))
	_, err = p.Run(p.sue, "", assess)
	p.refused(fault.NotReady, "was closed by", err)
	of := read(p, func(q audit.Querier) ([]quality.Record, error) { return quality.OfBatch(p.Ctx, q, second) })
	require.Equal(t, quality.SeeDeviation, of[0].Links[0].Disposition)
	placed := read(p, func(q audit.Querier) (int, error) {
		return quality.VerifySignatures(p.Ctx, q, func(row string, why error) { t.Errorf("%s: %v", row, why) })
	})
	require.Equal(t, 1, placed)
	p.clean()
}

// A11-13c: a judgement that stands is replaced by a signed act that says why; the former ones stay, and verify finds every signature in its place.
func TestAJudgementIsReplacedBySigning(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.order()
	open := quality.Incident{Kind: quality.Clock, Summary: "jumped", Batches: []string{id}}
	require.NoError(t, quality.OpenIncident(p.Ctx, p.Trail, open))
	found := func() quality.Record {
		return read(p, func(q audit.Querier) ([]quality.Record, error) { return quality.OfBatch(p.Ctx, q, id) })[0]
	}
	anew := quality.ReassessIncident{Incident: found().ID, Batch: id, Disposition: quality.SeeDeviation, Reason: "D-2026-000017", ChangedBecause: "Step 030 was timed by that clock.", Seen: 1}
	p.refused(fault.NotReady, "there is no judgement to replace", p.Sign(p.quinn, anew))
	first := quality.AssessIncident{Incident: found().ID, Batch: id, Disposition: quality.NoEffect, Reason: "Nothing was entered.", Seen: 1}
	p.Do(p.sue, first)
	first.Seen = 2
	_, err := p.Run(p.quinn, "", first)
	p.refused(fault.Refused, "replaces that one by a signed act", err)
	p.refused(fault.Conflict, "somebody judged it just now", p.Sign(p.quinn, anew))
	anew.Seen, anew.ChangedBecause = 2, " "
	p.refused(fault.Invalid, "why the former judgement does not hold", p.Sign(p.quinn, anew))
	anew.ChangedBecause = "Step 030 was timed by that clock."
	require.Equal(t, fault.Forbidden, fault.KindOf(p.Sign(p.anna, anew)))
	p.MustSign(p.quinn, anew)
	now := found().Links[0]
	require.Equal(t, []any{quality.SeeDeviation, "D-2026-000017", "Quinn Adler", anew.ChangedBecause, 1}, []any{now.Disposition, now.Reason, now.AssessedBy, now.ChangedBecause, len(now.Former)})
	require.Equal(t, []any{quality.NoEffect, "Nothing was entered.", "Sue Major", ""}, []any{now.Former[0].Disposition, now.Former[0].Reason, now.Former[0].AssessedBy, now.Former[0].Signature})
	require.NoError(t, quality.OpenIncident(p.Ctx, p.Trail, open), "it strikes again: the signed judgement is void, and stays")
	now = found().Links[0]
	require.Equal(t, []any{quality.Disposition(""), 2, anew.ChangedBecause}, []any{now.Disposition, len(now.Former), now.Former[1].ChangedBecause})
	first.Seen = now.Version
	p.Do(p.sue, first)
	anew.Seen, anew.Disposition = now.Version+1, quality.NoEffect
	anew.Reason, anew.ChangedBecause = strings.Repeat("long ", 799), strings.Repeat("word ", 799)
	p.MustSign(p.quirl, anew)
	anew.Seen++
	p.MustSign(p.quirl, anew) // however long the one that is replaced
	st, err := p.Shown(quality.CloseIncident{Incident: found().ID, RootCause: "The time server.", Action: "Another one."})
	require.NoError(t, err)
	require.Contains(t, line(st, "Effect on "+found().Links[0].Number), "Quirl Moss", "a long reason hides nobody")
	require.Contains(t, line(st, "Effect on "+found().Links[0].Number), "in the place of a former judgement")
	p.MustSign(p.quinn, quality.CloseIncident{Incident: found().ID, RootCause: "The time server.", Action: "Another one."})
	anew.Seen++
	p.refused(fault.NotReady, "was closed by", p.Sign(p.quirl, anew))
	placed := read(p, func(q audit.Querier) (int, error) {
		return quality.VerifySignatures(p.Ctx, q, func(row string, why error) { t.Errorf("%s: %v", row, why) })
	})
	require.Equal(t, 4, placed)
	p.clean()
}

// Nobody replaces a judgement past the program: not by the act of the first one, not without a signature, not in own work, and none that stands leaves.
func TestTheDatabaseKeepsJudgements(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	require.NoError(t, quality.OpenIncident(p.Ctx, p.Trail, quality.Incident{Kind: quality.Clock, Summary: "jumped", Batches: []string{id}}))
	r := read(p, func(q audit.Querier) ([]quality.Record, error) { return quality.OfBatch(p.Ctx, q, id) })[0]
	anew := quality.ReassessIncident{Incident: r.ID, Batch: id, Disposition: quality.SeeDeviation, Reason: "D-1", ChangedBecause: "a reading", Seen: 2}
	try := func(who signtest.Person, act, sql string) string {
		_, err := p.Trail.Change(p.Ctx, audit.Intent{Session: who.Token, Act: act, Home: audit.Site, Also: anew.Also()}, func(tx *audit.Tx) error {
			_, err := tx.Exec(p.Ctx, sql, pgx.NamedArgs{"person": who.ID, "now": tx.Now(), "none": audit.NewID()})
			return err
		})
		return state(err)
	}
	const set = `update ebr.incident_batches set disposition = 'see deviation', reason = 'x', assessed_by = @person, assessed_at = @now, version = version + 1`
	require.Equal(t, "VB092", try(p.sue, "incident.reassess", set), "there is nothing to replace")
	p.Do(p.sue, quality.AssessIncident{Incident: r.ID, Batch: id, Disposition: quality.NoEffect, Reason: "x", Seen: 1})
	p.refused(fault.Refused, "does not judge what an incident did to it", p.Sign(p.quinn, anew))
	require.Equal(t, "VB075", try(p.quinn, "incident.reassess", set), "own work")
	require.Equal(t, "VB092", try(p.sue, "incident.assess", set), "by the act of the first judgement")
	require.Equal(t, "VB092", try(p.sue, "incident.reassess", set), "unsigned")
	require.Equal(t, "VB092", try(p.sue, "incident.reassess", set+`, changed_because = 'y', signature = @none`), "with a signature that nobody gave")
	p.MustSign(p.sue, anew)
	require.Equal(t, "42501", try(p.sue, "incident.reassess", `delete from ebr.former_judgements`))
	require.Equal(t, "42501", try(p.sue, "incident.reassess", `update ebr.former_judgements set reason = 'y'`))
	p.clean()
}

// The database keeps what the rules say, also from our own program.
func TestIncidentsAreNotRewritten(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.order()
	require.NoError(t, quality.OpenIncident(p.Ctx, p.Trail, quality.Incident{Kind: quality.Clock, Summary: "jumped", Batches: []string{id}}))
	for what, try := range map[string]struct{ act, sql string }{
		"another summary":           {"incident.open", `update ebr.incidents set summary = 'nothing', version = version + 1`},
		"fewer":                     {"incident.open", `update ebr.incidents set occurrences = 0, version = version + 1`},
		"closed unsigned":           {"incident.close", `update ebr.incidents set root_cause = 'x', action = 'y', closed_by = @person, closed_at = @now, signature = @none, version = version + 1`},
		"judged while it is opened": {"incident.open", `update ebr.incident_batches set disposition = 'no effect', reason = 'x', assessed_by = @person, assessed_at = @now, version = version + 1`},
		"judged for another":        {"incident.assess", `update ebr.incident_batches set disposition = 'no effect', reason = 'x', assessed_by = @other, assessed_at = @now, version = version + 1`},
		"linked by hand":            {"incident.assess", `insert into ebr.incident_batches (id, incident, batch, linked_at) select @none, id, @batch, @now from ebr.incidents`},
	} {
		session, batch := p.quinn.Token, p.order()
		if try.act == "incident.open" {
			session = p.Trail.System()
		}
		_, err := p.Trail.Change(p.Ctx, audit.Intent{Session: session, Act: try.act, Home: audit.Site}, func(tx *audit.Tx) error {
			_, err := tx.Exec(p.Ctx, try.sql, pgx.NamedArgs{"person": p.quinn.ID, "other": p.sue.ID, "now": tx.Now(), "none": audit.NewID(), "batch": batch})
			return err
		})
		if what == "fewer" {
			require.Error(t, err, what) // by the guard or by the column's own check
			continue
		}
		require.ErrorContains(t, err, "VB055", what)
	}
	p.clean()
}

// Who worked in a batch does not judge what an incident did to it, nor does anybody whose role counts elsewhere; the rule and the database say so.
func TestNobodyJudgesAnIncidentInOwnWork(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	require.NoError(t, quality.OpenIncident(p.Ctx, p.Trail, quality.Incident{Kind: quality.Clock, Summary: "jumped", Batches: []string{id}}))
	r := read(p, func(q audit.Querier) (quality.Record, error) {
		list, err := quality.List(p.Ctx, q, quality.Everywhere(), nil, 1)
		if err != nil {
			return quality.Record{}, err
		}
		return quality.Find(p.Ctx, q, quality.Everywhere(), list[0].ID)
	})
	judge := quality.AssessIncident{Incident: r.ID, Batch: id, Disposition: quality.NoEffect, Reason: "Nothing was entered.", Seen: 1}
	leader := p.Person("sole.leader", access.Supervisor)
	p.Do(leader, batch.Hold{Batch: id, Reason: "noise"})
	for _, worked := range []signtest.Person{p.quinn, leader} {
		_, err := p.Run(worked, "", judge)
		p.refused(fault.Refused, "does not judge what an incident did to it", err)
		_, err = p.Trail.Change(p.Ctx, audit.Intent{Session: worked.Token, Act: judge.Act(), Home: audit.Site, Also: judge.Also()}, func(tx *audit.Tx) error {
			_, err := tx.Exec(p.Ctx, `update ebr.incident_batches set disposition = 'no effect', reason = 'x', assessed_by = $1, assessed_at = $2, version = version + 1`, worked.ID, tx.Now())
			return err
		})
		p.refused(fault.Refused, "does not judge what an incident did to it", err)
	}
	p.Do(p.Admin, access.CreateArea{Code: "south", Title: "South works", Reason: "a second site"})
	far := p.Person("south.qa")
	p.Do(p.Admin, accounts.Grant{Person: far.ID, Role: string(access.QA), Area: "south", Reason: "works there"})
	_, err := p.Run(far, "", judge)
	require.Contains(t, []fault.Kind{fault.Forbidden, fault.Missing}, fault.KindOf(err), "%v", err)
	p.Do(p.sue, judge) // ordered the batch, which is planning
	p.clean()
}
