package web

import (
	"context"
	"slices"

	"veribatch/audit"
	"veribatch/ebr/quality"
	"veribatch/internal/language"
	"veribatch/signatures"
	"veribatch/signatures/accounts"
)

// Alarm is something abnormal about the system itself. Everybody who may do something about it sees it on every page, until it is over.
type Alarm struct {
	Act   string        // the act of those who see it; without one everybody does
	Level string        // "alert" (look at it) or "action" (records or their protection are in danger): its shape and colour
	Words language.Text // what is wrong, one line
	Href  string        // where it is shown and mended
}

// AlarmSource asks for the alarms of one matter, in the snapshot in which a page is read. It is asked for every page: it must be quick.
type AlarmSource func(ctx context.Context, q audit.Querier) ([]Alarm, error)

// alarmsFor gives the alarms that the person may act on.
func (s *server) alarmsFor(v *visit) (seen []Alarm, err error) {
	for _, source := range s.alarms {
		alarms, err := source(v.ctx, v)
		if err != nil {
			return nil, err
		}
		for _, a := range alarms {
			if a.Act == "" || v.grants.Anywhere(a.Act) {
				seen = append(seen, a)
			}
		}
	}
	own, err := v.ownAlarms()
	if err != nil {
		return nil, err
	}
	open, err := v.incidentAlarm()
	return slices.Concat(own, open, seen), err
}

// StandingAlarms are those of every plant. Open incidents are not among them: each one is told by itself.
func StandingAlarms(trail *audit.Trail) []AlarmSource {
	return []AlarmSource{clockAlarm(trail), LogAlarms, silenceAlarm, reviewAlarm, machineAlarm}
}

// clockAlarm tells everybody at work why nobody signs.
func clockAlarm(trail *audit.Trail) AlarmSource {
	return func(ctx context.Context, q audit.Querier) ([]Alarm, error) {
		apart, err := trail.Apart(ctx, q)
		if err != nil || apart.Abs() <= signatures.ClockBound {
			return nil, err
		}
		text := language.Write("The clocks of server and database are %s apart: nothing can be signed, entries without a signature go on. Call IT", signatures.InWords(apart))
		return []Alarm{{Level: "action", Words: text, Href: "/"}}, nil
	}
}

// A check whose row is gone, or is dated ahead, is silent as well; a plant of some hours need not have had one.
const silentChecks = `select count(*) from unnest(array['verify', 'self_test']) n (name) left join ebr.jobs j on j.name = n.name
	where coalesce(j.succeeded_at, (select at from audit.entries where stream = 'site' and seq = 1)) not between clock_timestamp() - interval '26 hours' and clock_timestamp() + interval '1 hour'`

// silenceAlarm says that the nightly checks are not done: whoever wants an alteration to stay hidden stops what would tell of it.
func silenceAlarm(ctx context.Context, q audit.Querier) ([]Alarm, error) {
	var n int
	if err := q.QueryRow(ctx, silentChecks).Scan(&n); err != nil || n == 0 {
		return nil, err
	}
	return []Alarm{{Act: "incident.read", Level: "action", Words: language.Write("The nightly verification of the records did not succeed for more than 26 hours. Call IT and QA"), Href: "/incidents"}}, nil
}

// reviewAlarm says that the access review is due, and that what one decided is not done.
func reviewAlarm(ctx context.Context, q audit.Querier) (alarms []Alarm, err error) {
	due, is, err := accounts.ReviewDue(ctx, q)
	if err != nil {
		return nil, err
	}
	if is {
		alarms = append(alarms, Alarm{Act: "person.unlock", Level: "alert", Words: language.Write("The access review is due since %s", due.Format("2006-01-02")), Href: "/reviews"})
	}
	n, err := accounts.Undone(ctx, q)
	if n > 0 {
		alarms = append(alarms, Alarm{Act: "person.roles", Level: "alert", Words: language.Write("The access review took rights away that are still held (%d)", n), Href: "/reviews"})
	}
	return alarms, err
}

// machineAlarm says that nobody at work answers for a machine.
func machineAlarm(ctx context.Context, q audit.Querier) ([]Alarm, error) {
	n, err := accounts.Unanswered(ctx, q)
	if err != nil || n == 0 {
		return nil, err
	}
	text := language.Write("%d machines are without a person at work who answers for them", n)
	if n == 1 {
		text = language.Write("1 machine is without a person at work who answers for it")
	}
	return []Alarm{{Act: "machine.hand_over", Level: "alert", Words: text, Href: "/tokens"}}, nil
}

// incidentAlarm says that incidents wait for a judgement, to those who may judge them: each person is told of the own areas.
func (v *visit) incidentAlarm() ([]Alarm, error) {
	return IncidentAlarm(v.ctx, v, v.grants.Areas("incident.assess"))
}

// IncidentAlarm is that alarm for somebody who may judge incidents of these areas.
func IncidentAlarm(ctx context.Context, q audit.Querier, areas []string) ([]Alarm, error) {
	if len(areas) == 0 {
		return nil, nil
	}
	open, _, err := quality.CountOpen(ctx, q, areas)
	if err != nil || open == 0 {
		return nil, err
	}
	text := language.Write("%d open incidents", open)
	if open == 1 {
		text = language.Write("1 open incident")
	}
	return []Alarm{{Level: "alert", Words: text, Href: "/incidents"}}, nil
}
