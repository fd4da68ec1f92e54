package library_test

import (
	"bytes"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"veribatch/recipes"
	"veribatch/recipes/library"
	"veribatch/recipes/procedure"
)

func check(t *testing.T, name string) *recipes.Recipe {
	t.Helper()
	r, faults := recipes.Check(name, library.Text(name))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return r
}

func TestShippedRecipesAreCleanAndCanonical(t *testing.T) {
	for _, name := range library.All() {
		if got := recipes.Print(check(t, name)); !bytes.Equal(got, library.Text(name)) {
			t.Errorf("%s is not in canonical form", name)
		}
	}
}

func TestAllNamesEveryFile(t *testing.T) {
	files, err := fs.Glob(os.DirFS("."), "*.recipe")
	if err != nil {
		t.Fatal(err)
	}
	names := library.All()
	slices.Sort(names)
	if !slices.Equal(files, names) {
		t.Errorf("All gives %v, the folder holds %v", names, files)
	}
}

// TestEveryFigureHasASource: a quantity or a limit without a source or the word "assumed" would be read as known.
func TestEveryFigureHasASource(t *testing.T) {
	for _, name := range library.All() {
		r := check(t, name)
		said := func(path string) {
			note := strings.Join(r.Comments[path], " ")
			if !strings.Contains(note, "assumed") && !strings.Contains(note, "source") && !strings.Contains(note, "limits assumed") {
				t.Errorf("%s: %s has neither a source nor the word assumed: %q", name, path, note)
			}
		}
		said("recipe/batch_size")
		for _, m := range r.Materials {
			said("recipe/formula/material " + m.Code)
		}
		for _, p := range r.Procedure.Steps() {
			for _, v := range p.Step.Values {
				if v.Kind == procedure.Decimal {
					said("recipe/unit_procedure " + p.Unit.ID + "/operation " + p.Operation.ID + "/entry " + p.Step.ID + "/value " + v.ID)
				}
			}
		}
	}
}

func TestCounts(t *testing.T) {
	for _, c := range []struct {
		name                                                      string
		steps, instructions, signOffs, critical, scans, withThree int
	}{
		{library.BufferTour, 10, 2, 1, 2, 1, 1},
		{library.Paracetamol500, 23, 1, 2, 14, 8, 13},
	} {
		var steps, instructions, signOffs, critical, scans, three int
		kinds := map[procedure.ValueKind]bool{}
		both := false
		for _, p := range check(t, c.name).Procedure.Steps() {
			steps++
			switch p.Step.Kind {
			case procedure.Instruction:
				instructions++
			case procedure.SignOff:
				signOffs++
				if p.Step.Role != "supervisor" {
					t.Errorf("%s: step %s is signed by %s", c.name, p.Step.ID, p.Step.Role)
				}
			}
			if p.Step.Critical {
				critical++
			}
			if len(p.Step.Values) >= 3 {
				three++
			}
			for _, v := range p.Step.Values {
				kinds[v.Kind] = true
				both = both || v.Alert != nil && v.Action != nil
				if v.Kind == procedure.Scan {
					scans++
				}
			}
		}
		got := [...]int{steps, instructions, signOffs, critical, scans, three}
		want := [...]int{c.steps, c.instructions, c.signOffs, c.critical, c.scans, c.withThree}
		if got != want || len(kinds) != 6 || !both {
			t.Errorf("%s: steps, instructions, sign-offs, critical, scans, steps with three values: %v, want %v; %d of 6 kinds of values, alert and action: %v", c.name, got, want, len(kinds), both)
		}
	}
}
