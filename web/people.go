package web

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"veribatch/internal/fault"
	"veribatch/internal/plaintext"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/identity"
)

// peoplePage is how many people one page shows.
const peoplePage = 50

func (s *server) showPeople(v *visit) (View, error) {
	view := &PeopleView{Page: v.frame(v.words("People")), Left: v.c.QueryParam("left") == "yes"}
	search, err := plaintext.Clean("q", v.c.QueryParam("q"), maxSearch)
	if err != nil {
		return nil, err
	}
	view.Search = search
	asked := accounts.Search{Words: search, Left: view.Left, Limit: peoplePage + 1}
	if after := v.c.QueryParam("after"); after != "" {
		last, err := accounts.Find(v.ctx, v, after)
		if err != nil {
			return nil, err
		}
		asked.After = &last
	}
	people, err := accounts.List(v.ctx, v, asked)
	if err != nil {
		return nil, err
	}
	if len(people) > peoplePage {
		people = people[:peoplePage]
		q := url.Values{"q": {search}, "after": {people[peoplePage-1].ID}}
		if view.Left {
			q.Set("left", "yes")
		}
		view.More = "/people?" + q.Encode()
	}
	for _, p := range people {
		view.People = append(view.People, v.personLine(p))
	}
	view.Create = v.offer(true, "person.create", Form{ID: "person", Action: "/people"})
	view.Roles = v.roleOptions()
	return view, nil
}

func (v *visit) roleOptions() (options []Option) {
	for _, r := range access.Roles() {
		options = append(options, Option{Value: string(r), Words: v.words(r.Title())})
	}
	return options
}

func (v *visit) personLine(p accounts.Person) PersonLine {
	line := PersonLine{Left: !p.Active, Href: "/people/" + p.ID, UserName: p.UserName, FullName: p.FullName, Roles: v.titlesOf(p.Roles), States: v.statesOf(p)}
	if p.LastLogIn != nil {
		line.LastLogIn = *p.LastLogIn
	}
	return line
}

func (v *visit) titlesOf(roles []string) (titles []string) {
	for _, r := range roles {
		titles = append(titles, v.words(access.Role(r).Title()))
	}
	return titles
}

// statesOf says what stands between a person and work.
func (v *visit) statesOf(p accounts.Person) (states []string) {
	for _, s := range []struct {
		is    bool
		words string
	}{
		{!p.Active, "has left"}, {p.Active && !p.HasPassword, "no password yet"}, {p.Active && p.ResetOpen, "password reset"}, {p.LockedUntil != nil, "locked"},
		{p.Active && !p.Confirmed, "identity not confirmed"}, {p.Active && p.Confirmed && !p.Accountable, "accountability not signed"},
	} {
		if s.is {
			states = append(states, v.words(s.words))
		}
	}
	return states
}

func (s *server) showPerson(v *visit) (View, error) {
	f, err := accounts.Open(v.ctx, v, v.c.Param("person"))
	if err != nil {
		return nil, err
	}
	view := &PersonView{Page: v.frame(f.FullName), Line: v.personLine(f.Person), Created: f.CreatedAt, CreatedBy: f.CreatedBy, Checks: f.Checks, Sessions: f.Sessions,
		Documents: accounts.Documents(), Today: v.s.Trail.Now().In(s.Zone).Format(time.DateOnly), Roles: v.roleOptions()}
	if f.LeftAt != nil {
		view.LeftAt = *f.LeftAt
	}
	for _, h := range f.Held {
		role := HeldRole{Role: v.words(h.Role.Title()), Name: string(h.Role), Area: h.Area, From: h.GrantedAt}
		if h.RevokedAt != nil {
			role.To = *h.RevokedAt
		}
		view.Held = append(view.Held, role)
	}
	slices.SortStableFunc(view.Held, func(a, b HeldRole) int { return cmp.Compare(b.To.Compare(time.Time{}), a.To.Compare(time.Time{})) * -1 })
	if view.Areas, err = access.AllAreas(v.ctx, v); err != nil {
		return nil, err
	}
	if view.Tokens, err = accounts.TokensOf(v.ctx, v, f.ID); err != nil {
		return nil, err
	}
	if view.Machines, err = accounts.MachinesOf(v.ctx, v, f.ID); err != nil {
		return nil, err
	}
	s.offerOnPerson(v, view, f)
	if view.Deactivate != nil && len(view.Machines) > 0 {
		if view.People, err = v.atWork(f.ID); err != nil {
			return nil, err
		}
	}
	return view, s.halves(v, view, f.ID)
}

// offerOnPerson gives the forms that the state of the account and the rights of the visitor allow. Nobody acts on the own account.
func (s *server) offerOnPerson(v *visit, view *PersonView, f accounts.File) {
	other := f.Active && f.ID != v.who.Person
	at := "/people/" + f.ID
	view.Confirm = v.offer(other, "person.confirm_identity", Form{ID: "confirm", Action: at + "/confirm", Signed: true})
	view.Grant = v.offer(other, "person.roles", Form{ID: "grant", Action: at + "/grant"})
	view.Revoke = v.offer(other && len(f.Person.Roles) > 0, "person.roles", Form{ID: "revoke", Action: at + "/revoke"})
	view.Reset = v.offer(other, "person.reset", Form{ID: "reset", Action: at + "/reset"})
	view.Unlock = v.offer(other && f.LockedUntil != nil, "person.unlock", Form{ID: "unlock-account", Action: at + "/unlock"})
	view.Deactivate = v.offer(other, "person.deactivate", Form{ID: "deactivate", Action: at + "/deactivate"})
}

// halves shows the link or the code of an open invitation, each at the screen at which it was made and for ten minutes.
func (s *server) halves(v *visit, view *PersonView, person string) error {
	i, found, err := identity.OpenInvitation(v.ctx, v, person)
	if err != nil || !found {
		return err
	}
	now := v.s.Trail.Now()
	view.Invited = i.ExpiresAt
	if i.ShowsLink(v.who.ID, now) {
		scheme := "http"
		if s.secure(v.c.Request()) { // to a proxy that was named at the start, too
			scheme = "https"
		}
		view.Link = scheme + "://" + v.c.Request().Host + "/enrol#" + i.Link(s.Keyring)
	}
	if i.ShowsCode(v.who.ID, now) {
		view.Code = i.Code(s.Keyring)
	}
	return nil
}

// onPerson says where the acts on an account stand.
func (s *server) onPerson() place {
	return place{page: s.showPerson, read: "person.read", next: func(_ *visit, result json.RawMessage) string { return "/people/" + accounts.PersonOf(result) }}
}

func (s *server) onPeople() place {
	at := s.onPerson()
	at.page = s.showPeople
	return at
}

// showEnrol asks for the link of an invitation. Its secret stands behind the # of the address, which no browser sends: a script puts it into the
// form, or whoever holds it types it in. So it comes into no log of a proxy, and not into our own.
func (s *server) showEnrol(v *visit) error { return s.linkPage(v, nil) }

func (s *server) linkPage(v *visit, why error) error {
	view := &EnrolView{Page: v.frame(v.words("Set your password")), Begin: &Form{ID: "enrol-link", Action: "/enrol"}}
	return s.showEnrolView(v, view, view.Begin, why)
}

func (s *server) showEnrolView(v *visit, view *EnrolView, form *Form, why error) error {
	v.c.Response().Header().Set("Referrer-Policy", "no-referrer")
	if why == nil {
		return v.show(http.StatusOK, view)
	}
	view.Refuse(why, form, v.form)
	return v.show(status[fault.KindOf(why)], view)
}

// enrolPage asks whoever holds the link for the code and a new password.
func (s *server) enrolPage(v *visit, link string, why error) error {
	_, owner, codeNeeded, err := s.Gate.Invited(v.ctx, s.Keyring, link)
	if f := fault.As(err); err != nil && f.Kind == fault.Unauthenticated {
		v.form.Del("link")
		return s.linkPage(v, fault.At("link", "%s", f))
	}
	if err != nil {
		return err
	}
	rules, err := s.passwordRules(v)
	if err != nil {
		return err
	}
	view := &EnrolView{Page: v.frame(v.words("Set your password")), FullName: owner.FullName, UserName: owner.UserName, CodeNeeded: codeNeeded, Rules: rules}
	view.Enrol, view.Link = &Form{ID: "enrol", Action: "/enrol"}, link
	return s.showEnrolView(v, view, view.Enrol, why)
}

// secretOf takes the link as it was handed over: the whole address, also that of earlier releases, or what stands behind its #.
func secretOf(link string) string {
	link = strings.TrimSpace(link)
	return link[strings.LastIndexAny(link, "#/")+1:]
}

// enrol takes the link, and then code and password, which it sets before it leads to the log-in.
func (s *server) enrol(v *visit) error {
	if err := v.readForm(maxForm); err != nil {
		return err
	}
	link := secretOf(v.form.Get("link"))
	if !v.form.Has("new_password") {
		return s.enrolPage(v, link, nil)
	}
	if err := v.mayTry(); err != nil {
		return err
	}
	err := sameTwice(v)
	if err == nil {
		err = s.Gate.Enrol(v.ctx, s.Keyring, link, v.form.Get("code"), v.form.Get("new_password"))
	}
	switch f := fault.As(err); {
	case err == nil:
		s.setCookie(v.c, noticeCookie, "password.change", 60)
		return v.redirect("/login")
	case f.Kind == fault.Internal:
		return err
	case f.Field == "password":
		err = fault.At("new_password", "%s", f)
	}
	return s.enrolPage(v, link, err)
}
