package web_test

import (
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/recipes/library"
)

// kind says what a sentence is: setting prepares, act does, outcome speaks of the act before, fact can be looked up at any time.
type kind int

const (
	setting kind = iota
	act
	outcome
	fact
)

type sentence struct {
	pattern *regexp.Regexp
	kind    kind
	run     func(s *script, a []string)
}

func on(kind kind, pattern string, run func(s *script, a []string)) sentence {
	pattern = strings.ReplaceAll(pattern, "SHE", "(?:she|he|they)")
	pattern = strings.ReplaceAll(pattern, "TEXT", `("[^"]*")`)
	return sentence{regexp.MustCompile("^" + pattern + "$"), kind, run}
}

// sentences is everything that a script can say.
var sentences = slices.Concat(settings, workings, signings, outcomes, attacks, accountActs, demonstrations, configurings, networkings, screenings, safekeeping, loggings, judgements, programs)

// settings prepare a plant; they take the same way over the screens.
var settings = []sentence{
	on(setting, `as (\w+)`, func(s *script, a []string) { s.as(a[0]) }),
	on(setting, `somebody who is not logged in`, func(s *script, _ []string) { s.now, s.who = newVisitor(s.t, s.server), "" }),
	on(setting, `the recipe ([\w-]+) is (a draft|in review|approved|effective)`, func(s *script, a []string) { s.prepareRecipe(a[0], a[1]) }),
	on(setting, `the recipe is superseded by a new version`, func(s *script, _ []string) { s.supersede() }),
	on(setting, `a batch is (ordered|issued|running)`, func(s *script, a []string) { s.prepareBatch(a[0]) }),
	on(setting, `steps (\d+) to (\d+) are done`, func(s *script, a []string) { s.doSteps(a[0], a[1]) }),
}

// workings are the acts of people at the screens.
var workings = []sentence{
	on(act, `SHE opens the (overview|hold|trail|recipe|home page|list of recipes|import page|printed record)`, func(s *script, a []string) { s.now.open(s.pageAddress(a[0])) }),
	on(act, `SHE opens step (\S+)`, func(s *script, a []string) { s.now.open(s.batch + "/steps/" + a[0]) }),
	on(act, `SHE opens TEXT`, func(s *script, a []string) { s.now.open(a[0]) }),
	on(act, `SHE follows step (\S+) (\w+)`, func(s *script, a []string) {
		s.now.open(timelineOf(strings.TrimPrefix(s.batch, "/batches/"), a[0], a[1]))
	}),
	on(act, `SHE takes the (table|proofs) of (.+)`, func(s *script, a []string) {
		s.now.open("/trail/entries." + map[string]string{"table": "csv", "proofs": "jsonl"}[a[0]] + "?" + searchOf(a[1]).Encode())
	}),
	on(fact, `the file says TEXT`, func(s *script, a []string) { require.Contains(s.t, s.now.at.raw, a[0]) }),
	on(act, `SHE draws a sample of (.+)`, func(s *script, a []string) { s.now.open("/trail/sample?" + searchOf(a[0]).Encode()) }),
	on(act, `SHE searches the trail for (.+)`, func(s *script, a []string) { s.now.open("/trail?" + searchOf(a[0]).Encode()) }),
	on(act, `SHE orders a batch as TEXT`, func(s *script, a []string) { s.orderBatch(a[0]) }),
	on(act, `SHE orders a batch from the superseded version as TEXT`, func(s *script, a []string) {
		s.recipe = s.superseded
		s.orderBatch(a[0])
	}),
	on(act, `SHE starts the batch`, func(s *script, _ []string) { s.now.open(s.batch); s.now.send("start", nil) }),
	on(act, `SHE records step (\S+) (\w+) (\S+|"[^"]*")`, func(s *script, a []string) { s.record(a[0], a[1], map[string]string{"value": a[2]}) }),
	on(act, `SHE records step (\S+) (\w+) (\S+|"[^"]*") again because TEXT`, func(s *script, a []string) {
		s.now.open(s.batch + "/steps/" + a[0])
		s.now.send("repeat-"+a[1], map[string]string{"value": a[2], "reason": a[3]})
	}),
	on(act, `SHE records step (\S+) (\w+) (\S+|"[^"]*") done at TEXT`, func(s *script, a []string) {
		s.record(a[0], a[1], map[string]string{"value": a[2], "performed_at": a[3]})
	}),
	on(act, `SHE records step (\S+) (\w+) (\S+|"[^"]*") done at TEXT because TEXT`, func(s *script, a []string) {
		s.record(a[0], a[1], map[string]string{"value": a[2], "performed_at": a[3], "late_reason": a[4]})
	}),
	on(act, `SHE corrects step (\S+) (\w+) to (\S+|"[^"]*") because TEXT`, func(s *script, a []string) {
		s.now.open(s.batch + "/steps/" + a[0])
		s.now.send("correct-"+a[1], map[string]string{"value": a[2], "reason": a[3]})
	}),
	on(act, `SHE corrects step (\S+) (\w+) to (\S+|"[^"]*") without a reason`, func(s *script, a []string) {
		s.now.open(s.batch + "/steps/" + a[0])
		s.now.send("correct-"+a[1], map[string]string{"value": a[2]})
	}),
	on(act, `SHE explains the alert of step (\S+) with TEXT`, func(s *script, a []string) {
		s.now.open(s.batch + "/steps/" + a[0])
		s.now.send("explain", map[string]string{"text": a[1]})
	}),
	on(act, `SHE comments step (\S+) with TEXT`, func(s *script, a []string) {
		s.now.open(s.batch + "/steps/" + a[0])
		s.now.send("comment", map[string]string{"text": a[1]})
	}),
	on(act, `SHE performs step (\S+)`, func(s *script, a []string) {
		s.now.open(s.batch + "/steps/" + a[0])
		s.now.send("perform", nil)
	}),
	on(act, `SHE holds the batch because TEXT`, func(s *script, a []string) {
		s.now.open(s.batch)
		s.now.send("hold", map[string]string{"reason": a[0]})
	}),
	on(act, `SHE resumes the batch because TEXT`, func(s *script, a []string) {
		s.now.open(s.batch + "/hold")
		s.now.send("resume", map[string]string{"reason": a[0]})
	}),
	on(act, `SHE imports the recipe ([\w-]+)`, func(s *script, a []string) { s.importText(string(library.Text(a[0] + ".recipe"))) }),
	on(act, `SHE imports the recipe ([\w-]+) with TEXT instead of TEXT`, func(s *script, a []string) {
		text := string(library.Text(a[0] + ".recipe"))
		require.Contains(s.t, text, a[2])
		s.importText(strings.Replace(text, a[2], a[1], 1))
	}),
	on(act, `SHE imports the recipe that uses the whole language`, func(s *script, _ []string) {
		text, err := os.ReadFile("../recipes/testdata/whole.recipe")
		require.NoError(s.t, err)
		s.importText(string(text))
	}),
	on(act, `SHE imports the recipe that uses the whole language with TEXT instead of TEXT`, func(s *script, a []string) {
		text, err := os.ReadFile("../recipes/testdata/whole.recipe")
		require.NoError(s.t, err)
		require.Contains(s.t, string(text), a[1])
		s.importText(strings.Replace(string(text), a[1], a[0], 1))
	}),
	on(act, `SHE opens the report on master data`, func(s *script, _ []string) { s.now.open("/master-data") }),
	on(act, `SHE opens the library of building blocks`, func(s *script, _ []string) { s.now.open("/blocks") }),
	on(act, `SHE comments on step (\S+) of the recipe TEXT`, func(s *script, a []string) {
		s.now.open(s.recipe)
		s.now.send("comment", map[string]string{"element": a[0], "words": a[1]})
	}),
	on(act, `SHE resolves the comment TEXT`, func(s *script, a []string) {
		s.now.open(s.recipe)
		for id := range s.now.at.forms {
			if strings.HasPrefix(id, "resolve-") {
				s.now.send(id, map[string]string{"resolution": a[0]})
				return
			}
		}
		require.Fail(s.t, "no comment can be resolved here", s.pageText())
	}),
	on(act, `SHE looks at the chart`, func(s *script, _ []string) { s.now.open(s.recipe + "/chart") }),
	on(act, `SHE looks at what changed`, func(s *script, _ []string) { s.now.open(s.recipe + "/compare") }),
	on(act, `SHE imports the text TEXT`, func(s *script, a []string) { s.importText(a[0]) }),
	on(act, `SHE locks the station`, func(s *script, _ []string) { s.now.send("lock-station", nil) }),
	on(act, `SHE unlocks the station`, func(s *script, _ []string) {
		s.now.send("unlock", map[string]string{"password": s.people[s.who].Password})
	}),
	on(act, `SHE unlocks the station with the password TEXT`, func(s *script, a []string) { s.now.send("unlock", map[string]string{"password": a[0]}) }),
	on(act, `SHE logs out`, func(s *script, _ []string) { s.now.send("log-out", nil) }),
	on(act, `SHE logs in as TEXT with the password TEXT`, func(s *script, a []string) { s.logIn(a[0], s.typed(a[1])) }),
	on(act, `SHE logs in as (\w+)`, func(s *script, a []string) { s.logIn(s.people[a[0]].UserName, s.people[a[0]].Password) }),
	on(act, `SHE sends the form (\S+) as it stands with (\S+) because TEXT`, func(s *script, a []string) {
		s.now.send(a[0], map[string]string{"value": a[1], "reason": a[2]})
	}),
	on(act, `SHE sends the form (\S+) as it stands with (\S+), late because TEXT`, func(s *script, a []string) {
		s.now.send(a[0], map[string]string{"value": a[1], "late_reason": a[2]})
	}),
	on(act, `SHE sends the form (\S+) as it stands`, func(s *script, a []string) { s.now.send(a[0], nil) }),
	on(act, `SHE sends the same form again`, func(s *script, _ []string) { s.now.post(s.now.last.path, s.now.last.fields) }),
	on(act, `SHE sends the same request key with the value TEXT`, func(s *script, a []string) {
		s.now.last.fields.Set("value", a[0])
		s.now.post(s.now.last.path, s.now.last.fields)
	}),
	on(act, `SHE sends (\w+) to step (\S+) past the screens`, func(s *script, a []string) { s.past("/steps/"+a[1]+"/"+a[0], nil) }),
	on(act, `SHE sends ([\w/]+) to the batch past the screens`, func(s *script, a []string) { s.past("/"+a[0], map[string]string{"reason": ""}) }),
	on(act, `SHE sends the reading (\S+|"[^"]*") of step (\S+) (\w+) past the screens`, func(s *script, a []string) {
		s.past("/steps/"+a[1]+"/values/"+a[2]+"/record", map[string]string{"value": a[0]})
	}),
	on(act, `SHE sends the reading (\S+) of step (\S+) (\w+) with the extra field (\w+)`, func(s *script, a []string) {
		s.past("/steps/"+a[1]+"/values/"+a[2]+"/record", map[string]string{"value": a[0], a[3]: "x"})
	}),
}

// outcomes say what came of the act before, or what can be looked up.
var outcomes = []sentence{
	on(outcome, `it is refused: TEXT`, func(s *script, a []string) {
		if s.outcome != nil {
			require.Contains(s.t, s.outcome.Error(), a[0])
			s.outcome = nil
			return
		}
		require.GreaterOrEqual(s.t, s.now.at.status, 400, s.pageText())
		require.Contains(s.t, s.pageText(), a[0])
	}),
	on(outcome, `the field (\S+) says TEXT`, func(s *script, a []string) {
		require.GreaterOrEqual(s.t, s.now.at.status, 400, s.pageText())
		require.Contains(s.t, s.now.at.wrong[a[0]], a[1], "what is wrong: %v", s.now.at.wrong)
	}),
	on(fact, `nothing was saved`, func(s *script, _ []string) { require.Equal(s.t, s.entries, s.countEntries(), "entries of the trail") }),
	on(fact, `exactly one entry was added`, func(s *script, _ []string) { require.Equal(s.t, s.entries+1, s.countEntries(), "entries of the trail") }),
	on(fact, `what was typed is kept: (\S+) of (\S+) is TEXT`, func(s *script, a []string) {
		require.NotNil(s.t, s.now.at.forms[a[1]], "forms: %v", keys(s.now.at.forms))
		require.Equal(s.t, a[2], s.now.at.forms[a[1]].fields.Get(a[0]))
	}),
	on(fact, `the page says TEXT`, func(s *script, a []string) { require.Contains(s.t, s.pageText(), a[0]) }),
	on(fact, `the page does not say TEXT`, func(s *script, a []string) { require.NotContains(s.t, s.pageText(), a[0]) }),
	on(fact, `the page strikes TEXT through`, func(s *script, a []string) { require.Contains(s.t, strings.Join(s.now.at.struck, "|"), a[0]) }),
	on(fact, `the page offers (\S+)`, func(s *script, a []string) { require.Contains(s.t, keys(s.now.at.forms), a[0]) }),
	on(fact, `the page does not offer (\S+)`, func(s *script, a []string) { require.NotContains(s.t, keys(s.now.at.forms), a[0]) }),
	on(fact, `the page shows the signature "([^"]*)" of (\w+) with date and time`, func(s *script, a []string) {
		who := s.people[a[1]]
		pattern := regexp.QuoteMeta(a[0]) + ` *: ` + regexp.QuoteMeta(who.FullName) + ` \(` + regexp.QuoteMeta(who.UserName) + `\), \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+01:00`
		require.Regexp(s.t, pattern, s.pageText())
	}),
	on(fact, `the overview and the recipe show the same digest of the text`, func(s *script, _ []string) {
		overview := sha256Form.FindString(s.now.open(s.batch).text)
		require.NotEmpty(s.t, overview)
		require.Equal(s.t, overview, sha256Form.FindString(s.now.open(s.recipe).text))
	}),
	on(fact, `the batch is (\w+)`, func(s *script, a []string) {
		s.as(s.anybody())
		s.now.open(s.batch)
		require.Equal(s.t, a[0], s.now.at.state)
	}),
	on(fact, `the trail has ([\w.]+) by (\w+)`, func(s *script, a []string) { s.has(false, a[0], a[1], "") }),
	on(fact, `the trail has ([\w.]+) by (\w+) with TEXT`, func(s *script, a []string) { s.has(false, a[0], a[1], a[2]) }),
	on(fact, `the trail has a refused ([\w.]+) by (\w+) with TEXT`, func(s *script, a []string) { s.has(true, a[0], a[1], a[2]) }),
	on(fact, `the entry names (\w+) as logged in`, func(s *script, a []string) {
		require.Equal(s.t, s.people[a[0]].ID, s.found.By.SessionPerson)
	}),
	on(fact, `the entry stands at the time of the server, with station and request key`, func(s *script, _ []string) {
		require.NotEmpty(s.t, s.found.Station)
		require.NotEmpty(s.t, s.found.Key)
		require.WithinDuration(s.t, s.clock(), s.found.Time, 60e9)
	}),
	on(fact, `the entry shows (\w+) before "([^"]*)" and after TEXT`, func(s *script, a []string) { s.entryShows(a[0], a[1], a[2]) }),
	on(fact, `the answer is a PDF`, func(s *script, _ []string) {
		require.Equal(s.t, "application/pdf", s.now.at.header.Get("Content-Type"))
		require.True(s.t, strings.HasPrefix(s.now.at.raw, "%PDF-1.") && len(s.now.at.raw) > 10_000)
	}),
	on(fact, `the trail and all records verify`, func(s *script, _ []string) { require.Empty(s.t, s.verify()) }),
}

var sha256Form = regexp.MustCompile(`\b[0-9a-f]{64}\b`)

// pageAddress gives the address of a page by its name.
func (s *script) pageAddress(name string) string {
	return map[string]string{
		"overview": s.batch, "hold": s.batch + "/hold", "trail": "/trail", "recipe": s.recipe, "home page": "/", "list of recipes": "/recipes", "import page": "/recipes/import", "printed record": s.batch + "/report.pdf",
	}[name]
}

// searchOf reads "batch B-2026-000001 act step.record" as a search.
func searchOf(text string) url.Values {
	q := url.Values{}
	parts := strings.Fields(text)
	for i := 0; i+1 < len(parts); i += 2 {
		q.Set(parts[i], parts[i+1])
	}
	return q
}

func (s *script) record(step, value string, fill map[string]string) {
	s.t.Helper()
	s.now.open(s.batch + "/steps/" + step)
	form := s.now.at.forms["record"]
	require.NotNil(s.t, form, "step %s does not ask for a value now: %s", step, s.pageText())
	require.Contains(s.t, form.action, "/values/"+value+"/record", "the step asks for another value now")
	s.now.send("record", fill)
}

// past posts to the batch what no page offers.
func (s *script) past(path string, fields map[string]string) {
	s.t.Helper()
	form := url.Values{"key": {audit.NewID()}}
	for name, value := range fields {
		if value != "" {
			form.Set(name, value)
		}
	}
	s.now.post(s.batch+path, form)
}

func (s *script) orderBatch(order string) {
	s.t.Helper()
	s.now.open("/")
	version := strings.TrimPrefix(s.recipe, "/recipes/")
	s.now.send("order", map[string]string{"order_number": order, "recipe_version": version})
	if strings.HasPrefix(s.now.at.path, "/batches/") {
		s.batch = s.now.at.path
	}
}

func (s *script) importText(text string) {
	s.t.Helper()
	s.now.open("/recipes/import")
	s.now.upload("import", map[string]string{"text": text})
	if s.now.at.status < 400 {
		s.recipe = s.now.at.path
	}
}

func (s *script) logIn(user, password string) {
	s.t.Helper()
	s.now.open("/login")
	fill := map[string]string{"user_name": user, "password": password}
	if s.now.at.forms["login"].known["station"] {
		fill["station"] = "Station " + strconv.Itoa(s.line)
	}
	s.now.send("login", fill)
}

// anybody gives the person whose turn it is, or one who may read batches.
func (s *script) anybody() string {
	if s.who == "" {
		return "Olga"
	}
	return s.who
}
