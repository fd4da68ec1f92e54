package web

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"veribatch/ebr/batch"
	"veribatch/internal/fault"
	"veribatch/recipes"
)

// CompareView says what changed from one version of a recipe to another, and shows both texts side by side where they differ.
type CompareView struct {
	Page
	Name     string
	Old, New string   // numbers of the versions; Old is "" when there is no version before
	Others   []Option // other versions to compare with (field with)
	With     string   // the one that is compared with
	Changes  []RecipeChanges
	AtWork   []Link // batches that go on with the old version
	More     bool   // there are more of them
	File     string // address of the new text as a file, where it is no version yet
	Parts    [][]TextPair
}

// RecipeChanges are the changes of one risk class.
type RecipeChanges struct {
	Class string // critical, major, minor
	Lines []RecipeChange
}

// RecipeChange is one change in process words.
type RecipeChange struct {
	Sentence, Reason string
	Href             string // the line in the texts below; "" when it is not there
	Line             int
	Gone             bool // Line is one of the old text
}

// TextPair is a line of the old text beside one of the new text; a number is 0 where there is none.
type TextPair struct {
	Old, New         int
	OldText, NewText string
}

// Changed tells whether the lines differ.
func (p TextPair) Changed() bool { return p.Old == 0 || p.New == 0 || p.OldText != p.NewText }

func (*CompareView) template() string { return "recipes/compare" }

// compared are two versions of one recipe.
type compared struct {
	old, new *recipes.Detail
	all      []recipes.Version
	changes  []recipes.Change
}

// compare reads both versions; without one to compare with it takes the version before, and of the first version there is no old one.
func (v *visit) compare(version, with string) (c compared, err error) {
	if c.new, err = recipes.Get(v.ctx, v, version); err != nil {
		return c, err
	}
	if c.all, err = recipes.Versions(v.ctx, v, c.new.Version.Recipe); err != nil {
		return c, err
	}
	for _, one := range c.all {
		if with == "" && one.Number < c.new.Number || one.ID == with {
			if c.old, err = recipes.Get(v.ctx, v, one.ID); err != nil {
				return c, err
			}
			c.changes = recipes.Compare(c.old.Recipe, c.new.Recipe)
			return c, nil
		}
	}
	if with != "" {
		return c, fault.New(fault.Missing, "This recipe has no such version. Choose one of the list.")
	}
	return c, nil
}

func (s *server) showCompare(v *visit) (View, error) {
	c, err := v.compare(v.c.Param("version"), v.c.QueryParam("with"))
	if err != nil {
		return nil, err
	}
	view := &CompareView{Page: v.frame(c.new.Title), Name: c.new.Title, New: strconv.Itoa(c.new.Number)}
	if c.old == nil {
		return view, nil
	}
	view.Old, view.With = strconv.Itoa(c.old.Number), c.old.ID
	for _, one := range c.all {
		if one.ID != c.new.ID {
			view.Others = append(view.Others, Option{Value: one.ID, Words: fmt.Sprint(one.Number)})
		}
	}
	return view, v.fillCompare(view, c.old, c.new.Text, c.changes)
}

// fillCompare says what changed from a version to a text, and which batches go on with the version.
func (v *visit) fillCompare(view *CompareView, old *recipes.Detail, text string, changes []recipes.Change) (err error) {
	if view.Parts, err = sideBySide(old.Text, text); err != nil {
		return err
	}
	shown := map[string]bool{}
	for _, part := range view.Parts {
		for _, p := range part {
			shown[lineID(p.Old, true)], shown[lineID(p.New, false)] = true, true
		}
	}
	for _, class := range []recipes.Class{recipes.Critical, recipes.Major, recipes.Minor} {
		group := RecipeChanges{Class: string(class)}
		for _, one := range changes {
			if one.Class != class {
				continue
			}
			line := RecipeChange{Sentence: one.Sentence, Reason: one.Reason, Line: one.Line, Gone: one.Gone}
			if id := lineID(one.Line, one.Gone); shown[id] {
				line.Href = "#" + id
			}
			group.Lines = append(group.Lines, line)
		}
		if len(group.Lines) > 0 {
			view.Changes = append(view.Changes, group)
		}
	}
	const most = 20
	batches, err := batch.AtWorkOn(v.ctx, v, old.ID, v.grants.Areas("batch.read"), most+1)
	if err != nil {
		return err
	}
	view.More = len(batches) > most
	for _, b := range batches[:min(len(batches), most)] {
		view.AtWork = append(view.AtWork, Link{Href: "/batches/" + b.ID, Words: b.Number})
	}
	return nil
}

// lineID names a line of one of the texts on the page.
func lineID(line int, old bool) string {
	if old {
		return "old-" + strconv.Itoa(line)
	}
	return "new-" + strconv.Itoa(line)
}

// sideBySide gives the parts in which two texts differ, with three lines around them.
func sideBySide(old, new string) (parts [][]TextPair, err error) {
	d, err := udiff.ToUnifiedDiff("", "", old, udiff.Lines(old, new), 3)
	if err != nil {
		return nil, err
	}
	for _, h := range d.Hunks {
		var part []TextPair
		left, right, open := h.FromLine, h.ToLine, 0 // open: the first pair of this change without a new line
		for _, l := range h.Lines {
			text := strings.TrimSuffix(l.Content, "\n")
			switch {
			case l.Kind == udiff.Delete:
				part = append(part, TextPair{Old: left, OldText: text})
				left++
			case l.Kind == udiff.Insert && open < len(part):
				part[open].New, part[open].NewText = right, text
				open, right = open+1, right+1
			case l.Kind == udiff.Insert:
				part = append(part, TextPair{New: right, NewText: text})
				open, right = len(part), right+1
			default:
				part = append(part, TextPair{left, right, text, text})
				left, right, open = left+1, right+1, len(part)
			}
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// recipeComparison is what changed, for the API.
type recipeComparison struct {
	Version    string         `json:"version" doc:"id of the version"`
	With       string         `json:"with,omitempty" doc:"id of the version that it is compared with; absent when there is none before it"`
	Number     int            `json:"number" doc:"of the version"`
	WithNumber int            `json:"with_number,omitempty" doc:"number of the version that it is compared with"`
	Changes    []recipeChange `json:"changes" doc:"in the order of the new text, what is gone last; empty when the versions mean the same"`
	Critical   int            `json:"critical" doc:"how many changes are critical"`
}

type recipeChange struct {
	Class    recipes.Class `json:"class" doc:"critical, major or minor"`
	Sentence string        `json:"sentence" doc:"what changed, in process words"`
	Reason   string        `json:"reason" doc:"why it has this class"`
	Line     int           `json:"line" doc:"of the new text, or of the old one when it is gone"`
	Gone     bool          `json:"gone,omitempty" doc:"the line is one of the old text"`
}

type ofComparison struct {
	Version string `path:"version" doc:"id of the version"`
	With    string `query:"with" doc:"id of another version of the same recipe; the one before when it is left out"`
}

func apiCompare(v *visit, q ofComparison) (answer recipeComparison, err error) {
	c, err := v.compare(q.Version, q.With)
	if err != nil {
		return answer, err
	}
	answer = recipeComparison{Version: c.new.ID, Number: c.new.Number, Changes: []recipeChange{}}
	if c.old != nil {
		answer.With, answer.WithNumber = c.old.ID, c.old.Number
	}
	for _, one := range c.changes {
		answer.Changes = append(answer.Changes, recipeChange(one))
		if one.Class == recipes.Critical {
			answer.Critical++
		}
	}
	return answer, nil
}
