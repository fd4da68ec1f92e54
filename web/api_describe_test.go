package web_test

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/signatures/access"
	"veribatch/web"
)

// screenOnly are acts of pages that only prepare another act, with the reason why a program needs no operation for them.
var screenOnly = map[string]string{
	"GET /recipes/import": "shows the empty form of recipe.import",
}

// Whatever a person can do at a screen, a program can do by the API: every act of the route table has an operation, and every operation an act that
// the policy knows.
func TestEveryActHasAnOperation(t *testing.T) {
	byAct := map[string][]string{}
	seen := map[string]bool{}
	for _, o := range web.Operations() {
		require.True(t, access.Known(o.Act), "%s %s names the act %s, which policy.csv does not know", o.Method, o.Path, o.Act)
		require.False(t, seen[o.Method+o.Path], "%s %s stands twice", o.Method, o.Path)
		seen[o.Method+o.Path] = true
		byAct[o.Act] = append(byAct[o.Act], o.Method)
	}
	for _, r := range web.Routes() {
		if _, ok := screenOnly[r.Method+" "+r.Path]; ok {
			continue
		}
		if _, ok := byAct[r.Act]; !ok {
			t.Errorf("%s %s: the act %s has no operation below /api/v1. Register its command with post, or a read with gives (web/api_read.go)", r.Method, r.Path, r.Act)
			continue
		}
		if r.Method == http.MethodPost && !slices.Contains(byAct[r.Act], http.MethodPost) {
			t.Errorf("POST %s: the act %s can be read by the API and not done. Register its command with post", r.Path, r.Act)
		}
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
			Parameters  []struct{ Name, In string }
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
		require.NotEmpty(t, op.Responses["200"])
		var given []string
		for _, param := range op.Parameters {
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
