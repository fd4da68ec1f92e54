package recipes

import (
	"context"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures"
)

const signedVersions = `select v.id, v.recipe::text, encode(v.digest, 'hex'), c.digest is not null,
	array[v.submitted_by::text, v.approved_by::text, v.effective_by::text], array[v.submit_signature::text, v.approve_signature::text, v.effective_signature::text],
	v.state, v.version, v.ended_by::text, v.end_signature::text
	from ebr.recipe_versions v left join audit.contents c on c.digest = v.digest order by v.id`

const blocksWithoutText = `select b.id::text, encode(b.digest, 'hex') from ebr.building_blocks b left join audit.contents c on c.digest = b.digest where c.digest is null order by b.id`

// VerifySignatures verifies for `ebr verify` that each move of each version stands beside the signature that was given for it: act, meaning,
// person, and the row as it was before that move. It calls found for what does not fit, also for a text that is not kept any more, and gives
// the number of signatures that stand in recipes.
func VerifySignatures(ctx context.Context, q audit.Querier, found func(row string, why error)) (placed int, err error) {
	rows, err := q.Query(ctx, signedVersions)
	if err != nil {
		return 0, err
	}
	var places []signatures.Place
	var id, recipe, digest string
	var kept bool
	var people, signed []*string
	var state State
	var version int
	var endedBy, end *string
	_, err = pgx.ForEachRow(rows, []any{&id, &recipe, &digest, &kept, &people, &signed, &state, &version, &endedBy, &end}, func() error {
		row := "table ebr.recipe_versions id " + id
		if !kept {
			found(row, fault.New(fault.Missing, "Its text, SHA-256 %s, is not kept.", digest))
		}
		for i, m := range []move{submit, approve, makeEffective} { // the row advances by one with each move
			if signed[i] == nil || people[i] == nil {
				continue
			}
			places = append(places, signatures.Place{
				Row: row, Signature: *signed[i], Person: *people[i], Act: m.act, Meaning: m.meaning,
				About: []signatures.RecordRef{{Stream: string(stream(recipe)), ID: id, Version: i + 1}},
			})
		}
		for _, m := range []ending{sendBack, withdraw} { // the last move of a row that has it
			if m.to == state && endedBy != nil && end != nil {
				places = append(places, signatures.Place{
					Row: row, Signature: *end, Person: *endedBy, Act: m.act, Meaning: m.meaning,
					About: []signatures.RecordRef{{Stream: string(stream(recipe)), ID: id, Version: version - 1}},
				})
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	if rows, err = q.Query(ctx, blocksWithoutText); err != nil {
		return 0, err
	}
	if _, err = pgx.ForEachRow(rows, []any{&id, &digest}, func() error {
		found("table ebr.building_blocks id "+id, fault.New(fault.Missing, "Its text, SHA-256 %s, is not kept.", digest))
		return nil
	}); err != nil {
		return 0, err
	}
	return len(places), signatures.VerifyPlaces(ctx, q, places, found)
}
