package recipes

import (
	"slices"
	"strings"

	"veribatch/recipes/formula/expression"
	"veribatch/recipes/procedure"
	"veribatch/recipes/syntax"
)

// Element is one box of the procedure function chart (ISA-88.02, 6): a unit procedure, operation or phase, a structure that holds others, or a step. Its body is executed from
// top to bottom, the branches of a parallel at the same time, one branch of a selection.
type Element struct {
	Kind      string // as in the text: "unit_procedure", "parallel", "weigh"
	ID, Title string
	When      *expression.Formula // branch of a selection: taken when it holds, the first that does
	Otherwise bool                // branch of a selection: taken when no other is
	Until     *expression.Formula // repetition: it ends when this holds after its body
	Most      int                 // repetition: how often the body is executed at most
	Step      *Step               // nil for what is no step
	Body      []*Element

	node *syntax.Node
	in   []*Element // the repetitions around it
}

// Step is a step with what later parts of the program execute.
type Step struct {
	procedure.Step
	Formulas  map[string]*expression.Formula // of values that are computed, by their ID
	Compare   map[string]string              // of computed values with limits: "rounded" or "unrounded"
	Material  string
	Equipment string
}

// Particular is one more thing that the text of an element says.
type Particular struct{ Name, Value string }

// Particulars gives what the text of an element says beyond what every element has: the material of a weigh step, the condition of a branch, by the names of the language.
func (e *Element) Particulars() (all []Particular) {
	for _, n := range append([]*syntax.Node{e.node}, e.node.Of("sampling")...) {
		for _, a := range n.Attrs {
			switch {
			case slices.Contains([]string{"title", "text", "critical", "role", "meaning", "otherwise"}, a.Name) || e.Kind == "choice":
			case a.Value.Kind == syntax.List:
				all = append(all, Particular{a.Name, strings.Join(n.List(a.Name), ", ")})
			default:
				all = append(all, Particular{a.Name, a.Value.Text})
			}
		}
	}
	return all
}

// Requirement is a part of the recipe outside of its procedure that has a name: "packaging", "equipment", "parameter", "yield" or "material".
type Requirement struct {
	Kind, Code, Title string
	Particulars       []Particular
}

// Requirements gives those of one kind, in the order of the text.
func (r *Recipe) Requirements(kind string) (all []Requirement) {
	for _, n := range r.Source.Of("recipe")[0].Blocks {
		of := []*syntax.Node{n}
		if n.Kind == "formula" {
			of = n.Blocks
		}
		for _, b := range of {
			if b.Kind == kind {
				all = append(all, Requirement{b.Kind, b.Label, b.Text("title"), particulars(b)})
			}
		}
	}
	return all
}

// particulars gives what a block says beyond its title, and the ranges in it.
func particulars(n *syntax.Node) (all []Particular) {
	for _, a := range n.Attrs {
		if a.Name != "title" && a.Name != "active" {
			all = append(all, Particular{a.Name, a.Value.Text})
		}
	}
	for _, b := range n.Blocks {
		limits := span(b.Text("low"), b.Text("high"))
		for _, word := range []string{b.Text("unit"), b.Text("basis")} {
			if word != "" {
				limits += " " + word
			}
		}
		if b.Label != "" {
			limits = b.Label + " " + limits
		}
		all = append(all, Particular{b.Kind, limits})
	}
	return all
}

// span writes a range of which one end may be missing.
func span(low, high string) string {
	switch {
	case high == "":
		return "≥ " + low
	case low == "":
		return "≤ " + high
	}
	return low + " – " + high
}

// Walk visits the element and everything in it, from top to bottom.
func (e *Element) Walk(visit func(*Element)) {
	visit(e)
	for _, b := range e.Body {
		b.Walk(visit)
	}
}

// Walk visits every element of the procedure, from top to bottom.
func (r *Recipe) Walk(visit func(*Element)) {
	for _, e := range r.Body {
		e.Walk(visit)
	}
}

// Steps gives all steps in the order of the text.
func (r *Recipe) Steps() (steps []*Element) {
	r.Walk(func(e *Element) {
		if e.Step != nil {
			steps = append(steps, e)
		}
	})
	return steps
}

// execution gives the procedure in the form that the program executes today, and what of the recipe it cannot execute yet.
func (c *checker) execution(body []*Element) (p procedure.Procedure, notYet Faults) {
	aside := c.Aside()
	cannot := func(e *Element, what string) {
		aside.Fault(e.node.At, "Approve a version without it, or wait for a version of the program that executes it.", "The program cannot execute %s yet.", what)
	}
	for _, e := range body {
		if e.Kind != "unit_procedure" {
			cannot(e, e.node.Title())
			continue
		}
		u := procedure.UnitProcedure{ID: e.ID, Title: e.Title}
		for _, o := range e.Body {
			if o.Kind != "operation" {
				cannot(o, o.node.Title())
				continue
			}
			op := procedure.Operation{ID: o.ID, Title: o.Title}
			for _, s := range o.Body {
				switch {
				case !executed[s.Kind]:
					cannot(s, s.node.Title())
				case len(s.Step.Formulas) > 0:
					cannot(s, "the formulas of "+s.node.Title())
				default:
					op.Steps = append(op.Steps, s.Step.Step)
				}
			}
			u.Operations = append(u.Operations, op)
		}
		p.Units = append(p.Units, u)
	}
	if notYet = aside.Faults(); len(notYet) > 0 {
		p = procedure.Procedure{}
	}
	return p, notYet
}

// executed are the kinds of steps that the program executes today.
var executed = map[string]bool{"instruction": true, "entry": true, "sign_off": true}
