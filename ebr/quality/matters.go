package quality

import (
	"strings"

	"veribatch/audit"
	"veribatch/recipes/formula"
)

// Matters says why a reviewer looks at an entry of a batch first, "" for what went as planned.
func Matters(e audit.Entry) string {
	noun, _, _ := strings.Cut(e.Act, ".")
	judgement := formula.Judgement(e.Details["judgement"])
	switch {
	case e.Refused && strings.HasPrefix(string(e.Stream), "station/"):
		return "access refused"
	case e.Refused:
		return "refused"
	case noun == "incident":
		return "incident"
	case e.Act == "step.correct":
		return "corrected"
	case e.Details["attempt"] != "":
		return "measured again"
	case e.Details["held"] != "" || e.Act == "batch.hold" || e.Act == "hold.assess" || e.Act == "batch.resume" || e.Act == "batch.abort":
		return "hold"
	case judgement == formula.Alert || judgement == formula.Action:
		return "outside limits"
	case e.Details["done at"] != "":
		return "late entry"
	case e.Clock != nil:
		return "clock"
	}
	return ""
}
