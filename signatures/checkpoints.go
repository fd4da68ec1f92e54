package signatures

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/audit/checkpoint"
	"veribatch/internal/fault"
	"veribatch/signatures/keyring"
)

// ContinueLog is the act by which quality assurance has the log continued after a restore, in a new epoch.
const ContinueLog = "log.continue"

// purposeCheckpointKey is for what the site key vouches, and checkpointKey begins the note in the entry that says so.
const (
	purposeCheckpointKey = "checkpoint key"
	checkpointKey        = "checkpoint key "
)

const (
	insertCheckpointKey = `insert into ebr.checkpoint_keys (id, public_key, recorded_at) values (@id, @public_key, @now)`
	checkpointKeys      = `select id, public_key from ebr.checkpoint_keys order by recorded_at, id`
	knownCheckpointKey  = `select exists (select from ebr.checkpoint_keys where id = @id)`
	anyCheckpointKey    = `select exists (select from ebr.checkpoint_keys)`
)

// FirstCheckpointKey records the key of the signer when the plant has none yet. Another one comes only with a signed act that continues the log.
func FirstCheckpointKey(ctx context.Context, trail *audit.Trail, key *keyring.File, public ed25519.PublicKey) error {
	var known bool
	err := trail.Read(ctx, func(r *audit.Reader) error { return r.QueryRow(ctx, anyCheckpointKey).Scan(&known) })
	if err != nil || known {
		return err
	}
	in := audit.Intent{Session: trail.System(), Act: "key.register", Home: audit.Site, Reason: "first use of this key of the signer of checkpoints"}
	_, err = trail.Change(ctx, in, func(tx *audit.Tx) error {
		tx.Note(checkpointKey+keyring.KeyID(public), base64.StdEncoding.EncodeToString(key.Sign(purposeCheckpointKey, public)))
		return insertKeyOfSigner(ctx, tx, public)
	})
	return err
}

// RecordCheckpointKey records the key of the signer within the act that continues the log, unless it is recorded.
func RecordCheckpointKey(ctx context.Context, tx *audit.Tx, public ed25519.PublicKey) error {
	var known bool
	if err := tx.QueryRow(ctx, knownCheckpointKey, pgx.NamedArgs{"id": keyring.KeyID(public)}).Scan(&known); err != nil || known {
		return err
	}
	return insertKeyOfSigner(ctx, tx, public)
}

func insertKeyOfSigner(ctx context.Context, tx *audit.Tx, public ed25519.PublicKey) error {
	_, err := tx.Exec(ctx, insertCheckpointKey, pgx.NamedArgs{"id": keyring.KeyID(public), "public_key": []byte(public), "now": tx.Now()})
	return err
}

// EpochEvidence gives the signature with which an epoch of the log was begun, for the signer of checkpoints.
func EpochEvidence(ctx context.Context, q audit.Querier, signature string) ([]byte, error) {
	found, err := Read(ctx, q, signature)
	if err == nil && len(found) != 1 {
		err = fault.New(fault.Missing, "There is no signature %s.", signature)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(found[0])
}

// Epoch names a log, by its origin, as statements name records.
func Epoch(origin string) (RecordRef, error) {
	_, epoch, err := checkpoint.SplitOrigin(origin)
	return RecordRef{Stream: string(audit.Site), ID: strings.ReplaceAll(origin, "/", "-"), Version: epoch}, err
}

// Continues judges such evidence with the site key that a signer of checkpoints was given: it must be a signature of the act ContinueLog over exactly
// the log that is asked for.
func Continues(site ed25519.PublicKey) func(evidence []byte, asked, last checkpoint.Checkpoint) error {
	return func(evidence []byte, asked, _ checkpoint.Checkpoint) error {
		var s Signature
		if err := json.Unmarshal(evidence, &s); err != nil {
			return fmt.Errorf("read the evidence: %w", err)
		}
		if s.Act != ContinueLog {
			return errors.New("the signature was given for another act")
		}
		about, err := Epoch(asked.Origin)
		if err != nil {
			return err
		}
		return s.Verify(site, about)
	}
}

// KeyLine is the line of the statement of ContinueLog that names the key of the signer.
const KeyLine = "Key of the signer"

const continuations = `select signature::text from audit.logs where signature is not null order by epoch`

// VerifyCheckpointKeys asks, for `ebr verify`, whether the site key, or one before it for which it vouches, vouched for each recorded key of the signer,
// or QA signed for it.
func VerifyCheckpointKeys(ctx context.Context, q audit.Querier, key *keyring.File, found func(row string, why error)) error {
	rows, err := q.Query(ctx, checkpointKeys)
	if err != nil {
		return err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k recordedKey, err error) {
		err = row.Scan(&k.ID, &k.Public)
		return k, err
	})
	if err != nil || len(list) == 0 {
		return err
	}
	vouched, err := vouchers(ctx, q, key)
	if err != nil {
		return err
	}
	signed, err := signedCheckpointKeys(ctx, q)
	if err != nil {
		return err
	}
	for _, k := range list {
		if !signed[k.ID] && !vouched(purposeCheckpointKey, checkpointKey+k.ID, k.Public) {
			found("table ebr.checkpoint_keys id "+k.ID, fault.New(fault.Refused, "Neither the site key nor a signature of QA vouches for the key."))
		}
	}
	return nil
}

// vouchers tells whether the site key, or one before it for which it vouches, vouched in a note of an entry for a key, for some purpose.
func vouchers(ctx context.Context, q audit.Querier, key *keyring.File) (vouched func(purpose, note string, public []byte) bool, err error) {
	site, err := recordedKeys(ctx, q, key)
	if err != nil {
		return nil, err
	}
	entries, err := audit.History(ctx, q, audit.Filter{Act: "key.register", Limit: 500})
	if err != nil {
		return nil, err
	}
	return func(purpose, note string, public []byte) bool {
		for _, e := range entries {
			signature, _ := base64.StdEncoding.DecodeString(e.Details[note]) // no signature is a wrong one
			for _, s := range site {
				if (s.Vouched || s.ID == key.ID()) && !s.Statements && keyring.Verify(s.Public, purpose, public, signature) {
					return true
				}
			}
		}
		return false
	}, nil
}

// signedCheckpointKeys are those that stand in a statement with which the log was continued. VerifyAll verifies the signatures.
func signedCheckpointKeys(ctx context.Context, q audit.Querier) (map[string]bool, error) {
	rows, err := q.Query(ctx, continuations)
	if err != nil {
		return nil, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	list, err := Read(ctx, q, ids...)
	signed := map[string]bool{}
	for _, s := range list {
		statement, _ := ParseStatement(s.Statement) // one that cannot be read names no key
		for _, line := range statement.Lines {
			signed[line.Value] = signed[line.Value] || line.Label == KeyLine
		}
	}
	return signed, err
}
