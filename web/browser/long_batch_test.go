package browser_test

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"testing"

	"veribatch/internal/browser"
	"veribatch/web"
)

const longSteps = 60

// longBatch is the batch page and the operator's page when n steps of 60 are done.
func longBatch(n int) (*web.BatchView, *web.StepView) {
	steps := make([]web.StepProgress, longSteps)
	for i := range steps {
		steps[i] = before[i%len(before)]
		steps[i].Number = i + 1
		if i >= n {
			steps[i] = web.StepProgress{Number: i + 1, Title: fmt.Sprintf("Weigh container %d", i+1), Kind: "entry", State: "waiting"}
		}
	}
	open := weight()
	open.Number = n + 1
	steps[n] = open
	batch := &web.BatchView{Page: onBatch("Batch B-000017", 0, "running"), State: "running", Header: []web.Line{{Label: "Order", Value: "PO-4711"}},
		Procedures: []web.UnitProgress{{Name: "Granulation", Steps: steps}}, Next: &web.Link{Href: "#", Words: "Go to the open step"}, Hold: form("hold"), Abort: signedForm("abort"), Comment: form("comment")}
	batch.Context.Steps, batch.Context.StepComplete = longSteps, n
	one := step(func(v *web.StepView) {
		v.Step, v.Before, v.After, v.Input = open, steps[:n], steps[n+1:], weightInput()
	})
	one.Context.Steps, one.Context.Step, one.Context.StepComplete = longSteps, n+1, n
	return batch, one
}

// TestGalleryOfALongBatch: however many of 60 steps are done, the next act is wholly on the screen without scrolling, at both sizes of tablets: on the
// batch's page its button, on the operator's the field, the pad and the button too. A short run looks at the first, a middle and the last step.
func TestGalleryOfALongBatch(t *testing.T) {
	done := []int{0, 31, longSteps - 1}
	if os.Getenv("VERIBATCH_LONG") != "" {
		done = done[:0]
		for n := range longSteps {
			done = append(done, n)
		}
	}
	server := gallery(t, func(mux *http.ServeMux, show func(http.ResponseWriter, int, web.View)) {
		mux.HandleFunc("GET /long/{page}/{done}", func(w http.ResponseWriter, r *http.Request) {
			n, err := strconv.Atoi(r.PathValue("done"))
			if err != nil {
				http.NotFound(w, r)
				return
			}
			batch, one := longBatch(n)
			if r.PathValue("page") == "step" {
				show(w, http.StatusOK, one)
			} else {
				show(w, http.StatusOK, batch)
			}
		})
	})
	tab := browser.Start(t)
	for _, n := range done {
		for page, acts := range map[string]string{"batch": ".vb-bar-right .vb-primary", "step": ".vb-bar-right .vb-primary, #value-value, .vb-pad button, .vb-step h1"} {
			tab.Size(1280, 800)
			tab.Open(fmt.Sprintf("%s/long/%s/%d", server.URL, page, n))
			for _, s := range tablets {
				tab.Size(s.width, s.height)
				where := fmt.Sprintf("%s page with %d of %d steps done at %s", page, n, longSteps, s.name)
				if browser.Value[int](tab, fmt.Sprintf(`document.querySelectorAll(%q).length`, acts)) == 0 {
					t.Errorf("%s: no next act", where)
				}
				out := browser.Value[[]string](tab, fmt.Sprintf(`scrollY > 0 ? ["the page is scrolled"] : [...document.querySelectorAll(%q)].filter(e => {
					const r = e.getBoundingClientRect();
					return ![[r.left + 4, r.top + 4], [r.right - 4, r.bottom - 4]].every(([x, y]) => e.contains(document.elementFromPoint(x, y)));
				}).map(e => e.outerHTML.slice(0, 120))`, acts))
				for _, o := range out {
					t.Errorf("%s: not on the screen: %s", where, o)
				}
			}
		}
	}
}
