package browser

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// StartTrusting opens a tab in a browser of its own, in whose profile somebody has imported the authority, a PEM file, as IT does at a station.
func StartTrusting(t testing.TB, authority string) *Tab {
	t.Helper()
	home := t.TempDir()
	store := filepath.Join(home, ".pki", "nssdb")
	if err := os.MkdirAll(store, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-N", "--empty-password"}, {"-A", "-n", "authority", "-t", "C,,", "-i", authority}} {
		if out, err := exec.Command("certutil", append([]string{"-d", "sql:" + store}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("certutil, which `make test` installs (Debian: apt-get install libnss3-tools): %v %s", err, out)
		}
	}
	ctx, end, err := launch(chromedp.Env("HOME=" + home))
	if err != nil {
		t.Fatalf("browser: %v", err)
	}
	t.Cleanup(end)
	return open(t, ctx)
}

// Refuses gives the browser's own words when it does not open the address; "" when it opens it.
func (b *Tab) Refuses(url string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Navigate(url))
	if err == nil {
		return ""
	}
	return strings.TrimSpace(err.Error())
}

// Cookies gives the cookies that the browser has for the page.
func (b *Tab) Cookies() (found []*network.Cookie) {
	b.t.Helper()
	b.Do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		got, err := chromedp.Call(ctx, network.GetCookies, network.GetCookiesParams{})
		found = got.Cookies
		return err
	}))
	return found
}
