package signatures

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"time"

	"veribatch/internal/fault"
	"veribatch/signatures/keyring"
)

// purposeManifest separates signatures of people from everything else that the site key signs.
const purposeManifest = "manifest"

// manifestTime is RFC 3339 with microseconds and the zone offset, so that the printed time and the signed time are the same characters.
const manifestTime = "2006-01-02T15:04:05.000000-07:00"

// Manifest binds a statement to the person who signed it, in canonical JSON signed with the site key. It holds what 21 CFR 11.50(a) asks
// for (printed name, date and time, meaning) and what 11.70 needs so that a signature can be neither moved nor copied.
type Manifest struct {
	Version           int    `json:"v"`
	Statement         string `json:"statement"` // hex SHA-256 of the canonical statement, which names the records and their versions
	Act               string `json:"act"`
	Meaning           string `json:"meaning"`
	Person            string `json:"person"`
	UserName          string `json:"user"`
	FullName          string `json:"name"`               // as printed
	CredentialVersion int    `json:"credential_version"` // which password was given
	Session           string `json:"session"`
	Station           string `json:"station"`
	SignedAt          string `json:"signed_at"` // when the password was verified: server time with zone offset
	KeyID             string `json:"key"`
	Components        string `json:"components,omitempty"` // inSeries: the password alone was given; "": user name and password
}

// inSeries marks a signature of a series, for which the password alone is given (21 CFR 11.200(a)(1)(i)).
const inSeries = "password"

// Signature is one signature as it is stored, with the exact bytes that it covers.
type Signature struct {
	ID                string
	Person            string // id of the signer
	FullName          string // printed name
	Meaning           string
	Act               string
	SignedAt          time.Time
	KeyID             string
	StatementDigest   []byte
	Statement         []byte // canonical bytes
	Manifest          []byte // canonical bytes
	ManifestSignature []byte
}

// Sealer holds the key with which signatures of people are sealed: the site key (keyring.File), or one that never leaves a vault (keyring.Vault). Seal signs a
// message for one purpose; a vault can be away.
type Sealer interface {
	ID() string
	Public() ed25519.PublicKey
	Seal(ctx context.Context, purpose string, message []byte) ([]byte, error)
}

// seal writes the manifest in canonical form and signs it.
func (m Manifest) seal(ctx context.Context, key Sealer) (content, signature []byte, err error) {
	m.Version, m.KeyID = 1, key.ID()
	content, err = canonical(m)
	if err != nil {
		return nil, nil, err
	}
	signature, err = key.Seal(ctx, purposeManifest, content)
	if err != nil {
		err = sealerAway(err)
	}
	return content, signature, err
}

// Verify says whether this signature was made with the key, over this statement, by this person, with this meaning, and covers the
// record at the version given. Whoever shows a signature beside a record names that record here: a signature copied from another record,
// version, meaning or person fails (21 CFR 11.70). The error names what does not fit.
func (s Signature) Verify(public ed25519.PublicKey, about RecordRef) error {
	if keyring.KeyID(public) != s.KeyID {
		return broken("was made with the key %s and not with %s", s.KeyID, keyring.KeyID(public))
	}
	if !keyring.Verify(public, purposeManifest, s.Manifest, s.ManifestSignature) {
		return broken("does not fit its manifest")
	}
	var m Manifest
	if err := json.Unmarshal(s.Manifest, &m); err != nil {
		return broken("has a manifest that cannot be read")
	}
	statement, err := ParseStatement(s.Statement)
	if err != nil {
		return broken("has a statement that cannot be read")
	}
	if err := s.compare(m, statement); err != nil {
		return err
	}
	for _, r := range statement.Records {
		if r == about {
			return nil
		}
	}
	return broken("does not cover version %d of %s in %s", about.Version, about.ID, about.Stream)
}

// compare holds the stored row and the statement against the signed manifest, member by member.
func (s Signature) compare(m Manifest, statement Statement) error {
	digest := Digest(sha256.Sum256(s.Statement))
	signedAt, err := time.Parse(manifestTime, m.SignedAt)
	switch {
	case m.Version != 1:
		return broken("has a manifest of version %d", m.Version)
	case m.Statement != digest.String() || !bytes.Equal(s.StatementDigest, digest[:]):
		return broken("was made for another statement")
	case m.Act != statement.Act || m.Act != s.Act:
		return broken("was made for the act %s", m.Act)
	case m.Meaning != statement.Meaning || m.Meaning != s.Meaning:
		return broken("was made with the meaning %s", m.Meaning)
	case m.Person != s.Person || m.FullName != s.FullName:
		return broken("was made by %s (%s)", m.FullName, m.Person)
	case err != nil || !signedAt.Equal(s.SignedAt):
		return broken("was made at %s", m.SignedAt)
	case m.KeyID != s.KeyID:
		return broken("names the key %s", m.KeyID)
	}
	return nil
}

func broken(format string, args ...any) error {
	return fault.New(fault.Refused, "The signature "+format+".", args...)
}
