package signatures

import (
	"context"
	"crypto/ed25519"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
)

const countSignatures = `select count(*) from ebr.signatures`

// Count gives how many signatures are stored.
func Count(ctx context.Context, q audit.Querier) (n int, err error) {
	err = q.QueryRow(ctx, countSignatures).Scan(&n)
	return n, err
}

// VerifyAll verifies every stored signature against its statement, its manifest and the recorded keys, for `ebr verify`. It calls found
// for each that does not fit, and gives the number verified: what is verified and what is found together are all that are stored.
func VerifyAll(ctx context.Context, q audit.Querier, found func(id string, why error)) (verified int, err error) {
	after, unfit := "00000000-0000-0000-0000-000000000000", 0
	keys := publicKeys{}
	for {
		page, err := collect(ctx, q, signaturesAll, pgx.NamedArgs{"after": after})
		if err != nil {
			return verified, err
		}
		if len(page) == 0 {
			break
		}
		for _, s := range page {
			why, err := keys.verify(ctx, q, s, nil)
			if err != nil {
				return verified, err
			}
			if why == nil {
				verified++
				continue
			}
			unfit++
			found(s.ID, why)
		}
		after = page[len(page)-1].ID
	}
	stored, err := Count(ctx, q)
	if err == nil && stored != verified+unfit {
		found("(count)", fault.New(fault.Internal, "%d signatures are stored and %d were read.", stored, verified+unfit))
	}
	return verified, err
}

// Place is where a record shows a signature, with what the signature has to say there.
type Place struct {
	Row       string // table and key, for the finding
	Signature string // id
	Person    string // who acted, by the record
	Act       string
	Meaning   string
	About     []RecordRef // each is covered by the statement
}

// VerifyPlaces verifies that each signature says what the record beside it says: person, act, meaning, and the version of each record that
// was signed (21 CFR 11.70). VerifyAll asks whether signatures are whole; this asks whether they stand where they were given.
func VerifyPlaces(ctx context.Context, q audit.Querier, places []Place, found func(row string, why error)) error {
	ids := make([]string, len(places))
	for i, p := range places {
		ids[i] = p.Signature
	}
	list, err := Read(ctx, q, ids...)
	if err != nil {
		return err
	}
	stored := make(map[string]Signature, len(list))
	for _, s := range list {
		stored[s.ID] = s
	}
	keys := publicKeys{}
	for _, p := range places {
		s, ok := stored[p.Signature]
		if !ok {
			found(p.Row, fault.New(fault.Missing, "The signature %s is not stored.", p.Signature))
			continue
		}
		why, err := keys.verify(ctx, q, s, p.About)
		if err != nil {
			return err
		}
		if why == nil {
			why = p.compare(s)
		}
		if why != nil {
			found(p.Row, why)
		}
	}
	return nil
}

func (p Place) compare(s Signature) error {
	switch {
	case s.Person != p.Person:
		return broken("%s was given by %s, and the record names %s", s.ID, s.Person, p.Person)
	case s.Act != p.Act || s.Meaning != p.Meaning:
		return broken("%s was given for %s (%s), and the record is about %s (%s)", s.ID, s.Act, s.Meaning, p.Act, p.Meaning)
	}
	return nil
}

// publicKeys keeps the recorded public keys of one verification.
type publicKeys map[string]ed25519.PublicKey

// verify says why a signature does not hold for the records; for none given, for the first record of its own statement.
func (k publicKeys) verify(ctx context.Context, q audit.Querier, s Signature, about []RecordRef) (why, err error) {
	if len(s.Statement) == 0 || len(s.Manifest) == 0 {
		return broken("has lost its statement or its manifest"), nil
	}
	if k[s.KeyID] == nil {
		key, err := PublicKey(ctx, q, s.KeyID)
		if fault.KindOf(err) == fault.Missing {
			return err, nil
		}
		if err != nil {
			return nil, err
		}
		k[s.KeyID] = key
	}
	if len(about) == 0 {
		st, err := ParseStatement(s.Statement)
		if err != nil {
			return broken("has a statement that cannot be read"), nil
		}
		about = st.Records[:1]
	}
	for _, r := range about {
		if why := s.Verify(k[s.KeyID], r); why != nil {
			return why, nil
		}
	}
	return nil, nil
}
