package web

import (
	"net/http"
	"strings"
)

// Route is one address of the site. Act is the one word that policy.csv, the trail, the requirements and the acceptance scripts use too.
type Route struct {
	Method, Path, Act string

	handle func(v *visit) error
	anyone bool // needs no session
	locked bool // works while the station is locked
	large  bool // takes a recipe text
}

// routes is the whole site on one page.
func (s *server) routes() []Route {
	r := &table{s: s}

	r.open(http.MethodGet, "/login", "session.open", s.showLogin)
	r.open(http.MethodPost, "/login", "session.open", s.logIn)
	r.open(http.MethodGet, "/first", "person.create", s.showFirst)
	r.open(http.MethodPost, "/first", "person.create", s.createFirst)
	r.session("/session/lock", "session.lock", s.lock)
	r.session("/session/unlock", "session.unlock", s.unlock)
	r.session("/session/close", "session.close", s.logOut)
	r.get("/session/password", "password.change", s.showPassword)
	r.post("/session/password", "password.change", s.changePassword)

	return r.list()
}

// table collects the routes.
type table struct {
	s     *server
	lines []*Route
}

func (t *table) add(r Route) *Route {
	t.lines = append(t.lines, &r)
	return &r
}

// open adds a route that needs no session.
func (t *table) open(method, path, act string, h func(*visit) error) {
	t.add(Route{Method: method, Path: path, Act: act, handle: h, anyone: true})
}

// session adds an act on the session itself, which works while the station is locked.
func (t *table) session(path, act string, h func(*visit) error) {
	t.add(Route{Method: http.MethodPost, Path: path, Act: act, handle: h, locked: true})
}

// get adds a page: the right to its act is asked in the snapshot in which the page is read.
func (t *table) get(path, act string, p page) *Route {
	return t.add(Route{Method: http.MethodGet, Path: path, Act: act, handle: func(v *visit) error {
		view, err := v.read(act, p)
		if err != nil {
			return err
		}
		return v.show(http.StatusOK, view)
	}})
}

// post adds an act. Its right is asked by audit.Trail.Check inside the transaction, for the session's person or for the signer.
func (t *table) post(path, act string, h func(*visit) error) *Route {
	return t.add(Route{Method: http.MethodPost, Path: path, Act: act, handle: h})
}

func (t *table) list() []Route {
	routes := make([]Route, len(t.lines))
	for i, r := range t.lines {
		routes[i] = *r
	}
	return routes
}

// limit gives the most bytes that the route takes.
func (r Route) limit() int64 {
	if r.large {
		return maxRecipe
	}
	return maxForm
}

// own tells whether the route is about the session itself; it then works before a due change of password.
func (r Route) own() bool { return r.anyone || strings.HasPrefix(r.Path, "/session/") }

// Routes lists the site for the rules of the house: every address with its act.
func Routes() []Route { return (&server{}).routes() }
