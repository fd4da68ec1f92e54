package versions

import (
	"context"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/signatures"
)

// moment is how statements and entries write a time.
const moment = "2006-01-02 15:04:05 -07:00"

// words writes the statement: each setting that changes, old and new, from when, why, and who did what before.
func (v Version) words(act, meaning string) signatures.Statement {
	st := signatures.Statement{
		Version: signatures.StatementVersion, Act: act, Meaning: meaning, Language: "en",
		Records: []signatures.RecordRef{{Stream: string(Stream), ID: v.ID, Version: v.Row}},
		Lines:   []signatures.Line{{Label: "Configuration", Value: strconv.Itoa(v.Number)}, {Label: "Changes", Value: v.on()}},
	}
	for _, c := range v.Changes() {
		st.Lines = append(st.Lines, signatures.Line{Label: c.Label, Value: c.Old + " → " + c.New})
	}
	st.Lines = append(st.Lines, signatures.Line{Label: "Effective", Value: v.Begins()}, signatures.Line{Label: "Reason", Value: v.Reason})
	for _, done := range []struct {
		label string
		Stamp
	}{{"Proposed by", v.Proposed}, {"Approved by", v.Approved}} {
		if done.Person != "" {
			st.Lines = append(st.Lines, signatures.Line{Label: done.label, Value: done.FullName + ", " + done.At.UTC().Format(moment)})
		}
	}
	if v.WithdrawReason != "" {
		st.Lines = append(st.Lines, signatures.Line{Label: "Withdrawn because", Value: v.WithdrawReason})
	}
	return st
}

// on names what the configuration changes, with the time from which that is in force: nothing that follows it begins earlier.
func (v Version) on() string {
	if v.BaseAt.IsZero() {
		return nameOf(v.Base)
	}
	return nameOf(v.Base) + ", effective " + v.BaseAt.UTC().Format(moment)
}

// Begins says in words when the configuration becomes or became effective.
func (v Version) Begins() string {
	switch {
	case !v.EffectiveAt.IsZero():
		return v.EffectiveAt.UTC().Format(moment)
	case v.From.IsZero():
		return "with the approval"
	}
	return "from " + v.From.UTC().Format(moment) + ", or with the approval when that is later"
}

// note makes the entry readable without the record: what changes, and which way the configuration goes.
func (v Version) note(tx *audit.Tx, state State) {
	tx.Result(Result{v.ID})
	tx.Note("configuration", strconv.Itoa(v.Number))
	tx.Note("changes", nameOf(v.Base))
	tx.Note("state", string(state))
	for _, c := range v.Changes() {
		tx.Note(c.Name, c.Old+" → "+c.New)
	}
}

// VerifySignatures verifies for `ebr verify` that each signature of each configuration stands beside what was signed, as recipes do.
func VerifySignatures(ctx context.Context, q audit.Querier, found func(row string, why error)) (placed int, err error) {
	rows, err := q.Query(ctx, allVersions)
	if err != nil {
		return 0, err
	}
	list, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return 0, err
	}
	var places []signatures.Place
	for _, v := range list {
		last := 1
		if !v.Approved.At.IsZero() {
			last = 2
		}
		for _, done := range []struct {
			Stamp
			act, meaning string
			row          int
		}{{v.Proposed, "configuration.propose", "proposed", 1}, {v.Approved, "configuration.approve", "approved", 1}, {v.Withdrawn, "configuration.withdraw", "withdrawn", last}} {
			if done.Signature != "" {
				places = append(places, signatures.Place{
					Row: "table ebr.configurations id " + v.ID, Signature: done.Signature, Person: done.Person, Act: done.act, Meaning: done.meaning,
					About: []signatures.RecordRef{{Stream: string(Stream), ID: v.ID, Version: done.row}},
				})
			}
		}
	}
	return len(places), signatures.VerifyPlaces(ctx, q, places, found)
}

// Upcoming gives the configurations that wait for somebody: proposals of today, and approved ones whose time has not come.
func Upcoming(ctx context.Context, q audit.Querier, now time.Time) (waiting []Version, err error) {
	list, err := List(ctx, q, now)
	for _, v := range list {
		if v.State == Proposed || v.State == Scheduled {
			waiting = append(waiting, v)
		}
	}
	return waiting, err
}
