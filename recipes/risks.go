package recipes

import "strings"

// rule says how grave the change of a thing is, and why. The classes are those of a quality risk assessment (ICH Q9): what can reach the patient is critical.
type rule struct {
	class    Class // when it is changed or removed; of limits: when they let more through
	narrowed Class // when limits let less through, or something is written that was not there; the same as class when empty
	added    Class // of a block: when it is new; major when empty
	words    string
	reason   string
	reworded bool
	onoff    [2]string // of what is written only when it is true: what is said when it is there now, and when it is there no more
}

const (
	whatItIs   = "It says what the product is."
	whatGoes   = "It says what goes into the product, and how much."
	stopsBatch = "It decides whether a batch is held."
	warns      = "It decides whether somebody is warned."
	how        = "It says how the product is made."
	decides    = "It decides what is executed."
	judges     = "A number is computed or judged otherwise."
	who        = "It says who answers for the step."
	onlyWords  = "Only words are different."
	describes  = "It describes what is used."
)

// risks has a rule for each kind of block and for each attribute, "weigh quantity" before "quantity".
var risks = map[string]rule{
	"material": {class: Critical, added: Critical, reason: whatGoes}, "packaging": {class: Major, reason: describes}, "equipment": {class: Major, reason: describes},
	"capability": {class: Major, narrowed: Major, reason: describes}, "parameter": {class: Critical, reason: how}, "yield": {class: Critical, reason: stopsBatch},
	"assay": {class: Critical, narrowed: Critical, words: "assay", reason: whatGoes}, "sampling": {class: Critical, words: "sampling", reason: how},
	"design": {class: Major, narrowed: Major, words: "design range", reason: how}, "alert": {class: Major, narrowed: Minor, words: "alert limits", reason: warns},
	"action": {class: Critical, narrowed: Major, words: "action limits", reason: stopsBatch}, "value": {class: Critical, reason: "What is no longer recorded is no longer judged."},
	"building_block": {class: Minor, added: Minor, reason: "What is inserted says its insert."},

	"title": {class: Minor, reworded: true, reason: onlyWords}, "text": {class: Major, reworded: true, reason: "An instruction tells a person what to do."}, "description": {class: Minor, words: "description", reason: onlyWords},
	"product": {class: Critical, reason: whatItIs}, "strength": {class: Critical, reason: whatItIs}, "dosage_form": {class: Critical, reason: whatItIs},
	"unit_size": {class: Critical, words: "size of the dosage unit", reason: whatItIs}, "batch_size": {class: Critical, reason: whatGoes}, "smallest_batch": {class: Major, reason: how}, "largest_batch": {class: Major, reason: how},
	"shelf_life": {class: Major, reason: whatItIs}, "language": {class: Major, reason: "People read it."},

	"quantity": {class: Critical, reason: whatGoes}, "per_unit": {class: Critical, words: "amount per dosage unit", reason: whatGoes}, "excess": {class: Critical, words: "calculated excess", reason: whatGoes},
	"excess_reason": {class: Minor, words: "reason of the excess", reason: onlyWords}, "tolerance": {class: Major, reason: whatGoes}, "scale": {class: Critical, words: "scaling", reason: whatGoes},
	"division": {class: Major, words: "division of the balance", reason: whatGoes}, "basis": {class: Critical, words: "basis of the assay", reason: whatGoes},
	"active":   {class: Critical, onoff: [2]string{"{} is an active substance now", "{} is no active substance any more"}, reason: whatItIs},
	"critical": {class: Critical, narrowed: Major, onoff: [2]string{"Second person added to {}", "Second person removed from {}"}, reason: "A second person finds what the first one did wrong."},
	"specimen": {class: Major, words: "label text", reason: "People read it."}, "class": {class: Major, reason: describes}, "mark": {class: Critical, words: "criticality", reason: how}, "target": {class: Major, reason: how},

	"after": {class: Major, words: "step", reason: how}, "actual": {class: Critical, words: "actual yield", reason: judges}, "theoretical": {class: Critical, words: "theoretical yield", reason: judges},
	"when": {class: Critical, words: "condition", reason: decides}, "until": {class: Critical, words: "exit", reason: decides}, "most": {class: Major, words: "bound", reason: decides},
	"otherwise": {class: Critical, onoff: [2]string{"{} is the one for all other batches now", "{} is not the one for all other batches any more"}, reason: decides},
	"block":     {class: Critical, words: "building block", reason: how}, "version": {class: Major, reason: how}, "insert version": {class: Major, words: "version of the building block", reason: how},

	"wait after": {class: Major, words: "begin of the waiting time", reason: how}, "wait least": {class: Major, words: "shortest time", reason: how}, "wait most": {class: Major, words: "longest time", reason: how},
	"size": {class: Major, words: "sample size", reason: how}, "every": {class: Major, words: "sampling interval", reason: how}, "plan": {class: Major, words: "sampling plan", reason: how}, "tests": {class: Major, reason: how},
	"method": {class: Major, reason: how}, "items": {class: Major, reason: how},
	"copies": {class: Minor, reason: how}, "tag": {class: Critical, reason: "Another instrument measures."}, "from": {class: Major, words: "begin of the window", reason: how}, "to": {class: Major, words: "end of the window", reason: how},
	"content": {class: Minor, reason: how}, "role": {class: Critical, words: "role of the signature", reason: who}, "meaning": {class: Major, words: "meaning of the signature", reason: who},

	"kind": {class: Critical, reason: judges}, "statistic": {class: Critical, reason: judges}, "formula": {class: Critical, reason: judges},
	"unit": {class: Critical, reason: judges}, "capability unit": {class: Major, reason: describes}, "decimals": {class: Major, reason: judges}, "compare": {class: Critical, words: "comparison with limits", reason: judges},
	"options": {class: Major, reason: how}, "expect": {class: Critical, words: "expected answer", reason: stopsBatch},
}

// ruleOf gives the rule of an attribute, with its words.
func ruleOf(kind, attr string) rule {
	r, own := risks[kind+" "+attr]
	if !own {
		r = risks[attr]
	}
	if r.words == "" {
		r.words = strings.ReplaceAll(attr, "_", " ")
	}
	return r
}
