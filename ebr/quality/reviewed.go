package quality

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"veribatch/audit"
	"veribatch/audit/checkpoint/keeper"
	"veribatch/ebr/batch"
	"veribatch/internal/language"
	"veribatch/signatures"
	"veribatch/signatures/configuration"
)

// later leaves out the acts by which a trail is reviewed. What was done by them does not ask for another review; what was refused does.
const later = ` and (e.refused or e.act not in ('trail.begin_review', 'trail.read_page', 'trail.review'))`

const statusOfBatches = `select b.id::text, coalesce(r.to_seq, 0), coalesce(p.full_name, ''), r.signed_at,
	(select count(*) from audit.entries e where e.stream = 'batch/' || b.id and e.seq > coalesce(r.to_seq, 0)` + later + `)
	+ (select count(*) from audit.subjects s where s.subject = 'batch/' || b.id and s.stream <> s.subject) - coalesce(r.others, 0)
	from unnest(@batches::uuid[]) b (id)
	left join lateral (select * from ebr.trail_reviews t where t.batch = b.id and t.signed_at is not null order by t.to_seq desc limit 1) r on true
	left join ebr.people p on p.id = r.reviewer`

// Status says how far the trail of a batch is reviewed.
type Status struct {
	To    int64  // the last entry reviewed; 0 when there was no review
	By    string // printed name of the last reviewer
	At    time.Time
	Since int64 // entries that no review covers
}

// Done tells that every entry is reviewed.
func (s Status) Done() bool { return s.To > 0 && s.Since == 0 }

// Words says it in words.
func (s Status) Words() string { return s.Text().String() }

// Text says it to a reader of another language.
func (s Status) Text() language.Text {
	switch {
	case s.To == 0:
		return language.Write("audit trail not reviewed")
	case s.Since == 0:
		return language.Write("audit trail reviewed")
	case s.Since == 1:
		return language.Write("audit trail reviewed to entry %d, 1 entry since", s.To)
	}
	return language.Write("audit trail reviewed to entry %d, %d entries since", s.To, s.Since)
}

// StatusOf gives how far the trails of batches are reviewed, by id.
func StatusOf(ctx context.Context, q audit.Querier, batches ...string) (map[string]Status, error) {
	rows, err := q.Query(ctx, statusOfBatches, pgx.NamedArgs{"batches": batches})
	if err != nil {
		return nil, err
	}
	all := map[string]Status{}
	var id string
	var s Status
	_, err = pgx.ForEachRow(rows, []any{&id, &s.To, &s.By, (*zeronull.Timestamptz)(&s.At), &s.Since}, func() error { all[id] = s; return nil })
	return all, err
}

const reviewsOfBatch = `select r.id::text, r.reviewer::text, p.full_name, r.opened_at, r.from_seq, coalesce(r.to_seq, 0), coalesce(encode(r.last_hash, 'hex'), ''), coalesce(r.others, 0),
	r.remarks, r.signed_at, r.signature::text, coalesce(encode(r.first_hash, 'hex'), ''), coalesce(r.listed, 0), coalesce(r.opened, 0) from ebr.trail_reviews r join ebr.people p on p.id = r.reviewer where r.batch = @batch order by r.opened_at, r.id`

// Reviews gives all reviews of a batch's trail, oldest first, also those that are open.
func Reviews(ctx context.Context, q audit.Querier, batch string) ([]Review, error) {
	rows, err := q.Query(ctx, reviewsOfBatch, pgx.NamedArgs{"batch": batch})
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r Review, err error) {
		err = row.Scan(&r.ID, &r.Reviewer, &r.Name, &r.OpenedAt, &r.From, &r.To, &r.LastHash, &r.Others, &r.Remarks, (*zeronull.Timestamptz)(&r.SignedAt), (*zeronull.Text)(&r.Signature),
			&r.FirstHash, &r.Listed, &r.Opened)
		return r, err
	})
	for i := range list {
		list[i].follow(list)
	}
	return list, err
}

// follow puts a review behind the signed one before it; an open one behind all of them, also those signed since it was opened.
func (r *Review) follow(all []Review) {
	before := Review{}
	for _, b := range all {
		if !b.SignedAt.IsZero() && b.To > before.To && (r.SignedAt.IsZero() || b.To < r.To) {
			before = b
		}
	}
	r.since, r.othersBefore = before.SignedAt, before.Others
	if r.SignedAt.IsZero() {
		r.From = before.To + 1
	}
}

// Blockers says what stands against the release of a batch today, one sentence each: open incidents, entries of the trail that nobody reviewed, a
// trail that the signer of checkpoints refuses or has not signed for five minutes, and one that fewer witnesses have seen than the configuration demands.
func Blockers(ctx context.Context, q audit.Querier, batch string) (list []string, err error) {
	if list, err = openIncidents(ctx, q, batch); err != nil {
		return nil, err
	}
	all, err := StatusOf(ctx, q, batch)
	if s := all[batch]; err == nil && !s.Done() {
		words := s.Words()
		list = append(list, strings.ToUpper(words[:1])+words[1:]+".")
	}
	if err != nil {
		return nil, err
	}
	signed, err := keeper.Read(ctx, q)
	switch {
	case signed.Refusal != nil:
		list = append(list, "The audit trail is not under a signed checkpoint: "+signed.Refusal.Words())
	case signed.Age > keeper.BarAfter:
		list = append(list, fmt.Sprintf("The audit trail has had no signed checkpoint for %d min.", int(signed.Age.Minutes())))
	}
	if err != nil {
		return nil, err
	}
	unseen, err := unwitnessed(ctx, q)
	if unseen != "" {
		list = append(list, unseen)
	}
	return list, err
}

// unwitnessed says whether fewer witnesses than the configuration demands have seen the trail, or one of them another.
func unwitnessed(ctx context.Context, q audit.Querier) (string, error) {
	settings, err := configuration.Read(ctx, q)
	if err != nil {
		return "", err
	}
	seen, err := keeper.ReadWitnessed(ctx, q)
	return seen.Bar(settings.WitnessQuorum), err
}

// Who completes a batch signs that its open incidents are known. The trail is reviewed afterwards.
var _ = batch.AddConcern(openIncidents)

func openIncidents(ctx context.Context, q audit.Querier, batch string) (list []string, err error) {
	all, err := OfBatch(ctx, q, batch)
	for _, r := range all {
		if r.Open() {
			list = append(list, fmt.Sprintf("Incident %s (%s) is open.", r.Number, r.Kind.Words()))
		}
	}
	return list, err
}

// What counted as work when the first reviews were signed is asked here; the database asks for more since (migration 00016). A review that does not hold: its first or last entry is not the one that was signed, it leaves entries out, or its reviewer had worked in the batch.
const brokenReviews = `select r.id::text, case
		when e.hash is distinct from r.last_hash then 'its last entry is not the one that was reviewed'
		when f.hash is distinct from coalesce(r.first_hash, f.hash) then 'its first entry is not the one that was reviewed'
		when r.from_seq <> coalesce((select max(b.to_seq) from ebr.trail_reviews b where b.batch = r.batch and b.to_seq < r.to_seq), 0) + 1 then 'it does not begin behind the review before it'
		when ebr.pages_of(r.id) is distinct from coalesce(r.pages_hash, ebr.pages_of(r.id)) then 'the pages that were read are not those that were signed'
		else 'its reviewer worked in the batch' end
	from ebr.trail_reviews r left join audit.entries e on e.stream = 'batch/' || r.batch and e.seq = r.to_seq
	left join audit.entries f on f.stream = 'batch/' || r.batch and f.seq = r.from_seq
	where r.signed_at is not null and (e.hash is distinct from r.last_hash or f.hash is distinct from coalesce(r.first_hash, f.hash)
		or ebr.pages_of(r.id) is distinct from coalesce(r.pages_hash, ebr.pages_of(r.id))
		or r.from_seq <> coalesce((select max(b.to_seq) from ebr.trail_reviews b where b.batch = r.batch and b.to_seq < r.to_seq), 0) + 1
		or exists (select from ebr.batch_history h where h.batch = r.batch and h.person = r.reviewer and h.entered_at <= r.signed_at
			and h.event in ('recorded', 'corrected', 'commented', 'performed', 'verified'))) order by r.id`

const signedReviews = `select id::text, batch::text, reviewer::text, signature::text from ebr.trail_reviews where signature is not null order by id`

// VerifySignatures verifies for `ebr verify` that each closed incident and each signed review stands beside the signature that was given for it,
// and that each review covers what it says. It gives the number of signatures that stand here.
func VerifySignatures(ctx context.Context, q audit.Querier, found func(row string, why error)) (placed int, err error) {
	places, err := verifyIncidents(ctx, q)
	if err != nil {
		return 0, err
	}
	rows, err := q.Query(ctx, signedReviews)
	if err != nil {
		return 0, err
	}
	var id, of, person, signature string
	_, err = pgx.ForEachRow(rows, []any{&id, &of, &person, &signature}, func() error {
		places = append(places, signatures.Place{
			Row: "table ebr.trail_reviews id " + id, Signature: signature, Person: person, Act: SignReview{}.Act(), Meaning: reviewed,
			About: []signatures.RecordRef{{Stream: "batch/" + of, ID: id, Version: 1}},
		})
		return nil
	})
	if err != nil {
		return 0, err
	}
	if rows, err = q.Query(ctx, brokenReviews); err != nil {
		return 0, err
	}
	var why string
	_, err = pgx.ForEachRow(rows, []any{&id, &why}, func() error { found("table ebr.trail_reviews id "+id, errors.New(why)); return nil })
	if err != nil {
		return 0, err
	}
	return len(places), signatures.VerifyPlaces(ctx, q, places, found)
}
