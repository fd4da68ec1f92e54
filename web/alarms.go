package web

import (
	"context"

	"veribatch/audit"
	"veribatch/ebr/quality"
)

// Alarm is something abnormal about the system itself. Everybody who may do something about it sees it on every page, until it is over.
type Alarm struct {
	Act   string // the act of those who see it
	Level string // "alert" (look at it) or "action" (records or their protection are in danger): its shape and colour
	Words string // what is wrong, one line
	Href  string // where it is shown and mended
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
			if v.grants.Anywhere(a.Act) {
				seen = append(seen, a)
			}
		}
	}
	return seen, nil
}

// incidentAlarm says that incidents wait for a judgement.
func incidentAlarm(ctx context.Context, q audit.Querier) ([]Alarm, error) {
	open, err := quality.CountOpen(ctx, q)
	if err != nil || open == 0 {
		return nil, err
	}
	text := words("%d open incidents", open)
	if open == 1 {
		text = words("1 open incident")
	}
	return []Alarm{{Act: "incident.assess", Level: "alert", Words: text, Href: "/incidents"}}, nil
}
