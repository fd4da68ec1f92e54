package browser_test

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"veribatch/internal/browser"
	"veribatch/signatures/access"
	"veribatch/signatures/signtest"
	"veribatch/web"
)

// screen is a size of the window in CSS pixels.
type screen struct {
	name          string
	width, height int64
	scale         float64
}

// The two tablets, and what is left of each when the page is shown twice as large.
var (
	tablets  = []screen{{"1280", 1280, 800, 1}, {"1024", 1024, 768, 1}}
	enlarged = []screen{{"1280-enlarged", 640, 400, 2}, {"1024-enlarged", 512, 384, 2}}
)

// TestEveryPage asks for every address of the site as every role that may see it, and looks at what comes in Chromium: at both sizes of
// tablets and at both enlarged to 200 %, in bright colours and (in a long run; the gallery does it too) those of the dark room, with axe-core without exclusions, and with
// everything that is folded away unfolded. In a short run a page is opened as the role with the most rights, whose page has most on it, and
// the others only get it; with VERIBATCH_LONG every page opens for everyone, axe looks at each that differs, and Tab walks through the one with the most on it.
func TestEveryPage(t *testing.T) {
	start := time.Now()
	p := newTour(t)
	t.Logf("plant after %s", time.Since(start).Round(time.Second))
	l := &looker{t: t, tour: p, tab: browser.Start(t), long: os.Getenv("VERIBATCH_LONG") != "", seen: map[[32]byte]bool{}}
	routes := append(web.Routes(), web.Route{Method: http.MethodGet, Path: "/api/v1/reference"})
	for _, r := range routes {
		if r.Method == http.MethodGet && r.Path != "/first" { // which opens once, before there are people: TestFirstPage
			l.route(r)
		}
	}
	t.Logf("%d requests, %d pages opened, %d examined in %s, of which keys took %s", l.asked, l.opened, l.examined, time.Since(start).Round(time.Second), l.walked.Round(time.Second))
}

// TestFirstPage: the page of an empty plant.
func TestFirstPage(t *testing.T) {
	p := &tour{shop: shopIn(t, signtest.Empty(t))}
	l := &looker{t: t, tour: p, tab: browser.Start(t), seen: map[[32]byte]bool{}}
	l.look("/first", "first", true)
}

// looker walks through a plant with one tab of the browser.
type looker struct {
	*tour
	t    *testing.T
	tab  *browser.Tab
	long bool
	seen map[[32]byte]bool

	asked, opened, examined int
	walked                  time.Duration
}

// route asks for the addresses of a route as everybody who may, those with the most rights first.
func (l *looker) route(r web.Route) {
	who := l.readers(r.Act)
	if strings.HasPrefix(r.Path, "/login") || strings.HasPrefix(r.Path, "/enrol") || strings.HasPrefix(r.Path, "/api/") {
		who = []access.Role{"anybody"}
	}
	for n, address := range l.addresses(r.Path) {
		for i, role := range who {
			richest := i == 0
			name := strings.Trim(strings.NewReplacer("/", "-", ":", "").Replace(r.Path), "-")
			l.page(address, fmt.Sprintf("%s-%d-%s", cmp.Or(name, "home"), n, cmp.Or(role, "no-role")), role, richest)
		}
	}
}

// readers are the roles that may do the act, those with the most rights first; "" is a person without a role.
func (l *looker) readers(act string) (who []access.Role) {
	for role := range l.roles {
		var held []access.Role
		if role != "" {
			held = []access.Role{role}
		}
		if access.Allowed(held, act) {
			who = append(who, role)
		}
	}
	slices.SortFunc(who, func(a, b access.Role) int {
		return cmp.Or(cmp.Compare(len(access.ActsOf(b)), len(access.ActsOf(a))), cmp.Compare(a, b))
	})
	return who
}

// volatile is what differs between two answers with the same content: request keys, the clock, and the person's own name.
var volatile = regexp.MustCompile(`(?s)name="key" value="[^"]*"|data-person="[^"]*"|<div class="vb-who">.*?</div>|<dialog id="lock-dialog".*?</dialog>`)

// page asks for an address as a role and looks at it when nobody has seen it yet.
func (l *looker) page(address, name string, role access.Role, richest bool) {
	l.t.Helper()
	token := l.roles[role].Token
	request, err := http.NewRequest(http.MethodGet, l.server.URL+address, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	if token != "" {
		request.AddCookie(&http.Cookie{Name: "session", Value: token})
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		l.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	l.asked++
	switch {
	case err != nil || answer.StatusCode != http.StatusOK:
		l.t.Errorf("%s as %s: %d %v\n%.600s", address, role, answer.StatusCode, err, body)
		return
	case answer.Header.Get("Content-Type") == "application/pdf", strings.HasPrefix(answer.Header.Get("Content-Disposition"), "attachment"): // files
		return
	}
	head, main, _ := strings.Cut(string(volatile.ReplaceAll(body, nil)), `<main id="main"`)
	digests := [][32]byte{sha256.Sum256([]byte(head)), sha256.Sum256([]byte(main))}
	fresh := !l.seen[digests[0]] || !l.seen[digests[1]] || strings.Contains(address, "#")
	for _, d := range digests {
		l.seen[d] = true
	}
	if richest || l.long {
		l.tab.Cookie(l.server.URL, "session", token)
		l.look(address, name, fresh)
		if richest && l.long {
			l.keys(name)
		}
		if richest && printed.MatchString(address) {
			l.print(name)
		}
	}
}

// keys walks by Tab through the page that is open: in the colours of the dark room, in bright ones with each menu and form opened, and enlarged.
func (l *looker) keys(name string) {
	l.t.Helper()
	began := time.Now()
	for n, s := range []screen{tablets[0], tablets[1], enlarged[1]} {
		l.size(s)
		l.tab.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.documentElement.dataset.bsTheme = %q`, []string{"dark", "light", "light"}[n])))
		if walk(l.t, l.tab, name+" at "+s.name) > 300 { // lines that repeat: one size will do
			l.walked += time.Since(began)
			return
		}
	}
	l.size(tablets[1])
	walkOpened(l.t, l.tab, name)
	l.walked += time.Since(began)
}

// printed are the pages of batches.
var printed = regexp.MustCompile(`^/batches/[^/]+$`)

// print prints the page that is open: each sheet says in its foot what it shows and for whom, and no button is on it.
func (l *looker) print(name string) {
	l.t.Helper()
	paper := l.tab.Print(name)
	title, batch := browser.Value[string](l.tab, `document.title.replace(/ · Veribatch$/, "")`), browser.Value[string](l.tab, `document.querySelector(".vb-context strong")?.textContent ?? ""`)
	for n, sheet := range paper {
		words := strings.Join(strings.Fields(sheet), " ")
		for _, want := range []string{title, batch, "print of a screen, not the record"} {
			if want != "not issued" && !strings.Contains(words, want) {
				l.t.Errorf("%s, sheet %d of %d does not say %q: %s", name, n+1, len(paper), want, words)
			}
		}
		if strings.Contains(words, "Log out") {
			l.t.Errorf("%s, sheet %d has buttons", name, n+1)
		}
	}
}

// look opens an address and judges it at every size; examine asks axe too.
func (l *looker) look(address, name string, examine bool) {
	l.t.Helper()
	l.opened++
	l.size(tablets[0])
	l.tab.Open(l.server.URL + address)
	for _, s := range slices.Concat(tablets, enlarged) {
		l.size(s)
		l.fits(name + " at " + s.name)
		l.tab.Picture(name + "-" + s.name)
	}
	if examine {
		l.examined++
		l.size(tablets[1])
		l.tab.Do(chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll("details:not([name]):not(.vb-pop):not(.vb-more)")].slice(0, 20).forEach(d => { d.open = true })`))
		l.tab.WholePicture(name + "-whole")
		l.tab.Axe(name)
		if l.long { // a short run leaves this to the gallery
			l.size(tablets[0])
			l.tab.Axe(name + " at 1280")
			l.tab.Do(chromedp.Evaluate[chromedp.Void](`document.documentElement.dataset.bsTheme = "dark"`))
			l.tab.AxeContrast(name + " in the dark room")
			l.tab.Picture(name + "-dark")
		}
	}
	l.tab.Check()
}

func (l *looker) size(s screen) {
	l.tab.Do(chromedp.EmulateViewport(s.width, s.height, chromedp.EmulateScale(s.scale)))
}

// wide are the elements that stick out to the right, except what scrolls by itself, as tables and code do.
const wide = `(() => { const room = document.documentElement.clientWidth; if (document.documentElement.scrollWidth <= room) return [];
	return [...document.querySelectorAll("body *")].filter(e => e.checkVisibility() && e.getBoundingClientRect().right > room + 1).slice(-3).map(e => e.outerHTML.slice(0, 160)); })()`

// hidden are the buttons of the page that cannot be brought into sight.
const hidden = `[...document.querySelectorAll("#main .vb-primary")].filter(e => e.checkVisibility({visibilityProperty: true}) && !e.closest("dialog")).filter(e => {
	e.scrollIntoView({block: "center", behavior: "instant"});
	const r = e.getBoundingClientRect();
	return ![[r.left + 4, r.top + 4], [r.right - 4, r.bottom - 4]].every(([x, y]) => e.contains(document.elementFromPoint(x, y)));
}).map(e => e.textContent.trim())`

// fits wants nothing wider than the screen, and the primary button within reach.
func (l *looker) fits(where string) {
	l.t.Helper()
	if out := browser.Value[[]string](l.tab, wide); len(out) > 0 {
		l.t.Errorf("%s: wider than the screen: %s", where, strings.Join(out, "\n    "))
	}
	if out := browser.Value[[]string](l.tab, hidden+`.concat((scrollTo({top: 0, behavior: "instant"}), []))`); len(out) > 0 {
		l.t.Errorf("%s: cannot be brought into sight: %v", where, out)
	}
}
