package chart

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/recipes"
	"veribatch/recipes/library"
)

func recipe(t testing.TB, path string) *recipes.Recipe {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	r, faults := recipes.Check(path, text)
	require.Empty(t, faults)
	return r
}

func charted(t testing.TB) map[string]*recipes.Recipe {
	t.Helper()
	all := map[string]*recipes.Recipe{"whole": recipe(t, "../../recipes/testdata/whole.recipe")}
	for _, name := range library.All() {
		all[name] = recipe(t, filepath.Join("../../recipes/library", name))
	}
	return all
}

// TestNothingLiesOnAnother: at every level boxes stand apart or within frames, everything lies on the paper, and every element is there once.
func TestNothingLiesOnAnother(t *testing.T) {
	t.Parallel()
	for name, r := range charted(t) {
		for level := UnitProcedures; level <= Steps; level++ {
			d := Draw(r, level, nil)
			seen := map[string]bool{}
			for i, a := range d.Boxes {
				require.True(t, a.X >= 0 && a.Y >= 0 && a.X+a.Width <= d.Width && a.Y+a.Height <= d.Height, "%s at %d: %s leaves the paper", name, level, a.ID)
				if a.ID != "" {
					require.False(t, seen[a.ID], "%s at %d: %s stands twice", name, level, a.ID)
					seen[a.ID] = true
				}
				for _, b := range d.Boxes[i+1:] {
					require.True(t, apart(a, b) || inside(a, b) || inside(b, a), "%s at %d: %s %s lies on %s %s", name, level, a.Kind, a.ID, b.Kind, b.ID)
				}
			}
			for _, l := range d.Lines {
				for _, p := range [][2]float64{{l.X1, l.Y1}, {l.X2, l.Y2}} {
					require.True(t, p[0] >= 0 && p[1] >= 0 && p[0] <= d.Width && p[1] <= d.Height, "%s at %d: a line leaves the paper", name, level)
				}
				require.True(t, l.X1 == l.X2 || l.Y1 == l.Y2, "%s at %d: a line is slanted", name, level)
				for _, b := range d.Boxes {
					if b.Kind != "frame" {
						require.False(t, through(l, b), "%s at %d: a line goes through %s", name, level, b.ID)
					}
				}
			}
			if level == Steps {
				for _, s := range r.Steps() {
					require.True(t, seen[s.ID], "%s: %s is not drawn", name, s.ID)
				}
			}
		}
	}
}

func apart(a, b Box) bool {
	return a.X+a.Width <= b.X || b.X+b.Width <= a.X || a.Y+a.Height <= b.Y || b.Y+b.Height <= a.Y
}

func inside(outer, inner Box) bool {
	return outer.Kind == "frame" && inner.X >= outer.X && inner.Y >= outer.Y && inner.X+inner.Width <= outer.X+outer.Width && inner.Y+inner.Height <= outer.Y+outer.Height
}

// through tells whether a line goes through the inside of a box.
func through(l Line, b Box) bool {
	x1, x2, y1, y2 := min(l.X1, l.X2), max(l.X1, l.X2), min(l.Y1, l.Y2), max(l.Y1, l.Y2)
	return x2 > b.X+0.1 && x1 < b.X+b.Width-0.1 && y2 > b.Y+0.1 && y1 < b.Y+b.Height-0.1
}

// TestFolded: what is deeper than the level is one box with the number of its steps, and can be opened alone.
func TestFolded(t *testing.T) {
	t.Parallel()
	r := recipe(t, "../../recipes/testdata/whole.recipe")
	kinds := func(d Drawing) map[string]string {
		all := map[string]string{}
		for _, b := range d.Boxes {
			all[b.ID] = b.Kind
		}
		return all
	}
	unit := Draw(r, UnitProcedures, nil)
	require.Equal(t, map[string]string{"U1": "folded", "": "end"}, kinds(unit))
	require.Contains(t, unit.SVG("x", nil), fmt.Sprintf("Granulation (%d)", len(r.Steps())))
	opened := kinds(Draw(r, UnitProcedures, map[string]bool{"U1": true}))
	require.Equal(t, map[string]string{"U1": "frame", "O1": "folded", "": "end"}, opened)
	phases := kinds(Draw(r, Phases, nil))
	require.Equal(t, []string{"frame", "frame", "folded", "folded", "step"}, []string{phases["U1"], phases["O1"], phases["P1"], phases["200"], phases["010"]})
	whole := kinds(Draw(r, Steps, nil))
	require.Equal(t, []string{"frame", "critical", "step", "frame"}, []string{whole["P1"], whole["040"], whole["200.010"], whole["200"]})
}

// TestStructuresAreDrawn: parallels have double lines, selections their conditions, repetitions a way back.
func TestStructuresAreDrawn(t *testing.T) {
	t.Parallel()
	d := Draw(recipe(t, "../../recipes/testdata/whole.recipe"), Steps, nil)
	svg := d.SVG("Chart of <whole>", func(b Box) (string, string) { return "?a=1&b=" + b.ID, "<" + b.ID })
	for _, words := range []string{"[090.answer] = &#39;fine&#39;", `<a href="?a=1&amp;b=050" aria-label="&lt;050">`, "otherwise", "until [120.lod] &lt;= 2.0", "most 5 times", "Chart of &lt;whole&gt;"} {
		require.Contains(t, svg, words)
	}
	up := 0
	for _, l := range d.Lines {
		if l.Y2 < l.Y1 {
			up++
		}
	}
	require.Equal(t, 1, up, "one line leads back")
	require.NoError(t, xml.Unmarshal([]byte(svg), new(struct{})))
	require.NotContains(t, svg, "style=", "the policy of the page's content allows no styles in elements")
}

// many is a recipe with so many steps in operations of 20.
func many(t testing.TB, steps int) *recipes.Recipe {
	t.Helper()
	text, err := os.ReadFile("../../recipes/testdata/whole.recipe")
	require.NoError(t, err)
	var b strings.Builder
	for i := range steps {
		if i%20 == 0 {
			if i > 0 {
				b.WriteString("}\n")
			}
			fmt.Fprintf(&b, "operation \"X%d\" {\ntitle = \"Operation %d\"\n", i, i)
		}
		fmt.Fprintf(&b, "instruction \"S%d\" {\ntitle = \"Step %d with some words\"\ntext = \"T\"\n}\n", i, i)
	}
	b.WriteString("}\n")
	at := strings.LastIndex(string(text), "  }\n}\n\nbuilding_block")
	r, faults := recipes.Check("x", []byte(string(text[:at])+b.String()+string(text[at:])))
	require.Empty(t, faults)
	return r
}

func BenchmarkChart(b *testing.B) {
	for _, steps := range []int{50, 500, 1900} {
		r := many(b, steps)
		b.Run(fmt.Sprint(steps), func(b *testing.B) {
			for b.Loop() {
				_ = Draw(r, Steps, nil).SVG("x", nil)
			}
		})
	}
}
