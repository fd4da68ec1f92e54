package report

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"veribatch/audit"
)

// exact is how the trail writes a time: to the microsecond, in UTC, as in the bytes that were hashed.
const exact = "2006-01-02 15:04:05.000000Z"

// trailChapter writes the entries of the batch's stream and those of other streams that name the batch (21 CFR 11.10(e)).
func (p *paper) trailChapter() {
	p.flow(left, para{text: "Every entry carries the hash of the entry before it in its stream; a hash is the SHA-256 of the exact bytes of the entry, " +
		"of which everything is printed here: times in UTC, then details, then each changed row. A new row shows its columns, a changed row each column " +
		"as before → after; columns of a new row without a value, or with an empty one, are left out.", style: note},
		para{text: "Stream of the batch: batch/" + p.record.Batch.ID, style: code})
	p.y += 2
	if len(p.record.Trail) == 0 {
		p.nothing("The stream has no entries.")
		return
	}
	t := &table{sheet: p.sheet, columns: []column{{"Entry", 18}, {"Act", 36}, {"Time (UTC)", 40}, {"By", 47}, {"Station", 36}}, context: "Audit trail (continued)"}
	for _, e := range p.record.Trail {
		t.entry(e, "batch/"+p.record.Batch.ID)
	}
	t.end()
}

// entry writes one entry of the trail.
func (t *table) entry(e audit.Row, own string) {
	stream := ""
	if string(e.Stream) != own {
		stream = "of " + string(e.Stream)
	}
	act := []para{{text: e.Act, style: strong}}
	if e.Refused {
		act = append(act, para{text: signRefused + "refused", style: strong, box: framed})
	}
	t.add(row{
		cells: []cell{
			{paras: []para{{text: fmt.Sprint(e.Seq), style: strong}}},
			{column: 1, paras: act},
			{column: 2, paras: []para{{text: e.Time.UTC().Format(exact), style: small7}}},
			{column: 3, paras: []para{{text: who(Who{e.By.Name, e.By.User}), style: small}}},
			{column: 4, paras: []para{{text: orDash(t.stationName(e.Station)), style: small}}},
		},
		notes: append([]para{
			{text: labelled("Reason:", e.Reason), style: small},
			{text: details(e.Details), style: small},
			{text: rawClock(e.Clock), style: small},
		}, fineprint(e, stream)...),
		again: fmt.Sprintf("Entry %d", e.Seq),
	})
}

// stationName gives the name under which people know a station.
func (s *sheet) stationName(id string) string {
	for _, st := range s.record.Stations {
		if st.ID == id {
			return st.Name
		}
	}
	return id
}

func rawClock(at *time.Time) string {
	if at == nil {
		return ""
	}
	return "Raised to keep the order of entries; the server's clock showed " + at.UTC().Format(exact)
}

func details(d map[string]string) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(d)) {
		parts = append(parts, key+": "+d[key])
	}
	return strings.Join(parts, "; ")
}

// fineprint gives changes, keys and hashes.
func fineprint(e audit.Row, stream string) []para {
	var paras []para
	for _, c := range e.Changes {
		paras = append(paras, para{text: change(c), style: tiny})
	}
	also := make([]string, len(e.Also))
	for i, a := range e.Also {
		also[i] = string(a)
	}
	ids := list("  ", stream, labelled("person", e.By.Person), labelled("session", e.By.Session), labelled("of person", e.By.SessionPerson),
		labelled("ticket", e.By.Ticket), labelled("request key", e.Key), labelled("also", strings.Join(also, ", ")), fmt.Sprintf("form %d", e.Version))
	return append(paras,
		para{text: ids, style: tiny},
		para{text: "previous " + orDash(e.Prev), style: tiny},
		para{text: "hash     " + hex.EncodeToString(e.Hash), style: tiny})
}

// change writes one changed row.
func change(c audit.Change) string {
	head := fmt.Sprintf("%s %s, version %d, %s: ", c.Table, c.ID, c.Version, c.Op)
	before, after, err := c.Columns()
	if err != nil {
		return head + "before " + string(c.Before) + " after " + string(c.After)
	}
	names := slices.Sorted(maps.Keys(after))
	if before != nil {
		names = slices.Sorted(maps.Keys(before))
	}
	var parts []string
	for _, name := range names {
		switch {
		case before != nil:
			parts = append(parts, name+" "+cellText(before[name])+" → "+cellText(after[name]))
		case after[name] != nil && *after[name] != "":
			parts = append(parts, name+" = "+cellText(after[name]))
		}
	}
	return head + strings.Join(parts, "; ")
}

func cellText(v *string) string {
	if v == nil {
		return "nothing"
	}
	return `"` + *v + `"`
}
