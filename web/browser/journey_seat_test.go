package browser_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"veribatch/internal/browser"
	"veribatch/signatures/signtest"
)

// seat is a browser at a station, and who works there.
type seat struct {
	*browser.Tab
	t    *testing.T
	shop *shop
	name string
	who  signtest.Person
}

// announced are the console messages of refused and lost forms, which the story provokes.
var announced = []string{"status of 401", "status of 403", "status of 409", "status of 422", "status of 423", "ERR_EMPTY_RESPONSE", "htmx:"}

// seat opens a browser at a new station, in the size of the small tablet.
func (p *shop) seat(t *testing.T, name string) *seat {
	t.Helper()
	s := &seat{Tab: browser.Start(t), t: t, shop: p, name: name}
	for _, part := range announced {
		s.Allow(part)
	}
	s.Size(1024, 768)
	s.Open(p.server.URL)
	return s
}

// turn does something that leads to another page, or to the same page anew, and waits until it stands there.
func (s *seat) turn(do func()) {
	s.t.Helper()
	s.Do(chromedp.Evaluate[chromedp.Void](`document.getElementById("main").dataset.left = "yes"`))
	do()
	s.Until("the next page", `document.readyState === "complete" && window.htmx && document.getElementById("main") && !document.querySelector("#main[data-left]")`)
}

func (s *seat) press(css string) { s.t.Helper(); s.turn(func() { s.Click(css) }) }

const primary = ".vb-bar-right .vb-primary"

// go on with the one big button.
func (s *seat) big() { s.t.Helper(); s.press(primary) }

// says waits until the page shows the words.
func (s *seat) says(words ...string) {
	s.t.Helper()
	for _, w := range words {
		s.Until(fmt.Sprintf("the words %q", w), fmt.Sprintf(`document.body.innerText.includes(%q)`, w))
	}
}

// says not: the page is there and the words are not.
func (s *seat) silent(words string) {
	s.t.Helper()
	if strings.Contains(s.Text("#main"), words) {
		s.t.Errorf("the page of %s says %q", s.who.FullName, words)
	}
}

// link follows the first link with these words.
func (s *seat) link(words string) {
	s.t.Helper()
	const mark = `(() => { for (const a of document.querySelectorAll("a, summary")) { a.removeAttribute("data-go");
		if (a.textContent.includes(%q) && a.checkVisibility()) { a.dataset.go = ""; return true; } } return false; })()`
	s.Until(fmt.Sprintf("the link %q", words), fmt.Sprintf(mark, words))
	s.press("[data-go]")
}

// logIn logs somebody in; the first one at a station names it.
func (s *seat) logIn(who signtest.Person) {
	s.t.Helper()
	if s.who.ID == "" {
		s.Type("#login-station", s.name)
	} else {
		s.press("#log-out button")
		s.silent(s.name)
	}
	s.Quick("#login-user_name", who.UserName)
	s.Quick("#login-password", who.Password)
	s.press("#login .vb-primary")
	s.who = who
	s.says(who.FullName)
}

// sign presses a button that asks for a signature, and signs.
func (s *seat) sign(button string, who signtest.Person, meaning string) {
	s.t.Helper()
	s.Click(button)
	s.signHere(who, who.Password)
	s.shop.ledger.sign(meaning, who)
}

// signHere fills the signature dialog and presses its button.
func (s *seat) signHere(who signtest.Person, password string) {
	s.t.Helper()
	s.Wait("#sign-dialog[open] #sign")
	s.fillSign(who, password)
	s.press(signNow)
	if browser.Value[bool](s.Tab, `document.getElementById("sign-dialog").open`) {
		s.t.Fatalf("%s signs: %s", who.FullName, s.Text("#sign-dialog"))
	}
}

const signNow = "#sign-dialog .vb-primary:not([hidden], #read-on)"

// fillSign reads a long statement to its end and gives name and password.
func (s *seat) fillSign(who signtest.Person, password string) {
	s.t.Helper()
	for range 20 {
		if !browser.Value[bool](s.Tab, `!!document.getElementById("read-on")?.checkVisibility()`) {
			break
		}
		s.Click("#read-on")
		browser.Value[bool](s.Tab, `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 0, true))))`) // it has scrolled
	}
	s.Quick("#sign-form-user_name", who.UserName)
	s.Quick("#sign-form-password", password)
}

// signWrong signs with what is not right and gives what the dialog says then.
func (s *seat) signWrong(button string, who signtest.Person, password string) string {
	s.t.Helper()
	s.Click(button)
	s.Wait("#sign-dialog[open] #sign")
	s.fillSign(who, password)
	s.Click(signNow)
	s.Wait("#sign-dialog .vb-wrong, #sign-dialog .vb-message-fault")
	return s.Text("#sign-dialog .vb-wrong, #sign-dialog .vb-message-fault")
}

// record types a reading and sends it with the big button.
func (s *seat) record(r entry) {
	s.t.Helper()
	s.Type("#record-value", r.typed)
	s.big()
	r.how, r.by = "recorded", s.who
	s.shop.ledger.read(r)
}

// done says that the step is done, without a signature, and goes on to the next one.
func (s *seat) done() {
	s.t.Helper()
	s.big()
	s.big()
}

// critical signs for a critical step; the second person verifies it at the same station.
func (s *seat) critical(first, second signtest.Person) {
	s.t.Helper()
	s.sign(primary, first, "performed")
	s.says("A second person looks at this step and signs.")
	s.sign(primary, second, "verified")
	s.says("verified: " + second.FullName)
	if !strings.Contains(s.Text(".vb-person"), first.FullName) {
		s.t.Errorf("the second person's signature changed who is logged in: %s", s.Text(".vb-person"))
	}
}

// tabTo presses Tab until the focus is on the element, as somebody without a mouse does.
func (s *seat) tabTo(css string) {
	s.t.Helper()
	for range 150 { // a batch of 53 steps has a link for each
		if browser.Value[bool](s.Tab, fmt.Sprintf(`!!document.activeElement?.matches(%q)`, css)) {
			if !browser.Value[bool](s.Tab, `(() => { const f = document.activeElement, o = getComputedStyle(f.closest(".vb-choice") ?? f); return o.outlineStyle !== "none" && parseFloat(o.outlineWidth) >= 2 })()`) {
				s.t.Errorf("the focus on %s cannot be seen", css)
			}
			return
		}
		s.Press("\t")
	}
	s.t.Fatalf("150 times Tab did not reach %s", css)
}

// inSight wants all of the elements on the screen as it stands, with nothing over them.
func (s *seat) inSight(css string) {
	s.t.Helper()
	s.Until(css+" in sight", fmt.Sprintf(`(() => { const all = [...document.querySelectorAll(%q)].filter(e => e.checkVisibility()); return all.length > 0 && all.every(e => {
		const r = e.getBoundingClientRect();
		return [[r.left + 4, r.top + 4], [r.right - 4, r.bottom - 4]].every(([x, y]) => e.contains(document.elementFromPoint(x, y))); }); })()`, css))
}

// operating: the operator's screen with nothing over it. While a form is on its way or another one is unfolded, its buttons are not offered.
const operating = `!!document.querySelector(".vb-step") && !document.querySelector("dialog[open], form[inert], .vb-bar-left details[open], .vb-change[open]")`

// look judges what the screen shows: width, accessibility, on the operator's screen the targets; with pictures at both sizes.
func (s *seat) look(name string) {
	s.t.Helper()
	s.Do(chromedp.Evaluate[chromedp.Void](`document.fonts.ready`, chromedp.EvalAwaitPromise))
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"1280", 1280, 800}, {"1024", 1024, 768}} {
		s.Size(size.width, size.height)
		s.Picture("journey-" + name + "-" + size.name)
		if wide := browser.Value[int](s.Tab, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
			s.t.Errorf("%s at %s: %d pixels wider than the screen", name, size.name, wide)
		}
		if browser.Value[bool](s.Tab, operating) {
			targets(s.t, s.Tab, name+" at "+size.name)
		}
	}
	s.Axe(name)
	s.Check()
}
