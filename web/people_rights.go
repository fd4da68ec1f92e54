package web

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"veribatch/internal/language"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
)

// showRights answers who could do what on a day: every role that somebody held at some time of it, and what the policy of that day allowed.
func (s *server) showRights(v *visit) (View, error) {
	now := s.Trail.Now().In(s.Zone)
	view := &RightsView{Page: v.frame(v.words("Who could do what")), On: v.c.QueryParam("on")}
	if view.On == "" {
		view.On = now.Format(time.DateOnly)
	}
	from, err := v.day(view.On)
	if err != nil {
		view.Wrong = err.Error()
		return view, nil
	}
	to := from.AddDate(0, 0, 1)
	held, err := accounts.Rights(v.ctx, v, from, to)
	if err != nil {
		return nil, err
	}
	machines, err := accounts.MachineRights(v.ctx, v, from, to)
	if err != nil {
		return nil, err
	}
	policy, found, err := accounts.PolicyAt(v.ctx, v, to)
	if err != nil {
		return nil, err
	}
	view.Digest, view.Since, view.Kept = policy.Digest, policy.Since, found && policy.Matrix != nil
	var roles []access.Role
	for _, h := range held {
		line := RightLine{Href: "/people/" + h.Person, UserName: h.UserName, FullName: h.FullName, Role: v.words(h.Role.Title()), Area: h.Area, From: h.From}
		if h.To != nil {
			line.To = *h.To
		}
		view.Rights = append(view.Rights, line)
		if !slices.Contains(roles, h.Role) {
			roles = append(roles, h.Role)
		}
	}
	for _, m := range machines {
		for i := range m.Tokens {
			view.Machines = append(view.Machines, MachineRightLine{m, &m.Tokens[i]})
		}
		if len(m.Tokens) == 0 {
			view.Machines = append(view.Machines, MachineRightLine{MachineRight: m})
		}
	}
	if len(machines) > 0 {
		roles = append(roles, access.Machine)
	}
	if view.Kept {
		for _, r := range append(access.Roles(), access.Machine) {
			if slices.Contains(roles, r) {
				view.Roles = append(view.Roles, RoleActs{Role: v.words(r.Title()), Acts: strings.Join(policy.Matrix.Acts(r), ", ")})
			}
		}
		view.Everyone = strings.Join(policy.Matrix.Acts(""), ", ")
	}
	return view, nil
}

func (s *server) showAccountability(v *visit) (View, error) {
	versions, err := accounts.Versions(v.ctx, v)
	if err != nil || len(versions) == 0 {
		return nil, errors.Join(err, errors.New("web: the plant has no accountability statement"))
	}
	inForce := versions[0]
	view := &AccountabilityView{Page: v.frame(v.words("Accountability statement")), InForce: inForce, Earlier: versions[1:]}
	if view.SignedAt, err = inForce.SignedAt(v.ctx, v, v.who.Person); err != nil {
		return nil, err
	}
	view.Sign = v.offer(view.SignedAt.IsZero(), "accountability.sign", Form{ID: "sign-accountability", Action: "/accountability/sign", Signed: true})
	view.Publish = v.offer(true, "accountability.publish", Form{ID: "publish", Action: "/accountability", Signed: true})
	if view.Publish != nil && view.Publish.Typed == nil {
		view.Publish.Typed = map[string]string{"text": inForce.Text}
	}
	return view, nil
}

func (s *server) onAccountability() place {
	return place{page: s.showAccountability, read: "accountability.sign", next: func(*visit, json.RawMessage) string { return "/accountability" }}
}

// changeField begins the name of the box of each right that is to be taken away.
const changeField = "change:"

func (s *server) showReviews(v *visit) (View, error) {
	lines, _, err := accounts.ReviewLines(v.ctx, v)
	if err != nil {
		return nil, err
	}
	view := &AccessReviewView{Page: v.frame(v.words("Access review"))}
	if view.Due, view.IsDue, err = accounts.ReviewDue(v.ctx, v); err != nil {
		return nil, err
	}
	if view.Made, err = accounts.Reviews(v.ctx, v); err != nil {
		return nil, err
	}
	view.Review = v.offer(true, "access.review", Form{ID: "review", Action: "/reviews", Signed: true})
	var chosen []string
	if view.Review != nil {
		chosen = strings.Fields(view.Review.Typed["change"])
	}
	for _, l := range lines {
		line := AccountLine{PersonLine: PersonLine{Href: "/tokens", UserName: l.UserName, FullName: l.FullName}, Machine: l.Person == nil, Holds: l.Holds,
			Box: changeField + l.Key, Away: slices.Contains(chosen, l.Key) || slices.Contains(chosen, l.UserName)}
		if l.Person != nil {
			line.PersonLine = v.personLine(*l.Person)
		}
		view.Lines = append(view.Lines, line)
	}
	return view, nil
}

// chosen joins the ticked boxes of a review to the list of what is to be taken away.
func chosen(v *visit) error {
	names := strings.Fields(v.form.Get("change"))
	for name := range v.form {
		if key, ok := strings.CutPrefix(name, changeField); ok {
			names = append(names, key)
			v.form.Del(name)
		}
	}
	slices.Sort(names)
	v.form.Set("change", strings.Join(slices.Compact(names), " "))
	return nil
}

func (s *server) onReviews() place {
	return place{page: s.showReviews, read: "person.read", next: func(*visit, json.RawMessage) string { return "/reviews" }}
}

// ownAlarms are what the visitor has to see and do before work: a password that somebody reset, a statement that is not signed.
func (v *visit) ownAlarms() (own []Alarm, err error) {
	if v.who.Person == "" || v.who.Machine {
		return nil, nil
	}
	if by := v.who.Reset; by.By != "" {
		own = append(own, Alarm{Level: "alert", Href: "/session/password", Words: language.Write("Your password was reset by %s at %s. If you did not ask for that, tell QA.", by.By,
			by.At.In(v.s.Zone).Format("2006-01-02 15:04 -07:00"))})
	}
	err = signatures.Bar(v.ctx, v, v.who.Person, "batch.issue") // any act that is not about accounts
	switch {
	case errors.Is(err, signatures.ErrUnaccountable):
		return append(own, Alarm{Level: "alert", Href: "/accountability", Words: language.Write("Read and sign the accountability statement: before that you sign nothing else.")}), nil
	case errors.Is(err, signatures.ErrUnconfirmed):
		return append(own, Alarm{Level: "alert", Href: "/accountability", Words: language.Write("Nobody has confirmed your identity yet: you sign nothing before a supervisor or QA has.")}), nil
	}
	return own, err
}
