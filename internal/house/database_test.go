package house

import (
	"context"
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/pgtest"
)

func TestEveryTableHasAClass(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := pgtest.New(t)
	trail, err := audit.Open(ctx, db.AppDSN)
	require.NoError(t, err)
	defer trail.Close()
	report, err := trail.Verify(ctx)
	require.NoError(t, err)
	require.Empty(t, report.Findings, "a fresh schema must verify: every table is record, evidence or operational, and the trail knows its columns")
}

const looseFunctions = `select n.nspname || '.' || p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
	where n.nspname in ('audit', 'ebr') and p.prosecdef and not exists (select from unnest(p.proconfig) c where c = 'search_path=pg_catalog, pg_temp') order by 1`

func TestDefinerFunctionsPinTheirSearchPath(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rows, err := pgtest.New(t).Super(t).Query(ctx, looseFunctions)
	require.NoError(t, err)
	loose, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Empty(t, loose, "a function that runs with the owner's rights sets search_path = pg_catalog, pg_temp: a temporary table could shadow ours")
}

var startsLikeSQL = regexp.MustCompile(`(?is)^\s*(select|insert\s+into|update\s+[a-z_]+\.|delete\s+from|with\s+[a-z_]+\s+as)\b.*`)

// queries finds every SQL constant of the program: a string constant, or constants joined by +, that begins like a statement.
// A constant that others are joined from is a fragment and is checked as part of them.
func queries(t *testing.T) map[string]string {
	t.Helper()
	type constant struct {
		where string
		value ast.Expr
	}
	rooms := map[string]map[string]constant{}
	for _, s := range sources(t, false) {
		room := strings.TrimSuffix(s.path, baseName(s.path))
		if strings.HasPrefix(room, "migrations/") || strings.HasPrefix(room, "internal/") || tool(strings.TrimSuffix(room, "/")) {
			continue
		}
		if rooms[room] == nil {
			rooms[room] = map[string]constant{}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if decl, ok := n.(*ast.GenDecl); ok && decl.Tok == token.CONST {
				for _, spec := range decl.Specs {
					for i, value := range spec.(*ast.ValueSpec).Values {
						name := spec.(*ast.ValueSpec).Names[i].Name
						rooms[room][name] = constant{s.path + " " + name, value}
					}
				}
			}
			return true
		})
	}
	found := map[string]string{}
	for _, constants := range rooms {
		fragments := map[string]bool{}
		var text func(e ast.Expr) string
		text = func(e ast.Expr) string {
			switch e := e.(type) {
			case *ast.BasicLit:
				if e.Kind == token.STRING {
					s, err := strconv.Unquote(e.Value)
					require.NoError(t, err)
					return s
				}
			case *ast.Ident:
				if c, ok := constants[e.Name]; ok {
					fragments[e.Name] = true
					return text(c.value)
				}
			case *ast.BinaryExpr:
				return text(e.X) + text(e.Y)
			}
			return ""
		}
		whole := map[string]string{}
		for name, c := range constants {
			whole[name] = text(c.value)
		}
		for name, sql := range whole {
			if !fragments[name] && startsLikeSQL.MatchString(sql) {
				found[constants[name].where] = sql
			}
		}
	}
	return found
}

func baseName(path string) string { return path[strings.LastIndex(path, "/")+1:] }

var namedArgument = regexp.MustCompile(`@([a-z_]+)`)

func TestEveryQueryPrepares(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	conn := pgtest.New(t).App(t)
	all := queries(t)
	require.Greater(t, len(all), 10)
	for name, sql := range all {
		args := pgx.NamedArgs{}
		for _, m := range namedArgument.FindAllStringSubmatch(sql, -1) {
			args[m[1]] = nil
		}
		text := sql
		if len(args) > 0 {
			var err error
			text, _, err = args.RewriteQuery(ctx, conn, sql, nil)
			require.NoError(t, err)
		}
		if _, err := conn.Prepare(ctx, name, text); err != nil {
			t.Errorf("%s does not fit the migrated schema or the grants of role app: %v", name, err)
		}
	}
}
