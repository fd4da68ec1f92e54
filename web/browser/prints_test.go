package browser_test

import (
	"fmt"
	"strings"
	"testing"

	"veribatch/internal/browser"
)

// TestPrints: what a person prints says on each sheet what it is, who printed it and which sheet of how many; no button and no menu is on it.
func TestPrints(t *testing.T) {
	server := gallery(t, nil)
	tab := browser.Start(t)
	tab.Size(1280, 800)
	for _, name := range []string{"step", "batch", "trail", "review", "incident", "recipe", "backups", "people", "person", "rights", "access-review", "configuration"} {
		tab.Open(server.URL + "/gallery/" + name)
		paper := tab.Print("print-" + name)
		for n, sheet := range paper {
			words := strings.ReplaceAll(strings.Join(strings.Fields(sheet), " "), " / ", "/")
			for _, want := range []string{"print of a screen, not the record", "2026-11-22 03:12:07 +01:00", fmt.Sprintf("%d/%d", n+1, len(paper))} {
				if !strings.Contains(words, want) {
					t.Errorf("%s, sheet %d of %d does not say %q: %s", name, n+1, len(paper), want, words)
				}
			}
			for _, button := range []string{"Log out", "More", "Lock"} {
				if strings.Contains(words, button) {
					t.Errorf("%s, sheet %d has the button %s", name, n+1, button)
				}
			}
		}
	}
}
