package house

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	longestFile     = 400
	longestFunction = 60
)

// source is one parsed Go file of the program; tests are left out unless asked for.
type source struct {
	path  string // from the root
	fset  *token.FileSet
	file  *ast.File
	lines int
}

func sources(t *testing.T, tests bool) (list []source) {
	t.Helper()
	top := root(t)
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == "var" || d.Name() == "evidence") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || (strings.HasSuffix(path, "_test.go") && !tests) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, text, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, path)
		list = append(list, source{rel, fset, file, bytes.Count(text, []byte("\n"))})
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, list)
	return list
}

func TestFilesAndFunctionsFitOnAPage(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t, false) {
		if s.lines > longestFile {
			t.Errorf("%s has %d lines: a file of more than %d holds more than one idea", s.path, s.lines, longestFile)
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1; n > longestFunction {
				t.Errorf("%s: %s has %d lines: more than %d do not fit into one head", s.path, f.Name.Name, n, longestFunction)
			}
		}
	}
}

// gmp are the rooms whose numbers are GMP values.
var gmp = regexp.MustCompile(`^(recipes|ebr|audit)/`)

func TestNumbersOfTheRecordAreExact(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t, false) {
		if !gmp.MatchString(s.path) || strings.HasPrefix(s.path, "ebr/report/") { // the report measures paper in millimetres
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && (id.Name == "float64" || id.Name == "float32" || id.Name == "ParseFloat" || id.Name == "Float") {
				t.Errorf("%s: %s: a GMP value is an exact decimal with a unit", s.fset.Position(id.Pos()), id.Name)
			}
			return true
		})
	}
}

func TestNoTestCanBeSkipped(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t, true) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			if call, ok := n.(*ast.SelectorExpr); ok && (call.Sel.Name == "Skip" || call.Sel.Name == "SkipNow" || call.Sel.Name == "Skipf") {
				if x, ok := call.X.(*ast.Ident); ok && (x.Name == "t" || x.Name == "b" || x.Name == "f") {
					t.Errorf("%s: a test that skips checks nothing", s.fset.Position(call.Pos()))
				}
			}
			return true
		})
	}
}

var (
	eventAttribute = regexp.MustCompile(`(?i)\son[a-z]+\s*=`)
	styleAttribute = regexp.MustCompile(`(?i)\sstyle\s*=`)
	inlineScript   = regexp.MustCompile(`(?i)<script(?:\s[^>]*)?>\s*[^<\s]`)
	styleElement   = regexp.MustCompile(`(?i)<style`)
)

func TestTemplatesObeyTheContentSecurityPolicy(t *testing.T) {
	t.Parallel()
	seen := 0
	err := filepath.WalkDir(filepath.Join(root(t), "web", "templates"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		seen++
		text, err := os.ReadFile(path)
		for name, rule := range map[string]*regexp.Regexp{"an on* attribute": eventAttribute, "a style attribute": styleAttribute, "an inline script": inlineScript, "a style element": styleElement} {
			if at := rule.FindIndex(text); at != nil {
				t.Errorf("%s holds %s (%s): the browser refuses it under our Content-Security-Policy", filepath.Base(path), name, bytes.TrimSpace(text[at[0]:at[1]]))
			}
		}
		return err
	})
	require.NoError(t, err)
	require.Positive(t, seen)
}
