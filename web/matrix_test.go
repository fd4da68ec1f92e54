package web_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/recipes/library"
	"veribatch/signatures/access"
	"veribatch/signatures/signtest"
	"veribatch/web"
)

// The permission matrix (21 CFR 11.10(d), (g)): docs/matrix.csv says for every address of the site and of the API what each role may do, and
// this test really sends every request as every role and in every condition. A right that somebody gains or loses is said in words;
// go test ./web -run Matrix -update rewrites the file, and QA reviews the change.
var updateMatrix = flag.Bool("update", false, "rewrite docs/matrix.csv from what the program does")

const matrixFile = "../docs/matrix.csv"

// The words of a cell, for a role: by what the role opens when it is held for the whole plant, for the area of the record, for another area.
var cellWords = map[[3]bool]string{{true, true, true}: "yes", {true, true, false}: "area", {true, false, false}: "plant", {false, false, false}: "no"}

var matrixConditions = []string{"anonymous", "locked", "expired", "disabled", "server", "machine", "machine elsewhere", "machine waiting", "machine revoked"}

// bySecret are the addresses that open to whoever holds their one-time secret, whoever that is, and to nobody else.
var bySecret = []string{"/first", "/enrol", "/api/v1/first"}

func matrixHead() []string {
	head := []string{"method", "path", "act", "signed"}
	for _, r := range access.Roles() {
		head = append(head, r.Title())
	}
	return append(append(head, "no role"), matrixConditions...)
}

// address is one line of the matrix.
type address struct {
	web.Route
	api, signed bool
}

// TestPermissionMatrix walks every cell with VERIBATCH_LONG (make evidence). Otherwise it asks that every address has its line, and walks each fourth one
// without the roles held for the whole plant, which differ from those for the area of the record in the areas alone (signatures/access tests that for every act).
func TestPermissionMatrix(t *testing.T) {
	areas := []string{own, other}
	long := os.Getenv("VERIBATCH_LONG") != "" || *updateMatrix
	if long {
		areas = append(areas, access.WholeSite)
	}
	m := newMatrixPlant(newScript(t), areas)
	file := readMatrix(t)
	found := [][]string{matrixHead()}
	refused := map[string]int64{}
	for n, a := range m.addresses() {
		line := []string{a.Method, a.Path, a.Act, map[bool]string{true: "signed"}[a.signed]}
		want, known := file[a.Method+" "+a.Path]
		if !*updateMatrix && (!known || want[2] != a.Act || want[3] != line[3]) {
			t.Errorf("%s %s (%s %s) stands otherwise or not in the matrix: go test ./web -run Matrix -update, and have QA review the change", a.Method, a.Path, a.Act, line[3])
			want = nil
		}
		if !long && n%4 != 0 {
			found = append(found, line)
			continue
		}
		secret := slices.Contains(bySecret, a.Path)
		for i, role := range append(access.Roles(), "") {
			if secret {
				line = append(line, m.withoutSecret(a, m.people[seat{role, own}]))
				continue
			}
			got := m.cell(a, role, areas, refused)
			line = append(line, got)
			m.compare(a, want, i, role, got, long)
		}
		for i, name := range matrixConditions {
			who := m.without[name]
			got := m.outcome(a, who)
			switch {
			case secret && got != "lock": // the door: nobody asks for a session there
				got = m.withoutSecret(a, who)
			case a.Act == "session.open" && got == "log in": // the gate enters each refused log-in by itself
			case got == "no", (got == "log in" || got == "lock") && (a.api || a.Method != http.MethodGet || name == "disabled"):
				refused[who.Token]++
			}
			line = append(line, got)
			if at := 4 + len(access.Roles()) + 1 + i; !*updateMatrix && want != nil && want[at] != got {
				t.Errorf("%s %s: who is %s gets %q; the matrix says %q", a.Method, a.Path, name, got, want[at])
			}
		}
		found = append(found, line)
	}
	if *updateMatrix {
		m.writeMatrix(found)
	} else {
		require.Equal(t, len(found)-1, len(file), "an address was added or taken away: go test ./web -run Matrix -update, and have QA review the change")
	}
	m.everyRefusalIsEntered(refused)
}

// addresses lists the screens and the operations of the API.
func (m *matrixPlant) addresses() (list []address) {
	for i, routes := range [][]web.Route{web.Routes(), web.Operations()} {
		for _, r := range routes {
			list = append(list, address{Route: r, api: i == 1})
		}
	}
	for i := range list {
		list[i].signed = list[i].Method == http.MethodPost && m.signs(list[i])
	}
	return list
}

// withoutSecret asks for an address that wants its one-time secret without having it. Its page may be looked at.
func (m *matrixPlant) withoutSecret(a address, who signtest.Person) string {
	if got, _ := m.send(a, who, ""); a.Method == http.MethodPost && got == "yes" {
		m.t.Errorf("%s %s opens without its secret", a.Method, a.Path)
	}
	return "secret"
}

// signs finds out whether the act is signed: the whole plant's own supervisor is asked for a signature, or somebody else who may read.
func (m *matrixPlant) signs(a address) bool {
	for _, name := range []string{"Sven", "Quinn", "Ada"} {
		if got, _ := m.send(a, m.script.people[name], ""); got == "sign" {
			return true
		}
	}
	return false
}

// cell asks one address as a role in each of the areas, and gives the word for what came out.
func (m *matrixPlant) cell(a address, role access.Role, areas []string, refused map[string]int64) string {
	opened := [3]bool{}
	for i, area := range []string{access.WholeSite, own, other} {
		who, here := m.people[seat{role, area}]
		if !here {
			opened[i] = opened[i] || i == 0 // not walked: completed below
			continue
		}
		got := m.outcome(a, who)
		opened[i] = got == "yes"
		if got == "no" && a.Path != "/" { // which leads everybody to a page of their own
			refused[who.Token]++
		} else if got != "yes" && got != "no" {
			m.t.Errorf("%s %s as %s in %s: %s", a.Method, a.Path, role.Title(), area, got)
		}
	}
	if len(areas) == 2 && !opened[1] {
		opened[0] = false
		return "no or plant"
	}
	word, ok := cellWords[opened]
	if !ok {
		m.t.Errorf("%s %s as %s: whole plant, own area, other area are %v, which no rule gives", a.Method, a.Path, role.Title(), opened)
	}
	return word
}

// compare says in words how a cell differs from the file, and holds it against policy.csv.
func (m *matrixPlant) compare(a address, want []string, i int, role access.Role, got string, long bool) {
	g := func(held string) access.Grants {
		if role == "" {
			return nil
		}
		return access.Grants{{Role: role, Area: held}}
	}
	if may := g(own).May(a.Act, own); may != (got == "yes" || got == "area") {
		m.t.Errorf("%s %s as %s: the program says %q, policy.csv %v", a.Method, a.Path, role.Title(), got, may)
	}
	if may := g(access.WholeSite).May(a.Act, access.WholeSite); long && may != (got != "no") {
		m.t.Errorf("%s %s as %s for the whole plant: the program says %q, policy.csv %v", a.Method, a.Path, role.Title(), got, may)
	}
	if *updateMatrix || want == nil {
		return
	}
	if was := want[4+i]; was != got && !(got == "no or plant" && (was == "no" || was == "plant")) {
		gained := map[bool]string{true: "lost", false: "gained"}[was == "yes" || got == "no" || strings.HasPrefix(got, "no or")]
		m.t.Errorf("%s %s the right to %s (%s %s): the matrix says %q, the program %q", matrixHead()[4+i], gained, a.Act, a.Method, a.Path, was, got)
	}
}

// outcome is what somebody gets in the end: "yes", "no", "log in" or "lock". A signed act is signed by the same person.
func (m *matrixPlant) outcome(a address, who signtest.Person) string {
	got, digest := m.send(a, who, "")
	if got == "sign" {
		got, _ = m.send(a, who, digest)
	}
	return got
}

var digestOfStatement = regexp.MustCompile(`(?:name="statement" value="|"digest":")([0-9a-f]{64})"`)

// send sends one request and judges the answer. With a digest it carries the signature of who.
func (m *matrixPlant) send(a address, who signtest.Person, digest string) (outcome, statement string) {
	m.t.Helper()
	request, err := http.NewRequest(a.Method, m.server.URL+m.fill(a), m.body(a, who, digest))
	require.NoError(m.t, err)
	if a.api {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", audit.NewID())
		if who.Token != "" {
			request.Header.Set("Authorization", "Bearer "+who.Token)
		}
	} else {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if who.Token != "" {
			request.AddCookie(&http.Cookie{Name: "session", Value: who.Token})
		}
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(m.t, err)
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	require.NoError(m.t, err)
	if found := digestOfStatement.FindSubmatch(raw); found != nil && digest == "" && (answer.StatusCode == 200 || answer.StatusCode == 428) {
		return "sign", string(found[1])
	}
	return m.judge(a, answer, raw), ""
}

// judge gives the word for an answer. A record that is not there is refused: all records of the matrix exist.
func (m *matrixPlant) judge(a address, answer *http.Response, raw []byte) string {
	subject := strings.Contains(a.Path, ":batch") || strings.Contains(a.Path, ":version") || a.Act == "order.create" || a.Act == "recipe.import"
	switch code := answer.StatusCode; {
	case code == http.StatusServiceUnavailable && bytes.Contains(raw, []byte(errReached.Message)):
		return "yes"
	case code == http.StatusSeeOther && strings.HasPrefix(answer.Header.Get("Location"), "/login"), code == http.StatusUnauthorized:
		return "log in"
	case code == http.StatusLocked:
		return "lock"
	case a.Path == "/" && code == http.StatusSeeOther:
		return "no"
	case code == http.StatusForbidden, code == http.StatusNotFound && subject:
		return "no"
	case strings.HasPrefix(a.Act, "session.") && (code == http.StatusOK || code == http.StatusSeeOther): // it is so already, or leads on
		return "yes"
	case a.Method == http.MethodGet && (code == http.StatusOK || code == http.StatusNotFound):
		return "yes"
	default:
		return fmt.Sprintf("%d %.200s", code, strings.Join(strings.Fields(markup.ReplaceAllString(string(raw), " ")), " "))
	}
}

var markup = regexp.MustCompile(`(?s)<header.*</header>|<[^>]*>`)

// fill puts the records of the plant into an address.
func (m *matrixPlant) fill(a address) string {
	batch, version := m.batches[""], m.versions[""]
	if a.Method == http.MethodPost {
		if b, ok := m.batches[a.Act]; ok {
			batch = b
		}
		if v, ok := m.versions[a.Act]; ok {
			version = v
		}
	}
	if strings.Contains(a.Path, ":block") {
		version = m.whole
	}
	parts := strings.Split(a.Path, "/")
	for i, part := range parts {
		switch part {
		case ":batch":
			parts[i] = strings.TrimPrefix(batch, "/batches/")
		case ":version":
			parts[i] = strings.TrimPrefix(version, "/recipes/")
		case ":step":
			parts[i] = "040"
		case ":value":
			parts[i] = "net"
		case ":area":
			parts[i] = own
		case ":person":
			parts[i] = m.script.people["Omar"].ID
		case ":configuration":
			parts[i] = "configuration-1"
		case ":account":
			parts[i] = m.token.Account
		case ":token":
			parts[i] = m.token.ID
		case ":incident":
			parts[i] = m.incident
		case ":export":
			parts[i] = m.export
		case ":block":
			parts[i] = m.block
		case ":review":
			parts[i] = m.review
		default:
			if strings.HasPrefix(part, ":") {
				parts[i] = audit.NewID()
			}
		}
	}
	return strings.Join(parts, "/") + strings.ReplaceAll(asked[a.Path], ":batch", strings.TrimPrefix(batch, "/batches/"))
}

// asked is what must stand behind the ? of an address.
var asked = map[string]string{
	"/api/v1/log/inclusion":   "?stream=batch/:batch&seq=1",
	"/api/v1/log/newest":      "?stream=batch/:batch",
	"/api/v1/log/consistency": "?from=1",
	"/trail/value":            "?stream=batch/:batch&step=040&value=net",
	"/api/v1/trail/value":     "?stream=batch/:batch&step=040&value=net",
}

// body gives a well-formed body: what the session and account forms ask for, else nothing but the request key; what is missing is judged behind the right.
func (m *matrixPlant) body(a address, who signtest.Person, digest string) io.Reader {
	if a.Method == http.MethodGet {
		return nil
	}
	fields := map[string]string{}
	switch a.Act {
	case "session.open":
		if who.UserName == "" {
			who = m.Admin
		}
		fields = map[string]string{"user_name": who.UserName, "password": who.Password, "station": "Station " + audit.NewID()}
	case "session.unlock":
		fields = map[string]string{"password": who.Password}
	case "password.change":
		fields = map[string]string{"password": who.Password, "new_password": "seven green hats 21", "again": "seven green hats 21"}
	case "incident.close":
		fields = map[string]string{"root_cause": "disk full", "action": "more disk"}
	case "incident.reassess":
		fields = map[string]string{"disposition": "no effect", "reason": "nothing entered", "changed_because": "read again", "seen": "2"}
	case "trail.read_page":
		fields = map[string]string{"list": "all", "from": "batch/none 1", "to": "batch/none 1", "entries": "1"}
	case "trail.review":
		fields = map[string]string{"remarks": "nothing found"}
	case "configuration.propose":
		fields = map[string]string{"idle_minutes": "13", "reason": "stations stand open too long"}
	case "recipe.comment":
		fields = map[string]string{"words": "why 45 minutes?"}
	case "recipe.resolve":
		fields = map[string]string{"resolution": "shown in development"}
	case "batch.abort", "hold.assess", "configuration.withdraw", "log.continue", "recipe.send_back", "recipe.withdraw":
		fields = map[string]string{"reason": "filter torn"}
	case "person.confirm_identity":
		fields = map[string]string{"document": "passport", "checked_on": time.Now().UTC().Format(time.DateOnly)}
	case "accountability.sign":
		fields = map[string]string{"number": "1"}
	case "accountability.publish":
		fields = map[string]string{"text": "I answer for everything that is done under my user name.", "reason": "the firm's own words"}
	case "recipe.import":
		fields = map[string]string{"text": strings.Replace(string(library.Text("buffer-tour.recipe")), "BUF-PBS-10", "BUF-PBS-11", 1), "area": own}
	case "order.create":
		fields = map[string]string{"order_number": "PO-matrix", "recipe_version": strings.TrimPrefix(m.versions[""], "/recipes/")}
	}
	if a.api {
		delete(fields, "again")
		body := map[string]any{}
		for name, value := range fields {
			body[name] = value
			if n, err := strconv.Atoi(value); err == nil && (name == "number" || name == "seen" || name == "entries") {
				body[name] = n
			}
		}
		if digest != "" {
			body["signature"] = map[string]string{"user_name": who.UserName, "password": who.Password, "statement": digest}
		}
		raw, err := json.Marshal(body)
		require.NoError(m.t, err)
		return bytes.NewReader(raw)
	}
	if digest != "" {
		fields["user_name"], fields["password"], fields["statement"] = who.UserName, who.Password, digest
	}
	form := url.Values{"key": {audit.NewID()}}
	for name, value := range fields {
		form.Set(name, value)
	}
	return strings.NewReader(form.Encode())
}

const (
	refusalsOf = `select coalesce(sum(count), 0) from ebr.refusals r join ebr.sessions s on s.id = r.session where s.token_digest = sha256($1)`
	unentered  = `select count(*) from ebr.refusals r join ebr.sessions s on s.id = r.session
		where not exists (select from audit.entries e where e.refused and e.act = r.act and (e.person = s.person
			or exists (select from audit.subjects j where j.stream = e.stream and j.seq = e.seq and j.subject = 'person/' || s.person)))`
)

// everyRefusalIsEntered holds the counted refusals of each session against those that were sent, and each act of them against the trail.
func (m *matrixPlant) everyRefusalIsEntered(refused map[string]int64) {
	super := m.DB.Super(m.t)
	counts := func(name string, who signtest.Person) {
		var counted int64
		require.NoError(m.t, super.QueryRow(m.Ctx, refusalsOf, []byte(who.Token)).Scan(&counted))
		if counted != refused[who.Token] {
			m.t.Errorf("%s was refused %d times, and the program counted %d", name, refused[who.Token], counted)
		}
	}
	for s, who := range m.people {
		counts(s.role.Title()+" in "+s.area, who)
	}
	for name, who := range m.without {
		if name != "anonymous" && name != "server" { // of those the server's own session counts, also for others (TestWhoIsTurnedAwayIsEntered)
			counts(name, who)
		}
	}
	var missing int64
	require.NoError(m.t, super.QueryRow(m.Ctx, unentered).Scan(&missing))
	require.Zero(m.t, missing, "refused acts of a session without an entry in the trail")
}

func readMatrix(t *testing.T) map[string][]string {
	t.Helper()
	lines := map[string][]string{}
	if *updateMatrix {
		return lines
	}
	text, err := os.ReadFile(matrixFile)
	require.NoError(t, err)
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, matrixHead(), rows[0])
	for _, row := range rows[1:] {
		lines[row[0]+" "+row[1]] = row
	}
	return lines
}

func (m *matrixPlant) writeMatrix(rows [][]string) {
	var text bytes.Buffer
	require.NoError(m.t, csv.NewWriter(&text).WriteAll(rows))
	require.NoError(m.t, os.WriteFile(matrixFile, text.Bytes(), 0o644))
}
