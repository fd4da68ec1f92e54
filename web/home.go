package web

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"veribatch/ebr/batch"
	"veribatch/internal/fault"
	"veribatch/recipes"
	"veribatch/recipes/procedure"
)

// open is how many batches at work the page shows: more than any plant has at once.
const open = 500

// ended is how many finished batches one page shows.
const ended = 20

func (s *server) showHome(v *visit) (View, error) {
	if before := v.c.QueryParam("before"); before != "" {
		return s.showEnded(v, before)
	}
	work, err := batch.List(v.ctx, v, batch.Filter{Limit: open, Areas: v.grants.Areas("order.read")})
	if err != nil {
		return nil, err
	}
	done, older, err := v.ended(nil)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(work, func(a, b batch.Summary) int { return cmp.Compare(urgency[a.State], urgency[b.State]) })
	view := &HomeView{Page: v.frame(v.words("Orders and batches")), Older: older}
	if view.Batches, err = v.batchLines(append(work, done...)); err != nil {
		return nil, err
	}
	if n, err := v.waitingConfigurations(); err != nil {
		return nil, err
	} else if n > 0 {
		view.Tasks = append(view.Tasks, Link{Href: "/configuration", Words: v.words("A change of the configuration waits for approval (%d)", n)})
	}
	if view.Order = v.offer(true, "order.create", Form{ID: "order", Action: "/orders"}); view.Order == nil {
		return view, nil
	}
	effective, err := recipes.ListEffective(v.ctx, v, v.grants.Areas("order.create"))
	for _, r := range effective {
		view.Recipes = append(view.Recipes, Option{Value: r.ID, Words: v.words("%s, version %d: %s", r.Code, r.Number, r.Title)})
	}
	return view, err
}

// showEnded shows finished batches that ended before a given one, the last ended first.
func (s *server) showEnded(v *visit, before string) (View, error) {
	at, id, _ := strings.Cut(before, " ")
	when, err := time.Parse(time.RFC3339Nano, at)
	if err != nil || uuid.Validate(id) != nil {
		return nil, fault.New(fault.Missing, "There is no such page of batches. Go back to the first page.")
	}
	done, older, err := v.ended(&batch.Summary{ID: id, EndedAt: when})
	if err != nil {
		return nil, err
	}
	view := &HomeView{Page: v.frame(v.words("Finished batches")), Older: older}
	view.Batches, err = v.batchLines(done)
	return view, err
}

// ended reads one page of finished batches and the address of the next one, "" at the end.
func (v *visit) ended(after *batch.Summary) (page []batch.Summary, older string, err error) {
	page, err = batch.List(v.ctx, v, batch.Filter{Ended: true, Limit: ended + 1, After: after, Areas: v.grants.Areas("order.read")})
	if len(page) > ended {
		page = page[:ended]
		last := page[ended-1]
		older = "/?before=" + url.QueryEscape(last.EndedAt.UTC().Format(time.RFC3339Nano)+" "+last.ID)
	}
	return page, older, err
}

// urgency orders the list: what runs or is held first.
var urgency = map[procedure.BatchState]int{procedure.Held: 0, procedure.Running: 0, procedure.Idle: 1, procedure.Ordered: 1}

// batchLines gives a list; the area stands in it where there is more than one.
func (v *visit) batchLines(list []batch.Summary) (lines []BatchLine, err error) {
	mixed := slices.ContainsFunc(list, func(b batch.Summary) bool { return b.Area != list[0].Area })
	for _, b := range list {
		line := v.batchLine(b)
		if mixed {
			line.Area = b.Area
		}
		lines = append(lines, line)
	}
	return lines, v.judgeLines(lines, list)
}

// batchLine gives one order or batch, with the one thing to do next.
func (v *visit) batchLine(b batch.Summary) BatchLine {
	href := "/batches/" + b.ID
	line := BatchLine{
		Href: href, Number: b.Number, Order: b.OrderNumber, Product: b.Product, Recipe: b.Title, Version: strconv.Itoa(b.RecipeNumber), State: string(b.State),
		Done: b.Done, Steps: b.Steps, OpenStep: b.OpenTitle, Waits: b.WaitsFor, Changed: b.ChangedAt,
	}
	link := func(act, words, href string) {
		if v.grants.May(act, b.Area) {
			line.Next = &Link{Href: href, Words: words}
		}
	}
	switch {
	case b.State == procedure.Ordered:
		link("batch.issue", "Issue the record", href)
	case b.State == procedure.Idle:
		link("batch.start", "Start the batch", href)
	case b.State == procedure.Held:
		link("batch.hold", "To the hold", href+"/hold")
	case b.State == procedure.Running && b.OpenStep != "":
		link("step.perform", "Continue", href+"/steps/"+b.OpenStep)
	case b.State == procedure.Running:
		link("batch.complete", "Complete the batch", href)
	}
	return line
}

// onHome says where a new order is made, and shows the new batch afterwards.
func (s *server) onHome() place {
	return place{page: s.showHome, read: "order.read", next: func(_ *visit, result json.RawMessage) string {
		var done batch.Result
		_ = json.Unmarshal(result, &done) // without a batch the list shows it
		return "/batches/" + done.Batch
	}}
}
