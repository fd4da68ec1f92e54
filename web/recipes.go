package web

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"veribatch/internal/fault"
	"veribatch/recipes"
	"veribatch/recipes/formula"
	"veribatch/recipes/procedure"
	"veribatch/signatures"
)

func (s *server) showRecipes(v *visit) (View, error) {
	versions, err := recipes.List(v.ctx, v, v.grants.Areas("recipe.read"))
	if err != nil {
		return nil, err
	}
	view := &RecipesView{Page: v.frame(v.words("Recipes"))}
	if v.may("recipe.import") {
		view.Import = "/recipes/import"
	}
	for _, r := range versions {
		last := newest(r)
		view.ByArea = view.ByArea || r.Area != versions[0].Area
		view.Recipes = append(view.Recipes, RecipeLine{
			Href: "/recipes/" + r.ID, Area: r.Area, Name: r.Title, Product: r.Product, Version: strconv.Itoa(r.Number), State: r.State.Words(), Changed: last.At, By: last.FullName,
		})
	}
	return view, nil
}

// newest gives the last act in the life of a version.
func newest(r recipes.Version) recipes.Stamp {
	return slices.MaxFunc([]recipes.Stamp{r.Imported, r.Submitted, r.Approved, r.MadeEffective, r.Ended}, func(a, b recipes.Stamp) int { return a.At.Compare(b.At) })
}

func (s *server) showRecipe(v *visit) (View, error) {
	r, err := recipes.Get(v.ctx, v, v.c.Param("version"))
	if err != nil {
		return nil, err
	}
	view := &RecipeView{
		Page: v.frame(r.Title), Name: r.Title, Product: r.Product, Version: strconv.Itoa(r.Number), State: r.State.Words(), Language: r.Recipe.Language,
		Digest: r.Digest, Text: r.Text, Header: v.recipeHeader(r), Steps: len(r.Recipe.Steps()),
	}
	number := 0
	view.Parts = v.recipeParts(r.Recipe.Body, &number)
	for _, f := range r.Recipe.NotYet[:min(len(r.Recipe.NotYet), 5)] {
		view.NotYet = append(view.NotYet, textFault(f))
	}
	view.NotYetMore = len(r.Recipe.NotYet) - len(view.NotYet)
	view.Requirements = v.requirements(r.Recipe)
	area, err := v.areaWords(r.Area)
	if err != nil {
		return nil, err
	}
	view.Header = append(view.Header, Line{v.words("Area"), area})
	said := r.Recipe.Requirements("material")
	for i, m := range r.Recipe.Materials {
		line := MaterialLine{Code: m.Code, Name: m.Title, Quantity: m.Quantity.Amount.Text(), Unit: m.Quantity.Unit}
		if m.Active {
			line.Note = v.words("active substance")
		}
		line.Lines = v.particulars(slices.DeleteFunc(said[i].Particulars, func(p recipes.Particular) bool { return p.Name == "quantity" }))
		view.Materials = append(view.Materials, line)
	}
	view.Chart, view.File = "/recipes/"+r.ID+"/chart", "/recipes/"+r.ID+"/text"
	if r.Number > 1 {
		view.Compare = "/recipes/" + r.ID + "/compare"
	}
	for _, sig := range r.Signatures {
		view.Signatures = append(view.Signatures, signedLine(sig))
	}
	open := func(act, id string) *Form {
		possible := slices.Contains(r.Moves(), act) && (len(r.Recipe.NotYet) == 0 || act == "recipe.submit")
		return v.offer(possible, act, Form{ID: id, Action: "/recipes/" + r.ID + "/" + id, Signed: true})
	}
	view.Submit, view.Approve, view.MakeEffective = open("recipe.submit", "submit"), open("recipe.approve", "approve"), open("recipe.make_effective", "effective")
	ends := func(act, id string) *Form {
		return v.offer(slices.Contains(r.Endings(), act), act, Form{ID: id, Action: "/recipes/" + r.ID + "/" + id, Signed: true})
	}
	view.SendBack, view.Withdraw, view.EndReason = ends("recipe.send_back", "send-back"), ends("recipe.withdraw", "withdraw"), r.EndReason
	v.review(view, r)
	return view, nil
}

// review shows what was said about the version, and who may say more.
func (v *visit) review(view *RecipeView, r *recipes.Detail) {
	at := "/recipes/" + r.ID
	view.Comment = v.offer(r.Reviewed(), "recipe.comment", Form{ID: "comment", Action: at + "/comment"})
	names := map[string]string{}
	r.Recipe.Walk(func(e *recipes.Element) {
		names[e.ID] = e.ID + " " + e.Title
		if view.Comment != nil {
			view.Elements = append(view.Elements, Option{e.ID, names[e.ID]})
		}
	})
	own := v.who.Person == r.Imported.Person || v.who.Person == r.Submitted.Person
	for _, c := range r.Comments {
		note := ReviewNote{Element: c.Element, About: names[c.Element], Words: c.Words, By: c.Made.FullName, At: c.Made.At, Resolution: c.Resolution, ResolvedBy: c.Resolved.FullName, ResolvedAt: c.Resolved.At}
		if c.Open() {
			view.Open++
		}
		note.Resolve = v.offer(c.Open() && r.Reviewed() && !own, "recipe.resolve", Form{ID: "resolve-" + c.ID, Action: at + "/comments/" + c.ID + "/resolve"})
		view.Notes = append(view.Notes, note)
	}
}

// sendRecipe gives the text of a version as a file, with its building blocks, byte for byte as it is kept and signed.
func (s *server) sendRecipe(v *visit) error {
	var r *recipes.Detail
	_, err := v.read(v.route.Act, func(v *visit) (_ View, err error) {
		r, err = recipes.Get(v.ctx, v, v.c.Param("version"))
		return nil, err
	})
	if err != nil {
		return err
	}
	return v.sendText(fmt.Sprintf("%s-v%d.recipe", r.Code, r.Number), []byte(r.Text))
}

func (v *visit) recipeHeader(r *recipes.Detail) []Line {
	lines := []Line{
		{v.words("Code"), r.Code}, {v.words("Strength"), r.Recipe.Strength}, {v.words("Dosage form"), r.Recipe.DosageForm}, {v.words("Batch size"), r.Recipe.BatchSize.Text()},
	}
	if r.Recipe.Description != "" {
		lines = append(lines, Line{v.words("Description"), r.Recipe.Description})
	}
	return append(lines, Line{v.words("Imported by"), r.Imported.FullName})
}

// signedLine gives a signature as printed. The user name stands in the signed manifest.
func signedLine(s signatures.Signature) Signed {
	var m signatures.Manifest
	_ = json.Unmarshal(s.Manifest, &m) // a manifest that cannot be read was not made here; ebr verify names it
	return Signed{Meaning: s.Meaning, Name: s.FullName, UserName: m.UserName, At: s.SignedAt}
}

// recipeParts gives the procedure as a readable document, steps numbered through.
func (v *visit) recipeParts(body []*recipes.Element, number *int) (parts []RecipePart) {
	for _, e := range body {
		part := RecipePart{Name: e.Title}
		if e.Step != nil {
			*number++
			part.Step = v.recipeStep(*number, e)
		} else {
			part.Kind = partKinds[e.Kind]
			part.Notes = v.particulars(e.Particulars())
			if e.Otherwise {
				part.Notes = append(part.Notes, Line{v.words("Taken"), v.words("when no other branch is")})
			}
			part.Parts = v.recipeParts(e.Body, number)
		}
		parts = append(parts, part)
	}
	return parts
}

// partKinds, stepKinds, requirementKinds and detailNames are the words of the language of recipes as people read them.
var (
	partKinds = map[string]string{
		"unit_procedure": "unit procedure", "operation": "operation", "phase": "phase", "parallel": "parallel", "selection": "selection", "branch": "branch", "repetition": "repetition",
		"insert": "building block",
	}
	stepKinds = map[string]string{
		"instruction": "instruction", "entry": "entry", "choice": "choice", "calculation": "calculation", "check": "in-process control", "weigh": "weighing", "charge": "charging",
		"assign": "assignment of equipment", "check_clean": "check of cleaning status", "use": "use of equipment", "clean": "cleaning", "wait": "waiting time", "sample": "sample", "label": "label",
		"capture": "captured values", "clearance": "line clearance", "attachment": "attachment", "sign_off": "sign-off",
	}
	requirementKinds = map[string]string{"packaging": "Packaging", "equipment": "Equipment", "parameter": "Process parameters", "yield": "Yields"}
	detailNames      = map[string]string{
		"when": "Taken when", "until": "Repeated until", "most": "At most", "block": "Building block", "version": "Version", "material": "Material", "quantity": "Quantity", "equipment": "Equipment",
		"tolerance": "Tolerance", "method": "Method", "after": "After step", "least": "At least", "size": "Sample size", "tests": "Tests", "specimen": "Specimen", "copies": "Copies", "tag": "Tag",
		"from": "From step", "to": "To step", "items": "Items", "content": "Content", "every": "Every", "plan": "Sampling plan",
		"text": "Description", "class": "Class", "capability": "Capability", "mark": "Criticality", "unit": "Unit", "decimals": "Decimals", "target": "Target", "design": "Design range",
		"alert": "Alert limits", "action": "Action limits", "actual": "Actual yield", "theoretical": "Theoretical yield", "per_unit": "Per dosage unit", "excess": "Calculated excess",
		"excess_reason": "Reason of the excess", "scale": "Scaling", "division": "Division of the balance", "assay": "Assay",
	}
)

// requirements gives packaging, equipment, process parameters and yields.
func (v *visit) requirements(r *recipes.Recipe) (all []RecipeRequirements) {
	for _, kind := range []string{"packaging", "equipment", "parameter", "yield"} {
		group := RecipeRequirements{Name: v.words(requirementKinds[kind])}
		for _, one := range r.Requirements(kind) {
			group.Items = append(group.Items, RecipeRequirement{one.Code, one.Title, v.particulars(one.Particulars)})
		}
		if len(group.Items) > 0 {
			all = append(all, group)
		}
	}
	return all
}

func (v *visit) particulars(of []recipes.Particular) (lines []Line) {
	for _, d := range of {
		lines = append(lines, Line{v.words(detailNames[d.Name]), d.Value})
	}
	return lines
}

func (v *visit) recipeStep(number int, e *recipes.Element) *RecipeStep {
	s := e.Step
	step := &RecipeStep{
		Number: number, ID: s.ID, Title: s.Title, Instruction: s.Text, Kind: stepKinds[e.Kind], Critical: s.Critical, Role: s.Role, Meaning: s.Meaning, Details: v.particulars(e.Particulars()),
	}
	for i := range s.Values {
		of := &s.Values[i]
		value := RecipeValue{Name: of.Title, Kind: string(of.Kind), Unit: of.Unit, Decimals: of.Decimals, Expect: of.Expect, Limits: v.limitsOf(of), Choices: of.Options}
		if f := s.Formulas[of.ID]; f != nil {
			value.Formula = f.String()
		}
		step.Values = append(step.Values, value)
	}
	return step
}

// limitsOf gives the limits of a value as printed, with the unit.
func (v *visit) limitsOf(of *procedure.Value) []Limit {
	var limits []Limit
	for _, l := range []struct {
		name string
		is   *formula.Limits
	}{{"alert", of.Alert}, {"action", of.Action}} {
		if text := l.is.Text(); text != "" {
			if l.is.Low != nil && l.is.High != nil {
				text = v.words("%s to %s", l.is.Low.Text(), l.is.High.Text())
			}
			limits = append(limits, Limit{Name: l.name, Text: text + " " + of.Unit})
		}
	}
	return limits
}

func (s *server) showImport(v *visit) (View, error) {
	view := &ImportView{Page: v.frame(v.words("Import a recipe"))}
	f := v.fill(Form{ID: "import", Action: "/recipes"})
	view.Import = &f
	var err error
	if view.Areas, err = v.areasFor("recipe.import"); err != nil {
		return nil, err
	}
	var faults recipes.Faults
	if v.refused != nil && errors.As(v.refused.err, &faults) {
		for _, one := range faults {
			view.Found = append(view.Found, textFault(one))
		}
	}
	return view, nil
}

func textFault(f recipes.Fault) TextFault {
	return TextFault{Line: f.Line, Column: f.Column, Message: f.Message, Snippet: f.Source, Hint: f.Hint}
}

func (s *server) onImport() place {
	return place{
		page: s.showImport, read: "recipe.import",
		next: func(_ *visit, result json.RawMessage) string {
			var done recipes.Result
			_ = json.Unmarshal(result, &done) // without a version the list shows it
			return "/recipes/" + done.Version
		},
	}
}

// fileOrText takes the text of a recipe from the file when there is one.
func fileOrText(v *visit) error {
	file, text := v.form.Get("file"), v.form.Get("text")
	v.form.Del("file")
	if file != "" && text != "" {
		return fault.At("file", "There is a text and a file. Give one of them.")
	}
	v.form.Set("text", cmp.Or(text, file))
	return nil
}

// onRecipe says where the signed acts on a version stand: on its document.
func (s *server) onRecipe() place {
	here := func(v *visit, _ json.RawMessage) string { return "/recipes/" + v.c.Param("version") }
	return place{page: s.showRecipe, read: "recipe.read", next: here}
}
