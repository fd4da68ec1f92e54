package library_test

import (
	"bytes"
	"io/fs"
	"math/big"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"veribatch/recipes"
	"veribatch/recipes/formula"
	"veribatch/recipes/library"
	"veribatch/recipes/procedure"
	"veribatch/recipes/syntax"
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

// sourced are the words without which a figure would be read as known; figure is a number in an instruction.
var (
	sourced = regexp.MustCompile(`\bassumed\b|\bsource\b`)
	figure  = regexp.MustCompile(`\b\d[\d.,]*( ?%| (kg|g|mg|mm|min|minutes|rpm|kN|N|°C|tablets)\b)`)
)

// TestEveryFigureHasASource: a quantity, a limit or a number in an instruction says in the comment at its place where it comes from.
func TestEveryFigureHasASource(t *testing.T) {
	for _, name := range library.All() {
		f := figures{t: t, name: name, comments: syntax.Comments(check(t, name).Source)}
		f.walk("", check(t, name).Source)
	}
}

// figures looks through a recipe for figures without a source.
type figures struct {
	t        *testing.T
	name     string
	comments map[string][]string
}

func (f figures) said(path string) bool {
	return sourced.MatchString(strings.Join(f.comments[path], " "))
}

func (f figures) walk(path string, n *syntax.Node) {
	for _, b := range n.Blocks {
		at := b.Kind
		if b.Label != "" && b.Kind != "recipe" {
			at += " " + b.Label
		}
		if path != "" {
			at = path + "/" + at
		}
		known := f.said(at)
		for _, v := range b.Of("value") {
			known = known || f.said(at+"/value "+v.Label)
		}
		figured := b.Kind == "material" || b.Kind == "parameter" || b.Kind == "yield" || b.Kind == "value" && b.Attr("decimals") != nil
		if figured && !known {
			f.t.Errorf("%s: %s has neither a source nor the word assumed: %q", f.name, at, f.comments[at])
		}
		if b.Kind == "recipe" && !f.said("recipe/batch_size") {
			f.t.Errorf("%s: nothing says where the batch size comes from", f.name)
		}
		if found := figure.FindString(b.Text("text")); found != "" && !known {
			f.t.Errorf("%s: %s says %q, and no comment at it or at its values says where that comes from", f.name, at, found)
		}
		f.walk(at, b)
	}
}

// TestTheLibraryUsesTheWholeLanguage: recipes of forty steps and more, every construct in one of them.
func TestTheLibraryUsesTheWholeLanguage(t *testing.T) {
	used := map[string]bool{}
	for _, name := range library.All() {
		r := check(t, name)
		if n := len(r.Steps()); n < 40 && name != library.BufferTour {
			t.Errorf("%s has %d steps, want 40 and more", name, n)
		}
		r.Walk(func(e *recipes.Element) { used[e.Kind] = true })
		if executable := slices.Contains(library.Executable(), name); executable != (len(r.NotYet) == 0) {
			t.Errorf("%s: Executable says %v, and the program cannot execute %d places of it", name, executable, len(r.NotYet))
		}
	}
	_, inOperation := syntax.Kinds("operation")
	for _, kind := range append(inOperation, "unit_procedure", "operation", "branch") {
		if !used[kind] {
			t.Errorf("no shipped recipe uses %s", kind)
		}
	}
}

func exact(t *testing.T, text string) *big.Rat {
	t.Helper()
	n, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("%q is no number", text)
	}
	return n
}

// middle is half way between two limits: what the step aims at.
func middle(t *testing.T, l *formula.Limits) *big.Rat {
	t.Helper()
	return new(big.Rat).Quo(new(big.Rat).Add(exact(t, l.Low.Text()), exact(t, l.High.Text())), big.NewRat(2, 1))
}

// TestTheFormulaOfParacetamolAddsUp: what is dispensed is the formula, and the formula is 200,000 tablets of the mass that is weighed at the press.
func TestTheFormulaOfParacetamolAddsUp(t *testing.T) {
	r := check(t, library.Paracetamol500)
	sum, quantity := new(big.Rat), map[string]*big.Rat{}
	for _, m := range r.Materials {
		quantity[m.Code] = exact(t, m.Quantity.Amount.Text())
		if m.Code != "AUX-WATER" { // it is dried off
			sum.Add(sum, quantity[m.Code])
		}
	}
	if sum.Cmp(exact(t, "118.000")) != 0 {
		t.Errorf("the formula sums to %s kg, want 118.000 kg", sum.FloatString(3))
	}
	equal := func(what string, got, want *big.Rat) {
		if got.Cmp(want) != 0 {
			t.Errorf("%s: got %s, want %s", what, got.FloatString(4), want.FloatString(4))
		}
	}
	tablet := new(big.Rat).Quo(new(big.Rat).Mul(sum, big.NewRat(1_000_000, 1)), exact(t, r.BatchSize.Amount.Text())) // mg
	weights := 0
	for _, p := range r.Procedure.Steps() {
		dispensed, drums := "", new(big.Rat)
		for _, v := range p.Step.Values {
			switch {
			case p.Operation.ID == "DISP-WEIGH" && v.Kind == procedure.Scan:
				dispensed = v.Expect
			case p.Operation.ID == "DISP-WEIGH" && (v.ID == "net" || v.ID == "total"):
				equal("step "+p.Step.ID, middle(t, v.Alert), quantity[dispensed])
				equal("step "+p.Step.ID, middle(t, v.Action), quantity[dispensed])
			case p.Operation.ID == "DISP-WEIGH" && v.Kind == procedure.Decimal:
				drums.Add(drums, middle(t, v.Action))
			case v.Unit == "mg":
				weights++
				equal("middle of the alert limits of "+v.Title, middle(t, v.Alert), tablet)
				equal("action limit of Ph. Eur. 2.9.5", exact(t, v.Action.Low.Text()), new(big.Rat).Mul(tablet, big.NewRat(95, 100)))
				equal("action limit of Ph. Eur. 2.9.5", exact(t, v.Action.High.Text()), new(big.Rat).Mul(tablet, big.NewRat(105, 100)))
			}
		}
		if drums.Sign() != 0 {
			equal("drums of step "+p.Step.ID, drums, quantity[dispensed])
		}
	}
	if weights != 30 {
		t.Errorf("%d tablets are weighed, want ten at the start, in the middle and at the end", weights)
	}
}

func TestCounts(t *testing.T) {
	for _, c := range []struct {
		name                                                      string
		steps, instructions, signOffs, critical, scans, withThree int
	}{
		{library.BufferTour, 10, 2, 1, 2, 1, 1},
		{library.Paracetamol500, 53, 1, 6, 26, 21, 35},
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
				if p.Step.Role != "supervisor" && p.Step.Role != "qa" {
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
