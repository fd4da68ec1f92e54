package web

import (
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"veribatch/audit"
	"veribatch/internal/language"
	"veribatch/signatures/identity"
)

// trailPage is how many entries one page of the trail shows.
const trailPage = 25

// entriesOf makes entries readable: ids of people and stations get their names.
func (v *visit) entriesOf(rows []audit.Row) ([]TrailEntry, error) {
	var ids []string
	for _, r := range rows {
		for _, id := range []string{r.Station, r.By.SessionPerson, idOf(r.Stream)} {
			if uuid.Validate(id) == nil {
				ids = append(ids, id)
			}
		}
	}
	names, err := identity.Names(v.ctx, v, ids)
	if err != nil {
		return nil, err
	}
	entries := make([]TrailEntry, len(rows))
	for i, r := range rows {
		if entries[i], err = v.entryOf(r, names); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

func idOf(s audit.Stream) string {
	_, id, _ := strings.Cut(string(s), "/")
	return id
}

func (v *visit) entryOf(r audit.Row, names map[string]string) (TrailEntry, error) {
	e := TrailEntry{
		At: r.Time, By: r.By.Name + " (" + r.By.User + ")", Session: names[r.By.SessionPerson], Station: names[r.Station], Act: r.Act,
		Reason: r.Reason, Refused: r.Details["refusal"], Stream: string(r.Stream), Seq: r.Seq, Hash: hex.EncodeToString(r.Hash[:6]),
	}
	e.Subject, e.Href = v.subjectWords(r, names)
	for _, name := range slices.Sorted(maps.Keys(r.Details)) {
		if name != "refusal" {
			e.Notes = append(e.Notes, Line{Label: name, Value: r.Details[name]})
		}
	}
	for _, c := range r.Changes {
		change, err := changeOf(r.Stream, c)
		if err != nil {
			return e, err
		}
		e.Changes = append(e.Changes, change)
	}
	return e, nil
}

// subjectWords names the subject of an entry, with its address where it has a page.
func (v *visit) subjectWords(r audit.Row, names map[string]string) (text, href string) {
	kind, id, _ := strings.Cut(string(r.Stream), "/")
	switch kind {
	case "batch":
		text = v.words("Batch %s", r.Details["batch"])
		if step := r.Details["step"]; step != "" {
			text += ", " + v.words("step %s", step)
		}
		return strings.TrimSpace(text), "/batches/" + id
	case "recipe":
		return strings.TrimSpace(v.words("Recipe %s", r.Details["recipe"])), "/recipes"
	case "person":
		return v.words("Person %s", names[id]), ""
	case "station":
		return v.words("Station %s", names[id]), ""
	}
	return v.words("The plant"), ""
}

// tableNames are the record tables in words.
var tableNames = map[string]language.Word{
	"ebr.batches": "batch", "ebr.batch_history": "history of the batch", "ebr.recipes": "recipe", "ebr.recipe_versions": "version of the recipe",
	"ebr.people": "person", "ebr.credentials": "password", "ebr.person_roles": "role", "ebr.stations": "station", "ebr.signatures": "signature",
	"ebr.signing_keys": "signing key", "ebr.document_keys": "certificate for prints", "ebr.counters": "counter", "ebr.areas": "area",
}

// changeOf gives one changed row: all values of a new row, what differs of a changed one.
func changeOf(home audit.Stream, c audit.Change) (RowChange, error) {
	row := RowChange{Table: c.Table, Name: string(tableNames[c.Table]), ID: c.ID, Kind: "changed"}
	before, after, err := c.Columns()
	if err != nil {
		return row, err
	}
	if row.Name == "" {
		row.Name = c.Table
	}
	shown := before
	if c.Op == "insert" {
		row.Kind, shown = "created", after
	}
	for _, name := range slices.Sorted(maps.Keys(shown)) {
		field := FieldChange{Name: name, Before: textOf(before[name]), After: textOf(after[name]), Href: timelineOf(home, c.Table, c.ID, name)}
		if c.Table == readings && name == "reading" {
			field.Href = timelineOfReading(home, textOf(after["step"]), textOf(after["value"]))
		}
		if row.Kind == "changed" || field.After != "" {
			row.Fields = append(row.Fields, field)
		}
	}
	return row, nil
}

func textOf(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}
