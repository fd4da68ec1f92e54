// Package versions owns the life of a configuration: one person proposes settings, another one of QA approves them, and from then on, or from a
// date, they are in force; what was in force stays readable for ever. It does not own what the settings mean (configuration) or do.
// Start reading at Propose and Approve, then List.
package versions

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/configuration"
)

// Stream is the stream of the trail in which the life of all configurations stands.
const Stream audit.Stream = "site/configuration"

// State says where a configuration stands in its life.
type State string

// The states of a configuration. Proposed, approved and withdrawn are stored; approval, time and the next approval make the others.
const (
	Proposed   State = "proposed"
	Stale      State = "out of date" // proposed on values that another configuration has replaced
	Scheduled  State = "approved"    // waits for its time
	Effective  State = "effective"
	Superseded State = "superseded"
	Withdrawn  State = "withdrawn"
)

// Stamp says who did something and when.
type Stamp struct {
	Person, FullName string
	At               time.Time
	Signature        string
}

// Version is one configuration with the one that it was proposed on.
type Version struct {
	ID     string // "configuration-<number>"
	Number int    // 1..
	Base   int    // number of the one that it changes; 0: the defaults
	State  State

	Before, Settings configuration.Settings
	BaseAt           time.Time // when Base became or becomes effective; zero for the defaults
	Reason           string
	From             time.Time // day (UTC) before which it must not begin; zero: with the approval

	Proposed, Approved, Withdrawn Stamp // the zero Stamp for what has not happened
	EffectiveAt                   time.Time
	WithdrawReason                string

	Row int // version of the record row, for signatures
}

// Change is one setting that a configuration changes, in words with units.
type Change struct {
	configuration.Setting
	Old, New string
}

// Changes compares the configuration with the one that it was proposed on.
func (v Version) Changes() []Change { return compare(v.Before, v.Settings) }

func compare(before, after configuration.Settings) (changes []Change) {
	for _, l := range configuration.Table() {
		if l.Text(before) != l.Text(after) {
			changes = append(changes, Change{l, l.Words(before), l.Words(after)})
		}
	}
	return changes
}

const allVersions = `select v.id, v.number, v.base, v.state, v.settings, v.reason, v.wanted_from::timestamp at time zone 'UTC', v.effective_at, v.withdraw_reason, v.version,
	v.proposed_by::text, p1.full_name, v.proposed_at, v.propose_signature::text,
	v.approved_by::text, p2.full_name, v.approved_at, v.approve_signature::text,
	v.withdrawn_by::text, p3.full_name, v.withdrawn_at, v.withdraw_signature::text
	from ebr.configurations v join ebr.people p1 on p1.id = v.proposed_by left join ebr.people p2 on p2.id = v.approved_by left join ebr.people p3 on p3.id = v.withdrawn_by
	order by v.number desc`

func scan(row pgx.CollectableRow) (v Version, err error) {
	var values map[string]string
	text := func(s *string) *zeronull.Text { return (*zeronull.Text)(s) }
	at := func(t *time.Time) *zeronull.Timestamptz { return (*zeronull.Timestamptz)(t) }
	p, a, w := &v.Proposed, &v.Approved, &v.Withdrawn
	err = row.Scan(&v.ID, &v.Number, &v.Base, &v.State, &values, &v.Reason, at(&v.From), at(&v.EffectiveAt), &v.WithdrawReason, &v.Row,
		&p.Person, &p.FullName, &p.At, &p.Signature,
		text(&a.Person), text(&a.FullName), at(&a.At), text(&a.Signature),
		text(&w.Person), text(&w.FullName), at(&w.At), text(&w.Signature))
	if err == nil {
		v.Settings, err = configuration.Of(v.Number, values)
	}
	return v, err
}

// List gives all configurations, newest first, each in its state at the time now.
func List(ctx context.Context, q audit.Querier, now time.Time) ([]Version, error) {
	rows, err := q.Query(ctx, allVersions)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, err
	}
	newest, force := newestOf(list).Number, inForce(list, now).Number
	for i := range list {
		v := &list[i]
		v.Before, v.BaseAt = settingsOf(list, v.Base)
		switch {
		case v.State == Proposed && v.Base != newest:
			v.State = Stale
		case v.State == Scheduled && v.Number == force:
			v.State = Effective
		case v.State == Scheduled && !v.EffectiveAt.After(now):
			v.State = Superseded
		}
	}
	return list, nil
}

// newestOf gives the approved configuration on which the next one is built; the zero Version while there is none.
func newestOf(list []Version) Version { return inForce(list, time.Unix(1<<40, 0)) }

func inForce(list []Version, now time.Time) (force Version) {
	for _, v := range list {
		if !v.Approved.At.IsZero() && v.Withdrawn.At.IsZero() && !v.EffectiveAt.After(now) &&
			(v.EffectiveAt.After(force.EffectiveAt) || v.EffectiveAt.Equal(force.EffectiveAt) && v.Approved.At.After(force.Approved.At)) {
			force = v
		}
	}
	return force
}

func settingsOf(list []Version, number int) (configuration.Settings, time.Time) {
	if i := slices.IndexFunc(list, func(v Version) bool { return v.Number == number }); i >= 0 {
		return list[i].Settings, list[i].EffectiveAt
	}
	return configuration.Defaults(), time.Time{}
}

// Newest gives the settings that the next proposal is made on: those approved last, also when they wait for their time.
func Newest(list []Version) configuration.Settings {
	s, _ := settingsOf(list, newestOf(list).Number)
	return s
}

// find gives one of the list.
func find(list []Version, id string) (Version, error) {
	i := slices.IndexFunc(list, func(v Version) bool { return v.ID == id })
	if i < 0 {
		return Version{}, fault.New(fault.Missing, "There is no such configuration. Go back to the list and choose one.")
	}
	return list[i], nil
}

// Name is how statements and entries call a configuration.
func (v Version) Name() string { return nameOf(v.Number) }

func nameOf(number int) string {
	if number == 0 {
		return "the defaults of the program"
	}
	return fmt.Sprintf("configuration %d", number)
}
