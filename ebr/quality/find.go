package quality

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures"
	"veribatch/signatures/access"
)

// Record is one incident as it stands.
type Record struct {
	ID             string    `json:"id"`
	Number         string    `json:"number"` // "I-2026-000001", gap-free per year
	Kind           Kind      `json:"kind"`
	Summary        string    `json:"summary"`
	FirstReference string    `json:"first_reference"`
	FirstAt        time.Time `json:"first_at,omitzero"` // when it happened
	LastReference  string    `json:"last_reference"`
	LastAt         time.Time `json:"last_at,omitzero"`
	Occurrences    int64     `json:"occurrences"`
	OpenedAt       time.Time `json:"opened_at,omitzero"` // when it was written
	RootCause      string    `json:"root_cause"`         // "" while it is open
	Action         string    `json:"action"`
	ClosedBy       string    `json:"closed_by"` // printed name
	ClosedAt       time.Time `json:"closed_at,omitzero"`
	Signature      string    `json:"signature"` // id
	Version        int       `json:"version"`
	Batches        int       `json:"batches"`
	Judged         int       `json:"judged"`         // how many it may have touched, and on how many the effect is judged
	Links          []Link    `json:"links,omitzero"` // the batches; Find gives all of them, OfBatch the one that was asked for, List none
}

// Link is one batch that an incident may have touched, with the judgement on it.
type Link struct {
	ID        string    `json:"id"`
	Batch     string    `json:"batch"`
	Number    string    `json:"number"` // id and number of the batch
	Area      string    `json:"-"`      // to which the batch belongs
	LinkedAt  time.Time `json:"linked_at,omitzero"`
	Judgement           // the one in force; its Disposition is "" while there is none
	Former    []Former  `json:"former,omitzero"` // oldest first
	Version   int       `json:"version"`
}

// Open tells whether somebody still has to judge it.
func (r Record) Open() bool { return r.ClosedAt.IsZero() }

// State is one word for a list.
func (r Record) State() string {
	if r.Open() {
		return "open"
	}
	return "closed"
}

// Everywhere is where somebody reads incidents who reads all of them.
func Everywhere() []string { return []string{access.WholeSite} }

// within keeps what an incident did to batches of the areas; an incident that touched no batch is the whole plant's.
const within = `('*' = any(@areas) or exists (select from ebr.incident_batches b join ebr.batches o on o.id = b.batch where b.incident = i.id and o.area = any(@areas)))`

const countOpen = `select count(*), coalesce(min(i.opened_at), 'epoch') from ebr.incidents i where i.closed_at is null and ` + within

// CountOpen gives how many incidents that touched the areas are open, and since when the oldest of them is.
func CountOpen(ctx context.Context, q audit.Querier, areas []string) (n int, oldest time.Time, err error) {
	err = q.QueryRow(ctx, countOpen, pgx.NamedArgs{"areas": areas}).Scan(&n, &oldest)
	return n, oldest, err
}

const openOfBatches = `select b.batch::text, count(*) from ebr.incident_batches b join ebr.incidents i on i.id = b.incident
	where b.batch = any(@batches) and i.closed_at is null group by b.batch`

// OpenOf gives how many open incidents each of the batches has, for lists.
func OpenOf(ctx context.Context, q audit.Querier, batches []string) (map[string]int, error) {
	rows, err := q.Query(ctx, openOfBatches, pgx.NamedArgs{"batches": batches})
	if err != nil {
		return nil, err
	}
	open := map[string]int{}
	var batch string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&batch, &n}, func() error { open[batch] = n; return nil })
	return open, err
}

const incidentColumns = `select i.id::text, i.number, i.kind, i.summary, i.first_reference, i.first_at, i.last_reference, i.last_at, i.occurrences, i.opened_at,
	i.root_cause, i.action, coalesce(p.full_name, ''), i.closed_at, i.signature::text, i.version,
	t.touched, t.judged from ebr.incidents i left join ebr.people p on p.id = i.closed_by
	cross join lateral (select count(*) as touched, count(*) filter (where b.disposition <> '') as judged from ebr.incident_batches b join ebr.batches o on o.id = b.batch
		where b.incident = i.id and ('*' = any(@areas) or o.area = any(@areas))) t`

const (
	incidentByID  = incidentColumns + ` where i.id = @id and ` + within
	incidentsPage = incidentColumns + ` where ` + within + ` and (i.closed_at is null, i.opened_at, i.id) < (@open, @at, @after)
	order by (i.closed_at is null) desc, i.opened_at desc, i.id desc limit @limit`
	incidentsOfBatch = incidentColumns + ` join ebr.incident_batches l on l.incident = i.id where l.batch = @batch order by i.opened_at, i.id`
)

func scanRecord(row pgx.CollectableRow) (r Record, err error) {
	err = row.Scan(&r.ID, &r.Number, &r.Kind, &r.Summary, &r.FirstReference, &r.FirstAt, &r.LastReference, &r.LastAt, &r.Occurrences, &r.OpenedAt,
		&r.RootCause, &r.Action, &r.ClosedBy, (*zeronull.Timestamptz)(&r.ClosedAt), (*zeronull.Text)(&r.Signature), &r.Version, &r.Batches, &r.Judged)
	return r, err
}

func records(ctx context.Context, q audit.Querier, sql string, args pgx.NamedArgs) ([]Record, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanRecord)
}

// List gives one page of the incidents that touched the areas: the open ones first, each the newest first. After is the last line of the page before.
func List(ctx context.Context, q audit.Querier, areas []string, after *Record, limit int) ([]Record, error) {
	args := pgx.NamedArgs{"areas": areas, "open": true, "at": time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), "after": uuid.Max.String(), "limit": limit}
	if after != nil {
		args["open"], args["at"], args["after"] = after.Open(), after.OpenedAt, after.ID
	}
	return records(ctx, q, incidentsPage, args)
}

// Find gives one incident with its batches of the areas; one that touched none of them is not there.
func Find(ctx context.Context, q audit.Querier, areas []string, id string) (r Record, err error) {
	if uuid.Validate(id) != nil || len(id) != 36 {
		return r, missing()
	}
	args := pgx.NamedArgs{"id": id, "areas": areas}
	list, err := records(ctx, q, incidentByID, args)
	if err != nil {
		return r, err
	}
	if len(list) == 0 {
		return r, missing()
	}
	list[0].Links, err = links(ctx, q, linksOfIncident, args)
	return list[0], err
}

func missing() error {
	return fault.New(fault.Missing, "There is no such incident. Open it from the list of incidents.")
}

// OfBatch gives the incidents that may have touched a batch, oldest first, each with its judgement on this batch.
func OfBatch(ctx context.Context, q audit.Querier, batch string) ([]Record, error) {
	list, err := records(ctx, q, incidentsOfBatch, pgx.NamedArgs{"batch": batch, "areas": Everywhere()})
	if err != nil || len(list) == 0 {
		return list, err
	}
	of, err := links(ctx, q, linksOfBatch, pgx.NamedArgs{"batch": batch})
	for i := range of { // the same order and length: a link of each incident
		list[i].Links = of[i : i+1]
	}
	return list, err
}

const linkColumns = `select l.id::text, l.batch::text, b.number, b.area, l.linked_at, l.disposition, l.reason, coalesce(p.full_name, ''), l.assessed_at, l.changed_because, l.signature::text, l.version
	from ebr.incident_batches l join ebr.batches b on b.id = l.batch join ebr.incidents i on i.id = l.incident left join ebr.people p on p.id = l.assessed_by`

const (
	linksOfIncident = linkColumns + ` where l.incident = @id and ('*' = any(@areas) or b.area = any(@areas)) order by b.number`
	linksOfBatch    = linkColumns + ` where l.batch = @batch order by i.opened_at, i.id`
)

func links(ctx context.Context, q audit.Querier, sql string, args pgx.NamedArgs) ([]Link, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Link, err error) {
		err = row.Scan(&l.ID, &l.Batch, &l.Number, &l.Area, &l.LinkedAt, &l.Disposition, &l.Reason, &l.AssessedBy, (*zeronull.Timestamptz)(&l.AssessedAt), &l.ChangedBecause,
			(*zeronull.Text)(&l.Signature), &l.Version)
		return l, err
	})
	if err != nil || len(all) == 0 {
		return all, err
	}
	return all, addFormer(ctx, q, all)
}

const signedClosings = `select id::text, closed_by::text, signature::text, version - 1 from ebr.incidents where signature is not null order by id`

// verifyIncidents gives the places where signatures stand beside incidents: the row advances by one with the closing, and with a judgement.
func verifyIncidents(ctx context.Context, q audit.Querier) (places []signatures.Place, err error) {
	for _, of := range []struct{ sql, table, act, meaning string }{
		{signedClosings, "ebr.incidents", CloseIncident{}.Act(), closed}, {signedJudgements, "ebr.incident_batches", ReassessIncident{}.Act(), judgedAnew},
	} {
		found, err := placesOf(ctx, q, of.sql, of.table, signatures.Place{Act: of.act, Meaning: of.meaning})
		if err != nil {
			return nil, err
		}
		places = append(places, found...)
	}
	return places, nil
}

func placesOf(ctx context.Context, q audit.Querier, sql, table string, p signatures.Place) ([]signatures.Place, error) {
	rows, err := q.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (signatures.Place, error) {
		ref := signatures.RecordRef{Stream: string(audit.Site)}
		err := row.Scan(&ref.ID, &p.Person, &p.Signature, &ref.Version)
		p.Row, p.About = "table "+table+" id "+ref.ID, []signatures.RecordRef{ref}
		return p, err
	})
}
