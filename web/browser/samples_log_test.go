package browser_test

import (
	"strings"

	"veribatch/internal/language"
	"veribatch/web"
)

func logPages() map[string]func() web.View {
	note := "veribatch/0198c5f2-7c1a-7000-8000-000000000000/1\n48213\n" + strings.Repeat("Ab3/", 10) + "Ab0=\n\n" +
		"— veribatch/0198c5f2-7c1a-7000-8000-000000000000 " + strings.Repeat("fR+x", 22) + "==\n"
	state := []web.Line{
		{Label: "Log", Value: "veribatch/0198c5f2-7c1a-7000-8000-000000000000/1"}, {Label: "Leaves", Value: "48213"}, {Label: "Root", Value: strings.Repeat("c851f5e7", 8)},
		{Label: "Newest leaf", Value: "2026-11-22 11:59:58 +01:00"}, {Label: "Newest checkpoint", Value: "48213 leaves, signed at 2026-11-22 11:59:59 +01:00"},
	}
	key := "veribatch/0198c5f2-7c1a-7000-8000-000000000000+1a2b3c4d+" + strings.Repeat("AQ7/", 11)
	witnesses := []web.Line{
		{Label: "Witness 1", Value: "qa.example/witness: has seen 48213 leaves of epoch 1, at 2026-11-22 11:58:12 +01:00"},
		{Label: "Witness 2", Value: "site2.example/witness: has seen 48100 leaves of epoch 1, at 2026-11-22 11:53:11 +01:00. Since 2026-11-22 11:58:17 +01:00: ask the witness: Post \"https://site2.example:9466/add-checkpoint\": connection refused"},
		{Label: "Wanted", Value: "1 of 2 witnesses"},
	}
	return map[string]func() web.View{
		"log": func() web.View {
			return &web.LogView{Page: frame("Log and checkpoints", "/log", petra), State: state, Note: note, Key: key, Witnesses: witnesses}
		},
		"log-refused": func() web.View {
			return &web.LogView{
				Page: frame("Log and checkpoints", "/log", petra), Note: note, Key: key,
				Says:  []web.Alarm{{Level: "action", Words: language.Write("The audit trail is not what was signed: entries are missing or replaced. Call QA")}},
				State: append(state, web.Line{Label: "The signer says", Value: "The log has 48213 leaves, and 51020 were signed at 2026-11-22T10:20:00Z: the database is an older copy."}, web.Line{Label: "Since", Value: "2026-11-22 12:00:03 +01:00"}),
				Missing: []web.Line{{Label: "Last signed", Value: "51020 leaves, signed at 2026-11-22 11:20:00 +01:00"}, {Label: "Known here", Value: "48213 leaves, signed at 2026-11-21 18:00:02 +01:00"},
					{Label: "Missing or replaced", Value: "leaves 48213 to 51019"}},
				Continue: signedForm("continue"),
			}
		},
	}
}
