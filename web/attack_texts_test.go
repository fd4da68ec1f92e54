package web_test

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"veribatch/audit"
	"veribatch/recipes/library"
	"veribatch/signatures/access"
	"veribatch/signatures/signtest"
	"veribatch/web"
)

// Hostile texts in every place that takes one. The places are read from the description of the API, which is made from the command structs: a new
// field is attacked without a line here.

// hostile is a plant whose every text is attacked.
type hostile struct {
	*matrixPlant
	operations map[string]described // by method and path, with :name for a parameter
	sent       int
	taken      map[string]string // marker by field, of what was stored
}

// described is one operation as the program describes itself.
type described struct {
	query, body []string // names of parameters, and of fields that take a text
}

func newHostile(t *testing.T) *hostile {
	t.Helper()
	s := newScript(t)
	h := &hostile{matrixPlant: &matrixPlant{script: s, batches: map[string]string{}, versions: map[string]string{}}, taken: map[string]string{}}
	h.prepareRecords()
	h.batches["batch.abort"], h.batches["batch.hold"] = h.batches["batch.issue"], h.batches["step.verify"] // the others go on
	answer := (&client{t: t, base: s.server.URL}).get("/openapi.json")
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters  []struct{ Name, In string }
			RequestBody struct {
				Content map[string]struct {
					Schema struct {
						Properties map[string]struct{ Type any }
					}
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(answer.raw), &doc))
	h.operations = map[string]described{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			var d described
			for _, p := range op.Parameters {
				if p.In == "query" {
					d.query = append(d.query, p.Name)
				}
			}
			for name, p := range op.RequestBody.Content["application/json"].Schema.Properties {
				if strings.Contains(fmt.Sprint(p.Type), "string") {
					d.body = append(d.body, name)
				}
			}
			slices.Sort(d.body)
			h.operations[strings.ToUpper(method)+" "+regexp.MustCompile(`\{(\w+)\}`).ReplaceAllString(path, ":$1")] = d
		}
	}
	require.Greater(t, len(h.operations), 50)
	return h
}

// fields gives what the act behind an address needs to be done, for the few acts that need more than a reason.
func (h *hostile) fields(act string) map[string]string {
	return map[string]map[string]string{
		"incident.assess":       {"disposition": "no effect", "reason": "seen", "seen": "1"},
		"incident.reassess":     {"disposition": "no effect", "reason": "seen", "changed_because": "seen again", "seen": "1"},
		"step.record":           {"value": "13.86", "reason": "seen again", "late_reason": ""},
		"step.correct":          {"value": "13.86", "reason": "misread", "seen": "1"},
		"step.comment":          {"comment": "seen"},
		"recipe.comment":        {"words": "why 45 minutes?"},
		"recipe.resolve":        {"resolution": "shown in development"},
		"order.create":          {"order_number": "PO-" + audit.NewID()[24:], "recipe_version": strings.TrimPrefix(h.recipe, "/recipes/")},
		"area.create":           {"code": "area-" + audit.NewID()[30:], "title": "Area " + audit.NewID()[24:], "reason": "new"},
		"area.rename":           {"title": "Area " + audit.NewID()[24:], "reason": "new"},
		"person.create":         {"user_name": "x" + audit.NewID()[28:], "full_name": "Xenia " + audit.NewID()[28:], "reason": "new"},
		"token.create":          {"user_name": "m" + audit.NewID()[28:], "full_name": "Balance " + audit.NewID()[28:], "purpose": "weights", "acts": "batch.read", "area": own, "days": "1"},
		"configuration.propose": {"idle_minutes": "13", "reason": "stations stand open"},
		"session.open":          {"user_name": "nobody", "password": "no", "station": "S"},
	}[act]
}

// somebody gives a person who may do the act; one who may not where nobody of the crew may.
func (h *hostile) somebody(act string) signtest.Person {
	for _, name := range []string{"Olga", "Sven", "Quinn", "Petra", "Elena", "Ada"} {
		role := crew[name]
		if name == "Ada" {
			role = access.Administrator
		}
		if access.Allowed([]access.Role{role}, act) {
			return h.crewMember(name)
		}
	}
	return h.crewMember("Ada")
}

func (h *hostile) crewMember(name string) signtest.Person { return h.script.people[name] }

// attack sends the payload in every place of every address, as form and by the API, and gives each answer to look.
func (h *hostile) attack(payload func(place string) string, look func(place string, answer *http.Response, raw string)) {
	for _, routes := range [][]web.Route{web.Routes(), web.Operations()} {
		for _, r := range routes {
			if strings.HasPrefix(strings.TrimPrefix(r.Path, "/api/v1"), "/session/") {
				continue // they end the session that attacks; their fields are those of the log-in
			}
			h.attackRoute(r, payload, look)
		}
	}
}

func (h *hostile) attackRoute(r web.Route, payload func(string) string, look func(string, *http.Response, string)) {
	a := address{Route: r, api: strings.HasPrefix(r.Path, "/api/")}
	who, at := h.somebody(r.Act), r.Method+" "+r.Path
	filled := h.fill(a)
	for i, part := range strings.Split(r.Path, "/") {
		if strings.HasPrefix(part, ":") {
			parts := strings.Split(filled, "/")
			parts[i] = url.PathEscape(payload(at + " " + part))
			h.one(a, who, at+" "+part, strings.Join(parts, "/"), nil, look)
		}
	}
	twin := h.operations[strings.Replace(at, " /api/v1", " ", 1)]
	if d, ok := h.operations[r.Method+" /api/v1"+strings.TrimPrefix(r.Path, "/api/v1")]; ok {
		twin = d
	}
	if r.Method == http.MethodGet {
		for _, name := range append(twin.query, "next", "before", "after", "batch", "person", "act", "from", "to", "nothing") {
			h.one(a, who, at+" ?"+name, filled+"?"+url.Values{name: {payload(at + " ?" + name)}}.Encode(), nil, look)
		}
		return
	}
	for _, name := range append(twin.body, "user_name", "statement", "key", "file", "nothing") {
		if name == "password" {
			continue // never shown, and a wrong one locks
		}
		body := h.fields(r.Act)
		if body == nil {
			body = map[string]string{}
			if slices.Contains(twin.body, "reason") {
				body["reason"] = "so it is"
			}
		}
		place := at + " " + name
		if body[name] = payload(place); place == "POST /recipes text" { // the title of a recipe that has no fault
			body[name] = strings.Replace(string(library.Text("buffer-tour.recipe")), "Buffer for rinsing", strings.ReplaceAll(body[name], `"`, "'"), 1)
		}
		if raw := h.one(a, who, place, filled, body, look); raw != "" && slices.Contains(twin.body, name) {
			h.taken[place] = body[name]
		}
	}
}

// one sends one request; what is asked to be signed is signed. It gives the answer when the act was done.
func (h *hostile) one(a address, who signtest.Person, place, path string, body map[string]string, look func(string, *http.Response, string)) (done string) {
	h.t.Helper()
	h.sent++
	send := func(digest string) (*http.Response, string) {
		request, err := http.NewRequest(a.Method, h.server.URL+path, h.encoded(a, who, body, digest))
		require.NoError(h.t, err, place)
		for _, name := range []string{"User-Agent", "Referer", "X-Forwarded-For", "X-Request-Id", "Accept-Language"} {
			request.Header.Set(name, strings.Map(printableASCII, inHeaders+place))
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if a.api {
			request.Header.Set("Content-Type", "application/json")
			request.Header.Set("Idempotency-Key", audit.NewID())
			request.Header.Set("Authorization", "Bearer "+who.Token)
		} else if a.Act != "session.open" {
			request.AddCookie(&http.Cookie{Name: "session", Value: who.Token})
		}
		answer, err := http.DefaultTransport.RoundTrip(request)
		require.NoError(h.t, err, place)
		raw, err := io.ReadAll(answer.Body)
		require.NoError(h.t, err)
		require.NoError(h.t, answer.Body.Close())
		require.Less(h.t, answer.StatusCode, 500, "%s: %.300s", place, raw)
		look(place, answer, string(raw))
		return answer, string(raw)
	}
	answer, raw := send("")
	if found := digestOfStatement.FindStringSubmatch(raw); found != nil && body != nil {
		answer, raw = send(found[1])
	}
	if a.Method == http.MethodPost && answer.StatusCode < 400 && answer.Header.Get("Location") != "/login" {
		return raw + "done"
	}
	return ""
}

const inHeaders = `"><script src=vbx></script>' or 1=1 -- `

func printableASCII(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}

func (h *hostile) encoded(a address, who signtest.Person, fields map[string]string, digest string) io.Reader {
	if fields == nil {
		return nil
	}
	if !a.api {
		form := url.Values{"key": {audit.NewID()}}
		for name, value := range fields {
			if name == "comment" {
				name = "text"
			}
			form.Set(name, value)
		}
		if digest != "" {
			form.Set("user_name", who.UserName)
			form.Set("password", who.Password)
			form.Set("statement", digest)
		}
		return strings.NewReader(form.Encode())
	}
	body := map[string]any{}
	for name, value := range fields {
		switch name {
		case "acts":
			body[name] = strings.Fields(value)
		case "days", "seen":
			body[name] = len(value)
		default:
			body[name] = value
		}
	}
	if digest != "" {
		body["signature"] = map[string]string{"user_name": who.UserName, "password": who.Password, "statement": digest}
	}
	raw, err := json.Marshal(body)
	require.NoError(h.t, err)
	return strings.NewReader(string(raw))
}

// created finds what a text with the marker made of a page: an element, an attribute, a comment, or a word where code or an address stands.
func created(raw, marker string) (found []string) {
	doc, err := html.Parse(strings.NewReader(raw))
	if err != nil {
		return []string{err.Error()}
	}
	for n := range doc.Descendants() {
		switch {
		case n.Type == html.TextNode && (n.Parent.Data == "script" || n.Parent.Data == "style") && strings.Contains(n.Data, marker):
			found = append(found, "code "+n.Data)
		case n.Type == html.CommentNode && strings.Contains(n.Data, marker), n.Type == html.ElementNode && strings.Contains(n.Data, marker):
			found = append(found, "element or comment "+n.Data)
		}
		for _, a := range n.Attr {
			address := a.Key == "href" || a.Key == "src" || a.Key == "action" || a.Key == "formaction"
			if strings.Contains(a.Key, marker) || strings.HasPrefix(a.Key, "on") || a.Key == "style" || address && strings.Contains(a.Val, marker) && !strings.HasPrefix(a.Val, "/") ||
				a.Key == "src" && strings.Contains(a.Val, marker) {
				found = append(found, n.Data+" "+a.Key+"="+a.Val)
			}
		}
	}
	return found
}

// The finder itself finds each way out of a text, and nothing in a text that stayed one.
func TestCreatedFindsWaysOut(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		`<p title=""><img src=vbx1>"></p>`, `<p vbx1=""></p>`, `<a href="javascript:vbx1">a</a>`, `<script>let a = "vbx1"</script>`, `<!-- vbx1 -->`, `<p onclick="x">a</p>`, `<vbx1>a</vbx1>`,
		`<style>vbx1</style>`, `<form action="https://vbx1"></form>`,
	} {
		require.NotEmpty(t, created(raw, "vbx"), raw)
	}
	require.Empty(t, created(`<p title="&#34;&gt;&lt;img src=vbx1&gt;">&lt;script&gt;vbx1&lt;/script&gt;</p><a href="/trail?batch=vbx1">a</a>`, "vbx"))
}

// A text that tries to be HTML stays a text wherever it is typed and wherever it is shown: in every field of every act, in every address and search, in the
// answer and afterwards on every page for everybody who may read it.
func TestTextsStayTexts(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	number := 0
	payload := func(string) string {
		number++
		return fmt.Sprintf(`vbx%d"'><img src=vbx onerror=vbx><!--`, number)
	}
	shown := map[string]bool{}
	markers := regexp.MustCompile(`vbx\d+`)
	look := func(place string, answer *http.Response, raw string) {
		require.Equal(t, "nosniff", answer.Header.Get("X-Content-Type-Options"), place)
		require.Equal(t, web.ContentSecurityPolicy, answer.Header.Get("Content-Security-Policy"), place)
		require.NotRegexp(t, `(?i)vbx`, strings.Join(answer.Header.Values("Set-Cookie"), " "), place)
		if !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") {
			return
		}
		require.Empty(t, created(raw, "vbx"), "%s\n%s", place, raw)
		for _, m := range markers.FindAllString(raw, -1) {
			shown[m] = true
		}
	}
	h.attack(payload, look)
	reflected := len(shown)
	readers := []string{"Sven", "Quinn", "Ada"} // between them they may read every page
	if long {
		readers = append(readers, "Olga", "Petra", "Elena", "Yves")
	}
	for _, name := range readers {
		h.readEverything(h.crewMember(name), look)
	}
	stored := 0
	for place, text := range h.taken {
		if shown[markers.FindString(text)] {
			stored++
		} else {
			t.Logf("taken and on no page: %s", place)
		}
	}
	t.Logf("%d requests, %d texts came back in answers, %d were taken by acts, %d of them stand on pages", h.sent, reflected, len(h.taken), stored)
	require.Greater(t, reflected, 100)
	require.Greater(t, stored, 20)
	require.NotContains(t, h.log.text(), "incident", "no failure of ours")
}

// readEverything opens all pages and follows their links once.
func (h *hostile) readEverything(who signtest.Person, look func(string, *http.Response, string)) {
	h.t.Helper()
	seen, queue := map[string]bool{}, []string{"/", h.batch}
	for _, r := range web.Routes() {
		if r.Method == http.MethodGet {
			queue = append(queue, h.fill(address{Route: r}))
		}
	}
	for _, b := range h.batches {
		queue = append(queue, b, b+"/hold", b+"/review", b+"/steps/040")
	}
	for len(queue) > 0 && len(seen) < 120 {
		path := queue[0]
		queue = queue[1:]
		if seen[path] || strings.HasSuffix(path, ".pdf") || strings.HasPrefix(path, "/trail/entries.") || strings.Contains(path, "/exports/") { // files
			continue
		}
		seen[path] = true
		request, err := http.NewRequest(http.MethodGet, h.server.URL+path, nil)
		require.NoError(h.t, err)
		request.AddCookie(&http.Cookie{Name: "session", Value: who.Token})
		answer, err := http.DefaultTransport.RoundTrip(request)
		require.NoError(h.t, err)
		raw, err := io.ReadAll(answer.Body)
		require.NoError(h.t, err)
		require.NoError(h.t, answer.Body.Close())
		require.Less(h.t, answer.StatusCode, 500, "%s: %.300s", path, raw)
		look(path, answer, string(raw))
		doc, err := html.Parse(strings.NewReader(string(raw)))
		require.NoError(h.t, err)
		for n := range doc.Descendants() {
			if to := attr(n, "href"); n.Data == "a" && strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "/api") && !strings.HasPrefix(to, "/static") {
				queue = append(queue, strings.SplitN(to, "#", 2)[0])
			}
		}
	}
}

// A text that tries to be SQL is refused or kept as a text: never a failure, nothing more is shown, nothing is changed by it.
func TestTextsAreNoSQL(t *testing.T) {
	t.Parallel()
	texts := []string{`' or '1'='1' -- `}
	if long {
		texts = append(texts, `'; drop table ebr.batches cascade; --`, `1) union select password_hash from ebr.credentials --`, `\'; select pg_sleep(5); --`, `$$; reset role; --`, `%' or 1=1 #`, `"; copy (select 1) to program 'id' --`,
			`1e999999`, `9223372036854775808`, `{"$gt":""}`, `::regclass`)
	}
	h := newHostile(t)
	rounds := min(4, len(texts)) // every place gets so many of the texts, and its neighbour the next ones
	for round := range rounds {
		h.attack(func(place string) string { return texts[(int(crc32.ChecksumIEEE([]byte(place)))+round)%len(texts)] }, func(place string, _ *http.Response, raw string) {
			for _, word := range []string{"argon2id", "SQLSTATE", "syntax error", "pgconn", "relation \""} {
				require.NotContains(t, raw, word, "%s, round %d", place, round)
			}
		})
	}
	t.Logf("%d requests", h.sent)
	require.NotContains(t, h.log.text(), "incident", "no failure of ours")
	require.Empty(t, h.verify())
}
