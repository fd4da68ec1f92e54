package web

import (
	"strconv"
	"time"

	"veribatch/signatures/access"
	"veribatch/signatures/configuration"
	"veribatch/signatures/configuration/versions"
)

// configurations are the settings of the plant, those in force and all that were proposed.
type configurations struct {
	Number   string              `json:"in_force" doc:"number of the configuration in force; 0 for the defaults"`
	Settings map[string]string   `json:"settings" doc:"values in force, by name"`
	Newest   int                 `json:"seen" doc:"number of the configuration that the next proposal is made on: send it with configuration.propose"`
	List     []configurationLine `json:"configurations" doc:"the newest first"`
	Next     string              `json:"next,omitempty" doc:"address of the next page; absent on the last one"`
}

// configurationLine is one configuration.
type configurationLine struct {
	ID          string            `json:"configuration" doc:"id"`
	Number      string            `json:"number"`
	Base        string            `json:"base" doc:"number of the configuration that it changes; 0 for the defaults"`
	State       versions.State    `json:"state"`
	Settings    map[string]string `json:"settings"`
	Reason      string            `json:"reason"`
	ProposedBy  string            `json:"proposed_by"`
	ProposedAt  time.Time         `json:"proposed_at"`
	ApprovedBy  string            `json:"approved_by,omitempty"`
	ApprovedAt  time.Time         `json:"approved_at,omitzero"`
	EffectiveAt time.Time         `json:"effective_at,omitzero"`
	WithdrawnBy string            `json:"withdrawn_by,omitempty"`
	WithdrawnAt time.Time         `json:"withdrawn_at,omitzero"`
}

func apiConfiguration(v *visit, q pageOf) (answer configurations, err error) {
	force, err := configuration.Read(v.ctx, v)
	if err != nil {
		return answer, err
	}
	list, err := versions.List(v.ctx, v, v.s.Trail.Now())
	if err != nil {
		return answer, err
	}
	answer.Number, answer.Settings, answer.Newest = strconv.Itoa(force.Version), force.Values(), versions.Newest(list).Version
	list, answer.Next, err = paged(v, q, list, func(one versions.Version) string { return one.ID })
	for _, one := range list {
		answer.List = append(answer.List, configurationLine{
			one.ID, strconv.Itoa(one.Number), strconv.Itoa(one.Base), one.State, one.Settings.Values(), one.Reason, one.Proposed.FullName, one.Proposed.At,
			one.Approved.FullName, one.Approved.At, one.EffectiveAt, one.Withdrawn.FullName, one.Withdrawn.At,
		})
	}
	return answer, err
}

// areas are the parts of the plant.
type areas struct {
	Areas []areaLine `json:"areas"`
	Next  string     `json:"next,omitempty" doc:"address of the next page; absent on the last one"`
}

type areaLine struct {
	Area  string `json:"area" doc:"its code, which stands in recipes, batches and roles"`
	Title string `json:"title"`
}

func apiAreas(v *visit, q pageOf) (answer areas, err error) {
	list, err := access.AllAreas(v.ctx, v)
	if err != nil {
		return answer, err
	}
	list, answer.Next, err = paged(v, q, list, func(a access.Area) string { return a.Code })
	for _, a := range list {
		answer.Areas = append(answer.Areas, areaLine{a.Code, a.Title})
	}
	return answer, err
}
