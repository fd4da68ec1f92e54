package web

import (
	"encoding/hex"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/internal/fault"
	"veribatch/internal/language"
	"veribatch/internal/plaintext"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
)

// trailPage is how many entries one page of the trail shows.
const trailPage = 25

func (s *server) showTrail(v *visit) (View, error) {
	view := &TrailView{Page: v.frame(v.words("Audit trail")), Acts: access.Acts()}
	filter, err := v.trailFilter(&view.Filter)
	if err != nil || len(view.Filter.Wrong) > 0 {
		return view, err
	}
	rows, err := audit.History(v.ctx, v, filter)
	if err != nil {
		return nil, err
	}
	if len(rows) > trailPage {
		rows = rows[:trailPage]
		view.Older = v.trailAddress(cursorText(rows[trailPage-1].Cursor()))
	}
	if v.c.QueryParam("after") != "" {
		view.Newest = v.trailAddress("")
	}
	view.Entries, err = v.entriesOf(rows)
	return view, err
}

// trailFilter reads what the person asked for. What cannot be read stands at its field, and nothing is looked up.
func (v *visit) trailFilter(asked *TrailFilter) (audit.Filter, error) {
	q := v.c.QueryParam
	*asked = TrailFilter{Batch: q("batch"), Person: q("person"), Act: q("act"), From: q("from"), To: q("to"), Wrong: map[string]string{}}
	f := audit.Filter{Act: asked.Act, Limit: trailPage + 1}
	if areas := v.grants.Areas("trail.read"); !slices.Contains(areas, access.WholeSite) {
		f.Areas = areas
	}
	note := func(field string, err error) error {
		if kind := fault.KindOf(err); kind == fault.Invalid || kind == fault.Missing || kind == fault.TooLarge {
			asked.Wrong[field] = fault.As(err).In(v.language())
			return nil
		}
		return err
	}
	var err error
	if asked.Act != "" && !access.Known(asked.Act) {
		asked.Wrong["act"] = v.words("There is no such act. Choose one of the list.")
	}
	if asked.Batch != "" {
		f.Subject, err = v.subjectAsked(asked.Batch)
		err = note("batch", err)
	}
	if asked.Person != "" && err == nil {
		f.Person, err = v.personAsked(asked.Person)
		err = note("person", err)
	}
	if asked.From != "" && err == nil {
		f.From, err = v.day(asked.From)
		err = note("from", err)
	}
	if asked.To != "" && err == nil {
		f.To, err = v.day(asked.To)
		f.To = f.To.AddDate(0, 0, 1)
		err = note("to", err)
	}
	if after := q("after"); after != "" && err == nil {
		f.After, err = parseCursor(after)
	}
	return f, err
}

// subjectAsked finds the stream of a batch by its number; a stream written out ("recipe/…") is taken as it is.
func (v *visit) subjectAsked(text string) (audit.Stream, error) {
	text, err := plaintext.Clean("batch", text, maxSearch)
	if err != nil {
		return "", err
	}
	if strings.Contains(text, "/") {
		if !stream.MatchString(text) {
			return "", fault.New(fault.Invalid, "This is neither a batch number nor a stream. A stream is written like batch/0198c5f2-7c1a-7000-8000-000000000000.")
		}
		return audit.Stream(text), nil
	}
	id, err := batch.FindNumber(v.ctx, v, v.grants.Areas("trail.read"), text)
	return audit.Stream("batch/" + id), err
}

// maxSearch is the longest text that is looked up, in characters: a stream is shorter, and so is a user name.
const maxSearch = 120

// stream is the form of the streams of the trail, as audit.enter takes them.
var stream = regexp.MustCompile(`^(batch|recipe|lot|equipment|person|station|capture|site)/[A-Za-z0-9_-]{1,64}$`)

func (v *visit) personAsked(text string) (string, error) {
	text, err := plaintext.Clean("person", text, maxSearch)
	if err != nil {
		return "", err
	}
	return identity.FindName(v.ctx, v, text)
}

func (v *visit) day(text string) (time.Time, error) {
	at, err := time.ParseInLocation("2006-01-02", text, v.s.Zone)
	if err != nil {
		return at, fault.New(fault.Invalid, "This is not a day. Type it like 2026-11-20.")
	}
	return at, nil
}

func (v *visit) trailAddress(after string) string {
	q := url.Values{}
	for name, values := range v.c.QueryParams() {
		if values[0] != "" && name != "after" {
			q.Set(name, values[0])
		}
	}
	if after != "" {
		q.Set("after", after)
	}
	return "/trail?" + q.Encode()
}

func cursorText(c audit.Cursor) string {
	return strings.Join([]string{c.Time.UTC().Format(time.RFC3339Nano), string(c.Stream), strconv.FormatInt(c.Seq, 10)}, " ")
}

func parseCursor(text string) (audit.Cursor, error) {
	parts := strings.Split(text, " ")
	if len(parts) == 3 {
		at, err1 := time.Parse(time.RFC3339Nano, parts[0])
		seq, err2 := strconv.ParseInt(parts[2], 10, 64)
		if err1 == nil && err2 == nil && stream.MatchString(parts[1]) {
			return audit.Cursor{Time: at, Stream: audit.Stream(parts[1]), Seq: seq}, nil
		}
	}
	return audit.Cursor{}, fault.New(fault.Invalid, "This page of the trail cannot be found. Open the trail again.")
}

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
		change, err := changeOf(c)
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
	"ebr.signing_keys": "signing key", "ebr.counters": "counter", "ebr.areas": "area",
}

// changeOf gives one changed row: all values of a new row, what differs of a changed one.
func changeOf(c audit.Change) (RowChange, error) {
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
		field := FieldChange{Name: name, Before: textOf(before[name]), After: textOf(after[name])}
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
