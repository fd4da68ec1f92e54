package web

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"veribatch/signatures/configuration"
	"veribatch/signatures/configuration/versions"
)

// said is what the description says about a field: meaning, form and limits, and an example.
type said struct{ doc, example string }

// fieldWords describe the fields of bodies and what stands in addresses, by name, or by act and name where an act means something of its own. A tag
// doc at the field itself comes first.
var fieldWords = map[string]said{
	// what stands in addresses
	"batch":         {"id of the batch, a UUID", "01938f0e-5a52-7b6c-8d3e-4f5a6b7c8d9e"},
	"step":          {"id of the step in the recipe", "040"},
	"value":         {"id of the value in the recipe", "net"},
	"block":         {"id of the version of a building block, from the library", "5d0e9a41-6c0c-5f2f-8d10-0b6f2c1e5d1a"},
	"version":       {"id of the version of a recipe, from the list of recipes", "dc77e951-1ba6-5e16-a84a-006dfdbc28b1-1"},
	"configuration": {"id of the configuration, from the list of configurations", "01938f0e-5a52-7b6c-8d3e-4f5a6b7c8d9e"},
	"area":          {"code of the area", "solids-2"},
	"export":        {"id of the export, from the list of the batch's exports", "01938f0e-5a52-7b6c-8d3e-4f5a6b7c8d9e"},
	"incident":      {"id of the incident", "01938f0e-5a52-7b6c-8d3e-4f5a6b7c8d9e"},
	"account":       {"id of the account of a machine", "01938f0e-5a52-7b6c-8d3e-4f5a6b7c8d9e"},
	"token":         {"id of the token, no secret", "01938f0e-5a52-7b6c-8d3e-4f5a6b7c8d9e"},
	"person":        {"id of the person", "01938f0e-5a52-7b6c-8d3e-4f5a6b7c8d9e"},
	"review":        {"id of the review, from the list of the batch's reviews", "01938f0e-5a52-7b6c-8d3e-4f5a6b7c8d9e"},

	// what people write
	"reason":     {"why; it stands in the audit trail beside the change. Up to 4,000 characters", "As agreed in the meeting of this morning."},
	"comment":    {"words about the batch, the step or the value. At least reason_characters of the configuration, up to 4,000", "Granules slightly lumpy, sieved once more."},
	"remarks":    {"what the review found; when it found nothing to question, write that. 1 to 4,000 characters", "Nothing to question."},
	"root_cause": {"what caused the incident. 1 to 4,000 characters", "The disk of the backup place was full."},
	"action":     {"what was done, and what keeps it from happening again. 1 to 4,000 characters", "Space enlarged; an alarm at 80 % is set."},

	"list":    {"all, or critical for the critical entries alone", "all"},
	"to":      {"place of the last entry of the page that was read, as it stands at the entry", "batch/01938f0e-5a52-7b6c-8d3e-4f5a6b7c8d9e 45"},
	"entries": {"how many entries of the list the page showed, 1 to 500; when others stand there by now the answer is 422", "45"},

	// readings
	"reading":      {"as typed, scanned or chosen, always as text: a decimal with the separator . in the unit of the value and with at most its decimals, yes or no, one of the options, a date with time, or the text itself. Up to 4,000 characters", "13.85"},
	"performed_at": {"when it was done, when that is earlier than now: RFC 3339, or 2026-11-20 14:05 in the zone of the plant. Left out: now", "2026-11-20T14:05:00+01:00"},
	"late_reason":  {"why it is entered only now; needed when performed_at is longer ago than late_minutes of the configuration. Up to 4,000 characters", "Server was not reachable from the weighing room."},
	"seen":         {"how many readings you knew of: seen of the value or step as you read it. When there are more by now the answer is 409", "0"},

	"trail.read_page from":       {"place of the first entry of the page that was read, as it stands at the entry", "batch/01938f0e-5a52-7b6c-8d3e-4f5a6b7c8d9e 1"},
	"step.perform seen":          {"how many readings of the step you knew of: seen of the step as you read it; not asked where the act is signed", "3"},
	"step.correct reason":        {"why the reading is replaced. Up to 4,000 characters", "Read off the wrong line of the display."},
	"step.record reason":         {"why the value is measured again; needed when it has a reading. Up to 4,000 characters", "Second weighing after the balance was levelled."},
	"changed_because":            {"why the judgement that stands does not hold. 1 to 4,000 characters", "Step 030 was timed by the clock that jumped."},
	"incident.reassess seen":     {"version of the link between incident and batch as you read it. When it is another one by now the answer is 409", "2"},
	"incident.assess seen":       {"version of the link between incident and batch as you read it. When it is another one by now the answer is 409", "1"},
	"configuration.propose seen": {"seen of the configurations as you read them: the number of the one that the proposal is made on. 0 for the defaults", "0"},

	// orders and recipes
	"order_number":       {"number of the order at the customer or the planning, used once. 1 to 60 characters", "PO-4711"},
	"recipe_version":     {"id of an effective version of a recipe, from the list of recipes", "dc77e951-1ba6-5e16-a84a-006dfdbc28b1-1"},
	"recipe.import text": {"the text of a recipe with its building blocks, in the language of recipes. Up to 1 MB", "…"},
	"recipe.import area": {"code of the area of a new recipe; left out where only one can be meant", "solids-2"},

	"element":                {"name of the step or structure in the text of the recipe; left out for the version as a whole", "040"},
	"words":                  {"what should be changed or explained. 1 to 4,000 characters", "Why 45 minutes? Development showed 60."},
	"recipe.resolve comment": {"id of the comment, from the version", "01938f0e-5a52-7b6c-8d3e-4f5a6b7c8d9e"},
	"resolution":             {"how the comment is settled. 1 to 4,000 characters", "45 minutes were shown in PPQ-7; the step says so now."},

	// people
	"user_name":                   {"of the account: 3 to 40 letters, digits and single . - _ of one script, the name of one person; capitals do not count", "anna.keller"},
	"full_name":                   {"name as printed beside signatures. 2 to 120 characters", "Anna Keller"},
	"password":                    {"of the person; it is read, proved and forgotten, and stands in no log", "three green windows"},
	"new_password":                {"at least password_characters of the configuration, no name of the person, no password that everybody tries first", "four yellow doors"},
	"role":                        {"operator, supervisor, process_engineer, qa, qualified_person, administrator or auditor, as docs/matrix.csv shows them", "operator"},
	"person.create role":          {"the first role, for the whole plant; left out for none", "operator"},
	"person.roles area":           {"code of the area in which the role counts; left out or * for the whole plant", "solids-2"},
	"document":                    {"the document that was seen: identity card, passport, driving licence, residence permit, or works badge with photograph", "passport"},
	"checked_on":                  {"day of the check, not before today's and at the latest a month later recorded", "2026-11-22"},
	"note":                        {"further words. Up to 400 characters", "Met at the gate of building 4."},
	"access.review note":          {"what has to change, and why; needed when change names somebody. Up to 4,000 characters", "Leaves the packaging team."},
	"change":                      {"keys of the rights to be taken away, from rights of the access reviews, separated by blanks; a user name stands for all its rights; all others stay", "olga.berg/operator/*"},
	"number":                      {"version of the accountability statement that the person was shown", "1"},
	"accountability.publish text": {"the whole statement that everybody signs. 40 to 6,000 characters", "I answer for what I do under my electronic signature as for one by hand, and keep my password to myself."},
	"station":                     {"name of a new station, as on its label; only where station_key is not known yet. Up to 60 characters", "Weighing 1"},

	// the plant
	"code":        {"what stands in recipes, batches and roles, for ever: 1 to 40 of a-z, 0-9, - and _, the first one a letter or digit", "solids-2"},
	"title":       {"what people read. 1 to 60 characters", "Solids 2"},
	"disposition": {"no effect, or see deviation", "no effect"},
	"from":        {"day at whose beginning in UTC it becomes effective; left out: with the approval", "2026-12-01"},
	"days":        {"the token expires after so many days, at most token_days of the configuration", "90"},
	"purpose":     {"what the token is for. 3 to 200 characters", "Balance of weighing room 1"},

	// machines
	"token.create account":   {"id of the account of a machine that is there; left out for a new one", ""},
	"token.create user_name": {"of a new account, as for people; nobody logs in with it", "scale.w1"},
	"token.create full_name": {"of a new account, as the audit trail prints it. 2 to 120 characters", "Scale of weighing room 1"},
	"token.create area":      {"code of the area in which it may do that; left out or * for the whole plant", "*"},
	"acts":                   {"what the token may do, of the acts of the role machine", "batch.read,step.record"},
	"successor":              {"id of the person who answers from now on for the machines of the one who leaves; left out when there are none", ""},
	"person.create token":    {"the one-time token that the server printed at its first start", "…"},
}

// docOf says what a field means. act is "" for what stands in an address or behind it.
func docOf(act string, f reflect.StructField) said {
	name := nameOf(f)
	for _, kind := range []string{"path", "query"} {
		if name == "" {
			name = f.Tag.Get(kind)
		}
	}
	words, own := fieldWords[act+" "+name]
	if !own {
		words = fieldWords[name]
	}
	if doc := f.Tag.Get("doc"); doc != "" {
		words.doc = doc
	}
	if example := f.Tag.Get("example"); example != "" {
		words.example = example
	}
	return words
}

// settingOf says what a setting means, from the table of settings.
func settingOf(name string) (words said, found bool) {
	for _, l := range configuration.Table() {
		if l.Name == name {
			at := l.Text(configuration.Defaults())
			return said{fmt.Sprintf("%s: %s Allowed: %s; %s by default; left out: as it is", l.Label, l.Meaning, l.Limits(), at), at}, true
		}
	}
	return said{}, false
}

// withWords gives the fields of a body their descriptions, for the schema and the page alike.
func withWords(command reflect.Type, act string, fields []reflect.StructField) []reflect.StructField {
	for i, f := range fields {
		words := docOf(act, f)
		if command == reflect.TypeFor[versions.Propose]() {
			if setting, is := settingOf(nameOf(f)); is {
				words = setting
			}
		}
		tag := fmt.Sprintf("json:%s doc:%s", strconv.Quote(f.Tag.Get("json")), strconv.Quote(words.doc))
		if words.example != "" {
			tag += " example:" + strconv.Quote(words.example)
		}
		fields[i].Tag = reflect.StructTag(tag)
	}
	return fields
}

// sampleOf writes a body with its examples, as a program would send it; what has no example is left out.
func sampleOf(body reflect.Type) string {
	var parts []string
	for f := range body.Fields() {
		example := f.Tag.Get("example")
		if example != "" && f.Type.Kind() == reflect.Slice {
			example = `["` + strings.ReplaceAll(example, ",", `","`) + `"]`
		} else if example != "" && f.Type.Kind() == reflect.String {
			example = strconv.Quote(example)
		}
		if example != "" && !strings.Contains(f.Tag.Get("json"), "signature") {
			parts = append(parts, strconv.Quote(nameOf(f))+":"+example)
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// curlOf writes a request as a line of a shell; $BASE is the address of the server with /api/v1.
func curlOf(r Route) string {
	line := "curl -sS \"$BASE" + strings.TrimPrefix(braced(r.Path), apiRoot) + "\""
	if !r.anyone {
		line += ` -H "Authorization: Bearer $TOKEN"`
	}
	if r.api.body != nil {
		line += ` -H "Content-Type: application/json"`
		if r.api.twin != nil {
			line += ` -H "` + keyHeader + `: $KEY"`
		}
		line += " -d '" + sampleOf(r.api.body) + "'"
	} else if r.api.answer == nil {
		line += " -o record.pdf"
	}
	return line
}
