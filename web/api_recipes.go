package web

import (
	"slices"
	"strconv"
	"time"

	"veribatch/recipes"
)

type allRecipes struct {
	Recipes []recipeLine `json:"recipes" doc:"by code, the newest version first"`
	Next    string       `json:"next,omitempty" doc:"address of the next page; absent on the last one"`
}

// recipeLine is one version of a recipe.
type recipeLine struct {
	Version string        `json:"version" doc:"id"`
	Code    string        `json:"code"`
	Number  string        `json:"number" doc:"of the version"`
	Title   string        `json:"title"`
	Product string        `json:"product"`
	Area    string        `json:"area" doc:"code"`
	State   recipes.State `json:"state" doc:"draft, in_review, approved, effective, superseded, sent_back or withdrawn"`
	Digest  string        `json:"digest" doc:"SHA-256 of the text, hex"`
	Changed time.Time     `json:"changed_at"`
	By      string        `json:"changed_by" doc:"printed name"`
}

func recipeOf(r recipes.Version) recipeLine {
	last := newest(r)
	return recipeLine{r.ID, r.Code, strconv.Itoa(r.Number), r.Title, r.Product, r.Area, r.State, r.Digest, last.At, last.FullName}
}

func apiRecipes(v *visit, q pageOf) (answer allRecipes, err error) {
	list, err := recipes.List(v.ctx, v, v.grants.Areas("recipe.read"))
	if err != nil {
		return answer, err
	}
	list, answer.Next, err = paged(v, q, list, func(r recipes.Version) string { return r.ID })
	for _, r := range list {
		answer.Recipes = append(answer.Recipes, recipeOf(r))
	}
	return answer, err
}

type ofRecipe struct {
	Version string `path:"version" doc:"id of the version"`
}

// recipeText is a version with its text.
type recipeText struct {
	recipeLine
	Text string   `json:"text" doc:"the recipe as it is kept, byte for byte"`
	Acts []string `json:"acts" doc:"what the version waits for, of what you may do"`

	EndReason string       `json:"end_reason,omitempty" doc:"why it was sent back or withdrawn"`
	Comments  []reviewNote `json:"comments" doc:"of the review, the oldest first"`
}

// reviewNote is what somebody said about a version.
type reviewNote struct {
	ID         string    `json:"id"`
	Element    string    `json:"element,omitempty" doc:"name of the step or structure in the text; absent for the version as a whole"`
	Words      string    `json:"words"`
	By         string    `json:"made_by" doc:"printed name"`
	At         time.Time `json:"made_at"`
	Resolution string    `json:"resolution,omitempty" doc:"how it was settled; absent while it is open"`
	ResolvedBy string    `json:"resolved_by,omitempty" doc:"printed name"`
	ResolvedAt time.Time `json:"resolved_at,omitzero"`
}

func apiRecipe(v *visit, q ofRecipe) (recipeText, error) {
	r, err := recipes.Get(v.ctx, v, q.Version)
	if err != nil {
		return recipeText{}, err
	}
	acts := slices.DeleteFunc(append(r.Moves(), r.Endings()...), func(act string) bool { return !v.may(act) })
	answer := recipeText{recipeLine: recipeOf(r.Version), Text: r.Text, Acts: acts, EndReason: r.EndReason}
	for _, c := range r.Comments {
		answer.Comments = append(answer.Comments, reviewNote{c.ID, c.Element, c.Words, c.Made.FullName, c.Made.At, c.Resolution, c.Resolved.FullName, c.Resolved.At})
	}
	return answer, nil
}
