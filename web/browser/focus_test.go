package browser_test

import (
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"

	"veribatch/internal/browser"
)

// stops are the places at which Tab has to stop, in the order in which the page is read, and what is wrong at the one where it stands. Of a group
// of radio buttons one is a stop. What scrolls by itself is a stop too, so that arrows can move it.
const stops = `window.stops = (() => {
	const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")].filter(e => {
		const modal = document.querySelector("dialog:modal");
		return e.tabIndex >= 0 && !e.disabled && e.type !== "hidden" && e.checkVisibility({visibilityProperty: true}) && !e.closest("[inert]") && (!modal || modal.contains(e));
	});
	const group = e => e.type === "radio" ? all.find(o => o.type === "radio" && o.name === e.name && o.form === e.form) : e;
	const list = all.filter(e => group(e) === e);
	const light = s => { const [r, g, b, a] = s.match(/[\d.]+/g).map(Number); return { a: a ?? 1, l: [r, g, b].map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0) }; };
	const ground = e => { for (e = e.parentElement; e; e = e.parentElement) { const c = light(getComputedStyle(e).backgroundColor); if (c.a === 1) return c; } return light("rgb(255,255,255)"); };
	const contrast = (x, y) => (Math.max(x.l, y.l) + .05) / (Math.min(x.l, y.l) + .05);
	const seen = e => {
		const wrong = [], shown = e.closest(".vb-choice") ?? e, o = getComputedStyle(shown), r = shown.getBoundingClientRect();
		const line = light(o.outlineColor), colours = [line, ground(shown)];
		if (o.boxShadow !== "none") colours.push(light(o.boxShadow));
		if (o.outlineStyle === "none" || parseFloat(o.outlineWidth) < 2) wrong.push("no outline");
		else if (Math.max(...colours.map(c => contrast(line, c))) < 3) wrong.push("the outline has too little contrast: " + o.outlineColor);
		const x = (Math.max(r.left, 0) + Math.min(r.right, innerWidth)) / 2, y = (Math.max(r.top, 0) + Math.min(r.bottom, innerHeight)) / 2;
		const on = document.elementFromPoint(x, y);
		if (!on || !(shown.contains(on) || on.contains(shown) && on !== document.body && on !== document.documentElement)) wrong.push("not in sight, but " + (on?.outerHTML.slice(0, 80) ?? "outside"));
		return wrong;
	};
	const place = list.slice(1).flatMap((b, i) => {
		const a = list[i], of = e => e.closest("header, nav, form, section, article, dialog, table, .vb-bar, .vb-pad, .vb-panel"), p = a.getBoundingClientRect(), q = b.getBoundingClientRect();
		return of(a) === of(b) && of(a) && q.bottom <= p.top ? ["above the one before: " + b.outerHTML.slice(0, 120)] : [];
	});
	const frame = () => new Promise(done => requestAnimationFrame(done));
	return { count: list.length, place, async now() {
		const e = document.activeElement, at = list.indexOf(e && group(e)), scrolls = e && e !== document.body && (e.scrollHeight > e.clientHeight || e.scrollWidth > e.clientWidth);
		for (const since = performance.now(); at >= 0 && performance.now() - since < 2000 && seen(e).length;) await frame(); // the page scrolls to it with a frame
		return { at, out: !e || e === document.body || e === document.documentElement, html: e?.outerHTML.slice(0, 120) ?? "", wrong: at >= 0 ? seen(e) : scrolls ? [] : ["no stop of the page"] };
	}, html: i => list[i]?.outerHTML.slice(0, 160) ?? "" };
})(), window.stops.count`

// stop is where the focus stands.
type stop struct {
	At    int
	Out   bool
	HTML  string
	Wrong []string
}

// walk presses Tab from the top of the page (or of its open dialog) to the end and Shift+Tab back: each place that can be used is a stop, in the order
// of reading, with a frame that can be seen around it and nothing over it; and the end is no trap.
func walk(t *testing.T, tab *browser.Tab, where string) {
	t.Helper()
	toTop(tab)
	last := browser.Value[int](tab, stops) - 1
	for _, place := range browser.Value[[]string](tab, `window.stops.place`) {
		t.Errorf("%s: %s", where, place)
	}
	if last < 0 {
		t.Fatalf("%s: nothing to stop at", where)
	}
	there := func() stop { return browser.Value[stop](tab, `window.stops.now()`) }
	at := -1
	for range 2*last + 10 {
		tab.Press("\t")
		s := there()
		for _, w := range s.Wrong {
			t.Errorf("%s: Tab stops at %s: %s", where, s.HTML, w)
		}
		if s.At >= 0 && s.At != at+1 {
			t.Errorf("%s: Tab goes from %d of %d to %d, past %s", where, at, last, s.At, browser.Value[string](tab, `window.stops.html(`+strconv.Itoa(at+1)+`)`))
		}
		if s.At >= 0 {
			at = s.At
		}
		if at == last || s.Out {
			break
		}
	}
	if at != last {
		t.Errorf("%s: Tab came to stop %d of %d and no further", where, at, last)
		return
	}
	for i := last - 1; i >= max(0, last-3); { // backwards a few: the order is the same one
		tab.Press(browser.Back)
		if s := there(); s.At == i {
			i--
		} else if s.At >= 0 || s.Out {
			t.Errorf("%s: Shift+Tab goes to %d, %s, instead of %d", where, s.At, s.HTML, i)
			return
		}
	}
	for range 12 {
		tab.Press("\t")
		if s := there(); s.Out || s.At == 0 {
			toTop(tab)
			return
		}
	}
	t.Errorf("%s: Tab does not lead out of the page at its end: %+v", where, there())
}

// toTop puts the focus before everything on the page, or in its open dialog.
func toTop(tab *browser.Tab) {
	tab.Do(chromedp.Evaluate[chromedp.Void](`(() => { const top = document.querySelector("dialog:modal") ?? document.body, had = top.getAttribute("tabindex");
		top.tabIndex = -1; top.focus(); if (had === null) top.removeAttribute("tabindex"); else top.setAttribute("tabindex", had); scrollTo(0, 0); })()`))
}
