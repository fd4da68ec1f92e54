package web_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/signatures/access"
	"veribatch/web"
)

// screenOnly are the addresses of the site that have no operation of their own, with the reason.
var screenOnly = map[string]string{
	"GET /login":                              "shows the form of session.open, and a program opens its session with POST /session/open",
	"GET /first":                              "shows the form of the first administrator; the operation is POST /first",
	"GET /session/password":                   "shows the form of password.change; the operation is POST /session/password",
	"GET /recipes/import":                     "shows the form of recipe.import; the operation is POST /recipes",
	"GET /recipes/:version/chart":             "a drawing of the procedure for people; a program reads the text that it is drawn from",
	"GET /recipes/:version/text":              "the text as a file for people; GET /recipes/{version} gives it to programs",
	"GET /blocks/:block/effect/:version/text": "the text as a file for people; GET /blocks/{block}/effect/{version} gives it to programs",
	"GET /enrol":                              "a person opens the one-time link in a browser: it is a secret, and no program shall have it",
	"POST /enrol":                             "the owner alone types the first password; a program that sent it would know it",
	"GET /trail/entries.csv":                  "a selection of the trail as a table to open elsewhere; programs read the entries of a stream with their proofs",
	"GET /trail/entries.jsonl":                "a selection of the trail with its proofs as a file; programs read the entries of a stream with their proofs",
	"GET /trail/sample":                       "a sample that a person draws for a review; who checks it draws it again from the checkpoint (docs/auditor.md)",
}

// elsewhere are the addresses of the site whose operation stands at another address.
var elsewhere = map[string]string{"POST /login": "POST /session/open", "GET /": "GET /batches"}

// Whatever a person can read or do at a screen, a program can read or do by the API: every address of the site has an operation with the same method and
// act, and every operation an act that the policy knows.
func TestEveryAddressHasAnOperation(t *testing.T) {
	acts := map[string]string{}
	for _, o := range web.Operations() {
		require.True(t, access.Known(o.Act), "%s %s names the act %s, which policy.csv does not know", o.Method, o.Path, o.Act)
		at := o.Method + " " + strings.TrimPrefix(o.Path, "/api/v1")
		require.NotContains(t, acts, at, "it stands twice")
		acts[at] = o.Act
	}
	unused := maps.Clone(screenOnly)
	for _, r := range web.Routes() {
		at := r.Method + " " + r.Path
		if screenOnly[at] != "" {
			delete(unused, at)
			continue
		}
		if other := elsewhere[at]; other != "" {
			at = other
		}
		act, ok := acts[at]
		if !ok {
			t.Errorf("%s %s has no operation %s below /api/v1. Register its command with post or its read with gives (web/api_read.go), or name it in screenOnly with the reason",
				r.Method, r.Path, at)
		} else if act != r.Act {
			t.Errorf("%s %s is the act %s, and its operation %s is %s", r.Method, r.Path, r.Act, at, act)
		}
	}
	require.Empty(t, unused, "screenOnly names an address that the site does not have")
	for at := range screenOnly {
		require.NotContains(t, acts, at, "it has an operation: take it out of screenOnly")
	}
}

var reference = regexp.MustCompile(`"\$ref":"#/components/schemas/([^"]+)"`)

// The description is OpenAPI 3.1 that says what the program does: every operation with its parameters, every reference leading somewhere.
func TestDescriptionOfTheAPI(t *testing.T) {
	p := newPlant(t, time.Minute)
	c := &client{t: t, base: p.server.URL}
	raw := c.get("/openapi.json")
	require.Equal(t, 200, raw.status)
	if place := os.Getenv("VERIBATCH_OPENAPI"); place != "" { // for a validator from outside
		require.NoError(t, os.WriteFile(place, []byte(raw.raw), 0o600))
	}
	var doc struct {
		OpenAPI    string `json:"openapi"`
		Components struct {
			Schemas map[string]any `json:"schemas"`
		} `json:"components"`
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Parameters  []struct{ Name, In, Description string }
			RequestBody *struct {
				Content map[string]struct{ Schema map[string]any }
			}
			Responses map[string]any
		}
	}
	require.NoError(t, json.Unmarshal([]byte(raw.raw), &doc))
	require.Equal(t, "3.1.0", doc.OpenAPI)
	ids := map[string]bool{}
	for _, o := range web.Operations() {
		var names []string
		path := regexp.MustCompile(`:(\w+)`).ReplaceAllStringFunc(o.Path, func(name string) string {
			names = append(names, name[1:])
			return "{" + name[1:] + "}"
		})
		op, ok := doc.Paths[path][strings.ToLower(o.Method)]
		require.True(t, ok, "%s %s is not described", o.Method, path)
		require.False(t, ids[op.OperationID], op.OperationID)
		ids[op.OperationID] = true
		require.True(t, op.Responses["200"] != nil || op.Responses["201"] != nil, path)
		var given []string
		for _, param := range op.Parameters {
			require.NotEmpty(t, param.Description, "%s %s: nothing says what the parameter %s is. Give it a tag doc, or a line in fieldWords (web/api_words.go)", o.Method, path, param.Name)
			if param.In == "path" {
				given = append(given, param.Name)
			}
		}
		require.ElementsMatch(t, names, given, path)
		if o.Method != http.MethodPost {
			continue
		}
		schema := op.RequestBody.Content["application/json"].Schema
		require.Equal(t, false, schema["additionalProperties"], "%s: what is not described is refused", path)
		fields, _ := schema["properties"].(map[string]any)
		for name, field := range fields {
			said, _ := field.(map[string]any)
			require.NotEmpty(t, said["description"], "%s %s: nothing says what the field %s is. Give it a tag doc with meaning, unit, form and limits, or a line in fieldWords (web/api_words.go)",
				o.Method, path, name)
		}
		for _, name := range names {
			require.NotContains(t, fields, name, "%s: what stands in the address does not stand in the body", path)
		}
	}
	for _, found := range reference.FindAllStringSubmatch(raw.raw, -1) {
		require.Contains(t, doc.Components.Schemas, found[1])
	}
	yaml := c.get("/openapi.yaml")
	require.Equal(t, 200, yaml.status)
	require.Contains(t, yaml.raw, "openapi: 3.1.0")
	v := newVisitor(t, p.server)
	v.open("/api/v1/")
	require.Equal(t, 200, v.at.status)
	require.Contains(t, v.at.text, "POST /api/v1/batches/{batch}/issue")
	require.Contains(t, v.at.text, "signature-required")
}
