package web_test

import (
	"bytes"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// visitor is a browser without scripts: it keeps cookies, reads pages and sends the forms that stand on them, hidden fields included.
type visitor struct {
	t      testing.TB
	base   string
	client *http.Client
	at     *sheet // the page shown
	last   *posted
}

// posted is the last form that was sent, for sending it once more.
type posted struct {
	path   string
	fields url.Values
}

// sheet is one page as a visitor reads it.
type sheet struct {
	status int
	path   string
	text   string // all words, blanks collapsed
	raw    string
	header http.Header
	forms  map[string]*paper
	links  map[string]string // address by words
	wrong  map[string]string // what is wrong, by id of the field
	struck []string          // what stands struck through
	state  string            // of the batch, from the line under the header
}

// paper is a form on a page.
type paper struct {
	action string
	fields url.Values // as they stand on the page
	known  map[string]bool
}

func newVisitor(t testing.TB, server *httptest.Server) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &visitor{t: t, base: server.URL, client: &http.Client{Jar: jar}}
}

// open goes to an address and follows redirects.
func (v *visitor) open(path string) *sheet {
	v.t.Helper()
	answer, err := v.client.Get(v.base + path)
	require.NoError(v.t, err)
	return v.read(answer)
}

// send fills the form with this id on the page shown and sends it. A field that the form does not have fails the test.
func (v *visitor) send(form string, fill map[string]string) *sheet {
	v.t.Helper()
	p := v.at.forms[form]
	require.NotNil(v.t, p, "the page %s has no form %q; it has %v", v.at.path, form, keys(v.at.forms))
	fields := maps.Clone(p.fields)
	for name, value := range fill {
		require.True(v.t, p.known[name], "the form %q has no field %q", form, name)
		fields.Set(name, value)
	}
	return v.post(p.action, fields)
}

// post sends any fields to any address, as no page of ours would.
func (v *visitor) post(path string, fields url.Values) *sheet {
	v.t.Helper()
	v.last = &posted{path, fields}
	return v.deliver(path, "application/x-www-form-urlencoded", strings.NewReader(fields.Encode()))
}

// upload fills a form and sends it as a form with files goes.
func (v *visitor) upload(form string, fill map[string]string) *sheet {
	v.t.Helper()
	p := v.at.forms[form]
	require.NotNil(v.t, p, "the page %s has no form %q; it has %v", v.at.path, form, keys(v.at.forms))
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	fields := maps.Clone(p.fields)
	for name, value := range fill {
		fields.Set(name, value)
	}
	for name := range fields {
		require.NoError(v.t, w.WriteField(name, fields.Get(name)))
	}
	require.NoError(v.t, w.Close())
	return v.deliver(p.action, w.FormDataContentType(), &body)
}

func (v *visitor) deliver(path, kind string, body io.Reader) *sheet {
	v.t.Helper()
	request, err := http.NewRequest(http.MethodPost, v.base+path, body)
	require.NoError(v.t, err)
	request.Header.Set("Content-Type", kind)
	if v.at != nil {
		request.Header.Set("Referer", v.base+v.at.path)
	}
	answer, err := v.client.Do(request)
	require.NoError(v.t, err)
	return v.read(answer)
}

func (v *visitor) read(answer *http.Response) *sheet {
	v.t.Helper()
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	require.NoError(v.t, err)
	s := &sheet{
		status: answer.StatusCode, path: answer.Request.URL.RequestURI(), raw: string(raw), header: answer.Header,
		forms: map[string]*paper{}, links: map[string]string{}, wrong: map[string]string{},
	}
	if strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") {
		doc, err := html.Parse(strings.NewReader(s.raw))
		require.NoError(v.t, err)
		s.collect(doc)
		s.text = words(doc)
	}
	v.at = s
	return s
}

// collect finds forms, links and field faults. A form is known by its id and keeps what a browser would send untouched.
func (s *sheet) collect(doc *html.Node) {
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "form":
			if attr(n, "method") == "post" {
				s.forms[attr(n, "id")] = newPaper(n)
			}
		case "a":
			s.links[words(n)] = attr(n, "href")
		case "s":
			s.struck = append(s.struck, words(n))
		case "span":
			if class := attr(n, "class"); strings.HasPrefix(class, "vb-state vb-state-") && attr(n.Parent, "class") == "vb-context-state" {
				s.state = strings.TrimPrefix(class, "vb-state vb-state-")
			}
		case "p":
			if id, ok := strings.CutSuffix(attr(n, "id"), "-wrong"); ok {
				s.wrong[id] = words(n)
			}
		}
	}
}

func newPaper(form *html.Node) *paper {
	p := &paper{action: attr(form, "action"), fields: url.Values{}, known: map[string]bool{}}
	for n := range form.Descendants() {
		name := attr(n, "name")
		if n.Type != html.ElementNode || name == "" || n.Data == "details" {
			continue
		}
		p.known[name] = true
		switch {
		case n.Data == "textarea":
			p.fields.Set(name, textOf(n))
		case n.Data == "input" && (attr(n, "type") == "radio" || attr(n, "type") == "checkbox"):
			if has(n, "checked") {
				p.fields.Set(name, attr(n, "value"))
			}
		case n.Data == "input" && attr(n, "type") != "file":
			p.fields.Set(name, attr(n, "value"))
		case n.Data == "select":
			p.fields.Set(name, "")
			for option := range n.Descendants() {
				if option.Data == "option" && has(option, "selected") {
					p.fields.Set(name, attr(option, "value"))
				}
			}
		}
	}
	return p
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// words are the texts below a node as a person reads them; what stands struck through is kept, as <s>…</s>.
func words(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "script" && d.Parent.Data != "style" && d.Parent.Data != "title" {
			b.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func keys[V any](m map[string]V) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	return all
}
