package browser_test

import (
	"fmt"
	"html/template"
	"os"
	"strings"
	"time"

	"veribatch/internal/chart"
	"veribatch/recipes"
	"veribatch/web"
)

// The sample plant: one paracetamol batch half way, as the gallery shows it.

var zone = time.FixedZone("CET", 3600)

// at gives a time of the sample day.
func at(hour, minute, second int) time.Time {
	return time.Date(2026, 11, 22, hour, minute, second, 0, zone)
}

var (
	anna  = &web.Person{UserName: "anna", FullName: "Anna Kowalska", Roles: []string{"operator"}}
	petra = &web.Person{UserName: "petra", FullName: "Petra Novotná", Roles: []string{"process_engineer"}}
)

var longComment = strings.TrimSpace(strings.Repeat("The sifter stopped twice because the screen was blocked by a lump about 3 cm across; it was broken by hand with the clean spatula SP-014 "+
	"and the rest passed without residue. The screen was inspected before and after, no damage was seen, and the supervisor was told at once. ", 15))[:4000]

func frame(title, place string, person *web.Person) web.Page {
	p := web.Page{Title: title, Demo: true, Person: person, Station: "Granulation 1", Now: at(3, 12, 7), Path: "/gallery"}
	if person != nil {
		p.Places = web.Places(place, func(string) bool { return true })
	}
	return p
}

func onBatch(title string, step int, state string) web.Page {
	p := frame(title, "", anna)
	p.Context = &web.Context{Batch: "B-000017", Order: "PO-4711", Href: "/batches/17", Product: "Paracetamol 500 mg tablets", Recipe: "Paracetamol granulation",
		Version: "3", State: state, Step: step, Steps: 18, StepComplete: 6}
	return p
}

var limits = []web.Limit{{Name: "alert", Text: "12.40 to 12.60 kg"}, {Name: "action", Text: "12.00 to 13.00 kg"}}

func reading(text, judgement string, t time.Time) web.Reading {
	return web.Reading{Text: text, Judgement: judgement, How: "recorded", By: "Anna Kowalska", Entered: t}
}

func signed(meaning, user, name string, t time.Time) web.Signed {
	return web.Signed{Meaning: meaning, Name: name, UserName: user, At: t}
}

func demo(user, name, role string) web.DemoPerson {
	return web.DemoPerson{UserName: user, FullName: name, Role: role, Password: "granules-and-gloves"}
}

func material(code, name, quantity, note string) web.MaterialLine {
	return web.MaterialLine{Code: code, Name: name, Quantity: quantity, Unit: "kg", Note: note}
}

var before = []web.StepProgress{
	{Number: 1, Href: "#", Title: "Line clearance of room G1", Instruction: "Check that no material, label or document of another batch is in the room.", Kind: "entry", Critical: true, State: "complete",
		Values:     []web.Value{{Name: "Room is clear", Kind: "yes_no", Readings: []web.Reading{reading("yes", "none", at(1, 2, 11))}}},
		Signatures: []web.Signed{signed("performed", "anna", "Anna Kowalska", at(1, 3, 0)), signed("verified", "bob", "Bob Martin", at(1, 4, 40))}},
	{Number: 2, Href: "#", Title: "Scan the container of paracetamol", Instruction: "Scan the label of the dispensed container.", Kind: "entry", State: "complete",
		Values: []web.Value{{Name: "Container", Kind: "scan", Readings: []web.Reading{reading("C-2211-0042", "none", at(1, 10, 2))}}}},
	{Number: 3, Href: "#", Title: "Sift the paracetamol", Instruction: "Sift the whole content through the 0.8 mm screen into the bowl of the mixer GR-300.", Kind: "instruction", State: "complete",
		Comments: []web.Comment{{Text: longComment, By: "Anna Kowalska", At: at(1, 41, 0)}}},
}

func corrected() web.Value {
	first := reading("12.84", "alert", at(1, 52, 10))
	first.Struck = true
	second := reading("12.48", "in limits", at(1, 54, 31))
	second.How, second.Reason = "corrected", "Digits swapped when typing; the printout of balance W-07 says 12.48 kg."
	return web.Value{Name: "Gross weight of container 1", Kind: "decimal", Unit: "kg", Limits: limits, Readings: []web.Reading{first, second}}
}

func late() web.Value {
	r := reading("41.5", "in limits", at(2, 31, 0))
	r.Performed, r.Late, r.Reason = at(2, 10, 0), true, "Tablet battery was empty; value read at 02:10 from the display of GR-300."
	return web.Value{Name: "Product temperature after mixing", Kind: "decimal", Unit: "°C", Limits: []web.Limit{{Name: "action", Text: "≤ 45.0 °C"}}, Readings: []web.Reading{r}}
}

func form(id string) *web.Form { return &web.Form{ID: id, Action: "/post/" + id} }

func signedForm(id string) *web.Form { return &web.Form{ID: id, Action: "/post/" + id, Signed: true} }

func weight() web.StepProgress {
	return web.StepProgress{Number: 7, Title: "Weigh the granulation liquid", Kind: "entry", Critical: true, State: "open",
		Instruction: "Tare balance W-07 with the empty container. Fill in granulation liquid and record the net weight.",
		Values:      []web.Value{{Name: "Net weight of granulation liquid", Kind: "decimal", Unit: "kg", Limits: limits}}}
}

var after = []web.StepProgress{{Number: 8, Title: "Add the liquid within 3 minutes"}, {Number: 9, Title: "Wet mixing"}, {Number: 10, Title: "Record the end point of granulation"}, {Number: 11, Title: "Load the fluid bed dryer"}}

// step makes the operator's screen for the open step 7, changed by the caller.
func step(change func(*web.StepView)) *web.StepView {
	v := &web.StepView{Page: onBatch("Step 7: Weigh the granulation liquid", 7, "running"), Step: weight(), Where: "Granulation › Wet granulation",
		Before: before, After: after, Comment: form("comment"), Hold: form("hold")}
	change(v)
	return v
}

func weightInput() *web.Input {
	return &web.Input{Form: *form("value"), Name: "Net weight of granulation liquid", Kind: "decimal", Unit: "kg", Limits: limits, Separator: ".", Decimals: 2}
}

// pages are all pages of the gallery by name.
func pages() map[string]func() web.View {
	all := map[string]func() web.View{}
	for _, more := range []map[string]func() web.View{sessionPages(), batchPages(), stepPages(), otherStepPages(), recipePages(), trailPages(), backupPages(), logPages(), qualityPages(), peoplePages(), machinePages()} {
		for name, page := range more {
			all[name] = page
		}
	}
	return all
}

func sessionPages() map[string]func() web.View {
	rules := []string{"At least 12 characters.", "Not one of the 10,000 most common passwords, and not your name.", "Not one of your last 10 passwords."}
	return map[string]func() web.View{
		"login": func() web.View {
			return &web.LoginView{Page: frame("Log in", "", nil), Login: form("login"), Next: "/", People: []web.DemoPerson{
				demo("anna", "Anna Kowalska", "operator"), demo("bob", "Bob Martin", "operator"), demo("sofia", "Sofia Rossi", "supervisor"), demo("quentin", "Quentin Dubois", "qa")}}
		},
		"login-wrong": func() web.View {
			v := &web.LoginView{Page: frame("Log in", "", nil), Login: form("login")}
			v.Demo, v.Station = false, ""
			v.Login.Typed = map[string]string{"user_name": "anna"}
			v.Login.Wrong = map[string]string{"password": "User name or password is wrong. After 2 more wrong tries this name is locked for 15 minutes."}
			v.Faults = []web.Fault{{Field: "login-password", Message: "User name or password is wrong. After 2 more wrong tries this name is locked for 15 minutes."}}
			return v
		},
		"lock": func() web.View {
			return &web.LockView{Page: frame("Locked", "", anna), Unlock: form("unlock"), Close: form("close"), Next: "/batches/17/steps/7"}
		},
		"first": func() web.View {
			return &web.FirstView{Page: frame("First administrator", "", nil), Create: form("first"), Rules: rules}
		},
		"password": func() web.View {
			return &web.PasswordView{Page: frame("New password", "", anna), Change: form("change"), Rules: rules, Why: "Your password was set by somebody else's link. Choose your own before you go on."}
		},
		"error": func() web.View {
			return &web.ErrorView{Page: frame("Fault", "", anna), Heading: "Something failed inside the system", Message: "Nothing was saved. Tell your administrator.", Reference: "F-7K2M-90QX", Back: "/"}
		},
		"sign": func() web.View { return statement(true, "") },
		"sign-refused": func() web.View {
			v := statement(false, "User name or password is wrong. Nothing was signed; the try is on record.")
			v.Sign.Typed = map[string]string{"user_name": "bob"}
			return v
		},
	}
}

// statement is the statement of step 7: performed by the person logged in, or verified by another.
func statement(own bool, wrong string) *web.SignView {
	v := &web.SignView{Page: frame("Sign", "", anna), Sign: signedForm("sign-form"), Meaning: "verified", Digest: strings.Repeat("ab", 32), Back: "/gallery/step",
		Lines: []web.Line{{Label: "Batch", Value: "B-000017, Paracetamol 500 mg tablets"}, {Label: "Step", Value: "7, Weigh the granulation liquid"},
			{Label: "Net weight of granulation liquid", Value: "12.48 kg, in limits (12.40 to 12.60 kg alert, 12.00 to 13.00 kg action)"}, {Label: "Recorded by", Value: "Anna Kowalska, 2026-11-22 03:11:52 +01:00"}}}
	v.Sign.Action = "/post/sign"
	if own {
		v.Meaning, v.Sign.Typed = "performed", map[string]string{"user_name": anna.UserName}
	}
	if wrong != "" {
		v.Sign.Wrong = map[string]string{"password": wrong}
		v.Faults = []web.Fault{{Field: "sign-form-password", Message: wrong}}
	}
	return v
}

// longStatement has more lines than the dialog has room for.
func longStatement() *web.SignView {
	v := statement(false, "")
	for n := range 30 {
		v.Lines = append(v.Lines, web.Line{Label: fmt.Sprintf("Tablet %d", n+1), Value: fmt.Sprintf("%d.2 mg, in limits; Anna Kowalska, 2026-11-22 03:%02d:00 +01:00", 498+n%5, n)})
	}
	return v
}

func stepPages() map[string]func() web.View {
	return map[string]func() web.View{
		"step": func() web.View {
			return step(func(v *web.StepView) { v.Input, v.Late = weightInput(), true })
		},
		"step-wrong": func() web.View {
			return step(func(v *web.StepView) {
				v.Input = weightInput()
				v.Input.Typed = map[string]string{"value": "12,48"}
				v.Input.Wrong = map[string]string{"value": "12,48 is not a number here. Use the point as decimal separator: 12.48"}
				v.Faults = []web.Fault{{Field: "value-value", Message: "12,48 is not a number here. Use the point as decimal separator: 12.48"}}
			})
		},
		"step-alert": func() web.View {
			return step(func(v *web.StepView) {
				v.Step.Values[0].Readings = []web.Reading{reading("12.65", "alert", at(3, 11, 52))}
				repeat := weightInput()
				repeat.ID, repeat.Reason, repeat.Old = "repeat", "repeated measurement", "12.65 kg"
				v.Step.Values[0].Repeat = repeat
				v.Explain = &web.Explain{Form: *form("explain"), Value: "Net weight of granulation liquid: 12.65 kg", Limits: limits}
			})
		},
		"step-correct": func() web.View {
			return step(func(v *web.StepView) {
				v.Step.Values = []web.Value{corrected(), late()}
				c := weightInput()
				c.ID, c.Reason, c.Old = "correct", "correction", "12.48 kg"
				c.Wrong = map[string]string{"reason": "Say why the value is corrected."}
				c.Typed = map[string]string{"value": "12.47"}
				v.Step.Values[0].Correct = c
				v.Perform = signedForm("perform")
			})
		},
	}
}

// otherStepPages are the operator's screen for the other kinds of steps and values, and when it waits.
func otherStepPages() map[string]func() web.View {
	return map[string]func() web.View{
		"step-instruction": func() web.View {
			return step(func(v *web.StepView) {
				v.Step = web.StepProgress{Number: 7, Title: "Start the mixer", Kind: "instruction", State: "open", Instruction: "Close the lid of the mixer GR-300.\nStart programme P4 and wait until the display says MIXING."}
				v.Perform, v.Late = form("perform"), true
			})
		},
		"step-scan": func() web.View {
			return step(func(v *web.StepView) {
				v.Step = web.StepProgress{Number: 7, Title: "Scan the container of lactose", Kind: "entry", State: "open", Instruction: "Scan the label of the dispensed container before you open it."}
				v.Input = &web.Input{Form: *form("value"), Name: "Container", Kind: "scan", Expect: "C-2211-0043", Separator: "."}
			})
		},
		"step-choice": func() web.View {
			return step(func(v *web.StepView) {
				v.Step = web.StepProgress{Number: 7, Title: "Look of the granules", Kind: "entry", State: "open", Instruction: "Compare a handful of granules with the reference picture on the wall."}
				v.Input = &web.Input{Form: *form("value"), Name: "Look", Kind: "choice", Choices: []string{"as the reference", "lumpy", "dusty", "coloured"}, Limits: []web.Limit{{Name: "action", Text: "must be: as the reference"}}}
			})
		},
		"step-time": func() web.View {
			return step(func(v *web.StepView) {
				v.Step = web.StepProgress{Number: 7, Title: "Start of drying", Kind: "entry", State: "open", Instruction: "Record when the dryer was started."}
				v.Input, v.Late = &web.Input{Form: *form("value"), Name: "Dryer started at", Kind: "date_time", Separator: "."}, false
			})
		},
		"step-verify": func() web.View {
			return step(func(v *web.StepView) {
				v.Step.State = "performed"
				v.Step.Values[0].Readings = []web.Reading{reading("12.48", "in limits", at(3, 11, 52))}
				v.Step.Signatures = []web.Signed{signed("performed", "anna", "Anna Kowalska", at(3, 12, 1))}
				v.Verify = signedForm("verify")
			})
		},
		"step-held": func() web.View {
			return step(func(v *web.StepView) {
				v.Context.State, v.Hold = "held", nil
				v.Step.Values[0].Readings = []web.Reading{reading("13.20", "action", at(3, 11, 52))}
				v.Waits, v.Wayout = "The batch is held: 13.20 kg is outside the action limits. Call your supervisor. A supervisor and QA assess the hold, then the batch is resumed.", &web.Link{Href: "/gallery/hold", Words: "Assess the hold"}
			})
		},
	}
}

func sampleHold() web.Hold {
	s := signed("assessed", "sofia", "Sofia Rossi", at(3, 20, 0))
	return web.Hold{Cause: "Outside action limits: step 7, Net weight of granulation liquid 13.20 kg (action limits 12.00 to 13.00 kg)", By: "the system, on the entry of Anna Kowalska", At: at(3, 11, 52),
		Assessments: []web.Assessment{{Role: "supervisor", Reason: "Balance W-07 was not tared: the container weighs 0.72 kg. The liquid was weighed again on W-08, 12.48 kg.", Signed: &s}, {Role: "qa"}}}
}

func batchPages() map[string]func() web.View {
	return map[string]func() web.View{
		"home": func() web.View {
			return &web.HomeView{Page: frame("Home", "/", anna), Order: form("order"), Recipes: []web.Option{{Value: "r1", Words: "Paracetamol granulation, version 3"}, {Value: "r2", Words: "Buffer solution, version 1"}},
				Batches: []web.BatchLine{
					{Href: "/batches/18", Number: "B-000018", Order: "PO-4712", Product: "Paracetamol 500 mg tablets", Recipe: "Paracetamol granulation", Version: "3", Quantity: "100 kg", State: "held", Done: 9, Steps: 18, OpenStep: "Record the end point of granulation", Waits: "assessment by QA", Next: &web.Link{Href: "#", Words: "Assess the hold"}},
					{Href: "/batches/17", Number: "B-000017", Order: "PO-4711", Product: "Paracetamol 500 mg tablets", Recipe: "Paracetamol granulation", Version: "3", Quantity: "100 kg", State: "running", Done: 6, Steps: 18, OpenStep: "Weigh the granulation liquid", Next: &web.Link{Href: "#", Words: "Continue"}},
					{Href: "/batches/19", Order: "PO-4713", Product: "Buffer solution pH 6.8", Recipe: "Buffer solution", Version: "1", Quantity: "20 L", State: "ordered", Steps: 10, Next: &web.Link{Href: "#", Words: "Issue the record"}},
					{Href: "/batches/16", Number: "B-000016", Order: "PO-4709", Product: "Buffer solution pH 6.8", Recipe: "Buffer solution", Version: "1", Quantity: "20 L", State: "complete", Done: 10, Steps: 10, Incidents: 1, Review: &web.ReviewState{Words: "audit trail reviewed to entry 38, 3 entries since", Level: "alert", Href: "#"}, Next: &web.Link{Href: "#", Words: "Review the audit trail"}},
					{Href: "/batches/15", Number: "B-000015", Order: "PO-4708", Product: "Buffer solution pH 6.8", Recipe: "Buffer solution", Version: "1", Quantity: "20 L", State: "aborted", Done: 3, Steps: 10}}}
		},
		"batch": func() web.View {
			page := onBatch("Batch B-000017", 0, "running")
			page.Notice = "The hold was resumed."
			old := sampleHold()
			qa := signed("assessed", "quentin", "Quentin Dubois", at(3, 31, 0))
			old.Assessments[1] = web.Assessment{Role: "qa", Reason: "Agreed; a deviation is raised for the tare.", Signed: &qa}
			old.ResumedBy, old.ResumedAt = "Sofia Rossi", at(3, 33, 0)
			four := web.StepProgress{Number: 4, Href: "#", Title: "Weigh container 1", Kind: "entry", Critical: true, State: "complete", Instruction: "Weigh the filled container on balance W-07.", Values: []web.Value{corrected(), late()},
				Signatures: []web.Signed{{Meaning: "verified", Name: "Bob Martin", UserName: "bob", At: at(1, 53, 0), Void: true, VoidWhy: "a value was corrected afterwards"}, signed("verified", "bob", "Bob Martin", at(1, 56, 0))}}
			waiting := make([]web.StepProgress, 0, len(after))
			for _, s := range after {
				s.State = "waiting"
				waiting = append(waiting, s)
			}
			return &web.BatchView{Page: page, State: "running", Header: []web.Line{{Label: "Order", Value: "PO-4711"}, {Label: "Quantity", Value: "100 kg"}, {Label: "Issued", Value: "Sofia Rossi, 2026-11-22 00:51:20 +01:00"},
				{Label: "Started", Value: "2026-11-22 01:00:02 +01:00"}, {Label: "Recipe digest (SHA-256)", Value: "9f2c6e51a4d80b77c1f3e2a95d6048bb3f0e7c21d5946a8e1b2c3d4e5f607182"}},
				Signatures: []web.Signed{signed("issued", "sofia", "Sofia Rossi", at(0, 51, 20))}, Holds: []web.Hold{old}, Procedures: []web.UnitProgress{{Name: "Granulation › Preparation", Steps: append(append([]web.StepProgress{}, before...), four)},
					{Name: "Granulation › Wet granulation", Steps: append([]web.StepProgress{weight()}, waiting...)}},
				Comments: []web.Comment{{Text: "Humidity in room G1 was 58 % at the start of the shift.", By: "Bob Martin", At: at(1, 0, 0)}}, Next: &web.Link{Href: "#", Words: "Go to the open step"},
				Incidents: []web.BatchIncident{{IncidentLine: web.IncidentLine{Number: "I-2026-000002", Kind: "unclean restart", State: "open", At: at(1, 2, 3), Summary: "The server did not stop by itself."}}}, Trailed: &web.ReviewState{Words: "audit trail not reviewed", Level: "waiting"},
				Hold: form("hold"), Abort: signedForm("abort"), Comment: form("comment"), Report: "#", Trail: "#"}
		},
		"hold": func() web.View {
			v := &web.HoldView{Page: onBatch("Hold of B-000017", 7, "held"), Hold: sampleHold(), Batch: []web.Line{{Label: "Step", Value: "7, Weigh the granulation liquid"}, {Label: "Value", Value: "Net weight of granulation liquid"}, {Label: "Recorded by", Value: "Anna Kowalska, 2026-11-22 03:11:52 +01:00"}},
				Assess: []web.AssessForm{{Form: *signedForm("assess-qa"), Role: "qa"}}, Abort: signedForm("abort"), Waits: "QA assesses next. Then a supervisor resumes the batch."}
			value := weight().Values[0]
			value.Readings = []web.Reading{reading("13.20", "action", at(3, 11, 52))}
			v.Value = &value
			return v
		},
		"hold-resume": func() web.View {
			h := sampleHold()
			qa := signed("assessed", "quentin", "Quentin Dubois", at(3, 31, 0))
			h.Assessments[1] = web.Assessment{Role: "qa", Reason: "Agreed; a deviation is raised for the tare.", Signed: &qa}
			return &web.HoldView{Page: onBatch("Hold of B-000017", 7, "held"), Hold: h, Resume: form("resume"), Abort: signedForm("abort")}
		},
	}
}

func recipePages() map[string]func() web.View {
	return map[string]func() web.View{
		"recipes": func() web.View {
			return &web.RecipesView{Page: frame("Recipes", "/recipes", petra), Import: "/recipes/import", Recipes: []web.RecipeLine{
				{Href: "#", Name: "Paracetamol granulation", Product: "Paracetamol 500 mg tablets", Version: "4", State: "in review", Changed: at(1, 0, 0), By: "Petra Novotná"},
				{Href: "#", Name: "Paracetamol granulation", Product: "Paracetamol 500 mg tablets", Version: "3", State: "effective", Changed: at(0, 10, 0), By: "Quentin Dubois"},
				{Href: "#", Name: "Paracetamol granulation", Product: "Paracetamol 500 mg tablets", Version: "2", State: "superseded", Changed: at(0, 10, 0), By: "Quentin Dubois"},
				{Href: "#", Name: "Buffer solution", Product: "Buffer solution pH 6.8", Version: "2", State: "draft", Changed: at(2, 0, 0), By: "Petra Novotná"}}}
		},
		"recipe": func() web.View {
			value := web.RecipeValue{Name: "Net weight of granulation liquid", Kind: "decimal", Unit: "kg", Decimals: 2, Limits: limits}
			return &web.RecipeView{Page: frame("Paracetamol granulation", "/recipes", petra), Name: "Paracetamol granulation", Product: "Paracetamol 500 mg tablets", Version: "4", State: "in review", Language: "en", Steps: 3,
				Digest: strings.Repeat("9f2c6e51a4d80b77", 4), Header: []web.Line{{Label: "Strength", Value: "500 mg"}, {Label: "Dosage form", Value: "Tablet"}, {Label: "Batch size", Value: "100 kg"}},
				Materials:  []web.MaterialLine{material("API-001", "Paracetamol", "83.33", "passed through 0.8 mm"), material("EXC-014", "Maize starch", "12.50", ""), material("EXC-020", "Magnesium stearate", "0.50", "vegetable")},
				Signatures: []web.Signed{signed("authored", "petra", "Petra Novotná", at(1, 0, 0))}, Submit: nil, Approve: signedForm("approve"), Text: "recipe \"paracetamol-500\" {\n  version = \"4\"\n  # weigh before mixing\n}\n",
				Requirements: []web.RecipeRequirements{
					{Name: "Process parameters", Items: []web.RecipeRequirement{{Code: "TEMP", Name: "Product temperature", Lines: []web.Line{{Label: "Criticality", Value: "CPP"}, {Label: "Unit", Value: "°C"}, {Label: "Design range", Value: "20.0 – 60.0"}, {Label: "Action limits", Value: "30.0 – 50.0"}}}}},
					{Name: "Yields", Items: []web.RecipeRequirement{{Code: "DRY", Name: "Dry granules", Lines: []web.Line{{Label: "After step", Value: "150"}, {Label: "Theoretical yield", Value: "100.0 kg"}, {Label: "Action limits", Value: "97.0 – 101.0"}}}}}},
				File: "#", Chart: "#", Compare: "#", SendBack: signedForm("send-back"), Open: 1, Comment: form("comment"), Elements: []web.Option{{Value: "010", Words: "010 Weigh the granulation liquid"}},
				Notes: []web.ReviewNote{
					{Element: "010", About: "010 Weigh the granulation liquid", Words: "Why is the upper limit 12.60 kg? Development showed lumps above 12.55 kg.", By: "Quentin Dubois", At: at(1, 2, 0), Resolve: form("resolve-1")},
					{Words: "The description does not name the packaging.", By: "Sabine Roth", At: at(1, 1, 0), Resolution: "It stands in the header now.", ResolvedBy: "Quentin Dubois", ResolvedAt: at(1, 3, 0)}},
				NotYetMore: 7, NotYet: []web.TextFault{{Line: 88, Message: "The program cannot execute repetition \"DRY\" yet."}},
				Parts: []web.RecipePart{{Kind: "unit procedure", Name: "Granulation", Parts: []web.RecipePart{{Kind: "operation", Name: "Wet granulation", Parts: []web.RecipePart{
					{Step: &web.RecipeStep{Number: 1, Title: "Weigh the granulation liquid", Kind: "entry", Critical: true, Instruction: "Tare balance W-07 with the empty container. Fill in granulation liquid and record the net weight.", Values: []web.RecipeValue{value, {Name: "Look", Kind: "choice", Choices: []string{"clear", "cloudy"}}}}},
					{Kind: "repetition", Name: "Dry until dry", Notes: []web.Line{{Label: "Repeated until", Value: "[120.lod] <= 2.0 '%'"}, {Label: "At most", Value: "5"}}, Parts: []web.RecipePart{{Step: &web.RecipeStep{
						Number: 2, Title: "Loss on drying", Kind: "in-process control", Instruction: "Take a sample and measure.", Details: []web.Line{{Label: "Sample size", Value: "5 g"}, {Label: "Every", Value: "10 min"}},
						Values: []web.RecipeValue{{Name: "Mean of all samples", Kind: "decimal", Unit: "%", Decimals: 2, Formula: "round(avg([120.lod]), 2 '%')", Limits: limits}}}}}},
					{Step: &web.RecipeStep{Number: 3, Title: "Start the mixer", Kind: "instruction", Instruction: "Close the lid of the mixer GR-300 and start programme P4."}},
					{Step: &web.RecipeStep{Number: 4, Title: "Release to drying", Kind: "sign_off", Instruction: "Look through the steps above.", Role: "supervisor", Meaning: "reviewed"}}}}}}}}
		},
		"blocks": func() web.View {
			return &web.BlocksView{Page: frame("Building blocks", "/recipes", petra), Blocks: []web.BlockLine{
				{Href: "#", Code: "CIP-REACTOR", Name: "Cleaning of a glass-lined reactor in place", Version: "3", Used: 1, Added: at(1, 0, 0), By: "Petra Novotná"},
				{Href: "#", Code: "CIP-REACTOR", Name: "Cleaning of a glass-lined reactor in place", Version: "2", Used: 4, Added: at(0, 1, 0), By: "Petra Novotná"}}}
		},
		"master-data": func() web.View {
			in := []web.Link{{Href: "#", Words: "PCM-500 4"}, {Href: "#", Words: "CAPS-LOR-10 1"}}
			return &web.MasterDataView{Page: frame("Master data", "/recipes", petra), Recipes: 41, Batches: 50, Groups: []web.FindingGroup{
				{Kind: "material", Findings: []web.FindingLine{{Sentence: "Materials EXC-MAIZE and EXC-014 have the same name, \"Maize starch\".", Recipes: in}}},
				{Kind: "equipment", Findings: []web.FindingLine{{Sentence: "The equipment classes \"high-shear mixer\" and \"High shear mixer\" seem to be one.", Recipes: in}}},
				{Kind: "limit", Findings: []web.FindingLine{{Sentence: "No batch met the action limits of Volume of step 080 (9.0 to 11.0 L): all 7 readings were outside.", Recipes: in[:1]}}}}}
		},
		"block": func() web.View {
			newer := web.BlockLine{Href: "#", Code: "CIP-REACTOR", Version: "3", Added: at(1, 0, 0), By: "Petra Novotná"}
			return &web.BlockView{Page: frame("Cleaning of a glass-lined reactor in place", "/recipes", petra), Code: "CIP-REACTOR", Name: "Cleaning of a glass-lined reactor in place", Version: "2",
				Digest: strings.Repeat("9f2c6e51a4d80b77", 4), Text: "building_block \"CIP-REACTOR\" {\n  title   = \"Cleaning of a glass-lined reactor in place\"\n  version = \"2\"\n}\n", Others: []web.BlockLine{newer},
				UsedBy: []web.BlockUse{{Href: "#", Name: "Paracetamol crude, 50 kg", Version: "4", State: "effective", Effects: []web.Link{{Href: "#", Words: "3"}}}}}
		},
		"chart": func() web.View {
			text, err := os.ReadFile("../../recipes/testdata/whole.recipe")
			if err != nil {
				panic(err)
			}
			r, _ := recipes.Check("whole", text)
			return &web.ChartView{Page: frame("Everything", "/recipes", petra), Name: "Everything", Version: "4", Recipe: "#", Levels: []web.ChartLevel{
				{Link: web.Link{Href: "#", Words: "Unit procedures"}}, {Link: web.Link{Href: "#", Words: "Operations"}}, {Link: web.Link{Href: "#", Words: "Phases"}}, {Link: web.Link{Href: "#", Words: "Steps"}, Chosen: true}},
				Picture: template.HTML(chart.Draw(r, chart.Steps, nil).SVG("Chart of Everything", nil))} //nolint:gosec // the chart escapes every word
		},
		"compare": func() web.View {
			return &web.CompareView{Page: frame("Paracetamol granulation", "/recipes", petra), Name: "Paracetamol granulation", Old: "3", New: "4", With: "3", Others: []web.Option{{Value: "3", Words: "3"}, {Value: "2", Words: "2"}},
				Changes: []web.RecipeChanges{
					{Class: "critical", Lines: []web.RecipeChange{
						{Sentence: "Action limits of value lod of step 120 widened: 0.10 – 8.00 % → 0.10 – 9.00 %", Reason: "It decides whether a batch is held.", Line: 12, Href: "#new-12"},
						{Sentence: "Step 130 removed from repetition DRY: \"Dry on\"", Reason: "What is no longer done can no longer keep a bad batch from going on.", Line: 30, Gone: true, Href: "#old-30"}}},
					{Class: "minor", Lines: []web.RecipeChange{{Sentence: "Step 010 reworded: title \"Assign the mixer\" → \"Assign\"", Reason: "Only words are different.", Line: 400}}}},
				AtWork: []web.Link{{Href: "#", Words: "B-2026-0142"}, {Href: "#", Words: "B-2026-0143"}},
				Parts: [][]web.TextPair{
					{{Old: 11, New: 11, OldText: "          action {", NewText: "          action {"}, {Old: 12, New: 12, OldText: "            high = \"8.00\"", NewText: "            high = \"9.00\""}, {Old: 13, New: 13, OldText: "          }", NewText: "          }"}},
					{{Old: 29, New: 29, OldText: "", NewText: ""}, {Old: 30, OldText: "        wait \"130\" {"}, {Old: 31, OldText: "          title = \"Dry on\""}, {New: 30, NewText: "        # a long comment that does not fit beside the other text and is broken into several lines"}}}}
		},
		"import": func() web.View {
			v := &web.ImportView{Page: frame("Import a recipe", "/recipes", petra), Import: form("import"), Found: []web.TextFault{
				{Line: 12, Column: 14, Message: "Quantities are text: a number without quotation marks loses its last zero.", Snippet: "  quantity = 12.50", Hint: "Write \"12.50 kg\"."},
				{Line: 31, Column: 3, Message: "The attribute alert stands twice.", Snippet: "  alert = \"12.40 to 12.60\"", Hint: "Remove one of them."}}}
			v.Import.Typed = map[string]string{"text": "recipe \"paracetamol-500\" {\n  quantity = 12.50\n}"}
			return v
		},
	}
}

func trailPages() map[string]func() web.View {
	return map[string]func() web.View{
		"trail": func() web.View {
			entry := func(n int, act, subject string) web.TrailEntry {
				return web.TrailEntry{At: at(3, 11, 59-n), By: "Anna Kowalska (anna)", Station: "Granulation 1", Act: act, Subject: subject, Href: "#", Stream: "batch/0198f6aa-4c1e-7d1b-9c0a-5f2e8a7b6c5d", Seq: int64(61 - n), Hash: fmt.Sprintf("9f2c6e51a4%02d", n)}
			}
			v := &web.TrailView{Page: frame("Audit trail", "/trail", petra), Acts: []string{"step.record", "step.correct", "step.verify"}, Filter: web.TrailFilter{Batch: "B-000017", From: "2026-11-22"}, Older: "#", CSV: "#", Proofs: "#", Sample: "#"}
			one := entry(0, "step.record", "Batch B-000017, step 7")
			one.Changes = []web.RowChange{{Table: "ebr.batch_history", Name: "history of the batch", ID: "0198f6ab-0000-7000-8000-000000000001", Kind: "created", Fields: []web.FieldChange{{Name: "value", After: "net_weight", Href: "#"}, {Name: "raw", After: "12.48"}, {Name: "judgement", After: "in limits"}}}}
			two := entry(1, "step.verify", "Batch B-000017, step 4")
			two.Refused, two.Session = "User name or password is wrong.", "Anna Kowalska"
			three := entry(2, "step.correct", "Batch B-000017, step 4")
			three.Reason = "Digits swapped when typing; the printout of balance W-07 says 12.48 kg."
			three.Changes = []web.RowChange{{Table: "ebr.batches", Name: "batch", ID: "0198f6aa-4c1e-7d1b-9c0a-5f2e8a7b6c5d", Kind: "changed", Fields: []web.FieldChange{{Name: "state", Before: "running", After: "held"}, {Name: "version", Before: "14", After: "15"}}}}
			four := entry(3, "batch.issue", "Batch B-000017")
			four.Notes = []web.Line{{Label: "Number", Value: "B-000017"}}
			v.Entries = []web.TrailEntry{one, two, three, four}
			return v
		},
		"trail-value": func() web.View {
			moment := func(n int, by, act, before, after string) web.ValueMoment {
				return web.ValueMoment{TrailEntry: web.TrailEntry{At: at(3, 11, 10+n), By: by, Station: "Granulation 1", Act: act, Seq: int64(40 + n)}, Before: before, After: after, Created: before == "", Href: "#"}
			}
			v := &web.TimelineView{Page: frame("Timeline of a value", "/trail", petra), Trail: "#", Later: "#", Searched: 5000,
				Of:      []web.Line{{Label: "Stream", Value: "batch/0198f6aa-4c1e-7d1b-9c0a-5f2e8a7b6c5d"}, {Label: "Step", Value: "040"}, {Label: "Value", Value: "net_weight"}},
				Moments: []web.ValueMoment{moment(0, "Anna Kowalska (anna)", "step.record", "", "12.84"), moment(3, "Anna Kowalska (anna)", "step.correct", "12.84", "12.48")}}
			v.Moments[1].Reason, v.Moments[1].Session = "Digits swapped when typing; the printout of balance W-07 says 12.48 kg.", "Anna Kowalska"
			return v
		},
		"trail-sample": func() web.View {
			v := &web.SampleView{Page: frame("Random sample", "/trail", petra), Trail: "#", Count: "20", Kept: []web.Line{{Label: "act", Value: "step.correct"}, {Label: "from", Value: "2026-11-01"}}, Drawn: []web.Line{
				{Label: "Entries of the selection", Value: "1312"}, {Label: "Leaves under the checkpoint", Value: "20480"}, {Label: "Root", Value: "5d41402abc4b2a76b9719d911017c592ae2f1c0e4f9d3b6a7c8d9e0f1a2b3c4d"}}}
			v.Entries = []web.TrailEntry{{At: at(3, 11, 10), By: "Anna Kowalska (anna)", Station: "Granulation 1", Act: "step.correct", Subject: "Batch B-000017, step 4", Href: "#", Stream: "batch/0198f6aa-4c1e-7d1b-9c0a-5f2e8a7b6c5d", Seq: 40, Hash: "9f2c6e51a401"}}
			return v
		},
		"trail-empty": func() web.View { return &web.TrailView{Page: frame("Audit trail", "/trail", petra)} },
	}
}
