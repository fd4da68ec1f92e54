package web_test

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// screenings are what scripts say about the pages themselves. Focus, contrast and sizes are judged in a real browser (web/browser).
var screenings = []sentence{
	on(setting, `the room is (dark|bright)`, func(s *script, a []string) {
		theme := map[string]string{"dark": "dark", "bright": "light"}[a[0]]
		at, err := url.Parse(s.server.URL)
		require.NoError(s.t, err)
		s.now.client.Jar.SetCookies(at, []*http.Cookie{{Name: "theme", Value: theme, Path: "/"}})
	}),
	on(fact, `the page has the colours of a (dark|bright) room`, func(s *script, a []string) {
		theme := map[string]string{"dark": "dark", "bright": "light"}[a[0]]
		require.Contains(s.t, s.now.at.raw, `data-bs-theme="`+theme+`"`)
	}),
	on(fact, `each field, button and link of the page has a name`, func(s *script, _ []string) { require.Empty(s.t, nameless(s.tree())) }),
	on(fact, `the first link of the page leads past the header`, func(s *script, _ []string) {
		for n := range s.tree().Descendants() {
			if n.Data == "a" {
				require.Equal(s.t, "#main", attribute(n, "href"))
				break
			}
		}
		require.Contains(s.t, s.now.at.raw, `<main id="main" tabindex="-1"`)
	}),
	on(fact, `the foot of a print says TEXT`, func(s *script, a []string) {
		for n := range s.tree().Descendants() {
			if attribute(n, "class") == "vb-print" {
				require.Contains(s.t, wordsOf(n), a[0])
				return
			}
		}
		require.Fail(s.t, "the page has no foot for prints")
	}),
}

func (s *script) tree() *html.Node {
	tree, err := html.Parse(strings.NewReader(s.now.at.raw))
	require.NoError(s.t, err)
	return tree
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func wordsOf(n *html.Node) string {
	var words strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			words.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(words.String()), " ")
}

// nameless are the fields without a label and the buttons and links without a word, which nobody can be told about.
func nameless(tree *html.Node) (found []string) {
	labelled := map[string]bool{}
	for n := range tree.Descendants() {
		if n.Data == "label" && wordsOf(n) != "" {
			labelled[attribute(n, "for")] = true
		}
	}
	for n := range tree.Descendants() {
		named := attribute(n, "aria-label") != ""
		switch n.Data {
		case "button", "a", "summary":
			named = named || wordsOf(n) != ""
		case "input", "select", "textarea":
			named = named || attribute(n, "type") == "hidden" || labelled[attribute(n, "id")] || n.Parent.Data == "label"
		default:
			continue
		}
		if !named {
			found = append(found, n.Data+" "+attribute(n, "id")+" "+attribute(n, "name"))
		}
	}
	return found
}
