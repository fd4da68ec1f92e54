package web

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures"
	"veribatch/signatures/identity"
	"veribatch/signatures/keyring"
)

// Config is what the screens need from the program around them.
type Config struct {
	Trail   *audit.Trail    // the only way to the database; required
	Gate    *identity.Gate  // log-in and sessions; required
	Desk    signatures.Desk // passwords into signing tickets; required
	Keyring *keyring.File   // the site key, which also marks the cookies of known stations; required
	Log     *slog.Logger    // incidents and starts, never values of a record; required
	Site    string          // name of the plant, on reports
	Version string          // of the program, on reports
	Zone    *time.Location  // zone in which times are shown and typed; nil = local
	TLS     bool            // the server speaks TLS: cookies are marked Secure
	Alarms  []AlarmSource   // what is abnormal about the server itself: backup, certificate, jobs; open incidents are added by New
	Demo    []DemoPerson    // people of the demo plant, listed at the log-in; with them every page carries the demo banner
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
	pages  *Pages
	alarms []AlarmSource
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
	s := &server{Config: cfg, pages: pages, alarms: append([]AlarmSource{incidentAlarm}, cfg.Alarms...)}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = echo.ExtractIPDirect() // a forwarded address can be forged by anyone (GHSA-246p-cpwv-v3jq)
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		if !c.Response().Committed {
			_ = s.visit(c).fail(err)
		}
	}
	e.Use(recovered, headers, within(requestTime))
	e.GET("/static/:file", echo.WrapHandler(Static()))
	e.GET("/static/dist/:file", echo.WrapHandler(Static()))
	routes := s.routes()
	for _, route := range list(routes.lines) {
		e.Add(route.Method, route.Path, s.answer(route))
	}
	for _, route := range list(routes.operations) {
		e.Add(route.Method, route.Path, s.serve(route))
	}
	return s.sameOrigin(e), nil
}

// headers sets the security headers on every answer, also on refusals.
func headers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		Headers(c.Response().Header())
		return next(c)
	}
}

// within bounds a request. A change that has begun is finished all the same: audit.Trail.Change detaches itself.
func within(limit time.Duration) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			ctx, cancel := context.WithTimeout(c.Request().Context(), limit)
			defer cancel()
			c.SetRequest(c.Request().WithContext(ctx))
			return next(c)
		}
	}
}

// sameOrigin refuses forms that another site sends in the name of a logged-in person.
func (s *server) sameOrigin(e *echo.Echo) http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Headers(w.Header())
		c := e.NewContext(r, w)
		_ = s.visit(c).fail(fault.New(fault.Forbidden, "This form came from another site and was not accepted. Open the page here and enter it again."))
	}))
	return guard.Handler(e)
}
