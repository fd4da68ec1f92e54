package signatures

import (
	"context"
	"encoding/json"
	"time"

	"veribatch/signatures/keyring"
)

// Older gives the manifest as it would have been signed earlier by d, with its signature: what a stolen ticket carries when somebody makes
// the row of the ticket young again.
func Older(key *keyring.File, manifest []byte, d time.Duration) (content, signature []byte, signedAt time.Time, err error) {
	var m Manifest
	if err := json.Unmarshal(manifest, &m); err != nil {
		return nil, nil, signedAt, err
	}
	at, err := time.Parse(manifestTime, m.SignedAt)
	if err != nil {
		return nil, nil, signedAt, err
	}
	m.SignedAt = at.Add(-d).Format(manifestTime)
	content, signature, err = m.seal(context.Background(), key)
	return content, signature, at.Add(-d), err
}
