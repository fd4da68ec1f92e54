package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template/parse"

	"github.com/stretchr/testify/require"

	"veribatch/ebr/quality"
	"veribatch/internal/language"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/configuration"
)

// A text that the screens say and a catalogue does not know would stand there in English.
func TestEveryTextOfTheScreensIsInEveryCatalogue(t *testing.T) {
	t.Parallel()
	texts := textsOfTheScreens(t)
	require.Greater(t, len(texts), 800, "the walk over templates and code finds texts")
	for _, tag := range language.All() {
		if tag == language.English {
			continue
		}
		var missing, odd []string
		for english := range texts {
			said, known := tag.Knows(english)
			switch {
			case !known:
				missing = append(missing, "  "+strconv.Quote(english)+": \"\",")
			case !slices.Equal(verbsOf(english), verbsOf(said)):
				odd = append(odd, strconv.Quote(english)+" became "+strconv.Quote(said))
			}
		}
		slices.Sort(missing)
		require.Empty(t, odd, "a text in another language has the verbs of the English one (%%[2]s names the second argument)")
		require.Empty(t, missing, "add these %d to internal/language/%s.json:\n%s\n", len(missing), tag, strings.Join(missing, "\n"))
		for _, english := range tag.Texts() {
			require.Contains(t, texts, english, "nobody says this any more: take it out of internal/language/%s.json", tag)
		}
	}
}

var saysSomething = regexp.MustCompile(`\p{L}`)

var verb = regexp.MustCompile(`%(?:\[([1-9])\])?[-+# 0]*[\d.]*([a-zA-Z%])`)

// verbsOf gives the verbs of a text by the number of their argument: another language may name arguments in another order.
func verbsOf(text string) []string {
	verbs := make([]string, strings.Count(text, "%"))
	for i, m := range verb.FindAllStringSubmatch(text, -1) {
		if m[1] != "" {
			i = int(m[1][0] - '1')
		}
		verbs[i] += m[2]
	}
	return verbs
}

// textsOfTheScreens walks templates and code for what is said to people on screens, and where it stands.
func textsOfTheScreens(t *testing.T) map[string]string {
	texts := map[string]string{}
	templateTexts(t, texts)
	for _, folder := range []string{".", "../audit", "../ebr", "../recipes", "../signatures", "../internal/plaintext", "../internal/durable", "../internal/fault", "../cmd/ebr"} {
		require.NoError(t, filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				codeTexts(t, path, texts)
			}
			return err
		}))
	}
	for _, list := range [][]string{slices.Collect(maps.Values(notices)), slices.Collect(maps.Values(headings)), slices.Collect(maps.Values(moveWords)),
		slices.Collect(maps.Values(partKinds)), slices.Collect(maps.Values(stepKinds)), slices.Collect(maps.Values(detailNames)), slices.Collect(maps.Values(requirementKinds)), accounts.Documents()} {
		for _, text := range list {
			texts[text] = "a list of the screens"
		}
	}
	for _, text := range stored {
		texts[text] = "words of the record"
	}
	for _, l := range configuration.Table() {
		for _, text := range []string{l.Label, l.Meaning, l.Unit, l.UnitOf("1")} {
			texts[text] = l.Name
		}
		if l.OnOff() || l.InWords() {
			texts[l.Limits()] = l.Name
		}
	}
	for _, l := range chartLevels {
		texts[l.words] = l.name
	}
	for _, p := range places {
		texts[p.words] = p.href
	}
	for _, r := range access.Roles() {
		texts[r.Title()] = "roles"
	}
	for _, k := range quality.Kinds() {
		texts[k.Words()] = "kinds of incidents"
	}
	for _, k := range quality.CriticalKinds {
		texts[k.Words] = "kinds of critical entries"
	}
	maps.DeleteFunc(texts, func(text, _ string) bool { return !saysSomething.MatchString(verb.ReplaceAllString(text, "")) })
	return texts
}

// stored are words of the program that no rule of this walk finds: what stands in records (what a batch waits for, what a signature means, states), and
// what views hold as plain data until a template says it.
var stored = []string{
	"otherwise held", "repeated", "correction", "repeated measurement", "has left", "no password yet", "password reset", "identity not confirmed", "accountability not signed",
	"changed", "Submit it first.", "Have it approved first.",
	"Only a version in review or approved is sent back; an effective one is withdrawn.", "Only a version that is or was effective is withdrawn; one in review is sent back.", "a draft", "a supervisor", "%s and %s",
	"issuing of the record", "second person", "assessment by a supervisor and QA", "assessment by a supervisor", "assessment by QA",
	"authored", "approved", "made effective", "issued", "assessed", "aborted", "completed", "proposed", "withdrawn", "performed", "verified", "reviewed", "closed", "open",
	"ordered, record not issued", "issued, not started", "in execution", "in execution, held", "complete",
}

// templateTexts finds what templates say: the literals behind t.
func templateTexts(t *testing.T, texts map[string]string) {
	require.NoError(t, fs.WalkDir(files, "templates", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := files.ReadFile(path)
		require.NoError(t, err)
		one := parse.New(path)
		one.Mode = parse.SkipFuncCheck
		trees := map[string]*parse.Tree{}
		_, err = one.Parse(string(content), "", "", trees)
		require.NoError(t, err)
		for _, tree := range trees {
			saysOf(tree.Root, func(text string) { texts[text] = path })
		}
		return nil
	}))
}

// saysOf walks a template for the calls of t.
func saysOf(node parse.Node, found func(string)) {
	switch n := node.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, one := range n.Nodes {
				saysOf(one, found)
			}
		}
	case *parse.ActionNode:
		saysOf(n.Pipe, found)
	case *parse.TemplateNode:
		saysOf(n.Pipe, found)
	case *parse.IfNode:
		branch(&n.BranchNode, found)
	case *parse.RangeNode:
		branch(&n.BranchNode, found)
	case *parse.WithNode:
		branch(&n.BranchNode, found)
	case *parse.PipeNode:
		if n != nil {
			for _, c := range n.Cmds {
				saysOf(c, found)
			}
		}
	case *parse.CommandNode:
		if name, is := n.Args[0].(*parse.IdentifierNode); is && name.Ident == "t" {
			if text, is := n.Args[1].(*parse.StringNode); is {
				found(text.Text)
			}
		}
		for _, a := range n.Args {
			saysOf(a, found)
		}
	}
}

func branch(n *parse.BranchNode, found func(string)) {
	saysOf(n.Pipe, found)
	saysOf(n.List, found)
	saysOf(n.ElseList, found)
}

// sayers are the functions whose text reaches a screen, and which of their arguments it is.
var sayers = map[string]int{"fault.New": 1, "fault.At": 1, "New": 1, "At": 1, "language.Write": 0, "words": 0, "Explain": 2, "alarm": 1, "link": 1, "Say": 0, "language.Word": 0}

// codeTexts finds what the code says: literals in the calls of sayers, and the constants of types of their own over string, which are words of
// the program. What is said on the API alone stays in English.
func codeTexts(t *testing.T, path string, texts map[string]string) {
	if base := filepath.Base(path); filepath.Dir(path) == "." && strings.HasPrefix(base, "api") {
		return
	}
	command := strings.HasPrefix(path, "../cmd/")
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.CallExpr:
			name := calledAs(n.Fun)
			if at, is := sayers[name]; is && len(n.Args) > at && (!command || name == "language.Write") {
				if text, is := literal(n.Args[at]); is {
					texts[text] = path
				}
			}
		case *ast.CompositeLit: // a map of words
			if m, is := n.Type.(*ast.MapType); is && calledAs(m.Value) == "language.Word" {
				for _, e := range n.Elts {
					if text, is := literal(e.(*ast.KeyValueExpr).Value); is {
						texts[text] = path
					}
				}
			}
		case *ast.KeyValueExpr:
			if field := calledAs(n.Key); field == "Words" || field == "Meaning" {
				if text, is := literal(n.Value); is && !command {
					texts[text] = path
				}
			}
		case *ast.ValueSpec:
			if _, own := n.Type.(*ast.Ident); own && !command && calledAs(n.Type) != "string" {
				for _, v := range n.Values {
					if text, is := literal(v); is {
						texts[strings.ReplaceAll(text, "_", " ")] = path
					}
				}
			}
		}
		return true
	})
}

// calledAs names a function as it is called: "fault.New" with its package, a method by its name alone.
func calledAs(fun ast.Expr) string {
	switch f := fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if of, is := f.X.(*ast.Ident); is && (of.Name == "fault" || of.Name == "language") {
			return of.Name + "." + f.Sel.Name
		}
		return f.Sel.Name
	}
	return ""
}

// literal gives the text of a string literal, also of one that is joined by +.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		a, is1 := literal(e.X)
		b, is2 := literal(e.Y)
		return a + b, is1 && is2
	}
	return "", false
}
