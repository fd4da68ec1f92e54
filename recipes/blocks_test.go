package recipes_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/recipes"
)

// whole is the recipe that uses the whole language, with the building block COOL, version 3; changes are pairs of old and new.
func whole(t testing.TB, change ...string) string {
	t.Helper()
	raw, err := os.ReadFile("testdata/whole.recipe")
	require.NoError(t, err)
	return strings.NewReplacer(change...).Replace(string(raw))
}

var everywhere = []string{"*"}

func (o *office) blocks() (all []recipes.Block) {
	o.T.Helper()
	require.NoError(o.T, o.Trail.Read(o.Ctx, func(r *audit.Reader) (err error) {
		all, err = recipes.Blocks(o.Ctx, r, everywhere)
		return err
	}))
	return all
}

func TestBlocksComeIntoTheLibraryWithTheirRecipe(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	require.Empty(t, o.blocks())
	first := o.importText(o.pete, whole(t))
	second := o.importText(o.penny, whole(t, "WHOLE-1", "WHOLE-2"))
	all := o.blocks()
	require.Len(t, all, 1)
	require.Equal(t, []any{"COOL", "3", "Cool down", 2, o.pete.FullName}, []any{all[0].Code, all[0].Number, all[0].Title, all[0].Used, all[0].Added.FullName})

	require.NoError(t, o.Trail.Read(o.Ctx, func(r *audit.Reader) error {
		_, text, _, err := recipes.FindBlock(o.Ctx, r, all[0].ID, everywhere)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(text), `building_block "COOL" {`), string(text))
		used, err := recipes.WhereUsed(o.Ctx, r, all[0].ID, everywhere)
		require.NoError(t, err)
		require.Len(t, used, 2)
		require.ElementsMatch(t, []string{first, second}, []string{used[0].ID, used[1].ID})
		nobodys, err := recipes.Blocks(o.Ctx, r, []string{"another-area"})
		require.Empty(t, nobodys, "blocks of other areas are not shown")
		return err
	}))
	_, err := o.Run(o.pete, "", recipes.Import{Text: whole(t, "WHOLE-1", "WHOLE-3", "Cool and read.", "Cool, then read.")})
	require.ErrorContains(t, err, "The building block COOL, version 3, is in the library with another text")
	require.Len(t, o.blocks(), 1)
	o.clean()
}

func TestWithBlockSaysWhatANewVersionOfABlockDoes(t *testing.T) {
	t.Parallel()
	old, faults := recipes.Check("whole", []byte(whole(t)))
	require.Empty(t, faults)
	newer := `building_block "COOL" {
  title    = "Cool down"
  version  = "4"
  language = "en"
  parameter "END" {
    title    = "Temperature at the end"
    unit     = "°C"
    decimals = "1"
    action {
      high = "25.0"
    }
  }
  entry "010" {
    title = "Cool"
    text  = "Cool and read."
    value "temp" {
      title     = "Temperature"
      parameter = "END"
    }
  }
}
`
	changed, text, err := old.WithBlock([]byte(newer))
	require.NoError(t, err)
	require.Contains(t, string(text), `version = "4"`)
	require.NotContains(t, string(text), `version = "3"`)
	said := strings.Join(strings.Split(string(recipes.Sentences(recipes.Compare(old, changed))), "\n"), " ")
	require.Contains(t, said, "30.0")
	require.Contains(t, said, "25.0")
	require.Equal(t, string(recipes.Print(old)), whole(t), "the recipe itself stays as it is")

	_, _, err = old.WithBlock([]byte(strings.Replace(newer, `parameter = "END"`, `parameter = "NONE"`, 1)))
	require.ErrorContains(t, err, `There is no parameter "NONE"`)
	_, _, err = old.WithBlock([]byte(strings.Replace(newer, "COOL", "WARM", 1)))
	require.ErrorContains(t, err, "does not hold the building block WARM")
	_, _, err = old.WithBlock([]byte("no block"))
	require.Error(t, err)
}

const (
	forgeBlock = `insert into ebr.building_blocks (id, code, number, title, digest, added_by, added_at) select gen_random_uuid(), 'FORGED', '1', 'x', v.digest, $2, $3 from ebr.recipe_versions v where v.id = $1`
	forgeUsage = `insert into ebr.recipe_blocks (id, recipe_version, block) select gen_random_uuid(), $1, b.id from ebr.building_blocks b limit 1`
)

// TestBlocksInTheDatabase goes around Go as the server's role: PostgreSQL refuses the same.
func TestBlocksInTheDatabase(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.importText(o.pete, whole(t))
	id := o.importText(o.penny, text())
	const yesterday = "2026-01-01T00:00:00Z"
	for why, c := range map[string]struct{ got, want string }{
		"under another act":       {o.attack(o.sue, "recipe.comment", id, nil, forgeBlock, id, o.sue.ID, "now"), "VB024"},
		"in another's name":       {o.attack(o.pete, "recipe.import", id, nil, forgeBlock, id, o.penny.ID, "now"), "VB024"},
		"at another time":         {o.attack(o.pete, "recipe.import", id, nil, forgeBlock, id, o.pete.ID, yesterday), "VB024"},
		"noted for a version":     {o.attack(o.pete, "recipe.import", id, nil, forgeUsage, id), "VB024"},
		"another text":            {o.attack(o.pete, "recipe.import", id, nil, `update ebr.building_blocks set title = 'y' where $1 <> ''`, id), "42501"},
		"taken out of the recipe": {o.attack(o.pete, "recipe.import", id, nil, `delete from ebr.recipe_blocks where $1 <> ''`, id), "42501"},
	} {
		require.Equal(t, c.want, c.got, why)
	}
	o.clean()
}
