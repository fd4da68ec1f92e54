package web

import (
	"cmp"
	"maps"
	"net/http"
	"net/netip"
	"slices"
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

// tries counts what each client sends without a session that vouches for it: passwords, right or wrong and whatever the name, so that it tells
// nobody which names exist. It slows down whoever tries many names from one place; the lock-out of accounts is the gate's.
type tries struct {
	perMinute int // 0 is without limit

	mu      sync.Mutex
	clients map[netip.Prefix]*patience
}

type patience struct {
	*rate.Limiter
	lost bool // refused, and the trail knows
}

// mostClients bounds the memory. Beyond it, the tenth that has most tries left is forgotten: whoever comes from many addresses frees none that is used up.
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
	if t.clients == nil {
		t.clients = map[netip.Prefix]*patience{}
	}
	if len(t.clients) < mostClients {
		return
	}
	left, now := map[netip.Prefix]float64{}, time.Now()
	for key, p := range t.clients {
		left[key] = p.TokensAt(now)
	}
	byLeft := slices.SortedFunc(maps.Keys(left), func(a, b netip.Prefix) int { return cmp.Compare(left[b], left[a]) })
	for _, key := range byLeft[:mostClients/10] {
		delete(t.clients, key)
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
