package browser_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"veribatch/internal/browser"
	"veribatch/internal/rehearsal"
	"veribatch/signatures/signtest"
)

// TestKeyboardAlone does the operator's work without a mouse: log in, the menu, a batch from the list, a choice and numbers, signature and second
// signature, a correction, a comment, a hold, the lock, log out. Each kind of page on the way is walked from end to end by Tab.
func TestKeyboardAlone(t *testing.T) {
	p := emptyShop(t)
	plant := rehearsal.Prepare(p.World)
	acts := rehearsal.Paracetamol(t, plant.Recipe)
	api := &rehearsal.API{T: t, Plant: plant, URL: p.server.URL}
	for _, a := range acts[:slices.IndexFunc(acts, func(a rehearsal.Act) bool { return a.Word == "step.record" })] {
		api.Do(a)
	}
	olga, omar := plant.People["olga"], plant.People["omar"]
	s := p.seat(t, "Bench 1")
	s.walk("login")
	s.keysIn(olga, true)
	s.theMenu()
	s.walk("home")
	s.skip()
	s.enter(".vb-main a[href^='/batches/']:not(.vb-button)")
	s.walk("batch")
	s.enter(primary)
	s.firstStep(olga, omar)
	s.corrected(olga, omar)

	s.unfold(".vb-pop:has(#comment)", "#comment-text")
	s.write("Both filters were changed before the shift.")
	s.turn(func() { s.tabTo("#comment .vb-strong"); s.Keys("\r") })
	s.says("Both filters were changed")
	s.locked(olga)
	s.unfold(".vb-pop:has(#hold)", "#hold-reason")
	s.write("The booth alarm sounds.")
	s.turn(func() { s.tabTo("#hold .vb-strong"); s.Keys("\r") })
	s.says("held")
	s.walk("held step")
	s.turn(func() { s.tabTo("#log-out button"); s.Keys("\r") })
	s.Wait("#login-user_name")
}

// theMenu opens and closes by Enter, Escape and Space, and gives the focus back.
func (s *seat) theMenu() {
	s.t.Helper()
	s.tabTo(".vb-more > summary")
	s.Keys("\r\t\x1b")
	s.focused(".vb-more > summary", "the menu closed by Escape")
	s.Gone(".vb-more > .vb-panel")
	walkOpened(s.t, s.Tab, "home")
	s.tabTo(".vb-more > summary")
	s.Keys(" ")
	s.tabTo(".vb-theme[data-theme=dark]")
	s.Keys(" ")
	equal(s.t, "colours", browser.Value[string](s.Tab, `document.documentElement.dataset.bsTheme`), "dark")
	s.walk("home in the dark room")
	s.tabTo(".vb-more > summary")
	s.Keys("\r")
	s.tabTo(".vb-theme[data-theme=light]")
	s.Keys(" ")
}

// skip leads past the header: the first stop of the page is the link, and after it the next stop lies in the content.
func (s *seat) skip() {
	s.t.Helper()
	s.top()
	s.Keys("\t")
	s.focused(".vb-skip", "the first Tab")
	s.Keys("\r\t")
	s.focused("#main *", "the skip link and one Tab")
}

// firstStep records two choices and two numbers, signs, and lets the second person sign. The dialog takes the focus and gives it back.
func (s *seat) firstStep(first, second signtest.Person) {
	s.t.Helper()
	s.walk("step with a choice")
	for range 2 {
		s.tabTo("[name=value]")
		s.Keys("→← ")
		s.turn(func() { s.Keys("\r") })
	}
	s.walk("step with the pad")
	s.tabTo("#record-value")
	s.Keys("21,4")
	s.turn(func() { s.Keys("\r") })
	s.Wait("#record-value[aria-invalid=true]")
	s.Keys("0")
	s.tabTo(".vb-message-fault a")
	s.Keys("\r")
	s.focused("#record-value", "the link to the field")
	equal(s.t, "kept in the field", s.Input("#record-value"), "21,40")
	s.Keys("\b\b\b\b\b")
	for _, reading := range []string{"21.4", "44"} {
		s.tabTo("#record-value")
		s.Keys(reading)
		s.turn(func() { s.Keys("\r") })
	}
	s.tabTo(primary)
	s.Keys("\r")
	s.Wait("#sign-dialog[open] #sign")
	s.walk("signature")
	s.Keys("\x1b")
	s.Gone("#sign-dialog")
	s.focused(primary, "the signature left by Escape")
	s.byKeys(primary, first)
	s.says("A second person looks at this step and signs.")
	s.byKeys(primary, second)
	s.says("verified: " + second.FullName)
	s.walk("step that is done")
}

// corrected: a reading of the verified step is corrected, which wants both signatures again.
func (s *seat) corrected(first, second signtest.Person) {
	s.t.Helper()
	change := `.vb-change:has([id$="-value"][id^="correct-"][value="44"], [id^="correct-"] [data-decimal])`
	if !browser.Value[bool](s.Tab, fmt.Sprintf(`!!document.querySelector(%q)`, change)) {
		change = ".vb-change"
	}
	s.unfold(change, change+" input.vb-input")
	s.Keys("21.6")
	s.tabTo(change + " textarea")
	s.write("The display was misread.")
	s.turn(func() { s.tabTo(change + " .vb-strong"); s.Keys("\r") })
	s.says("21.6", "The display was misread.")
	s.byKeys(primary, first)
	s.byKeys(primary, second)
	s.says("verified: " + second.FullName)
}

// locked: the covered station keeps the focus until the password, and gives it back.
func (s *seat) locked(who signtest.Person) {
	s.t.Helper()
	s.tabTo("#lock-station button")
	s.Keys(" ")
	s.Wait("#lock-dialog[open]")
	s.focused("#unlock-here-password", "the station locked")
	s.walk("locked station")
	s.Keys("\x1b")
	equal(s.t, "still locked after Escape", browser.Value[bool](s.Tab, `document.getElementById("lock-dialog").open`), true)
	s.tabTo("#unlock-here-password")
	s.write(who.Password)
	s.Keys("\r")
	s.Gone("#lock-dialog")
	s.focused("#lock-station button", "the station unlocked")
}

// keysIn logs somebody in by keys; at a new station its name comes first.
func (s *seat) keysIn(who signtest.Person, fresh bool) {
	s.t.Helper()
	if fresh {
		s.tabTo("#login-station")
		s.write(s.name)
	}
	s.tabTo("#login-user_name")
	s.write(who.UserName)
	s.tabTo("#login-password")
	s.write(who.Password)
	s.turn(func() { s.Keys("\r") })
	s.who = who
	s.says(who.FullName)
}

// byKeys presses a button that asks for a signature, and signs.
func (s *seat) byKeys(button string, who signtest.Person) {
	s.t.Helper()
	s.tabTo(button)
	s.Keys("\r")
	s.Wait("#sign-dialog[open] #sign")
	for browser.Value[bool](s.Tab, `!!document.getElementById("read-on")?.checkVisibility()`) {
		s.tabTo("#read-on")
		s.Keys(" ")
	}
	s.tabTo("#sign-form-user_name")
	s.write(who.UserName)
	s.tabTo("#sign-form-password")
	s.write(who.Password)
	s.turn(func() { s.Keys("\r") })
}

// enter goes to a link by Tab and opens it.
func (s *seat) enter(css string) {
	s.t.Helper()
	s.turn(func() { s.tabTo(css); s.Keys("\r") })
}

// unfold opens what is folded away by its button and goes to a field in it.
func (s *seat) unfold(css, field string) {
	s.t.Helper()
	s.tabTo(css + " > summary")
	s.Keys("\r")
	s.tabTo(field)
}

func (s *seat) focused(css, after string) {
	s.t.Helper()
	s.Until("the focus on "+css+" after "+after, fmt.Sprintf(`document.activeElement?.matches(%q)`, css))
}

// write types fast, as fingers type what they know, and rests: a burst that ends in Tab at once would be a scan.
func (s *seat) write(text string) {
	s.t.Helper()
	s.Press(text)
	s.Do(chromedp.Sleep(60 * time.Millisecond))
}

func (s *seat) top() { s.t.Helper(); toTop(s.Tab) }

func (s *seat) walk(where string) { s.t.Helper(); walk(s.t, s.Tab, where) }
