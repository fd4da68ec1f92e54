package browser

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/chromedp/chromedp"
)

// axe is the accessibility checker from npm, read once; it is a test asset and never part of the program.
var axe = sync.OnceValues(func() (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(root, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		return "", fmt.Errorf("axe-core is missing, `npm ci` installs it: %w", err)
	}
	return string(text), nil
})

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above the test")
		}
		dir = up
	}
}

// Axe checks the page against the rules of WCAG 2.2 A and AA and fails the test on each serious or critical violation.
func (b *Tab) Axe(where string) {
	b.t.Helper()
	b.axe(where, `runOnly: ["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22aa","best-practice"]`)
}

// AxeContrast asks for the contrast of colours alone: all that another theme changes.
func (b *Tab) AxeContrast(where string) {
	b.t.Helper()
	b.axe(where, `runOnly: {type: "rule", values: ["color-contrast"]}`)
}

func (b *Tab) axe(where, rules string) {
	b.t.Helper()
	source, err := axe()
	if err != nil {
		b.t.Fatal(err)
	}
	run := `axe.run(document, {` + rules + `, resultTypes: ["violations"]}).then(r => r.violations)`
	if !Value[bool](b, `"axe" in window`) { // answers of forms stay on the same page, which has it already
		b.Do(chromedp.Evaluate[chromedp.Void](source + ";undefined"))
	}
	violations := Value[[]struct {
		ID     string `json:"id"`
		Impact string `json:"impact"`
		Help   string `json:"help"`
		Nodes  []struct {
			HTML           string `json:"html"`
			FailureSummary string `json:"failureSummary"`
		} `json:"nodes"`
	}](b, run)
	for _, v := range violations {
		if v.Impact != "serious" && v.Impact != "critical" {
			b.t.Logf("%s: axe %s (%s): %s", where, v.ID, v.Impact, v.Help)
			continue
		}
		var nodes []string
		for _, n := range v.Nodes {
			nodes = append(nodes, n.HTML+"\n    "+strings.ReplaceAll(n.FailureSummary, "\n", "\n    "))
		}
		b.t.Errorf("%s: axe %s (%s): %s\n  %s", where, v.ID, v.Impact, v.Help, strings.Join(nodes, "\n  "))
	}
}
