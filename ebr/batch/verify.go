package batch

import (
	"context"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/recipes"
	"veribatch/recipes/procedure"
	"veribatch/signatures"
)

// pageOfBatches is how many batches are verified at once; it bounds the memory.
const pageOfBatches = 200

const pinnedDigests = `select b.id::text, coalesce(encode(b.recipe_digest, 'hex'), ''), c.digest is not null, coalesce(b.recipe_digest = v.digest, false)
	from ebr.batches b left join audit.contents c on c.digest = b.recipe_digest left join ebr.recipe_versions v on v.id = b.recipe_version
	where b.id > @after order by b.id limit @limit`

// The lines that are signed or should be. seen is the version of the batch's row that was signed: it begins with 1 and advances with every
// act, and a hold by a reading is written by the act of that reading.
const signedLines = `select h.id::text, h.batch::text, h.event, h.step, h.person::text, coalesce(h.signature::text, ''), h.seen from (
		select h.*, count(*) filter (where h.event <> 'held' or h.value = '') over (partition by h.batch order by h.ord rows between unbounded preceding and 1 preceding) as seen
		from ebr.batch_history h where h.batch = any(@batches)) h
	where h.signature is not null or h.event = 'performed' order by h.batch, h.ord`

// VerifySignatures verifies for `ebr verify` that each line of each history stands beside the signature that was given for it: act, meaning,
// person, and the batch as it was before that act. It calls found for what does not fit, also for a performed step that is not signed and
// should be, and for a recipe text that is not kept any more; it gives the number of signatures that stand in batches.
func VerifySignatures(ctx context.Context, q audit.Querier, found func(row string, why error)) (placed int, err error) {
	after := nobody
	for {
		digests, last, err := verifyDigests(ctx, q, after, found)
		if err != nil || last == "" {
			return placed, err
		}
		places, err := signedPlaces(ctx, q, digests, found)
		if err != nil {
			return placed, err
		}
		if err := signatures.VerifyPlaces(ctx, q, places, found); err != nil {
			return placed, err
		}
		placed += len(places)
		after = last
	}
}

// verifyDigests gives the pinned recipe texts of one page of batches, and the last batch of the page; "" after the last page.
func verifyDigests(ctx context.Context, q audit.Querier, after string, found func(row string, why error)) (digests map[string]string, last string, err error) {
	rows, err := q.Query(ctx, pinnedDigests, pgx.NamedArgs{"after": after, "limit": pageOfBatches})
	if err != nil {
		return nil, "", err
	}
	digests = map[string]string{}
	var id, digest string
	var kept, same bool
	_, err = pgx.ForEachRow(rows, []any{&id, &digest, &kept, &same}, func() error {
		digests[id], last = digest, id
		row := "table ebr.batches id " + id
		if digest != "" && !kept {
			found(row, fault.New(fault.Missing, "Its recipe text, SHA-256 %s, is not kept.", digest))
		}
		if digest != "" && !same {
			found(row, fault.New(fault.Refused, "Its recipe text, SHA-256 %s, is not that of the version that was ordered.", digest))
		}
		return nil
	})
	return digests, last, err
}

// signedPlaces reads the signed lines of batches. Recipes are parsed once per text.
func signedPlaces(ctx context.Context, q audit.Querier, digests map[string]string, found func(row string, why error)) (places []signatures.Place, err error) {
	batches := make([]string, 0, len(digests))
	for id := range digests {
		batches = append(batches, id)
	}
	rows, err := q.Query(ctx, signedLines, pgx.NamedArgs{"batches": batches})
	if err != nil {
		return nil, err
	}
	lines, err := pgx.CollectRows(rows, pgx.RowToStructByPos[signedLine])
	if err != nil {
		return nil, err
	}
	for _, l := range lines {
		meaning, must, err := l.meaning(ctx, q, digests[l.Batch])
		row := "table ebr.batch_history id " + l.ID
		switch {
		case err != nil && fault.KindOf(err) == fault.Internal:
			return nil, err
		case err != nil:
			found(row, err)
		case l.Signature == "" && must:
			found(row, fault.New(fault.Missing, "Step %s is performed without the signature that the recipe asks for.", l.Step))
		}
		if l.Signature != "" && err == nil {
			places = append(places, signatures.Place{
				Row: row, Signature: l.Signature, Person: l.Person, Act: signedActs[l.Event].Act(), Meaning: meaning,
				About: []signatures.RecordRef{{Stream: string(stream(l.Batch)), ID: l.Batch, Version: l.Seen}},
			})
		}
	}
	return places, nil
}

// signedLine is a line of a history that is signed or may have to be.
type signedLine struct {
	ID, Batch string
	Event     procedure.EventKind
	Step      string
	Person    string
	Signature string
	Seen      int
}

// signedActs gives the command of each event that is signed.
var signedActs = map[procedure.EventKind]interface{ Act() string }{
	procedure.EventIssued: Issue{}, procedure.EventPerformed: Perform{}, procedure.EventVerified: Verify{}, procedure.EventHoldAssessed: AssessHold{},
	procedure.EventAborted: Abort{}, procedure.EventCompleted: Complete{},
}

// meanings of the signed events but performed, whose meaning is the recipe's business.
var meanings = map[procedure.EventKind]string{
	procedure.EventIssued: "issued", procedure.EventVerified: "verified", procedure.EventHoldAssessed: "assessed", procedure.EventAborted: "aborted",
	procedure.EventCompleted: "completed",
}

// meaning says what the signature of the line has to mean, and whether there must be one.
func (l signedLine) meaning(ctx context.Context, q audit.Querier, digest string) (meaning string, must bool, err error) {
	if l.Event != procedure.EventPerformed {
		if meanings[l.Event] == "" {
			return "", false, fault.New(fault.Refused, "An event %s is not signed, and a signature stands beside it.", l.Event)
		}
		return meanings[l.Event], true, nil
	}
	r, err := recipes.Load(ctx, q, digest)
	if err != nil {
		return "", false, err
	}
	step := r.Procedure.Step(l.Step)
	if step == nil {
		return "", false, fault.New(fault.Missing, "The recipe has no step %s.", l.Step)
	}
	return performedMeaning(step), Signs(step), nil
}

// performedMeaning is what the signature on a performed step means.
func performedMeaning(step *procedure.Step) string {
	if step.Kind == procedure.SignOff {
		return step.Meaning
	}
	return "performed"
}
