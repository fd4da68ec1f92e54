package bundle

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Kinds of keys of signed notes: the log's own signature, and a cosignature with time (C2SP signed-note and tlog-cosignature).
const (
	kindLog     = 1
	kindWitness = 4
)

const (
	maxKeys    = 1_000_000
	maxQuorum  = 16
	timeLayout = "2006-01-02T15:04:05.000000Z"
)

// Keys are public keys as a plant states them or as a verifier trusts them; docs/auditor.md, "Keys", has the form of the file.
type Keys struct {
	Log        []NoteKey // at least one
	Statements []StatementKey
	Witnesses  []NoteKey
	Quorum     int // how many witnesses must have cosigned; 0 when none must
}

// NoteKey is the key of a log or of a witness.
type NoteKey struct {
	Name   string
	Public ed25519.PublicKey
}

// StatementKey is a key with which signatures of people are sealed, in the time in which it counted.
type StatementKey struct {
	Public      ed25519.PublicKey
	From, Until time.Time // Until is zero when it has no end
}

// ID names the key as signatures do.
func (k StatementKey) ID() string {
	sum := sha256.Sum256(k.Public)
	return hex.EncodeToString(sum[:16])
}

// hash is what a line of a signature carries of the key.
func (k NoteKey) hash(kind byte) uint32 {
	h := sha256.New()
	h.Write([]byte(k.Name + "\n" + string(rune(kind))))
	h.Write(k.Public)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

func (k NoteKey) line(kind byte) string {
	return fmt.Sprintf("%s+%08x+%s", k.Name, k.hash(kind), base64.StdEncoding.EncodeToString(append([]byte{kind}, k.Public...)))
}

const keysHead = "veribatch keys 1\n"

// Format writes the file.
func (k Keys) Format() []byte {
	var b bytes.Buffer
	b.WriteString(keysHead)
	for _, l := range k.Log {
		fmt.Fprintf(&b, "log %s\n", l.line(kindLog))
	}
	for _, s := range k.Statements {
		until := "-"
		if !s.Until.IsZero() {
			until = s.Until.UTC().Format(timeLayout)
		}
		fmt.Fprintf(&b, "statements %s %s %s %s\n", s.ID(), base64.StdEncoding.EncodeToString(s.Public), s.From.UTC().Format(timeLayout), until)
	}
	for _, w := range k.Witnesses {
		fmt.Fprintf(&b, "witness %s\n", w.line(kindWitness))
	}
	if k.Quorum > 0 {
		fmt.Fprintf(&b, "quorum %d\n", k.Quorum)
	}
	return b.Bytes()
}

var errKeys = errors.New("not a file of keys")

// ParseKeys reads such a file. What it takes, Format writes again byte by byte.
func ParseKeys(raw []byte) (k Keys, err error) {
	if len(raw) > maxKeys || !bytes.HasSuffix(raw, []byte("\n")) {
		return k, errKeys
	}
	for line := range strings.Lines(strings.TrimPrefix(string(raw), keysHead)) {
		if err := k.add(strings.Fields(line)); err != nil {
			return Keys{}, err
		}
	}
	if len(k.Log) == 0 || len(k.Statements) == 0 || k.Quorum > len(k.Witnesses) || !bytes.Equal(k.Format(), raw) || k.doubled() {
		return Keys{}, errKeys
	}
	return k, nil
}

func (k *Keys) add(words []string) (err error) {
	switch {
	case len(words) == 2 && words[0] == "log":
		k.Log, err = addNoteKey(k.Log, words[1])
	case len(words) == 5 && words[0] == "statements":
		var s StatementKey
		if s.Public, err = base64.StdEncoding.DecodeString(words[2]); err != nil || len(s.Public) != ed25519.PublicKeySize {
			return errKeys
		}
		if s.From, err = parseTime(words[3]); err != nil {
			return err
		}
		if words[4] != "-" {
			if s.Until, err = parseTime(words[4]); err != nil || !s.From.Before(s.Until) {
				return errKeys
			}
		}
		k.Statements = append(k.Statements, s)
	case len(words) == 2 && words[0] == "witness":
		k.Witnesses, err = addNoteKey(k.Witnesses, words[1])
	case len(words) == 2 && words[0] == "quorum" && k.Quorum == 0:
		if k.Quorum, err = strconv.Atoi(words[1]); err != nil || k.Quorum < 1 || k.Quorum > maxQuorum {
			return errKeys
		}
	default:
		return errKeys
	}
	return err
}

var keyName = regexp.MustCompile(`^[!-*,-~]{1,200}$`)

// addNoteKey reads name, key hash and key; Format says whether hash and kind fit.
func addNoteKey(list []NoteKey, text string) ([]NoteKey, error) {
	parts := strings.SplitN(text, "+", 3)
	if len(parts) != 3 || !keyName.MatchString(parts[0]) {
		return nil, errKeys
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize {
		return nil, errKeys
	}
	return append(list, NoteKey{parts[0], key[1:]}), nil
}

// WitnessKey reads the line of a witness's key, as its `ebr witness` prints it.
func WitnessKey(line string) (NoteKey, error) {
	list, err := addNoteKey(nil, line)
	if err != nil || list[0].line(kindWitness) != line {
		return NoteKey{}, errKeys
	}
	return list[0], nil
}

// parseTime reads a time of the form that Format writes.
func parseTime(text string) (time.Time, error) {
	t, err := time.Parse(timeLayout, text)
	if err != nil || t.Year() < 1970 || t.Format(timeLayout) != text {
		return t, errKeys
	}
	return t, nil
}

// doubled says whether a key stands there twice.
func (k Keys) doubled() bool {
	seen := map[string]bool{}
	again := func(what string) bool { was := seen[what]; seen[what] = true; return was }
	for _, l := range k.Log {
		if again(fmt.Sprintf("log %s %08x", l.Name, l.hash(kindLog))) {
			return true
		}
	}
	for _, s := range k.Statements {
		if again(s.ID()) {
			return true
		}
	}
	for _, w := range k.Witnesses {
		if again(fmt.Sprintf("witness %s %08x", w.Name, w.hash(kindWitness))) {
			return true
		}
	}
	return false
}
