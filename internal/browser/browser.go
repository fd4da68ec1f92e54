// Package browser drives a real Chromium for tests: one process per test binary, one tab per test, and a test fails on any
// console error, exception or violation of the content security policy that it did not announce.
// It owns no page and no server; the browser tests stand in web/browser.
// Start reading at Start, then Tab.
package browser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long one step of a browser test may take before it counts as failed; a slow machine needs seconds, a stuck page for ever.
const patience = 40 * time.Second

var chromium struct {
	once  sync.Once
	ctx   context.Context
	close func()
	err   error
}

// Run runs the tests of a package and ends the browser afterwards; TestMain of every package with browser tests calls it.
func Run(m *testing.M) int {
	code := m.Run()
	if chromium.close != nil {
		chromium.close()
	}
	return code
}

// Tab is one tab of the browser, with its own cookies, as one person at one station has it.
type Tab struct {
	t       testing.TB
	ctx     context.Context
	mu      sync.Mutex
	found   []string
	allowed []string
}

// Start opens a tab in a browser context of its own and closes it with the test. The test fails when Chromium is missing.
func Start(t testing.TB) *Tab {
	t.Helper()
	chromium.once.Do(func() { chromium.ctx, chromium.close, chromium.err = launch() })
	if chromium.err != nil {
		t.Fatalf("browser: %v", chromium.err)
	}
	return open(t, chromium.ctx)
}

// open opens a tab in a running browser.
func open(t testing.TB, of context.Context) *Tab {
	t.Helper()
	tab := &Tab{t: t}
	ctx, cancel := chromedp.NewContext(of, chromedp.WithNewBrowserContext(), chromedp.WithListener(tab.listen))
	tab.ctx = ctx
	if err := chromedp.Do(ctx); err != nil {
		cancel()
		t.Fatalf("browser: open a tab: %v", err)
	}
	t.Cleanup(func() {
		tab.Check()
		cancel()
	})
	return tab
}

// launch starts a browser.
func launch(more ...chromedp.ExecAllocatorOption) (ctx context.Context, end func(), err error) {
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		return nil, nil, errors.New("no chromium in PATH; `make test` installs it (Debian: apt-get install chromium)")
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("lang", "en-GB"), chromedp.Env("TZ=UTC"),
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(options, more...)...)
	ctx, cancel := chromedp.NewContext(allocator)
	return ctx, func() { cancel(); stop() }, chromedp.Do(ctx)
}

// listen collects what a person with the developer tools open would see in red.
func (b *Tab) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.add("exception: " + exception(e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			var words []string
			for _, a := range e.Args {
				words = append(words, string(a.Value)+a.Description)
			}
			b.add("console: " + strings.Join(words, " "))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			b.add(fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	}
}

func exception(d *runtime.ExceptionDetails) string {
	if d.Exception != nil && d.Exception.Description != "" {
		return d.Exception.Description
	}
	return d.Text
}

func (b *Tab) add(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.found = append(b.found, what)
}

// Allow announces a console error that the test provokes on purpose, by a part of its text ("status of 422").
func (b *Tab) Allow(part string) { b.allowed = append(b.allowed, part) }

// Check fails the test on everything found so far that was not announced.
func (b *Tab) Check() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
next:
	for _, f := range b.found {
		for _, a := range b.allowed {
			if strings.Contains(f, a) {
				continue next
			}
		}
		b.t.Errorf("browser: %s", f)
	}
	b.found = nil
}

// Do runs browser actions; the test stops when one fails or takes longer than patience.
func (b *Tab) Do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	Get(b, chromedp.Steps(steps...))
}

// Get runs one browser action and gives its value.
func Get[T any](b *Tab, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		b.keep()
		b.t.Fatalf("browser: %v", err)
	}
	return v
}

// Size sets the window, in CSS pixels.
func (b *Tab) Size(width, height int64) {
	b.t.Helper()
	b.Do(chromedp.EmulateViewport(width, height))
}

// Open goes to an address and waits for the page's content.
func (b *Tab) Open(url string) {
	b.t.Helper()
	b.Do(chromedp.Navigate(url), chromedp.WaitReady(chromedp.CSS("body")))
}

// Cookie gives the browser a cookie for the site; an empty value takes it away.
func (b *Tab) Cookie(site, name, value string) {
	b.t.Helper()
	b.Do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) (err error) {
		if value == "" {
			_, err = chromedp.Call(ctx, network.DeleteCookies, network.DeleteCookiesParams{Name: name, URL: site})
		} else {
			_, err = chromedp.Call(ctx, network.SetCookie, network.SetCookieParams{Name: name, Value: value, URL: site})
		}
		return err
	}))
}

// Value evaluates a script expression; a promise is awaited.
func Value[T any](b *Tab, script string) T {
	b.t.Helper()
	return Get(b, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
}

// pictures is the folder for pictures, "" when nobody wants them.
func pictures() string { return os.Getenv("VERIBATCH_PICTURES") }

// Picture writes a PNG of what the screen shows when VERIBATCH_PICTURES names a folder.
func (b *Tab) Picture(name string) {
	b.t.Helper()
	if pictures() == "" {
		return
	}
	b.write(name, Get(b, chromedp.CaptureScreenshot()))
}

// WholePicture writes a PNG of the whole page, however long; what is fixed on the screen stands where it belongs in the page.
func (b *Tab) WholePicture(name string) {
	b.t.Helper()
	if pictures() == "" || Value[int](b, `document.documentElement.scrollHeight`) > 12000 { // Chromium draws no longer ones
		return
	}
	b.Do(chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("body *").forEach(e => {
		if (getComputedStyle(e).position === "fixed") e.style.position = "static";
	})`))
	b.write(name, Get(b, chromedp.FullScreenshot(100)))
}

// Print prints the page on A4 and gives the words of each sheet; pdftotext reads them. The PDF is kept beside the pictures.
func (b *Tab) Print(name string) (sheets []string) {
	b.t.Helper()
	var done page.PrintToPDFResult
	b.Do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) (err error) {
		yes := true
		done, err = chromedp.Call(ctx, page.PrintToPDF, page.PrintToPDFParams{PreferCSSPageSize: &yes})
		return err
	}))
	if pictures() != "" {
		if err := os.WriteFile(filepath.Join(pictures(), name+".pdf"), done.Data, 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
	read := exec.Command("pdftotext", "-layout", "-", "-")
	read.Stdin = bytes.NewReader(done.Data)
	text, err := read.Output()
	if err != nil {
		b.t.Fatalf("pdftotext: %v", err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\f"), "\f")
}

func (b *Tab) write(name string, png []byte) {
	b.t.Helper()
	if err := os.MkdirAll(pictures(), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(pictures(), name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// keep saves a picture of the moment of failure, as far as the tab still answers.
func (b *Tab) keep() {
	if pictures() == "" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	if png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot()); err == nil {
		b.write("failed-"+strings.ReplaceAll(b.t.Name(), "/", "-"), png)
	}
}
