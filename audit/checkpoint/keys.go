package checkpoint

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Key signs exactly the bytes it is given: C2SP says what they are, so no purpose of ours can stand before them. A key that signs checkpoints
// signs nothing else.
type Key interface {
	ID() string
	Public() ed25519.PublicKey
	SignRaw(message []byte) ([]byte, error)
}

// PublicKey is the public half of a key.
type PublicKey = ed25519.PublicKey

// PublicKeySize is the length of a PublicKey.
const PublicKeySize = ed25519.PublicKeySize

// How a key signs, as C2SP numbers it.
const (
	plainEd25519       = 0x01
	cosignatureEd25519 = 0x04
)

// Verifiers are the two ways in which a key of that name signs checkpoints: plain, and as a dated cosignature.
func Verifiers(name string, public ed25519.PublicKey) ([]note.Verifier, error) {
	plain, err := PlainVerifier(name, public)
	if err != nil {
		return nil, err
	}
	dated, err := CosignatureVerifier(name, public)
	return []note.Verifier{plain, dated}, err
}

// PlainVerifier verifies a signature over the text alone.
func PlainVerifier(name string, public ed25519.PublicKey) (note.Verifier, error) {
	if !validName(name) {
		return nil, errors.New("checkpoint: no valid name of a key")
	}
	key, err := note.NewEd25519VerifierKey(name, public)
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(key)
}

// CosignatureVerifier verifies a cosignature/v1 over the text and its time.
func CosignatureVerifier(name string, public ed25519.PublicKey) (note.Verifier, error) {
	if !validName(name) || len(public) != ed25519.PublicKeySize {
		return nil, errors.New("checkpoint: no valid name or key")
	}
	return &cosignatureVerifier{cosignatory{name, keyHash(name, cosignatureEd25519, public)}, public}, nil
}

// VerifierKey is how a person hands out the key of somebody who cosigns: name, key hash and key in one line.
func VerifierKey(name string, public ed25519.PublicKey) string {
	return verifierKey(name, cosignatureEd25519, public)
}

func verifierKey(name string, how byte, public ed25519.PublicKey) string {
	return fmt.Sprintf("%s+%08x+%s", name, keyHash(name, how, public), base64.StdEncoding.EncodeToString(append([]byte{how}, public...)))
}

// NewVerifier reads such a line, of a key that signs plainly or cosigns.
func NewVerifier(line string) (note.Verifier, error) {
	parts := strings.SplitN(line, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("checkpoint: a key has three parts, joined by +")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(raw) != 1+ed25519.PublicKeySize {
		return nil, errors.New("checkpoint: no Ed25519 key")
	}
	how, public := raw[0], ed25519.PublicKey(raw[1:])
	if _, err := hex.DecodeString(parts[1]); err != nil || verifierKey(parts[0], how, public) != line {
		return nil, errors.New("checkpoint: the hash in the middle is not that of name and key")
	}
	switch how {
	case plainEd25519:
		return PlainVerifier(parts[0], public)
	case cosignatureEd25519:
		return CosignatureVerifier(parts[0], public)
	}
	return nil, fmt.Errorf("checkpoint: keys of kind %d are not known", how)
}

// Cosigns says whether a key signs with the time.
func Cosigns(v note.Verifier) bool {
	_, dated := v.(*cosignatureVerifier)
	return dated
}

// ReadCosignature verifies one line of a witness, whose key is given as VerifierKey writes it, over the text of a checkpoint, and gives its time.
func ReadCosignature(key, text, line string) (c Checkpoint, at time.Time, err error) {
	v, err := NewVerifier(key)
	if err != nil {
		return c, at, err
	}
	if !Cosigns(v) {
		return c, at, errors.New("checkpoint: this key does not cosign")
	}
	if c, err = Parse([]byte(text+"\n"+line+"\n"), note.VerifierList(v)); err != nil {
		return c, at, err
	}
	return c, c.Signers[0].Time, nil
}

func keyHash(name string, how byte, public ed25519.PublicKey) uint32 {
	sum := sha256.Sum256(append(append([]byte(name+"\n"), how), public...))
	return binary.BigEndian.Uint32(sum[:])
}

// cosignatory is what signing and verifying cosignatures have in common.
type cosignatory struct {
	name string
	hash uint32
}

// Name is the name in the signature line.
func (c cosignatory) Name() string { return c.name }

// KeyHash tells the key, and that it cosigns.
func (c cosignatory) KeyHash() uint32 { return c.hash }

// dated is what a cosignature signs.
func dated(at uint64, text []byte) []byte {
	return append(fmt.Appendf(nil, "cosignature/v1\ntime %d\n", at), text...)
}

type cosignatureVerifier struct {
	cosignatory
	public ed25519.PublicKey
}

// Verify says whether the key signed this text at the time in the signature.
func (v *cosignatureVerifier) Verify(text, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	return at <= math.MaxInt64 && ed25519.Verify(v.public, dated(at, text), sig[8:])
}

func (v *cosignatureVerifier) time(sig []byte) time.Time {
	return time.Unix(int64(binary.BigEndian.Uint64(sig)), 0).UTC() // Verify has bounded it
}

// Cosigner gives the signer of one cosignature at a time, in whole seconds.
func Cosigner(name string, key Key, at time.Time) note.Signer {
	return &cosigner{cosignatory{name, keyHash(name, cosignatureEd25519, key.Public())}, key, at}
}

type cosigner struct {
	cosignatory
	key Key
	at  time.Time
}

// Sign signs text and time.
func (s *cosigner) Sign(text []byte) ([]byte, error) {
	if s.at.Unix() < 0 {
		return nil, errors.New("checkpoint: a cosignature has no time before 1970")
	}
	at := uint64(s.at.Unix())
	sig, err := s.key.SignRaw(dated(at, text))
	return append(binary.BigEndian.AppendUint64(nil, at), sig...), err
}

// plain signs the text alone.
type plain struct {
	cosignatory
	key Key
}

func plainSigner(name string, key Key) note.Signer {
	return &plain{cosignatory{name, keyHash(name, plainEd25519, key.Public())}, key}
}

// Sign signs the text.
func (s *plain) Sign(text []byte) ([]byte, error) { return s.key.SignRaw(text) }
