package web

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/identity"
)

// bounded refuses what no page of ours sends, before anybody reads it: compressed bodies (a few bytes could become gigabytes) and more bytes
// than the largest form.
func bounded(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if coding := r.Header.Get(echo.HeaderContentEncoding); coding != "" && coding != "identity" {
			return &unread{http.StatusUnsupportedMediaType, fault.New(fault.Invalid, "A compressed request is not taken. Send it as it is.")}
		}
		r.Body = http.MaxBytesReader(c.Response(), r.Body, maxRecipe+maxForm)
		return next(c)
	}
}

// tries counts the passwords that each client sends, right or wrong and whatever the name, so that it tells nobody which names exist. It
// slows down whoever tries many names from one place; the lock-out of accounts is the gate's.
type tries struct {
	perMinute int // 0 is without limit

	mu      sync.Mutex
	clients map[netip.Prefix]*patience
}

type patience struct {
	*rate.Limiter
	lost bool // refused, and the trail knows
}

// mostClients bounds the memory: beyond it, clients that have been quiet are forgotten, and then all.
const mostClients = 10_000

// take tells whether the client may send one more password now, and whether it is the first one refused after a good one.
func (t *tries) take(client string) (allowed, news bool) {
	if t.perMinute == 0 {
		return true, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	key := network(client)
	p := t.clients[key]
	if p == nil {
		t.makeRoom()
		p = &patience{Limiter: rate.NewLimiter(rate.Limit(t.perMinute)/60, t.perMinute)}
		t.clients[key] = p
	}
	allowed = p.Allow()
	news = !allowed && !p.lost
	p.lost = !allowed
	return allowed, news
}

func (t *tries) makeRoom() {
	if len(t.clients) >= mostClients {
		for key, p := range t.clients {
			if p.TokensAt(time.Now()) >= float64(t.perMinute) {
				delete(t.clients, key)
			}
		}
	}
	if t.clients == nil || len(t.clients) >= mostClients {
		t.clients = map[netip.Prefix]*patience{}
	}
}

// network is what one client can have many addresses of: a /64 of IPv6.
func network(client string) netip.Prefix {
	a, err := netip.ParseAddr(client)
	if err != nil {
		return netip.Prefix{}
	}
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
}

// mayTry bounds the passwords of one client. The first one refused is an entry; the others are only counted, so that nobody can flood the
// trail from outside.
func (v *visit) mayTry() error {
	allowed, news := v.s.tries.take(v.c.RealIP())
	if allowed {
		return nil
	}
	why := fault.New(fault.TooMany, "Too many passwords came from this station in a short time. Wait a minute, then try again.")
	if !news {
		return why
	}
	in := audit.Intent{Session: v.s.Trail.System(), Act: "session.open", Home: identity.StationStream(audit.SystemStation)}
	if err := v.s.Trail.RefuseSignature(v.ctx, in, audit.SystemStation, fault.New(fault.TooMany, "Too many passwords from %s in a short time.", v.c.RealIP())); err != nil {
		return err
	}
	return why
}
