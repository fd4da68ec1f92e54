package house

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/recipes"
)

// pages reads every document of the repository by its path from the root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "internal/*/*/*.md"} {
		names, err := filepath.Glob(filepath.Join(root(t), pattern))
		require.NoError(t, err)
		for _, name := range names {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			rel, err := filepath.Rel(root(t), name)
			require.NoError(t, err)
			found[rel] = string(text)
		}
	}
	require.Contains(t, found, "README.md")
	return found
}

var (
	documentLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	makeTarget   = regexp.MustCompile("(?m)(?:`|^    )make ([a-z]+)")
	makeRule     = regexp.MustCompile(`(?m)^([a-z]+):`)
	repoPath     = regexp.MustCompile("`((?:audit|cmd|docs|ebr|internal|migrations|recipes|scripts|signatures|validation|web|\\.ci)/[A-Za-z0-9_./*-]*)`")
)

func TestDocumentsPointAtWhatExists(t *testing.T) {
	t.Parallel()
	for page, text := range pages(t) {
		for _, m := range documentLink.FindAllStringSubmatch(text, -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root(t), filepath.Dir(page), target)); err != nil {
				t.Errorf("%s links to %s, which does not exist: a reader lands nowhere", page, m[1])
			}
		}
		for _, m := range repoPath.FindAllStringSubmatch(text, -1) {
			if hits, err := filepath.Glob(filepath.Join(root(t), m[1])); err != nil || len(hits) == 0 {
				t.Errorf("%s names %s, which does not exist: the file was moved and the page was not", page, m[1])
			}
		}
	}
}

func TestDocumentsNameRealMakeTargets(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join(root(t), "Makefile"))
	require.NoError(t, err)
	targets := map[string]bool{}
	for _, m := range makeRule.FindAllStringSubmatch(string(makefile), -1) {
		targets[m[1]] = true
	}
	named := 0
	for page, text := range pages(t) {
		for _, m := range makeTarget.FindAllStringSubmatch(text, -1) {
			named++
			if !targets[m[1]] {
				t.Errorf("%s names `make %s`, which the Makefile does not have", page, m[1])
			}
		}
	}
	require.Positive(t, named)
}

var (
	recipeBlock = regexp.MustCompile("(?s)```hcl\n(.*?)```")
	grammarWord = regexp.MustCompile(`(?m)(?:^\t"([a-z_]+)":|\{"([a-z_]+)", (?:Text|Lines|Truth|List|Quantity|Formula),)`)
)

func TestRecipeOfTheGuidePassesTheChecker(t *testing.T) {
	t.Parallel()
	blocks := recipeBlock.FindAllStringSubmatch(pages(t)["docs/recipes.md"], -1)
	require.NotEmpty(t, blocks, "docs/recipes.md shows a complete recipe")
	for _, b := range blocks {
		recipe, faults := recipes.Check("docs/recipes.md", []byte(b[1]))
		require.Empty(t, faults, "what a process engineer copies from the guide has no faults")
		require.Equal(t, string(recipes.Print(recipe)), b[1], "the guide shows the canonical form, so that its digest is that of the stored version")
	}
}

func TestGuideNamesEveryWordOfTheGrammar(t *testing.T) {
	t.Parallel()
	grammar, err := os.ReadFile(filepath.Join(root(t), "recipes", "syntax", "grammar.go"))
	require.NoError(t, err)
	words := grammarWord.FindAllStringSubmatch(string(grammar), -1)
	require.Greater(t, len(words), 100)
	guide := pages(t)["docs/recipe-language.md"]
	for _, w := range words {
		if word := w[1] + w[2]; !strings.Contains(guide, "`"+word) {
			t.Errorf("docs/recipe-language.md does not name `%s`, which a recipe may hold (recipes/syntax/grammar.go)", word)
		}
	}
}

// TestExamplesOfTheLanguageAreChecked: what the reference shows is a part of the recipe that the tests of the checker check, and every construct is shown.
func TestExamplesOfTheLanguageAreChecked(t *testing.T) {
	t.Parallel()
	checked, err := os.ReadFile(filepath.Join(root(t), "recipes", "testdata", "whole.recipe"))
	require.NoError(t, err)
	plain := func(text string) string {
		return regexp.MustCompile(`(?m)^ +`).ReplaceAllString(strings.TrimSpace(text), "")
	}
	shown := ""
	for _, b := range recipeBlock.FindAllStringSubmatch(pages(t)["docs/recipe-language.md"], -1) {
		for _, part := range regexp.MustCompile(`(?m)^\}\n\n`).Split(b[1], -1) {
			require.Contains(t, plain(string(checked)), plain(part), "the example is no part of recipes/testdata/whole.recipe")
		}
		shown += b[1]
	}
	for _, line := range regexp.MustCompile(`(?m)^ *([a-z_]+)( "[^"]*")? \{$`).FindAllStringSubmatch(string(checked), -1) {
		if kind := line[1]; !slices.Contains([]string{"formula", "unit_procedure", "operation", "phase"}, kind) { // they are shown by what stands in them
			require.Regexp(t, `(?m)^ *`+kind+`\b.* \{$`, shown, "docs/recipe-language.md shows no %s", kind)
		}
	}
}

// promises are words that a program cannot earn: a firm validates its installation, and complies, not its supplier's software.
var promises = regexp.MustCompile(`(?i)\b(?:(?:is|are|fully|pre-?)[ -]?(?:validated|compliant|certified)|part 11[ -]compliant|gmp[ -]compliant)\b`)

func TestDocumentsPromiseNothingThatAFirmHasToShow(t *testing.T) {
	t.Parallel()
	for page, text := range pages(t) {
		if found := promises.FindString(text); found != "" {
			t.Errorf("%s says %q: whether an installation is fit for its use is shown by the firm, not by us", page, found)
		}
	}
}
