package web

import (
	"html/template"
	"net/url"
	"slices"
	"strconv"

	"veribatch/internal/chart"
	"veribatch/internal/fault"
	"veribatch/recipes"
)

// ChartView is the procedure function chart of a version of a recipe.
type ChartView struct {
	Page
	Name, Version string
	Levels        []ChartLevel
	Picture       template.HTML // SVG of internal/chart, which escapes all words
	Recipe        string        // address of the recipe
}

// ChartLevel is a level of detail that can be chosen.
type ChartLevel struct {
	Link
	Chosen bool
}

func (*ChartView) template() string { return "recipes/chart" }

type chartLevel struct {
	name, words string
	level       chart.Level
}

// chartLevels are the levels by their names in addresses, with their words.
var chartLevels = []chartLevel{{"unit_procedures", "Unit procedures", chart.UnitProcedures}, {"operations", "Operations", chart.Operations}, {"phases", "Phases", chart.Phases}, {"steps", "Steps", chart.Steps}}

// mostOpened bounds the names of elements that are opened alone.
const mostOpened = 200

func (s *server) showChart(v *visit) (View, error) {
	r, err := recipes.Get(v.ctx, v, v.c.Param("version"))
	if err != nil {
		return nil, err
	}
	level, query := chart.Operations, v.c.Request().URL.Query()
	if len(r.Recipe.Steps()) <= 60 {
		level = chart.Steps // a small one fits whole
	}
	if wanted := query.Get("level"); wanted != "" {
		at := slices.IndexFunc(chartLevels, func(l chartLevel) bool { return l.name == wanted })
		if at < 0 {
			return nil, fault.New(fault.Invalid, "There is no such level. Choose one of the list.")
		}
		level = chartLevels[at].level
	}
	open := map[string]bool{}
	for _, id := range query["open"] {
		if len(open) < mostOpened {
			open[id] = true
		}
	}
	at := "/recipes/" + r.ID + "/chart"
	view := &ChartView{Page: v.frame(r.Title), Name: r.Title, Version: strconv.Itoa(r.Number), Recipe: "/recipes/" + r.ID}
	chosen := ""
	for _, l := range chartLevels {
		if l.level == level {
			chosen = l.name
		}
		view.Levels = append(view.Levels, ChartLevel{Link{Href: at + "?level=" + l.name, Words: v.words(l.words)}, l.level == level})
	}
	drawing := chart.Draw(r.Recipe, level, open)
	view.Picture = template.HTML(drawing.SVG(v.words("Chart of %s", r.Title), func(b chart.Box) (string, string) { //nolint:gosec // the chart escapes every word
		if b.Kind != "folded" {
			return "", ""
		}
		all := url.Values{"level": {chosen}, "open": append(slices.Clone(query["open"]), b.ID)}
		return at + "?" + all.Encode(), v.words("Open %s", b.ID)
	}))
	return view, nil
}
