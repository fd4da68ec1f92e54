package accounts

import (
	"context"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/signatures"
)

// Every row of an account that is signed: where it stands, the signature with its person, act and meaning, and the record that was signed.
const signedRows = `select 'table ebr.identity_checks id ' || c.id, c.signature::text, c.checked_by::text, 'person.confirm_identity', 'identity confirmed',
		'person/' || c.person, c.person::text, c.person_version from ebr.identity_checks c
	union all select 'table ebr.accountability_signatures id ' || s.id, s.signature::text, s.person::text, 'accountability.sign', 'accountability accepted',
		'site/main', s.accountability::text, 1 from ebr.accountability_signatures s
	union all select 'table ebr.accountability_versions id ' || v.id, v.signature::text, v.published_by::text, 'accountability.publish', 'published',
		'site/main', w.id::text, 1 from ebr.accountability_versions v join ebr.accountability_versions w on w.number = v.number - 1
	union all select 'table ebr.access_reviews id ' || r.id, r.signature::text, r.reviewed_by::text, 'access.review', 'reviewed',
		'site/main', 'access-review', r.number from ebr.access_reviews r
	union all select 'table ebr.token_approvals id ' || a.id, a.signature::text, a.approved_by::text, 'token.approve', 'approved',
		'person/' || t.account, t.id::text, 1 from ebr.token_approvals a join ebr.tokens t on t.id = a.token
	order by 1`

// VerifySignatures verifies for `ebr verify` that each signed row of an account stands beside what was signed, as recipes do.
func VerifySignatures(ctx context.Context, q audit.Querier, found func(row string, why error)) (placed int, err error) {
	rows, err := q.Query(ctx, signedRows)
	if err != nil {
		return 0, err
	}
	places, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p signatures.Place, err error) {
		p.About = make([]signatures.RecordRef, 1)
		err = row.Scan(&p.Row, &p.Signature, &p.Person, &p.Act, &p.Meaning, &p.About[0].Stream, &p.About[0].ID, &p.About[0].Version)
		return p, err
	})
	if err != nil {
		return 0, err
	}
	return len(places), signatures.VerifyPlaces(ctx, q, places, found)
}
