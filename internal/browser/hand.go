package browser

import (
	"context"
	"strconv"
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

// Keys types into whatever has the focus, at the speed of a person. "\r" is Enter, "\t" Tab, "\b" Backspace.
func (b *Tab) Keys(text string) {
	b.t.Helper()
	for _, r := range text {
		b.Do(chromedp.KeyEvent(string(r)), chromedp.Sleep(betweenKeys))
	}
}

// Scan types a code as a scanner does: very fast, ended by Enter, wherever the focus is.
func (b *Tab) Scan(code string) {
	b.t.Helper()
	start := time.Now()
	var keys []chromedp.Action[chromedp.Void]
	for i, r := range code + "\r" {
		at := start.Add(time.Duration(i) * scanKeys)
		stamp := float64(at.UnixMicro()) / 1e6
		keys = append(keys, chromedp.KeyEvent(string(r), func(p *input.DispatchKeyEventParams) { p.Timestamp = input.TimeSinceEpoch(stamp) }))
	}
	b.Do(keys...)
}
