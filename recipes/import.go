package recipes

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/access"
)

var (
	_ = audit.Explain("recipe_versions_text_once", fault.Conflict, "This text is already a version of the recipe. Open it from the list of recipes.")
	_ = audit.Explain("recipe_versions_number_once", fault.Conflict, "Someone imported a version of this recipe just now. Reload to see it.")
)

// Import takes the text of a recipe as a new draft. What is kept, digested and signed is its canonical form (Print), so that the same
// recipe written with other blanks is the same version.
type Import struct {
	Text string `json:"text" form:"text"`
	Area string `json:"area,omitempty" form:"area"` // of a new recipe; "" where only one can be meant
}

// Result is what an act on recipes leaves for its answer.
type Result struct {
	Version string `json:"version"`
}

// FieldText names the field of the text in faults.
const FieldText = "text"

// FieldArea names the field of the area in faults.
const FieldArea = "area"

// Act is the word of the act.
func (Import) Act() string { return "recipe.import" }

// Home is the stream of the recipe whose code the text names. A faulty text belongs to no recipe, and Do refuses it.
func (c Import) Home() audit.Stream {
	r, err := c.read()
	if err != nil {
		return StreamOf("")
	}
	return stream(ID(r.Code))
}

// Also names the area, so that the right to import there is asked.
func (c Import) Also() []audit.Stream {
	return access.AreaSubject(c.Area)
}

// read checks the text; the fault says how many faults there are and carries all of them as its cause (errors.As to Faults).
func (c Import) read() (*Recipe, error) {
	r, faults := Check("text", []byte(c.Text))
	if len(faults) == 0 {
		return r, nil
	}
	count := fmt.Sprintf("%d faults", len(faults))
	if len(faults) == 1 {
		count = "a fault"
	}
	first := faults[0]
	f := fault.At(FieldText, "The text has %s; nothing was imported. Line %d, column %d: %s Mend the text, then import it again.", count, first.Line, first.Column, first.Message)
	return nil, f.Because(faults)
}

const insertRecipe = `insert into ebr.recipes (id, code, area) values (@recipe, @code, @area) on conflict (id) do nothing`

const areaOfRecipe = `select area from ebr.recipes where id = @recipe`

var _ = audit.Explain("recipes_area_fkey", fault.Invalid, "There is no such area. Choose one of the list.")

// area finds where the recipe belongs: a new version stays with its recipe, a new recipe goes to the named area or to the only one where the person may import.
func (c Import) area(ctx context.Context, tx *audit.Tx, recipe string) (string, error) {
	var area string
	err := tx.QueryRow(ctx, areaOfRecipe, pgx.NamedArgs{"recipe": recipe}).Scan(&area)
	switch {
	case err == nil && c.Area != "" && c.Area != area:
		return "", fault.At(FieldArea, "This recipe belongs to the area %s for ever. Choose that area, or give the recipe another code.", area)
	case err == nil:
		return area, nil
	case !errors.Is(err, pgx.ErrNoRows):
		return "", err
	case c.Area != "" && c.Also() == nil:
		return "", fault.At(FieldArea, "There is no such area. Choose one of the list.")
	case c.Area != "":
		return c.Area, nil
	}
	may, err := access.AreasWhere(ctx, tx, tx.Actor().Person, "recipe.import")
	if err == nil && len(may) != 1 {
		err = fault.At(FieldArea, "Choose the area to which the new recipe belongs.")
	}
	if err != nil {
		return "", err
	}
	return may[0].Code, nil
}

const lastNumber = `select coalesce(max(number), 0) from ebr.recipe_versions where recipe = @recipe`

const insertVersion = `insert into ebr.recipe_versions (id, recipe, number, title, product, state, digest, created_by, created_at)
	values (@id, @recipe, @number, @title, @product, 'draft', @digest, @person, @now)`

// Do stores the text as the next version of its recipe, a draft.
func (c Import) Do(ctx context.Context, tx *audit.Tx) error {
	r, err := c.read()
	if err != nil {
		return err
	}
	recipe := ID(r.Code)
	if tx.Home() != stream(recipe) {
		return errors.New("recipes: an import runs in the stream of its recipe")
	}
	text := Print(r)
	digest := Digest(text)
	args := pgx.NamedArgs{"recipe": recipe, "code": r.Code, "digest": digest[:]}
	if same, err := one(ctx, tx, versionByText, args); err != nil {
		return err
	} else if same != nil {
		return fault.New(fault.Conflict, "This text is version %d of %s already, imported by %s at %s. Open that version, or change the text.",
			same.Number, same.Code, same.Imported.FullName, same.Imported.At.Format(moment))
	}
	if args["area"], err = c.area(ctx, tx, recipe); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, insertRecipe, args); err != nil {
		return err
	}
	if _, err := tx.Keep(ctx, text); err != nil {
		return err
	}
	var last int
	if err := tx.QueryRow(ctx, lastNumber, args).Scan(&last); err != nil {
		return err
	}
	id := recipe + "-" + strconv.Itoa(last+1)
	_, err = tx.Exec(ctx, insertVersion, pgx.NamedArgs{
		"id": id, "recipe": recipe, "number": last + 1, "title": r.Title, "product": r.Product, "digest": digest[:], "person": tx.Actor().Person, "now": tx.Now(),
	})
	if err != nil {
		return err
	}
	tx.Note("recipe", r.Code)
	tx.Note("version", strconv.Itoa(last+1))
	tx.Note("title", r.Title)
	tx.Note("text", fmt.Sprintf("%x", digest))
	tx.Note("area", args["area"].(string))
	tx.Result(Result{id})
	return keepBlocks(ctx, tx, r, id)
}

// moment is how messages write a time.
const moment = "2006-01-02 15:04:05 -07:00"
