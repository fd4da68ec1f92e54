package web

import (
	"encoding/json"
	"strconv"
	"strings"

	"veribatch/signatures"
	"veribatch/signatures/configuration"
	"veribatch/signatures/configuration/versions"
)

func (s *server) showConfiguration(v *visit) (View, error) {
	list, err := versions.List(v.ctx, v, v.s.Trail.Now())
	if err != nil {
		return nil, err
	}
	force, err := configuration.Read(v.ctx, v)
	if err != nil {
		return nil, err
	}
	signed, err := v.configurationSignatures(list)
	if err != nil {
		return nil, err
	}
	view := &ConfigurationView{Page: v.frame(v.words("Configuration")), Present: v.settingLines(force), Number: strconv.Itoa(force.Version), Default: force.Version == 0}
	newest := versions.Newest(list)
	for _, one := range list {
		shown := ConfigurationVersion{
			Number: strconv.Itoa(one.Number), State: string(one.State), Base: strconv.Itoa(one.Base), OnDefaults: one.Base == 0, Begins: one.Begins(), Reason: one.Reason,
			WithdrawReason: one.WithdrawReason,
		}
		for _, c := range one.Changes() {
			shown.Changes = append(shown.Changes, SettingChange{Label: v.words(c.Label), Old: c.Old, New: c.New})
		}
		for _, stamp := range []versions.Stamp{one.Proposed, one.Approved, one.Withdrawn} {
			if stamp.Signature != "" {
				shown.Signatures = append(shown.Signatures, signed[stamp.Signature])
			}
		}
		at := "/configuration/" + one.ID
		shown.Approve = v.offer(one.State == versions.Proposed, "configuration.approve", Form{ID: "approve-" + shown.Number, Action: at + "/approve", Signed: true})
		shown.Withdraw = v.offer(one.Withdrawable(list), "configuration.withdraw", Form{ID: "withdraw-" + shown.Number, Action: at + "/withdraw", Signed: true})
		switch one.State {
		case versions.Proposed, versions.Stale, versions.Scheduled:
			view.Waiting = append(view.Waiting, shown)
		default:
			view.Past = append(view.Past, shown)
		}
		if one.State == versions.Effective {
			view.Signatures, view.Since = shown.Signatures, one.EffectiveAt
		}
		if one.Number == newest.Version && one.State == versions.Scheduled {
			view.Coming = shown.Number
		}
	}
	view.Propose = v.offer(true, "configuration.propose", Form{ID: "propose", Action: "/configuration", Signed: true, Seen: newest.Version})
	if view.Propose != nil {
		view.Settings = v.settingLines(newest)
	}
	return view, nil
}

// configurationSignatures reads the signatures of the listed configurations by their ids.
func (v *visit) configurationSignatures(list []versions.Version) (map[string]Signed, error) {
	var ids []string
	for _, one := range list {
		for _, stamp := range []versions.Stamp{one.Proposed, one.Approved, one.Withdrawn} {
			if stamp.Signature != "" {
				ids = append(ids, stamp.Signature)
			}
		}
	}
	read, err := signatures.Read(v.ctx, v, ids...)
	signed := map[string]Signed{}
	for _, one := range read {
		signed[one.ID] = signedLine(one)
	}
	return signed, err
}

func (v *visit) settingLines(s configuration.Settings) (lines []SettingLine) {
	defaults := configuration.Defaults()
	for _, l := range configuration.Table() {
		amount := func(of configuration.Settings) string {
			text := l.Text(of)
			if l.InWords() { // as it is typed
				return text
			}
			return strings.TrimSpace(v.words(text) + " " + v.words(l.UnitOf(text)))
		}
		lines = append(lines, SettingLine{
			Name: l.Name, Label: v.words(l.Label), Value: amount(s), Text: l.Text(s), Unit: v.words(l.Unit), Limits: l.Allowed().In(v.language()), Default: amount(defaults),
			Meaning: v.words(l.Meaning), Source: l.Source, OnOff: l.OnOff(), InWords: l.InWords(), Longest: l.Most, Changed: l.Text(s) != l.Text(defaults),
		})
	}
	return lines
}

// onConfiguration says where the forms of the configuration stand. Who approves is another person than the one who may be logged in.
func (s *server) onConfiguration() place {
	return place{page: s.showConfiguration, read: "configuration.read", next: func(*visit, json.RawMessage) string { return "/configuration" }}
}

// waitingConfigurations counts the proposals that the person could approve, for the first page.
func (v *visit) waitingConfigurations() (n int, err error) {
	if !v.may("configuration.approve") {
		return 0, nil
	}
	list, err := versions.Upcoming(v.ctx, v, v.s.Trail.Now())
	for _, one := range list {
		if one.State == versions.Proposed && one.Proposed.Person != v.who.Person {
			n++
		}
	}
	return n, err
}
