package web

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"veribatch/audit"
	"veribatch/audit/checkpoint"
	"veribatch/audit/checkpoint/keeper"
	"veribatch/audit/merkle"
	"veribatch/ebr/continuity"
	"veribatch/internal/fault"
	"veribatch/internal/language"
	"veribatch/signatures/configuration"
	"veribatch/signatures/keyring"
)

// LogView shows the log over all streams and how far it is under signed checkpoints.
type LogView struct {
	Page
	Says      []Alarm
	State     []Line
	Note      string // the newest checkpoint, as it was signed
	Key       string // line for those who verify it
	Missing   []Line // what the signer had signed, when it refuses
	Witnesses []Line // what each has seen
	Continue  *Form  // signed; fields: reason
}

func (*LogView) template() string { return "trail/log" }

// LogAlarms say that the signer refuses the log, or that what it has not signed becomes old.
func LogAlarms(ctx context.Context, q audit.Querier) ([]Alarm, error) {
	s, err := keeper.Read(ctx, q)
	var seen keeper.Witnessed
	if err == nil {
		seen, err = keeper.ReadWitnessed(ctx, q)
	}
	var settings configuration.Settings
	if err == nil {
		settings, err = configuration.Read(ctx, q)
	}
	if err != nil {
		return nil, err
	}
	alarm := func(level string, words language.Text) []Alarm {
		return []Alarm{{Act: "log.read", Level: level, Words: words, Href: "/log"}}
	}
	switch {
	case s.Refusal != nil && s.Refusal.Missing():
		return alarm("action", language.Write("The audit trail is not what was signed: entries are missing or replaced. Call QA")), nil
	case s.Refusal != nil:
		return alarm("action", language.Write("The signer of checkpoints refuses the log of the audit trail. Call QA")), nil
	case seen.Refused():
		return alarm("action", language.Write("A witness has cosigned another log of the audit trail than this one. Call QA")), nil
	case s.Age > keeper.BarAfter:
		return alarm("action", language.Write("The audit trail has had no signed checkpoint for %d min: no batch is released", int(s.Age.Minutes()))), nil
	case s.Age > keeper.AlarmAfter:
		return alarm("alert", language.Write("The audit trail has had no signed checkpoint for %d s", int(s.Age.Seconds()))), nil
	case len(seen.List) < settings.WitnessQuorum:
		return alarm("action", language.Write("%d witnesses must have seen the audit trail and the server asks %d: no batch is released", settings.WitnessQuorum, len(seen.List))), nil
	case settings.WitnessQuorum > 0 && seen.Behind > keeper.WitnessedAfter:
		return alarm("action", language.Write("The audit trail has had too few witnesses for %d min: no batch is released", int(seen.Behind.Minutes()))), nil
	case seen.Behind > keeper.WitnessedAfter:
		return alarm("alert", language.Write("The audit trail has had too few witnesses for %d min", int(seen.Behind.Minutes()))), nil
	}
	return nil, nil
}

func (s *server) showLog(v *visit) (View, error) {
	view := &LogView{Page: v.frame(v.words("Log and checkpoints"))}
	tree, err := merkle.Head(v.ctx, v)
	if fault.KindOf(err) == fault.NotReady {
		view.State = []Line{{v.words("Log"), v.words("not begun")}}
		return view, nil
	}
	if err != nil {
		return nil, err
	}
	state, err := keeper.Read(v.ctx, v)
	if err != nil {
		return nil, err
	}
	if view.Says, err = LogAlarms(v.ctx, v); err != nil {
		return nil, err
	}
	at := func(t time.Time) string { return t.In(v.s.Zone).Format("2006-01-02 15:04:05 -07:00") }
	view.State = []Line{
		{v.words("Log"), tree.Origin}, {v.words("Leaves"), strconv.FormatInt(tree.Size, 10)}, {v.words("Root"), hex.EncodeToString(tree.Root[:])}, {v.words("Newest leaf"), at(tree.At)},
	}
	if state.Epoch > 0 {
		view.Note = string(state.Note)
		view.State = append(view.State, Line{v.words("Newest checkpoint"), v.words("%d leaves, signed at %s", state.Size, at(state.At))})
	}
	if state.Problem != "" {
		says := state.Problem
		if state.Refusal != nil {
			says = state.Refusal.Fault().In(v.language())
		}
		view.State = append(view.State, Line{v.words("The signer says"), says}, Line{v.words("Since"), at(state.Since)})
	}
	if name, _, err := checkpoint.SplitOrigin(tree.Origin); err == nil && len(state.Key) > 0 {
		view.Key = checkpoint.VerifierKey(name, state.Key)
		view.State = append(view.State, Line{v.words("Key of the signer"), keyring.KeyID(state.Key)})
	}
	view.State = append(view.State, Line{v.words("Public key of the site"), base64.StdEncoding.EncodeToString(v.s.Keyring.Public())})
	if r := state.Refusal; r != nil && r.Missing() {
		view.Missing = []Line{
			{v.words("Last signed"), v.words("%d leaves, signed at %s", r.Size, at(r.At))},
			{v.words("Known here"), v.words("%d leaves, signed at %s", r.Known, at(r.KnownAt))},
			{v.words("Missing or replaced"), v.words("leaves %d to %d", r.Known, r.Size-1)},
		}
	}
	if view.Witnesses, err = v.witnesses(at); err != nil {
		return nil, err
	}
	view.Continue = v.offer(continuity.MayContinue(state), "log.continue", Form{ID: "continue", Action: "/log/continue", Signed: true})
	return view, nil
}

// witnesses says how far each has seen the log.
func (v *visit) witnesses(at func(time.Time) string) (lines []Line, err error) {
	seen, err := keeper.ReadWitnessed(v.ctx, v)
	for i, one := range seen.List {
		name, _, _ := strings.Cut(one.Key, "+")
		words := v.words("has seen nothing yet")
		if one.Epoch > 0 {
			words = v.words("has seen %d leaves of epoch %d, at %s", one.Size, one.Epoch, at(one.At))
		}
		if one.Problem != "" {
			words = v.words("%s. Since %s: %s", words, at(one.Since), one.Problem)
		}
		lines = append(lines, Line{v.words("Witness %d", i+1), name + ": " + words})
	}
	if len(lines) > 0 {
		lines = append(lines, Line{v.words("Wanted"), v.words("%d of %d witnesses", seen.Quorum, len(seen.List))})
	}
	return lines, err
}

// onLog says where the log is continued.
func (s *server) onLog() place {
	return place{page: s.showLog, read: "log.read", next: func(*visit, json.RawMessage) string { return "/log" }}
}
