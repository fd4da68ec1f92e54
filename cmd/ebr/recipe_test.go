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
