package house

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rungs is the ladder of ARCHITECTURE.md: a package imports only from lower rungs. Packages on one rung do not know each other,
// unless one is a folder inside the other. A package that is not here is not part of the house yet: give it a rung.
var rungs = map[string]float64{
	"internal/language":          -4,
	"internal/fault":             -3,
	"internal/plaintext":         -2,
	"migrations":                 -2,
	"internal/certificate":       -2,
	"internal/durable":           -2,
	"internal/mail":              -2,
	"internal/pades":             -2,
	"internal/postgres":          -1,
	"internal/backup":            -0.5,
	"audit":                      0,
	"audit/merkle":               0.1,
	"audit/checkpoint":           0.2,
	"audit/checkpoint/remote":    0.25,
	"audit/witness":              0.26,
	"audit/checkpoint/keeper":    0.3,
	"audit/bundle":               0.7,
	"signatures/keyring":         0.5,
	"signatures/access":          0.5,
	"signatures/configuration":   0.4, // access asks it how old a password may be
	"signatures/identity":        0.6,
	"signatures":                 1,
	"recipes/formula/ucum":       0.9,
	"recipes/formula/expression": 1.05,
	"recipes/formula":            1,
	"recipes/syntax":             0.9,
	"recipes/procedure":          1.1,
	"recipes/library":            1.1,
	"recipes":                    2,
	"internal/chart":             2.1,
	"ebr/materials":              3,
	"ebr/equipment":              3,
	"ebr/people":                 3,
	"ebr/batch":                  4,
	"ebr/quality":                5,
	"ebr/continuity":             5,
	"ebr/oee":                    5,
	"ebr/capture":                5,
	"ebr/integrations":           5,
	"ebr/report":                 6,
	"ebr/export":                 6.2,
	"validation":                 6.5,
	"web":                        7,
	"cmd/ebr":                    8,

	"signatures/configuration/versions": 1.1,
	"signatures/accounts":               1.5,
}

// tools stand beside the ladder: nothing of the program imports them.
var tools = []string{"internal/house", "internal/pgtest", "internal/browser", "internal/mutants", "internal/manyentries", "internal/crash", "internal/rehearsal", "internal/tamper", "internal/testvault", "internal/testwitness", "web/browser", "signatures/signtest"}

type pkg struct {
	ImportPath, Doc, Dir               string
	Imports, TestImports, XTestImports []string
	GoFiles                            []string
}

func (p pkg) name() string { return strings.TrimPrefix(p.ImportPath, "veribatch/") }

func packages(t *testing.T) (list []pkg) {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "veribatch/...")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	require.NoError(t, err)
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p pkg
		require.NoError(t, d.Decode(&p))
		list = append(list, p)
	}
	require.NotEmpty(t, list)
	return list
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	return dir
}

func tool(name string) bool {
	for _, prefix := range tools {
		if name == prefix || strings.HasPrefix(name, prefix+"/") {
			return true
		}
	}
	return false
}

func TestImportsRunDownTheLadder(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if tool(p.name()) {
			continue
		}
		rung, known := rungs[p.name()]
		if !known {
			t.Errorf("package %s has no rung: say in rungs (and ARCHITECTURE.md) what it may import", p.name())
			continue
		}
		for _, imported := range p.Imports {
			target, ours := strings.CutPrefix(imported, "veribatch/")
			if !ours {
				continue
			}
			if tool(target) {
				t.Errorf("%s imports %s: a tool of the workshop has no place in the program", p.name(), target)
			} else if rungs[target] >= rung {
				t.Errorf("%s (rung %v) imports %s (rung %v): imports run one way, as the master record runs into the batch record; offer a function field instead", p.name(), rung, target, rungs[target])
			}
		}
	}
}

// walls keep an outside package in the few rooms that may know it. The reason is printed when one is broken.
var walls = []struct {
	outside string
	rooms   []string
	why     string
}{
	{"github.com/jackc/pgx/v5/pgxpool", []string{"audit", "migrations", "internal/postgres", "cmd/ebr"}, "records change only through audit.Trail, which holds the only pool"},
	{"database/sql", []string{"migrations", "internal/postgres"}, "only the migration tool speaks database/sql; everything else uses pgx through audit"},
	{"github.com/labstack/echo", []string{"web"}, "the plant does not know about browsers"},
	{"net/http", []string{"web", "cmd/ebr", "audit/checkpoint/remote", "audit/witness", "signatures/keyring"}, "the plant does not know about browsers; the keyring is a client of Vault"},
	{"github.com/prometheus/client_golang", []string{"web", "cmd/ebr"}, "the plant does its work and does not count itself"},
	{"html/template", []string{"web"}, "words on screens are the web package's business"},
	{"github.com/gopcua/opcua", []string{"ebr/capture"}, "one package owns the talk with controllers"},
	{"github.com/go-pdf/fpdf", []string{"ebr/report", "validation"}, "one package owns how a record looks on paper"},
	{"github.com/hashicorp/vault/api", []string{"signatures/keyring", "cmd/ebr"}, "keys are touched in one place"},
	{"github.com/hashicorp/hcl", []string{"recipes/syntax"}, "recipe text is read in one place"},
	{"github.com/casbin/casbin", []string{"signatures/access"}, "rights are decided in one place"},
	{"github.com/pressly/goose", []string{"migrations"}, "the schema changes in one place"},
	{"github.com/danielgtaylor/huma", []string{"web"}, "the API is described where it is served"},
	{"github.com/go-json-experiment/json", []string{"web"}, "strict JSON comes from outside, and the API is the only door for it"},
	{"github.com/wneessen/go-mail", []string{"internal/mail"}, "one package speaks with the server for mail"},
	{"github.com/beevik/ntp", []string{"cmd/ebr"}, "the program alone asks a time server"},
	{"filippo.io/age", []string{"internal/backup"}, "one package wraps the keys of a backup"},
	{"golang.org/x/term", []string{"cmd/ebr"}, "only the program at a terminal asks for a passphrase"},
	{"golang.org/x/mod", []string{"audit/merkle", "audit/checkpoint", "audit/checkpoint/remote", "audit/checkpoint/keeper", "audit/witness", "audit/bundle"}, "what the log's hashes and notes look like is decided in one place"},
	{"crypto/ed25519", []string{"signatures", "signatures/keyring", "audit/checkpoint", "audit/bundle"}, "signing keys are used in one place"},
}

func TestWallsStand(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if tool(p.name()) {
			continue
		}
		for _, imported := range p.Imports {
			for _, wall := range walls {
				if (imported == wall.outside || strings.HasPrefix(imported, wall.outside+"/")) && !contains(wall.rooms, p.name()) {
					t.Errorf("%s imports %s: %s", p.name(), imported, wall.why)
				}
			}
		}
	}
}

func contains(rooms []string, name string) bool {
	for _, room := range rooms {
		if room == name {
			return true
		}
	}
	return false
}

var sentenceEnd = regexp.MustCompile(`[.?](\s|$)`)

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	t.Parallel()
	comments := map[string]string{}
	for _, s := range sources(t, false) {
		comments[filepath.Dir(s.path)] += s.file.Doc.Text()
	}
	for room, comment := range comments {
		if len(sentenceEnd.FindAllString(comment, -1)) < 3 {
			t.Errorf("package %s: its comment must say in three sentences what it owns, what it does not, and where to start reading", room)
		}
	}
}
