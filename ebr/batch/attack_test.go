package batch_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/internal/fault"
	"veribatch/internal/pgtest"
	"veribatch/recipes"
	"veribatch/recipes/library"
	"veribatch/recipes/procedure"
	"veribatch/signatures"
	"veribatch/signatures/signtest"
)

// around runs SQL as the server's role under an open entry, past all rules in Go, and gives the SQLSTATE and the constraint.
func (p *plant) around(who signtest.Person, act string, home audit.Stream, sql string, args ...any) (string, error) {
	p.T.Helper()
	_, err := p.Trail.Change(p.Ctx, audit.Intent{Session: who.Token, Act: act, Home: home, Reason: "attack"}, func(tx *audit.Tx) error {
		_, err := tx.Exec(p.Ctx, sql, args...)
		return err
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code, err
	}
	return "", err
}

// forge writes a line of a history as the person and at the time of the entry, so that it passes what it does not attack.
const forge = `insert into ebr.batch_history (id, batch, ord, event, step, value, attempt, raw, reading, judgement, reason, person, entered_at, signature)
	select $1, $2, (select max(ord) + 1 from ebr.batch_history where batch = $2), $3, $4, $5, $6, $7, $7, $8, 'again', $9::uuid, $10, $11::uuid`

// line is a forged line.
type line struct {
	who               signtest.Person // whose session
	act, event        string
	step, value       string
	person, signature any
}

// forge tries to write a line under an entry in the given stream, and gives SQLSTATE and constraint of the refusal.
func (p *plant) forge(home audit.Stream, batch string, l line) (code string, err error) {
	attempt, raw, judgement := 0, "", ""
	if l.event == "recorded" {
		attempt, raw, judgement = 9, "NAH2PO4", "in limits"
	}
	_, err = p.Trail.Change(p.Ctx, audit.Intent{Session: l.who.Token, Act: l.act, Home: home, Reason: "attack"}, func(tx *audit.Tx) error {
		_, err := tx.Exec(p.Ctx, forge, audit.NewID(), batch, l.event, l.step, l.value, attempt, raw, judgement, l.person, tx.Now(), l.signature)
		var pg *pgconn.PgError
		if errors.As(err, &pg) {
			code = strings.TrimSpace(pg.Code + " " + pg.ConstraintName)
		}
		return err
	})
	return code, err
}

// TestAroundGo: PostgreSQL refuses, also to our own code, what must never stand in a record.
func TestAroundGo(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	p.upTo(id, "040")
	b := p.load(id)
	signature := b.State.Step("030").Verified.Signature // Bo's
	stream := b.Stream()
	for _, c := range []struct {
		why, code string
		line
	}{
		{"the verifier records", "VB020 batch_history_second_person", line{p.bo, "step.record", "recorded", "030", "container", p.bo.ID, nil}},
		{"the verifier performs", "VB020 batch_history_second_person", line{p.bo, "step.perform", "performed", "030", "", p.bo.ID, nil}},
		{"the performer verifies", "VB020 batch_history_second_person", line{p.anna, "step.verify", "verified", "030", "", p.anna.ID, nil}},
		{"verified without a signature", "23514 batch_history_signed", line{p.cy, "step.verify", "verified", "030", "", p.cy.ID, nil}},
		{"verified with another's signature", "VB021", line{p.cy, "step.verify", "verified", "030", "", p.cy.ID, signature}},
		{"verified in another's name", "VB021", line{p.cy, "step.verify", "verified", "030", "", p.bo.ID, signature}},
		{"recorded in another's name", "VB021", line{p.anna, "step.record", "recorded", "040", "net", p.bo.ID, nil}},
		{"a signature of another entry", "VB021", line{p.bo, "step.verify", "verified", "040", "", p.bo.ID, signature}},
	} {
		code, err := p.forge(stream, id, c.line)
		require.Equal(t, c.code, code, "%s: %v", c.why, err)
		if strings.HasPrefix(code, "VB020") {
			require.Equal(t, fault.Refused, fault.KindOf(err))
			require.Contains(t, fault.As(err).Message, "Nobody verifies own work")
		}
	}
	for name, c := range map[string]struct{ sql, code string }{
		"back to idle":         {`update ebr.batches set state = 'idle', version = version + 1 where id = $1`, "VB023"},
		"another recipe":       {`update ebr.batches set recipe_digest = sha256('x'), version = version + 1 where id = $1`, "VB023"},
		"another number":       {`update ebr.batches set number = 'B-2026-999999', version = version + 1 where id = $1`, "VB023"},
		"started earlier":      {`update ebr.batches set started_at = started_at - interval '1 day', version = version + 1 where id = $1`, "VB023"},
		"complete, steps open": {`update ebr.batches set state = 'complete', ended_at = now(), version = version + 1 where id = $1`, "23514"},
		"history rewritten":    {`update ebr.batch_history set reading = 'x' where batch = $1`, "42501"},
		"history deleted":      {`delete from ebr.batch_history where batch = $1`, "42501"},
		"batch deleted":        {`delete from ebr.batches where id = $1`, "42501"},
		"version kept":         {`update ebr.batches set waits_for = 'x' where id = $1`, "VB010"},
	} {
		code, err := p.around(p.anna, "step.comment", stream, c.sql, id)
		require.Equal(t, c.code, code, "%s: %v", name, err)
	}
	code, err := p.around(p.sue, "order.create", stream, `update ebr.counters set value = value + 2, version = version + 1`)
	require.Equal(t, "23514", code, "a number left out: %v", err)
	code, err = p.around(p.sue, "order.create", stream, `insert into ebr.batches (id, number, order_number, recipe_version, state, steps, ordered_at)
		select $1, 'B-2026-777777', 'PO-X', recipe_version, 'running', steps, ordered_at from ebr.batches limit 1`, audit.NewID())
	require.Equal(t, "VB023", code, "born running: %v", err)
	p.clean()
}

// forgeSigned signs a statement under an entry, past all rules in Go, and writes a line with that signature: what the guards of signatures let
// pass, so that the rules behind them are asked.
func (p *plant) forgeSigned(id string, who signtest.Person, act string, st signatures.Statement, event, step, role string) string {
	p.T.Helper()
	in := audit.Intent{Session: who.Token, Ticket: p.Ticket(who, who, st), Act: act, Home: p.load(id).Stream(), Reason: "attack"}
	_, err := p.Trail.Change(p.Ctx, in, func(tx *audit.Tx) error {
		s, err := signatures.Sign(p.Ctx, tx, st)
		if err != nil {
			return err
		}
		_, err = tx.Exec(p.Ctx, forgeRole, audit.NewID(), id, event, step, role, who.ID, tx.Now(), s.ID)
		return err
	})
	var pg *pgconn.PgError
	require.True(p.T, errors.As(err, &pg), "%s %s: %v", event, role, err)
	return strings.TrimSpace(pg.Code + " " + pg.ConstraintName)
}

const forgeRole = `insert into ebr.batch_history (id, batch, ord, event, step, reason, role, person, entered_at, signature)
	select $1, $2, (select max(ord) + 1 from ebr.batch_history where batch = $2), $3, $4, 'again', $5, $6, $7, $8`

// TestHoldsInTheDatabase: PostgreSQL refuses an assessment by who worked in the step, a second one by the same person or role, one in a role
// that the person does not hold, and a batch that goes on before both.
func TestHoldsInTheDatabase(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	p.upTo(id, "040")
	p.do(p.sven, batch.Record{Batch: id, Step: "040", Value: "net", Raw: "20.00"})
	require.Equal(t, procedure.Held, p.load(id).State.Batch)
	const assess, resume = "hold.assess", `insert into ebr.batch_history (id, batch, ord, event, reason, person, entered_at)
		select $1, $2, (select max(ord) + 1 from ebr.batch_history where batch = $2), 'resumed', 'again', $3, $4`
	goOn := func() string {
		t.Helper()
		var code string
		in := audit.Intent{Session: p.sue.Token, Act: "batch.resume", Home: p.load(id).Stream(), Reason: "attack"}
		_, err := p.Trail.Change(p.Ctx, in, func(tx *audit.Tx) error {
			_, err := tx.Exec(p.Ctx, resume, audit.NewID(), id, p.sue.ID, tx.Now())
			return err
		})
		var pg *pgconn.PgError
		if errors.As(err, &pg) {
			code = pg.Code + " " + pg.ConstraintName
		}
		return code
	}
	shown := func() signatures.Statement {
		t.Helper()
		st, err := p.Shown(batch.AssessHold{Batch: id, Reason: "No effect"})
		require.NoError(t, err)
		return st
	}
	const twoPersons, notYet = "VB020 batch_history_assessors", "VB023 batch_history_assessed"
	require.Equal(t, twoPersons, p.forgeSigned(id, p.sven, assess, shown(), "hold_assessed", "", "supervisor"), "he made the reading")
	require.Equal(t, "VB021", p.forgeSigned(id, p.sue, assess, shown(), "hold_assessed", "", "qa"), "not her role")
	require.Equal(t, "VB021", p.forgeSigned(id, p.sue, assess, shown(), "verified", "030", ""), "a signature for another event")
	require.Equal(t, notYet, goOn())
	_, err := p.SignAt(p.sven, p.sven, batch.AssessHold{Batch: id, Reason: "No effect"})
	require.Equal(t, fault.Refused, fault.KindOf(err), "%v", err)
	require.Contains(t, err.Error(), "You worked in step 040 yourself")
	p.sign(p.sue, p.sue, batch.AssessHold{Batch: id, Reason: "No effect"})
	require.Equal(t, twoPersons, p.forgeSigned(id, p.sue, assess, shown(), "hold_assessed", "", "supervisor"), "for a second time")
	require.Equal(t, notYet, goOn(), "QA is missing")
	p.sign(p.quinn, p.quinn, batch.AssessHold{Batch: id, Reason: "No effect"})
	p.do(p.sue, batch.Resume{Batch: id, Reason: "Assessed"})
	p.clean()
}

// TestMovedSignatures: signatures that a database administrator moves to other lines, takes away or whose recipe is taken away are found.
func TestMovedSignatures(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	p.upTo(id, "050")
	verify := func() (placed int, found []string) {
		require.NoError(t, p.Trail.Read(p.Ctx, func(r *audit.Reader) (err error) {
			placed, err = batch.VerifySignatures(p.Ctx, r, func(row string, why error) { found = append(found, row+": "+why.Error()) })
			return err
		}))
		return placed, found
	}
	signed := 0
	for _, e := range p.load(id).History() {
		if e.Signature != "" {
			signed++
		}
	}
	placed, found := verify()
	require.Equal(t, signed, placed)
	require.Empty(t, found)
	super := p.DB.Super(t)
	bend := func(sql string) {
		t.Helper()
		_, err := super.Exec(p.Ctx, `set session_replication_role = replica; alter table ebr.batch_history disable trigger user; alter table audit.contents disable trigger user; `+sql)
		require.NoError(t, err)
	}
	bend(`alter table ebr.batch_history drop constraint batch_history_signature_once;
		update ebr.batch_history h set signature = o.signature from ebr.batch_history o where h.event = 'verified' and h.step = '040' and o.event = 'verified' and o.step = '030'`)
	_, found = verify()
	require.Len(t, found, 1)
	require.Contains(t, found[0], "does not cover version ")
	bend(`update ebr.batch_history set signature = null where event = 'performed' and step = '030'`)
	_, found = verify()
	require.Len(t, found, 2)
	require.Contains(t, strings.Join(found, "\n"), "Step 030 is performed without the signature")
	bend(`delete from audit.contents c using ebr.batches b where b.recipe_digest = c.digest`)
	_, found = verify()
	require.Contains(t, strings.Join(found, "\n"), "is not kept")
}

// TestTwoStreamsAtOnce: two entries in different streams, which no head lock holds apart, verify a step and record in it by one person at
// once: the lock on the batch's row lets one of them pass.
func TestTwoStreamsAtOnce(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	for range 5 {
		id := p.running()
		p.upTo(id, "030")
		p.do(p.anna, batch.Record{Batch: id, Step: "030", Value: "container", Raw: "NAH2PO4"})
		p.sign(p.anna, p.anna, batch.Perform{Batch: id, Step: "030"})
		verify := batch.Verify{Batch: id, Step: "030"}
		ticket, err := p.TicketFor(p.bo, p.bo, verify)
		require.NoError(t, err)
		errs := make([]error, 2)
		together(2, func(i int) {
			if i == 0 {
				_, errs[i] = p.Run(p.bo, ticket, verify)
				return
			}
			_, errs[i] = p.forge("station/"+audit.Stream(p.Station), id, line{p.bo, "step.record", "recorded", "030", "container", p.bo.ID, nil})
		})
		require.True(t, (errs[0] == nil) != (errs[1] == nil), "one of the two passes: %v", errs)
	}
}

// TestBentHistory: a line changed by a database administrator, triggers off, stops the batch, and the verification names the column.
func TestBentHistory(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	p.upTo(id, "050")
	p.do(p.anna, batch.Record{Batch: id, Step: "050", Value: "net", Raw: "57.00"})
	_, err := p.DB.Super(t).Exec(p.Ctx, `alter table ebr.batch_history disable trigger user;
		update ebr.batch_history set judgement = 'in limits' where judgement = 'alert';
		alter table ebr.batch_history enable always trigger audit_capture, enable always trigger audit_no_truncate, enable always trigger batch_history_guard`)
	require.NoError(t, err)
	_, err = p.Run(p.anna, "", batch.Perform{Batch: id, Step: "050"})
	require.Equal(t, fault.Internal, fault.KindOf(err), "%v", err)
	require.Contains(t, err.Error(), "does not follow its recipe")
	report, err := p.Trail.Verify(p.Ctx)
	require.NoError(t, err)
	require.Len(t, report.Findings, 1)
	require.Contains(t, report.Findings[0], "table ebr.batch_history id ")
	require.Contains(t, report.Findings[0], "column judgement")
}

// TestMovesInTheDatabase compares the moves that the trigger of the batches lets pass with those of the interpreter.
func TestMovesInTheDatabase(t *testing.T) {
	t.Parallel()
	recipe, err := recipes.Parse("buffer", library.Text(library.BufferTour))
	require.NoError(t, err)
	states := []procedure.BatchState{procedure.Ordered, procedure.Idle, procedure.Running, procedure.Held, procedure.Complete, procedure.Aborted}
	want := map[string]bool{}
	for _, from := range states {
		for _, kind := range []procedure.EventKind{
			procedure.EventIssued, procedure.EventStarted, procedure.EventRecorded, procedure.EventCorrected, procedure.EventCommented, procedure.EventPerformed, procedure.EventVerified,
			procedure.EventHeld, procedure.EventHoldAssessed, procedure.EventResumed, procedure.EventAborted, procedure.EventCompleted,
		} {
			s := procedure.Start(&recipe.Procedure)
			s.Batch = procedure.Running
			s.Apply(procedure.Event{Kind: procedure.EventRecorded, Step: "020", Value: "clear"})
			s.Batch = from
			s.Apply(procedure.Event{Kind: kind, Step: "020", Value: "clear"})
			if s.Batch != "" {
				want[string(from+" "+s.Batch)] = true
			}
		}
	}
	var source string
	require.NoError(t, pgtest.New(t).Super(t).QueryRow(t.Context(), `select prosrc from pg_proc where proname = 'batches_guard'`).Scan(&source))
	got := map[string]bool{}
	for _, pair := range regexp.MustCompile(`\('(\w+)', '(\w+)'\)`).FindAllStringSubmatch(source, -1) {
		got[pair[1]+" "+pair[2]] = true
	}
	require.Equal(t, want, got)
}
