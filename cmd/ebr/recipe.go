package main

import (
	"fmt"
	"os"

	"veribatch/internal/fault"
	"veribatch/recipes"
)

// recipeCmd holds the commands about recipe texts; they need no database.
type recipeCmd struct {
	Check recipeCheckCmd `cmd:"" help:"Check recipe texts and print every fault with file:line:column. Exit code 0: no faults; 1: some."`
}

// recipeCheckCmd checks files as the import does.
type recipeCheckCmd struct {
	Files []string `arg:"" name:"file" help:"Recipe texts."`
}

// largestRecipe is far above the limit of the checker, which then says so; it keeps a wrong file from filling the memory.
const largestRecipe = 64 << 20

// Run prints all faults of all files.
func (c *recipeCheckCmd) Run(o output) error {
	found := 0
	for _, name := range c.Files {
		info, err := os.Stat(name)
		if err != nil || info.IsDir() || info.Size() > largestRecipe {
			return fault.New(fault.Missing, "%s is not a recipe text that can be read.", name).Because(err)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return fault.New(fault.Missing, "%s cannot be read.", name).Because(err)
		}
		recipe, faults := recipes.Check(name, text)
		if len(faults) > 0 {
			found += len(faults)
			fmt.Fprintln(o.out, faults.Error())
			continue
		}
		fmt.Fprintf(o.out, "%s: no faults; %s, %d steps, SHA-256 %x\n", name, recipe.Code, len(recipe.Steps()), recipes.Digest(text))
	}
	if found > 0 {
		fmt.Fprintf(o.err, "ebr: %d faults\n", found)
		return errFound
	}
	return nil
}
