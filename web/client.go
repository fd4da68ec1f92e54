package web

import (
	"net"
	"net/http"
	"net/netip"
	"sync"

	"github.com/labstack/echo/v4"
)

// addressOf tells from which machine a request comes. A forwarded address counts only when a proxy that was named at the start sent it:
// anybody else can write what they like into the header.
func addressOf(proxies []netip.Prefix) echo.IPExtractor {
	if len(proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range proxies {
		trust = append(trust, echo.TrustIPRange(&net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}))
	}
	return echo.ExtractIPFromXFFHeader(trust...)
}

// secure tells whether the browser speaks TLS: to this server, or to a named proxy that says so.
func (s *server) secure(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get(echo.HeaderXForwardedProto) == "https" && s.fromProxy(r)
}

func (s *server) fromProxy(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	for _, p := range s.Proxies {
		if p.Contains(peer.Addr().Unmap()) {
			return true
		}
	}
	return false
}

// strangers remembers who forwards for others without having been named, so that the log says it once of each.
type strangers struct {
	mu   sync.Mutex
	seen map[netip.Addr]bool
}

// mostStrangers is of how many the log speaks; anybody can write the header. Who begins with a hundred addresses of their own keeps a later one out of the log,
// and out of nothing else: a header that is not believed has no effect, and the hundred lines are there to be seen.
const mostStrangers = 100

// unnamed tells the log about a server in front of this one that nobody named: all stations behind it count as one client.
func (s *server) unnamed(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && r.Header.Get(echo.HeaderXForwardedFor) != "" && !s.fromProxy(r) && s.strangers.news(peer.Addr().Unmap()) {
			s.Log.WarnContext(r.Context(), "ALARM: requests are forwarded by a server that is not named with --proxy; all stations behind it count as one client", "address", peer.Addr().Unmap().String())
		}
		return next(c)
	}
}

func (k *strangers) news(a netip.Addr) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.seen[a] || len(k.seen) >= mostStrangers {
		return false
	}
	if k.seen == nil {
		k.seen = map[netip.Addr]bool{}
	}
	k.seen[a] = true
	return true
}
