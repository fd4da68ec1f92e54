package browser_test

import (
	"fmt"
	"strings"

	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/identity"
	"veribatch/web"
)

// The pages about people, machines and rights, each with names as long as they come, many lines, or nothing at all.

const (
	longName = "Wilhelmina Alexandrowna von Hohenfels-Bartholomäussen-Kowalska"
	longUser = "wilhelmina.von-hohenfels-bartholomaeussen"
	longArea = "Granulation, drying and sieving of highly potent substances, 2"
)

var (
	wholePlant  = access.Area{Code: "*", Title: "the whole plant"}
	sampleAreas = []access.Area{wholePlant, {Code: "highly-potent-granulation-drying-sieving-2", Title: longArea}, {Code: "liquids", Title: "Liquids"}}
	sampleRoles = []web.Option{{Value: "operator", Words: "operator"}, {Value: "supervisor", Words: "supervisor"}, {Value: "qa", Words: "quality assurance"}}
	somebody    = []web.Option{{Value: "1", Words: longName}, {Value: "2", Words: "Sofia Rossi"}}
)

// people are many accounts; the first one has everything that can stand in a line.
func people() []web.PersonLine {
	lines := []web.PersonLine{{Href: "#", UserName: longUser, FullName: longName, Roles: []string{"process engineer", "quality assurance in " + longArea, "system owner"},
		States: []string{"identity not checked", "has no password yet", "has not signed the accountability statement"}}}
	for n := range 30 {
		lines = append(lines, web.PersonLine{Href: "#", UserName: fmt.Sprintf("operator.%02d", n), FullName: fmt.Sprintf("Anna Kowalska %02d", n), Roles: []string{"operator"}, LastLogIn: at(2, n, 0)})
	}
	return lines
}

func peoplePages() map[string]func() web.View {
	return map[string]func() web.View{
		"people": func() web.View {
			return &web.PeopleView{Page: frame("People", "/people", anna), People: people(), More: "#", Create: form("create"), Roles: sampleRoles}
		},
		"people-empty": func() web.View {
			return &web.PeopleView{Page: frame("People", "/people", anna), Search: longName, Left: true}
		},
		"person": func() web.View { return samplePerson() },
		"person-new": func() web.View {
			return &web.PersonView{Page: frame("Bob Martin", "/people", anna), Line: web.PersonLine{UserName: "bob", FullName: "Bob Martin", States: []string{"identity not checked"}}, Created: at(1, 0, 0),
				Invited: at(3, 0, 0), Link: "https://tablet.plant.example:8443/enrol#" + strings.Repeat("k7Q2", 16), Confirm: form("confirm"), Documents: []string{"passport", "identity card"}, Today: "2026-11-22"}
		},
		"rights": func() web.View { return sampleRights() },
		"rights-empty": func() web.View {
			return &web.RightsView{Page: frame("Who could do what", "/people", anna), On: "2019-02-30", Wrong: "This is no day. Write it like 2026-11-22."}
		},
		"access-review": func() web.View {
			v := &web.AccessReviewView{Page: frame("Access review", "/people", anna), Due: at(0, 0, 0), IsDue: true, Review: signedForm("review")}
			for n, p := range people() {
				v.Lines = append(v.Lines, web.AccountLine{PersonLine: p, Holds: p.Roles[len(p.Roles)-1], Box: fmt.Sprintf("away-%d", n), Away: n == 2, Machine: n == 3})
			}
			v.Made = []accounts.Reviewed{{Number: 7, People: 31, Changes: []string{longUser + ": quality assurance in " + longArea}, Note: "She works in another plant now.", By: longName, At: at(1, 0, 0), Held: []string{longUser}}}
			return v
		},
		"access-review-empty": func() web.View {
			return &web.AccessReviewView{Page: frame("Access review", "/people", anna), Due: at(0, 0, 0)}
		},
		"accountability": func() web.View {
			words := "My password is my signature. I answer for all that is signed with it, and give it to nobody."
			return &web.AccountabilityView{Page: frame("Accountability statement", "/accountability", anna), InForce: accounts.Accountability{Number: 2, Text: words, PublishedBy: longName, PublishedAt: at(1, 0, 0), Signed: 30},
				Earlier: []accounts.Accountability{{Number: 1, Text: words, PublishedAt: at(0, 0, 0)}}, Sign: signedForm("sign"), Publish: signedForm("publish")}
		},
		"enrol": func() web.View {
			return &web.EnrolView{Page: frame("Set your password", "", nil), Begin: form("begin")}
		},
		"enrol-code": func() web.View {
			v := &web.EnrolView{Page: frame("Set your password", "", nil), Enrol: form("enrol"), Link: "k7Q2", FullName: longName, UserName: longUser, CodeNeeded: true, Rules: []string{"At least 12 characters.", "Not one of your last 10 passwords."}}
			v.Enrol.Wrong = map[string]string{"code": "This code does not belong to this link. After 4 more wrong tries the link is void."}
			return v
		},
		"areas": func() web.View {
			v := &web.AreasView{Page: frame("Areas", "/areas", anna), Create: form("create")}
			for n, a := range sampleAreas {
				v.Areas = append(v.Areas, web.AreaLine{Code: a.Code, Title: a.Title})
				if n > 0 {
					v.Areas[n].Rename = form("rename-" + a.Code)
				}
			}
			return v
		},
	}
}

// samplePerson is an account with all that one can have, and every act on it.
func samplePerson() *web.PersonView {
	return &web.PersonView{Page: frame(longName, "/people", anna), Line: people()[0], Created: at(0, 0, 0), CreatedBy: "Ada Okafor",
		Held:     []web.HeldRole{{Role: "process engineer", Area: "*", From: at(0, 0, 0), To: at(1, 0, 0)}, {Role: "quality assurance", Area: longArea, From: at(1, 0, 0)}},
		Checks:   []accounts.Check{{Document: "passport", On: at(0, 0, 0), Note: "Issued in Gdańsk; the picture is ten years old, compared with the card of the plant.", By: "Ada Okafor", At: at(0, 1, 0), Founding: true}},
		Sessions: []accounts.Session{{Station: "Granulation 1", OpenedAt: at(1, 0, 0), SeenAt: at(3, 0, 0), Locked: true}, {Station: "Office of quality assurance, second floor, room 2.017, window", OpenedAt: at(1, 0, 0), SeenAt: at(3, 0, 0)}},
		Machines: []accounts.Machine{{UserName: "scale.d1", FullName: "Scale D1 of dispensing cabin 4 with printer and label scanner", Live: 2}},
		Tokens:   []accounts.Token{{Account: "scale.d1", Purpose: "weights of the dispensing", ExpiresAt: at(9, 0, 0), Made: true}}, People: somebody,
		Confirm: form("confirm"), Grant: form("grant"), Revoke: form("revoke"), Reset: form("reset"), Unlock: form("unlock"), Deactivate: form("deactivate"),
		Roles: sampleRoles, Areas: sampleAreas, Documents: []string{"passport", "identity card"}, Today: "2026-11-22"}
}

func sampleRights() *web.RightsView {
	v := &web.RightsView{Page: frame("Who could do what", "/people", anna), On: "2026-11-22", Digest: strings.Repeat("9f2c6e51a4d80b77", 4), Since: at(0, 0, 0), Kept: true, Everyone: "session.open, session.lock, password.change",
		Roles: []web.RoleActs{{Role: "operator", Acts: "batch.read, batch.start, batch.hold, step.record, step.correct, step.comment, step.perform, step.verify"}}}
	for _, p := range people() {
		v.Rights = append(v.Rights, web.RightLine{Href: "#", UserName: p.UserName, FullName: p.FullName, Role: p.Roles[0], Area: longArea, From: at(0, 0, 0)})
	}
	approved := at(1, 0, 0)
	token := accounts.TokenRight{Account: "scale.d1", Purpose: "weights of the dispensing cabins 1 to 4 and of the buffer kitchen", Acts: []string{"batch.read", "step.record"}, Area: "*", IssuedBy: longName, IssuedAt: at(0, 0, 0),
		ApprovedBy: "Quentin Dubois", ApprovedAt: &approved, Good: &approved, To: at(9, 0, 0)}
	machine := accounts.MachineRight{UserName: "scale.d1", FullName: "Scale D1", Responsible: longName}
	v.Machines = []web.MachineRightLine{{MachineRight: machine, TokenRight: &token}, {MachineRight: machine}}
	return v
}

func machinePages() map[string]func() web.View {
	return map[string]func() web.View{
		"tokens": func() web.View {
			closed := at(2, 0, 0)
			machine := accounts.Machine{UserName: "scale.d1", FullName: "Scale D1 of dispensing cabin 4 with printer and label scanner", CreatedAt: at(0, 0, 0), ResponsibleName: longName, Live: 2}
			gone := accounts.Machine{UserName: "dryer", FullName: "Fluid bed dryer", CreatedAt: at(0, 0, 0), ClosedAt: &closed, ResponsibleName: "Sofia Rossi", Answered: true}
			v := &web.TokensView{Page: frame("API tokens", "/tokens", anna), People: somebody, Create: form("create"), Accounts: []web.Option{{Value: "1", Words: "scale.d1"}}, Areas: sampleAreas[1:], MaxDays: 365,
				Machines: []web.MachineLine{{Machine: machine, HandOver: form("hand-over"), Close: form("close-machine")}, {Machine: gone}}, Acts: []web.Choice{{Name: "act-1", Words: "batch.read", Chosen: true}, {Name: "act-2", Words: "step.record"}, {Name: "act-3", Words: "step.comment"}}}
			for n, state := range []string{"waits for QA", "good", "expired", "ended", "revoked"} {
				token := identity.Token{UserName: "scale.d1", FullName: "Scale D1", Purpose: "weights of the dispensing cabins 1 to 4", Acts: []string{"batch.read", "step.record"}, Area: "liquids", IssuedBy: longName, IssuedAt: at(0, 0, 0),
					ExpiresAt: at(9, 0, 0), RevokedBy: "Ada Okafor", RevokedAt: at(3, 0, 0), State: state}
				line := web.TokenLine{Token: token}
				if n == 0 {
					line.Approve = signedForm("approve")
				}
				if n < 2 {
					line.Revoke = form(fmt.Sprintf("revoke-%d", n))
				}
				v.Tokens = append(v.Tokens, line)
			}
			return v
		},
		"tokens-empty": func() web.View { return &web.TokensView{Page: frame("API tokens", "/tokens", anna)} },
		"configuration": func() web.View {
			settings := []web.SettingLine{{Name: "idle", Label: "Minutes without a touch", Value: "15 minutes", Text: "15", Limits: "1 to 60 minutes", Default: "15 minutes", Meaning: "After this time the station covers its screen.", Source: "EU GMP Annex 11, 12.1; 21 CFR 11.10(d)"},
				{Name: "mail", Label: "Addresses that are told about incidents", Value: "quality-assurance-on-duty@granulation.plant-of-veribatch.example", Text: "quality@plant.example", Limits: "up to 400 characters", Default: "nobody", Meaning: "Each gets a message.", InWords: true, Longest: 400, Changed: true},
				{Name: "quick", Label: "Mark quick reviews", Value: "on", Text: "on", Limits: "on or off", Default: "on", Meaning: "A review shorter than a second an entry is marked.", OnOff: true}}
			changed := []web.SettingChange{{Label: settings[0].Label, Old: "15 minutes", New: "10 minutes"}, {Label: settings[1].Label, Old: settings[1].Value, New: "nobody"}}
			waits := web.ConfigurationVersion{Number: "8", State: "proposed", Base: "7", Begins: "with the approval", Reason: "Finding 3 of the audit of October: stations stood open.", Changes: changed,
				Signatures: []web.Signed{signed("proposed", "ada", longName, at(2, 0, 0))}, Approve: signedForm("approve"), Withdraw: signedForm("withdraw")}
			past := waits
			past.Number, past.State, past.WithdrawReason, past.Approve, past.Withdraw = "6", "withdrawn", "Wrong day.", nil, nil
			return &web.ConfigurationView{Page: frame("Configuration", "/configuration", anna), Number: "7", Since: at(0, 0, 0), Signatures: []web.Signed{signed("approved", "quentin", "Quentin Dubois", at(0, 0, 0))}, Present: settings,
				Waiting: []web.ConfigurationVersion{waits}, Past: []web.ConfigurationVersion{past}, Propose: signedForm("propose"), Settings: settings}
		},
		"configuration-default": func() web.View {
			return &web.ConfigurationView{Page: frame("Configuration", "/configuration", anna), Default: true}
		},
	}
}
