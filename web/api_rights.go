package web

import (
	"errors"
	"slices"
	"time"

	"veribatch/internal/fault"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
)

type askRights struct {
	On string `query:"on" doc:"day in the zone of the plant; today when left out" example:"2026-11-22"`
	pageOf
}

// rightsOn says who could do what on a day.
type rightsOn struct {
	On       string         `json:"on" doc:"the day"`
	Policy   string         `json:"policy" doc:"SHA-256 of the policy in force at the end of the day, hex; empty when the server did not run yet"`
	Since    *time.Time     `json:"policy_since,omitempty"`
	Kept     bool           `json:"policy_kept" doc:"the text of that policy is kept, so everyone and roles say what it allowed"`
	Everyone []string       `json:"everyone" doc:"acts of everybody with an account"`
	Roles    []roleActs     `json:"roles" doc:"what each role that somebody held could do; machine when a machine was in use"`
	Rights   []rightHeld    `json:"rights" doc:"every role that somebody held at some time of the day, by user name"`
	Machines []machineRight `json:"machines" doc:"every machine in use at some time of the day with the tokens that lived then, by user name; all of them stand on every page"`
	Next     string         `json:"next,omitempty" doc:"address of the next page of rights; absent on the last one"`
}

type roleActs struct {
	Role access.Role `json:"role"`
	Acts []string    `json:"acts"`
}

type rightHeld struct {
	Person   string `json:"person" doc:"id"`
	UserName string `json:"user_name"`
	FullName string `json:"full_name"`
	roleEver
}

func apiRights(v *visit, q askRights) (answer rightsOn, err error) {
	if answer.On = q.On; q.On == "" {
		answer.On = v.s.Trail.Now().In(v.s.Zone).Format(time.DateOnly)
	}
	from, err := v.day(answer.On)
	if err != nil {
		return answer, fault.At("on", "%s", fault.As(err))
	}
	to := from.AddDate(0, 0, 1)
	held, err := accounts.Rights(v.ctx, v, from, to)
	if err != nil {
		return answer, err
	}
	machines, err := accounts.MachineRights(v.ctx, v, from, to)
	if err != nil {
		return answer, err
	}
	answer.Machines = machineRightsOf(machines)
	policy, found, err := accounts.PolicyAt(v.ctx, v, to)
	if err != nil {
		return answer, err
	}
	if found {
		answer.Policy, answer.Since, answer.Kept = policy.Digest, &policy.Since, policy.Matrix != nil
	}
	if answer.Kept {
		answer.Everyone = policy.Matrix.Acts("")
		for _, role := range access.Roles() {
			if slices.ContainsFunc(held, func(h accounts.Right) bool { return h.Role == role }) {
				answer.Roles = append(answer.Roles, roleActs{role, policy.Matrix.Acts(role)})
			}
		}
		if len(machines) > 0 {
			answer.Roles = append(answer.Roles, roleActs{access.Machine, policy.Matrix.Acts(access.Machine)})
		}
	}
	held, answer.Next, err = paged(v, q.pageOf, held, func(h accounts.Right) string {
		return h.UserName + " " + string(h.Role) + " " + h.Area + " " + h.From.UTC().Format(time.RFC3339Nano)
	})
	for _, h := range held {
		answer.Rights = append(answer.Rights, rightHeld{h.Person, h.UserName, h.FullName, roleEver{roleHeld{h.Role, h.Area}, h.From, h.To}})
	}
	return answer, err
}

// accessReviews are the reviews of all accounts and their rights.
type accessReviews struct {
	Due     *time.Time     `json:"due,omitempty" doc:"when the next one is due"`
	IsDue   bool           `json:"is_due" doc:"that time has come"`
	Rights  []rightNow     `json:"rights" doc:"every right that is held now, as access.review signs them; all of them stand on every page"`
	Reviews []accessReview `json:"reviews" doc:"the newest first"`
	Next    string         `json:"next,omitempty" doc:"address of the next page; absent on the last one"`
}

// rightNow is one right of one account, as a review asks about it.
type rightNow struct {
	Key      string `json:"key" doc:"names the right in change of access.review"`
	UserName string `json:"user_name"`
	FullName string `json:"full_name" doc:"of a machine with the person who answers for it"`
	Holds    string `json:"holds" doc:"the right in words"`
	Machine  bool   `json:"machine" doc:"it is the right of a machine"`
}

type accessReview struct {
	Number    int       `json:"number"`
	Accounts  int       `json:"accounts" doc:"accounts that were reviewed"`
	Changes   []string  `json:"change" doc:"keys of the lines that were to be taken away"`
	Note      string    `json:"note,omitempty"`
	By        string    `json:"by" doc:"printed name"`
	At        time.Time `json:"at"`
	Signature string    `json:"signature" doc:"id"`
}

func apiAccessReviews(v *visit, q pageOf) (answer accessReviews, err error) {
	due, is, err := accounts.ReviewDue(v.ctx, v)
	if err != nil {
		return answer, err
	}
	if answer.IsDue = is; !due.IsZero() {
		answer.Due = &due
	}
	now, _, err := accounts.ReviewLines(v.ctx, v)
	if err != nil {
		return answer, err
	}
	for _, l := range now {
		answer.Rights = append(answer.Rights, rightNow{l.Key, l.UserName, l.FullName, l.Holds, l.Person == nil})
	}
	list, err := accounts.Reviews(v.ctx, v)
	if err != nil {
		return answer, err
	}
	list, answer.Next, err = paged(v, q, list, func(r accounts.Reviewed) string { return r.Signature })
	for _, r := range list {
		answer.Reviews = append(answer.Reviews, accessReview{r.Number, r.People, r.Changes, r.Note, r.By, r.At, r.Signature})
	}
	return answer, err
}

// accountability is the statement by which people answer for their signatures.
type accountability struct {
	InForce  accountabilityText   `json:"in_force"`
	SignedAt *time.Time           `json:"signed_at,omitempty" doc:"when you signed the version in force; absent when you have not"`
	Earlier  []accountabilityText `json:"earlier" doc:"the newest first"`
}

type accountabilityText struct {
	Number int       `json:"number" doc:"send it with accountability.sign"`
	Text   string    `json:"text"`
	By     string    `json:"published_by,omitempty" doc:"printed name; absent for the words that a new plant comes with"`
	At     time.Time `json:"published_at"`
	Signed int       `json:"signed" doc:"people at work who have signed it"`
}

func apiAccountability(v *visit, _ nothing) (answer accountability, err error) {
	list, err := accounts.Versions(v.ctx, v)
	if err != nil || len(list) == 0 {
		return answer, errors.Join(err, errors.New("web: the plant has no accountability statement"))
	}
	texts := make([]accountabilityText, len(list))
	for i, a := range list {
		texts[i] = accountabilityText{a.Number, a.Text, a.PublishedBy, a.PublishedAt, a.Signed}
	}
	answer.InForce, answer.Earlier = texts[0], texts[1:]
	signed, err := list[0].SignedAt(v.ctx, v, v.who.Person)
	if !signed.IsZero() {
		answer.SignedAt = &signed
	}
	return answer, err
}
