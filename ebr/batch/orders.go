package batch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/language"
	"veribatch/internal/plaintext"
	"veribatch/recipes"
	"veribatch/recipes/procedure"
	"veribatch/signatures"
)

// Field names of an order in faults.
const (
	FieldOrder  = "order_number"
	FieldRecipe = "recipe_version"
)

// CreateOrder orders a batch from an effective version of a recipe. The batch gets its number at once: the next one, without gaps.
type CreateOrder struct {
	OrderNumber   string `json:"order_number" form:"order_number"` // of the customer or the planning, used once
	RecipeVersion string `json:"recipe_version" form:"recipe_version"`
}

// Issue makes the batch record: an accurate copy of the effective master record, named by the SHA-256 of its text, checked, dated and
// signed by QA (21 CFR 211.188(a)).
type Issue struct {
	Batch string `json:"batch" form:"-"`
}

// Act is the word of the act.
func (CreateOrder) Act() string { return "order.create" }

// Act is the word of the act.
func (Issue) Act() string { return "batch.issue" }

// Home mints the stream of a new batch: call it once per request. Do finds the id of the batch in the stream of its transaction.
func (CreateOrder) Home() audit.Stream { return stream(audit.NewID()) }

// Also names the recipe as a subject of the entry.
func (c CreateOrder) Also() []audit.Stream { return []audit.Stream{recipes.StreamOf(c.RecipeVersion)} }

// Home is the stream of the batch.
func (c Issue) Home() audit.Stream { return home(c.Batch) }

const orderByNumber = `select b.number, b.ordered_at, p.full_name from ebr.batches b
	join ebr.batch_history h on h.batch = b.id and h.ord = 1 join ebr.people p on p.id = h.person where b.order_number = @order`

// The counter's row is the last lock that the transaction takes.
const nextNumber = `insert into ebr.counters as c (id, value) values (@id, 1)
	on conflict (id) do update set value = c.value + 1, version = c.version + 1 returning value`

const insertBatch = `insert into ebr.batches (id, number, order_number, recipe_version, state, steps, waits_for, ordered_at, area)
	values (@id, @number, @order, @recipe_version, 'ordered', @steps, @waits, @now, (select area from ebr.recipes where id = @recipe))`

// Do stores the order.
func (c CreateOrder) Do(ctx context.Context, tx *audit.Tx) error {
	id, ok := strings.CutPrefix(string(tx.Home()), "batch/")
	if !ok || !valid(id) {
		return errors.New("batch: an order opens the stream of a new batch")
	}
	order, err := plaintext.Clean(FieldOrder, c.OrderNumber, 60)
	if err != nil {
		return err
	}
	if order == "" {
		return fault.At(FieldOrder, "The order number is missing. Type the number of the production order.")
	}
	b := &Batch{ID: id, OrderNumber: order, OrderedAt: tx.Now()}
	if b.Master, err = lockEffective(ctx, tx, c.RecipeVersion); err != nil {
		return err
	}
	if err := unused(ctx, tx, order); err != nil {
		return err
	}
	b.Digest = b.Master.Digest
	if b.Recipe, err = recipes.Load(ctx, tx, b.Digest); err != nil {
		return err
	}
	b.State = procedure.Start(&b.Recipe.Procedure)
	actor := tx.Actor()
	events, err := b.State.Decide(procedure.Event{Kind: procedure.EventCreated, Person: actor.Person, PersonName: actor.FullName, EnteredAt: tx.Now()})
	if err != nil {
		return err
	}
	return b.insert(ctx, tx, events)
}

// insert takes the next number and writes the batch with its first event.
func (b *Batch) insert(ctx context.Context, tx *audit.Tx, events []procedure.Event) error {
	year := tx.Now().Format("2006")
	var value int64
	if err := tx.QueryRow(ctx, nextNumber, pgx.NamedArgs{"id": "batch-" + year}).Scan(&value); err != nil {
		return err
	}
	b.Number = fmt.Sprintf("B-%s-%06d", year, value)
	_, steps := b.State.Progress()
	_, err := tx.Exec(ctx, insertBatch, pgx.NamedArgs{
		"id": b.ID, "number": b.Number, "order": b.OrderNumber, "recipe_version": b.Master.ID, "recipe": b.Master.Recipe, "steps": steps, "waits": waitsFor(b.State), "now": b.OrderedAt,
	})
	if err != nil {
		return err
	}
	if err := b.write(ctx, tx, events); err != nil {
		return err
	}
	b.note(tx, events)
	tx.Note("order", b.OrderNumber)
	tx.Note("recipe", fmt.Sprintf("%s version %d", b.Master.Code, b.Master.Number))
	return nil
}

// unused refuses an order number that was used before, and says when and by whom.
func unused(ctx context.Context, tx *audit.Tx, order string) error {
	var number, name string
	var at time.Time
	err := tx.QueryRow(ctx, orderByNumber, pgx.NamedArgs{"order": order}).Scan(&number, &at, &name)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	f := fault.New(fault.Conflict, "Order %s was already created by %s at %s, as batch %s. Open that batch, or type another order number.", order, name, at.Format(moment), number)
	f.Field = FieldOrder
	return f
}

// lockEffective locks a version of a recipe, so that it stays what it is until the commit, and refuses one that is not effective.
func lockEffective(ctx context.Context, tx *audit.Tx, id string) (recipes.Version, error) {
	if recipes.StreamOf(id) == recipes.StreamOf("") {
		return recipes.Version{}, fault.At(FieldRecipe, "Choose a recipe from the list.")
	}
	if err := tx.Lock(ctx, audit.Ref{Table: "ebr.recipe_versions", ID: id}); err != nil {
		return recipes.Version{}, err
	}
	v, err := recipes.Find(ctx, tx, id)
	if err != nil {
		return v, err
	}
	return v, effective(v)
}

// effective refuses a version that is not the one to work by.
func effective(v recipes.Version) error {
	if v.State == recipes.Effective {
		return nil
	}
	f := fault.New(fault.NotReady, "Version %d of %s is %s. Choose a version that is effective.", v.Number, v.Code, language.Word(v.State.Words()))
	if v.State == recipes.Superseded {
		f = fault.New(fault.NotReady, "Version %d of %s was superseded at %s. Order from the version that is effective now.", v.Number, v.Code, v.SupersededAt.Format(moment))
	}
	f.Field = FieldRecipe
	return f
}

// Do issues the record.
func (c Issue) Do(ctx context.Context, tx *audit.Tx) error { return act(ctx, tx, c) }

// Statement is what QA reads and signs.
func (c Issue) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	return statement(ctx, q, c)
}

// guard compares the ordered version as it is now: it must still be effective, and the kept text must give its digest, so that the record
// is an accurate copy. Inside the act the version is locked first.
func (c Issue) guard(ctx context.Context, q audit.Querier, b *Batch) (err error) {
	if b.State.Batch != procedure.Ordered {
		return nil // the interpreter says who was first
	}
	if tx, ok := q.(*audit.Tx); ok {
		b.Master, err = lockEffective(ctx, tx, b.Master.ID)
	} else {
		err = effective(b.Master)
	}
	if err != nil {
		return err
	}
	_, err = recipes.Text(ctx, q, b.Digest)
	return err
}

// guard compares the version of the record as it is now: a version that was withdrawn starts no batch. One that was superseded does, because the record was issued by it.
func (c Start) guard(ctx context.Context, q audit.Querier, b *Batch) error {
	if b.State.Batch != procedure.Idle {
		return nil // the interpreter says what comes first
	}
	v := b.Master
	if tx, ok := q.(*audit.Tx); ok {
		if err := tx.Lock(ctx, audit.Ref{Table: "ebr.recipe_versions", ID: v.ID}); err != nil {
			return err
		}
		var err error
		if v, err = recipes.Find(ctx, tx, v.ID); err != nil {
			return err
		}
	}
	if v.State != recipes.Withdrawn {
		return nil
	}
	return fault.New(fault.Refused, "Version %d of %s, by which this record was issued, was withdrawn by %s: %s Abort this batch and order it anew.", v.Number, v.Code, v.Ended.FullName, v.EndReason)
}

func (c Issue) target() string { return c.Batch }

func (c Issue) event() (procedure.Event, error) {
	return procedure.Event{Kind: procedure.EventIssued}, nil
}
