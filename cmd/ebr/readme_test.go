package main_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// reader is somebody who follows README.md in a browser: every word that they press stands there.
type reader struct {
	t      *testing.T
	readme string
	client *http.Client
	base   string
	page   *html.Node
	text   string
}

func newReader(t *testing.T, base string) *reader {
	t.Helper()
	raw, err := os.ReadFile("../../README.md")
	check(t, err)
	jar, err := cookiejar.New(nil)
	check(t, err)
	return &reader{t: t, readme: string(raw), client: &http.Client{Jar: jar}, base: base}
}

func (r *reader) get(path string) {
	r.t.Helper()
	answer, err := r.client.Get(r.base + path)
	check(r.t, err)
	r.read(answer)
}

func (r *reader) read(answer *http.Response) {
	r.t.Helper()
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	check(r.t, err)
	r.page, err = html.Parse(strings.NewReader(string(raw)))
	check(r.t, err)
	r.text = wordsOf(r.page)
	if answer.StatusCode >= 500 {
		r.t.Fatalf("%s: %s", answer.Request.URL.Path, r.text)
	}
}

func wordsOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "script" && d.Parent.Data != "style" {
			b.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// see asks for words on the page.
func (r *reader) see(words ...string) {
	r.t.Helper()
	for _, w := range words {
		if !strings.Contains(r.text, w) {
			r.t.Fatalf("the page does not say %q: %s", w, r.text)
		}
	}
}

// follow presses a link of these words; where it stands in a row of a table, in the row with the other words.
func (r *reader) follow(words, row string) {
	r.t.Helper()
	r.inReadme(words)
	for n := range r.page.Descendants() {
		if n.Data == "a" && strings.HasPrefix(wordsOf(n), words) {
			around := n
			for around.Parent != nil && around.Data != "tr" && around.Data != "article" && around.Data != "li" && around.Data != "section" {
				around = around.Parent
			}
			if strings.Contains(wordsOf(around), row) {
				r.get(attribute(n, "href"))
				return
			}
		}
	}
	r.t.Fatalf("no link %q at %q: %s", words, row, r.text)
}

func (r *reader) inReadme(words string) {
	r.t.Helper()
	if !strings.Contains(strings.Join(strings.Fields(r.readme), " "), "*"+words) {
		r.t.Fatalf("README.md does not say *%s*", words)
	}
}

// press fills fields and presses the button of these words.
func (r *reader) press(words string, fill map[string]string) {
	r.t.Helper()
	if !strings.HasPrefix(words, "Sign: ") && words != "Log in" {
		r.inReadme(words)
	}
	for _, kind := range []string{"vb-primary", "vb-button"} { // the one that stands out first
		for n := range r.page.Descendants() {
			if n.Data != "button" || wordsOf(n) != words || !strings.Contains(attribute(n, "class"), kind) {
				continue
			}
			if form := r.formOf(n); form != nil {
				r.send(form, fill)
				return
			}
		}
	}
	r.t.Fatalf("no button %q, only %q: %s", words, r.buttons(), r.text)
}

func (r *reader) buttons() (list []string) {
	for n := range r.page.Descendants() {
		if n.Data == "button" {
			list = append(list, wordsOf(n))
		}
	}
	return list
}

func (r *reader) formOf(button *html.Node) *html.Node {
	id := attribute(button, "form")
	for n := button; id == "" && n != nil; n = n.Parent {
		if n.Data == "form" {
			return n
		}
	}
	for n := range r.page.Descendants() {
		if n.Data == "form" && id != "" && attribute(n, "id") == id {
			return n
		}
	}
	return nil
}

func (r *reader) send(form *html.Node, fill map[string]string) {
	r.t.Helper()
	fields := url.Values{}
	for n := range r.page.Descendants() {
		name := attribute(n, "name")
		inside := attribute(n, "form") != "" && attribute(n, "form") == attribute(form, "id")
		for up := n.Parent; up != nil; up = up.Parent {
			inside = inside || up == form
		}
		if name != "" && inside && (n.Data == "input" || n.Data == "textarea") {
			fields.Set(name, attribute(n, "value"))
		}
	}
	for name, value := range fill {
		if !fields.Has(name) {
			r.t.Fatalf("the form %s has no field %s, only %v", attribute(form, "action"), name, fields)
		}
		fields.Set(name, value)
	}
	answer, err := r.client.PostForm(r.base+attribute(form, "action"), fields)
	check(r.t, err)
	r.read(answer)
}

func (r *reader) logIn(name, station string) {
	r.t.Helper()
	r.get("/login")
	fill := map[string]string{"user_name": name, "password": r.password(name)}
	if station != "" {
		fill["station"] = station
	}
	r.press("Log in", fill)
}

var passwords = map[string]string{}

// password reads a password of the demo plant from its log-in page.
func (r *reader) password(name string) string {
	r.t.Helper()
	if passwords[name] == "" {
		for n := range r.page.Descendants() {
			if n.Data != "tr" {
				continue
			}
			var codes []string
			for d := range n.Descendants() {
				if d.Data == "code" {
					codes = append(codes, wordsOf(d))
				}
			}
			if len(codes) == 2 {
				passwords[codes[0]] = codes[1]
			}
		}
	}
	return passwords[name]
}

func (r *reader) sign(meaning, name string) {
	r.t.Helper()
	r.press("Sign: "+meaning, map[string]string{"user_name": name, "password": passwords[name]})
}

// Who follows README.md, from `make run` to the last line of the tour, finds what it says.
func TestReadmeTour(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../../Makefile")
	check(t, err)
	if !strings.Contains(string(makefile), "bin/ebr serve --demo --state ./var --listen 127.0.0.1:8080\n") {
		t.Fatal("make run starts the server in another way than this test")
	}
	state := stateFolder(t)
	s := serve(t, state, "--demo")
	r := newReader(t, s.url)
	tour(r)
	out, err := exec.Command(program, "verify", "--state", state).CombinedOutput()
	check(t, err)
	t.Logf("%s", out)
	s.interrupt(t, state)
}

// tour is the section "Five minutes in the demo plant", number by number.
func tour(r *reader) {
	r.t.Helper()
	for _, words := range []string{"`6.304`", "`EXC-MAIZE`", "`EXC-PREGEL`", "`5.5`", "`5.000`", "`Dispensary 1`", "as `olga`", "B-2026-000002", "PO-2026-0103", "bin/ebr verify"} {
		if !strings.Contains(r.readme, words) {
			r.t.Fatalf("README.md does not say %s any more; this test follows it", words)
		}
	}
	r.logIn("olga", "Dispensary 1") // 1
	r.see("Orders and batches", "B-2026-000001", "B-2026-000002", "PO-2026-0103")
	r.follow("Continue", "B-2026-000002") // 2
	r.see("050", "maize starch")          // 3
	r.press("Record", map[string]string{"value": "6.304"})
	r.see("outside alert limits")
	r.press("Add the comment", map[string]string{"text": "starch from the new lot"})
	r.press("Done: sign", nil) // 4
	r.sign("performed", "olga")
	r.press("Verify", nil)
	r.sign("verified", "olga")
	r.press("Verify", nil)
	r.sign("verified", "omar")
	r.see("Olga Brandt")
	hold(r)
}

// hold is the tour from its fifth number on.
func hold(r *reader) {
	r.t.Helper()
	r.follow("To the open step", "") // 5
	r.see("060")
	r.press("Record", map[string]string{"value": "EXC-MAIZE"})
	r.see("Wrong code")
	for _, value := range []string{"EXC-PREGEL", "L-4711", "5.5"} {
		r.press("Record", map[string]string{"value": value})
	}
	r.see("held")
	r.follow("To the hold", "") // 6
	for _, as := range []struct{ name, words string }{{"sven", "Sign as supervisor or QA"}, {"quinn", "Sign as QA"}} {
		r.press(as.words, map[string]string{"reason": "the balance was checked, the container is set aside"})
		r.sign(r.meaning(), as.name)
	}
	r.press("Log out", nil) // 7
	r.logIn("sven", "")
	r.follow("To the hold", "B-2026-000002")
	r.press("Resume the batch", map[string]string{"reason": "weighed again"})
	r.follow("To the open step", "")
	r.inReadme("Measure again")
	var again *html.Node // the last one stands beside the net weight
	for n := range r.page.Descendants() {
		if n.Data == "button" && wordsOf(n) == "Record the measurement" {
			again = r.formOf(n)
		}
	}
	r.send(again, map[string]string{"value": "5.000", "reason": "weighed again"})
	r.see("5.000")
	r.follow("Overview", "") // 8
	r.follow("PDF record", "")
	r.see("%PDF-")
}

// meaning is what the dialog asks to sign as.
func (r *reader) meaning() string {
	for _, words := range r.buttons() {
		if m, found := strings.CutPrefix(words, "Sign: "); found {
			return m
		}
	}
	r.t.Fatalf("no dialog: %s", r.text)
	return ""
}
