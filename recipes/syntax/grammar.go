package syntax

import "slices"

// The language of recipes is HCL syntax cut down to what a signature can stand under: blocks, texts in quotes, true, lists of texts. Formulas are texts that package
// recipes reads. This page is the whole grammar; the order of attributes and blocks here is the order of the canonical form.

// Kind says what an attribute holds.
type Kind int

// The kinds of attributes. A value in the text is a Text, Truth or List.
const (
	Text     Kind = iota // "…" on one line
	Lines                // "…" that may contain \n
	Truth                // true; what is not true is not written
	List                 // ["…", "…"]
	Quantity             // "12.50 kg"
	Formula              // "[040.net] / [010.net] * 100 '%'"
)

func (k Kind) String() string {
	return [...]string{`a text in quotes, like "kg"`, `a text in quotes`, `true, or is left out`, `a list of texts, like ["clear", "cloudy"]`, `a quantity in quotes, like "12.50 kg"`,
		`a formula in quotes, like "[040.net] - [030.tare]"`}[k]
}

// attr is one attribute of a block.
type attr struct {
	name string
	kind Kind
	need string // why it must be there, "" when it may be missing
	max  int    // longest text in characters
}

// shape says what a block may hold.
type shape struct {
	label  string // what the label is, "" for a block without one, of which there is one at most
	attrs  []attr
	groups [][]string // the kinds of blocks, group after group; within a group the order is the author's
}

const (
	complete  = "The instructions must be complete (21 CFR 211.186(b)(9))."
	header    = "A master record names product, strength and dosage form (21 CFR 211.186(b)(1))."
	component = "The list of components is complete, each with its quantity (21 CFR 211.186(b)(3) and (4))."
	which     = "Somebody has to know which."
	short     = 200
	long      = 4000
)

// step gives the attributes of a kind of step: those that every step has, then its own.
func step(own ...attr) []attr {
	return append([]attr{{"title", Text, complete, short}, {"text", Lines, complete, long}}, own...)
}

var critical = attr{"critical", Truth, "", 0} // a second person verifies (21 CFR 211.101(d), 211.188(b)(11))

// The kinds of steps, in their order for hints; the kinds of boxes that hold others; and what may stand in the body of each level of ISA-88.
var (
	Steps = []string{
		"instruction", "entry", "choice", "calculation", "check", "weigh", "charge", "assign", "check_clean", "use", "clean", "wait", "sample", "label", "capture", "clearance", "attachment",
		"sign_off",
	}
	structures  = []string{"parallel", "selection", "repetition"}
	inRecipe    = slices.Concat([]string{"unit_procedure"}, structures)
	inUnit      = slices.Concat([]string{"operation"}, structures)
	inOperation = slices.Concat(Steps, []string{"phase"}, structures, []string{"insert"})
	inPhase     = slices.Concat(Steps, structures, []string{"insert"})
	anywhere    = slices.Concat([]string{"unit_procedure", "operation"}, inOperation)
	limits      = []attr{{"low", Text, "", short}, {"high", Text, "", short}}
)

// grammar has one shape per block; "" is the whole text.
var grammar = map[string]shape{
	"": {groups: [][]string{{"recipe"}, {"building_block"}}},
	"recipe": {
		label: "code",
		attrs: []attr{
			{"title", Text, "People find the record by its title.", short},
			{"product", Text, header, short},
			{"strength", Text, header, short},
			{"dosage_form", Text, header, short},
			{"unit_size", Quantity, "", short},
			{"batch_size", Quantity, "Each batch size has a master record of its own (21 CFR 211.186(a)).", short},
			{"smallest_batch", Quantity, "", short},
			{"largest_batch", Quantity, "", short},
			{"shelf_life", Quantity, "", short},
			{"language", Text, "A record is read and signed in one language.", short},
			{"description", Lines, "", long},
		},
		groups: [][]string{{"formula"}, {"packaging"}, {"equipment"}, {"parameter"}, {"yield"}, inRecipe},
	},
	"building_block": {
		label: "code",
		attrs: []attr{
			{"title", Text, "People find the building block by its title.", short},
			{"version", Text, "A recipe names the version of a building block that it was approved with.", short},
			{"language", Text, "A building block is inserted into recipes of its language.", short},
			{"description", Lines, "", long},
		},
		groups: [][]string{{"equipment"}, {"parameter"}, inOperation},
	},

	"formula": {groups: [][]string{{"material"}}},
	"material": {
		label: "code",
		attrs: []attr{
			{"title", Text, component, short}, {"quantity", Quantity, component, short}, {"per_unit", Quantity, "", short}, {"active", Truth, "", 0}, {"excess", Quantity, "", short},
			{"excess_reason", Text, "", short}, {"tolerance", Quantity, "", short}, {"scale", Text, "", short}, {"division", Quantity, "", short},
		},
		groups: [][]string{{"assay"}},
	},
	"assay":      {attrs: append([]attr{{"basis", Text, "An assay says on which basis it is stated, such as anhydrous substance.", short}}, limits...)},
	"packaging":  {label: "code", attrs: []attr{{"title", Text, component, short}, {"text", Lines, complete, long}, {"specimen", Lines, "", long}}},
	"equipment":  {label: "id", attrs: []attr{{"title", Text, complete, short}, {"class", Text, which, short}}, groups: [][]string{{"capability"}}},
	"capability": {label: "id", attrs: append([]attr{{"unit", Text, which, short}}, limits...)},
	"parameter": {
		label:  "id",
		attrs:  []attr{{"title", Text, complete, short}, {"mark", Text, "", short}, {"unit", Text, which, short}, {"decimals", Text, which, short}, {"target", Text, "", short}},
		groups: [][]string{{"design"}, {"alert"}, {"action"}},
	},
	"yield": {
		label: "id",
		attrs: []attr{
			{"title", Text, complete, short}, {"after", Text, "A yield is determined after a step.", short}, {"actual", Formula, "", long}, {"theoretical", Quantity, "", short},
		},
		groups: [][]string{{"alert"}, {"action"}},
	},

	"unit_procedure": {label: "id", attrs: []attr{{"title", Text, complete, short}}, groups: [][]string{inUnit}},
	"operation":      {label: "id", attrs: []attr{{"title", Text, complete, short}}, groups: [][]string{inOperation}},
	"phase":          {label: "id", attrs: []attr{{"title", Text, complete, short}}, groups: [][]string{inPhase}},
	"parallel":       {label: "id", attrs: []attr{{"title", Text, complete, short}}, groups: [][]string{{"branch"}}},
	"selection":      {label: "id", attrs: []attr{{"title", Text, complete, short}}, groups: [][]string{{"branch"}}},
	"branch":         {label: "id", attrs: []attr{{"title", Text, complete, short}, {"when", Formula, "", long}, {"otherwise", Truth, "", 0}}, groups: [][]string{anywhere}},
	"repetition":     {label: "id", attrs: []attr{{"title", Text, complete, short}, {"until", Formula, "", long}, {"most", Text, "", short}}, groups: [][]string{anywhere}},
	"insert":         {label: "id", attrs: []attr{{"title", Text, complete, short}, {"block", Text, which, short}, {"version", Text, "A building block is never changed silently: its version is named.", short}}},

	"instruction": {label: "id", attrs: step(critical)},
	"entry":       {label: "id", attrs: step(critical), groups: [][]string{{"value"}}},
	"choice":      {label: "id", attrs: step(attr{"options", List, "An operator chooses from them.", short}, attr{"expect", Text, "", short}, critical)},
	"calculation": {label: "id", attrs: step(critical), groups: [][]string{{"value"}}},
	"check":       {label: "id", attrs: step(critical), groups: [][]string{{"sampling"}, {"value"}}},
	"sampling":    {attrs: []attr{{"size", Quantity, "Somebody has to know how much to sample (21 CFR 211.186(b)(9)).", short}, {"every", Quantity, "", short}, {"plan", Text, "", short}}},
	"weigh": {
		label: "id",
		attrs: step(attr{"material", Text, which, short}, attr{"quantity", Quantity, "", short}, attr{"equipment", Text, which, short}, attr{"tolerance", Quantity, "", short}, critical),
	},
	"charge": {
		label: "id",
		attrs: step(attr{"material", Text, which, short}, attr{"quantity", Quantity, "", short}, attr{"equipment", Text, which, short}, critical),
	},
	"assign":      {label: "id", attrs: step(attr{"equipment", Text, which, short}, critical)},
	"check_clean": {label: "id", attrs: step(attr{"equipment", Text, which, short}, critical)},
	"use":         {label: "id", attrs: step(attr{"equipment", Text, which, short}, critical)},
	"clean":       {label: "id", attrs: step(attr{"equipment", Text, which, short}, attr{"method", Text, which, short}, critical)},
	"wait":        {label: "id", attrs: step(attr{"after", Text, "", short}, attr{"least", Quantity, "", short}, attr{"most", Quantity, "", short})},
	"sample":      {label: "id", attrs: step(attr{"size", Quantity, "Somebody has to know how much.", short}, attr{"tests", List, which, short}, critical)},
	"label":       {label: "id", attrs: step(attr{"specimen", Lines, "A copy of each label stands in the record (21 CFR 211.186(b)(8)).", long}, attr{"copies", Formula, "", long}, critical)},
	"capture": {
		label:  "id",
		attrs:  step(attr{"equipment", Text, which, short}, attr{"tag", Text, which, short}, attr{"from", Text, which, short}, attr{"to", Text, "", short}, critical),
		groups: [][]string{{"value"}},
	},
	"clearance":  {label: "id", attrs: step(attr{"items", List, which, short}, critical)},
	"attachment": {label: "id", attrs: step(attr{"content", Text, which, short}, critical)},
	"sign_off": {
		label: "id",
		attrs: step(attr{"role", Text, "Somebody has to know that it is theirs to sign.", short}, attr{"meaning", Text, "A signature says what it means (21 CFR 11.50(a)(3)).", short}),
	},

	"value": {
		label: "id",
		attrs: []attr{
			{"title", Text, complete, short}, {"kind", Text, "", short}, {"parameter", Text, "", short}, {"statistic", Text, "", short}, {"formula", Formula, "", long}, {"unit", Text, "", short},
			{"decimals", Text, "", short}, {"compare", Text, "", short}, {"options", List, "", short}, {"expect", Text, "", short},
		},
		groups: [][]string{{"alert"}, {"action"}},
	},
	"design": {attrs: limits},
	"alert":  {attrs: limits},
	"action": {attrs: limits},
}

// The most that a recipe may hold; the guards against texts made to harm, and a bound on what a person can check.
const (
	MaxBytes  = 1 << 20
	MaxTokens = 400_000 // words and single signs
	MaxDepth  = 64
	maxFaults = 200
)

// Kinds gives the names of everything that a block of a kind may hold: attributes, then blocks.
func Kinds(block string) (attrs, blocks []string) {
	s := grammar[block]
	for _, a := range s.attrs {
		attrs = append(attrs, a.name)
	}
	return attrs, slices.Concat(s.groups...)
}

// KindOf says what an attribute of a block holds; Text for what is not known.
func KindOf(block, attr string) Kind {
	s := grammar[block]
	if i := s.attr(attr); i >= 0 {
		return s.attrs[i].kind
	}
	return Text
}

// Lane names the order in which a kind of block stands within another: blocks of one lane keep the author's order, those of different lanes do not.
func Lane(block, kind string) string {
	s := grammar[block]
	if at := s.group(kind); at >= 0 {
		return s.groups[at][0]
	}
	return kind
}
