package web

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/internal/fault"
	"veribatch/internal/plaintext"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
)

func (s *server) showTrail(v *visit) (View, error) {
	view := &TrailView{Page: v.frame(v.words("Audit trail")), Acts: access.Acts()}
	search, err := v.trailSearch(&view.Filter)
	wrong := view.Filter.Wrong
	view.Ticks = []Tick{
		{"signed", v.words("signed"), wrong["signed"], search.Signed}, {"changed", v.words("changed after it was first entered"), wrong["changed"], search.Changed},
		{"refused", v.words("refused acts"), wrong["refused"], search.Refused},
	}
	if err != nil || len(wrong) > 0 {
		return view, err
	}
	search.Limit = trailPage
	found, err := audit.Explore(v.ctx, v, search)
	if err != nil {
		return nil, err
	}
	older, newer := turns(search, &found)
	view.Older, view.Newer = v.trailAddress("after", older), v.trailAddress("before", newer)
	view.CSV, view.Proofs = "/trail/entries.csv?"+v.selection().Encode(), "/trail/entries.jsonl?"+v.selection().Encode()
	view.Sample = "/trail/sample?" + v.selection().Encode()
	if search.After != (audit.Cursor{}) {
		view.Newest = v.trailAddress("", "")
	}
	if found.More && len(found.Rows) < search.Limit {
		view.Searched = found.End.Time
	}
	view.Entries, err = v.entriesOf(found.Rows)
	return view, err
}

// turns puts the newest entry of a page first and gives the places from which older and newer ones follow; "" where there are none.
func turns(s audit.Search, found *audit.Found) (older, newer string) {
	ahead, more := s.After, ""
	if len(found.Rows) > 0 {
		ahead = found.Rows[0].Cursor()
	}
	if found.More {
		more = cursorText(found.End)
	}
	if s.Oldest {
		slices.Reverse(found.Rows)
		return cursorText(ahead), more
	}
	if s.After == (audit.Cursor{}) {
		return more, ""
	}
	return more, cursorText(ahead)
}

// searchAsked is the search of an operation of the API, which names the parameter that cannot be read.
func (v *visit) searchAsked() (audit.Search, error) {
	var asked TrailFilter
	s, err := v.trailSearch(&asked)
	for field, wrong := range asked.Wrong {
		return s, fault.At(field, "%s", wrong)
	}
	return s, err
}

// trailSearch reads what the person asked for. What cannot be read stands at its field, and nothing is looked up.
func (v *visit) trailSearch(asked *TrailFilter) (s audit.Search, err error) {
	q := v.c.QueryParam
	*asked = TrailFilter{
		Batch: q("batch"), Person: q("person"), Act: q("act"), Station: q("station"), By: q("by"), From: q("from"), To: q("to"),
		Wrong: map[string]string{},
	}
	s.Act, s.By = asked.Act, asked.By
	if areas := v.grants.Areas("trail.read"); !slices.Contains(areas, access.WholeSite) {
		s.Areas = areas
	}
	if asked.Act != "" && !access.Known(asked.Act) {
		asked.Wrong["act"] = v.words("There is no such act. Choose one of the list.")
	}
	if s.By != "" && s.By != audit.People && s.By != audit.Machines {
		asked.Wrong["by"] = v.words("Choose people or machines.")
	}
	for field, on := range map[string]*bool{"signed": &s.Signed, "changed": &s.Changed, "refused": &s.Refused} {
		if *on = q(field) == "yes"; !*on && q(field) != "" {
			asked.Wrong[field] = v.words("This is yes or left out.")
		}
	}
	for _, f := range []struct {
		name string
		read func(text string) error
	}{
		{"batch", func(text string) (err error) { s.Subject, err = v.subjectAsked(text); return err }},
		{"person", func(text string) (err error) { s.Person, err = v.personAsked(text); return err }},
		{"station", func(text string) (err error) { s.Station, err = v.stationAsked(text); return err }},
		{"from", func(text string) (err error) { s.From, err = v.day(text); return err }},
		{"to", func(text string) (err error) { s.To, err = v.day(text); s.To = s.To.AddDate(0, 0, 1); return err }},
	} {
		text := q(f.name)
		if text == "" {
			continue
		}
		err := f.read(text)
		if kind := fault.KindOf(err); kind == fault.Invalid || kind == fault.Missing || kind == fault.TooLarge {
			asked.Wrong[f.name] = fault.As(err).In(v.language())
		} else if err != nil {
			return s, err
		}
	}
	return s, v.placeAsked(&s)
}

// placeAsked reads where a page begins: behind a place, or before it.
func (v *visit) placeAsked(s *audit.Search) (err error) {
	if after := v.c.QueryParam("after"); after != "" {
		s.After, err = parseCursor(after)
	} else if before := v.c.QueryParam("before"); before != "" {
		s.Oldest = true
		s.After, err = parseCursor(before)
	}
	return err
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

func (v *visit) stationAsked(text string) (string, error) {
	text, err := plaintext.Clean("station", text, maxSearch)
	if err != nil {
		return "", err
	}
	return identity.FindStation(v.ctx, v, text)
}

func (v *visit) day(text string) (time.Time, error) {
	at, err := time.ParseInLocation("2006-01-02", text, v.s.Zone)
	if err != nil {
		return at, fault.New(fault.Invalid, "This is not a day. Type it like 2026-11-20.")
	}
	return at, nil
}

// trailAddress is the address of another page of the same search: of the first one without a direction, none without a place.
func (v *visit) trailAddress(direction, place string) string {
	if direction != "" && place == "" {
		return ""
	}
	q := v.selection()
	if direction != "" {
		q.Set(direction, place)
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
