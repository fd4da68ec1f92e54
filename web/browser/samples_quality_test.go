package browser_test

import (
	"veribatch/ebr/quality"
	"veribatch/internal/language"
	"veribatch/web"
)

// qualityPages are the pages on which the quality unit judges.
func qualityPages() map[string]func() web.View {
	incident := web.IncidentLine{Href: "#", Number: "I-2026-000002", Kind: "unclean restart", State: "open", At: at(1, 2, 3), Last: at(1, 2, 3), Times: 1, Batches: 2, Judged: 1,
		Summary: "The server that was started at 2026-11-22 00:40:11 +01:00 entered no stop: it was killed, the machine or the database failed, or it was of a version that enters none. " +
			"Everything that was confirmed is kept. The batches that ran, and those with an act in its last 10 minutes, are linked: ask whether somebody was left without an answer."}
	judge, anew := form("assess-B-000018"), signedForm("reassess-B-000017")
	alarmed := func(title, path string) web.Page {
		page := frame(title, path, anna)
		page.Alarms = []web.Alarm{{Level: "alert", Words: language.Write("2 open incidents"), Href: "/incidents"}, {Level: "action", Words: language.Write("The last backup is 3 days old"), Href: "/backups"}}
		return page
	}
	entry := web.TrailEntry{At: at(1, 56, 0), By: "Anna Kowalska (anna)", Station: "Granulation 1", Act: "step.correct", Subject: "Batch B-000017, step 4", Href: "#", Reason: "Container was not tared",
		Stream: "batch/0198f0c1-7c1e-7d10-9d0f-000000000001", Seq: 41, Hash: "9f2c6e51a4d8", Notes: []web.Line{{Label: "reading", Value: "12.48 kg"}, {Label: "judgement", Value: "in limits"}}}
	return map[string]func() web.View{
		"incidents": func() web.View {
			closed := incident
			closed.Number, closed.Kind, closed.State, closed.Times, closed.Judged, closed.Summary = "I-2026-000001", "internal error", "closed", 17, 2, "GET /batches/:batch: database error 57014"
			return &web.IncidentsView{Page: alarmed("Incidents", "/incidents"), Incidents: []web.IncidentLine{incident, closed}, Older: "#"}
		},
		"incident": func() web.View {
			return &web.IncidentView{Page: alarmed("I-2026-000002", "/incidents/2"), Incident: incident, Waits: "Quality assurance closes the incident when its effect on every batch is judged.",
				Header: []web.Line{{Label: "Kind", Value: incident.Kind}, {Label: "Occurrences", Value: "1"}, {Label: "First", Value: "2026-11-22 01:02:03 +01:00"}, {Label: "What failed", Value: incident.Summary}},
				Batches: []web.IncidentBatch{{Href: "#", Number: "B-000017", Linked: at(1, 3, 0), Reassess: anew,
					JudgementLine: web.JudgementLine{Disposition: "see deviation", Reason: "D-2026-000017", Because: "Step 030 was timed by the clock that jumped.", By: "Quentin Dubois", At: at(1, 40, 0)},
					Former:        []web.JudgementLine{{Disposition: "no effect", Reason: "No operator was in front of a station; the last entry is on the screen and in the trail.", By: "Sofia Rossi", At: at(1, 20, 0), Ended: "replaced, 2026-11-22 01:40:00 +01:00"}}},
					{Href: "#", Number: "B-000018", Linked: at(1, 3, 0), Assess: judge}}}
		},
		"incident-close": func() web.View {
			return &web.IncidentView{Page: alarmed("I-2026-000002", "/incidents/2"), Incident: incident, Header: []web.Line{{Label: "Kind", Value: incident.Kind}}, Close: signedForm("close")}
		},
		"exports": func() web.View {
			made := func(n int64, state string, others int64) web.ExportLine {
				return web.ExportLine{Href: "#", By: "Quentin Dubois", State: state, At: at(2, 10+int(n), 0), Printed: 40 * n, Others: others, Record: "9f2c6e51a4d80b77c1f3e2a95d6048bb3f0e7c21d5946a8e1b2c3d4e5f607182"}
			}
			return &web.ExportsView{Page: onBatch("Exports of B-000017", 0, "complete"), Export: form("export"), Made: []web.ExportLine{made(5, "complete", 3), made(1, "in execution", 0)}}
		},
		"exports-none": func() web.View {
			return &web.ExportsView{Page: onBatch("Exports of B-000017", 0, "running"), Export: form("export")}
		},
		"review": func() web.View {
			page := onBatch("Review of B-000017", 0, "complete")
			page.Alarms = alarmed("", "").Alarms
			return &web.ReviewView{Page: page, State: &web.ReviewState{Words: "audit trail reviewed to entry 38, 3 entries since", Level: "alert"}, From: 39, Opened: at(3, 0, 0),
				List: "all", First: 201, Last: 203, Count: 7312, All: "/batches/17/review?list=all", Critical: "/batches/17/review?list=critical", Later: "/batches/17/review?after=x", GoOn: "/batches/17/review?after=y",
				Listed: 7312, OpenedOf: 203, Criticals: 12, CriticalsOpened: 12, Kinds: quality.CriticalKinds, Read: form("read"), Unread: 3, Until: "batch/17 203",
				Reviews: []web.ReviewLine{{From: 1, To: 38, Read: "12 of 38 entries opened", First: "51a4d80b77c1f3e2a95d6048bb3f0e7c21d5946a8e1b2c3d4e5f6071829f2c6e", Hash: "9f2c6e51a4d80b77c1f3e2a95d6048bb3f0e7c21d5946a8e1b2c3d4e5f607182", Others: 4, By: "Quentin Dubois", At: at(2, 40, 0), Took: "12s", Quick: true, Remarks: "Nothing to question."}},
				Entries: []web.Matter{{Why: "corrected", TrailEntry: entry}, {TrailEntry: entry}, {TrailEntry: entry}}, Sign: signedForm("review")}
		},
	}
}
