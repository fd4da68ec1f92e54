package web

import "time"

// TrailView is a page of the audit trail, newest first.
type TrailView struct {
	Page
	Filter  TrailFilter
	Acts    []string // the acts that can be chosen
	Ticks   []Tick
	Entries []TrailEntry
	Older   string // address of the next older page; "" at the end
	Newer   string // address of the page before; "" at the beginning
	Newest  string // address of the first page; "" when this is it

	CSV, Proofs, Sample string // addresses of the files of the same selection, and of a sample of it

	Searched time.Time // how far a page looked that ended before it was full; zero otherwise
}

// TrailFilter is what the person asked for, as typed (GET fields batch, person, act, station, by, from, to, signed, changed, refused; dates are 2006-01-02).
type TrailFilter struct {
	Batch, Person, Act, Station, From, To string
	By                                    string            // people, machines
	Wrong                                 map[string]string // what is wrong, by field name
}

// Tick is a filter that is on or off.
type Tick struct {
	Name, Label, Wrong string
	On                 bool
}

// TrailEntry is one entry of the trail, readable.
type TrailEntry struct {
	At      time.Time
	By      string // printed name and user name of the person whose rights counted
	Session string // printed name of the person logged in, when another one signed
	Station string
	Act     string // the act's word, "step.record"
	Subject string // "Batch B-000123, step 4" as far as known
	Href    string // address of the subject; ""
	Reason  string
	Refused string // why the act was refused; "" when it was done
	Stream  string // "batch/0198…"
	Seq     int64
	Hash    string // first 12 hex digits of the entry's hash
	Notes   []Line // details of the entry
	Changes []RowChange
}

// RowChange is one row that an entry changed.
type RowChange struct {
	Table  string // as stored, "ebr.batches"
	Name   string // readable, "batch"
	ID     string
	Kind   string // created, changed
	Fields []FieldChange
}

// FieldChange is one column before and after. Before is "" for a created row.
type FieldChange struct {
	Name, Before, After string
	Href                string // address of the timeline of the value; "" where it has none
}

func (*TrailView) template() string { return "trail/index" }
