package web

import (
	"encoding/json"
	"slices"
	"strings"

	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/identity"
)

func (s *server) showTokens(v *visit) (View, error) {
	tokens, err := identity.Tokens(v.ctx, v)
	if err != nil {
		return nil, err
	}
	view := &TokensView{Page: v.frame(v.words("API tokens"))}
	for _, t := range tokens {
		line := TokenLine{Token: t}
		line.Approve = v.offer(t.State == identity.TokenWaits, "token.approve", Form{ID: "approve-" + t.ID, Action: "/tokens/" + t.Account + "/" + t.ID + "/approve", Signed: true})
		line.Revoke = v.offer(t.RevokedAt.IsZero() && t.State != "expired", "token.revoke", Form{ID: "revoke-" + t.ID, Action: "/tokens/" + t.Account + "/" + t.ID + "/revoke"})
		view.Tokens = append(view.Tokens, line)
	}
	if err := v.machines(view); err != nil {
		return nil, err
	}
	if view.Create = v.offer(true, "token.create", Form{ID: "token", Action: "/tokens"}); view.Create == nil {
		return view, nil
	}
	view.MaxDays = v.who.Settings.TokenDays
	chosen := strings.Fields(view.Create.Typed["acts"])
	for _, act := range access.ActsOf(access.Machine) {
		view.Acts = append(view.Acts, Choice{Name: actField + act, Words: act, Chosen: slices.Contains(chosen, act)})
	}
	if view.Areas, err = access.AllAreas(v.ctx, v); err != nil {
		return nil, err
	}
	machines, err := identity.Machines(v.ctx, v)
	for _, m := range machines {
		view.Accounts = append(view.Accounts, Option{Value: m.ID, Words: v.words("%s (%s)", m.FullName, m.UserName)})
	}
	return view, err
}

// machines adds the accounts with the forms that hand them over and close them.
func (v *visit) machines(view *TokensView) error {
	list, err := accounts.Machines(v.ctx, v)
	if err != nil {
		return err
	}
	for _, m := range list {
		line, at := MachineLine{Machine: m}, "/tokens/"+m.ID
		line.HandOver = v.offer(m.ClosedAt == nil, "machine.hand_over", Form{ID: "hand-over-" + m.ID, Action: at + "/responsible"})
		line.Close = v.offer(m.ClosedAt == nil, "person.deactivate", Form{ID: "close-" + m.ID, Action: at + "/close"})
		view.Machines = append(view.Machines, line)
	}
	if v.may("machine.hand_over") {
		view.People, err = v.atWork("")
	}
	return err
}

// atWork offers everybody at work but one.
func (v *visit) atWork(but string) (options []Option, err error) {
	people, err := accounts.List(v.ctx, v, accounts.Search{Limit: 1000})
	for _, p := range people {
		if p.ID != but {
			options = append(options, Option{Value: p.ID, Words: v.words("%s (%s)", p.FullName, p.UserName)})
		}
	}
	return options, err
}

// actField begins the name of the box of each act that a token may get.
const actField = "act:"

// ticked joins the ticked boxes to the scope of the token.
func ticked(v *visit) error {
	var acts []string
	for name := range v.form {
		if act, ok := strings.CutPrefix(name, actField); ok {
			acts = append(acts, act)
			v.form.Del(name)
		}
	}
	slices.Sort(acts)
	v.form.Set("acts", strings.Join(acts, " "))
	return nil
}

// onTokens says where tokens are made and revoked.
func (s *server) onTokens() place {
	return place{page: s.showTokens, read: "token.read", next: func(*visit, json.RawMessage) string { return "/tokens" }}
}
