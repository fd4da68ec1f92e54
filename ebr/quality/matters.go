package quality

import (
	"strings"

	"veribatch/audit"
	"veribatch/recipes/formula"
)

// CriticalKind is a kind of entry that changes or voids data, or bears on whether it can be believed: a reviewer looks at it before signing (PIC/S PI 041 9.8).
type CriticalKind struct {
	Words string // why an entry is looked at first
	Rule  string // who asks for that
	is    func(e audit.Entry, noun string) bool
}

// CriticalKinds are all of them; an entry is of the first one that fits.
var CriticalKinds = []CriticalKind{
	{"access refused", "EU GMP Annex 11 clause 12.4; PIC/S PI 041 9.8", func(e audit.Entry, _ string) bool {
		return e.Refused && strings.HasPrefix(string(e.Stream), "station/")
	}},
	{"refused", "21 CFR 11.10(f); PIC/S PI 041 9.8", func(e audit.Entry, _ string) bool { return e.Refused }},
	{"incident", "EU GMP Annex 11 clause 13", func(_ audit.Entry, noun string) bool { return noun == "incident" }},
	{"corrected", "21 CFR 11.10(e); EU GMP Annex 11 clause 9", func(e audit.Entry, _ string) bool { return e.Act == "step.correct" }},
	{"measured again", "21 CFR 211.192; PIC/S PI 041 9.8", func(e audit.Entry, _ string) bool { return e.Details["attempt"] != "" }},
	{"hold", "21 CFR 211.192; EU GMP Chapter 1.4(xiv)", func(e audit.Entry, _ string) bool { return e.Details["held"] != "" || holding[e.Act] }},
	{"outside limits", "21 CFR 211.192", func(e audit.Entry, _ string) bool {
		j := formula.Judgement(e.Details["judgement"])
		return j == formula.Alert || j == formula.Action
	}},
	{"late entry", "21 CFR 211.100(b)", func(e audit.Entry, _ string) bool { return e.Details["done at"] != "" }},
	{"rights or configuration", "21 CFR 11.10(d); EU GMP Annex 11 clauses 10 and 12.3", func(_ audit.Entry, noun string) bool { return governing[noun] }},
	{"clock", "21 CFR 11.10(e)", func(e audit.Entry, _ string) bool { return e.Clock != nil }},
}

var (
	holding   = map[string]bool{"batch.hold": true, "hold.assess": true, "batch.resume": true, "batch.abort": true}
	governing = map[string]bool{"configuration": true, "person": true, "token": true}
)

// Matters says why a reviewer looks at an entry of a batch first, "" for what went as planned.
func Matters(e audit.Entry) string {
	noun, _, _ := strings.Cut(e.Act, ".")
	for _, k := range CriticalKinds {
		if k.is(e, noun) {
			return k.Words
		}
	}
	return ""
}
