package signatures

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"veribatch/signatures/keyring"
)

// signed makes a signature without a database, as Issue and Sign make it with one.
func signed(t *testing.T, key *keyring.File, st Statement, person, name string) Signature {
	t.Helper()
	content, err := st.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := st.Digest()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 14, 3, 5, 123456000, time.FixedZone("", 3600))
	m := Manifest{
		Statement: digest.String(), Act: st.Act, Meaning: st.Meaning, Person: person, UserName: "anna.k", FullName: name,
		CredentialVersion: 1, Session: "s1", Station: "Granulation 1", SignedAt: at.Format(manifestTime),
	}
	manifest, signature, err := m.seal(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return Signature{
		ID: "sig-1", Person: person, FullName: name, Meaning: st.Meaning, Act: st.Act, SignedAt: at, KeyID: key.ID(),
		StatementDigest: digest[:], Statement: content, Manifest: manifest, ManifestSignature: signature,
	}
}

// P11-70: a valid signature moved to another record, version, signer or meaning fails, whoever changes whatever column.
func TestSignatureCannotBeTransplanted(t *testing.T) {
	key, err := keyring.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := keyring.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	st := verified()
	about := st.Records[0]
	good := signed(t, key, st, "p1", "Anna Keller")
	if err := good.Verify(key.Public(), about); err != nil {
		t.Fatalf("a good signature: %v", err)
	}
	if !strings.Contains(string(good.Manifest), `"signed_at":"2026-11-22T14:03:05.123456+01:00"`) {
		t.Fatalf("time and zone missing: %s", good.Manifest)
	}

	st.Meaning = "performed"
	other := signed(t, key, st, "p2", "Ben Okafor")
	cases := map[string]struct {
		spoil func(*Signature)
		about RecordRef
		key   ed25519.PublicKey
	}{
		"another record":  {about: RecordRef{batchStream, "other", about.Version}},
		"another stream":  {about: RecordRef{"batch/other", about.ID, about.Version}},
		"another version": {about: RecordRef{about.Stream, about.ID, about.Version + 1}},
		"another person":  {spoil: func(s *Signature) { s.Person = "p2" }},
		"another name":    {spoil: func(s *Signature) { s.FullName = "Ben Okafor" }},
		"another meaning": {spoil: func(s *Signature) { s.Meaning = "released" }},
		"another act":     {spoil: func(s *Signature) { s.Act = "step.perform" }},
		"another time":    {spoil: func(s *Signature) { s.SignedAt = s.SignedAt.Add(time.Microsecond) }},
		"another statement": {spoil: func(s *Signature) {
			s.Statement, s.StatementDigest = other.Statement, other.StatementDigest
		}},
		"statement edited":  {spoil: func(s *Signature) { s.Statement = bytes.Replace(s.Statement, []byte("2.10"), []byte("2.20"), 1) }},
		"digest swapped":    {spoil: func(s *Signature) { s.StatementDigest = other.StatementDigest }},
		"manifest edited":   {spoil: func(s *Signature) { s.Manifest = bytes.Replace(s.Manifest, []byte("verified"), []byte("released"), 1) }},
		"manifest swapped":  {spoil: func(s *Signature) { s.Manifest, s.ManifestSignature = other.Manifest, other.ManifestSignature }},
		"signature flipped": {spoil: func(s *Signature) { s.ManifestSignature = flipped(s.ManifestSignature) }},
		"signature missing": {spoil: func(s *Signature) { s.ManifestSignature = nil }},
		"another key":       {key: foreign.Public()},
		"key named wrongly": {spoil: func(s *Signature) { s.KeyID = foreign.ID() }, key: foreign.Public()},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s, record, public := good, about, key.Public()
			if c.spoil != nil {
				c.spoil(&s)
			}
			if c.about != (RecordRef{}) {
				record = c.about
			}
			if c.key != nil {
				public = c.key
			}
			if err := s.Verify(public, record); err == nil {
				t.Fatal("accepted")
			}
		})
	}
}

// Every byte of the manifest is under the signature.
func TestManifestEveryByteCounts(t *testing.T) {
	key, err := keyring.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	good := signed(t, key, verified(), "p1", "Anna Keller")
	for i := range good.Manifest {
		s := good
		s.Manifest = bytes.Clone(good.Manifest)
		s.Manifest[i] ^= 1
		if s.Verify(key.Public(), verified().Records[0]) == nil {
			t.Fatalf("byte %d can be changed", i)
		}
	}
}

func flipped(b []byte) []byte {
	b = bytes.Clone(b)
	b[0] ^= 1
	return b
}
