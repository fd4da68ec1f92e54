package web_test

import (
	"bytes"
	"html"
	"io/fs"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/internal/fault"
	"veribatch/web"
)

// templates gives every template file by its path.
func templates(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, fs.WalkDir(os.DirFS("templates"), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile("templates/" + name)
		files[name] = string(text)
		return err
	}))
	return files
}

// The content security policy allows nothing inline: neither style nor script stands in a template.
func TestTemplatesHaveNothingInline(t *testing.T) {
	inline := regexp.MustCompile(`(?i)\sstyle\s*=|\son[a-z]+\s*=|<style|<script(>|\s[^>]*>[^<])|javascript:|hx-on|hx-vals\s*=\s*['"]js:`)
	for name, text := range templates(t) {
		if found := inline.FindString(text); found != "" {
			t.Errorf("%s: %q is inline and the content security policy refuses it", name, found)
		}
	}
}

// Every word that a person reads passes the one message function, so that a language is a catalogue.
func TestAllWordsPassTheMessageFunction(t *testing.T) {
	action, tag, letters := regexp.MustCompile(`(?s)\{\{.*?\}\}`), regexp.MustCompile(`(?s)<[^>]*>`), regexp.MustCompile(`\p{L}{2,}`)
	spoken := regexp.MustCompile(`(?:aria-label|title|alt)="([^"{]*\p{L}[^"{]*)"`)
	allowed := map[string]bool{"Veribatch": true}
	for name, text := range templates(t) {
		bare := action.ReplaceAllString(text, "")
		for _, m := range spoken.FindAllStringSubmatch(bare, -1) {
			t.Errorf("%s: the attribute text %q does not pass t", name, m[1])
		}
		if strings.Contains(text, "{{define \"pad\"}}") || strings.Contains(text, "<kbd>2026") {
			bare = regexp.MustCompile(`<kbd>[^<]*</kbd>`).ReplaceAllString(bare, "")
		}
		for _, word := range letters.FindAllString(html.UnescapeString(tag.ReplaceAllString(bare, " ")), -1) {
			if !allowed[word] {
				t.Errorf("%s: the word %q does not pass t", name, word)
			}
		}
	}
}

func draw(t *testing.T, v web.View) string {
	t.Helper()
	pages, err := web.NewPages(time.FixedZone("CET", 3600))
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, pages.Render(&b, v))
	return b.String()
}

func TestAFormCarriesItsRequestKeyAndVersion(t *testing.T) {
	page := draw(t, &web.PasswordView{Change: &web.Form{ID: "change", Action: "/session/password", Key: "0198f6aa-4c1e-7d1b-9c0a-5f2e8a7b6c5d", Seen: 7}})
	require.Contains(t, page, `name="key" value="0198f6aa-4c1e-7d1b-9c0a-5f2e8a7b6c5d"`)
	require.Contains(t, page, `name="seen" value="7"`)
	fresh := regexp.MustCompile(`name="key" value="([0-9a-f-]{36})"`)
	one := fresh.FindStringSubmatch(draw(t, &web.PasswordView{Change: &web.Form{ID: "change"}}))
	two := fresh.FindStringSubmatch(draw(t, &web.PasswordView{Change: &web.Form{ID: "change"}}))
	require.NotEqual(t, one[1], two[1], "a form without a key gets a fresh one each time it is drawn")
}

func TestWhatPeopleTypeIsEscaped(t *testing.T) {
	evil := `"><script>alert(1)</script>`
	page := draw(t, &web.HomeView{Order: &web.Form{ID: `o"><b`, Action: `/x"><b`, Typed: map[string]string{"number": evil}, Wrong: map[string]string{"number": evil}}, Batches: []web.BatchLine{{Number: evil, State: evil, OpenStep: evil}}})
	require.NotContains(t, page, "<script>alert")
	require.NotContains(t, page, `o"><b`)
	require.NotContains(t, page, `x"><b`)
}

func TestRefuseKeepsWhatWasTypedButNoPassword(t *testing.T) {
	page, form := &web.Page{}, &web.Form{ID: "value", Action: "/x"}
	page.Refuse(fault.At("value", "12,5 is not a number here."), form, url.Values{"value": {"12,5"}, "password": {"secret"}, "key": {"k"}})
	require.Equal(t, map[string]string{"value": "12,5"}, form.Typed)
	require.Equal(t, "12,5 is not a number here.", form.Wrong["value"])
	require.Equal(t, []web.Fault{{Field: "value-value", Message: "12,5 is not a number here."}}, page.Faults)
	page.Refuse(fault.New(fault.Conflict, "Bob was faster."), nil, nil)
	require.Equal(t, web.Fault{Message: "Bob was faster."}, page.Faults[1])
}

func TestAPageIsNeverKeptAndAnAssetIs(t *testing.T) {
	answer := httptest.NewRecorder()
	web.Headers(answer.Header())
	require.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
	require.NotContains(t, answer.Header().Get("Content-Security-Policy"), "unsafe")
	asset := httptest.NewRecorder()
	web.Static().ServeHTTP(asset, httptest.NewRequest("GET", "/static/icon.svg?v=1", nil))
	require.Equal(t, 200, asset.Code)
	require.Contains(t, asset.Header().Get("Cache-Control"), "immutable")
}

func TestPlacesAreLimitedToWhatThePersonMayRead(t *testing.T) {
	places := web.Places("/trail", func(act string) bool { return act == "order.read" || act == "trail.read" })
	require.Equal(t, []web.Link{{Href: "/", Words: "Home"}, {Href: "/trail", Words: "Audit trail", Current: true}}, places)
}
