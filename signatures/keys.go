package signatures

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"io/fs"
	"slices"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/keyring"
)

const insertKey = `insert into ebr.signing_keys (id, public_key, recorded_at) values (@id, @public_key, @now)`

const keysRecorded = `select exists (select from ebr.signing_keys)`

// OpenKey reads the site key from the folder. It makes one for a plant that has recorded none, or whose server is told to take another (replaces): a plant
// that has lost its key must not get one by itself, with which it would seal and back up from then on.
func OpenKey(ctx context.Context, trail *audit.Trail, folder string, replaces bool) (*keyring.File, error) {
	var known bool
	err := trail.Read(ctx, func(r *audit.Reader) error { return r.QueryRow(ctx, keysRecorded).Scan(&known) })
	if err != nil {
		return nil, err
	}
	if !known || replaces {
		return keyring.Open(folder)
	}
	key, err := keyring.Existing(folder)
	if errors.Is(err, fs.ErrNotExist) {
		err = errOtherKey
	}
	return key, err
}

// RegisterKey records the public half of the site key at the start of the server, once per key. Recorded keys stay for ever: a signature
// is verified with the key of its time. A plant that has a key takes another one only when its server is told to (replaces): the new key then
// vouches, in its entry, for the former ones, which come back. A key that somebody recorded past the server is so known for what it is.
func RegisterKey(ctx context.Context, trail *audit.Trail, key *keyring.File, replaces bool) (former []ed25519.PublicKey, err error) {
	var recorded []recordedKey
	err = trail.Read(ctx, func(r *audit.Reader) (err error) {
		recorded, err = recordedKeys(ctx, r, key)
		return err
	})
	if err != nil {
		return nil, err
	}
	known := false
	for _, k := range recorded {
		if k.ID == key.ID() && !k.Public.Equal(key.Public()) {
			return nil, fault.New(fault.Refused, "The recorded signing key %s is not the key of this site. Stop, and compare the database with its backup.", key.ID())
		}
		known = known || k.ID == key.ID()
	}
	for _, k := range recorded {
		if replaces && !k.Statements && k.ID != key.ID() && (k.Vouched || !known) {
			former = append(former, k.Public)
		}
	}
	if known {
		return former, nil
	}
	if len(recorded) > 0 && !replaces {
		return nil, errOtherKey
	}
	in := audit.Intent{Session: trail.System(), Act: "key.register", Home: audit.Site, Reason: "first use of this site key"}
	_, err = trail.Change(ctx, in, func(tx *audit.Tx) error {
		for _, k := range recorded {
			tx.Note(formerKey+k.ID, base64.StdEncoding.EncodeToString(key.Sign(formerKey, []byte(k.ID))))
		}
		_, err := tx.Exec(ctx, insertKey, pgx.NamedArgs{"id": key.ID(), "public_key": []byte(key.Public()), "now": tx.Now()})
		return err
	})
	return former, err
}

// RegisterSealer records the key with which signatures of people are sealed when it is another one than the site key, once per key; the site key vouches for
// it in the entry. That key seals no password and vouches for nothing.
func RegisterSealer(ctx context.Context, trail *audit.Trail, site *keyring.File, sealer Sealer) error {
	if sealer.ID() == site.ID() {
		return nil
	}
	var recorded []recordedKey
	err := trail.Read(ctx, func(r *audit.Reader) (err error) { recorded, err = recordedKeys(ctx, r, site); return err })
	if err != nil {
		return err
	}
	at := slices.IndexFunc(recorded, func(k recordedKey) bool { return k.ID == sealer.ID() })
	if at >= 0 {
		if k := recorded[at]; !k.Vouched || !k.Statements || !k.Public.Equal(sealer.Public()) {
			return fault.New(fault.Refused, "The recorded key %s is not one for which the site key vouched to seal signatures. Stop, and compare the database with its backup.", k.ID)
		}
		return nil
	}
	in := audit.Intent{Session: trail.System(), Act: "key.register", Home: audit.Site, Reason: "first use of this key, held in a vault, for signatures"}
	_, err = trail.Change(ctx, in, func(tx *audit.Tx) error {
		tx.Note(statementKey+sealer.ID(), base64.StdEncoding.EncodeToString(site.Sign(statementKey, sealer.Public())))
		_, err := tx.Exec(ctx, insertKey, pgx.NamedArgs{"id": sealer.ID(), "public_key": []byte(sealer.Public()), "now": tx.Now()})
		return err
	})
	return err
}

var errOtherKey = fault.New(fault.NotReady, "The state folder holds no site key, or another one than that of this plant, with which passwords are sealed and signatures were made. "+
	"Bring keys/site.key back from the backup. Only when there is no copy left, start once with --new-site-key.")

// formerKey begins the notes with which a new site key vouches for those before it; statementKey one with which the site key vouches for a key that seals
// signatures of people and nothing else.
const (
	formerKey    = "former key "
	statementKey = "statement key "
)

const allKeys = `select id, public_key from ebr.signing_keys order by recorded_at, id`

// recordedKey is a key of the record, whether the site key of today vouches for it, and whether it came for signatures of people alone.
type recordedKey struct {
	ID         string
	Public     ed25519.PublicKey
	Vouched    bool
	Statements bool
}

func recordedKeys(ctx context.Context, q audit.Querier, key *keyring.File) ([]recordedKey, error) {
	rows, err := q.Query(ctx, allKeys)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k recordedKey, err error) {
		err = row.Scan(&k.ID, &k.Public)
		return k, err
	})
	if err != nil || len(list) < 2 {
		return list, err
	}
	entries, err := audit.History(ctx, q, audit.Filter{Act: "key.register", Limit: 500})
	for i, k := range list {
		for _, e := range entries {
			former, _ := base64.StdEncoding.DecodeString(e.Details[formerKey+k.ID]) // no signature is a wrong one
			sealer, _ := base64.StdEncoding.DecodeString(e.Details[statementKey+k.ID])
			list[i].Vouched = list[i].Vouched || keyring.Verify(key.Public(), formerKey, []byte(k.ID), former) || keyring.Verify(key.Public(), statementKey, k.Public, sealer)
			list[i].Statements = list[i].Statements || len(sealer) > 0
		}
	}
	return list, err
}

// Recorded tells whether this key is the one of the plant: it is recorded, and vouched for every other one when it came (see VerifyKeys). A former key,
// and one that somebody laid in its place, is not.
func Recorded(ctx context.Context, trail *audit.Trail, key *keyring.File) (known bool, err error) {
	err = trail.Read(ctx, func(r *audit.Reader) error {
		recorded, err := recordedKeys(ctx, r, key)
		others := true
		for _, k := range recorded {
			own := k.ID == key.ID() && k.Public.Equal(key.Public())
			known, others = known || own, others && (own || k.Vouched)
		}
		known = known && others
		return err
	})
	return known, err
}

// VerifyKeys asks, for `ebr verify`, whether each recorded key is that of the site, or a former one for which that key vouched when it came.
func VerifyKeys(ctx context.Context, q audit.Querier, key *keyring.File, found func(row string, why error)) error {
	recorded, err := recordedKeys(ctx, q, key)
	for _, k := range recorded {
		if k.ID != key.ID() && !k.Vouched {
			found("table ebr.signing_keys id "+k.ID, fault.New(fault.Refused, "The key is not that of this site, and the key of this site does not vouch for it."))
		}
	}
	return err
}
