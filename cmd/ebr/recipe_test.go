package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRecipeCheckPrintsAllFaults(t *testing.T) {
	t.Parallel()
	good := filepath.Join("..", "..", "recipes", "library", "buffer-tour.recipe")
	if out, errs, code := ebr("recipe", "check", good); code != 0 || !strings.Contains(out, "no faults") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	text, err := os.ReadFile(good)
	check(t, err)
	bad := filepath.Join(t.TempDir(), "bad.recipe")
	check(t, os.WriteFile(bad, []byte(strings.Replace(string(text), "title", "titel", 2)), 0o600))
	out, errs, code := ebr("recipe", "check", good, bad)
	if code != 1 || strings.Count(out, bad+":") < 2 || !strings.Contains(out, "titel") || !strings.Contains(errs, "faults") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	for _, wrong := range []string{filepath.Join(t.TempDir(), "none"), t.TempDir()} {
		if out, errs, code := ebr("recipe", "check", wrong); code != 1 || !strings.Contains(errs, "not a recipe text that can be read") {
			t.Errorf("exit code %d: %s%s", code, out, errs)
		}
	}
}

func TestRecipeDiffSaysWhatChanged(t *testing.T) {
	t.Parallel()
	old := filepath.Join("..", "..", "recipes", "testdata", "whole.recipe")
	text, err := os.ReadFile(old)
	check(t, err)
	folder := t.TempDir()
	write := func(name, text string) string {
		at := filepath.Join(folder, name)
		check(t, os.WriteFile(at, []byte(text), 0o600))
		return at
	}
	if out, errs, code := ebr("recipe", "diff", old, write("same.recipe", "# a comment\n"+string(text))); code != 0 || !strings.Contains(out, "Nothing changed") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	other := write("other.recipe", strings.NewReplacer(`title          = "Everything"`, `title = "All"`, `high = "8.00"`, `high = "9.00"`).Replace(string(text)))
	want := "critical: Action limits of value lod of step 120 widened: 0.10 – 8.00 % → 0.10 – 9.00 %\n    " + other + ":"
	if out, errs, code := ebr("recipe", "diff", old, other); code != 1 || !strings.HasPrefix(out, want) || !strings.Contains(out, `minor: The recipe reworded: title "Everything" → "All"`) {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	if out, errs, code := ebr("recipe", "diff", old, write("bad.recipe", "recipe {")); code != 1 || !strings.Contains(errs, "cannot be compared") || !strings.Contains(out, "bad.recipe:1") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	if out, _, code := ebr("recipe", "check", old); code != 0 || !strings.Contains(out, "cannot be approved yet") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestRecipeScaleShowsItsArithmetic(t *testing.T) {
	t.Parallel()
	file := filepath.Join("..", "..", "recipes", "testdata", "whole.recipe")
	out, errs, code := ebr("recipe", "scale", file, "150.0 kg", "--assay", "API=99.0")
	if code != 0 || !strings.Contains(out, "API  77.28 kg  Active\n    round([formula.API] * [this.size]") || !strings.Contains(out, "FILLER  73.5 kg  Filler\n") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	for says, args := range map[string][]string{
		"cannot be made by this recipe": {"250.0 kg"}, "This lot cannot be used": {"100.0 kg", "--assay", "API=97.0"}, "states no assay": {"100.0 kg", "--assay", "FILLER=97.0"},
		"A quantity is a number": {"much"}, "does not belong into a number": {"100.0 kg", "--assay", "API=x"},
	} {
		if out, errs, code := ebr(append([]string{"recipe", "scale", file}, args...)...); code != 1 || !strings.Contains(errs, says) {
			t.Errorf("exit code %d: %s%s", code, out, errs)
		}
	}
}
