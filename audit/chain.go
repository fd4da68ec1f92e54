package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Entry is one sealed entry as its exact bytes say it: who (by), what (act), when (time, server clock in UTC), where
// (station), why (reason) and which rows changed (21 CFR 11.10(e)).
type Entry struct {
	Version int               `json:"v"`
	Stream  Stream            `json:"stream"`
	Seq     int64             `json:"seq"`
	Prev    string            `json:"prev"` // hex SHA-256 of the previous entry's bytes, "" for the first
	Time    time.Time         `json:"time"`
	Clock   *time.Time        `json:"clock,omitempty"` // the raw clock, when Time had to be lifted to keep the order
	By      By                `json:"by"`
	Station string            `json:"station"`
	Act     string            `json:"act"`
	Reason  string            `json:"reason"`
	Key     string            `json:"key,omitempty"`
	Also    []Stream          `json:"also"`
	Refused bool              `json:"refused,omitempty"`
	Details map[string]string `json:"details,omitempty"`
	Changes []Change          `json:"changes"`

	Hash []byte `json:"-"` // SHA-256 of the exact bytes
}

// By is the accountable person as named in the entry.
type By struct {
	Person        string `json:"person"`
	User          string `json:"user"`
	Name          string `json:"name"`
	Session       string `json:"session,omitempty"`
	Ticket        string `json:"ticket,omitempty"`
	SessionPerson string `json:"session_person,omitempty"`
}

// Change is one row before and after, as JSON objects by column: exact decimals are strings, times are UTC without a zone,
// binary values are hex, secret columns stand as "sha256:..." of their text.
type Change struct {
	Table   string          `json:"table"`
	ID      string          `json:"id"`
	Version int64           `json:"version"`
	Op      string          `json:"op"`
	Before  json.RawMessage `json:"before,omitempty"`
	After   json.RawMessage `json:"after"`
}

// Image is a row as text by column, nil where the column is null.
type Image map[string]*string

// UnmarshalJSON reads a row; booleans and whole numbers become their text.
func (m *Image) UnmarshalJSON(raw []byte) error {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(raw, &values); err != nil {
		return err
	}
	*m = make(Image, len(values))
	for column, value := range values {
		text := string(value)
		switch {
		case text == "null":
			(*m)[column] = nil
			continue
		case text[0] == '"':
			if err := json.Unmarshal(value, &text); err != nil {
				return err
			}
		}
		(*m)[column] = &text
	}
	return nil
}

// Columns gives the row after the change and, of the row before it, the columns that changed.
func (c Change) Columns() (before, after Image, err error) {
	if err := json.Unmarshal(c.After, &after); err != nil {
		return nil, nil, err
	}
	if len(c.Before) == 0 {
		return nil, after, nil
	}
	if err := json.Unmarshal(c.Before, &before); err != nil {
		return nil, nil, err
	}
	for column, value := range before {
		if same(value, after[column]) {
			delete(before, column)
		}
	}
	return before, after, nil
}

// Decode reads an entry from its exact bytes and fails when they do not say what an entry says. Unknown members are refused:
// what is not understood is not verified.
func Decode(body []byte) (Entry, error) {
	var e Entry
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return e, fmt.Errorf("not an entry: %w", err)
	}
	if d.More() {
		return e, fmt.Errorf("not an entry: bytes after its end")
	}
	if e.Version != 1 {
		return e, fmt.Errorf("entry version %d is not known to this program", e.Version)
	}
	sum := sha256.Sum256(body)
	e.Hash = sum[:]
	return e, nil
}

// follows says what is wrong with e as the successor of the entry (seq, hash, at) before it; "" when nothing is.
func (e Entry) follows(seq int64, hash []byte, at time.Time) string {
	switch {
	case e.Seq != seq+1:
		return fmt.Sprintf("entry %d follows entry %d: entries are missing or swapped", e.Seq, seq)
	case e.Prev != hex.EncodeToString(hash):
		return "does not carry the hash of the entry before it"
	case e.Time.Before(at):
		return "is older than the entry before it"
	}
	return ""
}
