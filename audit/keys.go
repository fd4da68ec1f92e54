package audit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"veribatch/internal/fault"
)

// NewID mints an id for a row, a stream or a request key: UUIDv7, so that ids sort by time.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// NewToken mints a secret of 256 random bits as text.
func NewToken() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails: crypto/rand aborts the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// keyAge is how long a request key answers; older keys are refused, so that pruned keys cannot act twice.
const keyAge = 30 * 24 * time.Hour

// checkKey refuses request keys that are no UUIDv7, too old or from the future.
func checkKey(key string, now time.Time) error {
	if key == "" {
		return nil
	}
	id, err := uuid.Parse(key)
	if err != nil || id.Version() != 7 || len(key) != 36 {
		return fault.At("request_key", "This form carries no valid request key. Open the page again.")
	}
	sec, nsec := id.Time().UnixTime()
	age := now.Sub(time.Unix(sec, nsec))
	if age > keyAge || age < -24*time.Hour {
		return fault.At("request_key", "This form is too old to be sent. Open the page again.")
	}
	return nil
}

// commandDigest identifies what was asked. Commands are plain structs whose credentials carry the tag json:"-".
func commandDigest(act string, command any) [32]byte {
	body, err := json.Marshal(command)
	if err != nil {
		panic("audit: a command must be a plain struct: " + err.Error())
	}
	return sha256.Sum256(append([]byte(act+"\x00"), body...))
}

const usedKey = `select k.act, k.digest, k.result, k.stream, k.at from ebr.request_keys k join ebr.sessions s on s.person = k.person
	where s.token_digest = sha256($1) and s.ended_at is null and k.key = $2`

// Replayed tells whether this request was already answered for this person, and how. A key used for another command is a Conflict.
func (t *Trail) Replayed(ctx context.Context, in Intent) (receipt Receipt, found bool, err error) {
	if in.Key == "" {
		return receipt, false, nil
	}
	if err := checkKey(in.Key, t.Now()); err != nil {
		return receipt, false, err
	}
	var act string
	var digest []byte
	err = t.pool.QueryRow(ctx, usedKey, []byte(in.Session), in.Key).Scan(&act, &digest, &receipt.Result, &receipt.Stream, &receipt.Time)
	if errors.Is(err, pgx.ErrNoRows) {
		return receipt, false, nil
	}
	if err != nil {
		return receipt, false, translate(err)
	}
	if want := commandDigest(in.Act, in.Command); string(digest) != string(want[:]) {
		return receipt, false, fault.New(fault.Conflict, "This form was already sent with other content. Open the page again and enter it once more.")
	}
	receipt.Replayed = true
	return receipt, true, nil
}
