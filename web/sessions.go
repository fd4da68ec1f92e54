package web

import (
	"context"
	"errors"
	"net/http"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/access"
	"veribatch/signatures/configuration"
	"veribatch/signatures/identity"
)

// passwordRules are the rules of identity.CheckPassword in words, with the length in force.
func (s *server) passwordRules(v *visit) (rules []string, err error) {
	settings, err := s.settings(v)
	return []string{
		v.words("At least %d characters; several words are easy to remember.", settings.PasswordCharacters),
		v.words("No names of yours, no password that everybody tries first, no rows of keys."),
		v.words("Nobody else knows it: with it you sign."),
	}, err
}

// settings reads the configuration in force, in the snapshot of the page where there is one.
func (s *server) settings(v *visit) (settings configuration.Settings, err error) {
	if v.Querier != nil {
		return configuration.Read(v.ctx, v.Querier)
	}
	err = s.Trail.Read(v.ctx, func(r *audit.Reader) (err error) { settings, err = configuration.Read(v.ctx, r); return err })
	return settings, err
}

func (s *server) showLogin(v *visit) error {
	if v.who.Person != "" {
		return v.redirect("/")
	}
	exists, err := s.anybody(v)
	if err != nil {
		return err
	}
	if !exists {
		return v.redirect("/first")
	}
	return s.loginPage(v, http.StatusOK, v.c.QueryParam("next"), nil)
}

// loginPage shows the log-in, after a refused one with the reason.
func (s *server) loginPage(v *visit, code int, next string, why error) error {
	view := &LoginView{Page: v.frame(v.words("Log in")), Next: local(next), People: s.Demo}
	view.Login = &Form{ID: "login", Action: "/login"}
	name, err := s.stationName(v)
	if err != nil {
		return err
	}
	view.Station = name
	if name == "" {
		view.Login.Typed = map[string]string{"station": v.words("Station %s", newReference()[:4])} // better a real name, but nobody has to think of one
	}
	if why != nil {
		view.Refuse(why, view.Login, v.form)
	}
	return v.show(code, view)
}

func (s *server) logIn(v *visit) error {
	if err := v.readForm(maxForm); err != nil {
		return err
	}
	session, err := s.openHere(v)
	if err != nil {
		f := fault.As(err)
		if f.Kind == fault.Internal {
			return err
		}
		return s.loginPage(v, status[f.Kind], v.form.Get("next"), err)
	}
	s.setCookie(v.c, SessionCookie, session.Token, 0)
	return s.welcome(v, session, v.form.Get("next"))
}

// welcome leads to where the person wanted to go.
func (s *server) welcome(v *visit, session identity.Session, next string) error {
	to := local(next)
	if to == "/" {
		var err error
		if to, err = s.homeOf(v, session.Person); err != nil {
			return err
		}
	}
	return v.redirect(to)
}

// homeOf is where a person begins: at the batches, or, who may not read them (an administrator), at the people, or at the own account.
func (s *server) homeOf(v *visit, person string) (to string, err error) {
	to = "/accountability"
	err = s.Trail.Read(v.ctx, func(r *audit.Reader) error {
		for _, first := range []struct{ act, to string }{{"order.read", "/"}, {"person.read", "/people"}} {
			if reads, err := access.May(v.ctx, r, person, first.act); err != nil || reads {
				to = first.to
				return err
			}
		}
		return nil
	})
	return to, err
}

// home leads who may not read the batches to their own first page.
func (s *server) home(show func(*visit) error) func(*visit) error {
	return func(v *visit) error {
		switch to, err := s.homeOf(v, v.who.Person); {
		case err != nil:
			return err
		case to != "/":
			return v.redirect(to)
		}
		return show(v)
	}
}

// openHere opens a session in this browser, which from then on is known as its station.
func (s *server) openHere(v *visit) (identity.Session, error) {
	known := v.station
	session, err := s.openSession(v, v.form.Get("user_name"), v.form.Get("password"), v.form.Get("station"))
	if v.station != known {
		s.setCookie(v.c, stationCookie, s.marked(v.station), stationYears)
	}
	return session, err
}

// openSession opens a session for the person who logs in, at the station of the visit or at a new one of this name, and ends the session that
// was there before.
func (s *server) openSession(v *visit, userName, password, station string) (identity.Session, error) {
	if err := v.mayTry(); err != nil {
		return identity.Session{}, err
	}
	if v.station == "" {
		if err := s.register(v, userName, password, station); err != nil {
			return identity.Session{}, err
		}
	}
	session, err := s.Gate.LogInFrom(v.ctx, v.c.RealIP(), userName, password, v.station)
	if err == nil && v.who.Token != "" {
		err = s.Gate.LogOut(v.ctx, v.who.Token)
	}
	return session, err
}

// stationName reads the name of this browser's station; "" when it has none, or one that this database does not know.
func (s *server) stationName(v *visit) (name string, err error) {
	if v.station == "" {
		return "", nil
	}
	err = s.Trail.Read(v.ctx, func(r *audit.Reader) (err error) {
		name, err = identity.StationName(v.ctx, r, v.station)
		return err
	})
	if name == "" {
		v.station = ""
	}
	return name, err
}

// register makes a station of an unknown browser, once its first person has given a right password: nobody can fill the plant with stations
// from outside. A wrong password is entered at the server's own station.
func (s *server) register(v *visit, userName, password, station string) error {
	if _, err := identity.ParseStationName(station); err != nil {
		return err
	}
	p, err := s.Gate.Prove(v.ctx, userName, password)
	if err != nil {
		in := audit.Intent{Session: s.Trail.System(), Act: "session.open", Home: identity.StationStream(audit.SystemStation)}
		if p.Person == "" {
			return errors.Join(err, s.Trail.Refuse(v.ctx, in, err))
		}
		in.Also = []audit.Stream{identity.StreamOf(p.Person)}
		return errors.Join(err, s.Trail.RefuseSignature(v.ctx, in, audit.SystemStation, err))
	}
	c := identity.NewStation{ID: audit.NewID(), Name: station}
	in := audit.Intent{
		Session: s.Trail.System(), Act: "station.register", Home: identity.StationStream(c.ID), Also: []audit.Stream{identity.StreamOf(p.Person)},
		Reason: "first log-in of this browser",
	}
	_, err = s.Trail.Change(v.ctx, in, func(tx *audit.Tx) error {
		tx.Note("first person", p.FullName+" ("+p.UserName+")")
		return identity.RegisterStation(context.WithoutCancel(v.ctx), tx, c)
	})
	if err != nil {
		return err
	}
	v.station = c.ID
	return nil
}

func (s *server) logOut(v *visit) error {
	if err := s.Gate.LogOut(v.ctx, v.who.Token); err != nil {
		return err
	}
	s.setCookie(v.c, SessionCookie, "", -1)
	return v.redirect("/login")
}

func (s *server) lock(v *visit) error {
	if err := v.readForm(maxForm); err != nil {
		return err
	}
	if !v.who.Locked {
		if err := s.Gate.Lock(v.ctx, v.who.Token, ""); err != nil {
			return err
		}
	}
	return v.redirect(local(v.form.Get("next")))
}

// showLock is the page of a locked station. It answers 423, which tells the script to keep what was typed and to cover the page instead.
func (v *visit) showLock(why error) error {
	next := v.path()
	if v.form != nil {
		next = local(v.form.Get("next"))
	}
	view := &LockView{Page: v.frame(v.words("Station locked")), Next: next}
	view.Idle, view.Places = 0, nil
	view.Unlock = &Form{ID: "unlock", Action: "/session/unlock"}
	view.Close = &Form{ID: "close", Action: "/session/close"}
	if why != nil {
		view.Refuse(why, view.Unlock, nil)
	}
	return v.show(http.StatusLocked, view)
}

// unlock asks for the password whatever the state of the session: a browser covers its screen before the server has heard of it, and the news
// may be lost on the way. A wrong password at such a screen locks the session.
func (s *server) unlock(v *visit) error {
	if err := v.readForm(maxForm); err != nil {
		return err
	}
	wrong, err := s.uncover(v, v.form.Get("password"))
	switch {
	case err != nil:
		return err
	case wrong != nil:
		return v.showLock(wrong)
	}
	return v.redirect(local(v.form.Get("next")))
}

// uncover unlocks the session with the password; a wrong one at a session that was open locks it.
func (s *server) uncover(v *visit, password string) (wrong, err error) {
	if err := v.mayTry(); err != nil {
		return nil, err
	}
	err = s.Gate.Unlock(v.ctx, v.who.Token, password)
	if kind := fault.KindOf(err); err == nil || kind != fault.Unauthenticated && kind != fault.Invalid && kind != fault.Refused {
		return nil, err
	}
	if v.who.Locked {
		return err, nil
	}
	return err, s.Gate.Lock(v.ctx, v.who.Token, "wrong password at a covered screen")
}

// showFirst shows the form of the first administrator while the plant has no people; afterwards there is only the log-in.
func (s *server) showFirst(v *visit) error {
	exists, err := s.anybody(v)
	if err != nil {
		return err
	}
	if exists {
		return v.redirect("/login")
	}
	return s.firstPage(v, nil)
}

func (s *server) anybody(v *visit) (exists bool, err error) {
	err = s.Trail.Read(v.ctx, func(r *audit.Reader) (err error) {
		exists, err = identity.Anybody(v.ctx, r)
		return err
	})
	return exists, err
}

func (s *server) firstPage(v *visit, why error) error {
	rules, err := s.passwordRules(v)
	if err != nil {
		return err
	}
	view := &FirstView{Page: v.frame(v.words("First administrator")), Rules: rules}
	view.Create = &Form{ID: "first", Action: "/first"}
	if why == nil {
		return v.show(http.StatusOK, view)
	}
	view.Refuse(why, view.Create, v.form)
	return v.show(status[fault.KindOf(why)], view)
}

// createFirst makes the first administrator, with the one-time token that the server printed, and this browser the first station.
func (s *server) createFirst(v *visit) error {
	if err := v.readForm(maxForm); err != nil {
		return err
	}
	f := identity.First{Token: v.form.Get("token"), UserName: v.form.Get("user_name"), FullName: v.form.Get("full_name"), Password: v.form.Get("password")}
	err := sameTwice(v)
	if err == nil {
		_, err = s.Gate.CreateFirst(v.ctx, f)
	}
	switch {
	case fault.KindOf(err) == fault.Internal:
		return err
	case err != nil:
		return s.firstPage(v, err)
	}
	session, err := s.openHere(v)
	if err != nil {
		return v.redirect("/login") // the account exists; only the station's name was not taken
	}
	s.setCookie(v.c, SessionCookie, session.Token, 0)
	return s.welcome(v, session, "/")
}

func sameTwice(v *visit) error {
	name := "password"
	if v.form.Has("new_password") {
		name = "new_password"
	}
	if v.form.Get(name) != v.form.Get("again") {
		return fault.At("again", "The two passwords differ. Type the same one twice.")
	}
	return nil
}

func (s *server) showPassword(v *visit) (View, error) { return s.passwordPage(v, nil) }

func (s *server) passwordPage(v *visit, why error) (View, error) {
	rules, err := s.passwordRules(v)
	if err != nil {
		return nil, err
	}
	view := &PasswordView{Page: v.frame(v.words("New password")), Rules: rules}
	view.Change = &Form{ID: "password", Action: "/session/password"}
	if v.who.MustChange {
		view.Why = v.words("This password has to be changed before you go on.")
	}
	if why != nil {
		view.Refuse(why, view.Change, v.form)
	}
	return view, nil
}

func (s *server) changePassword(v *visit) error {
	if err := v.readForm(maxForm); err != nil {
		return err
	}
	err := sameTwice(v)
	if err == nil {
		err = s.newPassword(v, v.form.Get("password"), v.form.Get("new_password"))
	}
	switch fault.KindOf(err) {
	case "":
		s.setCookie(v.c, noticeCookie, "password.change", 60)
		return s.welcome(v, v.who, "/")
	case fault.Internal:
		return err
	}
	view, drawn := s.passwordPage(v, err)
	if drawn != nil {
		return drawn
	}
	return v.show(status[fault.KindOf(err)], view)
}

// newPassword changes the password of the session's person.
func (s *server) newPassword(v *visit, old, new string) error {
	if err := v.mayTry(); err != nil {
		return err
	}
	err := s.Gate.ChangePassword(v.ctx, v.who.Token, old, new)
	if f := fault.As(err); err != nil && f.Kind == fault.Invalid && f.Field == "password" { // the rules speak of the new one
		return fault.At("new_password", "%s", f)
	}
	return err
}
