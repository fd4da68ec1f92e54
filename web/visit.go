package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/language"
	"veribatch/recipes"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
)

// visit is one request on its way: who asks at which station, what was posted, and the snapshot that the page is read from.
type visit struct {
	s       *server
	c       echo.Context
	ctx     context.Context
	route   Route
	who     identity.Session // zero when nobody is logged in
	station string           // id of the known station; "" for an unknown browser
	form    url.Values       // posted fields, each with exactly one value
	refused *refusal         // the act that this page shows as refused; nil otherwise

	audit.Querier               // the read transaction, while a page is read
	grants        access.Grants // roles of the person with their areas, read in it
	area          string        // to which the subject of the address belongs; "" on pages about the plant or several areas
	alarms        []Alarm       // of the system, read in it, that the person may act on
	tongue        language.Tag  // of the screens, once somebody asked for it
}

// refusal is an act that was refused, with the form that asked for it and what was typed there.
type refusal struct {
	err    error
	typed  url.Values
	action string // where the form posts
	form   string // id of the form, once it is drawn
}

// page reads a view from the visit's read transaction. It is what every GET route names.
type page func(v *visit) (View, error)

func (s *server) visit(c echo.Context) *visit {
	return &visit{s: s, c: c, ctx: c.Request().Context()}
}

// answer runs a route: who is it, may this browser ask at all, then the route's own handler.
func (s *server) answer(route Route) echo.HandlerFunc {
	return func(c echo.Context) error {
		v := s.visit(c)
		v.route = route
		c.Set(actKey, route.Act)
		v.station = s.knownStation(c)
		if err := v.enter(); err != nil {
			return v.turnAway(err)
		}
		if why := v.barred(); why != nil {
			if err := v.refuseHere(why); err != nil {
				return v.turnAway(err)
			}
			if v.who.Locked {
				return v.showLock(nil)
			}
			return v.redirect("/session/password")
		}
		if err := v.addressed(); err != nil {
			return v.fail(err)
		}
		if err := route.handle(v); err != nil {
			return v.turnAway(err)
		}
		return nil
	}
}

// addressed refuses the address of what can be no batch.
func (v *visit) addressed() error {
	if id := v.c.Param("batch"); id != "" && (len(id) != 36 || uuid.Validate(id) != nil) {
		return fault.New(fault.Missing, "There is no such batch. Check the address, or go back and choose again.")
	}
	return nil
}

// enter finds the session. Routes for anyone go on without one.
func (v *visit) enter() error {
	var token string
	var err error = fault.New(fault.Unauthenticated, "Log in first.")
	if cookie, none := v.c.Cookie(v.s.cookieName(v.c, SessionCookie)); none == nil {
		token = cookie.Value
		v.who, err = v.s.Gate.Find(v.ctx, token)
	}
	carried := err == nil && v.station != "" && v.station != v.who.Station
	if carried {
		err = v.elsewhere()
	}
	if err == nil {
		v.station = v.who.Station
		v.c.Set(personKey, v.who.Person)
		return nil
	}
	v.who = identity.Session{}
	switch {
	case v.route.anyone && fault.KindOf(err) == fault.Unauthenticated:
		return nil
	case carried: // entered already
		return err
	}
	return v.shut(token, err)
}

// elsewhere refuses a session that was opened at another station than this browser's: its token was carried here, by a thief or, to have somebody
// work under another person's name, by its owner. The entry names the person of the session.
func (v *visit) elsewhere() error {
	why := fault.New(fault.Unauthenticated, "This session belongs to another station. Log in here.")
	in := audit.Intent{Session: v.s.Trail.System(), Act: "session.open", Home: identity.StationStream(v.station), Also: []audit.Stream{identity.StreamOf(v.who.Person)}}
	return errors.Join(why, v.s.Trail.RefuseAt(v.ctx, in, v.station, why))
}

// turnAway answers what failed: who is not logged in is asked to log in and then comes back, everything else is a fault page.
func (v *visit) turnAway(err error) error {
	if fault.KindOf(err) != fault.Unauthenticated {
		return v.fail(err)
	}
	next := "/"
	if v.c.Request().Method == http.MethodGet {
		next = v.c.Request().URL.RequestURI()
		if v.c.Request().URL.Path == "/" {
			return v.redirect("/login")
		}
	}
	return v.redirect("/login?next=" + url.QueryEscape(next))
}

// read runs a page in one read-only snapshot, after the right to read was looked up in it. A refused read is an entry of the station.
func (v *visit) read(act string, p page) (view View, err error) {
	err = v.s.Trail.Read(v.ctx, func(r *audit.Reader) (err error) {
		v.Querier = r
		defer func() { v.Querier = nil }()
		if err = v.look(act); err != nil {
			return err
		}
		if view, err = p(v); err != nil {
			return err
		}
		v.alarms, err = v.s.alarmsFor(v)
		return err
	})
	why := err
	if hidden := fault.Hidden(err); hidden != nil {
		why = hidden
	}
	if fault.KindOf(why) == fault.Forbidden {
		if v.refusedAlready() {
			return nil, err
		}
		in := audit.Intent{Session: v.who.Token, Act: act, Home: identity.StationStream(v.who.Station), Also: v.subject()}
		return nil, errors.Join(err, v.s.Trail.Refuse(v.ctx, in, why))
	}
	return view, err
}

// grantsNow reads the roles of the person; a machine has its own, in the area of its token.
func (v *visit) grantsNow() (access.Grants, error) {
	if v.who.Machine {
		return access.Grants{{Role: access.Machine, Area: v.who.Area}}, nil
	}
	return access.GrantsOf(v.ctx, v, v.who.Person)
}

// look finds the roles and the area of the page, and refuses who has no right to it. A batch or recipe in an area that the person may not see
// gets the answer of one that does not exist.
func (v *visit) look(act string) (err error) {
	if v.grants, err = v.grantsNow(); err != nil {
		return err
	}
	v.area = ""
	if subject := v.subject(); subject != nil {
		if v.area, err = access.Reads(v.ctx, v, v.who.FullName, v.grants, act, subject[0]); err != nil {
			return err
		}
	}
	if !v.may(act) {
		return fault.New(fault.Forbidden, "You have no right to see this page (%s). Ask your administrator if you need it.", act)
	}
	return nil
}

// refusedAlready tells whether this request left its entry as a refused act: the page that is then drawn again is no second attempt.
func (v *visit) refusedAlready() bool {
	return v.refused != nil && (fault.KindOf(v.refused.err) == fault.Forbidden || fault.Hidden(v.refused.err) != nil)
}

// subject names the batch or recipe that the address is about.
func (v *visit) subject() []audit.Stream {
	if id := v.c.Param("batch"); uuid.Validate(id) == nil {
		return []audit.Stream{audit.Stream("batch/" + id)}
	}
	if id := v.c.Param("version"); id != "" {
		return []audit.Stream{recipes.StreamOf(id)}
	}
	return nil
}

// may tells whether the person has the right to an act, by the roles read in this snapshot: in the area of the page, or in any.
func (v *visit) may(act string) bool {
	if v.who.Machine && !slices.Contains(v.who.Acts, act) {
		return false
	}
	if v.area == "" {
		return v.grants.Anywhere(act)
	}
	return v.grants.May(act, v.area)
}

// frame gives the part that all pages share.
func (v *visit) frame(title string) Page {
	p := Page{Language: v.language(), Title: title, Demo: len(v.s.Demo) > 0, Station: v.who.StationName, Idle: v.who.Idle, Path: v.path(), Now: v.s.Trail.Now(), Notice: v.notice(), Dark: v.dark()}
	if v.who.Person != "" {
		p.Person = &Person{UserName: v.who.UserName, FullName: v.who.FullName}
		p.Person.Roles = v.grants.Words()
		p.Places = Places(v.c.Request().URL.Path, v.grants.Anywhere)
	}
	return p
}

// language is that of the screens, as configured. The API speaks to programs and stays in English; so does a page that cannot ask the database.
func (v *visit) language() language.Tag {
	switch {
	case v.tongue != "":
	case strings.HasPrefix(v.c.Request().URL.Path, "/api/"):
		v.tongue = language.English
	case v.who.Person != "":
		v.tongue = v.who.Settings.Language.Tag()
	default:
		v.tongue = language.English
		if settings, err := v.s.settings(v); err == nil {
			v.tongue = settings.Language.Tag()
		}
	}
	return v.tongue
}

// words says a text of the program in the language of the screens.
func (v *visit) words(english string, args ...any) string { return v.language().Say(english, args...) }

// roleWords prints the name of a role as people say it.
func (v *visit) roleWords(role string) string { return roleWords(v.language(), role) }

// path is the GET address to which an unlock or a log-in returns. A refused form stands at the address of its page.
func (v *visit) path() string {
	if v.c.Request().Method == http.MethodGet {
		return v.c.Request().URL.RequestURI()
	}
	if back, err := url.Parse(v.c.Request().Referer()); err == nil && back.Host == v.c.Request().Host {
		return local(back.RequestURI())
	}
	return "/"
}

// local keeps a return address on this server: anything else becomes the home page.
func local(address string) string {
	if !strings.HasPrefix(address, "/") || strings.HasPrefix(address, "//") || strings.ContainsAny(address, "\\\r\n\t") {
		return "/"
	}
	return address
}

// fill completes a form: when it is the one whose act was refused, with what was typed and what is wrong.
func (v *visit) fill(f Form) Form {
	if r := v.refused; r != nil && r.action == f.Action && r.form == "" {
		scratch := Page{Language: v.language()}
		scratch.Refuse(r.err, &f, r.typed)
		r.form = f.ID
	}
	return f
}

// offer gives a form when the person has the right to its act and the state allows it, nil (no button) otherwise.
func (v *visit) offer(allowed bool, act string, f Form) *Form {
	if !allowed || !v.may(act) {
		return nil
	}
	f = v.fill(f)
	return &f
}

// show draws a view; the refused act, if any, stands in its message area with a link to the field.
func (v *visit) show(code int, view View) error {
	if r := v.refused; r != nil {
		f := fault.As(r.err)
		at := Fault{Message: f.In(v.language())}
		if f.Field != "" && r.form != "" {
			at.Field = r.form + "-" + f.Field
		}
		if page := view.Frame(); !slices.Contains(page.Faults, at) {
			page.Faults = append(page.Faults, at)
		}
	}
	view.Frame().Alarms = v.alarms
	header := v.c.Response().Header()
	header.Set(echo.HeaderContentType, echo.MIMETextHTMLCharsetUTF8)
	var b strings.Builder
	if err := v.s.pages.Render(&b, view); err != nil {
		if _, again := view.(*ErrorView); again {
			return err
		}
		return v.fail(err)
	}
	return v.c.HTML(code, b.String())
}

// redirect answers a POST with the page to look at next; a reload then repeats nothing.
func (v *visit) redirect(to string) error { return v.c.Redirect(http.StatusSeeOther, to) }
