package browser_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"veribatch/internal/browser"
)

// stops are the places at which Tab has to stop, in the order in which the page is read. Of a group of radio buttons one is a stop. What scrolls by
// itself is a stop too, so that arrows can move it. Each Tab that comes notes where the focus stands by then, and what is wrong there.
const stops = `(root => {
	const visible = e => e.checkVisibility({visibilityProperty: true}), can = "a[href], button, input, select, textarea, summary, [tabindex]", brief = e => e?.outerHTML.slice(0, 140) ?? "";
	const modal = document.querySelector("dialog:modal"), open = e => !e.closest("[inert]") && (!modal || modal.contains(e)) && root.contains(e);
	const all = [...document.querySelectorAll(can)].filter(e => e.tabIndex >= 0 && !e.disabled && e.type !== "hidden" && visible(e) && open(e));
	const group = e => e?.type === "radio" ? all.find(o => o.type === "radio" && o.name === e.name && o.form === e.form) : e;
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
		if (!on || !(shown.contains(on) || on.contains(shown) && on !== document.body && on !== document.documentElement)) wrong.push("not in sight, but " + brief(on));
		return wrong;
	};
	const place = list.slice(1).flatMap((b, i) => {
		const a = list[i], of = e => e.closest("header, nav, form, section, article, dialog, table, .vb-bar, .vb-pad, .vb-panel"), p = a.getBoundingClientRect(), q = b.getBoundingClientRect();
		return of(a) === of(b) && of(a) && q.bottom <= p.top ? ["above the one before: " + brief(b)] : [];
	});
	const hand = e => getComputedStyle(e).cursor === "pointer" || e.matches("[onclick], [role=button], [role=link], [data-hide], [data-now-for], button");
	const clicked = [...document.querySelectorAll("body *")].filter(e => visible(e) && open(e) && hand(e)).flatMap(e => {
		const by = e.closest("label")?.control ?? e.closest(can);
		return by && (by.disabled || list.includes(group(by))) ? [] : ["the mouse can use it, Tab does not stop there: " + brief(e)];
	});
	const now = () => {
		const e = document.activeElement, at = list.indexOf(group(e)), out = !e || e === document.body || e === document.documentElement;
		const scrolls = !out && (e.scrollHeight > e.clientHeight || e.scrollWidth > e.clientWidth);
		return { at, out, html: brief(e), wrong: at >= 0 ? seen(e) : scrolls || out ? [] : ["no stop of the page"] };
	};
	if (window.stops) removeEventListener("keydown", window.stops.note, true);
	window.stops = { steps: [], note: e => { if (e.key === "Tab") window.stops.steps.push(now()); }, seen, end: () => list.at(-1).focus(),
		taken() { const steps = this.steps.slice(1).concat(now()); this.steps = []; return steps; } };
	addEventListener("keydown", window.stops.note, true);
	const glides = getComputedStyle(document.documentElement).scrollBehavior === "auto" ? [] : ["the page glides to where the focus is"];
	return { html: list.map(brief), faults: glides.concat(place, clicked) };
})`

// stop is where the focus stands.
type stop struct {
	At    int
	Out   bool
	HTML  string
	Wrong []string
}

// walk holds Tab down from the top of the page (or of its open dialog) to its end, and Shift+Tab back: each place that can be used by mouse is
// a stop, in the order of reading, with a frame that can be seen around it and nothing over it; and neither end is a trap. It gives
// the number of stops.
func walk(t *testing.T, tab *browser.Tab, where string) (n int) {
	t.Helper()
	page := browser.Value[struct{ HTML, Faults []string }](tab, ""+stops+"(document)")
	for _, f := range page.Faults {
		t.Errorf("%s: %s", where, f)
	}
	if n = len(page.HTML); n == 0 {
		t.Fatalf("%s: nothing to stop at", where)
	}
	toTop(tab)
	order(t, where+": Tab", page.HTML, through(tab, '\t', n, nil))
	tab.Do(chromedp.Evaluate[chromedp.Void](`stops.end()`))
	back := through(tab, browser.Back, n, []stop{{At: n - 1}})
	for i := range back {
		if back[i].At >= 0 {
			back[i].At = n - 1 - back[i].At
		}
	}
	slices.Reverse(page.HTML)
	order(t, where+": Shift+Tab", page.HTML, back)
	toTop(tab)
	return n
}

// walkOpened opens by Enter what covers a part of the page when it is opened (menu, comment, hold, correction), one of each form, and walks by Tab
// through it and out of it: it is in sight itself, and then it covers nothing that has the focus.
func walkOpened(t *testing.T, tab *browser.Tab, where string) {
	t.Helper()
	for n := 0; ; n++ {
		name := browser.Value[string](tab, fmt.Sprintf(`(n => { const forms = new Set(), all = [...document.querySelectorAll("details:is(.vb-more, .vb-pop, .vb-change)")].filter(d => d.checkVisibility({visibilityProperty: true}));
			const one = all.filter(d => { const form = d.className + d.firstElementChild.textContent; return !forms.has(form) && forms.add(form); })[n];
			window.opened = one; one?.firstElementChild.focus(); return one?.firstElementChild.textContent.trim() ?? ""; })(%d)`, n))
		if name == "" {
			toTop(tab)
			return
		}
		name = where + " with " + name
		tab.Press("\r")
		page := browser.Value[struct{ HTML, Faults []string }](tab, ""+stops+"(window.opened)")
		for _, f := range page.Faults {
			t.Errorf("%s: %s", name, f)
		}
		if len(page.HTML) < 2 {
			t.Errorf("%s: Enter opens nothing to stop at", name)
			return
		}
		tab.Hold('\t', len(page.HTML))
		steps := browser.Value[[]stop](tab, `stops.taken()`)
		out := steps[len(steps)-1]
		for steps = steps[:len(steps)-1]; len(steps) < 2*len(page.HTML) && out.At >= 0; out = browser.Value[stop](tab, `stops.taken()[0]`) {
			steps = append(steps, out)
			tab.Press("\t")
		}
		order(t, name+": Tab", page.HTML, append(append([]stop{{At: 0}}, steps...), stop{Out: true}))
		for _, covered := range browser.Value[[]string](tab, `document.activeElement === document.body ? [] : stops.seen(document.activeElement)`) {
			t.Errorf("%s: Tab leads out to %s: %s", name, out.HTML, covered)
		}
		tab.Do(chromedp.Evaluate[chromedp.Void](`window.opened.open = false`))
	}
}

// through holds the key down until it has led through n stops, and presses it until it has led on; it gives where the focus stood.
func through(tab *browser.Tab, key rune, n int, steps []stop) []stop {
	for more := n - len(steps); len(steps) < 2*n+20 && !around(steps, n); more = 1 {
		if more > 0 {
			tab.Hold(key, more)
			steps = append(steps, browser.Value[[]stop](tab, `stops.taken()`)...)
		}
	}
	return steps
}

// around says whether a walk came through n stops and then out of the page, or to where it began.
func around(steps []stop, n int) bool {
	been := map[int]bool{}
	for _, s := range steps {
		if len(been) == n && (s.Out || s.At == steps[0].At) {
			return true
		}
		if s.At >= 0 {
			been[s.At] = true
		}
	}
	return false
}

// order wants a walk to come to all stops, one after the other, and then to leave the page or to begin again.
func order(t *testing.T, where string, stops []string, steps []stop) {
	t.Helper()
	next := 0
	for _, s := range steps {
		for _, w := range s.Wrong {
			t.Errorf("%s stops at %s: %s", where, s.HTML, w)
		}
		switch {
		case next == len(stops) && (s.Out || s.At == 0):
			return
		case s.At < 0:
		case next == len(stops):
			t.Errorf("%s goes on from the last stop to %s", where, s.HTML)
			return
		case s.At != next:
			t.Errorf("%s goes to %d, %s, instead of %d of %d, %s", where, s.At, s.HTML, next, len(stops), stops[next])
			return
		default:
			next++
		}
	}
	t.Errorf("%s came to %d of %d stops and not out of the page: %+v", where, next, len(stops), steps[max(0, len(steps)-3):])
}

// toTop puts the focus before everything on the page, or in its open dialog.
func toTop(tab *browser.Tab) {
	tab.Do(chromedp.Evaluate[chromedp.Void](`(() => { const top = document.querySelector("dialog:modal") ?? document.body, had = top.getAttribute("tabindex");
		top.tabIndex = -1; top.focus(); if (had === null) top.removeAttribute("tabindex"); else top.setAttribute("tabindex", had); scrollTo(0, 0); })()`))
}
