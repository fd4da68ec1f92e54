package report

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/ebr/quality"
	"veribatch/recipes"
	"veribatch/recipes/procedure"
	"veribatch/signatures"
	"veribatch/signatures/access"
)

// Load builds the record of a batch from the database; q should be one snapshot (audit.Trail.Read). The caller, who knows the plant, fills in
// Site, Program, Demo, GeneratedAt and GeneratedBy (see Reader). Times are in time.Local, the zone of the site.
func Load(ctx context.Context, q audit.Querier, batchID string) (Record, error) {
	b, err := batch.Load(ctx, q, batchID)
	if err != nil {
		return Record{}, err
	}
	master, err := recipes.Find(ctx, q, b.Master.ID)
	if err != nil {
		return Record{}, err
	}
	l := &loader{b: b, master: master, numbers: map[string]int{}}
	if l.trail, err = history(ctx, q, b.Stream()); err != nil {
		return Record{}, err
	}
	if err = l.judged(ctx, q); err != nil {
		return Record{}, err
	}
	if l.signed, err = signatures.Read(ctx, q, l.signatureIDs()...); err != nil {
		return Record{}, err
	}
	if l.people, err = people(ctx, q, l.personIDs(), period{b.OrderedAt, b.EndedAt}); err != nil {
		return Record{}, err
	}
	r, err := l.record()
	if err == nil {
		r.Stations, err = stations(ctx, q, r.Trail)
	}
	return r, err
}

// Reader gives a person as the record names who asked for it.
func Reader(ctx context.Context, q audit.Querier, person string) (Person, error) {
	found, err := people(ctx, q, []string{person}, period{})
	if err != nil || len(found) == 0 {
		return Person{ID: person}, err
	}
	return found[0], nil
}

// loader turns what other packages know into a Record.
type loader struct {
	b      *batch.Batch
	master recipes.Version
	trail  []audit.Row

	incidents []quality.Record
	reviews   []quality.Review
	reviewed  string

	signed  []signatures.Signature // in the order of signing
	people  []Person
	numbers map[string]int    // of signatures, by id
	about   map[string]string // what each signature is about, by id
}

func (l *loader) record() (Record, error) {
	l.number()
	r := Record{
		State: stateWords[l.b.State.Batch], Persons: l.people, Trail: l.trail,
		Batch: Batch{
			ID: l.b.ID, Number: l.b.Number, OrderNumber: l.b.OrderNumber, Area: l.b.Area, Product: l.b.Recipe.Product, Strength: l.b.Recipe.Strength,
			Form: l.b.Recipe.DosageForm, Size: l.b.Recipe.BatchSize.Text(), Moves: l.batchMoves(),
		},
		Recipe: Recipe{
			Code: l.master.Code, Title: l.b.Recipe.Title, Version: strconv.Itoa(l.master.Number), Language: l.b.Recipe.Language,
			Description: l.b.Recipe.Description, Digest: l.b.Digest, Moves: l.recipeMoves(),
		},
		Units: l.units(), Holds: l.holds(), Comments: l.notes(l.b.State.Comments),
	}
	for _, m := range l.b.Recipe.Materials {
		r.Materials = append(r.Materials, Material{m.Code, m.Title, m.Quantity.Text(), m.Active})
	}
	var err error
	l.judgements(&r)
	r.Signatures, err = l.signatures()
	return r, err
}

// stateWords say on every page how far the batch is.
var stateWords = map[procedure.BatchState]string{
	procedure.Ordered: "ordered, record not issued", procedure.Idle: "issued, not started", procedure.Running: "in execution",
	procedure.Held: "in execution, held", procedure.Complete: "complete", procedure.Aborted: "aborted",
}

// history reads all entries about a stream, page by page, oldest first.
func history(ctx context.Context, q audit.Querier, subject audit.Stream) ([]audit.Row, error) {
	const page = 500
	var all []audit.Row
	f := audit.Filter{Subject: subject, Oldest: true, Limit: page}
	for {
		rows, err := audit.History(ctx, q, f)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
		if len(rows) < page {
			return all, nil
		}
		f.After = rows[len(rows)-1].Cursor()
	}
}

// period is from when to when roles are asked for; the zero period is now, a zero end is now.
type period struct{ from, to time.Time }

const peopleByID = `select p.id::text, p.full_name, p.user_name,
	coalesce((select array_agg(r.role order by r.since, r.role) from (
		select h.role, min(h.granted_at) as since from ebr.person_roles h
		where h.person = p.id and h.granted_at <= coalesce(@to, clock_timestamp()) and coalesce(h.revoked_at, 'infinity') >= coalesce(@from, clock_timestamp())
		group by h.role) r), '{}')
	from ebr.people p where p.id = any(@ids) order by p.full_name, p.user_name`

// people reads names, and the roles held at any time of the period.
func people(ctx context.Context, q audit.Querier, ids []string, held period) ([]Person, error) {
	rows, err := q.Query(ctx, peopleByID, pgx.NamedArgs{"ids": ids, "from": moment(held.from), "to": moment(held.to)})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Person, err error) {
		err = row.Scan(&p.ID, &p.FullName, &p.UserName, &p.Roles)
		for i, role := range p.Roles {
			p.Roles[i] = roleWords(role)
		}
		return p, err
	})
}

// moment gives a time for SQL; null for none.
func moment(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

const stationsByID = `select s.id::text, s.name from ebr.stations s where s.id = any(@ids) order by s.name, s.id`

// stations reads the names of the stations in the trail.
func stations(ctx context.Context, q audit.Querier, trail []audit.Row) ([]Station, error) {
	ids := []string{}
	for _, e := range trail {
		if e.Station != "" {
			ids = append(ids, e.Station)
		}
	}
	slices.Sort(ids)
	rows, err := q.Query(ctx, stationsByID, pgx.NamedArgs{"ids": slices.Compact(ids)})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Station])
}

// roleWords gives a role as people read it.
func roleWords(role string) string {
	if words := access.Role(role).Title(); words != "" {
		return words
	}
	return role
}

// personIDs gives everybody who stands in the history, the recipe's life, a signature or the trail.
func (l *loader) personIDs() []string {
	ids := []string{}
	for _, e := range l.b.History() {
		ids = append(ids, e.Person)
	}
	for _, s := range l.stamps() {
		ids = append(ids, s.Person)
	}
	for _, s := range l.signed {
		ids = append(ids, s.Person)
	}
	for _, e := range l.trail {
		ids = append(ids, e.By.Person, e.By.SessionPerson)
	}
	slices.Sort(ids)
	return slices.DeleteFunc(slices.Compact(ids), func(id string) bool { return id == "" })
}

// stamp is one act in the life of the recipe.
type stamp struct {
	what string
	recipes.Stamp
}

// stamps gives the life of the recipe's version, what happened of it.
func (l *loader) stamps() []stamp {
	all := []stamp{{"imported", l.master.Imported}, {"submitted", l.master.Submitted}, {"approved", l.master.Approved}, {"made effective", l.master.MadeEffective}}
	return slices.DeleteFunc(all, func(s stamp) bool { return s.Person == "" })
}

func (l *loader) recipeMoves() []Act {
	var acts []Act
	for _, s := range l.stamps() {
		acts = append(acts, Act{What: s.what, By: l.who(s.Person, s.FullName), Done: s.At, Entered: s.At, Signature: l.numbers[s.Signature]})
	}
	return acts
}

// signatureIDs gives the signatures of the recipe's life and of the batch.
func (l *loader) signatureIDs() []string {
	ids := []string{}
	for _, s := range l.stamps() {
		if s.Signature != "" {
			ids = append(ids, s.Signature)
		}
	}
	for _, e := range l.b.History() {
		if e.Signature != "" {
			ids = append(ids, e.Signature)
		}
	}
	for _, r := range l.reviews {
		ids = append(ids, r.Signature)
	}
	for _, i := range l.incidents {
		ids = append(ids, i.Signature)
		ids = append(ids, i.Links[0].Signatures()...)
	}
	return slices.DeleteFunc(ids, func(id string) bool { return id == "" })
}

// number counts signatures in the order of signing and says what each is about.
func (l *loader) number() {
	for i, s := range l.signed {
		l.numbers[s.ID] = i + 1
	}
	l.about = map[string]string{}
	for _, s := range l.stamps() {
		l.about[s.Signature] = "recipe " + l.master.Code + " version " + strconv.Itoa(l.master.Number)
	}
	for _, r := range l.reviews {
		l.about[r.Signature] = fmt.Sprintf("audit trail of batch %s, entries %d to %d", l.b.Number, r.From, r.To)
	}
	for _, i := range l.incidents {
		l.about[i.Signature] = "incident " + i.Number
		for _, id := range i.Links[0].Signatures() {
			l.about[id] = "effect of incident " + i.Number
		}
	}
	for _, e := range l.b.History() {
		l.about[e.Signature] = "batch " + l.b.Number
		if e.Step != "" {
			l.about[e.Signature] = l.stepWords(e.Step)
		}
		if e.Kind == procedure.EventHoldAssessed {
			l.about[e.Signature] = "hold of batch " + l.b.Number
		}
	}
}

// signatures gives the signatures with the names that were printed when they were given.
func (l *loader) signatures() ([]Signature, error) {
	var all []Signature
	for i, s := range l.signed {
		var m signatures.Manifest
		if err := json.Unmarshal(s.Manifest, &m); err != nil {
			return nil, err
		}

		all = append(all, Signature{
			Number: i + 1, ID: s.ID, About: l.about[s.ID], By: Who{s.FullName, m.UserName}, Meaning: s.Meaning, Act: s.Act,
			SignedAt: s.SignedAt, Statement: hex.EncodeToString(s.StatementDigest), Key: s.KeyID,
		})
	}
	return all, nil
}

// who names a person; the printed name is the one that stood beside the act.
func (l *loader) who(id, name string) Who {
	for _, p := range l.people {
		if p.ID == id {
			return Who{name, p.UserName}
		}
	}
	return Who{FullName: name}
}
