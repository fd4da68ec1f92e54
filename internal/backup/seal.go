package backup

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"veribatch/internal/fault"
)

// Who can write in the second place and has not the site key must not be able to replace there what the plant put: manifests, the digests of
// segments, each with the digest of the one before, and the tail carry a signature of the plant. The public key that counts stands in the
// manifest among the wrapped keys, which nobody writes without the passphrase.

// Key signs for the plant. Sign makes signatures for one purpose only; Public is the other half, in hexadecimal digits.
type Key struct {
	Public string
	Sign   func(purpose string, message []byte) []byte
}

// Verify tells whether a signature was made over this message, for this purpose, by the owner of the public key.
type Verify func(public []byte, purpose string, message, signature []byte) bool

// Purposes of signatures.
const (
	ofManifest = "backup.manifest"
	ofSegment  = "backup.segment"
	ofTail     = "backup.tail"
)

const signatureFile = "manifest.sig"

// unsignedEnd is how many segments the log may go on behind the last signature: the server signs every ten seconds.
const unsignedEnd = 4

func (k Key) sign(purpose string, message []byte) string {
	return hex.EncodeToString(k.Sign(purpose, message))
}

// notary knows whose signatures count. The zero one asks for none: for what was made before there were any.
type notary struct {
	public []byte
	verify Verify
}

func (n notary) asks() bool { return n.verify != nil }

func (n notary) agrees(purpose string, message []byte, signature string) bool {
	raw, err := hex.DecodeString(signature)
	return err == nil && n.verify(n.public, purpose, message, raw)
}

func (d digest) message() []byte {
	d.Signature = ""
	raw, _ := json.Marshal(d) // strings, numbers and times
	return raw
}

func (t tail) message() []byte {
	t.Signature = ""
	raw, _ := json.Marshal(t)
	return raw
}

// notary gives the one of a backup whose keys are open, after it has looked at the signature of the manifest.
func (b Backup) notary(o Order) (n notary, err error) {
	m := b.Manifest
	if m.Signer == "" {
		if o.Unsigned {
			return n, nil
		}
		return n, fault.New(fault.Refused, "The backup %s carries no signature of its plant, so nobody can say that it is what the plant wrote: it was made by version %s, "+
			"which did not sign. Nothing was restored. If you trust the second place, use --unsigned; the restored plant will say so.", m.ID, m.Version)
	}
	dir := filepath.Join(b.Line.base(), m.ID)
	text, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err != nil {
		return n, damaged(manifestFile, "it cannot be read")
	}
	signature, err := os.ReadFile(filepath.Join(dir, signatureFile))
	if err != nil {
		return n, damaged(signatureFile, "the signature of the manifest is missing")
	}
	if n.public, err = hex.DecodeString(m.Signer); err == nil {
		n.verify = o.Verify
	}
	if err != nil || !n.agrees(ofManifest, text, strings.TrimSpace(string(signature))) {
		return n, damaged(signatureFile, "it is not a signature of this plant over this manifest")
	}
	return n, nil
}

// signed asks whether a digest was signed by the plant for this segment of this line, behind the digest before it.
func (n notary) signed(l Line, f logFile, before *logFile) bool {
	d := *f.known
	if d.Line != l.ID || d.Segment != f.segment || !n.agrees(ofSegment, d.message(), d.Signature) {
		return false
	}
	if before == nil || before.known == nil {
		return true
	}
	sum, _, err := digestOf(l.digestFile(before.segment), -1)
	return err == nil && d.Previous == sum
}
