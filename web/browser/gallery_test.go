package browser_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"veribatch/internal/browser"
	"veribatch/internal/language"
	"veribatch/web"
)

func TestMain(m *testing.M) { os.Exit(browser.Run(m)) }

// gallery serves the sample pages as the program serves its own, with the same headers and assets.
func gallery(t *testing.T, more func(mux *http.ServeMux, show func(http.ResponseWriter, int, web.View))) *httptest.Server {
	t.Helper()
	if err := web.AssetsMissing(); err != nil {
		t.Fatal(err)
	}
	drawn, err := web.NewPages(zone)
	if err != nil {
		t.Fatal(err)
	}
	show := func(w http.ResponseWriter, status int, v web.View) {
		web.Headers(w.Header())
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		if err := drawn.Render(w, v); err != nil {
			t.Error(err)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /static/", web.Static())
	mux.HandleFunc("GET /gallery/{name}", func(w http.ResponseWriter, r *http.Request) {
		page, ok := pages()[r.PathValue("name")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		v := page()
		v.Frame().Language = language.Tag(r.URL.Query().Get("in"))
		show(w, http.StatusOK, v)
	})
	if more != nil {
		more(mux, show)
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// TestGallery looks at every page at both tablet sizes: no violation of the content security policy, no console error, no serious
// accessibility fault, nothing wider than the screen, and big enough targets on the operator's screens. A long run takes the pages that a short one
// leaves out, and Tab walks through them.
func TestGallery(t *testing.T) {
	server := gallery(t, nil)
	names := []string{}
	long := os.Getenv("VERIBATCH_LONG") != ""
	brief := []string{"rights", "access-review", "tokens"} // of people and machines
	for name := range pages() {
		if left := (peoplePages()[name] != nil || machinePages()[name] != nil) && !slices.Contains(brief, name); left == long {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	tab := browser.Start(t)
	for _, name := range names {
		for _, size := range []struct {
			name          string
			width, height int64
		}{{"1280", 1280, 800}, {"1024", 1024, 768}} {
			tab.Size(size.width, size.height)
			tab.Open(server.URL + "/gallery/" + name)
			tab.Picture(name + "-" + size.name)
			if wide := browser.Value[int](tab, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
				t.Errorf("%s at %s: %d pixels wider than the screen", name, size.name, wide)
			}
			if strings.HasPrefix(name, "step") {
				targets(t, tab, name+" at "+size.name)
			}
			if long {
				walk(t, tab, name+" at "+size.name)
			}
			if size.width == 1024 {
				if long {
					walkOpened(t, tab, name)
				}
				tab.Do(chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("details").forEach(d => { d.open = true })`))
				tab.Picture(name + "-open")
				tab.Axe(name)
				tab.WholePicture(name + "-whole")
				tab.Do(chromedp.Evaluate[chromedp.Void](`document.documentElement.dataset.bsTheme = "dark"`))
				tab.AxeContrast(name + " in the dark room")
				tab.Do(chromedp.Evaluate[chromedp.Void](`document.querySelectorAll(".vb-more").forEach(d => { d.open = false })`))
				tab.Picture(name + "-dark")
			}
			tab.Check()
		}
	}
}

// Texts are longer in another language: nothing may leave the screen for that, and the operator's buttons stay where the glove finds them.
func TestGalleryInGerman(t *testing.T) {
	server := gallery(t, nil)
	tab := browser.Start(t)
	for _, name := range slices.Sorted(maps.Keys(pages())) {
		if !strings.HasPrefix(name, "step") && os.Getenv("VERIBATCH_LONG") == "" {
			continue
		}
		tab.Size(1024, 768)
		tab.Open(server.URL + "/gallery/" + name + "?in=de")
		tab.Picture(name + "-de")
		if tongue := browser.Value[string](tab, `document.documentElement.lang`); tongue != "de" {
			t.Errorf("%s is in %q", name, tongue)
		}
		if wide := browser.Value[int](tab, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
			t.Errorf("%s in German: %d pixels wider than the screen", name, wide)
		}
		if strings.HasPrefix(name, "step") {
			targets(t, tab, name+" in German")
		}
		tab.Check()
	}
}

// targets checks an operator's screen: the primary button at least 20 mm (76 px) high and wholly on the screen without scrolling, the pad's
// keys 20 mm and 8 mm apart, every other button at least 64 px. While a correction is unfolded its own button stands for the primary one.
func targets(t *testing.T, tab *browser.Tab, where string) {
	t.Helper()
	small := browser.Value[[]string](tab, `[...document.querySelectorAll("button, a.vb-button, summary, .vb-choice")].filter(e => e.checkVisibility()).flatMap(e => {
		const r = e.getBoundingClientRect(), least = e.matches(".vb-primary, .vb-pad button, .vb-choice") ? 75.5 : 63.5;
		return r.height < least || r.width < least ? [e.textContent.trim() + " " + r.width + "×" + r.height] : [];
	})`)
	for _, s := range small {
		t.Errorf("%s: target too small for gloves: %s", where, s)
	}
	out := browser.Value[[]string](tab, `[...document.querySelectorAll(".vb-primary, .vb-pad button, .vb-big, .vb-choice, .vb-entry-limits")].filter(e =>
		e.checkVisibility({ visibilityProperty: !!document.querySelector(".vb-change[open]") }) && !e.closest("dialog, .vb-values")).flatMap(e => {
		const r = e.getBoundingClientRect();
		const seen = [[r.left + 4, r.top + 4], [r.right - 4, r.bottom - 4]].every(([x, y]) => e.contains(document.elementFromPoint(x, y)));
		return seen ? [] : [e.textContent.trim()];
	})`)
	if len(out) > 0 {
		t.Errorf("%s: not on the screen without scrolling: %v", where, out)
	}
	if n := browser.Value[int](tab, `document.querySelectorAll(".vb-bar-right .vb-primary").length`); n != 1 {
		t.Errorf("%s: %d primary buttons, want one", where, n)
	}
}
