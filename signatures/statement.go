// Package signatures owns what people sign: the statement, the manifest that binds it to a person, and the ticket between password and commit.
// It does not own passwords and sessions (identity), rights (access) or the key (keyring), and it knows no batch and no recipe.
// Start reading at Statement, then Desk.Issue and Sign.
package signatures

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"unicode/utf8"

	"github.com/gowebpki/jcs"
	"golang.org/x/text/unicode/norm"

	"veribatch/internal/fault"
	"veribatch/internal/plaintext"
)

// StatementVersion is the version of the statement's form that this program writes.
const StatementVersion = 1

// Limits of a statement. A statement is read by a person before signing: what is longer belongs into a record that it names by digest.
const (
	MaxStatementBytes = 256 << 10
	maxRecords        = 64
	maxLines          = 1000
	maxLabel          = 200  // characters
	maxValue          = 8000 // characters
)

// Statement is what a person signs: a small canonical value from which the signing dialog is rendered and nothing else, so that what was
// shown is what is signed (21 CFR 11.50, 11.70). Decimals stand in it as text, never as JSON numbers.
type Statement struct {
	Version  int         `json:"v"`        // StatementVersion
	Act      string      `json:"act"`      // the signed act, e.g. "step.verify"
	Meaning  string      `json:"meaning"`  // what the signature means, e.g. "verified" (21 CFR 11.50(a)(3))
	Language string      `json:"language"` // BCP 47 tag of the lines, e.g. "en" or "de-CH"
	Records  []RecordRef `json:"records"`  // the records signed, each at the version that was read
	Lines    []Line      `json:"lines"`    // what the dialog shows
}

// RecordRef names one record at one version.
type RecordRef struct {
	Stream  string `json:"stream"` // audit stream of the record, e.g. "batch/0193…"
	ID      string `json:"id"`     // key of the record row
	Version int    `json:"version"`
}

// Line is one line of the dialog, in the signer's language.
type Line struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// Digest is a SHA-256.
type Digest [sha256.Size]byte

// String gives the digest in lower-case hex.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Canonical gives the exact bytes that are shown, signed and stored: RFC 8785 JSON of a statement that passes Check.
func (s Statement) Canonical() ([]byte, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	return canonical(s)
}

// Digest gives the SHA-256 of the canonical bytes.
func (s Statement) Digest() (Digest, error) {
	content, err := s.Canonical()
	return sha256.Sum256(content), err
}

// ParseStatement reads canonical bytes and nothing else: whatever would print differently (other order, spaces, double keys, unknown
// members) is refused, so that two readers can never see two statements in the same bytes.
func ParseStatement(content []byte) (Statement, error) {
	if len(content) > MaxStatementBytes {
		return Statement{}, fault.New(fault.TooLarge, "The statement has %d bytes; %d are allowed.", len(content), MaxStatementBytes)
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	var s Statement
	if err := decoder.Decode(&s); err != nil {
		return Statement{}, fault.New(fault.Invalid, "The statement cannot be read.").Because(err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return Statement{}, fault.New(fault.Invalid, "The statement has something after its end.")
	}
	again, err := s.Canonical()
	if err != nil {
		return Statement{}, err
	}
	if !bytes.Equal(again, content) {
		return Statement{}, fault.New(fault.Invalid, "The statement is not in its canonical form.")
	}
	return s, nil
}

var (
	actForm      = regexp.MustCompile(`^[a-z][a-z_]{0,30}\.[a-z][a-z_]{0,30}$`)
	languageForm = regexp.MustCompile(`^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$`)
	streamForm   = regexp.MustCompile(`^[a-z]{1,20}/[A-Za-z0-9._-]{1,80}$`)
	idForm       = regexp.MustCompile(`^[A-Za-z0-9._-]{1,80}$`)
)

// Check says whether the statement keeps its form and limits, and holds nothing that a reader cannot see.
func (s Statement) Check() error {
	switch {
	case s.Version != StatementVersion:
		return bad("version", "is %d and should be %d", s.Version, StatementVersion)
	case !actForm.MatchString(s.Act):
		return bad("act", "is %q and should look like step.verify", s.Act)
	case !languageForm.MatchString(s.Language):
		return bad("language", "is %q and should look like en or de-CH", s.Language)
	case len(s.Records) == 0 || len(s.Records) > maxRecords:
		return bad("records", "are %d; 1 to %d are allowed", len(s.Records), maxRecords)
	case len(s.Lines) == 0 || len(s.Lines) > maxLines:
		return bad("lines", "are %d; 1 to %d are allowed", len(s.Lines), maxLines)
	}
	if err := checkText("meaning", s.Meaning, maxLabel, false); err != nil {
		return err
	}
	if err := checkRecords(s.Records); err != nil {
		return err
	}
	return checkLines(s.Lines)
}

func checkRecords(records []RecordRef) error {
	seen := map[RecordRef]bool{}
	for i, r := range records {
		place := "record " + strconv.Itoa(i+1)
		switch {
		case !streamForm.MatchString(r.Stream):
			return bad(place, "is in the stream %q, which has no such form", r.Stream)
		case !idForm.MatchString(r.ID):
			return bad(place, "has the key %q, which has no such form", r.ID)
		case r.Version < 1 || r.Version > 1<<31-1:
			return bad(place, "has the version %d", r.Version)
		case seen[RecordRef{Stream: r.Stream, ID: r.ID}]:
			return bad(place, "is named twice")
		}
		seen[RecordRef{Stream: r.Stream, ID: r.ID}] = true
	}
	return nil
}

func checkLines(lines []Line) error {
	bytes := 0
	for i, l := range lines {
		place := "line " + strconv.Itoa(i+1)
		if err := checkText(place, l.Label, maxLabel, false); err != nil {
			return err
		}
		if l.Value == "" {
			continue // "nothing" is an answer too
		}
		if err := checkText(place, l.Value, maxValue, true); err != nil {
			return err
		}
		bytes += len(l.Label) + len(l.Value)
	}
	if bytes > MaxStatementBytes/2 {
		return fault.New(fault.TooLarge, "The statement has %d bytes of text; %d are allowed.", bytes, MaxStatementBytes/2)
	}
	return nil
}

// checkText refuses text that shows less, or something else, than it holds: invisible characters, right-to-left overrides, whatever the
// record could not print, and two spellings of the same letters (only NFC is taken).
func checkText(place, text string, limit int, newline bool) error {
	switch {
	case text == "":
		return bad(place, "is empty")
	case !utf8.ValidString(text):
		return bad(place, "is not UTF-8")
	case utf8.RuneCountInString(text) > limit:
		return bad(place, "has more than %d characters", limit)
	case !norm.NFC.IsNormalString(text):
		return bad(place, "is not in Unicode form NFC")
	}
	for _, r := range text {
		if !plaintext.Printable(r) && !(newline && r == '\n') {
			return bad(place, "holds %s, which the record cannot print", plaintext.Name(r))
		}
	}
	return nil
}

func bad(place, format string, args ...any) error {
	return fault.New(fault.Invalid, "The statement cannot be signed: %s %s.", place, fmt.Sprintf(format, args...))
}

// canonical writes a value as RFC 8785 JSON.
func canonical(value any) ([]byte, error) {
	plain, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	content, err := jcs.Transform(plain)
	if err != nil {
		return nil, fmt.Errorf("write canonical JSON: %w", err)
	}
	if len(content) > MaxStatementBytes {
		return nil, fault.New(fault.TooLarge, "The statement has %d bytes; %d are allowed.", len(content), MaxStatementBytes)
	}
	return content, nil
}
