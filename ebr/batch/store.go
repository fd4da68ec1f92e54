package batch

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/recipes"
	"veribatch/recipes/formula"
	"veribatch/recipes/procedure"
	"veribatch/signatures/access"
)

var (
	_ = audit.Explain("batches_order_once", fault.Conflict, "This order number was used just now by someone else. Reload to see it.")
	_ = audit.Explain("batch_history_ord_once", fault.Conflict, "Someone did something in this batch just now. Reload to see it.")
	_ = audit.Explain("batch_history_second_person", fault.Refused, "Nobody verifies own work. Another person has to do this.")
	_ = audit.Explain("batch_history_assessors", fault.Refused, "A hold is assessed by a supervisor and by QA, two persons who did not work in its step. Ask a colleague.")
	_ = audit.Explain("batch_history_assessed", fault.NotReady, "The batch goes on when a supervisor and QA assessed its hold.")
)

func stream(id string) audit.Stream { return audit.Stream("batch/" + id) }

// home is the stream of a batch; that of no batch for what is no id of one, which Do then refuses.
func home(id string) audit.Stream {
	if !valid(id) {
		return stream(nobody)
	}
	return stream(id)
}

func valid(id string) bool {
	parsed, err := uuid.Parse(id)
	return err == nil && parsed.String() == id
}

func missing() error { return access.Unknown("batch") }

const batchByID = `select b.id::text, b.number, b.order_number, b.version, encode(coalesce(b.recipe_digest, v.digest), 'hex'), b.steps,
	b.ordered_at, b.issued_at, b.started_at, b.ended_at, b.area, b.recipe_version, v.recipe::text, r.code, v.number, v.title, v.product, v.state, encode(v.digest, 'hex'),
	v.superseded_at, v.version
	from ebr.batches b join ebr.recipe_versions v on v.id = b.recipe_version join ebr.recipes r on r.id = v.recipe where b.id = @id`

// load gives a batch with its history, without the contents of signatures: what an act needs, in two queries over this batch alone.
func load(ctx context.Context, q audit.Querier, id string) (*Batch, error) {
	if !valid(id) {
		return nil, missing()
	}
	b := &Batch{People: map[string]Person{}}
	at := func(t *time.Time) *zeronull.Timestamptz { return (*zeronull.Timestamptz)(t) }
	m := &b.Master
	err := q.QueryRow(ctx, batchByID, pgx.NamedArgs{"id": id}).Scan(&b.ID, &b.Number, &b.OrderNumber, &b.Version, &b.Digest, &b.steps,
		&b.OrderedAt, at(&b.IssuedAt), at(&b.StartedAt), at(&b.EndedAt), &b.Area, &m.ID, &m.Recipe, &m.Code, &m.Number, &m.Title, &m.Product, &m.State, &m.Digest,
		at(&m.SupersededAt), &m.Row)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, missing()
	}
	if err != nil {
		return nil, err
	}
	if b.Recipe, err = recipes.Load(ctx, q, b.Digest); err != nil {
		return nil, err
	}
	history, err := b.history(ctx, q)
	if err != nil {
		return nil, err
	}
	if b.State, err = procedure.Fold(&b.Recipe.Procedure, history); err != nil {
		return nil, fault.New(fault.Internal, "The stored history of batch %s does not follow its recipe. Nothing was saved. Tell QA and your administrator.", b.Number).Because(err)
	}
	return b, nil
}

const historyOfBatch = `select h.id::text, h.ord, h.event, h.step, h.value, h.attempt, h.raw, h.reading, h.amount::text, h.unit, h.judgement, h.reason,
	h.person::text, p.full_name, p.user_name, h.role, h.entered_at, h.performed_at, h.signature::text, h.supersedes::text, h.late_minutes
	from ebr.batch_history h join ebr.people p on p.id = h.person where h.batch = @id order by h.ord`

func (b *Batch) history(ctx context.Context, q audit.Querier) ([]procedure.Event, error) {
	rows, err := q.Query(ctx, historyOfBatch, pgx.NamedArgs{"id": b.ID})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e procedure.Event, err error) {
		var user string
		var amount *string
		var late int
		err = row.Scan(&e.ID, &e.Ord, &e.Kind, &e.Step, &e.Value, &e.Attempt, &e.Raw, &e.Reading, &amount, &e.Unit, &e.Judgement, &e.Reason,
			&e.Person, &e.PersonName, &user, &e.Role, &e.EnteredAt, (*zeronull.Timestamptz)(&e.PerformedAt), (*zeronull.Text)(&e.Signature), (*zeronull.Text)(&e.Supersedes), &late)
		if err != nil {
			return e, err
		}
		e.Rules = procedure.Rules{LateAfter: time.Duration(late) * time.Minute, Ahead: procedure.MostAhead}
		b.People[e.Person] = Person{e.Person, e.PersonName, user}
		if amount != nil {
			var d formula.Decimal
			d, err = formula.ParseNumber(*amount, '.')
			e.Amount = &d
		}
		return e, err
	})
}

const insertEvent = `insert into ebr.batch_history (id, batch, ord, event, step, value, attempt, raw, reading, amount, unit, judgement, reason, person, role,
	entered_at, performed_at, signature, supersedes, late_minutes)
	values (@id, @batch, @ord, @event, @step, @value, @attempt, @raw, @reading, @amount, @unit, @judgement, @reason, @person, @role,
	@entered_at, @performed_at, @signature, @supersedes, @late)`

func writeEvent(ctx context.Context, tx *audit.Tx, batch string, e procedure.Event) error {
	var amount *string
	if e.Amount != nil {
		text := e.Amount.Text()
		amount = &text
	}
	_, err := tx.Exec(ctx, insertEvent, pgx.NamedArgs{
		"id": e.ID, "batch": batch, "ord": e.Ord, "event": e.Kind, "step": e.Step, "value": e.Value, "attempt": e.Attempt, "raw": e.Raw, "reading": e.Reading,
		"amount": amount, "unit": e.Unit, "judgement": e.Judgement, "reason": e.Reason, "person": e.Person, "role": e.Role, "entered_at": e.EnteredAt,
		"performed_at": zeronull.Timestamptz(e.PerformedAt), "signature": orNull(e.Signature), "supersedes": orNull(e.Supersedes),
		"late": int(cmp.Or(e.Rules.LateAfter, procedure.LateAfter).Minutes()),
	})
	return err
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

const updateBatch = `update ebr.batches set state = @state, steps_done = @done, open_step = @open, waits_for = @waits,
	recipe_digest = case when @issued::timestamptz is null then null else coalesce(recipe_digest, decode(@digest, 'hex')) end,
	issued_at = @issued, started_at = @started, ended_at = @ended, version = version + 1
	where id = @id and version = @seen`

// writeStanding repeats on the row of the batch what follows from its history.
func (b *Batch) writeStanding(ctx context.Context, tx *audit.Tx) error {
	done, _ := b.State.Progress()
	open := ""
	if step := b.State.Open(); step != nil && b.EndedAt.IsZero() {
		open = step.Step.ID
	}
	tag, err := tx.Exec(ctx, updateBatch, pgx.NamedArgs{
		"id": b.ID, "seen": b.Version, "state": b.State.Batch, "done": done, "open": open, "waits": waitsFor(b.State), "digest": b.Digest,
		"issued": zeronull.Timestamptz(b.IssuedAt), "started": zeronull.Timestamptz(b.StartedAt), "ended": zeronull.Timestamptz(b.EndedAt),
	})
	if err == nil && tag.RowsAffected() != 1 {
		err = fault.New(fault.Conflict, "Someone did something in this batch just now. Reload to see it.")
	}
	b.Version++
	return err
}

// The columns of a list, with the newest event of each batch.
const selectSummary = `select b.id::text, b.number, b.order_number, b.recipe_version, r.code, v.number, v.title, v.product, b.state, b.steps, b.steps_done,
	b.open_step, b.waits_for, b.ordered_at, b.issued_at, b.started_at, b.ended_at, encode(coalesce(b.recipe_digest, v.digest), 'hex'), last.entered_at, p.full_name, b.area
	from ebr.batches b join ebr.recipe_versions v on v.id = b.recipe_version join ebr.recipes r on r.id = v.recipe
	join lateral (select h.entered_at, h.person from ebr.batch_history h where h.batch = b.id order by h.ord desc limit 1) last on true
	join ebr.people p on p.id = last.person`

const (
	batchesAtWork = selectSummary + ` where b.state not in ('complete', 'aborted') and (b.ordered_at, b.id) < (@at, @after) and array['*', b.area] && @areas
	order by b.ordered_at desc, b.id desc limit @limit`
	batchesOfVersion = selectSummary + ` where b.recipe_version = @version and b.state not in ('complete', 'aborted') and array['*', b.area] && @areas
	order by b.ordered_at, b.id limit @limit`
	batchesEnded = selectSummary + ` where b.state in ('complete', 'aborted') and (b.ended_at, b.id) < (@at, @after) and array['*', b.area] && @areas
	order by b.ended_at desc, b.id desc limit @limit`
)

// List gives one page of batches.
func List(ctx context.Context, q audit.Querier, f Filter) ([]Summary, error) {
	sql, at, after := batchesAtWork, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), uuid.Max.String()
	if f.After != nil {
		at, after = f.After.OrderedAt, f.After.ID
	}
	if f.Ended {
		sql = batchesEnded
		if f.After != nil {
			at = f.After.EndedAt
		}
	}
	if f.Limit <= 0 {
		f.Limit = 50
	}
	rows, err := q.Query(ctx, sql, pgx.NamedArgs{"at": at, "after": after, "limit": min(f.Limit, 500), "areas": f.Areas})
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, scanSummary)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if err := list[i].title(ctx, q); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// AtWorkOn gives the batches of the areas that were ordered from a version of a recipe and are not ended, the oldest first, limit at most. The titles of their open steps are
// not looked up.
func AtWorkOn(ctx context.Context, q audit.Querier, version string, areas []string, limit int) ([]Summary, error) {
	rows, err := q.Query(ctx, batchesOfVersion, pgx.NamedArgs{"version": version, "areas": areas, "limit": limit})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanSummary)
}

const readingsOfVersion = `select h.step, h.value, count(*), count(*) filter (where h.judgement = 'alert'), count(*) filter (where h.judgement = 'action')
	from (select id from ebr.batches where recipe_version = @version and state in ('complete', 'aborted') order by ended_at desc limit @batches) b
	join ebr.batch_history h on h.batch = b.id where h.event in ('recorded', 'corrected') group by h.step, h.value`

// ReadingsOf counts how the readings of a version were judged in the last batches by it that ended, at most so many; by recipes.ReadingKey.
func ReadingsOf(ctx context.Context, q audit.Querier, version string, batches int) (map[string]recipes.Readings, error) {
	rows, err := q.Query(ctx, readingsOfVersion, pgx.NamedArgs{"version": version, "batches": batches})
	if err != nil {
		return nil, err
	}
	counts := map[string]recipes.Readings{}
	var step, value string
	var n recipes.Readings
	_, err = pgx.ForEachRow(rows, []any{&step, &value, &n.All, &n.Alert, &n.Action}, func() error {
		counts[recipes.ReadingKey(step, value)] = n
		return nil
	})
	return counts, err
}

func scanSummary(row pgx.CollectableRow) (s Summary, err error) {
	at := func(t *time.Time) *zeronull.Timestamptz { return (*zeronull.Timestamptz)(t) }
	err = row.Scan(&s.ID, &s.Number, &s.OrderNumber, &s.RecipeVersion, &s.RecipeCode, &s.RecipeNumber, &s.Title, &s.Product, &s.State, &s.Steps, &s.Done,
		&s.OpenStep, &s.WaitsFor, &s.OrderedAt, at(&s.IssuedAt), at(&s.StartedAt), at(&s.EndedAt), &s.digest, &s.ChangedAt, &s.ChangedBy, &s.Area)
	return s, err
}

// title looks up the title of the open step in the recipe, which is parsed once per text.
func (s *Summary) title(ctx context.Context, q audit.Querier) error {
	if s.OpenStep == "" {
		return nil
	}
	r, err := recipes.Load(ctx, q, s.digest)
	if err != nil {
		return err
	}
	if step := r.Procedure.Step(s.OpenStep); step != nil {
		s.OpenTitle = step.Title
	}
	return nil
}
