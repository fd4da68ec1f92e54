package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"veribatch/audit"
	"veribatch/audit/merkle"
	"veribatch/ebr/export"
	"veribatch/ebr/quality"
	"veribatch/internal/fault"
	"veribatch/signatures"
	"veribatch/signatures/identity"
	"veribatch/signatures/keyring"
)

// Config is what the screens need from the program around them.
type Config struct {
	Trail     *audit.Trail                // the only way to the database; required
	Gate      *identity.Gate              // log-in and sessions; required
	Desk      signatures.Desk             // passwords into signing tickets; required
	Keyring   *keyring.File               // the site key, which also marks the cookies of known stations; required
	Log       *slog.Logger                // incidents and starts, never values of a record; required
	Documents *keyring.Document           // signs the prints of exports; nil = they are not signed
	Site      string                      // name of the plant, on reports
	Version   string                      // of the program, on reports
	Zone      *time.Location              // zone in which times are shown and typed; nil = local
	Alarms    []AlarmSource               // what is abnormal about the server itself: backup, certificate, jobs; open incidents are added by New
	Proxies   []netip.Prefix              // servers in front of this one whose word about client and protocol counts
	Tries     int                         // passwords a minute that one client may send; 0 = without limit
	Heads     func(context.Context) error // logs a leaf over all streams, for an export; nil = a sequencer of its own does
	Demo      []DemoPerson                // people of the demo plant, listed at the log-in; with them every page carries the demo banner

	Observe func(context.Context, Observation) // is told of every answered request; nil = nobody is

	Incident func(quality.Incident) // keeps a failure of our own; it must not wait. nil: the log alone has it
}

// Limits of a request.
const (
	maxForm     = 64 << 10 // bytes of a form
	maxRecipe   = 1 << 20  // bytes of a recipe import
	requestTime = 20 * time.Second
)

// server answers requests. It holds no state of its own: sessions, stations and request keys stand in the database.
type server struct {
	Config
	pages    *Pages
	alarms   []AlarmSource
	tries    tries           // of passwords
	outside  tries           // of anything else without a session
	patterns map[string]bool // of the addresses that exist
	exports  *export.Exporter

	strangers strangers
}

// New builds the whole site. It fails only when a template does not parse.
func New(cfg Config) (http.Handler, error) {
	if cfg.Zone == nil {
		cfg.Zone = time.Local
	}
	pages, err := NewPages(cfg.Zone)
	if err != nil {
		return nil, err
	}
	s := &server{Config: cfg, pages: pages, alarms: slices.Concat(StandingAlarms(cfg.Trail), cfg.Alarms), tries: tries{perMinute: cfg.Tries}, outside: tries{perMinute: outsidePerMinute}, patterns: map[string]bool{}}
	if cfg.Heads == nil {
		cfg.Heads = (&merkle.Sequencer{Trail: cfg.Trail}).AppendHeads
	}
	s.exports = &export.Exporter{Trail: cfg.Trail, Heads: cfg.Heads, Key: cfg.Desk.Sealer().ID()}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = addressOf(cfg.Proxies) // a forwarded address can be forged by anyone (GHSA-246p-cpwv-v3jq)
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		if !c.Response().Committed {
			_ = s.visit(c).fail(err)
		}
	}
	e.Use(s.observed, recovered, s.unnamed, s.headers, bounded, s.sameOrigin(), within(requestTime))
	for _, folder := range []string{"/static/", "/static/dist/"} {
		e.GET(folder+":file", asset(Static()))
	}
	routes := s.routes()
	for _, route := range list(routes.lines) {
		e.Add(route.Method, route.Path, s.answer(route))
	}
	operations := list(routes.operations)
	for _, route := range operations {
		e.Add(route.Method, route.Path, s.serve(route))
		if route.Method == http.MethodGet {
			e.HEAD(route.Path, s.serve(route))
		}
	}
	s.descriptionRoutes(e, operations)
	for _, route := range e.Routes() {
		s.patterns[route.Path] = true
	}
	return e, nil
}

// asset serves one file; the folder itself is no page.
func asset(files http.Handler) echo.HandlerFunc {
	return func(c echo.Context) error {
		if strings.HasSuffix(c.Request().URL.Path, "/") {
			return echo.ErrNotFound
		}
		files.ServeHTTP(c.Response(), c.Request())
		return nil
	}
}

// headers sets the security headers on every answer, also on refusals.
func (s *server) headers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		Headers(c.Response().Header())
		if s.secure(c.Request()) { // over plain HTTP anybody on the way could have written it, and browsers ignore it
			c.Response().Header().Set(echo.HeaderStrictTransportSecurity, "max-age=31536000")
		}
		return next(c)
	}
}

// within bounds a request. A change that has begun is finished all the same: audit.Trail.Change detaches itself.
func within(limit time.Duration) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			whole := c.Request()
			ctx, cancel := context.WithTimeout(whole.Context(), limit)
			defer func() { cancel(); c.SetRequest(whole) }() // the fault page comes after it
			c.SetRequest(whole.WithContext(ctx))
			return next(c)
		}
	}
}

// sameOrigin refuses forms that another site sends in the name of a logged-in person.
func (s *server) sameOrigin() echo.MiddlewareFunc {
	guard := http.NewCrossOriginProtection()
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := guard.Check(c.Request()); err != nil {
				return fault.New(fault.Forbidden, "This form came from another site and was not accepted. Open the page here and enter it again.").Because(err)
			}
			return next(c)
		}
	}
}
