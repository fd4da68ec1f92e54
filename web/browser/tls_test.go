package browser_test

import (
	"crypto/tls"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"

	"veribatch/internal/browser"
	"veribatch/internal/certificate"
)

// TestATrustingBrowserComesByTLS: where the server's own authority was imported, the browser opens the site without a warning, every cookie keeps
// to TLS and to this host, and the site says to come with TLS only. A browser without it refuses, and one that comes under another name too.
func TestATrustingBrowserComesByTLS(t *testing.T) {
	p := newShop(t)
	folder := t.TempDir()
	keeper, err := certificate.Own(folder, []string{"127.0.0.1", "plant7"})
	if err != nil {
		t.Fatal(err)
	}
	p.server.Close()
	p.server = httptest.NewUnstartedServer(p.wire)
	p.server.Listener = tls.NewListener(p.server.Listener, keeper.Config()) // StartTLS would answer with a certificate of its own
	p.server.Start()
	t.Cleanup(p.server.Close)
	p.server.URL = strings.Replace(p.server.URL, "http:", "https:", 1)

	stranger := browser.Start(t)
	stranger.Allow("ERR_CERT")
	if why := stranger.Refuses(p.server.URL); !strings.Contains(why, "ERR_CERT_AUTHORITY_INVALID") {
		t.Errorf("a browser that does not know the authority: %q", why)
	}

	s := &seat{Tab: browser.StartTrusting(t, filepath.Join(folder, certificate.AuthorityFile)), t: t, shop: p, name: "Bench 1"}
	s.Allow("ERR_CERT")
	if why := s.Refuses(strings.Replace(p.server.URL, "127.0.0.1", "localhost", 1)); !strings.Contains(why, "ERR_CERT_COMMON_NAME_INVALID") {
		t.Errorf("under a name that the certificate does not have: %q", why)
	}
	s.Size(1024, 768)
	s.Open(p.server.URL)
	s.logIn(p.olga)
	cookies := map[string]*network.Cookie{}
	for _, c := range s.Cookies() {
		cookies[c.Name] = c
		if !c.Secure || !c.HTTPOnly || c.SameSite != network.CookieSameSiteStrict || c.Path != "/" || c.Domain != "127.0.0.1" {
			t.Errorf("cookie %s: %+v", c.Name, c)
		}
	}
	if cookies["__Host-session"] == nil || cookies["__Host-station"] == nil {
		t.Errorf("cookies: %v", cookies)
	}
	equal(t, "HSTS", browser.Value[string](s.Tab, `fetch(location.href).then(a => a.headers.get("Strict-Transport-Security"))`), "max-age=31536000")
	equal(t, "secure to scripts", browser.Value[bool](s.Tab, `isSecureContext && location.protocol === "https:"`), true)
}
