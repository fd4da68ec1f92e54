package browser

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// betweenKeys is slower than a scanner (35 ms), so that typing is never taken for a scan; scanKeys is how fast a scanner types.
const (
	betweenKeys = 45 * time.Millisecond
	scanKeys    = 5 * time.Millisecond
)

// Click waits until the first element of a CSS selector is visible and clicks it with the mouse.
func (b *Tab) Click(css string) {
	b.t.Helper()
	b.Do(chromedp.WaitVisible(chromedp.CSS(css)), chromedp.Click(chromedp.CSS(css)))
}

// Wait waits until the first element of a CSS selector is visible.
func (b *Tab) Wait(css string) {
	b.t.Helper()
	b.Do(chromedp.WaitVisible(chromedp.CSS(css)))
}

// Gone waits until no element of a CSS selector is visible.
func (b *Tab) Gone(css string) {
	b.t.Helper()
	b.Do(chromedp.Poll[chromedp.Void](`![...document.querySelectorAll(` + strconv.Quote(css) + `)].some(e => e.checkVisibility())`))
}

// Until waits until a script expression is true, also while the page in the tab changes.
func (b *Tab) Until(what, script string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for {
		yes, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+script+")")) // fails between two pages
		switch {
		case yes && err == nil:
			return
		case ctx.Err() != nil:
			b.keep()
			b.t.Fatalf("browser: waited in vain for %s: %v", what, errors.Join(err, ctx.Err()))
		}
		time.Sleep(15 * time.Millisecond)
	}
}

// Text gives the visible text of the first element of a CSS selector.
func (b *Tab) Text(css string) string {
	b.t.Helper()
	return Get(b, chromedp.Text(chromedp.CSS(css)))
}

// Input gives what stands in a field.
func (b *Tab) Input(css string) string {
	b.t.Helper()
	return Get(b, chromedp.Value(chromedp.CSS(css)))
}

// Type clicks into a field, empties it and types the text key by key at the speed of a person; a long text goes in as one piece.
func (b *Tab) Type(css, text string) {
	b.t.Helper()
	b.Do(chromedp.WaitVisible(chromedp.CSS(css)), chromedp.Click(chromedp.CSS(css)), chromedp.Evaluate[chromedp.Void](`document.activeElement.select?.()`))
	if len(text) > 60 {
		b.Do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, input.InsertText, input.InsertTextParams{Text: text})
			return err
		}))
		return
	}
	if text == "" {
		b.Keys("\b")
	}
	b.Keys(text)
}

// Back is the key that leads to the element before: Shift+Tab.
const Back = '⇤'

// Keys types into whatever has the focus, at the speed of a person. "\r" is Enter, "\t" Tab, "\b" Backspace, "\x1b" Escape, "→" an arrow.
func (b *Tab) Keys(text string) {
	b.t.Helper()
	for _, r := range text {
		b.Do(press(r, time.Now()), chromedp.Sleep(betweenKeys))
	}
}

// Press presses keys one after the other without pauses.
func (b *Tab) Press(keys string) {
	b.t.Helper()
	for _, r := range keys {
		b.Do(press(r, time.Now()))
	}
}

// Hold holds a key down until it has repeated n times. The repetitions are alike, so they are sent side by side, a handful at once.
func (b *Tab) Hold(key rune, n int) {
	b.t.Helper()
	down, up := events(key, time.Now())
	for ; n > 0; n -= 64 {
		b.Do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			var all sync.WaitGroup
			failed := make([]error, min(n, 64))
			for i := range failed {
				all.Go(func() { _, failed[i] = chromedp.Call(ctx, input.DispatchKeyEvent, down) })
			}
			all.Wait()
			_, err := chromedp.Call(ctx, input.DispatchKeyEvent, up)
			return errors.Join(append(failed, err)...)
		}))
	}
}

// Quick clicks into a field, empties it and types key by key without pauses, as people type names and passwords that their fingers know. No
// Enter follows, so it is no scan.
func (b *Tab) Quick(css, text string) {
	b.t.Helper()
	b.Do(chromedp.WaitVisible(chromedp.CSS(css)), chromedp.Click(chromedp.CSS(css)), chromedp.Evaluate[chromedp.Void](`document.activeElement.select?.()`))
	b.Press(text)
}

// Scan types a code as a scanner does: very fast, ended by Enter, wherever the focus is. The events carry the scanner's times, so that a busy
// machine does not turn a scan into typing.
func (b *Tab) Scan(code string) {
	b.t.Helper()
	start := time.Now()
	var keys []chromedp.Action[chromedp.Void]
	for i, r := range code + "\r" {
		keys = append(keys, press(r, start.Add(time.Duration(i)*scanKeys)))
	}
	b.Do(keys...)
}

// named are the keys that have a name instead of a character.
var named = map[rune]struct {
	key  string
	code int64
	text string
	with int64 // 8 is Shift
}{
	'\r': {"Enter", 13, "\r", 0}, '\t': {"Tab", 9, "", 0}, '\b': {"Backspace", 8, "", 0}, '\x1b': {"Escape", 27, "", 0},
	'→': {"ArrowRight", 39, "", 0}, '←': {"ArrowLeft", 37, "", 0}, '⇤': {"Tab", 9, "", 8},
}

// events are a key going down and up. Down carries the text, as a keyboard's event does, so that a page that takes the key keeps the text out.
func events(r rune, at time.Time) (down, up input.DispatchKeyEventParams) {
	down = input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: string(r), Text: string(r), Timestamp: input.TimeSinceEpoch(float64(at.UnixMicro()) / 1e6)}
	if n, ok := named[r]; ok {
		down.Key, down.Code, down.WindowsVirtualKeyCode, down.NativeVirtualKeyCode, down.Text = n.key, n.key, n.code, n.code, n.text
		down.Modifiers = n.with
	}
	up = down
	up.Type, up.Text = input.DispatchKeyEventTypeKeyUp, ""
	return down, up
}

// press is one key down and up.
func press(r rune, at time.Time) chromedp.Action[chromedp.Void] {
	down, up := events(r, at)
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		for _, event := range []input.DispatchKeyEventParams{down, up} {
			if _, err := chromedp.Call(ctx, input.DispatchKeyEvent, event); err != nil {
				return err
			}
		}
		return nil
	})
}
