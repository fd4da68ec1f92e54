package quality

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures"
)

// ReassessIncident replaces the judgement on one batch by another one, signed, while the incident is open. The former one stays beside it.
type ReassessIncident struct {
	Incident       string      `json:"incident" form:"-"`
	Batch          string      `json:"batch" form:"-"`
	Disposition    Disposition `json:"disposition" form:"disposition"`
	Reason         string      `json:"reason" form:"reason"`
	ChangedBecause string      `json:"changed_because" form:"changed_because"` // why the former judgement does not hold
	Seen           int         `json:"seen" form:"seen"`                       // version of the link that was read
}

// judgement is the new judgement by itself.
func (c ReassessIncident) judgement() AssessIncident {
	return AssessIncident{Incident: c.Incident, Batch: c.Batch, Disposition: c.Disposition, Reason: c.Reason, Seen: c.Seen}
}

// Act is the word of the act.
func (ReassessIncident) Act() string { return "incident.reassess" }

// Home is the stream of the site.
func (ReassessIncident) Home() audit.Stream { return audit.Site }

// Also names the batch that is judged.
func (c ReassessIncident) Also() []audit.Stream { return c.judgement().Also() }

// Why is the reason for the entry.
func (c ReassessIncident) Why() string { return c.ChangedBecause }

// judgedAnew is what the signature on a judgement means that replaces another one.
const judgedAnew = "judged anew"

// Judgement is what somebody judged about a batch.
type Judgement struct {
	Disposition    Disposition `json:"disposition"`
	Reason         string      `json:"reason"`
	AssessedBy     string      `json:"assessed_by"` // printed name
	AssessedAt     time.Time   `json:"assessed_at,omitzero"`
	ChangedBecause string      `json:"changed_because"` // why it replaced the one before; "" when it replaced none
	Signature      string      `json:"signature"`       // id; "" when it replaced none
}

// Former is a judgement that is no longer in force: replaced by the next one, or void because the incident struck the batch again.
type Former struct {
	Judgement
	EndedAt time.Time `json:"ended_at,omitzero"`
	Void    bool      `json:"void"` // the incident struck again; else the next one replaced it
}

// Signatures gives the ids of the signatures under the judgements on one batch.
func (l Link) Signatures() (ids []string) {
	for _, f := range l.Former {
		if f.Signature != "" {
			ids = append(ids, f.Signature)
		}
	}
	if l.Signature != "" {
		ids = append(ids, l.Signature)
	}
	return ids
}

// words give a judgement in one line of a statement.
func (j Judgement) words() string {
	head := fmt.Sprintf("%s; %s, %s", j.Disposition, j.AssessedBy, j.AssessedAt.Format(moment))
	if j.ChangedBecause != "" { // what matters most comes first: a long reason is cut from its end
		return fmt.Sprintf("%s, in the place of a former judgement: %s; replaced because %s", head, j.Reason, j.ChangedBecause)
	}
	return head + ": " + j.Reason
}

// check asks whether there is a judgement to be replaced, and whether it is the one that was read.
func (c ReassessIncident) check(ctx context.Context, q audit.Querier) (r Record, l Link, reason, because string, err error) {
	if r, l, reason, err = c.judgement().check(ctx, q); err != nil {
		return
	}
	if l.Version != c.Seen {
		err = struckAgain(l)
		return
	}
	if l.Disposition == "" {
		err = fault.New(fault.NotReady, "The effect on batch %s is not judged: there is no judgement to replace.", l.Number)
		return
	}
	because, err = needed("changed_because", c.ChangedBecause, "Write why the former judgement does not hold.")
	return
}

// Statement shows the former judgements beside the new one.
func (c ReassessIncident) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	r, l, reason, because, err := c.check(ctx, q)
	if err != nil {
		return signatures.Statement{}, err
	}
	lines := []signatures.Line{
		{Label: "Incident", Value: r.Number}, {Label: "Kind", Value: r.Kind.Words()}, {Label: "What failed", Value: r.Summary}, {Label: "Batch", Value: l.Number},
	}
	for _, f := range l.Former[max(0, len(l.Former)-mostLinks):] {
		lines = append(lines, signatures.Line{Label: "Earlier judgement", Value: shortened(f.words())})
	}
	lines = append(lines, signatures.Line{Label: "Judgement that is replaced", Value: cut(l.words(), longestJudgement)}, signatures.Line{Label: "New judgement", Value: string(c.Disposition)},
		signatures.Line{Label: "Reason", Value: reason}, signatures.Line{Label: "Changed because", Value: because},
		signatures.Line{Label: "Statement", Value: "The new judgement takes the place of the former one, which stays in the record."})
	return signatures.Statement{
		Version: signatures.StatementVersion, Act: c.Act(), Meaning: judgedAnew, Language: "en", Lines: lines,
		Records: []signatures.RecordRef{{Stream: string(audit.Site), ID: l.ID, Version: l.Version}},
	}, nil
}

// Do replaces it.
func (c ReassessIncident) Do(ctx context.Context, tx *audit.Tx) error {
	r, l, reason, because, err := c.check(ctx, tx)
	if err != nil {
		return err
	}
	st, err := c.Statement(ctx, tx)
	if err != nil {
		return err
	}
	signature, err := signatures.Sign(ctx, tx, st)
	if err != nil {
		return err
	}
	tx.Note("effect before", string(l.Disposition))
	return c.judgement().keep(ctx, tx, r, l, pgx.NamedArgs{"reason": reason, "because": because, "signature": signature.ID})
}

const formerOfLinks = `select f.link::text, f.disposition, f.reason, p.full_name, f.assessed_at, f.changed_because, f.signature::text, f.ended_at
	from ebr.former_judgements f join ebr.people p on p.id = f.assessed_by where f.link = any(@links) order by f.link, f.link_version`

// addFormer gives each link its former judgements, oldest first.
func addFormer(ctx context.Context, q audit.Querier, links []Link) error {
	at, ids := map[string]*Link{}, []string{}
	for i := range links {
		at[links[i].ID], ids = &links[i], append(ids, links[i].ID)
	}
	rows, err := q.Query(ctx, formerOfLinks, pgx.NamedArgs{"links": ids})
	if err != nil {
		return err
	}
	var link string
	var f Former
	_, err = pgx.ForEachRow(rows, []any{&link, &f.Disposition, &f.Reason, &f.AssessedBy, &f.AssessedAt, &f.ChangedBecause, (*zeronull.Text)(&f.Signature), &f.EndedAt}, func() error {
		at[link].Former = append(at[link].Former, f)
		return nil
	})
	for _, l := range links {
		for i := range l.Former {
			next := l.Judgement
			if i+1 < len(l.Former) {
				next = l.Former[i+1].Judgement
			}
			l.Former[i].Void = next.ChangedBecause == ""
		}
	}
	return err
}

const signedJudgements = `select id::text, assessed_by::text, signature::text, version - 1 from ebr.incident_batches where signature is not null
	union all select link::text, assessed_by::text, signature::text, link_version - 1 from ebr.former_judgements where signature is not null order by 1, 4`
