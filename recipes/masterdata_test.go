package recipes_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/recipes"
	"veribatch/recipes/library"
)

func held(t *testing.T, id, text string) recipes.Held {
	t.Helper()
	r, faults := recipes.Check(id, []byte(text))
	require.Empty(t, faults)
	return recipes.Held{Version: recipes.Version{ID: id, Code: r.Code}, Recipe: r, Readings: map[string]recipes.Readings{}}
}

// said gives the findings as "kind: sentence [versions]".
func said(all []recipes.Finding) (list []string) {
	for _, f := range all {
		line := f.Kind + ": " + f.Sentence
		for _, v := range f.Versions {
			line += " [" + v.ID + "]"
		}
		list = append(list, line)
	}
	return list
}

func TestMasterDataFindsNothingInOneSoundRecipe(t *testing.T) {
	t.Parallel()
	require.Empty(t, said(recipes.MasterData([]recipes.Held{held(t, "a", whole(t))})))
}

func TestMasterDataAcrossRecipes(t *testing.T) {
	t.Parallel()
	a := held(t, "a", whole(t))
	for change, want := range map[[2]string]string{
		{`title    = "Filler"`, `title    = "Filler, fine"`}: `material: Material FILLER has two names: "Filler" and "Filler, fine". [a] [b]`,
		{`"FILLER"`, `"FILL-2"`}:                             `material: Materials FILLER and FILL-2 have the same name, "Filler". [a] [b]`,
		{`"high-shear mixer"`, `"High shear mixer"`}:         `equipment: The equipment classes "high-shear mixer" and "High shear mixer" seem to be one. [a] [b]`,
		{`"high-shear mixer"`, `"high-sheer mixer"`}:         `equipment: The equipment classes "high-shear mixer" and "high-sheer mixer" seem to be one. [a] [b]`,
	} {
		b := held(t, "b", whole(t, change[0], change[1]))
		require.Equal(t, []string{want}, said(recipes.MasterData([]recipes.Held{a, b})), fmt.Sprint(change))
	}
	b := held(t, "b", whole(t, `"49.0 kg"`, `"49000 g"`, `"24.5 kg"`, `"24500 g"`))
	require.Equal(t, []string{"unit: Material FILLER is stated in several units: g, kg. [a] [b]"}, said(recipes.MasterData([]recipes.Held{a, b})))
}

func TestMasterDataNamesWhatIsUnused(t *testing.T) {
	t.Parallel()
	h := held(t, "a", whole(t, `  equipment "SCALE" {`, `  equipment "SPARE" {
    title = "Spare mixer"
    class = "ribbon blender"

    capability "volume" {
      unit = "L"
      low  = "1"
    }
  }

  equipment "SCALE" {`, `          parameter = "TEMP"
          statistic = "average"`, `          kind      = "decimal"
          unit      = "°C"
          decimals  = "1"
          statistic = "average"`))
	require.Equal(t, []string{"unused: No step needs the equipment SPARE. [a]", "unused: No value refers to the process parameter TEMP. [a]"}, said(recipes.MasterData([]recipes.Held{h})))
	tour := held(t, "b", string(library.Text(library.BufferTour)))
	for _, line := range said(recipes.MasterData([]recipes.Held{tour})) {
		require.NotContains(t, line, "No value refers")
	}
}

func TestMasterDataNamesLimitsThatRejectNothing(t *testing.T) {
	t.Parallel()
	h := held(t, "a", whole(t, `low  = "0.10"
              high = "8.00"`, `low  = "0.00"
              high = "100.00"`))
	require.Equal(t, []string{"limit: The action limits of Loss on drying of step 120 (0.00 to 100.00 %) reject nothing that a share can be. [a]"}, said(recipes.MasterData([]recipes.Held{h})))

	h = held(t, "a", whole(t))
	key := recipes.ReadingKey("080", "volume")
	for readings, want := range map[recipes.Readings]string{
		{All: 49}:            "",
		{All: 50}:            "limit: The limits of Volume of step 080 (9.0 to 11.0 L) warned or held nothing in 50 readings. [a]",
		{All: 50, Alert: 1}:  "",
		{All: 2, Action: 2}:  "",
		{All: 3, Action: 3}:  "limit: No batch met the action limits of Volume of step 080 (9.0 to 11.0 L): all 3 readings were outside. [a]",
		{All: 60, Action: 3}: "",
	} {
		h.Readings[key] = readings
		var wanted []string
		if want != "" {
			wanted = []string{want}
		}
		require.Equal(t, wanted, said(recipes.MasterData([]recipes.Held{h})), fmt.Sprint(readings))
	}
}

func TestCurrentIsWhatAPlantWorksBy(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	current := func() (ids []string) {
		require.NoError(t, o.Trail.Read(o.Ctx, func(r *audit.Reader) error {
			all, err := recipes.Current(o.Ctx, r, everywhere)
			for _, v := range all {
				ids = append(ids, v.ID)
			}
			return err
		}))
		return ids
	}
	first := o.importText(o.pete, text())
	require.Equal(t, []string{first}, current())
	second := o.importText(o.pete, text("13.99", "13.98"))
	require.Equal(t, []string{second}, current(), "without an effective version the newest")
	require.NoError(t, o.Sign(o.pete, recipes.Submit{Version: first}))
	require.NoError(t, o.Sign(o.sue, recipes.Approve{Version: first}))
	require.NoError(t, o.Sign(o.vera, recipes.MakeEffective{Version: first}))
	require.Equal(t, []string{first}, current())
	require.NoError(t, o.Sign(o.vera, recipes.Withdraw{Version: first, Reason: "Wrong salt"}))
	require.Equal(t, []string{second}, current())
}
