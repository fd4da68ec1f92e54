package main

import (
	"fmt"
	"os"

	"veribatch/internal/fault"
	"veribatch/recipes"
	"veribatch/recipes/formula"
)

// recipeCmd holds the commands about recipe texts; they need no database.
type recipeCmd struct {
	Check recipeCheckCmd `cmd:"" help:"Check recipe texts and print every fault with file:line:column. Exit code 0: no faults; 1: some."`
	Scale recipeScaleCmd `cmd:"" help:"Compute the quantities for another batch size or another assay, with the arithmetic."`
	Diff  recipeDiffCmd  `cmd:"" help:"Say in process words what changed from one recipe text to another. Exit code 0: nothing; 1: something."`
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
		text, err := readRecipe(name)
		if err != nil {
			return err
		}
		recipe, faults := recipes.Check(name, text)
		if len(faults) > 0 {
			found += len(faults)
			fmt.Fprintln(o.out, faults.Error())
			continue
		}
		fmt.Fprintf(o.out, "%s: no faults; %s, %d steps, SHA-256 %x\n", name, recipe.Code, len(recipe.Steps()), recipes.Digest(text))
		if n := len(recipe.NotYet); n > 0 {
			fmt.Fprintf(o.out, "%s: cannot be approved yet: the program does not execute %d places; line %d: %s\n", name, n, recipe.NotYet[0].Line, recipe.NotYet[0].Message)
		}
	}
	if found > 0 {
		fmt.Fprintf(o.err, "ebr: %d faults\n", found)
		return errFound
	}
	return nil
}

// readRecipe reads the text of a file that may be a recipe.
func readRecipe(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil || info.IsDir() || info.Size() > largestRecipe {
		return nil, fault.New(fault.Missing, "%s is not a recipe text that can be read.", name).Because(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fault.New(fault.Missing, "%s cannot be read.", name).Because(err)
	}
	return text, nil
}

// recipeDiffCmd compares two files. They need not be sound, but it must be clear what they say.
type recipeDiffCmd struct {
	Old string `arg:"" name:"old" help:"The recipe as it was."`
	New string `arg:"" name:"new" help:"The recipe as it is to be."`
}

// Run prints what changed, gravest first.
func (c *recipeDiffCmd) Run(o output) error {
	var both [2]*recipes.Recipe
	for i, name := range []string{c.Old, c.New} {
		text, err := readRecipe(name)
		if err != nil {
			return err
		}
		if both[i], err = recipes.Parse(name, text); err != nil {
			fmt.Fprint(o.out, err.Error())
			return fault.New(fault.Invalid, "%s cannot be compared: it has faults.", name)
		}
	}
	changes := recipes.Compare(both[0], both[1])
	if len(changes) == 0 {
		fmt.Fprintln(o.out, "Nothing changed but perhaps comments, order on paper and spacing.")
		return nil
	}
	for _, class := range []recipes.Class{recipes.Critical, recipes.Major, recipes.Minor} {
		for _, one := range changes {
			if one.Class != class {
				continue
			}
			file := c.New
			if one.Gone {
				file = c.Old
			}
			fmt.Fprintf(o.out, "%s: %s\n    %s:%d. %s\n", class, one.Sentence, file, one.Line, one.Reason)
		}
	}
	return errFound
}

// recipeScaleCmd computes the components of a batch of another size.
type recipeScaleCmd struct {
	File  string            `arg:"" help:"The recipe."`
	Size  string            `arg:"" help:"The batch size, such as \"150.0 kg\"."`
	Assay map[string]string `help:"Assay of the lot of a material, in per cent: API=99.2." placeholder:"CODE=PERCENT"`
}

// Run prints each component with its arithmetic.
func (c *recipeScaleCmd) Run(o output) error {
	text, err := readRecipe(c.File)
	if err != nil {
		return err
	}
	r, faults := recipes.Check(c.File, text)
	if len(faults) > 0 {
		fmt.Fprint(o.out, faults.Error())
		return fault.New(fault.Invalid, "%s has faults.", c.File)
	}
	size, err := formula.ParseQuantity(c.Size)
	if err != nil {
		return err
	}
	assays := map[string]formula.Decimal{}
	for code, percent := range c.Assay {
		if assays[code], err = formula.ParseNumber(percent, '.'); err != nil {
			return err
		}
	}
	scaled, err := r.Scale(size, assays)
	if err != nil {
		return err
	}
	for _, one := range scaled {
		fmt.Fprintf(o.out, "%s  %s  %s\n", one.Code, one.Quantity, one.Title)
		for _, line := range one.Arithmetic {
			fmt.Fprintf(o.out, "    %s\n", line)
		}
	}
	return nil
}
