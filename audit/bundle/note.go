package bundle

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	maxNote       = 20_000
	maxSignatures = 16
	mostOrigin    = 211
	mostNumber    = 1 << 62
)

// checkpointNote is the signed text of a checkpoint.
type checkpointNote struct {
	text   string // three lines
	origin string
	size   int64
	root   tlog.Hash
	lines  []noteLine
}

// noteLine is one signature under it.
type noteLine struct {
	name      string
	hash      uint32
	signature []byte
}

var (
	errNote   = errors.New("not a signed checkpoint")
	number    = regexp.MustCompile(`^(0|[1-9][0-9]{0,18})$`)
	printable = regexp.MustCompile(`^[!-*,-~]+$`)
)

// parseNumber reads digits without a leading zero, up to 2^62.
func parseNumber(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && number.MatchString(text) && n <= mostNumber
}

// parseBase64 takes the one form that an encoder writes.
func parseBase64(text string) ([]byte, bool) {
	raw, err := base64.StdEncoding.DecodeString(text)
	return raw, err == nil && base64.StdEncoding.EncodeToString(raw) == text
}

func parseNote(raw []byte) (n checkpointNote, err error) {
	if len(raw) > maxNote {
		return n, errNote
	}
	text, under, found := strings.Cut(string(raw), "\n\n")
	head := strings.Split(text, "\n")
	if !found || len(head) != 3 || !strings.HasSuffix(under, "\n") {
		return n, errNote
	}
	n.text, n.origin = text+"\n", head[0]
	size, ok := parseNumber(head[1])
	root, is := parseBase64(head[2])
	if !ok || size < 1 || !is || len(root) != tlog.HashSize || !printable.MatchString(n.origin) || len(n.origin) > mostOrigin {
		return n, errNote
	}
	n.size, n.root = size, tlog.Hash(root)
	seen := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSuffix(under, "\n"), "\n") {
		l, err := parseNoteLine(line)
		id := fmt.Sprintf("%s %08x", l.name, l.hash)
		if err != nil || seen[id] || len(n.lines) == maxSignatures {
			return n, errNote
		}
		seen[id] = true
		n.lines = append(n.lines, l)
	}
	return n, nil
}

func parseNoteLine(line string) (l noteLine, err error) {
	rest, found := strings.CutPrefix(line, "— ")
	name, encoded, two := strings.Cut(rest, " ")
	raw, ok := parseBase64(encoded)
	if !found || !two || !ok || len(raw) < 5 || !keyName.MatchString(name) {
		return l, errNote
	}
	return noteLine{name, binary.BigEndian.Uint32(raw), raw[4:]}, nil
}

// signedBy says whether this line is of that key, and whether its signature holds; a cosignature has its time.
func (n checkpointNote) signedBy(l noteLine, k NoteKey, kind byte) (its, holds bool, at time.Time) {
	if l.name != k.Name || l.hash != k.hash(kind) {
		return false, false, at
	}
	if kind == kindLog {
		return true, len(l.signature) == ed25519.SignatureSize && ed25519.Verify(k.Public, []byte(n.text), l.signature), at
	}
	if len(l.signature) != 8+ed25519.SignatureSize {
		return true, false, at
	}
	seconds := binary.BigEndian.Uint64(l.signature)
	var message bytes.Buffer
	fmt.Fprintf(&message, "cosignature/v1\ntime %d\n%s", seconds, n.text)
	return true, ed25519.Verify(k.Public, message.Bytes(), l.signature[8:]), time.Unix(int64(seconds), 0).UTC()
}
