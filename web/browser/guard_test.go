package browser_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"veribatch/internal/browser"
	"veribatch/web"
)

// The screen is covered before the server has locked the session. It asks until the server says so, and a reload meanwhile uncovers nothing.
func TestALostLockIsAskedForUntilTheServerConfirms(t *testing.T) {
	var back atomic.Bool
	var asked, confirmed atomic.Int32
	d := &desk{answer: func(_ int, w http.ResponseWriter, r *http.Request, show func(http.ResponseWriter, int, web.View)) {
		switch {
		case r.URL.Path == "/session/unlock" && r.PostForm.Get("password") == "right":
			http.Redirect(w, r, "/gallery/step", http.StatusSeeOther)
		case r.URL.Path == "/session/lock" && !back.Load():
			if asked.Add(1)%2 == 0 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_ = conn.Close() // nobody reads what becomes of it
		default:
			confirmed.Add(1)
			show(w, http.StatusLocked, &web.LockView{Page: frame("Locked", "", anna), Unlock: form("unlock")})
		}
	}}
	tab := browser.Start(t)
	for _, part := range []string{"ERR_EMPTY_RESPONSE", "status of 503", "status of 423"} {
		tab.Allow(part)
	}
	d.open(t, tab, "/gallery/step")
	tab.Click("#lock-station button")
	tab.Wait("#lock-dialog[open]")
	tab.Until("the lock asked for again", `performance.getEntriesByName(new URL("/session/lock", location).href).length >= 3`)
	if asked.Load() < 3 {
		t.Errorf("the lock was asked for %d times, want at least 3", asked.Load())
	}
	tab.Do(chromedp.Reload())
	tab.Wait("#lock-dialog[open]")
	back.Store(true)
	tab.Until("the confirmed lock", `sessionStorage.getItem("veribatch-locking") === null`)
	if confirmed.Load() != 1 {
		t.Errorf("the lock was confirmed %d times, want once", confirmed.Load())
	}
	equal(t, "covered while it is locked", browser.Value[bool](tab, `document.getElementById("lock-dialog").open`), true)
	tab.Type("#unlock-here-password", "right")
	tab.Click("#unlock-here .vb-primary")
	tab.Gone("#lock-dialog")
	d.answer = done
	tab.Do(chromedp.Reload())
	tab.Wait("#frame")
	equal(t, "covered after the password", browser.Value[bool](tab, `document.getElementById("lock-dialog").open`), false)
}

// A field that somebody has made larger carries a style of its own; the answer to a form must not take it over as text, which the content
// security policy forbids (the tab fails on a violation).
func TestAnEnlargedFieldBreaksNoPolicy(t *testing.T) {
	d := &desk{answer: func(_ int, w http.ResponseWriter, _ *http.Request, show func(http.ResponseWriter, int, web.View)) {
		show(w, http.StatusConflict, step(func(v *web.StepView) { v.Input = weightInput() }))
	}}
	tab := browser.Start(t)
	tab.Allow("status of 409")
	d.open(t, tab, "/gallery/step")
	tab.Do(chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("textarea[id]").forEach(e => { e.style.height = "200px" })`))
	if fields := browser.Value[int](tab, `document.querySelectorAll("textarea[style]").length`); fields == 0 {
		t.Fatal("the page has no field that can be made larger")
	}
	tab.Do(chromedp.Evaluate[chromedp.Void](`document.body.dataset.left = "yes"`))
	tab.Type("#value-value", "12.48")
	tab.Click(".vb-primary")
	tab.Until("the answer", `document.getElementById("main") && !document.querySelector("textarea[style]")`)
	tab.Check()
}
