// Package checkpoint owns the signed heads of the log: their text (C2SP tlog-checkpoint and tlog-cosignature), and the signer that remembers,
// outside the database, the last tree it signed and refuses whatever does not grow from it. It knows neither entries nor proofs of inclusion
// (audit/merkle) and asks no database. Start reading at Parse, then Signer.Sign.
package checkpoint

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit/merkle"
)

// Checkpoint is the head of a log, and the known keys that signed it.
type Checkpoint struct {
	Origin  string
	Size    int64
	Root    tlog.Hash
	Signers []Signature // of Parse: those that were verified, in the order of their lines
}

// Signature is one line under a checkpoint that a known key signed.
type Signature struct {
	Name string
	Hash uint32    // which key of that name, and how it signs
	Time time.Time // when, in seconds, of a cosignature; zero of a plain signature, which states no time
	Line string    // without the newline
}

// Bounds of what Parse reads: 16 signatures must be possible, those of later algorithms too.
const (
	maxNote   = 128 << 10
	maxLines  = 64
	maxOrigin = 255
)

// linesOfSigner are the lines that a signer writes under a checkpoint: a plain signature, and a cosignature that states the time.
const linesOfSigner = 2

// Text is what is signed: origin, size and root, a line each.
func (c Checkpoint) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

// Format is the text of the checkpoint of a tree.
func Format(t merkle.Tree) string {
	return Checkpoint{Origin: t.Origin, Size: t.Size, Root: t.Root}.Text()
}

// Time is the newest time at which a key of that name says it signed; zero when none does.
func (c Checkpoint) Time(name string) (newest time.Time) {
	for _, s := range c.Signers {
		if s.Name == name && s.Time.After(newest) {
			newest = s.Time
		}
	}
	return newest
}

// ours is the origin of a log of this program: the name of its key, and the epoch.
var ours = regexp.MustCompile(`^(veribatch/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/([1-9][0-9]{0,8})$`)

// SplitOrigin gives the name under which the log's key signs, which is the origin without the epoch.
func SplitOrigin(origin string) (name string, epoch int, err error) {
	m := ours.FindStringSubmatch(origin)
	if m == nil {
		return "", 0, fmt.Errorf("%.80q is not the origin of a log of this program", origin)
	}
	epoch, err = strconv.Atoi(m[2])
	return m[1], epoch, err
}

// ParseText reads the three lines of a checkpoint. It is stricter than C2SP, which lets lines follow that nobody can audit.
func ParseText(text string) (c Checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return c, errors.New("checkpoint: not three lines")
	}
	if !validName(lines[0]) || len(lines[0]) > maxOrigin {
		return c, errors.New("checkpoint: no valid origin")
	}
	c.Origin = lines[0]
	c.Size, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || c.Size < 0 || strconv.FormatInt(c.Size, 10) != lines[1] {
		return c, errors.New("checkpoint: the size is no number in plain digits")
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != len(c.Root) || len(lines[2]) != base64.StdEncoding.EncodedLen(len(c.Root)) {
		return c, errors.New("checkpoint: the root is no SHA-256 in base64")
	}
	copy(c.Root[:], root)
	if c.Size == 0 && c.Root != emptyRoot {
		return c, errors.New("checkpoint: an empty tree has another root")
	}
	return c, nil
}

// Parse reads a signed checkpoint and verifies the lines of the known keys. Lines of unknown keys are passed over, as they must be; a known
// key whose line does not verify, a repeated line, and a note that could be written in another way refuse the whole.
func Parse(text []byte, known note.Verifiers) (Checkpoint, error) {
	if len(text) > maxNote {
		return Checkpoint{}, fmt.Errorf("checkpoint: more than %d bytes", maxNote)
	}
	lines, err := signatureLines(text)
	if err != nil {
		return Checkpoint{}, err
	}
	opened, err := note.Open(text, known)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	c, err := ParseText(opened.Text)
	if err != nil {
		return c, err
	}
	for _, sig := range opened.Sigs {
		line := fmt.Sprintf("— %s %s", sig.Name, sig.Base64)
		s := Signature{Name: sig.Name, Hash: sig.Hash, Line: line}
		if v, err := known.Verifier(sig.Name, sig.Hash); err == nil {
			if dated, ok := v.(*cosignatureVerifier); ok {
				s.Time = dated.time(lines[line])
			}
		}
		c.Signers = append(c.Signers, s)
	}
	return c, nil
}

// AsSigned says whether a note is what a signer of ours made of this checkpoint: both of its lines in their order, verified, and no other. Parse passes over lines of
// unknown keys, and so over one of ours whose key was changed.
func (c Checkpoint) AsSigned(text []byte) bool {
	whole := c.Text() + "\n"
	for _, s := range c.Signers {
		whole += s.Line + "\n"
	}
	return len(c.Signers) == linesOfSigner && c.Signers[0].Time.IsZero() && !c.Signers[1].Time.IsZero() && whole == string(text)
}

// signatureLines gives the bytes of each signature line, each of which stands there once and in the one way of writing it.
func signatureLines(text []byte) (map[string][]byte, error) {
	_, block, found := cutLast(text, []byte("\n\n"))
	if !found || !bytes.HasSuffix(block, []byte("\n")) {
		return nil, errors.New("checkpoint: no signature follows")
	}
	lines, keys := map[string][]byte{}, map[string]bool{}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(block), "\n"), "\n") {
		rest, dash := strings.CutPrefix(line, "— ")
		name, text, space := strings.Cut(rest, " ")
		raw, err := base64.StdEncoding.Strict().DecodeString(text)
		if !dash || !space || err != nil || len(raw) < 5 || base64.StdEncoding.EncodeToString(raw) != text {
			return nil, errors.New("checkpoint: a line is no signature")
		}
		key := name + string(raw[:4])
		if keys[key] {
			return nil, errors.New("checkpoint: a key stands there twice")
		}
		if keys[key], lines[line] = true, raw[4:]; len(lines) > maxLines {
			return nil, errors.New("checkpoint: too many signatures")
		}
	}
	return lines, nil
}

func cutLast(text, sep []byte) (before, after []byte, found bool) {
	i := bytes.LastIndex(text, sep)
	if i < 0 {
		return text, nil, false
	}
	return text[:i], text[i+len(sep):], true
}

// validName says whether a key or an origin may have this name.
func validName(name string) bool {
	return name != "" && utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '+'
	})
}

// emptyRoot is the root of a tree without leaves: SHA-256 of nothing.
var emptyRoot = tlog.Hash{
	0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
	0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
}
