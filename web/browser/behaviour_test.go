package browser_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"veribatch/internal/browser"
	"veribatch/web"
)

// desk is what the scripts talk to in these tests: it keeps every posted form and answers as each test says.
type desk struct {
	mu     sync.Mutex
	posted []url.Values
	answer func(n int, w http.ResponseWriter, r *http.Request, show func(http.ResponseWriter, int, web.View)) // n counts from 1
}

func (d *desk) forms() []url.Values {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]url.Values{}, d.posted...)
}

// open serves the gallery with the desk behind /post/ and the session addresses, and opens one page of it.
func (d *desk) open(t *testing.T, tab *browser.Tab, page string) {
	t.Helper()
	server := gallery(t, func(mux *http.ServeMux, show func(http.ResponseWriter, int, web.View)) {
		handle := func(w http.ResponseWriter, r *http.Request) {
			if err := r.ParseForm(); err != nil {
				t.Error(err)
			}
			d.mu.Lock()
			d.posted = append(d.posted, r.PostForm)
			n := len(d.posted)
			d.mu.Unlock()
			d.answer(n, w, r, show)
		}
		mux.HandleFunc("POST /post/", handle)
		mux.HandleFunc("POST /session/", handle)
		mux.HandleFunc("GET /typing", func(w http.ResponseWriter, _ *http.Request) { // the operator's screen that locks after two seconds
			v := step(func(v *web.StepView) { v.Input = weightInput() })
			v.Idle, v.Path = 2*time.Second, "/typing"
			show(w, http.StatusOK, v)
		})
	})
	tab.Size(1024, 768)
	tab.Open(server.URL + page)
}

func done(_ int, w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter, int, web.View)) {
	http.Redirect(w, r, "/gallery/batch", http.StatusSeeOther)
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func path(tab *browser.Tab) string { return browser.Value[string](tab, `location.pathname`) }

func TestScannerFillsTheWaitingField(t *testing.T) {
	d := &desk{answer: done}
	tab := browser.Start(t)
	d.open(t, tab, "/gallery/step-scan")
	tab.Click("summary.vb-button:has(+ .vb-panel #comment)")
	tab.Type("#comment-text", "Lid was dusty")
	tab.Scan("]C1C-2211-0043") // while the focus is in the comment
	tab.Wait(".vb-title")
	forms := d.forms()
	equal(t, "forms sent", len(forms), 1)
	equal(t, "value", forms[0].Get("value"), "C-2211-0043")
	equal(t, "address", path(tab), "/gallery/batch")
}

func TestScanLeavesOtherFieldsAsTheyWere(t *testing.T) {
	d := &desk{answer: done}
	tab := browser.Start(t)
	d.open(t, tab, "/gallery/step") // a weight is asked, not a scan
	tab.Type("#value-value", "12.4")
	tab.Scan("]d2C-2211-0043")
	tab.Wait("#scanned")
	equal(t, "note", tab.Text("#scanned-text"), "C-2211-0043")
	equal(t, "weight", tab.Input("#value-value"), "12.4")
	equal(t, "forms sent", len(d.forms()), 0)
	tab.Click("[data-hide=scanned]")
	tab.Gone("#scanned")
}

func TestFastTypingIntoPasswordIsNoScan(t *testing.T) {
	d := &desk{answer: done}
	tab := browser.Start(t)
	d.open(t, tab, "/gallery/sign")
	tab.Type("#sign-form-user_name", "anna")
	tab.Click("#sign-form-password")
	tab.Scan("granules-and-gloves-1")
	tab.Wait(".vb-title")
	forms := d.forms()
	equal(t, "forms sent", len(forms), 1)
	equal(t, "password", forms[0].Get("password"), "granules-and-gloves-1")
	equal(t, "user name", forms[0].Get("user_name"), "anna")
}

func TestPadTypesNumbersAndTimes(t *testing.T) {
	d := &desk{answer: done}
	tab := browser.Start(t)
	d.open(t, tab, "/gallery/step")
	for _, key := range []string{"1", "2"} {
		tab.Click(`#pad [data-type="` + key + `"]`)
	}
	tab.Click("#pad [data-pad-act=separator]")
	tab.Keys("49") // the keyboard goes on working
	tab.Click("#pad [data-pad-act=back]")
	tab.Click(`#pad [data-type="8"]`)
	tab.Click("#pad [data-pad-act=sign]")
	equal(t, "with sign", tab.Input("#value-value"), "-12.48")
	tab.Click("#pad [data-pad-act=sign]")
	tab.Click(".vb-primary")
	tab.Wait(".vb-title")
	equal(t, "weight sent", d.forms()[0].Get("value"), "12.48")

	d.open(t, tab, "/gallery/step-time")
	for _, key := range "20261122031" {
		tab.Click(`#pad [data-type="` + string(key) + `"]`)
	}
	equal(t, "shaped as typed", tab.Input("#value-value"), "2026-11-22 03:1")
	tab.Keys("5")
	equal(t, "time", tab.Input("#value-value"), "2026-11-22 03:15")
	tab.Click("[data-now-for=value-value]")
	if now := tab.Input("#value-value"); !strings.HasPrefix(now, "2026-11-22 03:1") {
		t.Errorf("now: got %q, want the server's time", now)
	}
}

func TestSignatureDialog(t *testing.T) {
	d := &desk{answer: func(n int, w http.ResponseWriter, r *http.Request, show func(http.ResponseWriter, int, web.View)) {
		switch n {
		case 1:
			show(w, http.StatusOK, statement(false, ""))
		case 2:
			v := statement(false, "User name or password is wrong. Nothing was signed; the try is on record.")
			v.Sign.Typed = map[string]string{"user_name": r.PostForm.Get("user_name")}
			show(w, http.StatusUnauthorized, v)
		default:
			done(n, w, r, show)
		}
	}}
	tab := browser.Start(t)
	tab.Allow("status of 401")
	d.open(t, tab, "/gallery/step-verify")
	tab.Click(".vb-primary")
	tab.Wait("#sign-dialog[open] #sign")
	tab.Picture("dialog-sign")
	tab.Axe("signature dialog")
	tab.Type("#sign-form-user_name", "bob")
	tab.Type("#sign-form-password", "wrong")
	tab.Click("#sign-dialog .vb-primary")
	tab.Wait("#sign-dialog[open] .vb-wrong")
	tab.Picture("dialog-sign-refused")
	equal(t, "user name stays", tab.Input("#sign-form-user_name"), "bob")
	equal(t, "password is gone", tab.Input("#sign-form-password"), "")
	equal(t, "address", path(tab), "/gallery/step-verify")
	tab.Type("#sign-form-password", "right")
	tab.Click("#sign-dialog .vb-primary")
	tab.Wait(".vb-title")
	equal(t, "address", path(tab), "/gallery/batch")
	forms := d.forms()
	equal(t, "forms sent", len(forms), 3)
	equal(t, "statement sent", forms[2].Get("statement"), strings.Repeat("ab", 32))
	if forms[1].Get("key") == forms[2].Get("key") {
		t.Error("a refused form must get a new request key")
	}
}

// Who signs has had every line on the screen: the button leads through a statement that is longer than its room.
func TestALongStatementIsReadBeforeItIsSigned(t *testing.T) {
	d := &desk{answer: func(n int, w http.ResponseWriter, r *http.Request, show func(http.ResponseWriter, int, web.View)) {
		if n == 1 {
			show(w, http.StatusOK, longStatement())
			return
		}
		done(n, w, r, show)
	}}
	tab := browser.Start(t)
	d.open(t, tab, "/gallery/step-verify")
	tab.Click(".vb-primary")
	tab.Wait("#read-on")
	tab.Gone("#sign-now")
	tab.Picture("dialog-long")
	tab.Type("#sign-form-password", "right")
	tab.Keys("\r") // Enter signs no more than the hidden button
	equal(t, "forms sent before it was read", len(d.forms()), 1)
	tab.Axe("long statement")
	pages := 0
	for ; pages < 10 && browser.Value[bool](tab, `!document.getElementById("read-on").hidden`); pages++ {
		tab.Click("#read-on")
		tab.Do(chromedp.Sleep(200 * time.Millisecond))
	}
	if pages < 2 {
		t.Errorf("read in %d pages, want more than one", pages)
	}
	equal(t, "the last line was seen", browser.Value[bool](tab, `(() => {
		const room = document.getElementById("statement-lines");
		return room.scrollTop + room.clientHeight >= room.scrollHeight - 4;
	})()`), true)
	tab.Type("#sign-form-user_name", "bob")
	tab.Type("#sign-form-password", "right")
	tab.Click("#sign-now")
	tab.Wait(".vb-title")
	equal(t, "forms sent", len(d.forms()), 2)
}

func TestNotSigningClosesTheDialog(t *testing.T) {
	d := &desk{answer: func(_ int, w http.ResponseWriter, _ *http.Request, show func(http.ResponseWriter, int, web.View)) {
		show(w, http.StatusOK, statement(false, ""))
	}}
	tab := browser.Start(t)
	d.open(t, tab, "/gallery/step-verify")
	tab.Click(".vb-primary")
	tab.Type("#sign-form-password", "secret")
	tab.Click("[data-close=sign-dialog]")
	tab.Gone("#sign-dialog")
	tab.Do(chromedp.Poll[chromedp.Void](`document.querySelectorAll("#sign-slot *").length === 0`)) // what was typed is gone
	equal(t, "address", path(tab), "/gallery/step-verify")
}

// A click on words in an open form, or on nothing, gives the focus to what encloses the form: the form stays open, and the page goes on.
func TestClickingIntoAFormKeepsItOpen(t *testing.T) {
	d := &desk{answer: done}
	tab := browser.Start(t)
	d.open(t, tab, "/gallery/step")
	const hold = `details:has(#hold-reason)`
	tab.Click(hold + " > summary")
	tab.Do(chromedp.WaitVisible("#hold-reason"))
	for _, at := range []string{hold + " .vb-panel p", hold + " label", hold + " .vb-panel"} {
		tab.Click(at)
		if !browser.Value[bool](tab, `document.querySelector("`+hold+`").open`) {
			t.Errorf("a click on %s closes the form", at)
		}
	}
	tab.Click("details.vb-more > summary")
	if browser.Value[bool](tab, `document.querySelector("`+hold+`").open`) {
		t.Error("the form stays open when another menu is opened")
	}
	tab.Check()
}

func TestASignedActThatIsRefusedShowsItsPage(t *testing.T) {
	d := &desk{answer: func(_ int, w http.ResponseWriter, _ *http.Request, show func(http.ResponseWriter, int, web.View)) {
		v := step(func(v *web.StepView) { v.Waits = "Step 6 comes first." })
		v.Faults = []web.Fault{{Message: "Bob Martin verified this step at 03:10. Nothing was saved."}}
		show(w, http.StatusConflict, v)
	}}
	tab := browser.Start(t)
	tab.Allow("status of 409")
	d.open(t, tab, "/gallery/step-verify")
	tab.Click(".vb-primary")
	tab.Wait(".vb-message-fault")
	tab.Gone("#sign-dialog")
	equal(t, "address", path(tab), "/gallery/step-verify")
}

func TestPressingTwiceSendsOnce(t *testing.T) {
	let := make(chan struct{})
	d := &desk{answer: func(n int, w http.ResponseWriter, r *http.Request, show func(http.ResponseWriter, int, web.View)) {
		<-let
		done(n, w, r, show)
	}}
	tab := browser.Start(t)
	d.open(t, tab, "/gallery/step-instruction")
	for range 3 {
		tab.Do(chromedp.Click(chromedp.CSS(".vb-primary")))
	}
	equal(t, "the button says that it is busy", browser.Value[string](tab, `document.querySelector(".vb-primary").getAttribute("aria-disabled")`), "true")
	close(let)
	tab.Wait(".vb-title")
	equal(t, "forms sent", len(d.forms()), 1)
}

// The server does the act and the answer never arrives, until the network is back. The browser itself may repeat a request too.
func TestALostAnswerIsAskedForAgain(t *testing.T) {
	for _, by := range []string{"by itself", "by the button"} {
		t.Run(by, func(t *testing.T) {
			var back atomic.Bool
			d := &desk{answer: func(n int, w http.ResponseWriter, r *http.Request, show func(http.ResponseWriter, int, web.View)) {
				if back.Load() {
					done(n, w, r, show)
					return
				}
				conn, _, err := w.(http.Hijacker).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
			}}
			tab := browser.Start(t)
			tab.Allow("ERR_EMPTY_RESPONSE")
			tab.Allow("htmx:") // it reports the failed request on the console
			d.open(t, tab, "/gallery/step")
			tab.Type("#value-value", "12.48")
			tab.Click(".vb-primary")
			tab.Wait("#lost")
			tab.Picture("lost")
			tab.Click(`#pad [data-type="7"]`)
			equal(t, "what was sent stays as it is", tab.Input("#value-value"), "12.48")
			back.Store(true)
			if by == "by the button" {
				tab.Click("#lost-again")
			}
			tab.Wait(".vb-title")
			tab.Gone("#lost")
			forms := d.forms()
			if len(forms) < 2 {
				t.Errorf("forms sent: got %d, want the lost one and another", len(forms))
			}
			for _, f := range forms {
				equal(t, "request key", f.Get("key"), forms[0].Get("key"))
				equal(t, "value", f.Get("value"), "12.48")
			}
		})
	}
}

func TestIdleLockKeepsWhatWasTyped(t *testing.T) {
	d := &desk{answer: func(_ int, w http.ResponseWriter, r *http.Request, show func(http.ResponseWriter, int, web.View)) {
		switch {
		case r.URL.Path == "/session/lock":
			show(w, http.StatusOK, &web.LockView{Page: frame("Locked", "", anna), Unlock: form("unlock")})
		case r.PostForm.Get("password") != "right":
			v := &web.LockView{Page: frame("Locked", "", anna), Unlock: form("unlock")}
			v.Faults = []web.Fault{{Field: "unlock-password", Message: "The password is wrong."}}
			show(w, http.StatusUnauthorized, v)
		default:
			http.Redirect(w, r, r.PostForm.Get("next"), http.StatusSeeOther)
		}
	}}
	tab := browser.Start(t)
	tab.Allow("status of 401")
	d.open(t, tab, "/typing")
	tab.Type("#value-value", "12.48")
	tab.Wait("#lock-dialog[open]")
	tab.Picture("dialog-lock")
	tab.Axe("lock dialog")
	tab.Keys("\x1b")
	tab.Type("#unlock-here-password", "wrong")
	tab.Keys("\r")
	tab.Do(chromedp.Poll[chromedp.Void](`document.getElementById("unlock-here-wrong").textContent.includes("The password is wrong.")`))
	equal(t, "the password is not kept", tab.Input("#unlock-here-password"), "")
	tab.Type("#unlock-here-password", "right")
	tab.Click("#unlock-here .vb-primary")
	tab.Gone("#lock-dialog")
	equal(t, "what was typed", tab.Input("#value-value"), "12.48")
	equal(t, "address", path(tab), "/typing")
}

func TestAStationLockedByTheServerKeepsWhatWasTyped(t *testing.T) {
	d := &desk{answer: func(_ int, w http.ResponseWriter, _ *http.Request, show func(http.ResponseWriter, int, web.View)) {
		show(w, http.StatusLocked, &web.LockView{Page: frame("Locked", "", anna), Unlock: form("unlock")})
	}}
	tab := browser.Start(t)
	tab.Allow("status of 423")
	d.open(t, tab, "/gallery/step")
	tab.Type("#value-value", "12.48")
	tab.Click(".vb-primary")
	tab.Wait("#lock-dialog[open]")
	equal(t, "what was typed", tab.Input("#value-value"), "12.48")
}

func TestFormsWorkWithoutScripts(t *testing.T) {
	d := &desk{answer: func(n int, w http.ResponseWriter, r *http.Request, show func(http.ResponseWriter, int, web.View)) {
		if n == 1 {
			show(w, http.StatusOK, statement(false, ""))
			return
		}
		done(n, w, r, show)
	}}
	tab := browser.Start(t)
	tab.Do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	d.open(t, tab, "/gallery/step-verify")
	tab.Click(".vb-primary")
	tab.Type("#sign-form-user_name", "bob")
	tab.Type("#sign-form-password", "right")
	tab.Click("#sign .vb-primary")
	tab.Wait(".vb-title")
	equal(t, "forms sent", len(d.forms()), 2)
	equal(t, "user name", d.forms()[1].Get("user_name"), "bob")
}

func TestClockShowsTheServersTime(t *testing.T) {
	d := &desk{answer: done}
	tab := browser.Start(t)
	d.open(t, tab, "/gallery/step")
	tab.Do(chromedp.Poll[chromedp.Void](`/^2026-11-22 03:12:(09|1\d)$/.test(document.getElementById("clock").textContent)`))
}
