package web

import (
	"context"
	"time"

	"github.com/labstack/echo/v4"
)

// Observation is what the log and the metrics may know about one answered request: which route, never its address or what it carried.
type Observation struct {
	Request string // number of the request; the browser gets it in X-Request-Id
	Method  string
	Route   string // "/batches/:batch"; "" when there is no such page
	Act     string // of the route; "" when nobody came so far
	Person  string // id of who was logged in; "" for nobody
	Client  string // address
	Status  int
	Took    time.Duration
}

// statusGone is logged when the browser went away before its answer; it hears no words.
const statusGone = 499

const personKey, actKey = "observed person", "observed act"

// observed tells Config.Observe of every request, also of those that are refused at the door.
func (s *server) observed(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := time.Now()
		o := Observation{Request: newReference(), Method: c.Request().Method, Client: c.RealIP()}
		c.Response().Header().Set(echo.HeaderXRequestID, o.Request)
		if err := next(c); err != nil {
			c.Error(err)
		}
		if s.Observe == nil {
			return nil
		}
		o.Status, o.Took = c.Response().Status, time.Since(began)
		o.Act, _ = c.Get(actKey).(string)
		o.Person, _ = c.Get(personKey).(string)
		if s.patterns[c.Path()] {
			o.Route = c.Path()
		}
		s.Observe(context.WithoutCancel(c.Request().Context()), o)
		return nil
	}
}

// gone answers nobody: the browser went away, which is no failure of ours. One that only stopped sending reads that it was not understood.
func (v *visit) gone() error { return v.c.NoContent(statusGone) }
