// Package web owns the screens of Veribatch and the way a request takes from the browser to one command of the plant.
// It owns no rule and no SQL: rules live with their nouns in ebr, recipes and signatures, and a view is plain data.
// Start reading at routes.go for the site on one page, or at Pages and View for how a page is drawn.
package web

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"veribatch/internal/language"
)

//go:embed all:static templates
var files embed.FS

// ContentSecurityPolicy is sent with every page: scripts, styles and forms of our own origin only, nothing inline, no framing.
const ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; font-src 'self'; " +
	"form-action 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"

// Pages draws views. It holds every template parsed once; it is safe for concurrent use.
type Pages struct {
	zone *time.Location
	in   map[language.Tag]func() (map[string]*template.Template, error)
}

// NewPages parses all templates: those in English now, the same in another language when somebody first asks for it. Times are printed in zone
// with their UTC offset.
func NewPages(zone *time.Location) (*Pages, error) {
	p := &Pages{zone: zone, in: map[language.Tag]func() (map[string]*template.Template, error){}}
	for _, tag := range language.All() {
		p.in[tag] = sync.OnceValues(func() (map[string]*template.Template, error) { return p.parse(tag) })
	}
	_, err := p.in[language.English]()
	return p, err
}

// parse gives all pages in one language, by name.
func (p *Pages) parse(tag language.Tag) (map[string]*template.Template, error) {
	pages := map[string]*template.Template{}
	base, err := template.New("base").Funcs(p.funcs(tag)).ParseFS(files, "templates/base.html", "templates/parts/*.html")
	if err != nil {
		return nil, fmt.Errorf("page frame: %w", err)
	}
	names, err := fs.Glob(files, "templates/*/*.html")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		page := strings.TrimSuffix(strings.TrimPrefix(name, "templates/"), ".html")
		if path.Dir(page) == "parts" {
			continue
		}
		if pages[page], err = template.Must(base.Clone()).ParseFS(files, name); err != nil {
			return nil, fmt.Errorf("page %s: %w", page, err)
		}
	}
	return pages, nil
}

// Render draws a view whole before the first byte goes out, so that a failure never leaves half a page.
func (p *Pages) Render(w io.Writer, v View) error {
	f := v.Frame()
	pages, err := p.in[cmp.Or(f.Language, language.English)]()
	if err != nil {
		return err
	}
	page, ok := pages[v.template()]
	if !ok {
		return fmt.Errorf("page %s has no template", v.template())
	}
	if f.Now.IsZero() {
		f.Now = time.Now()
	}
	var b bytes.Buffer
	if err := page.ExecuteTemplate(&b, "base.html", v); err != nil {
		return fmt.Errorf("page %s: %w", v.template(), err)
	}
	_, err = b.WriteTo(w)
	return err
}

// Headers sets what every answer carries: the content security policy, and that a page of a record is never kept by a browser or proxy.
func Headers(h http.Header) {
	h.Set("Content-Security-Policy", ContentSecurityPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// Static serves the browser assets below /static/. An address with a digest (see the template func asset) may be kept for ever.
func Static() http.Handler {
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if r.URL.Query().Has("v") {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		server.ServeHTTP(w, r)
	})
}

// AssetsMissing tells which browser asset was not bundled into this build; nil when all are there. The server checks it at start.
func AssetsMissing() error {
	for _, name := range []string{"app.js", "app.css"} {
		if _, err := fs.Stat(files, "static/dist/"+name); err != nil {
			return fmt.Errorf("this build has no browser assets (%s): build with `make build`, which runs scripts/assets.sh first", name)
		}
	}
	return nil
}

// funcs are the words that templates know beside Go's own.
func (p *Pages) funcs(tag language.Tag) template.FuncMap {
	return template.FuncMap{
		"t":      func(text any, args ...any) (string, error) { return inWords(tag, text, args...) },
		"tag":    func() language.Tag { return tag },
		"when":   func(at time.Time) string { return at.In(p.zone).Format("2006-01-02 15:04:05 -07:00") },
		"minute": func(at time.Time) string { return at.In(p.zone).Format("2006-01-02 15:04") },
		"zone":   func(at time.Time) string { return at.In(p.zone).Format("UTC-07:00") },
		"iso":    func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
		"millis": time.Time.UnixMilli,
		"offset": func(at time.Time) int { _, s := at.In(p.zone).Zone(); return s / 60 },
		"asset":  assetAddress(),
		"post":   postAttributes,
		"key":    requestKey,
		"field":  fieldOf,
		"args":   arguments,
		"role":   func(role string) string { return roleWords(tag, role) },
	}
}

// inWords is the one door for the texts of templates: English is the key of the catalogue, and further arguments fill its verbs. A text written where
// nobody knew the reader's language is said as well.
func inWords(tag language.Tag, text any, args ...any) (string, error) {
	switch text := text.(type) {
	case language.Text:
		return text.In(tag), nil
	case string:
		return tag.Say(text, args...), nil
	}
	return "", fmt.Errorf("t wants a text, got %T", text)
}

// roleWords prints the name of a role as people say it.
func roleWords(tag language.Tag, role string) string {
	if role == "qa" {
		return tag.Say("QA")
	}
	return tag.Say(strings.ReplaceAll(role, "_", " "))
}

// assetAddress gives the address of a bundle with its digest, so that browsers keep it until it changes.
func assetAddress() func(string) string {
	known := map[string]string{}
	for _, name := range []string{"dist/app.js", "dist/app.css", "icon.svg"} {
		content, err := files.ReadFile("static/" + name)
		if err == nil {
			sum := sha256.Sum256(content)
			known[name] = "/static/" + name + "?v=" + hex.EncodeToString(sum[:6])
		}
	}
	return func(name string) string {
		if address, ok := known[name]; ok {
			return address
		}
		return "/static/" + name
	}
}

// postAttributes are the attributes of a form: its id, address, and how the script sends it. A signed form's answer is the statement, which
// goes into the signature dialog; without script it is a page of its own.
func postAttributes(f *Form) template.HTMLAttr {
	attrs := fmt.Sprintf(`id="%s" method="post" action="%s" hx-boost="true" hx-push-url="false"`,
		template.HTMLEscapeString(f.ID), template.HTMLEscapeString(f.Action))
	if f.Signed {
		attrs += ` data-signed hx-target="#sign-slot" hx-select="#sign" hx-swap="innerHTML"`
	}
	return template.HTMLAttr(attrs)
}

// requestKey gives the form's request key, or a fresh one: the key under which a repeat of the same form finds the stored result.
func requestKey(f *Form) (string, error) {
	if f.Key != "" {
		return f.Key, nil
	}
	id, err := uuid.NewV7()
	return id.String(), err
}

// Field is one input of a form as the field templates draw it.
type Field struct {
	ID, Form, Name, Label, Value, Wrong, Hint string
}

// Described lists the ids of the texts that belong to the input: what is wrong with it, and its hint.
func (f Field) Described() string {
	var ids []string
	if f.Wrong != "" {
		ids = append(ids, f.ID+"-wrong")
	}
	if f.Hint != "" {
		ids = append(ids, f.ID+"-hint")
	}
	return strings.Join(ids, " ")
}

// fieldOf makes the field of a form: id, what was typed, what is wrong. A hint may follow the label.
func fieldOf(f *Form, name, label string, hint ...string) Field {
	return Field{ID: f.ID + "-" + name, Form: f.ID, Name: name, Label: label, Value: f.Typed[name], Wrong: f.Wrong[name], Hint: strings.Join(hint, " ")}
}

// arguments makes a map of pairs, for templates that take more than one value.
func arguments(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("args wants pairs, got %d values", len(pairs))
	}
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("args wants names, got %v", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}
