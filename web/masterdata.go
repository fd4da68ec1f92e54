package web

import (
	"strconv"

	"veribatch/ebr/batch"
	"veribatch/recipes"
)

// MasterDataView says what in the master data somebody should look at.
type MasterDataView struct {
	Page
	Recipes int // how many were looked through
	Batches int // the most batches of each
	Groups  []FindingGroup
}

// FindingGroup are the findings of one kind.
type FindingGroup struct {
	Kind     string // material, unit, equipment, unused, limit
	Findings []FindingLine
}

// FindingLine is one of them.
type FindingLine struct {
	Sentence string
	Recipes  []Link
}

func (*MasterDataView) template() string { return "recipes/masterdata" }

// lastBatches are the batches of each version whose readings are counted; it bounds what the report costs in an old plant.
const lastBatches = 50

// masterData looks through the recipes by which the areas of the person work.
func (v *visit) masterData() (findings []recipes.Finding, looked int, err error) {
	versions, err := recipes.Current(v.ctx, v, v.grants.Areas("recipe.read"))
	if err != nil {
		return nil, 0, err
	}
	var all []recipes.Held
	for _, version := range versions {
		h := recipes.Held{Version: version}
		if h.Recipe, err = recipes.Load(v.ctx, v, version.Digest); err != nil {
			return nil, 0, err
		}
		if h.Readings, err = batch.ReadingsOf(v.ctx, v, version.ID, lastBatches); err != nil {
			return nil, 0, err
		}
		all = append(all, h)
	}
	return recipes.MasterData(all), len(all), nil
}

func (s *server) showMasterData(v *visit) (View, error) {
	findings, looked, err := v.masterData()
	if err != nil {
		return nil, err
	}
	view := &MasterDataView{Page: v.frame(v.words("Master data")), Recipes: looked, Batches: lastBatches}
	for _, f := range findings {
		if last := len(view.Groups) - 1; last < 0 || view.Groups[last].Kind != f.Kind {
			view.Groups = append(view.Groups, FindingGroup{Kind: f.Kind})
		}
		group := &view.Groups[len(view.Groups)-1]
		group.Findings = append(group.Findings, FindingLine{f.Sentence, foundIn(f)})
	}
	return view, nil
}

func foundIn(f recipes.Finding) (links []Link) {
	for _, r := range f.Versions {
		links = append(links, Link{Href: "/recipes/" + r.ID, Words: r.Code + " " + strconv.Itoa(r.Number)})
	}
	return links
}

// masterDataReport is the same for the API.
type masterDataReport struct {
	Recipes  int           `json:"recipes" doc:"how many were looked through: of each the effective version, else the newest that has not ended"`
	Findings []dataFinding `json:"findings"`
}

type dataFinding struct {
	Kind     string   `json:"kind" doc:"material, unit, equipment, unused or limit"`
	Sentence string   `json:"sentence"`
	Versions []string `json:"versions" doc:"ids of the versions of recipes"`
}

func apiMasterData(v *visit, _ struct{}) (masterDataReport, error) {
	findings, looked, err := v.masterData()
	answer := masterDataReport{Recipes: looked, Findings: []dataFinding{}}
	for _, f := range findings {
		one := dataFinding{Kind: f.Kind, Sentence: f.Sentence}
		for _, r := range f.Versions {
			one.Versions = append(one.Versions, r.ID)
		}
		answer.Findings = append(answer.Findings, one)
	}
	return answer, err
}
