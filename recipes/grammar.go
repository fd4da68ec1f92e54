package recipes

// The language of recipes is HCL syntax cut down to what a signature can stand under: blocks, texts in quotes, true and false, lists of
// texts. Nothing in it is computed, so what an approver reads is what an operator gets. This page is the whole grammar; the order of
// attributes and blocks here is the order of the canonical form.

// kind says what an attribute holds.
type kind int

const (
	text  kind = iota // "…" on one line
	lines             // "…" that may contain \n
	truth             // true; what is not true is not written
	list              // ["…", "…"]
)

func (k kind) String() string {
	return [...]string{`a text in quotes, like "kg"`, `a text in quotes`, `true, or is left out`, `a list of texts, like ["clear", "cloudy"]`}[k]
}

// attr is one attribute of a block.
type attr struct {
	name string
	kind kind
	need string // why it must be there, "" when it may be missing
	max  int    // longest text in characters
}

// shape says what a block may hold.
type shape struct {
	label  string // what the label is, "" for a block without one
	attrs  []attr
	blocks []string
}

const (
	complete  = "The instructions must be complete (21 CFR 211.186(b)(9))."
	header    = "A master record names product, strength and dosage form (21 CFR 211.186(b)(1))."
	component = "The list of components is complete, each with its quantity (21 CFR 211.186(b)(3) and (4))."
	short     = 200
	long      = 4000
)

// grammar has one shape per block; "" is the whole text.
var grammar = map[string]shape{
	"": {blocks: []string{"recipe"}},
	"recipe": {
		label: "code",
		attrs: []attr{
			{"title", text, "People find the record by its title.", short},
			{"product", text, header, short},
			{"strength", text, header, short},
			{"dosage_form", text, header, short},
			{"batch_size", text, "Each batch size has a master record of its own (21 CFR 211.186(a)).", short},
			{"language", text, "A record is read and signed in one language.", short},
			{"description", lines, "", long},
		},
		blocks: []string{"formula", "unit_procedure"},
	},
	"formula": {blocks: []string{"material"}},
	"material": {
		label: "code",
		attrs: []attr{{"title", text, component, short}, {"quantity", text, component, short}, {"active", truth, "", 0}},
	},
	"unit_procedure": {label: "id", attrs: []attr{{"title", text, complete, short}}, blocks: []string{"operation"}},
	"operation":      {label: "id", attrs: []attr{{"title", text, complete, short}}, blocks: []string{"instruction", "entry", "sign_off"}},
	"instruction": {
		label: "id",
		attrs: []attr{{"title", text, complete, short}, {"text", lines, complete, long}, {"critical", truth, "", 0}},
	},
	"entry": {
		label:  "id",
		attrs:  []attr{{"title", text, complete, short}, {"text", lines, complete, long}, {"critical", truth, "", 0}},
		blocks: []string{"value"},
	},
	"sign_off": {
		label: "id",
		attrs: []attr{
			{"title", text, complete, short}, {"text", lines, complete, long},
			{"role", text, "Somebody has to know that it is theirs to sign.", short},
			{"meaning", text, "A signature says what it means (21 CFR 11.50(a)(3)).", short},
		},
	},
	"value": {
		label: "id",
		attrs: []attr{
			{"title", text, complete, short}, {"kind", text, "It says what can be typed.", short}, {"unit", text, "", short},
			{"decimals", text, "", short}, {"options", list, "", short}, {"expect", text, "", short},
		},
		blocks: []string{"alert", "action"},
	},
	"alert":  {attrs: []attr{{"low", text, "", short}, {"high", text, "", short}}},
	"action": {attrs: []attr{{"low", text, "", short}, {"high", text, "", short}}},
}

// inOrder names the blocks of which the order means something, so that the canonical form keeps them among each other as written.
var inOrder = map[string]bool{"recipe": true, "unit_procedure": true, "operation": true, "instruction": true, "entry": true, "sign_off": true, "value": true, "material": true}

// The most that a recipe may hold; the guards against texts made to harm, and a bound on what a person can check.
const (
	MaxBytes  = 1 << 20
	MaxTokens = 400_000 // words and single signs
	MaxDepth  = 64
	MaxSteps  = 2000
	maxFaults = 200
)

// Languages are the language tags (BCP 47) that a recipe can be written in: those whose letters the record can print.
var Languages = []string{
	"bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "hr", "hu", "it", "lt", "lv", "nb", "nl", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "tr", "uk",
}

// Roles are the roles that can be asked for a sign-off; administrators and auditors hold no GMP role.
var Roles = []string{"operator", "supervisor", "process_engineer", "qa", "qualified_person"}
