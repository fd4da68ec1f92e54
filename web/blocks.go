package web

import (
	"cmp"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"veribatch/internal/fault"
	"veribatch/recipes"
)

// BlocksView lists the library of building blocks.
type BlocksView struct {
	Page
	Blocks []BlockLine
}

// BlockLine is one version of a building block.
type BlockLine struct {
	Href, Code, Name, Version string
	Used                      int // versions of recipes that have not ended
	Added                     time.Time
	By                        string
}

// BlockView is one version of a building block: its text, its other versions, and where it is used.
type BlockView struct {
	Page
	Code, Name, Version, Digest, Text string
	Others                            []BlockLine
	UsedBy                            []BlockUse
}

// BlockUse is a version of a recipe that holds the block.
type BlockUse struct {
	Href, Name, Version, State string
	Effects                    []Link // what another version of the block would change in it
}

func (*BlocksView) template() string { return "recipes/blocks" }
func (*BlockView) template() string  { return "recipes/block" }

func blockLine(b recipes.Block) BlockLine {
	return BlockLine{Href: "/blocks/" + b.ID, Code: b.Code, Name: b.Title, Version: b.Number, Used: b.Used, Added: b.Added.At, By: b.Added.FullName}
}

func (s *server) showBlocks(v *visit) (View, error) {
	all, err := recipes.Blocks(v.ctx, v, v.grants.Areas("recipe.read"))
	if err != nil {
		return nil, err
	}
	view := &BlocksView{Page: v.frame(v.words("Building blocks"))}
	for _, b := range all {
		view.Blocks = append(view.Blocks, blockLine(b))
	}
	return view, nil
}

func (s *server) showBlock(v *visit) (View, error) {
	areas := v.grants.Areas("recipe.read")
	b, text, all, err := recipes.FindBlock(v.ctx, v, v.c.Param("block"), areas)
	if err != nil {
		return nil, err
	}
	used, err := recipes.WhereUsed(v.ctx, v, b.ID, areas)
	if err != nil {
		return nil, err
	}
	view := &BlockView{Page: v.frame(b.Title), Code: b.Code, Name: b.Title, Version: b.Number, Digest: b.Digest, Text: string(text)}
	for _, other := range all {
		if other.ID != b.ID {
			view.Others = append(view.Others, blockLine(other))
		}
	}
	for _, r := range used {
		use := BlockUse{Href: "/recipes/" + r.ID, Name: r.Title, Version: strconv.Itoa(r.Number), State: r.State.Words()}
		for _, other := range view.Others {
			use.Effects = append(use.Effects, Link{Href: other.Href + "/effect/" + r.ID, Words: other.Version})
		}
		view.UsedBy = append(view.UsedBy, use)
	}
	return view, nil
}

// effect is what a version of a building block would change in a version of a recipe.
type effect struct {
	block   recipes.Block
	old     *recipes.Detail
	text    []byte
	changes []recipes.Change
}

func (v *visit) effect(block, version string) (e effect, err error) {
	if e.old, err = recipes.Get(v.ctx, v, version); err != nil { // first, so that a recipe of another area is answered like none
		return e, err
	}
	var text []byte
	if e.block, text, _, err = recipes.FindBlock(v.ctx, v, block, v.grants.Areas("recipe.read")); err != nil {
		return e, err
	}
	changed, canonical, err := e.old.Recipe.WithBlock(text)
	var faults recipes.Faults
	if errors.As(err, &faults) {
		return e, fault.New(fault.Refused, "With version %s of %s this recipe would have faults. Line %d: %s", e.block.Number, e.block.Code, faults[0].Line, faults[0].Message)
	}
	if err != nil {
		return e, err
	}
	e.text, e.changes = canonical, recipes.Compare(e.old.Recipe, changed)
	return e, nil
}

func (s *server) showEffect(v *visit) (View, error) {
	e, err := v.effect(v.c.Param("block"), v.c.Param("version"))
	if err != nil {
		return nil, err
	}
	view := &CompareView{
		Page: v.frame(e.old.Title), Name: e.old.Title, Old: strconv.Itoa(e.old.Number), With: e.old.ID, New: v.words("with %s %s", e.block.Code, e.block.Number),
		File: "/blocks/" + e.block.ID + "/effect/" + e.old.ID + "/text",
	}
	return view, v.fillCompare(view, e.old, string(e.text), e.changes)
}

// sendEffect gives the text of the recipe with the other building block as a file: nothing is changed before somebody imports it as the next version.
func (s *server) sendEffect(v *visit) error {
	var e effect
	_, err := v.read(v.route.Act, func(v *visit) (_ View, err error) {
		e, err = v.effect(v.c.Param("block"), v.c.Param("version"))
		return nil, err
	})
	if err != nil {
		return err
	}
	return v.sendText(fmt.Sprintf("%s-with-%s-%s.recipe", e.old.Code, e.block.Code, e.block.Number), e.text)
}

// sendText gives a text as a file.
func (v *visit) sendText(name string, text []byte) error {
	v.c.Response().Header().Set(echo.HeaderContentDisposition, cmp.Or(mime.FormatMediaType("attachment", map[string]string{"filename": name}), "attachment"))
	return v.c.Blob(http.StatusOK, "text/plain; charset=utf-8", text)
}

// allBlocks is the library, for the API.
type allBlocks struct {
	Blocks []apiBlockLine `json:"blocks" doc:"by code, the newest version first"`
}

type apiBlockLine struct {
	Block   string    `json:"block" doc:"id"`
	Code    string    `json:"code"`
	Version string    `json:"version" doc:"as its text says it"`
	Title   string    `json:"title"`
	Digest  string    `json:"digest" doc:"SHA-256 of the text, hex"`
	Used    int       `json:"used" doc:"in how many versions of recipes that have not ended"`
	Added   time.Time `json:"added_at"`
	By      string    `json:"added_by" doc:"printed name"`
}

func blockOf(b recipes.Block) apiBlockLine {
	return apiBlockLine{b.ID, b.Code, b.Number, b.Title, b.Digest, b.Used, b.Added.At, b.Added.FullName}
}

func apiBlocks(v *visit, _ struct{}) (answer allBlocks, err error) {
	all, err := recipes.Blocks(v.ctx, v, v.grants.Areas("recipe.read"))
	answer.Blocks = []apiBlockLine{}
	for _, b := range all {
		answer.Blocks = append(answer.Blocks, blockOf(b))
	}
	return answer, err
}

type ofBlock struct {
	Block string `path:"block" doc:"id of the version of the building block"`
}

// apiBlockText is a version of a building block with its text and where it is used.
type apiBlockText struct {
	apiBlockLine
	Text string       `json:"text" doc:"as it is kept, byte for byte"`
	Used []recipeLine `json:"used_in" doc:"versions of recipes that have not ended"`
}

func apiBlock(v *visit, q ofBlock) (answer apiBlockText, err error) {
	areas := v.grants.Areas("recipe.read")
	b, text, _, err := recipes.FindBlock(v.ctx, v, q.Block, areas)
	if err != nil {
		return answer, err
	}
	used, err := recipes.WhereUsed(v.ctx, v, b.ID, areas)
	answer = apiBlockText{apiBlockLine: blockOf(b), Text: string(text), Used: []recipeLine{}}
	for _, r := range used {
		answer.Used = append(answer.Used, recipeOf(r))
	}
	return answer, err
}

type ofEffect struct {
	Block   string `path:"block" doc:"id of the version of the building block"`
	Version string `path:"version" doc:"id of the version of the recipe"`
}

// blockEffect is what a version of a building block would change in a recipe.
type blockEffect struct {
	Changes []recipeChange `json:"changes" doc:"in the order of the new text, what is gone last"`
	Text    string         `json:"text" doc:"the recipe with that version of the block, to import as its next version"`
}

func apiEffect(v *visit, q ofEffect) (answer blockEffect, err error) {
	e, err := v.effect(q.Block, q.Version)
	answer = blockEffect{Changes: []recipeChange{}, Text: string(e.text)}
	for _, one := range e.changes {
		answer.Changes = append(answer.Changes, recipeChange(one))
	}
	return answer, err
}
